// SPDX-License-Identifier: Apache-2.0
// The layer tables and their look-up. Expected values were read off Keras 3.15.1 and tf_keras 2.21.0
// themselves (spec: docs/layouts.md), not off our table.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "ballast/tree.h"
#include "model/layout.h"

namespace {

using ballast::DType;
using ballast::Tree;
using namespace ballast::layout;
using Dims = std::vector<std::uint64_t>;

constexpr Framework k3 = Framework::keras3;
constexpr Framework k2 = Framework::tf_keras;

Tree config(std::initializer_list<std::pair<const char*, Tree>> members) {
    Tree tree = Tree::object();
    for (const auto& [key, value] : members)
        tree.set(key, value);
    return tree;
}

const Variant& variant(const char* class_name, const Tree& settings, Framework framework) {
    const ClassLayout* layout = find_class(class_name);
    REQUIRE(layout != nullptr);
    const Variant* found = choose_variant(*layout, settings, framework);
    REQUIRE(found != nullptr);
    return *found;
}

/// "kernel bias ~moving_mean": roles in order, non-trainable ones marked.
std::string roles(const Variant& found) {
    std::string text;
    for (const OwnWeight& weight : found.weights)
        text +=
            (text.empty() ? "" : " ") + std::string(weight.trainable ? "" : "~") + std::string(weight.role);
    return text;
}

std::string roles(const char* class_name, const Tree& settings, Framework framework) {
    return roles(variant(class_name, settings, framework));
}

std::vector<std::string> children(const Variant& found, Order order, Framework framework) {
    std::vector<std::string> names;
    for (const std::uint8_t i : child_order(found, order, framework))
        names.emplace_back(found.children[i].attribute);
    return names;
}

using Names = std::vector<std::string>;

Names candidate_names(std::initializer_list<std::pair<const char*, Dims>> weights, Framework framework) {
    Names names;
    std::vector<NamedShape> list;
    for (const auto& [role, dims] : weights)
        list.push_back({role, dims});
    for (const Candidate& candidate : candidates_for(list, framework))
        names.emplace_back(candidate.layout->name);
    return names;
}

std::string roles_of(const char* class_name, std::initializer_list<Dims> shapes,
                     std::initializer_list<DType> dtypes = {}, Framework framework = k3) {
    const std::vector<Shape> list(shapes.begin(), shapes.end());
    const auto found = roles_for(*find_class(class_name), list, framework, std::vector<DType>(dtypes));
    if (!found) return "?";
    std::string text;
    for (const std::string_view role : *found)
        text += (text.empty() ? "" : " ") + std::string(role);
    return text;
}

}  // namespace

TEST_CASE("layouts: snake_case is that of Keras") {
    const std::pair<const char*, const char*> samples[] = {
        {"Conv2D", "conv2d"},
        {"Conv2DTranspose", "conv2d_transpose"},
        {"SeparableConv1D", "separable_conv1d"},
        {"GRU", "gru"},
        {"ReLU", "re_lu"},
        {"PReLU", "p_re_lu"},
        {"LeakyReLU", "leaky_re_lu"},
        {"ELU", "elu"},
        {"SimpleRNN", "simple_rnn"},
        {"ConvLSTM2D", "conv_lstm2d"},
        {"ZeroPadding2D", "zero_padding2d"},
        {"UpSampling2D", "up_sampling2d"},
        {"GlobalAveragePooling2D", "global_average_pooling2d"},
        {"StackedRNNCells", "stacked_rnn_cells"},
        {"TFSMLayer", "tfsm_layer"},
        {"MyLayerV2", "my_layer_v2"},
        {"My_Layer", "my__layer"},
        {"HTTPServer2Go", "http_server2_go"},
        {"", ""},
        {"A", "a"},
        {"aB", "a_b"},
        {"Größe", "größe"},
        {"BN2d", "bn2d"},
        {"Foo.Bar<2>", "foo_bar2"}};
    for (const auto& sample : samples) {
        CAPTURE(sample.first);
        CHECK(snake_case(sample.first) == sample.second);
    }
    CHECK(snake_case("_Hidden") == "__hidden");
    CHECK(snake_case("_Hidden", k2) == "private__hidden");
    CHECK(snake_case("Foo.Bar", k2) == "foo._bar");
}

