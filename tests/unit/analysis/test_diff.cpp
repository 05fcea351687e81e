// SPDX-License-Identifier: Apache-2.0
// diff of files: pairing, what is told, what counts. The interop tests compare real models across formats.
#include <doctest/doctest.h>

#include <filesystem>

#include "analysis/metadata.h"
#include "ballast/convert.h"
#include "ballast/diff.h"
#include "ballast/registry.h"
#include "container/json/json.h"
#include "support/expect_error.h"
#include "support/model_builder.h"
#include "support/sample.h"
#include "support/save_in_memory.h"

using namespace ballast;
using Kind = TensorChange::Kind;

namespace {

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";

Location saved(std::vector<TensorExpr> values, const Tree& metadata = {}) {
    Model model = test::loose_model(std::move(values));
    model.metadata = metadata;
    return test::save_in_memory(Registry::builtin().find("safetensors"), model, "a.safetensors");
}

TensorExpr named(std::string name, const std::vector<float>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return test::inline_tensor(DType::float32, Shape{values.size()}, {bytes.begin(), bytes.end()},
                               std::move(name));
}

/// "kind a -> b" of every change.
std::vector<std::string> changes(const Diff& found) {
    std::vector<std::string> list;
    for (const TensorChange& change : found.tensors)
        list.push_back(std::string(to_string(change.kind)) + " " + change.name_a + "|" + change.name_b);
    return list;
}

using Changes = std::vector<std::string>;

Location converted(const std::filesystem::path& source, const std::string& name,
                   ConvertOptions options = {}) {
    const Location target{io::memory(), name, Location::Kind::file};
    convert(Location::for_reading(source), target, options);
    return target;
}

}  // namespace

TEST_CASE("equal files are the same, and every kind of change is told") {
    const auto a =
        saved({named("x", {1, 2}), named("y", {3}), named("gone", {4, 5, 6}), named("s", {1, 2, 3, 4})});
    CHECK(diff(a, a).same());
    CHECK(diff(a, a).pairs == 4);
    CHECK(diff(a, a).bytes == 40);
    const auto b =
        saved({named("x", {1, 2.5F}), named("y", {3}), named("new", {9, 9}), named("s", {1, 2, 3})});
    const Diff found = diff(a, b);
    CHECK_FALSE(found.same());
    CHECK(changes(found) == Changes{"only_in_a gone|", "only_in_b |new", "shape s|s", "values x|x"});
    CHECK(found.pairs == 3);
    CHECK(found.same_pairs == 1);
    const TensorChange& values = found.tensors.back();
    CHECK(values.elements == 2);
    CHECK(values.different == 1);
    CHECK(values.largest == 0.5);
}

TEST_CASE("equal contents under another name are a rename, where it is clear which") {
    const auto a = saved({named("old", {1, 2}), named("twin1", {7}), named("twin2", {7}), named("z", {0})});
    const auto b = saved({named("new", {1, 2}), named("twin3", {7}), named("z", {0})});
    const Diff found = diff(a, b);
    CHECK(changes(found) ==
          Changes{"only_in_a twin1|", "only_in_a twin2|", "only_in_b |twin3", "renamed old|new"});
    CHECK_FALSE(found.same());
}

TEST_CASE("a tolerance takes near values for equal, in any floating-point type") {
    const auto a = saved({named("x", {1, 2})});
    const auto near = saved({named("x", {1.001F, 2})});
    DiffOptions options;
    CHECK_FALSE(diff(a, near, options).same());
    options.tolerance = 0.01;
    CHECK(diff(a, near, options).same());
    const TensorExpr half = TensorExpr::cast(named("x", {1, 2}), DType::float16);
    Model model;
    model.loose.push_back({"x", half, Part::loose});
    const auto narrow = test::save_in_memory(Registry::builtin().find("safetensors"), model, "a.safetensors");
    const Diff found = diff(a, narrow, options);
    CHECK(found.same());
    CHECK(changes(found) == Changes{"dtype x|x"});
    CHECK_FALSE(found.tensors[0].counts);
    options.tolerance.reset();
    CHECK_FALSE(diff(a, narrow, options).same());
}

TEST_CASE("globs choose; one that matches nowhere is an error") {
    const auto a = saved({named("x/1", {1}), named("y/1", {2})}),
               b = saved({named("x/1", {1}), named("y/1", {3})});
    DiffOptions options;
    options.include = {"x/*"};
    CHECK(diff(a, b, options).same());
    options.include = {"x/*", "z"};
    CHECK(test::code_of([&] { diff(a, b, options); }) == ErrorCode::name_not_found);
}

