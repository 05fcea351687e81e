// SPDX-License-Identifier: Apache-2.0
// Reading configs: structure, names and flags; and configs that are wrong, hostile or unknown.
#include <doctest/doctest.h>

#include <random>

#include "ballast/error.h"
#include "golden_cases.h"
#include "model/naming.h"
#include "model/order.h"

using namespace ballast;
using namespace ballast::test;
using layout::Framework;

namespace {

Tree parse(const std::string& text) {
    return json::parse(text, Limits{}, "test");
}

std::string sequential(const std::string& layers) {
    return R"({"class_name":"Sequential","keras_version":"2.15.0","config":{"name":"s","layers":[)" + layers +
           "]}}";
}

std::string dense(const std::string& name, const std::string& more = "") {
    return R"({"class_name":"Dense","config":{"name":")" + name + R"(","units":2,"use_bias":true)" + more +
           "}}";
}

ErrorCode code_of(const Tree& config, Limits limits = {}) {
    ConfigOptions options;
    options.limits = limits;
    try {
        model_from_config(config, options);
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;  // nothing thrown
}

const Layer* layer_named(const Model& model, const std::string& name) {
    for (const Layer& layer : model.layers) {
        if (layer.name == name) return &layer;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("layers get class, name, flag, config and weights") {
    const Model model =
        model_from_config(parse(sequential(dense("a") + "," + dense("b", R"(,"trainable":false)"))));
    REQUIRE(model.layers.size() == 3);
    CHECK(model.root == 0);
    CHECK(model.layers[0].class_name == "Sequential");
    CHECK(model.config["class_name"].as_string() == "Sequential");
    CHECK(model.config["config"]["layers"].size() == 2);
    const Layer& b = model.layers[2];
    CHECK(b.name == "b");
    CHECK(b.class_name == "Dense");
    CHECK_FALSE(b.trainable);
    CHECK(model.layers[1].trainable);
    CHECK(b.config["units"].as_int64() == 2);
    REQUIRE(b.weights.size() == 2);
    CHECK(b.weights[0].role == "kernel");
    CHECK(b.weights[1].role == "bias");
    CHECK(b.weights[1].trainable);
    CHECK(b.weights[0].value.empty());
}

TEST_CASE("nested nodes are cut out of their parents' configs") {
    const std::string inner =
        R"({"class_name":"LSTM","config":{"name":"rec","units":3,"kernel_initializer":{"a":1}}})";
    const Model model = model_from_config(parse(
        sequential(R"({"class_name":"Bidirectional","config":{"name":"bi","merge_mode":"sum","layer":)" +
                   inner + "}}")));
    const Layer* bi = layer_named(model, "bi");
    REQUIRE(bi != nullptr);
    CHECK(bi->config["merge_mode"].as_string() == "sum");
    CHECK(bi->config["layer"]["class_name"].as_string() == "LSTM");
    CHECK(bi->config["layer"].find("config") == nullptr);
    CHECK(model.layers[0].config["layers"].size() == 0);
    // tf_keras runs two copies of the layer, under names of their own, each with a cell.
    REQUIRE(bi->edges.size() == 2);
    std::map<std::string, std::string> names;
    for (const Edge& edge : bi->edges) {
        CHECK(edge.kind == Edge::Kind::attribute);
        names[edge.key] = model.layers[edge.child].name;
        CHECK(model.layers[edge.child].config["units"].as_int64() == 3);
        REQUIRE(model.layers[edge.child].edges.size() == 1);
        CHECK(model.layers[edge.child].edges[0].key == "cell");
    }
    CHECK(names["forward_layer"] == "forward_rec");
    CHECK(names["backward_layer"] == "backward_rec");
}

TEST_CASE("the names of a Bidirectional's copies differ between the frameworks") {
    const Tree config = parse(R"({"class_name":"Sequential","config":{"name":"s","layers":[
        {"class_name":"Bidirectional","config":{"name":"bi",
         "layer":{"class_name":"GRU","config":{"name":"forward_rec","units":3}},
         "backward_layer":{"class_name":"GRU","config":{"name":"mine","units":3,"go_backwards":true}}}}]}})");
    const auto names = [&](Framework framework) {
        ConfigOptions options;
        options.framework = framework;
        const Model model = model_from_config(config, options);
        std::map<std::string, std::string> out;
        for (const Edge& edge : layer_named(model, "bi")->edges)
            out[edge.key] = model.layers[edge.child].name;
        return out;
    };
    auto keras3 = names(Framework::keras3);
    CHECK(keras3["forward_layer"] == "forward_rec");
    CHECK(keras3["backward_layer"] == "mine");
    auto tf_keras = names(Framework::tf_keras);
    CHECK(tf_keras["forward_layer"] == "forward_forward_rec");
    CHECK(tf_keras["backward_layer"] == "backward_mine");
}

TEST_CASE("custom classes pass through and are marked") {
    std::vector<std::string> notes;
    ConfigOptions options;
    options.notes = &notes;
    const Model model = model_from_config(
        parse(sequential(
            R"({"class_name":"Custom>Dense","config":{"name":"x","layer":{"class_name":"Dense"}}},)"
            R"({"class_name":"Swish2","config":{"name":"y"}})")),
        options);
    const Layer* x = layer_named(model, "x");
    REQUIRE(x != nullptr);
    CHECK(x->class_name == "Dense");
    CHECK(x->package == "Custom");
    CHECK_FALSE(weights_known(*x));
    CHECK(x->weights.empty());
    CHECK(x->config["layer"].is_object());
    CHECK_FALSE(weights_known(*layer_named(model, "y")));
    CHECK(weights_known(model.layers[0]));
    CHECK(has_unknown_weights(model, 0));
    CHECK(notes.size() == 2);
}

TEST_CASE("classes of other modules are custom in Keras 3") {
    const auto package = [](const std::string& node) {
        return model_from_config(
                   parse(R"({"class_name":"Sequential","config":{"name":"s","layers":[)" + node + "]}}"))
            .layers.at(1)
            .package;
    };
    const std::string config = R"("class_name":"Dense","config":{"name":"d"})";
    CHECK(package(R"({"module":"keras.layers","registered_name":null,)" + config + "}").empty());
    CHECK(package(R"({"module":"tf_keras.src.layers","registered_name":"Dense",)" + config + "}").empty());
    CHECK(package(R"({"module":"my_pkg.layers","registered_name":"Dense",)" + config + "}") == "my_pkg");
    CHECK(package(R"({"module":null,"registered_name":"Dense",)" + config + "}") == "__main__");
    CHECK(package(R"({"module":"builtins","registered_name":"Team>Dense",)" + config + "}") == "Team");
}

TEST_CASE("a layer listed with one shared_object_id is one layer") {
    const GoldenCase* one = find_case("keras3-shared_ids.json");
    REQUIRE(one != nullptr);
    const Model model = model_from_config(one->config());
    std::size_t count = 0;
    LayerId shared = 0;
    for (std::size_t id = 0; id < model.layers.size(); ++id) {
        if (model.layers[id].name != "shared") continue;
        ++count;
        shared = static_cast<LayerId>(id);
    }
    CHECK(count == 1);
    std::size_t edges = 0;
    for (const Layer& layer : model.layers) {
        for (const Edge& edge : layer.edges)
            edges += edge.child == shared ? 1 : 0;
    }
    CHECK(edges == 2);
    CHECK(canonical_layer_paths(model)[shared] == "shared");
}

TEST_CASE("shared_object_id counts from new in each outermost Functional of tf_keras") {
    const auto functional = [](const std::string& name) {
        const std::string shared = R"(,"shared_object_id":1,"name":"d","inbound_nodes":[]})";
        std::string layer = dense("d");
        layer.pop_back();
        return R"({"class_name":"Functional","config":{"name":")" + name + R"(","layers":[)" + layer +
               shared + R"(],"input_layers":[],"output_layers":[["d",0,0]]}})";
    };
    const Model model = model_from_config(parse(sequential(functional("f") + "," + functional("g"))));
    CHECK(model.layers.size() == 5);  // two containers with a layer each: not shared
}

TEST_CASE("this is no model config") {
    for (const char* text :
         {"null", "3", "[]", "{}", R"("Sequential")", R"({"class_name":7,"config":{}})",
          R"({"config":{"layers":[]}})", R"({"class_name":"Sequential","config":{"layers":[1]}})",
          R"({"class_name":"Sequential","config":[{"config":{}}]})"}) {
        CAPTURE(text);
        CHECK(code_of(parse(text)) == ErrorCode::damaged);
    }
}

TEST_CASE("wrong kinds inside of a config are tolerated") {
    for (const char* text :
         {R"({"class_name":"Sequential"})", R"({"class_name":"Sequential","config":7})",
          R"({"class_name":"Sequential","config":{"layers":{"a":1}}})",
          R"({"class_name":"Sequential","config":{"layers":[{"class_name":"Dense"}]}})",
          R"({"class_name":"Dense","config":null})",
          R"({"class_name":"Functional","config":{"layers":[],"input_layers":3,"output_layers":null}})",
          R"({"class_name":"RNN","config":{"cell":[]}})",
          R"({"class_name":"TimeDistributed","config":{}})"}) {
        CAPTURE(text);
        CHECK_NOTHROW(model_from_config(parse(text)));
    }
}

TEST_CASE("nesting is bounded") {
    Tree config = parse(sequential(dense("a")));
    for (int i = 0; i < 200; ++i) {
        Tree outer = parse(sequential(""));
        outer.find("config")->find("layers")->push_back(std::move(config));
        config = std::move(outer);
    }
    CHECK(code_of(config) == ErrorCode::limit_exceeded);
    Limits wide;
    wide.json_depth = 400;
    CHECK(code_of(config, wide) == ErrorCode::internal);
    Limits few;
    few.objects = 3;
    CHECK(code_of(parse(sequential(dense("a") + "," + dense("b"))), few) == ErrorCode::internal);
    CHECK(code_of(parse(sequential(dense("a") + "," + dense("b") + "," + dense("c"))), few) ==
          ErrorCode::limit_exceeded);
}

TEST_CASE("a list of cells becomes a StackedRNNCells") {
    const Model model = model_from_config(parse(sequential(
        R"({"class_name":"RNN","config":{"name":"r","cell":[{"class_name":"LSTMCell","config":{"name":"p","units":2}},)"
        R"({"class_name":"GRUCell","config":{"name":"q","units":2}}]}})")));
    const auto names = canonical_layer_paths(model);
    CHECK(std::find(names.begin(), names.end(), "r/cell/cells/p") != names.end());
    CHECK(std::find(names.begin(), names.end(), "r/cell/cells/q") != names.end());
}

TEST_CASE("Keras 1 and early Keras 2 call a Functional Model") {
    const Model model = model_from_config(parse(
        R"({"class_name":"Model","config":{"name":"m","layers":[{"class_name":"InputLayer","config":{"batch_input_shape":[null,2],)"
        R"("name":"i"},"name":"i","inbound_nodes":[]},{"class_name":"Dense","config":{"name":"d"},"name":"d","inbound_nodes":)"
        R"([[["i",0,0]]]}],"input_layers":[["i",0,0]],"output_layers":[["d",0,0]]}})"));
    CHECK(model.layers[0].class_name == "Functional");
    CHECK(kind_of(model.layers[0]) == LayerKind::functional);
    CHECK(v3_paths(model, Framework::keras3).size() == 3);
}

TEST_CASE("mutated configs give a typed error or a model, never anything else") {
    std::mt19937 random(20261122);
    const auto pick = [&](std::size_t count) {
        return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
    };
    const auto junk = [&]() -> Tree {
        switch (pick(9)) {
            case 0:
                return {};
            case 1:
                return true;
            case 2:
                return Tree::number("-1");
            case 3:
                return Tree::number("1e400");
            case 4:
                return "shared";
            case 5:
                return Tree::array();
            case 6:
                return Tree::object();
            case 7:
                return Tree(Tree::Array{"d1", 0, 0});
            default:
                return Tree::number("18446744073709551615");
        }
    };
    std::size_t read = 0;
    std::size_t refused = 0;
    for (const GoldenCase& one : golden_cases()) {
        for (int round = 0; round < 12; ++round) {
            Tree config = one.config();
            Tree* at = &config;
            const std::size_t depth = 1 + pick(12);
            for (std::size_t i = 0; i < depth && at->size() > 0; ++i) {
                if (at->is_array())
                    at = &at->mutable_items()[pick(at->size())];
                else
                    at = &at->mutable_members()[pick(at->size())].second;
            }
            *at = junk();
            try {
                const Model model = model_from_config(config);
                for (const Framework framework : {Framework::keras3, Framework::tf_keras}) {
                    v3_paths(model, framework);
                    for (const LayerId layer : legacy_layers(model, framework))
                        flatten_legacy(model, layer, framework);
                }
                canonical_weight_names(model);
                ++read;
            } catch (const Error& error) {
                CHECK((error.code() == ErrorCode::damaged || error.code() == ErrorCode::limit_exceeded));
                ++refused;
            }
        }
    }
    CHECK(read > 500);
    CHECK(refused > 10);
}
