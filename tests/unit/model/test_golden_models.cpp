// SPDX-License-Identifier: Apache-2.0
// Orders, paths and roles against what the real Keras 3 and tf_keras did with the same models.
#include <doctest/doctest.h>

#include <set>

#include "golden_cases.h"
#include "model/naming.h"
#include "model/order.h"
#include "model/paths_walk.h"

using namespace ballast;
using namespace ballast::test;
using layout::Framework;

namespace {

/// The same layer object in two containers, in a dialect that does not mark it: the Model then holds it
/// twice, as the framework itself would after reading the config.
bool loses_sharing(const GoldenCase& one) {
    return one.name == "shared_with_nested";
}

std::vector<std::string> names_of(const Model& model, const std::vector<LayerId>& layers) {
    std::vector<std::string> out;
    for (const LayerId id : layers)
        out.push_back(model.layers[id].name);
    return out;
}

/// Without the layers whose default names differ between the frameworks.
std::vector<std::string> comparable(std::vector<std::string> names) {
    std::erase_if(names, [](const std::string& name) {
        return name.starts_with("input") || name.starts_with("model") || name.starts_with("functional");
    });
    return names;
}

/// The recorded variable's name in Keras 3: tf_keras names the kernel of DepthwiseConv differently.
std::string role_of(const GoldenCase& one, const Tree& number, bool depthwise) {
    const std::string name(one.data["roles"][number.number_text()].as_string());
    return depthwise && name == "depthwise_kernel" ? "kernel" : name;
}

bool is_depthwise(std::string_view path_or_name) {
    return path_or_name.find("depthwise_conv") != std::string_view::npos || path_or_name.starts_with("dw");
}

using Variables = std::vector<std::pair<std::string, std::string>>;  // key, role

std::map<std::string, Variables> recorded_groups(const GoldenCase& one) {
    std::map<std::string, Variables> out;
    for (const Tree& group : one.data["v3"].items()) {
        Variables variables;
        for (const Tree& item : group.at(2).items()) {
            variables.emplace_back(item.at(0).as_string(),
                                   role_of(one, item.at(2), is_depthwise(group.at(0).as_string())));
        }
        if (!variables.empty()) out.emplace(group.at(0).as_string(), std::move(variables));
    }
    return out;
}

std::map<std::string, Variables> computed_groups(const std::vector<V3Group>& groups) {
    std::map<std::string, Variables> out;
    for (const V3Group& group : groups) {
        Variables variables;
        for (const V3Variable& variable : group.variables)
            variables.emplace_back(variable.key, variable.role);
        if (!variables.empty()) out.emplace(group.path, std::move(variables));
    }
    return out;
}

std::vector<std::string> legacy_roles(const GoldenCase& one) {
    std::vector<std::string> out;
    for (const Tree& layer : one.data["legacy"].items()) {
        for (const Tree& item : layer.at(1).items()) {
            out.push_back(role_of(one, item.at(1), is_depthwise(layer.at(0).as_string())));
        }
    }
    return out;
}

}  // namespace

TEST_CASE("there are enough golden models") {
    CHECK(golden_cases().size() >= 80);
}

TEST_CASE("the dialect of a config is recognised") {
    for (const GoldenCase& one : golden_cases()) {
        CAPTURE(one.file);
        CHECK(config_framework(one.config()) == one.framework);
    }
}

TEST_CASE("model.layers is listed as the framework does") {
    for (const GoldenCase& one : golden_cases()) {
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        CHECK(names_of(model, container_children(model, model.root, one.framework)) ==
              strings(one.data["layers"]));
    }
}

TEST_CASE("Keras 3's layer order is computed from a Keras 2 config") {
    std::size_t checked = 0;
    for (const GoldenCase& one : golden_cases()) {
        if (!one.data["keras3"].is_array() || loses_sharing(one)) continue;
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        const auto names = names_of(model, container_children(model, model.root, Framework::keras3));
        CHECK(comparable(names) == comparable(strings(one.data["keras3"])));
        ++checked;
    }
    CHECK(checked > 30);
}

TEST_CASE("the order does not depend on how the config lists the layers") {
    std::size_t checked = 0;
    for (const GoldenCase& one : golden_cases()) {
        if (!one.data["reload"].is_array()) continue;
        CAPTURE(one.file);
        Tree config = one.config();
        Tree::Array& layers = config.find("config")->find("layers")->mutable_items();
        std::reverse(layers.begin(), layers.end());
        const Model model = model_from_config(config);
        CHECK(names_of(model, container_children(model, model.root, Framework::keras3)) ==
              strings(one.data["reload"]));
        ++checked;
    }
    CHECK(checked > 10);
}

TEST_CASE("v3 groups have the paths, keys and roles of the real file") {
    for (const GoldenCase& one : golden_cases()) {
        if (loses_sharing(one)) continue;
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        CHECK(computed_groups(v3_paths(model, one.framework)) == recorded_groups(one));
    }
}

