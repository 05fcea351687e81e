// SPDX-License-Identifier: Apache-2.0
// Paths of a Keras 3 weights file: the walk of Keras' own saver over a Model.
#include "model/paths.h"

#include <algorithm>
#include <array>
#include <utility>

#include "model/config.h"
#include "model/paths_walk.h"

namespace ballast {
namespace {

/// Classes of older Keras that Keras 3 has under another name (config migration writes that name).
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> successors = {{
    {"CuDNNLSTM", "lstm"},
    {"CuDNNGRU", "gru"},
    {"SyncBatchNormalization", "batch_normalization"},
    {"BatchNormalizationV1", "batch_normalization"},
    {"BatchNormalizationV2", "batch_normalization"},
    {"ThresholdedReLU", "re_lu"},
}};

std::string join(const std::string& path, std::string_view part) {
    return path.empty() ? std::string(part) : path + '/' + std::string(part);
}

/// False when a file showed other variables than the config promises (a layer quantized later).
bool covers(const layout::Variant& variant, const Layer& layer) {
    return std::ranges::all_of(layer.weights, [&](const Weight& weight) {
        return std::ranges::any_of(variant.weights,
                                   [&](const layout::OwnWeight& own) { return own.role == weight.role; });
    });
}

V3Group make_group(const Model& model, LayerId id, std::string path, const layout::Variant* variant,
                   layout::Framework flavor) {
    V3Group group{id, std::move(path), {}};
    const Layer& layer = model.layers[id];
    if (variant == nullptr || !covers(*variant, layer)) {
        for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
            group.variables.push_back({std::to_string(i), layer.weights[i].role, WeightRef{id, i}});
        }
        return group;
    }
    std::uint32_t ordinal = 0;
    for (const layout::OwnWeight& own : variant->weights) {
        if (own.not_in_v3.has(flavor)) continue;
        std::string key(own.key);
        if (key.empty()) key = std::to_string(ordinal++);
        std::optional<WeightRef> weight;
        if (const auto position = find_role(layer, own.role)) {
            weight = WeightRef{id, *position};
        } else {
            weight = same_variable(model, id, variant, own.role);
        }
        group.variables.push_back({std::move(key), std::string(own.role), weight});
    }
    return group;
}

/// One object on the way from the root to where the walk is.
struct Frame {
    LayerId layer = 0;
    std::string path;
    std::vector<Step> steps;
    std::size_t next = 0;
    KeyCounter counter;   ///< of the container being walked
    std::string counted;  ///< its path component
};

/// The path component of a step, or nothing when tf_keras passes over an object it has seen.
std::optional<std::string> component(Frame& frame, const Step& step, const Layer& child, bool seen,
                                     layout::Framework flavor) {
    if (step.kind == Edge::Kind::attribute) return step.stored;
    if (seen && flavor == layout::Framework::tf_keras) return std::nullopt;
    if (frame.counted != step.stored) {
        frame.counted = step.stored;
        frame.counter = KeyCounter();
    }
    return step.stored + '/' + frame.counter.next(v3_key(child, flavor));
}

}  // namespace

std::string KeyCounter::next(std::string_view key) {
    std::string text(key);
    const std::uint64_t count = used_[text]++;
    if (count > 0) text += '_' + std::to_string(count);
    return text;
}

std::string v3_key(const Layer& layer, layout::Framework flavor) {
    // A layer that only a file has told of: its place there says the class.
    if (layer.class_name.empty() && !layer.stored_key.empty()) {
        std::string_view key = layer.stored_key;
        key = key.substr(key.rfind('/') + 1);
        const std::size_t number = key.find_last_not_of("0123456789");
        return std::string(number != key.npos && number + 1 < key.size() && key[number] == '_'
                               ? key.substr(0, number)
                               : key);
    }
    if (!layer.package.empty()) return layout::snake_case(layer.class_name, flavor);
    if (layer.class_name == "Model") return "functional";
    const layout::ClassLayout* known = layout::find_class(layer.class_name);
    if (known != nullptr && known->frameworks.has(flavor)) return std::string(known->key);
    if (flavor == layout::Framework::keras3) {
        for (const auto& [old, key] : successors) {
            if (layer.class_name == old) return std::string(key);
        }
    }
    return layout::snake_case(layer.class_name, flavor);
}

std::vector<V3Group> v3_paths(const Model& model, layout::Framework flavor) {
    std::vector<V3Group> groups;
    if (!model.has_layers()) return groups;
    const auto variants = layer_variants(model, flavor);
    std::vector<bool> seen(model.layers.size(), false);
    std::vector<Frame> stack;
    const auto enter = [&](LayerId id, std::string path) {
        seen[id] = true;
        groups.push_back(make_group(model, id, path, variants[id], flavor));
        stack.push_back({id, std::move(path), v3_steps(model, id, variants[id], flavor), 0, {}, {}});
    };
    enter(model.root, {});
    while (!stack.empty()) {
        Frame& frame = stack.back();
        if (frame.next == frame.steps.size()) {
            stack.pop_back();
            continue;
        }
        const Step& step = frame.steps[frame.next++];
        const auto part = component(frame, step, model.layers[step.child], seen[step.child], flavor);
        if (part && !seen[step.child]) enter(step.child, join(frame.path, *part));
    }
    return groups;
}

}  // namespace ballast