TEST_CASE("one model in three formats is the same") {
    const auto v3 = golden / "keras-3.15.1-dense.weights.h5";
    const Location named_tensors = converted(v3, "a.safetensors");
    ConvertOptions options;
    options.config = golden / "keras-3.15.1-dense.json";
    const Location legacy = converted(v3, "a.h5", options);
    const Location source = Location::for_reading(v3);
    for (const Location& one : {source, named_tensors, legacy})
        for (const Location& other : {source, named_tensors, legacy})
            CHECK(diff(one, other).same());
    CHECK(diff(source, legacy).pairs == 4);
}

TEST_CASE("a config in one file names the other's layers") {
    const auto whole = golden / "tf_keras-2.21.0-whole-bidirectional.h5";
    ConvertOptions options;
    options.save.include_optimizer = false;
    const Location v3 = converted(whole, "a.weights.h5", options);
    DiffOptions weights;
    weights.weights_only = true;
    const Diff found = diff(Location::for_reading(whole), v3, weights);
    CHECK(found.same());
    CHECK(found.pairs > 0);
    REQUIRE(found.notes.size() == 1);
    CHECK(found.notes[0].find("named by the config") != std::string::npos);
}

TEST_CASE("optimizer state counts unless weights alone are asked for") {
    const auto whole = golden / "tf_keras-2.21.0-whole-compiled.h5";
    ConvertOptions without;
    without.save.include_optimizer = false;
    const Location bare = converted(whole, "a.weights.h5", without);
    const Diff found = diff(Location::for_reading(whole), bare);
    CHECK_FALSE(found.same());
    CHECK(found.tensors.size() == 5);
    DiffOptions options;
    options.weights_only = true;
    CHECK(diff(Location::for_reading(whole), bare, options).same());
}

TEST_CASE("metadata: user keys of one format count, other things are told") {
    const Tree one = json::parse(R"({"run": "7", "note": "a"})", {}, "test");
    const Tree other = json::parse(R"({"run": "8", "note": "a"})", {}, "test");
    const Diff found = diff(saved({named("x", {1})}, one), saved({named("x", {1})}, other));
    REQUIRE(found.metadata.size() == 1);
    CHECK(found.metadata[0].key == "metadata.run");
    CHECK(found.metadata[0].a == "\"7\"");
    CHECK_FALSE(found.same());
    const auto v3 = golden / "keras-3.15.1-dense.weights.h5";
    const Diff crossing = diff(Location::for_reading(v3), converted(v3, "a.safetensors"));
    CHECK(crossing.same());
    CHECK(crossing.metadata[0].key == "format");
    CHECK_FALSE(crossing.metadata[0].counts);
}

TEST_CASE("configs are compared node by node") {
    const Tree a = json::parse(R"({"layers": [{"units": 3, "name": "d"}, {"rate": 1}], "x": 1})", {}, "a");
    const Tree b =
        json::parse(R"({"layers": [{"units": 4, "name": "d"}, {"rate": 1}], "y": [1, 2]})", {}, "b");
    std::vector<MetadataChange> found;
    tree_changes("config", a, b, true, 10, found);
    REQUIRE(found.size() == 3);
    CHECK(found[0].key == "config.layers[0].units");
    CHECK(found[0].a == "3");
    CHECK(found[0].b == "4");
    CHECK(found[1].key == "config.x");
    CHECK(found[1].b.empty());
    CHECK(found[2].key == "config.y");
    CHECK(found[2].b == "[1, 2]");
    found.clear();
    tree_changes("config", a, b, true, 2, found);
    CHECK(found.size() == 2);
}

TEST_CASE("JSON carries the schema and both sides") {
    const Diff found = diff(saved({named("x", {1, 2})}), saved({named("x", {1, 3})}));
    const Tree tree = found.to_tree();
    CHECK(tree["schema"].as_int64() == 1);
    CHECK(tree["same"].as_bool() == false);
    const Tree& change = tree["tensors"].at(0);
    CHECK(change["kind"].as_string() == "values");
    CHECK(change["a"]["name"].as_string() == "x");
    CHECK(change["different"].as_int64() == 1);
    CHECK(change["largest"].as_double() == 1.0);
}

TEST_CASE("large tensors are compared in blocks on any number of threads") {
    std::vector<float> values(900000, 0.25F);
    const auto a = saved({named("x", values)});
    values[10] = 0.5F;
    values[899999] = 1.25F;
    const auto b = saved({named("x", values)});
    for (const unsigned threads : {1U, 3U}) {
        DiffOptions options;
        options.threads = threads;
        const Diff found = diff(a, b, options);
        CHECK(found.tensors[0].different == 2);
        CHECK(found.tensors[0].largest == 1.0);
    }
    DiffOptions options;
    options.cancel = [] { return true; };
    CHECK(test::code_of([&] { diff(a, b, options); }) == ErrorCode::cancelled);
}
