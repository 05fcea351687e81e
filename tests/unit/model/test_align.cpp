// SPDX-License-Identifier: Apache-2.0
// Filling a template: which tensor goes where, what is refused, and what a map does to names.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ballast/align.h"
#include "model/map_rules.h"
#include "support/expect_error.h"
#include "support/model_builder.h"

using namespace ballast;
using test::tensor;

namespace {

struct Made {
    std::string layer;
    std::vector<std::pair<std::string, Shape>> weights;
};

/// A model of named layers below the root; values come from the file `file`, so that they can be told apart.
Model model_of(const std::string& file, const std::vector<Made>& layers, bool with_values = true) {
    Model model;
    model.layers.resize(layers.size() + 1);
    for (LayerId id = 1; id <= layers.size(); ++id) {
        const Made& made = layers[id - 1];
        model.layers[0].edges.push_back({Edge::Kind::container, "", id});
        model.layers[id].name = made.layer;
        for (const auto& [role, shape] : made.weights) {
            Weight weight;
            weight.role = role;
            if (with_values)
                weight.value = tensor(file + ":" + made.layer + "/" + role, DType::float32, shape);
            model.layers[id].weights.push_back(std::move(weight));
        }
    }
    return model;
}

std::vector<std::string> values_of(const Model& model) {
    std::vector<std::string> names;
    for (const Layer& layer : model.layers) {
        for (const Weight& weight : layer.weights)
            names.push_back(weight.value.empty() ? "" : weight.value.source()->stored_name);
    }
    for (const LooseTensor& loose : model.loose)
        names.push_back(loose.value.empty() ? "" : loose.value.source()->stored_name);
    return names;
}

using Names = std::vector<std::string>;

Names aligned(const Model& source, const Model& target, const AlignOptions& options = {}) {
    Report report;
    return values_of(align(source, target, options, report));
}

Made dense(std::string name, std::uint64_t in, std::uint64_t out) {
    return {std::move(name), {{"kernel", {in, out}}, {"bias", {out}}}};
}

AlignOptions by(MatchBy match) {
    AlignOptions options;
    options.match = match;
    return options;
}

}  // namespace

TEST_CASE("equal names find each other whatever the order") {
    const Model source = model_of("s", {dense("b", 4, 4), dense("a", 4, 4)});
    const Model target = model_of("t", {dense("a", 4, 4), dense("b", 4, 4)});
    CHECK(aligned(source, target) == Names{"s:a/kernel", "s:a/bias", "s:b/kernel", "s:b/bias"});
}

TEST_CASE("roles known on one side alone go by position") {
    const Model source = model_of("s", {{"a", {{"0", {4, 2}}, {"1", {2}}}}});
    const Model target = model_of("t", {dense("a", 4, 2)});
    CHECK(aligned(source, target) == Names{"s:a/0", "s:a/1"});
}

TEST_CASE("a skeleton without values takes what its names say") {
    const Model source = model_of("s", {dense("a", 4, 2)});
    const Model target = model_of("t", {{"none", {}}, dense("a", 1, 1)}, false);
    CHECK(aligned(source, target) == Names{"s:a/kernel", "s:a/bias"});
}

TEST_CASE("a layer that moved is found by its own name") {
    Model target = model_of("t", {dense("x", 4, 2)});
    target.layers.push_back({});  // a model around it
    target.layers[2].name = "outer";
    target.layers[2].edges = target.layers[0].edges;
    target.layers[0].edges = {{Edge::Kind::container, "", 2}};
    const Model source = model_of("s", {dense("x", 4, 2)});
    CHECK(aligned(source, target) == Names{"s:x/kernel", "s:x/bias"});
    CHECK(aligned(source, target, by(MatchBy::name)) == Names{"s:x/kernel", "s:x/bias"});
    CHECK(test::code_of([&] { aligned(source, target, by(MatchBy::path)); }) == ErrorCode::ambiguous_mapping);
}

