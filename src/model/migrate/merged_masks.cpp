// SPDX-License-Identifier: Apache-2.0
// Masks of merged tensors, see merged_masks.h.
//
// The rules are those of compute_mask() in layers/merging/base_merge.py and concatenate.py of tf_keras 2.21
// and Keras 3.15.1. A model called with `mask=` hands the mask to its inputs, so that a nested Sequential of
// one layer that copies (Rescaling by 1) gives any tensor any mask.
#include "model/migrate/merged_masks.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

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

/// The masks that are joined (a step counts where none masks it), each by the call that makes it; nothing:
/// not known.
using Masks = std::optional<std::set<std::string>>;

struct Call {
    const Tree* layer;
    const Tree* node;  ///< as the config has it
    std::string key;   ///< of its (first) output
    std::vector<std::string> inputs;
};

bool merges(const Tree& layer) {
    const std::string_view class_name = layer["class_name"].as_string();
    if (is_one_of(merging, class_name)) return true;
    // Along the steps, masks are put one after the other in both.
    return class_name == "Concatenate" && layer["config"]["axis"].as_int64().value_or(-1) != 1;
}

/// Which mask each tensor has in Keras 2.
class MaskFlow {
public:
    /// `nested`: the model's inputs may bring masks of their own.
    MaskFlow(const Tree& layers, bool nested) {
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
            for (const Call& call : calls_) {
                if (masks_.contains(call.key) ||
                    !std::ranges::all_of(call.inputs, [&](const std::string& input) {
                        return masks_.contains(first_output(input));
                    }))
                    continue;
                masks_[call.key] = mask_of(call);
                changed = true;
            }
        }
    }

    const std::vector<Call>& calls() const noexcept { return calls_; }
    Masks of(const std::string& tensor) const {
        const auto found = masks_.find(first_output(tensor));
        return found == masks_.end() ? std::nullopt : found->second;
    }
    /// The call that makes a mask; null where it comes with an input.
    const Call* maker(const std::string& key) const {
        const auto found = std::ranges::find(calls_, key, &Call::key);
        return found == calls_.end() ? nullptr : &*found;
    }

private:
    /// Layers of several outputs are none of those that pass masks here.
    static std::string first_output(const std::string& tensor) {
        return tensor.substr(0, tensor.rfind('\n')) + "\n0";
    }

    Masks joined(const Call& call) const {
        std::set<std::string> all;
        for (const std::string& input : call.inputs) {
            const Masks masks = of(input);
            if (!masks) return std::nullopt;
            all.insert(masks->begin(), masks->end());
            if (all.size() > most_joined) return std::nullopt;
        }
        return all;
    }

    Masks mask_of(const Call& call) const {
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
        if (merges(*call.layer) || (all && all->empty())) return all;
        if (!call_arguments(*call.node)["mask"].is_null()) return std::nullopt;
        if (is_one_of(passing, class_name)) return of(call.inputs.front());
        if (is_one_of(recurrent, class_name) || class_name == "Bidirectional") {
            const Tree& own = class_name == "Bidirectional" ? config["layer"]["config"] : config;
            if (!own["return_sequences"].as_bool().value_or(false)) return std::set<std::string>();
            return of(call.inputs.front());
        }
        return std::nullopt;
    }

    std::vector<Call> calls_;
    std::map<std::string, Masks> masks_;  ///< by tensor
};

class MergedMasks {
public:
    MergedMasks(Context& context, const Tree& layers)
        : context_(context), layers_(layers), flow_(layers, !context.path.empty()), names_(layers) {}

    Tree run() {
        for (const Call& call : flow_.calls())
            if (merges(*call.layer)) settle(call);
        for (const Call& call : flow_.calls())
            hand_over(call);
        if (replaced_.empty() && handed_.empty()) return layers_;
        Tree result = Tree::array();
        for (const Tree& layer : layers_.items()) {
            Tree reading = layer;
            Tree calls = with_references(layer["inbound_nodes"], [&](const Tree& leaf) {
                const auto held = replaced_.find(key_of(leaf));
                return held == replaced_.end() ? leaf : held->second;
            });
            for (std::size_t i = 0; i < calls.size(); ++i) {
                const auto mask = handed_.find(&layer["inbound_nodes"].at(i));
                if (mask != handed_.end()) set_mask(calls.mutable_items()[i], mask->second);
            }
            reading.set("inbound_nodes", std::move(calls));
            result.push_back(std::move(reading));
        }
        for (Tree& layer : added_.mutable_items())
            result.push_back(std::move(layer));
        return result;
    }

private:
    /// Keras 3 passes no mask to recurrent layers that are given states; called with it, they take it.
    void hand_over(const Call& call) {
        const std::string_view class_name = (*call.layer)["class_name"].as_string();
        if (call.inputs.empty() || !gives_states(class_name, *call.node) ||
            !call_arguments(*call.node)["mask"].is_null())
            return;
        const Masks masks = flow_.of(call.inputs.front());
        const auto outside = [&](const std::string& maker) { return flow_.maker(maker) == nullptr; };
        if (masks && !masks->empty() && std::ranges::none_of(*masks, outside))
            handed_[call.node] = mask_of(*masks);
    }

