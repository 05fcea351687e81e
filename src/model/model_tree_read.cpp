// SPDX-License-Identifier: Apache-2.0
// Reading a Model back from metadata, see model_tree.h. Everything is checked: the Tree comes from a file.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "ballast/error.h"
#include "model/model_tree.h"
#include "model/model_tree_keys.h"

namespace ballast {
namespace {

namespace key = model_tree_key;

[[noreturn]] void fail(std::string_view what) {
    throw Error(ErrorCode::damaged, "model metadata: " + std::string(what));
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    return std::nullopt;
}

std::string bytes_of_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) fail("odd number of hex digits");
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const auto high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        if (!high || !low) fail("bad hex digit");
        bytes += static_cast<char>(*high << 4U | *low);
    }
    return bytes;
}

/// A string as model_to_tree wrote it.
std::string text_of(const Tree& tree) {
    if (tree.is_string()) return std::string(tree.as_string());
    const Tree* hex = tree.find(key::hex);
    if (hex == nullptr || !hex->is_string()) fail("text expected");
    return bytes_of_hex(hex->as_string());
}

std::string text_member(const Tree& tree, std::string_view name) {
    const Tree* member = tree.find(name);
    return member == nullptr ? std::string() : text_of(*member);
}

const Tree::Array& list_member(const Tree& tree, std::string_view name) {
    const Tree& member = tree[name];
    if (!member.is_null() && !member.is_array()) fail("'" + std::string(name) + "' is no list");
    return member.items();
}

bool flag_member(const Tree& tree, std::string_view name, bool fallback) {
    const Tree* member = tree.find(name);
    if (member == nullptr) return fallback;
    const auto flag = member->as_bool();
    if (!flag) fail("'" + std::string(name) + "' is neither true nor false");
    return *flag;
}

/// A number below `bound`.
std::uint32_t id_of(const Tree& tree, std::size_t bound, std::string_view what) {
    const auto id = tree.as_uint64();
    if (!id || *id >= bound || *id > std::numeric_limits<std::uint32_t>::max())
        fail(std::string(what) + " out of range");
    return static_cast<std::uint32_t>(*id);
}

const Tree& object(const Tree& tree, std::string_view what) {
    if (!tree.is_object()) fail(std::string(what) + " is no object");
    return tree;
}

class Reader {
public:
    Reader(const Tree& tree, const Index& index, const Limits& limits) : tree_(tree), limits_(limits) {
        if (!tree.is_object()) fail("no object");
        if (tree[key::schema].as_int64() != model_tree_schema) fail("unknown schema");
        find_tensors(index);
    }

    Model read() const {
        Model model;
        model.producer = producer(tree_[key::producer]);
        const Tree::Array& layers = list_member(tree_, key::layers);
        if (layers.size() > limits_.objects) fail("too many layers");
        model.layers.reserve(layers.size());
        for (const Tree& entry : layers)
            model.layers.push_back(layer(object(entry, "a layer"), layers.size()));
        if (const Tree* root = tree_.find(key::root)) model.root = id_of(*root, layers.size(), "the root");
        if (const Tree* entry = tree_.find(key::optimizer))
            model.optimizer = optimizer(object(*entry, "optimizer"));
        for (const Tree& entry : list_member(tree_, key::loose))
            model.loose.push_back(loose(object(entry, "a tensor")));
        model.config = tree_[key::config];
        model.training_config = tree_[key::training_config];
        return model;
    }

private:
    void find_tensors(const Index& index) {
        std::unordered_map<std::string_view, std::size_t> by_name;
        for (std::size_t i = 0; i < index.size(); ++i)
            by_name.emplace(index.tensors()[i].stored_name, i);
        for (const std::string& name : model_tree_names(tree_)) {
            const auto found = by_name.find(name);
            if (found == by_name.end()) fail("there is no tensor '" + name + "'");
            tensors_.push_back(index.ref(found->second));
        }
    }

    TensorExpr tensor(const Tree& tree) const {
        const Tree* number = tree.find(key::tensor);
        if (number == nullptr) return {};
        return tensors_[id_of(*number, tensors_.size(), "a tensor")];
    }

