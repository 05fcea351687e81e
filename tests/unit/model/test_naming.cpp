// SPDX-License-Identifier: Apache-2.0
// Canonical names, escapes, duplicates, suggestions; keys of v3 containers.
#include <doctest/doctest.h>

#include "golden_cases.h"
#include "model/naming.h"

using namespace ballast;
using namespace ballast::test;
using layout::Framework;

namespace {

std::vector<std::string> all_names(const std::string& file) {
    const GoldenCase* one = find_case(file);
    REQUIRE(one != nullptr);
    std::vector<std::string> out;
    for (const auto& names : canonical_weight_names(model_from_config(one->config()))) {
        out.insert(out.end(), names.begin(), names.end());
    }
    std::sort(out.begin(), out.end());
    return out;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("components escape the separator and the escape sign") {
    CHECK(escape_component("block/conv%1") == "block%2Fconv%251");
    for (const char* text : {"", "plain", "a/b", "%", "%2F", "100%/x", "größe"}) {
        CHECK(unescape_component(escape_component(text)) == text);
    }
    CHECK(unescape_component("%zz%2") == "%zz%2");
}

TEST_CASE("names follow attributes in built-in layers and names in containers") {
    const auto bidirectional = all_names("keras3-bidirectional.json");
    CHECK(has(bidirectional, "bi/forward_layer/cell/kernel"));
    CHECK(has(bidirectional, "bi/backward_layer/cell/recurrent_kernel"));
    CHECK(all_names("tf_keras-bidirectional.json") == bidirectional);
    CHECK(has(all_names("keras3-attention_self.json"), "mha/query_dense/bias"));
    CHECK(all_names("tf_keras-attention_frozen_nested.json") ==
          all_names("keras3-attention_frozen_nested.json"));
    CHECK(has(all_names("tf_keras-rnn_cells.json"), "stack/cell/cells/two/kernel"));
    CHECK(has(all_names("keras3-nested_three_levels.json"), "high/mid/low/low_bn/moving_mean"));
    CHECK(has(all_names("keras3-spectral.json"), "sn/vector_u"));
    CHECK(has(all_names("keras3-spectral.json"), "sn/layer/kernel"));
    CHECK(has(all_names("tf_keras-slash_names.json"), "in%2Fner/deep%2Fer/kernel"));
    CHECK(has(all_names("keras3-odd_names.json"), "per%25cent/bias"));
}

TEST_CASE("equal names are numbered in save order") {
    Model model;
    model.layers.resize(3);
    model.layers[0].class_name = "Sequential";
    for (const LayerId id : {1U, 2U}) {
        model.layers[id].name = "twin";
        model.layers[id].class_name = "Dense";
        model.layers[id].weights.push_back({"kernel", {}, {}, true, {}});
        model.layers[0].edges.push_back({Edge::Kind::container, {}, id});
    }
    auto names = canonical_weight_names(model);
    CHECK(names[1][0] == "twin/kernel");
    CHECK(names[2][0] == "twin/kernel#2");
    model.layers[0].save_order = {1, 0};
    names = canonical_weight_names(model);
    CHECK(names[1][0] == "twin/kernel#2");
    CHECK(names[2][0] == "twin/kernel");
}

TEST_CASE("without a name a layer goes by its stored key, else by its class") {
    Model model;
    model.layers.resize(3);
    model.layers[0].weights.push_back({"scale", {}, {}, true, {}});
    model.layers[1].stored_key = "layers/dense_1";
    model.layers[1].class_name = "Dense";
    model.layers[2].class_name = "Conv2D";
    model.layers[0].edges = {
        {Edge::Kind::attribute, "enc", 1}, {Edge::Kind::index, "blocks", 2}, {Edge::Kind::container, {}, 1}};
    auto paths = canonical_layer_paths(model);
    CHECK(paths[1] == "enc");
    CHECK(paths[2] == "blocks/conv2d");
    CHECK(canonical_weight_names(model)[0][0] == "scale");
    model.layers[0].edges = {{Edge::Kind::container, {}, 1}};
    model.layers[0].class_name = "Sequential";
    CHECK(canonical_layer_paths(model)[1] == "dense_1");
}

TEST_CASE("suggestions are near names, nearest first") {
    const std::vector<std::string> names = {"conv1/kernel", "conv2/kernel", "Conv1/Kernel", "dense/bias"};
    CHECK(near_names("conv1/kernle", names) ==
          std::vector<std::string>{"conv1/kernel", "Conv1/Kernel", "conv2/kernel"});
    CHECK(near_names("conv1/kernel", names, 1).size() == 1);
    CHECK(near_names("zzz", names).empty());
}

TEST_CASE("keys of containers are class names in snake case, numbered as they come") {
    KeyCounter counter;
    CHECK(counter.next("dense") == "dense");
    CHECK(counter.next("re_lu") == "re_lu");
    CHECK(counter.next("dense") == "dense_1");
    CHECK(counter.next("dense") == "dense_2");
    Layer layer;
    layer.class_name = "CuDNNLSTM";
    CHECK(v3_key(layer, Framework::keras3) == "lstm");
    layer.class_name = "Model";
    CHECK(v3_key(layer, Framework::keras3) == "functional");
    layer.class_name = "MyNet";
    layer.package = "Custom";
    CHECK(v3_key(layer, Framework::keras3) == "my_net");
}