TEST_CASE("v3 groups come in the order in which the framework saves") {
    for (const GoldenCase& one : golden_cases()) {
        if (loses_sharing(one)) continue;
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        const auto groups = v3_paths(model, one.framework);
        std::vector<std::string> computed;
        for (const V3Group& group : groups)
            computed.push_back(group.path);
        std::vector<std::string> recorded;
        for (const Tree& group : one.data["v3"].items()) {
            // Both also visit helper objects without variables (dropout in attention, the untouched layer of
            // a Bidirectional in tf_keras): below a layer, not in a container.
            const std::string path(group.at(0).as_string());
            const bool known = std::find(computed.begin(), computed.end(), path) != computed.end();
            const auto parent = path.substr(0, std::min(path.size(), path.rfind('/')));
            if (known || group.at(2).size() > 0 || parent.ends_with("layers")) recorded.push_back(path);
        }
        CHECK(computed == recorded);
    }
}

TEST_CASE("names in v3 files are the layer names") {
    for (const GoldenCase& one : golden_cases()) {
        if (one.framework != Framework::keras3 || loses_sharing(one)) continue;
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        std::map<std::string, std::string> names;
        for (const Tree& group : one.data["v3"].items())
            names.emplace(group.at(0).as_string(), group.at(1).as_string());
        for (const V3Group& group : v3_paths(model, one.framework)) {
            // Cells and the like take their names from counters that no config keeps.
            if (model.layers[group.layer].config.is_null() || group.path.empty()) continue;
            CAPTURE(group.path);
            CHECK(names[group.path] == model.layers[group.layer].name);
        }
    }
}

TEST_CASE("a Keras 2 config gives the paths of the same model in Keras 3, and the other way round") {
    std::size_t checked = 0;
    for (const GoldenCase& one : golden_cases()) {
        const bool keras3 = one.framework == Framework::keras3;
        const GoldenCase* twin = find_case((keras3 ? "tf_keras-" : "keras3-") + one.name + ".json");
        if (twin == nullptr || loses_sharing(one)) continue;
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        CHECK(computed_groups(v3_paths(model, twin->framework)) == recorded_groups(*twin));
        ++checked;
    }
    CHECK(checked > 60);
}

TEST_CASE("legacy files hold the layers and weights in our order") {
    for (const GoldenCase& one : golden_cases()) {
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        const Numbers numbers = number_weights(one, v3_paths(model, one.framework));
        const auto layers = legacy_layers(model, one.framework);
        const auto& recorded = one.data["legacy"].items();
        REQUIRE(layers.size() == recorded.size());
        for (std::size_t i = 0; i < layers.size(); ++i) {
            CAPTURE(model.layers[layers[i]].name);
            CHECK(model.layers[layers[i]].name == recorded[i].at(0).as_string());
            const auto entries = flatten_legacy(model, layers[i], one.framework);
            REQUIRE(entries.size() == recorded[i].at(1).size());
            if (loses_sharing(one)) continue;
            std::vector<std::int64_t> computed;
            for (const LegacyEntry& entry : entries) {
                const auto found = numbers.find({entry.weight.layer, entry.weight.weight});
                computed.push_back(found == numbers.end() ? -1 : found->second);
                for (const WeightRef& copy : entry.copies) {
                    const auto same = numbers.find({copy.layer, copy.weight});
                    if (same != numbers.end()) CHECK(same->second == computed.back());
                }
            }
            std::vector<std::int64_t> expected;
            for (const Tree& item : recorded[i].at(1).items())
                expected.push_back(item.at(1).as_int64().value_or(-2));
            CHECK(computed == expected);
        }
    }
}

TEST_CASE("one framework's legacy order is computed from the other's config") {
    std::size_t checked = 0;
    for (const GoldenCase& one : golden_cases()) {
        const bool keras3 = one.framework == Framework::keras3;
        const GoldenCase* twin = find_case((keras3 ? "tf_keras-" : "keras3-") + one.name + ".json");
        if (twin == nullptr) continue;
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        std::vector<std::string> roles;
        for (const LayerId layer : legacy_layers(model, twin->framework)) {
            for (const LegacyEntry& entry : flatten_legacy(model, layer, twin->framework)) {
                roles.push_back(model.layers[entry.weight.layer].weights[entry.weight.weight].role);
            }
        }
        CHECK(roles == legacy_roles(*twin));
        ++checked;
    }
    CHECK(checked > 60);
}

TEST_CASE("canonical names are unique and complete") {
    for (const GoldenCase& one : golden_cases()) {
        CAPTURE(one.file);
        const Model model = model_from_config(one.config());
        const auto names = canonical_weight_names(model);
        REQUIRE(names.size() == model.layers.size());
        std::set<std::string> seen;
        for (std::size_t id = 0; id < names.size(); ++id) {
            REQUIRE(names[id].size() == model.layers[id].weights.size());
            for (const std::string& name : names[id])
                CHECK(seen.insert(name).second);
        }
    }
}