TEST_CASE("layouts: classes are found by name, alias and key") {
    CHECK(find_class("Dense")->key == "dense");
    CHECK(find_class("Convolution2D")->name == "Conv2D");
    CHECK(find_class("AtrousConvolution2D")->name == "Conv2D");
    CHECK(find_class("Deconvolution2D")->name == "Conv2DTranspose");
    CHECK(find_class("GRUV1")->name == "GRU");
    CHECK(find_class("ReLU")->variants.size() == 1);
    CHECK(find_class("Functional")->kind == Kind::model);
    CHECK(find_class("Custom>Dense") == nullptr);
    CHECK(find_class("dense") == nullptr);
    CHECK(find_class("") == nullptr);
    CHECK(find_class("TFSMLayer") == nullptr);  // excluded: foreign variables
    REQUIRE(classes_with_key("re_lu").size() == 1);
    CHECK(classes_with_key("re_lu")[0]->name == "ReLU");
    CHECK(classes_with_key("conv2d")[0]->name == "Conv2D");
    CHECK(classes_with_key("my_layer").empty());
}

TEST_CASE("layouts: own variables follow the config") {
    CHECK(roles("Dense", config({{"use_bias", true}}), k3) == "kernel bias");
    CHECK(roles("Dense", config({{"use_bias", false}}), k3) == "kernel");
    CHECK(roles("Dense", config({{"units", 3}}), k2) == "kernel bias");  // default
    CHECK(roles("Dense", config({{"bias", false}}), k2) == "kernel");    // Keras 1
    CHECK(roles("BatchNormalization", config({}), k3) == "gamma beta ~moving_mean ~moving_variance");
    CHECK(roles("BatchNormalization", config({{"scale", false}}), k2) ==
          "beta ~moving_mean ~moving_variance");
    CHECK(roles("BatchNormalization", config({{"center", false}, {"scale", false}}), k2) ==
          "~moving_mean ~moving_variance");
    CHECK(roles("BatchNormalization", config({{"renorm", true}}), k2) ==
          "gamma beta ~moving_mean ~moving_variance ~moving_stddev ~renorm_mean ~renorm_stddev");
    CHECK(roles("SeparableConv2D", config({}), k3) == "depthwise_kernel pointwise_kernel bias");
    CHECK(roles("LayerNormalization", config({{"rms_scaling", false}}), k3) == "gamma beta");
    CHECK(roles("LayerNormalization", config({{"rms_scaling", true}}), k3) == "gamma");  // Keras 3.0 to 3.10
    CHECK(roles("EinsumDense", config({{"bias_axes", Tree()}}), k3) == "kernel");
    CHECK(roles("EinsumDense", config({{"bias_axes", "d"}}), k3) == "kernel bias");
    CHECK(roles("Attention", config({{"use_scale", true}, {"score_mode", "concat"}}), k3) ==
          "scale concat_score_weight");
    CHECK(roles("Attention", config({}), k2) == "");
    CHECK(roles("Normalization", config({{"mean", Tree()}}), k3) == "~mean ~variance ~count");
    CHECK(variant("Normalization", config({}), k3).weights[2].dtype == "int64");
    CHECK(roles("Normalization", config({{"mean", Tree::array()}}), k3) == "");
    CHECK(roles("Discretization", config({}), k2) == "~summary");
    CHECK(roles("Discretization", config({}), k3) == "");
    CHECK(roles("Embedding", config({}), k3) == "embeddings");
    CHECK(roles("PReLU", config({}), k2) == "alpha");
    CHECK(roles("Dropout", config({}), k3) == "");
    CHECK(roles("RandomFourierFeatures", config({}), k2) == "kernel_scale ~unscaled_kernel ~bias");
    CHECK(roles("Highway", config({}), k2) == "kernel kernel_carry bias bias_carry");
}

TEST_CASE("layouts: names that differ between the frameworks") {
    const OwnWeight& kernel = variant("DepthwiseConv2D", config({}), k3).weights[0];
    CHECK(kernel.role == "kernel");
    CHECK(kernel.name[0] == "kernel");
    CHECK(kernel.name[1] == "depthwise_kernel");
    CHECK(kernel.rank == 4);
    const OwnWeight& weights = variant("StringLookup", config({{"output_mode", "tf_idf"}}), k3).weights[0];
    CHECK(weights.key == "idf_weights");
    CHECK(weights.not_in_legacy.has(k3));
    CHECK_FALSE(weights.not_in_legacy.has(k2));
}

