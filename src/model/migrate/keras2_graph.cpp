// SPDX-License-Identifier: Apache-2.0
// Keras 3 to Keras 2: the nodes of a Functional, see keras2.h.
#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "model/migrate/keras2.h"

namespace ballast::migrate {
namespace {

/// Arguments of calls that Keras 3 gives by position and Keras 2 by name.
struct Positions {
    std::string_view class_name;
    std::array<std::string_view, 2> names;
};
constexpr Positions positions[] = {
    {"MultiHeadAttention", {"value", "key"}},
};

/// Recurrent layers take their states in the list of their inputs.
constexpr std::string_view recurrent[] = {"RNN",           "LSTM",       "GRU",        "SimpleRNN",
                                          "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"};

bool is_operation(const Tree& layer) {
    return layer["module"].as_string().starts_with("keras.src.ops.");
}

/// Some operations have none in their config.
std::string_view name_of(const Tree& layer) {
    const Tree& own = layer["config"]["name"];
    return own.is_string() ? own.as_string() : layer["name"].as_string();
}

const Tree& history(const Tree& tensor) {
    return tensor["config"]["keras_history"];
}

class Graph {
public:
    Graph(Context& context, const Tree& config, const Shifts& shifts)
        : context_(context), config_(config), shifts_(shifts) {}

    Tree run() {
        std::vector<Tree> layers;
        for (const Tree& layer : config_["layers"].items())
            layers.push_back(is_operation(layer) ? operation(layer) : plain(layer));
        return without_masks(std::move(layers));
    }

private:
    /// Operations that nothing refers to any more only made masks.
    Tree without_masks(std::vector<Tree> layers) {
        const auto& given = config_["layers"];
        std::set<std::string> ends;
        add_names(config_["output_layers"], ends);
        std::vector<bool> gone(layers.size());
        for (bool changed = true; changed;) {
            changed = false;
            std::set<std::string> needed = ends;
            for (std::size_t i = 0; i < layers.size(); ++i)
                if (!gone[i]) needed.insert(reads_[i].begin(), reads_[i].end());
            for (std::size_t i = 0; i < layers.size(); ++i) {
                const std::string name(layers[i]["name"].as_string());
                if (gone[i] || !is_operation(given.at(i)) || needed.contains(name)) continue;
                gone[i] = changed = true;
            }
        }
        Tree result = Tree::array();
        for (std::size_t i = 0; i < layers.size(); ++i)
            if (!gone[i]) result.push_back(std::move(layers[i]));
        return result;
    }

    static void add_names(const Tree& ends, std::set<std::string>& names) {
        std::vector<const Tree*> pending = {&ends};
        while (!pending.empty()) {
            const Tree& tree = *pending.back();
            pending.pop_back();
            if (tree.is_string()) names.emplace(tree.as_string());
            for (const Tree& item : tree.items())
                pending.push_back(&item);
            for (const Tree::Member& member : tree.members())
                pending.push_back(&member.second);
        }
    }

    Place place_of(const Tree& layer) const {
        return {context_.path + std::string(name_of(layer)), std::string(layer["class_name"].as_string())};
    }

    void refuse(const Tree& layer, std::string why) {
        context_.note(NoteKind::refused, place_of(layer), std::move(why));
    }

    /// [layer, call, index].
    Tree reference(const Tree& tensor) {
        const Tree& from = history(tensor);
        const std::string name(from.at(0).as_string());
        reads_.back().insert(name);
        const auto shift = shifts_.calls.find(name);
        Tree result = Tree::array();
        result.push_back(name);
        result.push_back(from.at(1).as_int64().value_or(0) +
                         (shift == shifts_.calls.end() ? 0 : shift->second));
        result.push_back(from.at(2));
        return result;
    }

    /// A structure of arguments with references for tensors.
    Tree with_references(const Tree& value) {
        if (is_tensor(value)) return reference(value);
        if (value["class_name"].as_string() == "__slice__") return value["config"];
        if (value.is_array()) {
            Tree list = Tree::array();
            for (const Tree& item : value.items())
                list.push_back(with_references(item));
            return list;
        }
        return plain_value(value);
    }

    Tree leaf(const Tree& tensor, const Tree& kwargs) {
        Tree result = reference(tensor);
        result.push_back(kwargs);
        return result;
    }

    /// The first argument with the call's keyword arguments at every tensor.
    Tree call_of(const Tree& layer, const Tree& first, const Tree& kwargs, bool in_list) {
        if (is_tensor(first)) {
            if (!in_list) return leaf(first, kwargs);
            Tree list = Tree::array();
            list.push_back(leaf(first, kwargs));
            return list;
        }
        if (first.is_array() && first.size() != 0) {
            Tree list = Tree::array();
            for (const Tree& item : first.items())
                list.push_back(call_of(layer, item, kwargs, false));
            return list;
        }
        if (first.is_object() && first["class_name"].is_null()) {
            Tree object = Tree::object();
            for (const auto& [key, item] : first.members())
                object.set(key, call_of(layer, item, kwargs, false));
            return object;
        }
        if (!in_list && first.is_number()) {
            Tree constant = Tree::array();
            constant.push_back("_CONSTANT_VALUE");
            constant.push_back(-1);
            constant.push_back(first);
            constant.push_back(kwargs);
            return constant;
        }
        refuse(layer, "a call with an argument that Keras 2 cannot store");
        return Tree::array();
    }

