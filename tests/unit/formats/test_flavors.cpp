// SPDX-License-Identifier: Apache-2.0
// The two flavours of .weights.h5: what the keys of one become in the other, and which one is written
// unasked.
#include <doctest/doctest.h>

#include <map>

#include "ballast/registry.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/save_in_memory.h"

using namespace ballast;

namespace {

const Format& weights_h5() {
    return Registry::builtin().for_writing("weights_h5", "x");
}

/// A model of one Keras 3 weights file: members of the root by key, each with one variable.
Model stored_model(const std::vector<std::string>& keys, const std::string& flavor = "keras3") {
    Model model;
    model.layers.resize(1);
    model.producer.dialect = "keras_v3";
    model.producer.flavor = flavor;
    unsigned seed = 0;
    for (const std::string& key : keys) {
        const auto id = static_cast<LayerId>(model.layers.size());
        Layer& layer = model.layers.emplace_back();
        layer.name = "user's " + key;
        layer.stored_key = "layers/" + key;
        layer.weights.push_back(
            {"0", test::tensor(layer.stored_key + "/vars/0", DType::float32, {2}, ++seed), "0", true, {}});
        model.layers[0].edges.push_back({Edge::Kind::container, "", id});
    }
    return model;
}

Location write(const Model& model, const std::string& flavor) {
    SaveOptions options;
    options.flavor = flavor;
    return test::save_in_memory(weights_h5(), model, "x.weights.h5", options);
}

/// {stored name: bytes} of a file.
std::map<std::string, std::string> contents(const Location& location) {
    const auto archive = open(location);
    std::map<std::string, std::string> found;
    for (std::size_t i = 0; i < archive->index().size(); ++i)
        found[archive->index().tensors()[i].stored_name] = test::tensor_bytes(*archive, i);
    return found;
}

std::map<std::string, std::string> written(const Model& model, const std::string& flavor) {
    return contents(write(model, flavor));
}

std::string bytes_of_layer(const Model& model, LayerId id) {
    return test::inline_bytes(model.layers[id].weights[0].value);
}

}  // namespace

TEST_CASE("flavours: tf_keras counts no layer that is stored elsewhere") {
    const Model model = stored_model({"dense_2", "dense_10", "conv2d", "conv2d_1", "my_layer"});
    const auto found = written(model, "tf_keras");
    CHECK(found == std::map<std::string, std::string>{{"layers/dense/vars/0", bytes_of_layer(model, 1)},
                                                      {"layers/dense_1/vars/0", bytes_of_layer(model, 2)},
                                                      {"layers/conv2d/vars/0", bytes_of_layer(model, 3)},
                                                      {"layers/conv2d_1/vars/0", bytes_of_layer(model, 4)},
                                                      {"layers/my_layer/vars/0", bytes_of_layer(model, 5)}});
}

TEST_CASE("flavours: a number that may belong to a class name is not guessed away") {
    const Model model = stored_model({"block_2", "dense"});
    CHECK(test::code_of([&] { write(model, "tf_keras"); }) == ErrorCode::needs_config);
    CHECK(written(model, "keras3").contains("layers/block_2/vars/0"));
}

TEST_CASE("flavours: sub-layers stand under each framework's attribute") {
    Model model = stored_model({"multi_head_attention"});
    model.layers[1].weights.clear();
    Layer query;
    query.stored_key = "layers/multi_head_attention/query_dense";
    query.weights.push_back({"kernel", test::tensor("q", DType::float32, {3}, 7), "0", true, {}});
    model.layers[1].edges.push_back({Edge::Kind::attribute, "query_dense", 2});
    model.layers.push_back(std::move(query));
    const Location tf_keras = write(model, "tf_keras");
    CHECK(contents(tf_keras).contains("layers/multi_head_attention/_query_dense/vars/0"));
    const auto archive = open(tf_keras);
    CHECK(archive->model().producer.flavor == "tf_keras");
    CHECK(archive->index().tensors()[0].name == "multi_head_attention/query_dense/kernel");
    CHECK(written(archive->model(), "keras3").contains("layers/multi_head_attention/query_dense/vars/0"));
}

TEST_CASE("flavours: a subclassed model's paths mean other layers in the other framework") {
    for (const bool keras3 : {true, false}) {
        CAPTURE(keras3);
        const std::string own = keras3 ? "keras3" : "tf_keras", other = keras3 ? "tf_keras" : "keras3";
        Model model = stored_model({"dense"}, own);
        model.layers[0].edges[0] = {Edge::Kind::attribute, "encoder", 1};
        model.layers[1].stored_key = "encoder";
        CHECK(written(model, own).contains("encoder/vars/0"));
        CHECK(test::code_of([&] { write(model, other); }) == ErrorCode::ambiguous_mapping);
    }
}

TEST_CASE("flavours: the way back out of metadata restores the source's, other ways Keras 3's") {
    Model model = stored_model({"dense"}, "tf_keras");
    model.loose.push_back(
        {"metrics/mean/vars/0", test::tensor("metrics/mean/vars/0", DType::float32, {}, 5), Part::metric});
    CHECK_FALSE(written(model, "").contains("metrics/mean/vars/0"));
    CHECK(written(model, "tf_keras").contains("metrics/mean/vars/0"));
    model.producer.restored = true;
    CHECK(written(model, "").contains("metrics/mean/vars/0"));
    CHECK_FALSE(written(model, "keras3").contains("metrics/mean/vars/0"));
    const Format& safetensors = Registry::builtin().for_writing("safetensors", "x");
    model.producer.restored = false;
    const auto middle = open(test::save_in_memory(safetensors, model, "x.safetensors"));
    CHECK(middle->model().producer.restored);
    CHECK(written(middle->model(), "").contains("metrics/mean/vars/0"));
}

TEST_CASE("flavours: only Keras 3 names layers and marks bfloat16") {
    Model model = stored_model({"dense"});
    model.layers[1].weights[0].value = test::tensor("b", DType::bfloat16, {2}, 3);
    const std::string keras3 = test::text_of(write(model, "keras3"));
    const std::string tf_keras = test::text_of(write(model, "tf_keras"));
    for (const char* text : {"user's dense", "bfloat16"}) {
        CAPTURE(text);
        CHECK(keras3.find(text) != std::string::npos);
        CHECK(tf_keras.find(text) == std::string::npos);
    }
}