TEST_CASE("layouts: recurrent layers keep everything in their cell") {
    for (const Framework framework : {k3, k2}) {
        const Variant& lstm = variant("LSTM", config({{"use_bias", true}}), framework);
        CHECK(lstm.weights.empty());
        REQUIRE(lstm.children.size() == 1);
        CHECK(lstm.children[0].path(framework) == "cell");
        CHECK(lstm.children[0].fixed_class == find_class("LSTMCell"));
        CHECK(lstm.children[0].layer_name == "lstm_cell");
        CHECK(roles(*lstm.children[0].fixed_variant) == "kernel recurrent_kernel bias");
    }
    const Variant& bare = variant("GRU", config({{"use_bias", false}}), k3);
    CHECK(roles(*bare.children[0].fixed_variant) == "kernel recurrent_kernel");
    const auto bias_rank = [](const Tree& settings, Framework framework) {
        return static_cast<int>(
            variant("GRU", settings, framework).children[0].fixed_variant->weights[2].rank);
    };
    CHECK(bias_rank(config({{"reset_after", true}}), k2) == 2);
    CHECK(bias_rank(config({{"reset_after", false}}), k2) == 1);
    CHECK(bias_rank(config({}), k3) == 2);
    CHECK(bias_rank(config({}), k2) == 1);  // a config older than the key
    CHECK(find_child(*find_class("ConvLSTM2D"), "cell", k3)->fixed_class == find_class("ConvLSTMCell"));
    CHECK(find_child(*find_class("LSTM"), "cells", k3) == nullptr);
    CHECK(roles("CuDNNLSTM", config({}), k2) == "kernel recurrent_kernel bias");
    CHECK(choose_variant(*find_class("CuDNNLSTM"), config({}), k3) == nullptr);
}

TEST_CASE("layouts: wrappers take their sub-layers from the config") {
    const Variant& both = variant("Bidirectional", config({}), k3);
    CHECK(children(both, Order::save, k3) == Names{"backward_layer", "forward_layer"});
    CHECK(children(both, Order::save, k2) == Names{"forward_layer", "backward_layer"});
    CHECK(children(both, Order::legacy, k3) == Names{"forward_layer", "backward_layer"});
    CHECK(children(both, Order::legacy, k2) == Names{"forward_layer", "backward_layer"});
    for (const Child& child : both.children) {
        CHECK(child.fixed_class == nullptr);
        CHECK(child.config_key == (child.attribute == "forward_layer" ? "layer" : "backward_layer"));
        CHECK(child.fallback_key == (child.attribute == "forward_layer" ? "" : "layer"));
    }
    CHECK(variant("TimeDistributed", config({}), k2).children[0].config_key == "layer");
    CHECK(variant("RNN", config({}), k2).children[0].config_key == "cell");
    const Child& cells = variant("StackedRNNCells", config({}), k3).children[0];
    CHECK(cells.each);
    CHECK(cells.config_key == "cells");
    CHECK(cells.path(k3) == "cells");
    const Variant& spectral = variant("SpectralNormalization", config({}), k3);
    CHECK(roles(spectral) == "kernel ~vector_u");
    REQUIRE(spectral.weights[0].same_as.size() == 2);
    CHECK(spectral.weights[0].same_as[0] == "layer/kernel");
    CHECK(variant("ResidualWrapper", config({}), k2).children[0].path(k2) == "wrapped_cell");
}

TEST_CASE("layouts: attention stores its projections under other names in each framework") {
    const Variant& keras3 = variant("MultiHeadAttention", config({{"use_bias", true}}), k3);
    CHECK(children(keras3, Order::save, k3) ==
          Names{"key_dense", "output_dense", "query_dense", "value_dense"});
    CHECK(children(keras3, Order::legacy, k3) ==
          Names{"query_dense", "key_dense", "value_dense", "output_dense"});
    CHECK(keras3.children[0].path(k3) == "key_dense");
    CHECK(keras3.children[0].layer_name == "key");
    CHECK(roles(*keras3.children[0].fixed_variant) == "kernel bias");
    const Variant& old = variant("MultiHeadAttention", config({{"use_bias", false}}), k2);
    CHECK(find_child(*find_class("MultiHeadAttention"), "_query_dense", k2) != nullptr);
    CHECK(find_child(*find_class("MultiHeadAttention"), "_query_dense", k3)->attribute ==
          "query_dense");  // Keras 3.0
    CHECK(find_child(*find_class("MultiHeadAttention"), "dense", k3) == nullptr);
    CHECK(find_child(*find_class("MultiHeadAttention"), "", k3) == nullptr);
    for (const Child& child : old.children)
        CHECK(roles(*child.fixed_variant) == "kernel");
    const Variant& gated = variant("MultiHeadAttention", config({{"use_gate", true}}), k3);
    CHECK(children(gated, Order::legacy, k3) ==
          Names{"query_dense", "key_dense", "_gate_dense", "value_dense", "output_dense"});
}

