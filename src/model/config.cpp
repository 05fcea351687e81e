// SPDX-License-Identifier: Apache-2.0
// From a Keras model config to a Model: one pass over the nodes, each becoming a Layer.
#include "model/config.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "model/config_node.h"
#include "model/order.h"

namespace ballast {
namespace {

/// A nested layer node without its config: the nested layer has a Layer of its own.
Tree cut_node(const Tree& node) {
    if (node.is_array()) {
        Tree items = Tree::array();
        for (const Tree& item : node.items())
            items.push_back(cut_node(item));
        return items;
    }
    if (!node.is_object()) return node;
    Tree shell = Tree::object();
    for (const auto& [key, value] : node.members()) {
        if (!value.is_object() && !value.is_array()) shell.set(key, value);
    }
    return shell;
}

/// InceptionResNetV2's own: it has no weights, and a counterpart in Keras 3.
constexpr std::string_view scaling_of_applications = "Custom>CustomScaleLayer";

class Builder {
public:
    Builder(Model& model, const ConfigOptions& options, layout::Framework framework)
        : model_(model), options_(options), framework_(framework) {}

    LayerId build_root(const Tree& node);
    void note_own_classes() const;

private:
    /// Layer objects by shared_object_id, while one saving scope lasts.
    using Scope = std::unordered_map<std::string, LayerId>;

    LayerId build(const Tree& node, std::uint32_t depth, bool may_share = true);
    LayerId build_new(const ConfigNode& node, std::uint32_t depth);
    void add_sequential(LayerId id, const ConfigNode& node, std::uint32_t depth);
    void add_functional(LayerId id, const ConfigNode& node, std::uint32_t depth);
    void add_built_in(LayerId id, const ConfigNode& node, std::uint32_t depth);
    void add_weights(LayerId id, const layout::Variant& variant);
    void add_children(LayerId id, const layout::Variant& variant, const Tree& config, std::uint32_t depth);
    void add_child(LayerId id, const layout::Child& child, const Tree& config, std::uint32_t depth);
    void add_fixed(LayerId id, const layout::Child& child, std::uint32_t depth);
    void add_cell_list(LayerId id, const layout::Child& child, const Tree& cells, std::uint32_t depth);
    void set_save_order(LayerId id, const std::vector<std::uint32_t>& edge_positions);
    void rename_bidirectional(LayerId id, const layout::Child& child, const Tree& config);
    LayerId new_layer();
    void check_depth(std::uint32_t depth) const;
    void note(std::string text) const {
        if (options_.notes != nullptr) options_.notes->push_back(std::move(text));
    }
    [[noreturn]] void damaged(std::string text) const {
        throw Error(ErrorCode::damaged, std::move(text)).in(options_.where);
    }
    Layer& layer(LayerId id) { return model_.layers[id]; }

