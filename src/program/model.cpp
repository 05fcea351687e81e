// SPDX-License-Identifier: Apache-2.0
// ProgramModel: from the layers of a program to the graph that formats write.
#include <algorithm>
#include <bit>
#include <optional>
#include <unordered_map>
#include <utility>

#include "ballast/error.h"
#include "ballast/program_model.h"
#include "dialect/keras_v3.h"
#include "model/layout.h"
#include "program/v3_keys.h"

namespace ballast {
namespace {

using layout::Framework;

// Elements go to files as they lie in memory.
static_assert(std::endian::native == std::endian::little);

LayerStyle style_of(const ProgramLayer& layer, bool is_root) {
    if (layer.style != LayerStyle::automatic) return layer.style;
    const std::string& name = layer.class_name;
    const bool container = name == "Sequential" || name == "Functional" || name == "Model";
    return is_root || container ? LayerStyle::container : LayerStyle::attributes;
}

/// Whether the variant stores exactly these variables.
bool stores(const layout::Variant& variant, const std::vector<ProgramTensor>& tensors) {
    std::size_t stored = 0;
    for (const layout::OwnWeight& own : variant.weights) {
        if (own.not_in_v3.has(Framework::keras3)) continue;
        ++stored;
        if (std::ranges::find(tensors, own.role, &ProgramTensor::role) == tensors.end()) return false;
    }
    return stored == tensors.size();
}

/// What is known of a layer of a built-in class by the names of its variables.
struct Known {
    const layout::Variant* variant = nullptr;
    /// Its variables are those of the one layer it makes itself (an LSTM's cell).
    const layout::Child* child = nullptr;
};

Known known_variant(const ProgramLayer& layer, const std::vector<ProgramTensor>& tensors, bool has_layers) {
    if (!layer.package.empty() || tensors.empty()) return {};
    const layout::ClassLayout* known = layout::find_class(layer.class_name);
    if (known == nullptr) return {};
    for (const layout::Variant& variant : known->variants)
        if (variant.frameworks.has(Framework::keras3) && stores(variant, tensors)) return {&variant, nullptr};
    if (has_layers) return {};
    for (const layout::Variant& variant : known->variants) {
        if (!variant.frameworks.has(Framework::keras3) || variant.children.size() != 1) continue;
        const layout::Child& child = variant.children.front();
        if (child.fixed_variant != nullptr && stores(*child.fixed_variant, tensors))
            return {child.fixed_variant, &child};
    }
    return {};
}

}  // namespace

/// One graph on the way.
class ProgramGraph {
public:
    explicit ProgramGraph(const ProgramModel& program) : program_(program) {}

    Model build(std::vector<ProgramModel::Place>& places) {
        add_layers();
        set_keys();
        for (LayerId id = 0; id < program_.nodes_.size(); ++id)
            add_weights(id);
        model_.producer.dialect = keras_v3::dialect;
        model_.producer.flavor = "keras3";
        places = std::move(places_);
        return std::move(model_);
    }

private:
    void add_layers() {
        model_.layers.resize(program_.nodes_.size());
        for (LayerId id = 0; id < program_.nodes_.size(); ++id) {
            const auto& node = program_.nodes_[id];
            Layer& layer = model_.layers[id];
            layer.name = node.layer.name;
            layer.class_name = node.layer.class_name;
            layer.package = node.layer.package;
            layer.trainable = node.layer.trainable;
            const LayerStyle style = style_of(node.layer, id == ProgramModel::root);
            for (const auto& [edge, child] : node.edges) {
                if (style == LayerStyle::container) {
                    layer.edges.push_back({Edge::Kind::container, {}, child});
                } else {
                    layer.edges.push_back(
                        {edge.list ? Edge::Kind::index : Edge::Kind::attribute, edge.field, child});
                }
            }
            walked_.push_back({&node.layer, style, node.edges});
        }
    }

    void set_keys() {
        const std::vector<std::string> keys = v3_program_keys(walked_);
        for (LayerId id = 0; id < keys.size(); ++id)
            model_.layers[id].stored_key = keys[id];
    }

    void add_weights(LayerId id) {
        const auto& node = program_.nodes_[id];
        const Known known = known_variant(node.layer, node.tensors, !node.edges.empty());
        LayerId owner = id;
        if (known.child != nullptr) owner = add_made_layer(id, known);
        for (const ProgramTensor* tensor : in_order(node.tensors, node.layer.order, known.variant))
            add_weight(owner, *tensor, known.variant);
    }