TEST_CASE("layouts: without a config only a class with one variant has an answer") {
    CHECK(choose_variant(*find_class("Embedding"), Tree(), k2) != nullptr);
    CHECK(choose_variant(*find_class("Dense"), Tree(), k3) == nullptr);
}

TEST_CASE("layouts: quantized layers of Keras 3 own other variables") {
    const auto policy = [](const char* mode) {
        return config(
            {{"dtype", config({{"class_name", "QuantizedDTypePolicy"},
                               {"config", config({{"mode", mode}, {"source_name", "float32"}})}})}});
    };
    CHECK(roles("Dense", policy("int8"), k3) == "~kernel bias ~kernel_scale");
    CHECK(roles("Dense", policy("int4/-1"), k3) == "~kernel bias ~kernel_scale");
    CHECK(roles("Dense", policy("int4/128"), k3) == "~kernel bias ~kernel_scale ~kernel_zero ~g_idx");
    CHECK(roles("Dense", config({{"dtype", "int8_from_mixed_bfloat16"}, {"use_bias", false}}), k3) ==
          "~kernel ~kernel_scale");
    CHECK(roles("Embedding", policy("int8"), k3) == "~embeddings ~embeddings_scale");
    CHECK(roles("Dense", config({{"dtype", "mixed_bfloat16"}}), k3) == "kernel bias");
    CHECK(roles("Dense", config({{"dtype", config({{"config", config({{"name", "float32"}})}})}}), k3) ==
          "kernel bias");
    CHECK(roles("Dense", policy("float8"), k3) ==
          "kernel bias inputs_scale inputs_amax_history kernel_scale kernel_amax_history outputs_grad_scale "
          "outputs_grad_amax_history");
    CHECK(roles("Dense", policy("gptq/4/128"), k3) == "bias ~kernel ~kernel_scale ~g_idx ~kernel_zero");
    CHECK(roles("Dense", policy("awq/4/128"), k3) ==
          "bias ~kernel ~kernel_scale ~awq_scales ~g_idx ~kernel_zero");
    // Not described: no answer rather than a wrong one.
    for (const char* mode : {"int16", "gptq", "int4x"}) {
        CAPTURE(mode);
        CHECK(choose_variant(*find_class("Dense"), policy(mode), k3) == nullptr);
    }
    CHECK(choose_variant(*find_class("Embedding"), policy("float8"), k3) == nullptr);
}

TEST_CASE("layouts: variables that a kind of file leaves out") {
    const auto unstored = [](const Variant& found) {
        std::string text;
        for (const OwnWeight& weight : found.weights)
            if (weight.not_in_v3.has(k3)) text += (text.empty() ? "" : " ") + std::string(weight.role);
        return text;
    };
    const Tree low_rank = config({{"lora_rank", Tree::number("4")}, {"lora_alpha", Tree::number("8")}});
    CHECK(roles("Dense", low_rank, k3) == "~kernel bias lora_kernel_a lora_kernel_b");
    CHECK(unstored(variant("Dense", low_rank, k3)) == "lora_kernel_a lora_kernel_b");
    CHECK(unstored(variant("Conv2D", low_rank, k3)) == "lora_kernel_a lora_kernel_b");
    CHECK(unstored(variant("Embedding", low_rank, k3)) == "lora_embeddings_a lora_embeddings_b");
    CHECK(unstored(variant("Dense", config({{"lora_rank", Tree()}}), k3)).empty());
    // Keras 3.15.1 forgets the zero points of gptq and awq when it saves.
    CHECK(unstored(variant("Dense", config({{"dtype", "gptq/4/128_from_float32"}}), k3)) == "kernel_zero");
    CHECK(roles("Conv2D", low_rank, k2) == "kernel bias");  // tf_keras has no such option: the plain layer
}

