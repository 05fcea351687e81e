// SPDX-License-Identifier: Apache-2.0
// Weights of Keras 1 as Keras 2 holds them, see keras_legacy_keras1.h.
#include "dialect/keras_legacy_keras1.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "ballast/error.h"
#include "model/paths_walk.h"

namespace ballast::keras_legacy {
namespace {

/// A cell's gates in the order of a Keras 1 file, and where each goes in Keras 2's kernels.
struct CellRule {
    std::string_view class_name;
    std::span<const std::string_view> gates;
    std::span<const std::size_t> order;
};
constexpr std::array<std::string_view, 4> lstm_gates = {"i", "c", "f", "o"};
constexpr std::array<std::size_t, 4> lstm_order = {0, 2, 1, 3};  // i, f, c, o
constexpr std::array<std::string_view, 3> gru_gates = {"z", "r", "h"};
constexpr std::array<std::size_t, 3> gru_order = {0, 1, 2};
constexpr std::array cell_rules = {
    CellRule{"LSTMCell", lstm_gates, lstm_order},
    CellRule{"ConvLSTMCell", lstm_gates, lstm_order},
    CellRule{"GRUCell", gru_gates, gru_order},
};
constexpr std::array<std::string_view, 3> parts = {"W", "U", "b"};
constexpr std::array<std::string_view, 3> roles = {"kernel", "recurrent_kernel", "bias"};

const CellRule* rule_of(const Layer& layer) {
    const auto found = std::ranges::find(cell_rules, layer.class_name, &CellRule::class_name);
    return found == cell_rules.end() ? nullptr : &*found;
}

bool is_whole_cell(const Model& model, std::span<const LegacyEntry> entries) {
    if (entries.size() < roles.size()) return false;
    for (std::size_t i = 0; i < roles.size(); ++i) {
        const WeightRef& ref = entries[i].weight;
        if (ref.layer != entries[0].weight.layer) return false;
        if (model.layers[ref.layer].weights[ref.weight].role != roles[i]) return false;
    }
    return true;
}

bool is_channels_first(const Layer& layer) {
    return layer.config["data_format"].as_string() == "channels_first";
}

/// The kernel's extents by the config; empty when it does not say.
std::vector<std::uint64_t> kernel_size(const Layer& layer) {
    std::vector<std::uint64_t> sizes;
    const Tree& value = layer.config["kernel_size"];
    if (const auto single = value.as_uint64()) sizes.push_back(*single);
    for (const Tree& item : value.items())
        sizes.push_back(item.as_uint64().value_or(0));
    return sizes;
}

/// Whether the shape begins with the kernel's extents and has the filters where the class has them.
bool fits(const Layer& layer, const Shape& shape, std::size_t filters_axis) {
    const auto sizes = kernel_size(layer);
    const auto filters = layer.config["filters"].as_uint64();
    if (sizes.empty() || !filters || shape.rank() != sizes.size() + 2) return false;
    for (std::size_t i = 0; i < sizes.size(); ++i)
        if (shape[i] != sizes[i]) return false;
    return shape[sizes.size() + filters_axis] == *filters;
}

Error odd_kernel(const Layer& layer) {
    return Error(ErrorCode::ambiguous_mapping, "the kernel of layer '" + layer.name + "' (" +
                                                   layer.class_name +
                                                   ") has no shape that Keras 1 gave such a layer")
        .hint("give the config of the very model that wrote this file: --config MODEL.json");
}

/// Axes by which Keras 1's "th" and "tf" kernels become Keras 2's; the first that fits is taken.
struct KernelRule {
    std::string_view class_name;
    std::size_t filters_axis;  ///< behind the extents
    std::vector<std::uint32_t> channels_first, channels_last;
    std::vector<std::uint32_t> otherwise;  ///< what tf_keras tries for files of any version
};

const std::array<KernelRule, 3>& kernel_rules() {
    static const std::array<KernelRule, 3> rules = {{
        {"Conv2D", 1, {2, 3, 1, 0}, {0, 1, 2, 3}, {3, 2, 0, 1}},
        {"Conv2DTranspose", 0, {2, 3, 0, 1}, {0, 1, 3, 2}, {3, 2, 0, 1}},
        {"Conv3D", 1, {2, 3, 4, 1, 0}, {0, 1, 2, 3, 4}, {}},
    }};
    return rules;
}

bool is_straight(const std::vector<std::uint32_t>& axes) {
    return std::ranges::is_sorted(axes);
}

TensorExpr arranged(const TensorExpr& value, const std::vector<std::uint32_t>& axes) {
    return is_straight(axes) ? value : TensorExpr::transpose(value, axes);
}

void restate(const Layer& layer, const KernelRule& rule, TensorExpr& kernel) {
    const bool first = is_channels_first(layer);
    for (const auto& axes : {first ? rule.channels_first : rule.channels_last, rule.otherwise}) {
        if (axes.size() != kernel.shape().rank()) continue;
        TensorExpr candidate = arranged(kernel, axes);
        if (!fits(layer, candidate.shape(), rule.filters_axis)) continue;
        kernel = std::move(candidate);
        return;
    }
    // A later Keras wrote it, and somebody dropped the version.
    if (!fits(layer, kernel.shape(), rule.filters_axis)) throw odd_kernel(layer);
}

/// Keras 1 had Conv1D in four axes: (length, 1, in, filters), in Theano's order (filters, in, length, 1).
void restate_conv1d(const Layer& layer, TensorExpr& kernel) {
    const auto sizes = kernel_size(layer);
    if (fits(layer, kernel.shape(), 1)) return;
    if (kernel.shape().rank() != 4 || sizes.size() != 1) throw odd_kernel(layer);
    const std::uint64_t filters = layer.config["filters"].as_uint64().value_or(0);
    TensorExpr value = kernel;
    if (value.shape()[0] != sizes[0] || value.shape()[1] != 1 || value.shape()[3] != filters)
        value = TensorExpr::transpose(value, {2, 3, 1, 0});
    const Shape& shape = value.shape();
    if (shape[0] != sizes[0] || shape[1] != 1 || shape[3] != filters) throw odd_kernel(layer);
    kernel = TensorExpr::reshape(value, Shape{shape[0], shape[2], shape[3]});
}

/// What the layer around a cell says of its axes; the cell that Keras makes has no config of its own.
bool has_channels_first(const Model& model, LayerId cell) {
    return std::ranges::any_of(model.layers, [cell](const Layer& layer) {
        const auto leads = [cell](const Edge& edge) { return edge.child == cell; };
        return is_channels_first(layer) && std::ranges::any_of(layer.edges, leads);
    });
}

/// Of ConvLSTM, whose gates come as the kernels of single convolutions.
TensorExpr gate(const TensorExpr& value, bool channels_first) {
    const bool turned = channels_first && value.shape().rank() == 4;
    return turned ? TensorExpr::transpose(value, {2, 3, 1, 0}) : value;
}

}  // namespace

bool is_keras1(std::string_view keras_version) {
    return keras_version.empty() || keras_version.starts_with("1.") || keras_version == "1";
}

bool is_of_theano(const Contents& stored) {
    if (!stored.backend.empty()) return stored.backend == "theano";
    if (!is_keras1(stored.keras_version)) return false;
    bool any = false;
    for (const StoredLayer& layer : stored.layers) {
        for (const StoredWeight& weight : layer.weights) {
            any = true;
            if (weight.name.ends_with(":0")) return false;
        }
    }
    return any;
}

std::optional<ExpandedGates> expand_gates(Model& model, const std::vector<LegacyEntry>& entries,
                                          std::size_t count) {
    std::vector<std::size_t> cells;  // positions of kernels
    std::size_t total = entries.size();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const CellRule* rule = rule_of(model.layers[entries[i].weight.layer]);
        if (rule == nullptr || !is_whole_cell(model, std::span(entries).subspan(i))) continue;
        cells.push_back(i);
        total += (rule->gates.size() - 1) * parts.size();
    }
    if (cells.empty() || total != count) return std::nullopt;
    ExpandedGates expanded;
    auto next = cells.begin();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (next == cells.end() || *next != i) {
            expanded.entries.push_back(entries[i]);
            continue;
        }
        ++next;
        i += roles.size() - 1;
        const LayerId id = entries[i].weight.layer;
        Layer& cell = model.layers[id];
        Gates gates{id, static_cast<std::uint32_t>(cell.weights.size()), 0, has_channels_first(model, id)};
        for (const std::string_view gate_name : rule_of(cell)->gates) {
            for (const std::string_view part : parts) {
                Weight weight;
                weight.role = std::string(part) + "_" + std::string(gate_name);
                expanded.entries.push_back({{id, static_cast<std::uint32_t>(cell.weights.size())}, {}});
                cell.weights.push_back(std::move(weight));
                ++gates.count;
            }
        }
        expanded.gates.push_back(gates);
    }
    return expanded;
}