    Model& model_;
    const ConfigOptions& options_;
    layout::Framework framework_;
    std::map<std::string, std::vector<std::string>> own_classes_;  ///< names of layers by class
    Scope shared_;
    bool in_scope_ = false;
};

void Builder::check_depth(std::uint32_t depth) const {
    if (depth < options_.limits.json_depth) return;
    throw Error(ErrorCode::limit_exceeded,
                "layers nested deeper than the limit of " + std::to_string(options_.limits.json_depth))
        .in(options_.where);
}

LayerId Builder::new_layer() {
    if (model_.layers.size() >= options_.limits.objects) {
        throw Error(ErrorCode::limit_exceeded,
                    "more layers than the limit of " + std::to_string(options_.limits.objects))
            .in(options_.where);
    }
    model_.layers.emplace_back();
    return static_cast<LayerId>(model_.layers.size() - 1);
}

LayerId Builder::build_root(const Tree& node) {
    ConfigNode root;
    if (!read_node(node, root))
        damaged("this is no model config: an object with 'class_name' and 'config' is expected");
    // Keras 3 keeps one scope for the whole file; tf_keras one for each outermost Functional.
    in_scope_ = framework_ == layout::Framework::keras3;
    return build_new(root, 0);
}

LayerId Builder::build(const Tree& node, std::uint32_t depth, bool may_share) {
    ConfigNode parts;
    if (!read_node(node, parts)) damaged("a layer in the model config has no class name");
    const Tree& mark = node["shared_object_id"];
    const std::string key(mark.is_string() ? mark.as_string() : mark.number_text());
    if (!in_scope_ || !may_share || key.empty()) return build_new(parts, depth);
    if (const auto seen = shared_.find(key); seen != shared_.end()) {
        const Layer& known = layer(seen->second);
        if (known.name == parts.name && known.class_name == parts.class_name) return seen->second;
    }
    const LayerId id = build_new(parts, depth);
    shared_.emplace(key, id);
    return id;
}

LayerId Builder::build_new(const ConfigNode& node, std::uint32_t depth) {
    check_depth(depth);
    const LayerId id = new_layer();
    layer(id).name = node.name;
    layer(id).class_name = node.class_name;
    layer(id).package = node.package;
    layer(id).trainable = (*node.config)["trainable"].as_bool().value_or(true);
    if (node.is_functional()) {
        add_functional(id, node, depth);
    } else if (node.is_sequential()) {
        add_sequential(id, node, depth);
    } else {
        add_built_in(id, node, depth);
    }
    return id;
}

/// A container's config without its layers, which are Layers of their own.
Tree container_config(const Tree& config) {
    Tree own = Tree::object();
    for (const auto& [key, value] : config.members())
        own.set(key, key == "layers" ? Tree::array() : value);
    if (own.find("layers") == nullptr) own.set("layers", Tree::array());
    return own;
}

void Builder::add_sequential(LayerId id, const ConfigNode& node, std::uint32_t depth) {
    layer(id).config = container_config(*node.config);
    for (const Tree& item : node.layers()) {
        const LayerId child = build(item, depth + 1);
        layer(id).edges.push_back({Edge::Kind::container, {}, child});
    }
}

void Builder::add_functional(LayerId id, const ConfigNode& node, std::uint32_t depth) {
    const bool opens_scope = !in_scope_;
    in_scope_ = true;
    // Keras 1 and early Keras 2 call a Functional "Model".
    if (node.class_name == "Model" && node.package.empty()) layer(id).class_name = "Functional";
    layer(id).config = container_config(*node.config);
    constexpr std::uint32_t none = ~0U;
    std::vector<std::uint32_t> edge_of;  // position in config["layers"] -> position in edges
    for (const Tree& item : node.layers()) {
        ConfigNode parts;
        if (!read_node(item, parts))
            damaged("a layer of the model '" + std::string(node.name) + "' has no class name");
        if (is_keras3_operation(parts, framework_)) {
            edge_of.push_back(none);
            continue;
        }
        const LayerId child = build(item, depth + 1);
        edge_of.push_back(static_cast<std::uint32_t>(layer(id).edges.size()));
        layer(id).edges.push_back({Edge::Kind::container, {}, child});
    }
    if (opens_scope) {
        in_scope_ = false;
        shared_.clear();
    }
    const GraphOrder order = keras3_graph_order(*node.config);
    if (!order.complete) {
        note("the graph of model '" + std::string(node.name) +
             "' refers to layers or calls that its config does not have; layers are taken in the order they "
             "are listed");
        return;
    }
    std::vector<std::uint32_t> edge_positions;
    for (const std::uint32_t position : order.positions) {
        if (edge_of[position] != none) edge_positions.push_back(edge_of[position]);
    }
    set_save_order(id, edge_positions);
}

void Builder::set_save_order(LayerId id, const std::vector<std::uint32_t>& edge_positions) {
    if (!std::is_sorted(edge_positions.begin(), edge_positions.end())) layer(id).save_order = edge_positions;
}

/// One line for each class, however many layers have it.
void Builder::note_own_classes() const {
    constexpr std::size_t shown = 3;
    for (const auto& [name, layers] : own_classes_) {
        if (name == scaling_of_applications) continue;
        const std::string why = " the class " + name + ", which is not built into Keras: ";
        if (layers.size() == 1) {
            note("layer '" + layers.front() + "' has" + why + "its weights are known by position only");
            continue;
        }
        std::string names;
        for (std::size_t i = 0; i < std::min(shown, layers.size()); ++i)
            names += (i == 0 ? "'" : ", '") + layers[i] + "'";
        note(std::to_string(layers.size()) + " layers have" + why +
             "their weights are known by position only (" + names + (layers.size() > shown ? ", …)" : ")"));
    }
}

/// A layer's config with the nested nodes among it cut down; they become Layers.
Tree layer_config(const Tree& config, const layout::Variant& variant) {
    Tree own = Tree::object();
    for (const Tree::Member& member : config.members()) {
        const bool nested =
            std::any_of(variant.children.begin(), variant.children.end(), [&](const layout::Child& child) {
                return child.config_key == member.first ||
                       (!child.fallback_key.empty() && child.fallback_key == member.first);
            });
        own.set(member.first, nested ? cut_node(member.second) : member.second);
    }
    return own;
}

void Builder::add_built_in(LayerId id, const ConfigNode& node, std::uint32_t depth) {
    const layout::ClassLayout* known = node.package.empty() ? layout::find_class(node.class_name) : nullptr;
    if (known == nullptr) {
        layer(id).config = *node.config;
        if (kind_of(layer(id)) == LayerKind::operation) return;
        const std::string package = node.package.empty() ? "" : node.package + '>';
        own_classes_[package + std::string(node.class_name)].emplace_back(node.name);
        return;
    }
    const layout::Variant* variant = layout::choose_variant(*known, config_lookup(*node.config), framework_);
    if (variant == nullptr) {
        const auto other =
            framework_ == layout::Framework::keras3 ? layout::Framework::tf_keras : layout::Framework::keras3;
        variant = layout::choose_variant(*known, config_lookup(*node.config), other);
    }
    if (variant == nullptr) {
        layer(id).config = *node.config;
        note("layer '" + std::string(node.name) + "' of class " + std::string(node.class_name) +
             " has a config we know no arrangement of weights for");
        return;
    }
    layer(id).config = layer_config(*node.config, *variant);
    add_weights(id, *variant);
    add_children(id, *variant, *node.config, depth);
}

void Builder::add_weights(LayerId id, const layout::Variant& variant) {
    for (const layout::OwnWeight& own : variant.weights) {
        Weight& weight = layer(id).weights.emplace_back();
        weight.role = own.role;
        weight.trainable = own.trainable;
    }
}

void Builder::add_children(LayerId id, const layout::Variant& variant, const Tree& config,
                           std::uint32_t depth) {
    for (const layout::Child& child : variant.children) {
        if (child.fixed_class != nullptr) {
            add_fixed(id, child, depth);
        } else {
            add_child(id, child, config, depth);
        }
    }
}

void Builder::add_child(LayerId id, const layout::Child& child, const Tree& config, std::uint32_t depth) {
    const Tree* node = config.find(child.config_key);
    if ((node == nullptr || node->is_null()) && !child.fallback_key.empty())
        node = config.find(child.fallback_key);
    if (node == nullptr || node->is_null()) {
        note("layer '" + layer(id).name + "' of class " + layer(id).class_name + " has no '" +
             std::string(child.config_key) + "' in its config");
        return;
    }
    if (node->is_array()) return add_cell_list(id, child, *node, depth);
    // Bidirectional runs two copies of the layer it was given.
    const bool copied = child.attribute == "forward_layer" || child.attribute == "backward_layer";
    const LayerId nested = build(*node, depth + 1, !copied);
    layer(id).edges.push_back({Edge::Kind::attribute, std::string(child.attribute), nested});
    if (copied) rename_bidirectional(nested, child, config);
}

/// An `each` child, or the list of cells that RNN makes a StackedRNNCells of.
void Builder::add_cell_list(LayerId id, const layout::Child& child, const Tree& cells, std::uint32_t depth) {
    LayerId holder = id;
    std::string attribute(child.attribute);
    if (!child.each) {
        check_depth(depth + 1);
        holder = new_layer();
        layer(holder).class_name = "StackedRNNCells";
        layer(holder).name = "stacked_rnn_cells";
        layer(holder).trainable = layer(id).trainable;
        layer(holder).config = Tree::object();
        layer(holder).config.set("cells", cut_node(cells));
        layer(id).edges.push_back({Edge::Kind::attribute, attribute, holder});
        attribute = "cells";
    }
    for (const Tree& cell : cells.items()) {
        const LayerId nested = build(cell, depth + 2);
        layer(holder).edges.push_back({Edge::Kind::index, attribute, nested});
    }
}

void Builder::add_fixed(LayerId id, const layout::Child& child, std::uint32_t depth) {
    check_depth(depth);
    const LayerId nested = new_layer();
    layer(nested).class_name = child.fixed_class->name;
    layer(nested).name = child.layer_name;
    layer(nested).trainable = layer(id).trainable;
    layer(id).edges.push_back({Edge::Kind::attribute, std::string(child.attribute), nested});
    if (child.fixed_variant == nullptr) return;
    add_weights(nested, *child.fixed_variant);
    add_children(nested, *child.fixed_variant, Tree::object(), depth + 1);
}

/// The two copies inside a Bidirectional carry names of their own.
void Builder::rename_bidirectional(LayerId id, const layout::Child& child, const Tree& config) {
    const std::string prefix = child.attribute == "forward_layer" ? "forward_" : "backward_";
    const Tree* own = config.find(child.config_key);
    const bool given = prefix == "backward_" && own != nullptr && !own->is_null();
    std::string& name = layer(id).name;
    if (framework_ == layout::Framework::tf_keras) {
        name = prefix + name;
    } else if (!given && !name.starts_with(prefix)) {
        name = prefix + name;
    }
}

}  // namespace

Model model_from_config(Tree config, const ConfigOptions& options) {
    Model model;
    const layout::Framework framework = options.framework ? *options.framework : config_framework(config);
    model.config = std::move(config);
    Builder builder(model, options, framework);
    model.root = builder.build_root(model.config);
    builder.note_own_classes();
    return model;
}

}  // namespace ballast