TEST_CASE("shapes decide where only one assignment fits, and it is said") {
    const Model source = model_of("s", {dense("p", 4, 2), dense("q", 2, 3)});
    const Model target = model_of("t", {dense("x", 2, 3), dense("y", 4, 2)});
    Report report;
    CHECK(values_of(align(source, target, {}, report)) ==
          Names{"s:q/kernel", "s:q/bias", "s:p/kernel", "s:p/bias"});
    CHECK(report.count(ReportEntry::Kind::warning) == 2);
}

TEST_CASE("layers of equal shape and strange names stop; the user decides") {
    const Model source = model_of("s", {dense("p", 4, 4), dense("q", 4, 4)});
    const Model target = model_of("t", {dense("x", 4, 4), dense("y", 4, 4)});
    CHECK(test::code_of([&] { aligned(source, target); }) == ErrorCode::ambiguous_mapping);
    CHECK(aligned(source, target, by(MatchBy::order)) ==
          Names{"s:p/kernel", "s:p/bias", "s:q/kernel", "s:q/bias"});
    AlignOptions mapped;
    mapped.map = {{"s:q/*", "x/$1"}, {"p/*", "y/$1"}};
    CHECK(aligned(source, target, mapped) == Names{"s:q/kernel", "s:q/bias", "s:p/kernel", "s:p/bias"});
}

TEST_CASE("an order that puts a scale where a mean belongs is none") {
    const Shape shape{4};
    const Made trained_first{"a", {{"gamma", shape}, {"x/moving_mean", shape}}};
    const Made other{"b", {{"moving_mean", shape}, {"gamma", shape}}};
    const Made unknown{"c", {{"0", shape}, {"1", shape}}};
    const Model source = model_of("s", {trained_first});
    CHECK(test::code_of([&] { aligned(source, model_of("t", {other}), by(MatchBy::order)); }) ==
          ErrorCode::ambiguous_mapping);
    CHECK(aligned(source, model_of("t", {trained_first}), by(MatchBy::order)) ==
          Names{"s:a/gamma", "s:a/x/moving_mean"});
    CHECK(aligned(source, model_of("t", {unknown}), by(MatchBy::order)) ==
          Names{"s:a/gamma", "s:a/x/moving_mean"});
}

TEST_CASE("two layers of one name are ambiguous") {
    Model source = model_of("s", {dense("a", 4, 4), dense("a", 4, 4)});
    const Model target = model_of("t", {{"m", {{"kernel", {1}}}}, dense("a", 4, 4)});
    CHECK(test::code_of([&] { aligned(source, target, by(MatchBy::name)); }) == ErrorCode::ambiguous_mapping);
}

TEST_CASE("a shape that does not fit names the tensor; skipping keeps the template's layer whole") {
    const Model source = model_of("s", {dense("a", 4, 3), dense("b", 3, 2)});
    const Model target = model_of("t", {dense("a", 4, 5), dense("b", 3, 2)});
    CHECK(test::code_of([&] { aligned(source, target); }) == ErrorCode::shape_mismatch);
    AlignOptions skip;
    skip.skip_mismatch = true;
    Report report;
    CHECK(values_of(align(source, target, skip, report)) ==
          Names{"t:a/kernel", "t:a/bias", "s:b/kernel", "s:b/bias"});
    CHECK(report.count(ReportEntry::Kind::missing) == 2);
    CHECK(report.count(ReportEntry::Kind::dropped) == 2);
    CHECK_FALSE(report.has_loss());
}

TEST_CASE("what has no place is a loss, what has no value an error") {
    const Model one = model_of("s", {dense("a", 4, 2)});
    const Model two = model_of("t", {dense("a", 4, 2), dense("b", 3, 3)});
    CHECK(test::code_of([&] { aligned(one, two); }) == ErrorCode::ambiguous_mapping);
    Report report;
    align(two, one, {}, report);
    CHECK(report.count(ReportEntry::Kind::dropped) == 2);
    CHECK(report.has_loss());
}