void join_gates(Model& model, const std::vector<Gates>& gates) {
    for (const Gates& apart : gates) {
        Layer& cell = model.layers[apart.cell];
        const CellRule& rule = *rule_of(cell);
        for (std::size_t part = 0; part < parts.size(); ++part) {
            std::vector<TensorExpr> inputs;
            for (const std::size_t position : rule.order)
                inputs.push_back(gate(cell.weights[apart.first + position * parts.size() + part].value,
                                      apart.channels_first));
            const auto axis = static_cast<std::uint32_t>(inputs.front().shape().rank() - 1);
            Weight& whole = cell.weights[*find_role(cell, roles[part])];
            whole.value = TensorExpr::concat(std::move(inputs), axis);
            whole.stored_key.clear();
        }
        cell.weights.resize(apart.first);
    }
}

void restate_kernels(Model& model) {
    for (Layer& layer : model.layers) {
        const auto position = find_role(layer, "kernel");
        if (!position || layer.weights[*position].value.empty()) continue;
        TensorExpr& kernel = layer.weights[*position].value;
        const auto& rules = kernel_rules();
        const auto rule = std::ranges::find(rules, layer.class_name, &KernelRule::class_name);
        if (layer.class_name == "Conv1D") restate_conv1d(layer, kernel);
        if (rule != rules.end()) restate(layer, *rule, kernel);
    }
}

}  // namespace ballast::keras_legacy