TEST_CASE("layouts: float8 layers make their scales before their kernel") {
    const Variant& found = variant("Dense", config({{"dtype", "float8_from_float32"}}), k3);
    std::string order;
    for (const std::uint8_t i : found.legacy_weights[static_cast<std::size_t>(k3)])
        order += std::string(found.weights[i].role) + " ";
    CHECK(order ==
          "inputs_scale inputs_amax_history kernel_scale kernel_amax_history outputs_grad_scale "
          "outputs_grad_amax_history kernel bias ");
    CHECK(variant("Dense", config({}), k3).legacy_weights[0].empty());
}

TEST_CASE("layouts: a quantized layer is told by its dtypes") {
    const auto of = [](const char* name, std::initializer_list<Dims> shapes,
                       std::initializer_list<DType> dtypes) {
        const std::vector<Shape> list(shapes.begin(), shapes.end());
        const Variant* found = quantized_variant(*find_class(name), list, std::vector<DType>(dtypes), k3);
        return found == nullptr ? std::string("?") : roles(*found);
    };
    CHECK(of("Dense", {Dims{3, 5}, Dims{5}}, {DType::int8, DType::float32}) == "~kernel ~kernel_scale");
    CHECK(of("Dense", {Dims{3, 5}, Dims{5}}, {DType::float32, DType::float32}) == "?");
    CHECK(of("Conv2D", {Dims{3, 3, 2, 5}, Dims{5}}, {DType::int8, DType::float32}) == "?");
    CHECK(can_be_quantized(*find_class("EinsumDense")));
    CHECK_FALSE(can_be_quantized(*find_class("LSTM")));
}

TEST_CASE("layouts: config values as Python sees them") {
    const Tree tree = config({{"t", true},
                              {"zero", Tree::number("0.0")},
                              {"one", 1},
                              {"empty", ""},
                              {"list", Tree::array()},
                              {"dtype", config({{"config", config({{"mode", "int8"}})}})}});
    const auto truth = [&](const char* key) { return is_truthy(config_value(tree, key)); };
    CHECK(truth("t"));
    CHECK_FALSE(truth("zero"));
    CHECK(truth("one"));
    CHECK_FALSE(truth("empty"));
    CHECK_FALSE(truth("list"));
    CHECK_FALSE(truth("absent"));
    CHECK(config_value(tree, "dtype.config.mode").text == "int8");
    CHECK(config_value(tree, "dtype.mode").type == ConfigValue::Type::missing);
}

TEST_CASE("layouts: roles without a config need one reading") {
    CHECK(roles_of("Dense", {Dims{3, 5}, Dims{5}}) == "kernel bias");
    CHECK(roles_of("Dense", {Dims{3, 5}}) == "kernel");
    CHECK(roles_of("Dense", {Dims{5}, Dims{5}}) == "?");
    CHECK(roles_of("Dense", {Dims{3, 5}, Dims{5}, Dims{5}}) == "?");
    const Dims vector{4};
    CHECK(roles_of("BatchNormalization", {vector, vector, vector, vector}) ==
          "gamma beta moving_mean moving_variance");
    CHECK(roles_of("BatchNormalization", {vector, vector, vector}) == "?");  // gamma or beta?
    CHECK(roles_of("BatchNormalization", {vector, vector}) == "moving_mean moving_variance");
    CHECK(roles_of("LayerNormalization", {vector}) == "?");
    CHECK(roles_of("PReLU", {Dims{4, 4, 3}}) == "alpha");
    CHECK(roles_of("Normalization", {vector, vector, Dims{}}) == "mean variance count");
    CHECK(roles_of("LSTMCell", {Dims{3, 20}, Dims{5, 20}, Dims{20}}) == "kernel recurrent_kernel bias");
    CHECK(roles_of("LSTMCell", {Dims{3, 15}, Dims{5, 15}, Dims{15}}) == "?");  // a GRU's widths
    CHECK(roles_of("StringLookup", {Dims{7}}) == "?");
    CHECK(roles_of("Dropout", {}) == "");
    CHECK(roles_of("Dense", {Dims{3, 5}, Dims{5}}, {DType::float32, DType::float32}) == "kernel bias");
    CHECK(roles_of("Dense", {Dims{3, 5}, Dims{5}}, {DType::bfloat16, DType::bfloat16}) == "kernel bias");
    CHECK(roles_of("Dense", {Dims{3, 5}, Dims{5}}, {DType::int8, DType::float32}) == "kernel kernel_scale");
    CHECK(roles_of("Dense", {Dims{3, 5}, Dims{5}, Dims{5}}, {DType::int8, DType::float32, DType::float32}) ==
          "kernel bias kernel_scale");
    CHECK(roles_of("Embedding", {Dims{7, 5}}, {DType::float16}) == "embeddings");
    CHECK(roles_of("Normalization", {vector, vector, Dims{}},
                   {DType::float32, DType::float32, DType::int64}) == "mean variance count");
}

