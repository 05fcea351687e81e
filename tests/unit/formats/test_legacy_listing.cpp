// SPDX-License-Identifier: Apache-2.0
// Legacy files made from a config: order and names within a layer, and what cannot be made up.
#include <doctest/doctest.h>

#include <map>

#include "ballast/registry.h"
#include "container/json/json.h"
#include "model/config.h"
#include "model/naming.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/save_in_memory.h"

using namespace ballast;

namespace {

constexpr const char* attention = R"({"class_name": "Sequential", "config": {"name": "net", "layers": [
    {"module": "keras.layers", "class_name": "GroupedQueryAttention", "config": {"name": "gqa", "use_bias": false}}]}})";
constexpr const char* low_rank = R"({"class_name": "Sequential", "config": {"name": "net", "layers": [
    {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "use_bias": false, "lora_rank": 2}}]}})";
constexpr const char* lookup = R"({"class_name": "Sequential", "config": {"name": "net", "layers": [
    {"module": "keras.layers", "class_name": "StringLookup", "config": {"name": "words", "output_mode": "tf_idf"}}]}})";

Tree parse(const char* text) {
    return json::parse(text, {}, "config");
}

/// A model with a value for every weight, all of one shape: only order and names tell them apart.
Model filled(const char* config) {
    ConfigOptions options;
    options.framework = layout::Framework::keras3;
    Model model = model_from_config(parse(config), options);
    model.config = Tree();
    model.producer.dialect = "safetensors";  // no stored keys
    unsigned seed = 0;
    for (Layer& layer : model.layers)
        for (Weight& weight : layer.weights)
            weight.value = test::tensor(layer.name + weight.role, DType::float32, {3, 3, 3}, ++seed);
    return model;
}

Location write(const Model& model, const char* format, const char* flavor, Report* report = nullptr) {
    SaveOptions options;
    options.flavor = flavor;
    options.weights_only = true;
    return test::save_in_memory(Registry::builtin().for_writing(format, "x"), model, "x", options, report);
}

std::map<std::string, std::string> by_name(const Location& location, const char* config) {
    OpenOptions options;
    options.config = parse(config);
    options.config_path = "config.json";
    const auto archive = open(location, options);
    std::map<std::string, std::string> found;
    for (std::size_t i = 0; i < archive->index().size(); ++i)
        found[archive->index().tensors()[i].name] = test::tensor_bytes(*archive, i);
    return found;
}

std::map<std::string, std::string> expected(const Model& model) {
    const auto names = canonical_names(model).weights;
    std::map<std::string, std::string> found;
    for (std::size_t layer = 0; layer < model.layers.size(); ++layer)
        for (std::size_t i = 0; i < model.layers[layer].weights.size(); ++i)
            found[names[layer][i]] = test::inline_bytes(model.layers[layer].weights[i].value);
    return found;
}

/// "gqa/gqa/query/kernel …"
std::string stored_names(const Location& location) {
    std::string names;
    const auto archive = open(location);
    for (const TensorInfo& tensor : archive->index().tensors())
        names += (names.empty() ? "" : " ") + tensor.stored_name;
    return names;
}

}  // namespace

TEST_CASE(
    "legacy listing: weights of equal shape come back to their places, whoever the file says wrote it") {
    const Model model = filled(attention);
    for (const char* flavor : {"keras3", "tf_keras"}) {
        CAPTURE(flavor);
        const Location file = write(model, "legacy_h5", flavor);
        CHECK(by_name(file, attention) == expected(model));
        const std::string end = flavor == std::string("tf_keras") ? "/kernel:0" : "/kernel";
        const std::string names = stored_names(file);
        CHECK(names == "gqa/gqa/query" + end + " gqa/gqa/key" + end + " gqa/gqa/value" + end +
                           " gqa/gqa/attention_output" + end);
    }
}

TEST_CASE("legacy listing: low-rank factors are neither made up nor lost") {
    Model model = filled(low_rank);
    const auto dense = static_cast<LayerId>(model.layers.size() - 1);
    REQUIRE(model.layers[dense].weights.size() == 3);
    Report report;
    write(model, "weights_h5", "keras3", &report);
    CHECK(report.has_loss());
    model.layers[dense].weights.resize(1);  // as a .weights.h5 holds it
    CHECK(test::code_of([&] { write(model, "legacy_h5", "keras3"); }) == ErrorCode::ambiguous_mapping);
    const Location plain = write(model, "legacy_h5", "tf_keras");  // which has no such option
    CHECK(stored_names(plain) == "d/d/kernel:0");
}

TEST_CASE("legacy listing: Keras 3's flavour has no place for a lookup layer's table") {
    const Model model = filled(lookup);
    Report report;
    CHECK(stored_names(write(model, "legacy_h5", "tf_keras", &report)) == "words/words/idf_weights:0");
    CHECK_FALSE(report.has_loss());
    CHECK(stored_names(write(model, "legacy_h5", "keras3", &report)).empty());
    CHECK(report.has_loss());
}