    static Producer producer(const Tree& tree) {
        if (tree.is_null()) return {};
        object(tree, "producer");
        return {text_member(tree, key::dialect), text_member(tree, key::flavor),
                text_member(tree, key::keras_version), text_member(tree, key::backend), true};
    }

    Layer layer(const Tree& tree, std::size_t layers) const {
        Layer layer;
        layer.name = text_member(tree, key::name);
        layer.class_name = text_member(tree, key::class_name);
        layer.package = text_member(tree, key::package);
        layer.stored_key = text_member(tree, key::stored);
        layer.trainable = flag_member(tree, key::trainable, true);
        layer.config = tree[key::config];
        for (const Tree& entry : list_member(tree, key::weights))
            layer.weights.push_back(weight(object(entry, "a weight")));
        for (const Tree& entry : list_member(tree, key::edges))
            layer.edges.push_back(edge(entry, layers));
        layer.save_order = save_order(list_member(tree, key::save_order), layer.edges.size());
        return layer;
    }

    Weight weight(const Tree& tree) const {
        Weight weight;
        weight.role = text_member(tree, key::role);
        weight.value = tensor(tree);
        weight.stored_key = text_member(tree, key::stored);
        weight.trainable = flag_member(tree, key::trainable, true);
        if (const auto place = tree[key::place].as_uint64();
            place && *place <= std::numeric_limits<std::uint32_t>::max())
            weight.stored_place = static_cast<std::uint32_t>(*place);
        for (const Tree& alias : list_member(tree, key::aliases))
            weight.aliases.push_back(text_of(alias));
        return weight;
    }

    static Edge edge(const Tree& tree, std::size_t layers) {
        if (!tree.is_array()) return {Edge::Kind::container, "", id_of(tree, layers, "an edge")};
        const auto kind = std::find(key::edge_kinds.begin(), key::edge_kinds.end(), tree.at(1).as_string());
        if (tree.size() != 3 || kind == key::edge_kinds.end()) fail("bad edge");
        return {static_cast<Edge::Kind>(kind - key::edge_kinds.begin()), text_of(tree.at(2)),
                id_of(tree.at(0), layers, "an edge")};
    }

    static std::vector<std::uint32_t> save_order(const Tree::Array& items, std::size_t edges) {
        std::vector<std::uint32_t> order;
        std::vector<bool> seen(edges);
        for (const Tree& item : items) {
            const std::uint32_t position = id_of(item, edges, "a position");
            if (seen[position]) fail("a position twice in save_order");
            seen[position] = true;
            order.push_back(position);
        }
        return order;
    }

    Optimizer optimizer(const Tree& tree) const {
        Optimizer optimizer;
        optimizer.class_name = text_member(tree, key::class_name);
        optimizer.flavor = text_member(tree, key::flavor);
        optimizer.config = tree[key::config];
        for (const Tree& entry : list_member(tree, key::variables)) {
            object(entry, "a variable");
            optimizer.variables.push_back({tensor(entry), text_member(entry, key::stored),
                                           text_member(entry, key::slot),
                                           text_member(entry, key::of_weight)});
        }
        return optimizer;
    }

    LooseTensor loose(const Tree& tree) const {
        LooseTensor loose{text_member(tree, key::name), tensor(tree), Part::loose};
        const std::string part = text_member(tree, key::part);
        if (part.empty()) return loose;
        for (const Part candidate : {Part::weight, Part::optimizer, Part::metric, Part::loose}) {
            if (to_string(candidate) == part) {
                loose.part = candidate;
                return loose;
            }
        }
        fail("unknown part");
    }

    const Tree& tree_;
    const Limits& limits_;
    std::vector<TensorRef> tensors_;  ///< by number
};

}  // namespace

std::vector<std::string> model_tree_names(const Tree& tree) {
    std::vector<std::string> names;
    for (const Tree& name : list_member(tree, key::tensors))
        names.push_back(text_of(name));
    return names;
}

Model model_from_tree(const Tree& tree, const Index& index, const Limits& limits) {
    return Reader(tree, index, limits).read();
}

}  // namespace ballast