TEST_CASE("layouts: classes by the names and shapes of a legacy layer") {
    const Dims kernel{3, 3, 8, 8}, bias{8}, vector{8};
    CHECK(candidate_names(
              {{"depthwise_kernel", {3, 3, 8, 1}}, {"pointwise_kernel", {1, 1, 8, 8}}, {"bias", bias}}, k2) ==
          Names{"SeparableConv2D"});
    CHECK(candidate_names({{"kernel", {3, 5}}, {"bias", {5}}}, k2) == Names{"Dense", "EinsumDense"});
    CHECK(candidate_names({{"kernel", kernel}, {"bias", bias}}, k2) ==
          Names{"Conv2D", "Conv2DTranspose", "EinsumDense"});
    CHECK(candidate_names({{"kernel", kernel}, {"bias", bias}}, k3) ==
          Names{"Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "EinsumDense"});
    CHECK(candidate_names(
              {{"gamma", vector}, {"beta", vector}, {"moving_mean", vector}, {"moving_variance", vector}},
              k3) == Names{"BatchNormalization"});
    CHECK(candidate_names({{"gamma", vector}, {"beta", vector}}, k3) ==
          Names{"GroupNormalization", "LayerNormalization"});
    CHECK(candidate_names({{"embeddings", {7, 5}}}, k2) == Names{"Embedding"});
    CHECK(candidate_names({{"kernel", {3, 20}}, {"recurrent_kernel", {5, 20}}, {"bias", {20}}}, k3) ==
          Names{"LSTM"});
    CHECK(candidate_names({{"kernel", {3, 20}}, {"recurrent_kernel", {5, 20}}, {"bias", {40}}}, k2) ==
          Names{"CuDNNLSTM"});
    CHECK(candidate_names({{"kernel", {3, 15}}, {"recurrent_kernel", {5, 15}}, {"bias", {2, 15}}}, k3) ==
          Names{"GRU"});
    CHECK(candidate_names({{"kernel", {3, 5}}, {"recurrent_kernel", {5, 5}}, {"bias", {5}}}, k3) ==
          Names{"SimpleRNN"});
    CHECK(candidate_names({{"mine", {3, 5}}}, k3).empty());
    CHECK(candidate_names({}, k3).empty());
    CHECK(role_of_old_name("W") == "kernel");
    CHECK(role_of_old_name("running_std") == "moving_variance");
    CHECK(role_of_old_name("gamma") == "gamma");
}

TEST_CASE("layouts: the whole table is sound") {
    std::set<std::string_view> names;
    for (const ClassLayout& layout : all_classes()) {
        CAPTURE(layout.name);
        CHECK(names.insert(layout.name).second);
        CHECK(find_class(layout.name) == &layout);
        CHECK(layout.key == snake_case(layout.name));
        REQUIRE_FALSE(layout.variants.empty());
        for (const Framework framework : {k3, k2}) {
            const Variant* chosen = choose_variant(layout, config({}), framework);
            CHECK((chosen != nullptr) == layout.frameworks.has(framework));
        }
        for (const Variant& item : layout.variants) {
            for (const Child& child : item.children) {
                CHECK((child.fixed_class == nullptr) == (child.fixed_variant == nullptr));
                CHECK((child.fixed_class == nullptr) != child.config_key.empty());
            }
            for (const Framework framework : {k3, k2})
                for (const Order order : {Order::save, Order::legacy})
                    CHECK(child_order(item, order, framework).size() == item.children.size());
        }
    }
    CHECK(std::ranges::is_sorted(all_classes(), {}, &ClassLayout::name));
    CHECK(model_weights_come_last(k2));
    CHECK_FALSE(model_weights_come_last(k3));
}
