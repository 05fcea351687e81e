// SPDX-License-Identifier: Apache-2.0
// Masks that layers take off what they are called with.
//
// Found by trying, and in keras/src/layers/attention/multi_head_attention.py of 3.15.1: its call() removes
// the mask from its query, value and key themselves, so that whoever reads the same tensor later finds none.
// The layers of Keras 2 leave it. A copy of the tensor keeps the mask for the others: Rescaling by 1 makes
// one and hands the mask on; layers that do nothing (Identity) hand on the tensor itself.
#include "model/migrate/taken_masks.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "model/migrate/mask_flow.h"
#include "model/migrate/old_calls.h"

namespace ballast::migrate {
namespace {

constexpr std::string_view taker = "MultiHeadAttention";
/// They neither read a mask nor hand it on, in either framework.
constexpr std::array<std::string_view, 3> blind = {"TFOpLambda", "SlicingOpLambda", "Flatten"};

bool is_blind(std::string_view class_name) {
    return std::ranges::find(blind, class_name) != blind.end();
}

/// Who reads what in a functional model.
class Reading {
public:
    /// `while_it_runs`: masks of merged tensors are found while the model runs, not while it is built.
    Reading(const Tree& layers, bool while_it_runs) : while_it_runs_(while_it_runs) {
        for (const Tree& layer : layers.items()) {
            const std::string name(layer["name"].as_string());
            const std::string_view class_name = layer["class_name"].as_string();
            // They go by the masks that are left: where the taker's output comes in as well, that one's.
            if (is_merging(class_name)) merges_.insert(name);
            for (const Tree& call : layer["inbound_nodes"].items()) {
                for (const std::string& tensor : tensors_of(call)) {
                    inputs_[name].insert(layer_of(tensor));
                    if (!is_blind(class_name)) readers_[tensor].insert(name);
                }
            }
        }
    }

    /// What the taker reads that others need the mask of, and who they are.
    std::map<std::string, std::string> shared_with(const std::string& name) const {
        std::map<std::string, std::string> shared;
        for (const auto& [tensor, readers] : readers_) {
            if (!readers.contains(name)) continue;
            for (const std::string& other : readers)
                if (other != name && !joins(other, name))
                    shared[tensor] += (shared[tensor].empty() ? "'" : ", '") + other + "'";
        }
        return shared;
    }

private:
    /// Whether it adds (or the like) what comes from the taker, be it by way of layers with one input.
    bool joins(const std::string& layer, const std::string& name) const {
        constexpr int far = 16;
        if (while_it_runs_ || !merges_.contains(layer)) return false;
        return std::ranges::any_of(inputs_.at(layer), [&](const std::string& input) {
            std::string at = input;
            for (int steps = 0; steps < far && at != name; ++steps) {
                const auto before = inputs_.find(at);
                if (before == inputs_.end() || before->second.size() != 1) return false;
                at = *before->second.begin();
            }
            return at == name;
        });
    }

    bool while_it_runs_;
    std::map<std::string, std::set<std::string>> readers_;  ///< layers by tensor
    std::map<std::string, std::set<std::string>> inputs_;   ///< layers by the layer that reads them
    std::set<std::string> merges_;
};

class Copies {
public:
    Copies(Context& context, const Tree& layers, bool while_it_runs)
        : context_(context), reading_(layers, while_it_runs), names_(layers) {}

    Tree run(const Tree& layers) {
        Tree result = Tree::array();
        for (const Tree& layer : layers.items()) {
            const std::string name(layer["name"].as_string());
            std::map<std::string, std::string> shared;
            if (layer["class_name"].as_string() == taker) shared = reading_.shared_with(name);
            if (shared.empty()) {
                result.push_back(layer);
                continue;
            }
            std::map<std::string, Tree> copies;
            for (const auto& [tensor, others] : shared)
                copies[tensor] = copy_of(layer, tensor, result);
            Tree taking = layer;
            taking.set("inbound_nodes", with_references(layer["inbound_nodes"], [&](const Tree& leaf) {
                           const auto copy = copies.find(key_of(leaf));
                           return copy == copies.end() ? leaf : copy->second;
                       }));
            result.push_back(std::move(taking));
            tell(name, shared);
        }
        return result;
    }

private:
    /// A reference to the copy, which goes to `layers`.
    Tree copy_of(const Tree& layer, const std::string& tensor, Tree& layers) {
        Tree config = Tree::object();
        config.set("name", names_.fresh(std::string(layer["name"].as_string()) + "_copy"));
        config.set("trainable", true);
        config.set("dtype", layer["config"]["dtype"]);
        config.set("scale", 1.0);
        config.set("offset", 0.0);
        Tree reference = Tree::Array{config["name"], 0, 0};
        Tree leaf = reference_to(tensor);
        leaf.push_back(Tree::object());
        layers.push_back(
            old_layer("Rescaling", std::move(config), Tree::Array{Tree::Array{std::move(leaf)}}));
        return reference;
    }

    void tell(const std::string& name, const std::map<std::string, std::string>& shared) {
        std::set<std::string> others;
        for (const auto& [tensor, list] : shared)
            others.insert(list);
        std::string text;
        for (const std::string& list : others)
            text += (text.empty() ? "" : ", ") + list;
        context_.note(
            NoteKind::replaced, {context_.path + name, std::string(taker)},
            "in Keras 3 it takes the mask off its inputs: it now reads copies (Rescaling by 1), so that " +
                text + " still find it");
    }

    Context& context_;
    Reading reading_;
    LayerNames names_;
};

}  // namespace

Tree with_masks_kept(Context& context, const Tree& layers, bool while_it_runs) {
    return Copies(context, layers, while_it_runs).run(layers);
}

}  // namespace ballast::migrate