    const Tree* layer_named(std::string_view name) const {
        const auto& layers = config_["layers"].items();
        const auto found =
            std::ranges::find_if(layers, [&](const Tree& layer) { return name_of(layer) == name; });
        return found == layers.end() ? nullptr : &*found;
    }

    /// Whether an Embedding or a Masking layer makes a mask of what is compared here.
    bool is_compared_for_mask(const Tree& comparison) const {
        const Tree& compared = history(comparison["inbound_nodes"].at(0)["args"].at(0));
        return std::ranges::any_of(config_["layers"].items(), [&](const Tree& layer) {
            const bool makes =
                layer["class_name"].as_string() == "Masking" || layer["config"]["mask_zero"] == Tree(true);
            const auto& calls = layer["inbound_nodes"].items();
            return makes && std::ranges::any_of(calls, [&](const Tree& call) {
                       return history(call["args"].at(0)) == compared;
                   });
        });
    }

    /// Keras 2 makes masks itself where Keras 3 stores the operations that make them; but merges them
    /// otherwise.
    bool is_made_mask(const Tree& mask) const {
        std::vector<const Tree*> pending = {&mask};
        std::set<std::string_view> seen;
        while (!pending.empty()) {
            const Tree& value = *pending.back();
            pending.pop_back();
            for (const Tree& item : value.items())
                pending.push_back(&item);
            if (!is_tensor(value) || !seen.insert(history(value).at(0).as_string()).second) continue;
            const Tree* maker = layer_named(history(value).at(0).as_string());
            if (maker == nullptr || !is_operation(*maker)) return false;
            if ((*maker)["class_name"].as_string() == "LogicalOr") return false;  // of merged masks
            if ((*maker)["class_name"].as_string() != "NotEqual")
                pending.push_back(&(*maker)["inbound_nodes"].at(0)["args"]);
            else if (!is_compared_for_mask(*maker))
                return false;
        }
        return true;
    }

    Tree plain(const Tree& layer) {
        Tree result = layer_for_keras2(context_, layer);
        reads_.emplace_back();
        Tree calls = Tree::array();
        for (const Tree& call : layer["inbound_nodes"].items()) {
            Tree first = call["args"].at(0);
            Tree kwargs = Tree::object();
            take_positions(layer, call["args"], kwargs);
            for (const auto& [key, value] : call["kwargs"].members()) {
                if (value.is_null() || (key == "mask" && is_tensor(value) && is_made_mask(value))) continue;
                if (key == "initial_state" && takes_states(layer)) {
                    first = with_states(first, value);
                    note_mask(layer, call);
                } else {
                    kwargs.set(key, with_references(value));
                }
            }
            calls.push_back(call_of(layer, first, kwargs, true));
        }
        result.set("name", layer["config"]["name"]);
        result.set("inbound_nodes", std::move(calls));
        return result;
    }

    /// Found by trying: Keras 3 hands no mask on when it is given states.
    void note_mask(const Tree& layer, const Tree& call) {
        const bool made = std::ranges::any_of(config_["layers"].items(), [](const Tree& other) {
            const std::string_view name = other["class_name"].as_string();
            return name == "Masking" || other["config"]["mask_zero"] == Tree(true);
        });
        if (made && call["kwargs"]["mask"].is_null())
            context_.note(NoteKind::changed, place_of(layer),
                          "Keras 3 ignores the mask of a sequence that comes with states, Keras 2 does not");
    }

    static bool takes_states(const Tree& layer) {
        return std::ranges::find(recurrent, layer["class_name"].as_string()) != std::end(recurrent);
    }

    static Tree with_states(const Tree& first, const Tree& states) {
        Tree list = Tree::array();
        list.push_back(first);
        if (is_tensor(states)) list.push_back(states);
        for (const Tree& state : states.items())
            list.push_back(state);
        return list;
    }

    void take_positions(const Tree& layer, const Tree& args, Tree& kwargs) {
        const auto* known =
            std::ranges::find(positions, layer["class_name"].as_string(), &Positions::class_name);
        for (std::size_t i = 1; i < args.size(); ++i) {
            if (args.at(i).is_null()) continue;
            if (known == std::end(positions) || i > known->names.size())
                return refuse(layer, "a call with arguments by position");
            kwargs.set(known->names[i - 1], with_references(args.at(i)));
        }
    }

    Tree operation(const Tree& layer) {
        reads_.emplace_back();
        const Place place = place_of(layer);
        Tree calls = Tree::array();
        OperationCall found;
        for (const Tree& call : layer["inbound_nodes"].items()) {
            found = operation_for_keras2(context_, place, layer, call);
            Tree kwargs = Tree::object();
            for (const auto& [key, value] : found.kwargs.members())
                kwargs.set(key, with_references(value));
            calls.push_back(call_of(layer, found.first, kwargs, false));
        }
        Tree config = Tree::object();
        config.set("name", name_of(layer));
        config.set("trainable", true);
        config.set("dtype", "float32");
        config.set("function", found.function);
        Tree result = Tree::object();
        result.set("class_name", found.slicing ? "SlicingOpLambda" : "TFOpLambda");
        result.set("config", std::move(config));
        result.set("name", name_of(layer));
        result.set("inbound_nodes", std::move(calls));
        return result;
    }

    Context& context_;
    const Tree& config_;
    const Shifts& shifts_;
    std::vector<std::set<std::string>> reads_;  ///< by layer: whose outputs it takes
};

}  // namespace

Tree graph_for_keras2(Context& context, const Tree& config, const Shifts& shifts) {
    return Graph(context, config, shifts).run();
}

}  // namespace ballast::migrate