    /// The layer that Keras' class makes itself, and keeps its variables in.
    LayerId add_made_layer(LayerId parent, const Known& known) {
        const auto id = static_cast<LayerId>(model_.layers.size());
        Layer& layer = model_.layers.emplace_back();
        layer.name = known.child->layer_name.empty() ? known.child->attribute : known.child->layer_name;
        layer.class_name = known.child->fixed_class->name;
        layer.trainable = model_.layers[parent].trainable;
        layer.stored_key =
            model_.layers[parent].stored_key + '/' + std::string(known.child->path(Framework::keras3));
        model_.layers[parent].edges.push_back(
            {Edge::Kind::attribute, std::string(known.child->attribute), id});
        return id;
    }

    /// As the program says; else as the class creates them; else as the program has them.
    static std::vector<const ProgramTensor*> in_order(const std::vector<ProgramTensor>& tensors,
                                                      const std::vector<std::string>& order,
                                                      const layout::Variant* variant) {
        std::vector<const ProgramTensor*> result;
        for (const ProgramTensor& tensor : tensors)
            result.push_back(&tensor);
        const auto place = [&](const ProgramTensor* tensor) -> std::size_t {
            if (!order.empty()) {
                return static_cast<std::size_t>(std::ranges::find(order, tensor->role) - order.begin());
            }
            if (variant == nullptr) return 0;
            return static_cast<std::size_t>(
                std::ranges::find(variant->weights, tensor->role, &layout::OwnWeight::role) -
                variant->weights.begin());
        };
        std::ranges::stable_sort(result, {}, place);
        return result;
    }

    void add_weight(LayerId owner, const ProgramTensor& tensor, const layout::Variant* variant) {
        Layer& layer = model_.layers[owner];
        const auto position = static_cast<std::uint32_t>(layer.weights.size());
        Weight& weight = layer.weights.emplace_back();
        weight.role = tensor.role;
        weight.stored_key = std::to_string(position);
        weight.trainable = tensor.trainable;
        if (variant != nullptr) {
            const auto own = std::ranges::find(variant->weights, tensor.role, &layout::OwnWeight::role);
            weight.trainable = tensor.trainable && own->trainable;
            if (!own->key.empty()) weight.stored_key = own->key;
        }
        const std::string vars = layer.stored_key.empty() ? "vars/" : layer.stored_key + "/vars/";
        weight.value = value_of(tensor, vars + weight.stored_key);
        places_.push_back({owner, position, &tensor});
    }

    static TensorExpr value_of(const ProgramTensor& tensor, std::string stored_name) {
        if (!tensor.shape || (tensor.data == nullptr && tensor.shape->element_count() > 0)) return {};
        TensorInfo info;
        info.name = tensor.path;
        info.stored_name = std::move(stored_name);
        info.dtype = tensor.dtype;
        info.shape = *tensor.shape;
        info.role = tensor.role;
        std::vector<std::uint32_t> backwards;
        if (tensor.column_major && info.shape.rank() > 1) {
            for (std::size_t axis = info.shape.rank(); axis-- > 0;)
                backwards.push_back(static_cast<std::uint32_t>(axis));
            const std::vector<std::uint64_t> dims(std::make_reverse_iterator(info.shape.end()),
                                                  std::make_reverse_iterator(info.shape.begin()));
            info.shape = Shape(std::span(dims));
        }
        info.stored_bytes = info.byte_count();
        info.storage.layout = InlineBytes{
            nullptr,
            {static_cast<const std::byte*>(tensor.data), static_cast<std::size_t>(info.stored_bytes)}};
        TensorExpr value(std::make_shared<const TensorInfo>(std::move(info)));
        return backwards.empty() ? value : TensorExpr::transpose(std::move(value), std::move(backwards));
    }

    const ProgramModel& program_;
    Model model_;
    std::vector<ProgramNode> walked_;
    std::vector<ProgramModel::Place> places_;
};

ProgramModel::ProgramModel(ProgramLayer root_layer) {
    nodes_.push_back({std::move(root_layer), {}, {}});
}

std::pair<LayerId, bool> ProgramModel::add_layer(LayerId parent, ProgramEdge edge, ProgramLayer layer,
                                                 const void* identity) {
    const auto next = static_cast<LayerId>(nodes_.size());
    const auto [place, fresh] =
        identity != nullptr ? shared_.emplace(identity, next) : std::pair(shared_.end(), true);
    const LayerId id = fresh ? next : place->second;
    if (fresh) nodes_.push_back({std::move(layer), {}, {}});
    nodes_[parent].edges.emplace_back(std::move(edge), id);
    return {id, fresh};
}

void ProgramModel::add_tensor(LayerId layer, ProgramTensor tensor) {
    nodes_[layer].tensors.push_back(std::move(tensor));
}

Model ProgramModel::model(std::vector<Place>& places) const {
    return ProgramGraph(*this).build(places);
}

}  // namespace ballast