TEST_CASE("a rule must lead somewhere, and only one tensor to each place") {
    const Model source = model_of("s", {dense("p", 4, 4)});
    const Model target = model_of("t", {dense("x", 4, 4)});
    AlignOptions nowhere;
    nowhere.map = {{"p/*", "z/$1"}};
    CHECK(test::code_of([&] { aligned(source, target, nowhere); }) == ErrorCode::name_not_found);
    AlignOptions twice;
    twice.map = {{"p/*", "x/bias"}};
    CHECK(test::code_of([&] { aligned(source, target, twice); }) == ErrorCode::ambiguous_mapping);
}

TEST_CASE("loose tensors fill layers by their names") {
    const Model source = test::loose_model(
        {tensor("a/bias", DType::float32, {2}), tensor("a/kernel", DType::float32, {4, 2})});
    const Model target = model_of("t", {dense("a", 4, 2)});
    CHECK(aligned(source, target) == Names{"a/kernel", "a/bias"});
}

TEST_CASE("optimizer state follows only when the weights stand as they stood") {
    Model source = model_of("s", {dense("a", 4, 4), dense("b", 4, 4)});
    source.optimizer.emplace();
    source.optimizer->variables.push_back({tensor("iteration", DType::int64, {}), "0", "", ""});
    const Model same = model_of("t", {dense("a", 4, 4), dense("b", 4, 4)});
    const Model turned = model_of("t", {dense("b", 4, 4), dense("a", 4, 4)});
    Report report;
    CHECK(align(source, same, {}, report).optimizer.has_value());
    CHECK_FALSE(align(source, turned, {}, report).optimizer.has_value());
    CHECK(report.count(ReportEntry::Kind::dropped) == 1);
}

TEST_CASE("stars capture, the shortest that fits") {
    const auto apply = [](std::string from, std::string to, std::string_view name) {
        return apply_rule({std::move(from), std::move(to)}, name).value_or("-");
    };
    CHECK(apply("a/b", "c", "a/b") == "c");
    CHECK(apply("a/b", "c", "a/bc") == "-");
    CHECK(apply("*/w", "$1/kernel", "x/y/w") == "x/y/kernel");
    CHECK(apply("l*.*", "d_$1/$2", "l12.weight") == "d_12/weight");
    CHECK(apply("*_*", "$2-$1", "a_b_c") == "b_c-a");
    CHECK(apply("*", "$1$1", "") == "");
    CHECK(apply("ab*ba", "$1", "aba") == "-");
    CHECK(apply("*", "$1 costs $ and $x", "it") == "it costs $ and $x");
}

TEST_CASE("a map's lines are checked") {
    const auto rules = parse_map("# names\n\n a/* -> b/$1 \r\nc->d\n", "names.txt");
    REQUIRE(rules.size() == 2);
    CHECK(rules[0].from == "a/*");
    CHECK(rules[0].to == "b/$1");
    CHECK(rules[1].from == "c");
    for (const char* bad : {"a b", "-> b", "a ->", "a -> $1", "a* -> $2", "********** -> x"})
        CHECK(test::code_of([&] { parse_map(bad, "names.txt"); }) == ErrorCode::invalid_argument);
}

TEST_CASE("a map alone renames loose tensors") {
    Report report;
    const Model model = model_of("s", {dense("a", 4, 2)});
    const Model renamed = renamed_tensors(model, {{"a/kernel", "fc.weight"}}, report);
    REQUIRE(renamed.loose.size() == 2);
    CHECK(renamed.loose[0].name == "fc.weight");
    CHECK(renamed.loose[1].name == "a/bias");
    CHECK(test::code_of([&] {
              renamed_tensors(model, {{"*", "x"}}, report);
          }) == ErrorCode::ambiguous_mapping);
}
