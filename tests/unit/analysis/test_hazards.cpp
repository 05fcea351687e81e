// SPDX-License-Identifier: Apache-2.0
// Hazards of configs and graphs. tests/interop/test_scan.py has the files of the real frameworks.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "analysis/hazards_config.h"
#include "analysis/hazards_graph.h"
#include "container/json/json.h"
#include "container/proto/wire.h"
#include "support/expect_error.h"

using namespace ballast;

namespace {

std::vector<Hazard> judged(std::string_view config) {
    std::vector<Hazard> found;
    judge_config(json::parse(config, {}, "test"), "config.json", found);
    return found;
}

/// "danger lambda", and so on.
std::vector<std::string> kinds(const std::vector<Hazard>& found) {
    std::vector<std::string> words;
    for (const Hazard& hazard : found)
        words.push_back((hazard.level == Hazard::Level::danger ? "danger " : "trust ") +
                        std::string(hazard.rule));
    return words;
}

using Kinds = std::vector<std::string>;

std::string message(const std::function<void(proto::Writer&)>& fill) {
    std::string bytes;
    proto::Writer writer(bytes);
    fill(writer);
    return bytes;
}

std::string node(std::string_view name, std::string_view op) {
    return message([&](proto::Writer& writer) {
        writer.add_string(1, name.data(), name.size());
        writer.add_string(2, op.data(), op.size());
    });
}

/// A saved_model.pb of one node in the graph and one in a function.
std::string saved_model(const std::string& in_graph, const std::string& function,
                        const std::string& in_function) {
    return message([&](proto::Writer& model) {
        proto::Writer meta(model, 2);
        proto::Writer graph(meta, 2);
        graph.add_message(1, in_graph);
        proto::Writer library(graph, 2);
        proto::Writer definition(library, 1);
        definition.add_message(1,
                               message([&](proto::Writer& signature) { signature.add_string(1, function); }));
        definition.add_message(3, in_function);
    });
}

std::vector<Hazard> judged_graph(const std::string& bytes) {
    std::vector<Hazard> found;
    judge_graph(GraphFile::saved_model, bytes, "saved_model.pb", {}, found);
    return found;
}

}  // namespace

TEST_CASE("bytecode is named with its layer, and what else a Lambda holds is looked at") {
    const auto found = judged(R"({"class_name": "Functional", "config": {"layers": [{"class_name": "Dense"},
        {"class_name": "Lambda", "config": {"name": "twice", "function": ["4wEAAA==\n", null, null],
        "function_type": "lambda", "arguments": {"origin": "https://example.org/x"}}}]}})");
    CHECK(kinds(found) == Kinds{"danger lambda", "danger file_reference"});
    CHECK(found[0].where == "config.json: config.layers[1] (Lambda twice)");
    CHECK(found[1].where == "config.json: config.layers[1].config.arguments.origin");
}

TEST_CASE("a Lambda of a named function needs that function") {
    CHECK(kinds(judged(
              R"({"class_name": "Lambda", "config": {"function": "mine", "function_type": "function"}})")) ==
          Kinds{"trust custom_object"});
    // A code string without a list, and code in the output shape alone.
    CHECK(kinds(judged(
              R"({"class_name": "Lambda", "config": {"function": "4wEA", "function_type": "lambda"}})")) ==
          Kinds{"danger lambda"});
    CHECK(kinds(judged(R"({"class_name": "Lambda", "config": {"function": "f", "function_type": "function",
        "output_shape": ["4wEA", null, null], "output_shape_type": "lambda"}})")) == Kinds{"danger lambda"});
    CHECK(kinds(judged(R"({"class_name": "Lambda", "config": {"function": null, "output_shape": ["a"],
        "output_shape_type": "raw"}})"))
              .empty());
}

TEST_CASE("modules") {
    const auto of = [](const char* module, const char* name) {
        return kinds(judged(std::string(R"({"module": ")") + module + R"(", "class_name": ")" + name +
                            R"(", "config": {}})"));
    };
    CHECK(of("keras.layers", "Dense").empty());
    CHECK(of("keras", "Functional").empty());
    CHECK(of("keras.src.models.functional", "Functional").empty());
    CHECK(of("tf_keras.src.engine.sequential", "Sequential").empty());
    CHECK(of("tensorflow.python.keras.layers.core", "Dense").empty());
    CHECK(of("builtins", "function").empty());
    CHECK(of("builtins", "exit") == Kinds{"danger module"});
    CHECK(of("os.path", "join") == Kinds{"danger module"});
    CHECK(of("osmium", "Layer") == Kinds{"trust custom_object"});
    CHECK(of("keras.utils", "anything") == Kinds{"danger gadget"});
    CHECK(of("keras.layers", "load_model") == Kinds{"danger gadget"});
    CHECK(of("tensorflow.io.gfile", "remove") == Kinds{"danger gadget"});
    CHECK(of("tensorflow", "py_function") == Kinds{"danger gadget"});
    CHECK(of("tensorflow.python.ops.gen_io_ops", "write_file") == Kinds{"danger gadget"});
    CHECK(of("keras.src.backend.common.global_state", "set_global_attribute") == Kinds{"danger gadget"});
    CHECK(of("keras.export", "ExportArchive") == Kinds{"danger gadget"});
    CHECK(of("keras.src.backend.config", "set_backend") == Kinds{"danger gadget"});
}

