// SPDX-License-Identifier: Apache-2.0
// Orders on hand-made graphs and Models: cycles, long chains, fans, flags.
#include <doctest/doctest.h>

#include "golden_cases.h"
#include "model/order.h"

using namespace ballast;
using namespace ballast::test;
using layout::Framework;

namespace {

Tree parse(const std::string& text) {
    return json::parse(text, Limits{}, "test");
}

/// {"name": …, "inbound_nodes": …} as Keras 2 writes it; calls like R"([["x",0,0,{}]])".
std::string entry(const std::string& name, const std::string& calls) {
    return R"({"class_name":"Dense","name":")" + name + R"(","config":{"name":")" + name +
           R"("},"inbound_nodes":[)" + calls + "]}";
}

Tree graph(const std::string& entries, const std::string& inputs, const std::string& outputs) {
    return parse(R"({"layers":[)" + entries + R"(],"input_layers":)" + inputs + R"(,"output_layers":)" +
                 outputs + "}");
}

Model chain_of_frozen(bool frozen_middle) {
    // root Sequential > top Sequential > (a Dense, b BatchNormalization, c Dense)
    const std::string flag = frozen_middle ? "false" : "true";
    return model_from_config(parse(
        R"({"class_name":"Sequential","keras_version":"2.15.0","config":{"name":"r","layers":[{"class_name":"Sequential",)"
        R"("config":{"name":"top","layers":[{"class_name":"Dense","config":{"name":"a","trainable":)" +
        flag +
        R"(}},{"class_name":"BatchNormalization","config":{"name":"b"}},{"class_name":"Dense","config":{"name":"c"}}]}}]}})"));
}

std::string order_of(const Model& model, LayerId top, Framework framework, TrainableFlags flags) {
    std::string out;
    for (const LegacyEntry& entry : flatten_legacy(model, top, framework, flags)) {
        const Layer& layer = model.layers[entry.weight.layer];
        out += layer.name + "/" + layer.weights[entry.weight.weight].role + " ";
    }
    return out;
}

}  // namespace

TEST_CASE("layers are sorted by depth, then by first visit") {
    const Tree config =
        graph(entry("out", R"([["late",0,0,{}],["a",0,0,{}]])") + "," + entry("a", R"([["x",0,0,{}]])") +
                  "," + entry("late", R"([["a",0,0,{}]])") + "," + entry("x", ""),
              R"([["x",0,0]])", R"([["out",0,0]])");
    const GraphOrder order = keras3_graph_order(config);
    CHECK(order.complete);
    CHECK(order.positions == std::vector<std::uint32_t>{3, 1, 2, 0});
}

TEST_CASE("an incomplete graph keeps the order of the config") {
    const std::string x = entry("x", "");
    const std::vector<std::string> broken = {
        entry("d", R"([["nowhere",0,0,{}]])"),
        entry("d", R"([["x",0,0,{}]],[["d",5,0,{}]])"),
        entry("d", R"([["d",0,0,{}]])"),
        entry("x", R"([["x",0,0,{}]])"),
    };
    for (const std::string& bad : broken) {
        CAPTURE(bad);
        const GraphOrder order = keras3_graph_order(graph(bad + "," + x, R"([["x",0,0]])", R"([["d",0,0]])"));
        CHECK_FALSE(order.complete);
        CHECK(order.positions == std::vector<std::uint32_t>{0, 1});
    }
    CHECK_FALSE(keras3_graph_order(graph(x, "[]", "[]")).complete);
}

TEST_CASE("layers that no output needs come last") {
    const Tree config = graph(
        entry("lost", R"([["x",0,0,{}]])") + "," + entry("x", "") + "," + entry("d", R"([["x",0,0,{}]])"),
        R"([["x",0,0]])", R"([["d",0,0]])");
    CHECK(keras3_graph_order(config).positions == std::vector<std::uint32_t>{1, 2, 0});
}

TEST_CASE("a chain of 50,000 layers needs no stack") {
    std::string entries = entry("l0", "");
    for (int i = 1; i < 50'000; ++i) {
        entries += "," + entry("l" + std::to_string(i), R"([["l)" + std::to_string(i - 1) + R"(",0,0,{}]])");
    }
    const GraphOrder order = keras3_graph_order(graph(entries, R"([["l0",0,0]])", R"([["l49999",0,0]])"));
    CHECK(order.complete);
    CHECK(std::is_sorted(order.positions.begin(), order.positions.end()));
}

TEST_CASE("trainable flags decide the legacy order, and can be left aside") {
    const Model thawed = chain_of_frozen(false);
    const Model frozen = chain_of_frozen(true);
    const LayerId top = legacy_layers(frozen, Framework::tf_keras).at(0);
    const std::string plain =
        "a/kernel a/bias b/gamma b/beta c/kernel c/bias b/moving_mean b/moving_variance ";
    const std::string parted =
        "b/gamma b/beta c/kernel c/bias a/kernel a/bias b/moving_mean b/moving_variance ";
    for (const Framework framework : {Framework::tf_keras, Framework::keras3}) {
        CHECK(order_of(thawed, top, framework, TrainableFlags::as_config) == plain);
        CHECK(order_of(frozen, top, framework, TrainableFlags::as_config) == parted);
        CHECK(order_of(frozen, top, framework, TrainableFlags::all) == plain);
    }
}

TEST_CASE("Models with cycles, fans and dangling edges are walked in bounded time") {
    Model model;
    constexpr LayerId count = 64;
    for (LayerId id = 0; id < count; ++id) {
        Layer& layer = model.layers.emplace_back();
        layer.class_name = "Sequential";
        layer.name = "l" + std::to_string(id);
        layer.weights.push_back({"w", {}, {}, true, {}});
        // Twice to the next one: 2^63 ways to the last. Back to the first: a cycle. Out of range: ignored.
        for (const LayerId child : {id + 1, id + 1, LayerId{0}, LayerId{1'000'000}}) {
            layer.edges.push_back({Edge::Kind::container, {}, child});
        }
    }
    for (const Framework framework : {Framework::tf_keras, Framework::keras3}) {
        CHECK(flatten_legacy(model, 0, framework).size() == count);
        CHECK(v3_paths(model, framework).size() == count);
    }
    CHECK_FALSE(has_unknown_weights(model, 0));
    CHECK(flatten_legacy(model, 5000, Framework::keras3).empty());
}
