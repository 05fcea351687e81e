// SPDX-License-Identifier: Apache-2.0
// Writing a Model as metadata, see model_tree.h. Members with their default value are left out.
#include "model/model_tree.h"

#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "core/text.h"
#include "model/model_tree_keys.h"

namespace ballast {
namespace {

namespace key = model_tree_key;

/// A string as JSON can hold it: one that is not UTF-8 (HDF5 names are bytes) as {"hex": "…"}.
Tree text_tree(std::string_view text) {
    if (is_utf8(text)) return Tree(text);
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        hex += digits[byte >> 4U];
        hex += digits[byte & 15U];
    }
    Tree tree = Tree::object();
    tree.set(key::hex, std::move(hex));
    return tree;
}

void set_text(Tree& tree, std::string_view name, std::string_view text) {
    if (!text.empty()) tree.set(name, text_tree(text));
}

void set_tree(Tree& tree, std::string_view name, const Tree& value) {
    if (!value.is_null()) tree.set(name, value);
}

class Writer {
public:
    explicit Writer(std::span<const std::string> names) : names_(names) {}

    std::string write(const Model& model) {
        member(key::schema, model_tree_schema);
        list(key::tensors, names_, [](const std::string& name) { return text_tree(name); });
        member(key::producer, producer(model.producer));
        if (model.root != 0) member(key::root, std::uint64_t{model.root});
        if (!model.layers.empty())
            list(key::layers, model.layers, [this](const Layer& layer) { return this->layer(layer); });
        if (model.optimizer) member(key::optimizer, optimizer(*model.optimizer));
        if (!model.loose.empty())
            list(key::loose, model.loose, [this](const LooseTensor& tensor) { return loose(tensor); });
        if (!model.config.is_null()) member(key::config, model.config);
        if (!model.training_config.is_null()) member(key::training_config, model.training_config);
        if (next_ != names_.size())
            throw Error(ErrorCode::internal, "model_to_json: more names than tensors");
        return std::move(text_) + "}";
    }

private:
    void name_member(std::string_view name) {
        text_ += text_.empty() ? "{" : ", ";
        json::append(text_, Tree(name));
        text_ += ": ";
    }

    void member(std::string_view name, const Tree& value) {
        name_member(name);
        json::append(text_, value);
    }

    template <class Items, class ToTree>
    void list(std::string_view name, const Items& items, ToTree&& to_tree) {
        name_member(name);
        std::string_view separator = "[";
        for (const auto& item : items) {
            text_ += separator;
            json::append(text_, to_tree(item));
            separator = ", ";
        }
        text_ += items.empty() ? "[]" : "]";
    }

    static Tree producer(const Producer& producer) {
        Tree tree = Tree::object();
        set_text(tree, key::dialect, producer.dialect);
        set_text(tree, key::flavor, producer.flavor);
        set_text(tree, key::keras_version, producer.keras_version);
        set_text(tree, key::backend, producer.backend);
        return tree;
    }

    /// Values are numbered in model order, the order of `names`.
    void set_tensor(Tree& tree, const TensorExpr& value) {
        if (value.empty()) return;
        if (next_ >= names_.size())
            throw Error(ErrorCode::internal, "model_to_json: fewer names than tensors");
        tree.set(key::tensor, std::uint64_t{next_++});
    }

    Tree layer(const Layer& layer) {
        Tree tree = Tree::object();
        set_text(tree, key::name, layer.name);
        set_text(tree, key::class_name, layer.class_name);
        set_text(tree, key::package, layer.package);
        set_text(tree, key::stored, layer.stored_key);
        if (!layer.trainable) tree.set(key::trainable, false);
        Tree weights = Tree::array();
        for (const Weight& weight : layer.weights)
            weights.push_back(this->weight(weight));
        if (weights.size() != 0) tree.set(key::weights, std::move(weights));
        Tree edges = Tree::array();
        for (const Edge& edge : layer.edges)
            edges.push_back(this->edge(edge));
        if (edges.size() != 0) tree.set(key::edges, std::move(edges));
        Tree order = Tree::array();
        for (const std::uint32_t position : layer.save_order)
            order.push_back(std::uint64_t{position});
        if (order.size() != 0) tree.set(key::save_order, std::move(order));
        set_tree(tree, key::config, layer.config);
        return tree;
    }

    Tree weight(const Weight& weight) {
        Tree tree = Tree::object();
        set_text(tree, key::role, weight.role);
        set_tensor(tree, weight.value);
        set_text(tree, key::stored, weight.stored_key);
        if (weight.stored_place != 0) tree.set(key::place, std::uint64_t{weight.stored_place});
        if (!weight.trainable) tree.set(key::trainable, false);
        Tree aliases = Tree::array();
        for (const std::string& alias : weight.aliases)
            aliases.push_back(text_tree(alias));
        if (aliases.size() != 0) tree.set(key::aliases, std::move(aliases));
        return tree;
    }

    /// The child's id for a member of `layers`, else [id, kind, key].
    static Tree edge(const Edge& edge) {
        if (edge.kind == Edge::Kind::container && edge.key.empty()) return Tree(std::uint64_t{edge.child});
        Tree tree = Tree::array();
        tree.push_back(std::uint64_t{edge.child});
        tree.push_back(key::edge_kinds[static_cast<std::size_t>(edge.kind)]);
        tree.push_back(text_tree(edge.key));
        return tree;
    }

    Tree optimizer(const Optimizer& optimizer) {
        Tree tree = Tree::object();
        set_text(tree, key::class_name, optimizer.class_name);
        set_text(tree, key::flavor, optimizer.flavor);
        set_tree(tree, key::config, optimizer.config);
        Tree variables = Tree::array();
        for (const OptimizerVariable& variable : optimizer.variables) {
            Tree entry = Tree::object();
            set_tensor(entry, variable.value);
            set_text(entry, key::stored, variable.stored_key);
            set_text(entry, key::slot, variable.slot);
            set_text(entry, key::of_weight, variable.of_weight);
            variables.push_back(std::move(entry));
        }
        if (variables.size() != 0) tree.set(key::variables, std::move(variables));
        return tree;
    }

    Tree loose(const LooseTensor& tensor) {
        Tree tree = Tree::object();
        set_text(tree, key::name, tensor.name);
        set_tensor(tree, tensor.value);
        if (tensor.part != Part::loose) tree.set(key::part, to_string(tensor.part));
        return tree;
    }

    std::span<const std::string> names_;
    std::string text_;
    std::size_t next_ = 0;
};

}  // namespace

std::string model_to_json(const Model& model, std::span<const std::string> names) {
    return Writer(names).write(model);
}

}  // namespace ballast