TEST_CASE("names and values") {
    CHECK(
        kinds(judged(R"({"name": "block/conv", "vocabulary": ["/etc/passwd"], "safe_mode": true})")).empty());
    CHECK(kinds(judged(R"({"name": "a/../b"})")) == Kinds{"danger path_name"});
    CHECK(kinds(judged(R"({"name": "C:\\x"})")) == Kinds{"danger path_name"});
    CHECK(kinds(judged(R"({"class_name": "Custom>Adam"})")).empty());
    CHECK(kinds(judged(R"({"class_name": "Addons>GroupNorm"})")) == Kinds{"trust custom_object"});
    CHECK(
        kinds(judged(R"({"class_name": "function", "config": "relu", "registered_name": "relu"})")).empty());
    CHECK(kinds(judged(R"({"class_name": "function", "config": "own_loss"})")) ==
          Kinds{"trust custom_object"});
    CHECK(kinds(judged(R"({"class_name": "TFOpLambda", "config": {"function": "math.multiply"}})")).empty());
    CHECK(kinds(judged(R"({"class_name": "TFOpLambda", "config": {"function": "compat.v1.nn.conv2d"}})"))
              .empty());
    CHECK(kinds(judged(R"({"class_name": "TFOpLambda", "config": {"function": "concat"}})")).empty());
    for (const char* function : {"keras.models.load_model", "profiler.experimental.start", "compat.v1.Print",
                                 "io.read_file", "lookup.TextFileInitializer"})
        CHECK(kinds(judged(std::string(R"({"class_name": "TFOpLambda", "config": {"function": ")") +
                           function + R"("}})")) == Kinds{"danger gadget"});
    CHECK(kinds(judged(R"({"class_name": "KerasLayer", "config": {"handle": "https://example.org/m"}})")) ==
          Kinds{"danger other_model"});
    CHECK_FALSE(leaves_folder("..."));
    CHECK(leaves_folder("/x"));
    CHECK(leaves_folder("a\\..\\b"));
}

TEST_CASE("operations, once a function and kind") {
    const auto found = judged_graph(saved_model(node("n1", "ReadFile"), "f", node("n2", "Addons>Gelu")));
    REQUIRE(kinds(found) == Kinds{"danger file_operation", "trust custom_operation"});
    CHECK(found[0].where == "saved_model.pb: graph, node n1 (ReadFile)");
    CHECK(found[1].where == "saved_model.pb: function f, node n2 (Addons>Gelu)");
}

TEST_CASE("operations under other names, and a graph alone") {
    for (const char* op :
         {"CSVDatasetV2", "ExperimentalLMDBDataset", "DatasetToTFRecord", "DataServiceDatasetV4"})
        CHECK(kinds(judged_graph(saved_model(node("n", op), "f", node("m", "Add")))) ==
              Kinds{"danger file_operation"});
    std::vector<Hazard> found;
    judge_graph(GraphFile::frozen,
                message([](proto::Writer& graph) { graph.add_message(1, node("n", "ReadFile")); }),
                "frozen.pb", {}, found);
    CHECK(kinds(found) == Kinds{"danger file_operation"});
}

TEST_CASE("saving is dangerous only outside of the functions that save") {
    const std::string safe = node("save/SaveV2", "SaveV2"), restore = node("r", "RestoreV2");
    CHECK(judged_graph(saved_model(safe, "__inference__traced_restore_42", restore)).empty());
    CHECK(kinds(judged_graph(saved_model(safe, "__inference_call_1", restore))) ==
          Kinds{"danger file_operation"});
}

TEST_CASE("a broken graph is an error") {
    std::string bytes = saved_model(node("n", "Add"), "f", node("n", "Add"));
    bytes.resize(bytes.size() - 3);
    CHECK(test::error_of([&] { judged_graph(bytes); }).code() == ErrorCode::damaged);
}
