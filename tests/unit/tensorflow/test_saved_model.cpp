// SPDX-License-Identifier: Apache-2.0
// Writing SavedModel folders: what is refused, what is in them, what stays when values change. The judges of
// the content are tf_keras and TensorFlow, in tests/interop.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "ballast/convert.h"
#include "ballast/edit.h"
#include "container/json/json.h"
#include "container/proto/saved_model.h"
#include "support/expect_error.h"
#include "support/scratch.h"

using namespace ballast;
using test::code_of;
namespace fs = std::filesystem;

namespace {

const fs::path golden = fs::path(BALLAST_TEST_DATA) / "golden" / "tf_keras-2.21.0-saved-dense";

ConvertOptions to_saved_model(Overwrite overwrite = Overwrite::refuse) {
    ConvertOptions options;
    options.to = "saved_model";
    options.write.overwrite = overwrite;
    options.write.durable = false;
    return options;
}

/// Names and bytes of all files below a folder, but the variables.
std::map<std::string, std::string> others(const fs::path& folder) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().lexically_relative(folder).string();
        if (entry.is_regular_file() && !name.starts_with("variables/"))
            found.emplace(name, test::read_file(entry.path()));
    }
    return found;
}

std::vector<std::string> names_of(const fs::path& path) {
    std::vector<std::string> names;
    const auto archive = open(path);
    for (const TensorInfo& tensor : archive->index().tensors())
        names.push_back(tensor.name);
    std::ranges::sort(names);
    return names;
}

}  // namespace

TEST_CASE("a SavedModel made of another is a copy with a checkpoint of its own") {
    const test::Scratch scratch;
    convert(golden, scratch / "out", to_saved_model());
    CHECK(others(scratch / "out") == others(golden));
    CHECK(names_of(scratch / "out") == names_of(golden));
    CHECK(code_of([&] { convert(golden, scratch / "out", to_saved_model()); }) == ErrorCode::exists);
    convert(scratch / "out", scratch / "out", to_saved_model(Overwrite::allow));
    CHECK(others(scratch / "out") == others(golden));
    CHECK(scratch.names() == std::vector<std::string>{"out"});
}

TEST_CASE("a SavedModel of a config tells its architecture") {
    const test::Scratch scratch;
    ConvertOptions options = to_saved_model();
    options.save.flavor = "tf_keras";
    options.save.include_optimizer = false;
    convert(golden, scratch / "out", options);
    const auto made = open(scratch / "out"), origin = open(golden);
    CHECK(made->kind() == "model");
    CHECK(made->model().config == origin->model().config);
    CHECK(made->model().training_config == origin->model().training_config);
    CHECK_FALSE(made->model().optimizer);
    const auto users =
        proto::read_keras_metadata(test::read_file(scratch / "out" / "keras_metadata.pb"), Limits());
    REQUIRE(users.size() > 2);
    // tf_keras loads in this order: the wrapper makes all that follows.
    CHECK(json::parse(users[0].metadata, {}, "test")["class_name"].as_string() == "Wrapper");
    CHECK(users[1].node == 0);
    const auto graph = proto::read_saved_model(test::read_file(scratch / "out" / "saved_model.pb"), Limits());
    CHECK(graph.schema == 1);
    CHECK(graph.tags == std::vector<std::string>{"serve"});
    CHECK(graph.functions == 0);
    CHECK(graph.variables == names_of(scratch / "out").size());
}

TEST_CASE("folders that hold other things are not replaced") {
    const test::Scratch scratch;
    convert(golden, scratch / "out", to_saved_model());
    test::write_file(scratch / "out" / "notes.txt", "mine");
    const Error error =
        test::error_of([&] { convert(golden, scratch / "out", to_saved_model(Overwrite::allow)); });
    CHECK(error.code() == ErrorCode::exists);
    CHECK(error.message().find("notes.txt") != std::string::npos);
    CHECK(test::read_file(scratch / "out" / "notes.txt") == "mine");
}

TEST_CASE("what only TensorFlow can make is unsupported") {
    const test::Scratch scratch;
    convert(golden, scratch / "w.safetensors", [] {
        ConvertOptions options;
        options.write.durable = false;
        return options;
    }());
    ConvertOptions traced = to_saved_model();
    traced.save.flavor = "traced";
    CHECK(code_of([&] { convert(scratch / "w.safetensors", scratch / "out", traced); }) ==
          ErrorCode::unsupported);
    traced = to_saved_model();
    traced.save.include_optimizer = false;
    CHECK(code_of([&] { convert(golden, scratch / "out", traced); }) == ErrorCode::unsupported);
    CHECK(scratch.names() == std::vector<std::string>{"w.safetensors"});
}

TEST_CASE("values of a SavedModel can be set, its tensors neither renamed nor deleted") {
    const test::Scratch scratch;
    convert(golden, scratch / "out", to_saved_model());
    const auto before = names_of(scratch / "out");
    EditOptions options;
    options.write.overwrite = Overwrite::allow;
    options.write.durable = false;
    const auto apply = [&](const Edit& edit) {
        ballast::edit(scratch / "out", scratch / "out", std::span(&edit, 1), options);
    };
    CHECK(code_of([&] { apply(Edit::remove("head/*")); }) == ErrorCode::unsupported);
    CHECK(code_of([&] { apply(Edit::rename("head/bias", "offset")); }) == ErrorCode::unsupported);
    CHECK(names_of(scratch / "out") == before);
    const auto archive = open(golden);
    const std::size_t kernel = archive->index().find("head/kernel");
    CHECK(code_of([&] { apply(Edit::set("head/bias", TensorExpr(archive->index().ref(kernel)))); }) ==
          ErrorCode::shape_mismatch);
    apply(Edit::set("head/kernel", TensorExpr::square(TensorExpr(archive->index().ref(kernel)))));
    const auto old = archive->get<float>("head/kernel");
    const auto edited = open(scratch / "out")->get<float>("head/kernel");
    REQUIRE(old.size() == edited.size());
    bool changed = false;
    for (std::size_t i = 0; i < old.size(); ++i) {
        CHECK(edited[i] == old[i] * old[i]);
        changed = changed || edited[i] != old[i];
    }
    CHECK(changed);
    CHECK(names_of(scratch / "out") == before);
    CHECK(others(scratch / "out") == others(golden));
}

TEST_CASE("values of other shapes and types are refused") {
    const test::Scratch scratch;
    ConvertOptions half = to_saved_model();
    half.dtype = DType::float16;
    CHECK(code_of([&] { convert(golden, scratch / "out", half); }) == ErrorCode::dtype_mismatch);
    CHECK(scratch.names().empty());
}