    /// Among the arguments of the call's first leaf.
    static void set_mask(Tree& call, const Tree& mask) {
        Tree* at = &call;
        while (!is_leaf(*at)) {
            if (at->size() == 0) return;
            at = at->is_object() ? &at->mutable_members().front().second : &at->mutable_items().front();
        }
        Tree arguments = at->size() > 3 ? at->at(3) : Tree::object();
        arguments.set("mask", mask);
        Tree leaf = Tree::Array{at->at(0), at->at(1), at->at(2)};
        leaf.push_back(std::move(arguments));
        *at = std::move(leaf);
    }

    void settle(const Call& call) {
        const Masks all = flow_.of(call.key);
        const auto same = [&](const std::string& input) { return flow_.of(input) == all; };
        if (all && std::ranges::all_of(call.inputs, same)) return;
        const std::string name((*call.layer)["name"].as_string());
        const Place place{context_.path + name, std::string((*call.layer)["class_name"].as_string())};
        const auto outside = [&](const std::string& maker) { return flow_.maker(maker) == nullptr; };
        if (!all || std::ranges::any_of(*all, outside)) {
            context_.note(
                NoteKind::changed, place,
                "Keras 2 masks the steps that any input masks, Keras 3 those that all mask, and none "
                "where an input has no mask: compare predictions");
            return;
        }
        hold(call, name, mask_of(*all));
        context_.note(
            NoteKind::replaced, place,
            "Keras 3 merges masks to others than Keras 2: operations make the mask, and a nested model "
            "(Rescaling by 1) holds it");
    }

    /// Adds the call of a tf function and gives a reference to its value.
    Tree function(std::string_view wanted, std::string_view what, const Tree& operand, Tree arguments) {
        Tree config = Tree::object();
        config.set("name", names_.fresh(std::string(wanted)));
        config.set("trainable", true);
        config.set("dtype", "float32");
        config.set("function", what);
        Tree reference = Tree::Array{config["name"], 0, 0};
        Tree leaf = operand;
        leaf.push_back(std::move(arguments));
        added_.push_back(old_layer("TFOpLambda", std::move(config), Tree::Array{std::move(leaf)}));
        return reference;
    }

    /// A reference to the mask that a layer makes.
    Tree made_mask(const std::string& maker) {
        const auto [found, fresh] = made_.emplace(maker, Tree());
        if (!fresh) return found->second;
        const Call& call = *flow_.maker(maker);
        const Tree& config = (*call.layer)["config"];
        const bool values = (*call.layer)["class_name"].as_string() == "Masking";
        const std::string name = std::string((*call.layer)["name"].as_string()) + "_mask";
        Tree compared = Tree::object();
        compared.set("y", values ? config["mask_value"] : Tree(0));
        Tree mask = function(name, "math.not_equal", reference_to(call.inputs.front()), std::move(compared));
        if (values) {
            Tree last = Tree::object();
            last.set("axis", -1);
            mask = function(name, "math.reduce_any", mask, std::move(last));
        }
        return found->second = mask;
    }

    Tree mask_of(const std::set<std::string>& makers) {
        Tree mask;
        for (const std::string& maker : makers) {
            const Tree made = made_mask(maker);
            Tree other = Tree::object();
            other.set("y", made);
            mask =
                mask.is_null() ? made : function("joined_mask", "math.logical_and", mask, std::move(other));
        }
        return mask;
    }

    void hold(const Call& call, const std::string& name, const Tree& mask) {
        Tree copy = Tree::object();
        copy.set("name", "copy");
        copy.set("trainable", true);
        copy.set("dtype", (*call.layer)["config"]["dtype"]);
        copy.set("scale", 1.0);
        copy.set("offset", 0.0);
        Tree inner = Tree::object();
        inner.set("class_name", "Rescaling");
        inner.set("config", std::move(copy));
        Tree config = Tree::object();
        config.set("name", names_.fresh(name + "_masked"));
        config.set("layers", Tree::Array{std::move(inner)});
        replaced_[call.key] = Tree::Array{config["name"], 0, 0};
        Tree arguments = Tree::object();
        arguments.set("mask", mask);
        Tree leaf = reference_to(call.key);
        leaf.push_back(std::move(arguments));
        added_.push_back(
            old_layer("Sequential", std::move(config), Tree::Array{Tree::Array{std::move(leaf)}}));
    }

    Context& context_;
    const Tree& layers_;
    MaskFlow flow_;
    LayerNames names_;
    std::map<std::string, Tree> made_;      ///< references to masks by the call that makes them in Keras 2
    std::map<std::string, Tree> replaced_;  ///< by tensor: what is read instead
    std::map<const Tree*, Tree> handed_;    ///< by call: the mask it is given
    Tree added_ = Tree::array();
};

}  // namespace

Tree with_merged_masks(Context& context, const Tree& layers) {
    return MergedMasks(context, layers).run();
}

}  // namespace ballast::migrate
