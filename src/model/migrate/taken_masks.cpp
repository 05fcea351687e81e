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

#include "model/migrate/graph.h"

namespace ballast::migrate {
namespace {

constexpr std::string_view taker = "MultiHeadAttention";
/// They go by the masks that are left: where the taker's output comes in as well, that one's.
constexpr std::array<std::string_view, 6> merging = {"Add",     "Subtract", "Multiply",
                                                     "Average", "Maximum",  "Minimum"};
/// They neither read a mask nor hand it on, in either framework.
constexpr std::array<std::string_view, 3> blind = {"TFOpLambda", "SlicingOpLambda", "Flatten"};

bool is_one_of(const auto& classes, std::string_view class_name) {
    return std::ranges::find(classes, class_name) != classes.end();
}

std::string key_of(const Tree& leaf) {
    const auto number = [&](std::size_t at) { return std::to_string(leaf.at(at).as_int64().value_or(0)); };
    return std::string(leaf.at(0).as_string()) + '\n' + number(1) + '\n' + number(2);
}

/// The tensors that a call is given, its keyword arguments among them.
std::set<std::string> tensors_of(const Tree& call) {
    std::set<std::string> tensors;
    std::vector<const Tree*> pending = {&call};
    while (!pending.empty()) {
        const Tree& value = *pending.back();
        pending.pop_back();
        if (is_leaf(value)) {
            tensors.insert(key_of(value));
            for (const auto& [name, argument] : call_arguments(value).members())
                pending.push_back(&argument);
            continue;
        }
        for (const Tree& item : value.items())
            pending.push_back(&item);
    }
    return tensors;
}

std::string layer_of(const std::string& key) {
    return key.substr(0, key.find('\n'));
}

/// Who reads what in a functional model.
class Reading {
public:
    explicit Reading(const Tree& layers) {
        for (const Tree& layer : layers.items()) {
            const std::string name(layer["name"].as_string());
            const std::string_view class_name = layer["class_name"].as_string();
            if (is_one_of(merging, class_name)) merges_.insert(name);
            for (const Tree& call : layer["inbound_nodes"].items()) {
                for (const std::string& tensor : tensors_of(call)) {
                    inputs_[name].insert(layer_of(tensor));
                    if (!is_one_of(blind, class_name)) readers_[tensor].insert(name);
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
        if (!merges_.contains(layer)) return false;
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

    std::map<std::string, std::set<std::string>> readers_;  ///< layers by tensor
    std::map<std::string, std::set<std::string>> inputs_;   ///< layers by the layer that reads them
    std::set<std::string> merges_;
};

class Copies {
public:
    Copies(Context& context, const Tree& layers) : context_(context), reading_(layers) {
        for (const Tree& layer : layers.items())
            names_.insert(std::string(layer["name"].as_string()));
    }

    Tree run(const Tree& layers) {
        Tree result = Tree::array();
        for (const Tree& layer : layers.items()) {
            const std::string name(layer["name"].as_string());
            if (layer["class_name"].as_string() == taker) shared_ = reading_.shared_with(name);
            if (shared_.empty()) {
                result.push_back(layer);
                continue;
            }
            of_tensor_.clear();
            Tree taking = layer;
            taking.set("inbound_nodes", rewritten(layer, layer["inbound_nodes"], result));
            result.push_back(std::move(taking));
            tell(name);
            shared_.clear();
        }
        return result;
    }

private:
    /// The calls with references to copies; the copies go to `layers`.
    Tree rewritten(const Tree& layer, const Tree& value, Tree& layers) {
        if (is_leaf(value)) {
            Tree leaf = value;
            if (shared_.contains(key_of(value))) {
                const Tree arguments = value.size() > 3 ? value.at(3) : Tree::object();
                leaf = reference(copy_of(layer, value, layers));
                if (value.size() > 3) leaf.push_back(arguments);
            }
            if (leaf.size() < 4) return leaf;
            Tree whole = Tree::array();
            for (std::size_t i = 0; i < 3; ++i)
                whole.push_back(leaf.at(i));
            whole.push_back(rewritten(layer, leaf.at(3), layers));
            return whole;
        }
        if (value.is_array()) {
            Tree items = Tree::array();
            for (const Tree& item : value.items())
                items.push_back(rewritten(layer, item, layers));
            return items;
        }
        if (!value.is_object()) return value;
        Tree members = Tree::object();
        for (const auto& [key, item] : value.members())
            members.set(key, rewritten(layer, item, layers));
        return members;
    }

    static Tree reference(const std::string& name) {
        Tree leaf = Tree::array();
        leaf.push_back(name);
        leaf.push_back(0);
        leaf.push_back(0);
        return leaf;
    }

    std::string copy_of(const Tree& layer, const Tree& leaf, Tree& layers) {
        std::string& name = of_tensor_[key_of(leaf)];
        if (!name.empty()) return name;
        const std::string wanted = std::string(layer["name"].as_string()) + "_copy";
        name = wanted;
        for (int number = 1; !names_.insert(name).second; ++number)
            name = wanted + "_" + std::to_string(number);
        Tree config = Tree::object();
        config.set("name", name);
        config.set("trainable", true);
        config.set("dtype", layer["config"]["dtype"]);
        config.set("scale", 1.0);
        config.set("offset", 0.0);
        Tree call = Tree::array();
        for (std::size_t i = 0; i < 3; ++i)
            call.push_back(leaf.at(i));
        call.push_back(Tree::object());
        Tree calls = Tree::array(), list = Tree::array();
        list.push_back(std::move(call));
        calls.push_back(std::move(list));
        Tree copy = Tree::object();
        copy.set("class_name", "Rescaling");
        copy.set("config", std::move(config));
        copy.set("name", name);
        copy.set("inbound_nodes", std::move(calls));
        layers.push_back(std::move(copy));
        return name;
    }

    void tell(const std::string& name) {
        std::set<std::string> others;
        for (const auto& [tensor, list] : shared_)
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
    std::set<std::string> names_;
    std::map<std::string, std::string>
        shared_;  ///< of the layer at hand: its tensors with their other readers
    std::map<std::string, std::string> of_tensor_;  ///< the copies it reads
};

}  // namespace

Tree with_masks_kept(Context& context, const Tree& layers) {
    return Copies(context, layers).run(layers);
}

}  // namespace ballast::migrate
