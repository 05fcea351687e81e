// SPDX-License-Identifier: Apache-2.0
// A Model survives its way through metadata; hostile metadata gives errors and nothing else.
#include <functional>

#include <doctest/doctest.h>

#include "container/json/json.h"
#include "model/model_tensors.h"
#include "model/model_tree.h"
#include "support/expect_error.h"
#include "support/model_builder.h"

using namespace ballast;

namespace {

/// What a format would have stored: the model's tensors, called as in the list.
std::shared_ptr<const Index> stored_index(const Model& model) {
    std::vector<TensorInfo> tensors;
    for (const ModelTensor& tensor : model_tensors(model)) {
        tensors.push_back(*tensor.value->source());
        tensors.back().stored_name = tensor.name;
    }
    return Index::make(std::move(tensors));
}

std::vector<std::string> names_of(const Model& model) {
    std::vector<std::string> names;
    for (const ModelTensor& tensor : model_tensors(model))
        names.push_back(tensor.name);
    return names;
}

Tree tree_of(const Model& model, const std::vector<std::string>& names) {
    return json::parse(model_to_json(model, names), {}, "the model");
}

Tree tree_of(const Model& model) {
    return tree_of(model, names_of(model));
}

/// Every node of a tree, parents first.
void walk(Tree& tree, const std::function<void(Tree&)>& visit) {
    visit(tree);
    if (tree.is_array()) {
        for (Tree& item : tree.mutable_items())
            walk(item, visit);
    } else if (tree.is_object()) {
        for (auto& member : tree.mutable_members())
            walk(member.second, visit);
    }
}

}  // namespace

TEST_CASE("every part of a model comes back") {
    const Model model = test::full_model();
    const Tree tree = tree_of(model);
    const auto index = stored_index(model);
    const Model back = model_from_tree(json::parse(json::write(tree), {}, "t"), *index);
    CHECK(tree_of(back) == tree);

    REQUIRE(back.layers.size() == model.layers.size());
    CHECK(back.layers[6].name == "\xff\xfe");
    CHECK(back.layers[1].trainable == false);
    CHECK(back.layers[1].weights[1].aliases == std::vector<std::string>{"twin/1"});
    CHECK(back.layers[0].save_order == model.layers[0].save_order);
    CHECK(back.layers[5].edges[1].kind == Edge::Kind::index);
    CHECK(back.layers[4].weights[1].value.empty());
    CHECK(back.config == model.config);
    CHECK(back.training_config == model.training_config);
    REQUIRE(back.optimizer.has_value());
    CHECK(back.optimizer->variables[1].of_weight == "dense/kernel");
    CHECK(back.loose[0].part == Part::metric);
    const auto before = model_tensors(model), after = model_tensors(back);
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
        CHECK(after[i].name == before[i].name);
        CHECK(test::inline_bytes(*after[i].value) == test::inline_bytes(*before[i].value));
    }
}

TEST_CASE("an empty model is a short tree") {
    CHECK(model_to_json(Model(), {}) == R"({"schema": 1, "tensors": [], "producer": {}})");
    CHECK(model_from_tree(tree_of(Model(), {}), *Index::make({})).layers.empty());
}

TEST_CASE("names of model tensors are canonical, unique and in model order") {
    Model model = test::full_model();
    model.loose.push_back({"metrics/0", test::tensor("x", DType::uint8, {1}), Part::metric});
    const std::vector<std::string> names = names_of(model);
    CHECK(names.front() == "dense \xc3\xa9%2Fx/kernel");
    CHECK(names.back() == "metrics/0#2");
    CHECK(std::find(names.begin(), names.end(), "optimizer/m/dense/kernel") != names.end());
    CHECK(std::find(names.begin(), names.end(), "optimizer/2") != names.end());
    CHECK(std::find(names.begin(), names.end(), "bi/forward_layer/count") != names.end());
}

TEST_CASE("make_unique skips names that are taken") {
    std::vector<std::string> names = {"a", "a#2", "a", "b", "a", "b"};
    make_unique(names);
    CHECK(names == std::vector<std::string>{"a", "a#2", "a#3", "b", "a#4", "b#2"});
}

TEST_CASE("any node replaced by anything gives a model or a damaged error") {
    const Model model = test::full_model();
    const auto index = stored_index(model);
    const Tree tree = tree_of(model);
    std::size_t nodes = 0;
    Tree counted = tree;
    walk(counted, [&](Tree&) { ++nodes; });
    const std::vector<Tree> replacements = {
        Tree(),     Tree(-1),      Tree(7),        Tree::number("1e30"),      Tree("x"),
        Tree(true), Tree::array(), Tree::object(), Tree::number("4294967296")};
    std::size_t refused = 0;
    for (std::size_t target = 0; target < nodes; ++target) {
        for (const Tree& replacement : replacements) {
            Tree changed = tree;
            std::size_t position = 0;
            Tree* found = nullptr;
            walk(changed, [&](Tree& node) {
                if (position++ == target) found = &node;
            });
            *found = replacement;
            try {
                const Model read = model_from_tree(changed, *index);
                model_tensors(read);
            } catch (const Error& error) {
                ++refused;
                CHECK(error.code() == ErrorCode::damaged);
            }
        }
    }
    CHECK(refused > nodes);
}

TEST_CASE("graphs that would make endless names are refused") {
    Model wide;
    wide.layers.resize(3000);
    wide.layers[0].edges = {{Edge::Kind::container, "", 1}};
    wide.layers[1].name = std::string(1'000'000, 'n');
    for (LayerId i = 2; i < 3000; ++i)
        wide.layers[1].edges.push_back({Edge::Kind::container, "", i});
    const Model read = model_from_tree(tree_of(wide, {}), *Index::make({}));
    CHECK(test::code_of([&] { model_tensors(read); }) == ErrorCode::limit_exceeded);
}

TEST_CASE("cycles and layers that nothing reaches are graphs like any other") {
    const auto index = stored_index(test::loose_model({test::tensor("x", DType::uint8, {1})}));
    const Tree tree = json::parse(
        R"({"schema": 1, "tensors": ["x"], "layers": [{"edges": [1]}, {"edges": [0, 1]}, {"weights": [{"role": "r", "tensor": 0}]}]})",
        {}, "t");
    const Model model = model_from_tree(tree, *index);
    REQUIRE(model_tensors(model).size() == 1);
    CHECK(model_tensors(model)[0].name == "r");
}
