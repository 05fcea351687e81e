// SPDX-License-Identifier: Apache-2.0
// Masks of merged tensors, see merged_masks.h.
//
// The rules are those of compute_mask() in layers/merging/base_merge.py and concatenate.py of tf_keras 2.21
// and Keras 3.15.1. A model called with `mask=` hands the mask to its inputs, so that a nested Sequential of
// one layer that copies (Rescaling by 1) gives any tensor any mask.
#include "model/migrate/merged_masks.h"

#include <algorithm>
#include <map>
#include <set>

#include "model/migrate/graph.h"
#include "model/migrate/mask_flow.h"
#include "model/migrate/old_calls.h"

namespace ballast::migrate {
namespace {

class MergedMasks {
public:
    MergedMasks(Context& context, const Tree& layers)
        : context_(context),
          layers_(layers),
          flow_(layers, !context.path.empty(), MaskFlow::Rule::keras2),
          names_(layers) {}

    Tree run() {
        for (const MaskedCall& call : flow_.calls())
            if (merges_masks(*call.layer)) settle(call);
        for (const MaskedCall& call : flow_.calls())
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
    void hand_over(const MaskedCall& call) {
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

    void settle(const MaskedCall& call) {
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
        const MaskedCall& call = *flow_.maker(maker);
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

    void hold(const MaskedCall& call, const std::string& name, const Tree& mask) {
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
