// SPDX-License-Identifier: Apache-2.0
// Masks of tensors, see mask_flow.h.
//
// The rules are those of compute_mask() in layers/merging/base_merge.py and concatenate.py of tf_keras 2.21
// and Keras 3.15.1.
#include "model/migrate/mask_flow.h"

#include <algorithm>
#include <array>

#include "model/migrate/graph.h"
#include "model/migrate/old_calls.h"

namespace ballast::migrate {
namespace {

constexpr std::array<std::string_view, 6> merging = {"Add",     "Subtract", "Multiply",
                                                     "Average", "Maximum",  "Minimum"};
/// Their output has the mask of their first input.
constexpr std::array<std::string_view, 28> passing = {"Activation",
                                                      "ActivityRegularization",
                                                      "AlphaDropout",
                                                      "BatchNormalization",
                                                      "Dense",
                                                      "Dropout",
                                                      "ELU",
                                                      "GaussianDropout",
                                                      "GaussianNoise",
                                                      "LayerNormalization",
                                                      "LeakyReLU",
                                                      "MultiHeadAttention",
                                                      "PReLU",
                                                      "ReLU",
                                                      "Softmax",
                                                      "SpatialDropout1D",
                                                      "ThresholdedReLU",
                                                      "UnitNormalization",
                                                      "Attention",
                                                      "AdditiveAttention",
                                                      "GroupNormalization",
                                                      "EinsumDense",
                                                      "Rescaling",
                                                      "Identity",
                                                      "SpectralNormalization",
                                                      "SyncBatchNormalization",
                                                      "Normalization",
                                                      "TimeDistributed"};
/// Their output has it where they return sequences.
constexpr std::array<std::string_view, 6> recurrent = {"LSTM",      "GRU",      "SimpleRNN",
                                                       "CuDNNLSTM", "CuDNNGRU", "RNN"};
/// Their output has no mask.
constexpr std::array<std::string_view, 18> dropping = {"InputLayer",
                                                       "Flatten",
                                                       "Reshape",
                                                       "Permute",
                                                       "RepeatVector",
                                                       "TFOpLambda",
                                                       "SlicingOpLambda",
                                                       "Conv1D",
                                                       "SeparableConv1D",
                                                       "MaxPooling1D",
                                                       "AveragePooling1D",
                                                       "GlobalMaxPooling1D",
                                                       "GlobalAveragePooling1D",
                                                       "Dot",
                                                       "CategoryEncoding",
                                                       "Conv2D",
                                                       "Cropping1D",
                                                       "ZeroPadding1D"};

/// Of configs that people have; hostile ones are not followed further.
constexpr int most_passes = 16;
constexpr std::size_t most_joined = 16;

bool is_one_of(const auto& classes, std::string_view class_name) {
    return std::ranges::find(classes, class_name) != classes.end();
}

/// Layers of several outputs are none of those that pass masks here.
std::string first_output(const std::string& tensor) {
    return tensor.substr(0, tensor.rfind('\n')) + "\n0";
}

}  // namespace

bool is_merging(std::string_view class_name) {
    return is_one_of(merging, class_name);
}

bool merges_masks(const Tree& layer) {
    const std::string_view class_name = layer["class_name"].as_string();
    if (is_merging(class_name)) return true;
    // Along the steps, masks are put one after the other in both.
    return class_name == "Concatenate" && layer["config"]["axis"].as_int64().value_or(-1) != 1;
}

MaskFlow::MaskFlow(const Tree& layers, bool nested, Rule rule) : rule_(rule) {
    for (const Tree& layer : layers.items()) {
        std::int64_t number = 0;
        const std::string name(layer["name"].as_string());
        for (const Tree& call : layer["inbound_nodes"].items())
            calls_.push_back({&layer, &call, key_of(Tree::Array{name, number++, 0}), tensors_of(call)});
        if (number != 0) continue;
        const std::string key = key_of(Tree::Array{name, 0, 0});
        masks_[key] = nested ? std::set<std::string>{key} : std::set<std::string>();
    }
    // In the order of the config nearly all are known in one pass; what many do not tell is not known.
    bool changed = true;
    for (int pass = 0; changed && pass < most_passes; ++pass) {
        changed = false;
        for (const MaskedCall& call : calls_) {
            if (masks_.contains(call.key) || !std::ranges::all_of(call.inputs, [&](const std::string& input) {
                    return masks_.contains(first_output(input));
                }))
                continue;
            masks_[call.key] = mask_of(call);
            changed = true;
        }
    }
}

Masks MaskFlow::of(const std::string& tensor) const {
    const auto found = masks_.find(first_output(tensor));
    return found == masks_.end() ? std::nullopt : found->second;
}

const MaskedCall* MaskFlow::maker(const std::string& key) const {
    const auto found = std::ranges::find(calls_, key, &MaskedCall::key);
    return found == calls_.end() ? nullptr : &*found;
}

Masks MaskFlow::joined(const MaskedCall& call) const {
    std::set<std::string> all;
    for (const std::string& input : call.inputs) {
        const Masks masks = of(input);
        if (!masks) return std::nullopt;
        all.insert(masks->begin(), masks->end());
        if (all.size() > most_joined) return std::nullopt;
    }
    return all;
}

Masks MaskFlow::merged(const MaskedCall& call) const {
    const Masks all = joined(call);
    const auto same = [&](const std::string& input) { return of(input) == all; };
    const auto bare = [&](const std::string& input) { return of(input)->empty(); };
    if (rule_ == Rule::keras2 || !all || std::ranges::all_of(call.inputs, same)) return all;
    // A step of an input without a mask counts, and with it the step of all.
    if (std::ranges::any_of(call.inputs, bare)) return std::set<std::string>();
    return std::set<std::string>{call.key};
}

Masks MaskFlow::mask_of(const MaskedCall& call) const {
    const std::string_view class_name = (*call.layer)["class_name"].as_string();
    const Tree& config = (*call.layer)["config"];
    if (call.inputs.empty()) return std::nullopt;  // of constants
    if (class_name == "Masking") return std::set<std::string>{call.key};
    if (class_name == "Embedding") {
        if (config["mask_zero"].as_bool().value_or(false)) return std::set<std::string>{call.key};
        return std::set<std::string>();
    }
    if (is_one_of(dropping, class_name)) return std::set<std::string>();
    const Masks all = joined(call);
    if (merges_masks(*call.layer)) return merged(call);
    if ((all && all->empty())) return all;
    if (!call_arguments(*call.node)["mask"].is_null()) return std::nullopt;
    if (is_one_of(passing, class_name)) return of(call.inputs.front());
    if (is_one_of(recurrent, class_name) || class_name == "Bidirectional") {
        const Tree& own = class_name == "Bidirectional" ? config["layer"]["config"] : config;
        if (!own["return_sequences"].as_bool().value_or(false)) return std::set<std::string>();
        return of(call.inputs.front());
    }
    return std::nullopt;
}

}  // namespace ballast::migrate
