// SPDX-License-Identifier: Apache-2.0
// Mirrored kernels and cuDNN's weights, see foreign_weights.h.
#include "model/foreign_weights.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "model/evaluate.h"
#include "model/paths_walk.h"

namespace ballast {
namespace {

/// Classes whose kernels Keras mirrored between backends. Depthwise and separable kernels were not.
constexpr std::array<std::string_view, 5> mirrored = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose",
                                                      "ConvLSTMCell"};

void mirror(TensorExpr& value, std::uint32_t first_axis) {
    std::vector<std::uint32_t> axes(value.shape().rank() - 2);
    std::iota(axes.begin(), axes.end(), first_axis);
    value = TensorExpr::flip(std::move(value), std::move(axes));
}

std::size_t mirror_by_class(Layer& layer) {
    if (std::ranges::find(mirrored, layer.class_name) == mirrored.end()) return 0;
    std::size_t count = 0;
    for (const std::string_view role : {"kernel", "recurrent_kernel"}) {
        const auto position = find_role(layer, role);
        if (!position) continue;
        TensorExpr& value = layer.weights[*position].value;
        if (value.empty() || value.shape().rank() < 3) continue;
        mirror(value, 0);
        ++count;
    }
    return count;
}

/// "conv1_W", "lstm_U_i": kernels, as Keras 1 named them.
bool names_kernel(std::string_view name) {
    if (name.ends_with(":0")) name.remove_suffix(2);
    for (const std::string_view part : {"_W", "_U"}) {
        const std::size_t at = name.rfind(part);
        if (at == std::string_view::npos) continue;
        const std::string_view rest = name.substr(at + part.size());
        if (rest.empty() || (rest.size() == 2 && rest.front() == '_')) return true;
    }
    return false;
}

/// Where the spatial axes begin: behind (filters, in) as Theano orders them, or before. No network is known
/// whose kernels are wider than this and that has fewer channels.
std::uint32_t spatial_axis(const Weight& weight) {
    constexpr std::uint64_t widest = 31;
    const Shape& shape = weight.value.shape();
    const auto small = [&](std::size_t begin, std::size_t end) {
        return std::all_of(shape.begin() + begin, shape.begin() + end,
                           [](std::uint64_t extent) { return extent <= widest; });
    };
    const bool behind = small(2, shape.rank()), before = small(0, shape.rank() - 2);
    if (behind != before) return behind ? 2 : 0;
    throw Error(ErrorCode::ambiguous_mapping,
                "the shape " + shape.to_string() + " does not tell the spatial axes of the kernel")
        .tensor(weight.stored_key)
        .hint("give the architecture: --config MODEL.json (written by model.to_json())");
}

std::size_t mirror_by_name(Layer& layer) {
    std::size_t count = 0;
    for (Weight& weight : layer.weights) {
        const bool kernel = !weight.value.empty() && weight.value.shape().rank() >= 4 &&
                            weight.value.shape().rank() <= 5 && names_kernel(weight.stored_key);
        if (!kernel) continue;
        mirror(weight.value, spatial_axis(weight));
        ++count;
    }
    return count;
}

/// The `gate`-th square block, (rows, units), of a matrix of all gates.
TensorExpr block(const TensorExpr& matrix, std::uint64_t gate, std::uint64_t units) {
    return TensorExpr::slice(matrix, 1, gate * units, units);
}

/// Of cells whose matrices fit together: 4 (LSTM), 3 (GRU), else 0.
std::uint64_t gates_of(const GateWeights& weights) {
    if (weights.kernel.empty() || weights.recurrent.empty() || weights.bias.empty()) return 0;
    const Shape &kernel = weights.kernel.shape(), &recurrent = weights.recurrent.shape();
    if (kernel.rank() != 2 || recurrent.rank() != 2 || recurrent[0] == 0 || kernel[1] != recurrent[1])
        return 0;
    for (const std::uint64_t gates : {3, 4})
        if (recurrent[1] % gates == 0 && recurrent[1] / gates == recurrent[0]) return gates;
    return 0;
}

Shape cudnn_bias(const GateWeights& weights) {
    return {2 * weights.recurrent.shape()[1]};
}

Shape plain_bias(const GateWeights& weights, std::uint64_t gates) {
    const std::uint64_t width = weights.recurrent.shape()[1];
    return gates == 4 ? Shape{width} : Shape{2, width};
}

/// cuDNN keeps each gate's matrix transposed; the kernel's moreover as plain memory in that order.
GateWeights plain_gates(const GateWeights& cell, std::uint64_t gates) {
    std::vector<TensorExpr> kernel, recurrent;
    const std::uint64_t units = cell.recurrent.shape()[0], inputs = cell.kernel.shape()[0];
    for (std::uint64_t gate = 0; gate < gates; ++gate) {
        TensorExpr memory = TensorExpr::reshape(block(cell.kernel, gate, units), Shape{units, inputs});
        kernel.push_back(TensorExpr::transpose(std::move(memory), {1, 0}));
        recurrent.push_back(TensorExpr::transpose(block(cell.recurrent, gate, units), {1, 0}));
    }
    const std::uint64_t width = gates * units;
    return {TensorExpr::concat(std::move(kernel), 1), TensorExpr::concat(std::move(recurrent), 1),
            gates == 4 ? TensorExpr::add(TensorExpr::slice(cell.bias, 0, 0, width),
                                         TensorExpr::slice(cell.bias, 0, width, width))
                       : TensorExpr::reshape(cell.bias, Shape{2, width})};
}

std::string stored_name(const TensorExpr& value) {
    return value.is_identity() ? value.source()->stored_name : std::string();
}

/// Half of each element, exactly but for the smallest.
TensorExpr halved(const TensorExpr& value) {
    const TensorExpr wide = TensorExpr::cast(value, DType::float64);
    auto numbers = std::make_shared<std::vector<double>>(value.shape().element_count());
    evaluate(wide, 0, std::as_writable_bytes(std::span(*numbers)));
    for (double& number : *numbers)
        number /= 2;
    auto tensor = std::make_shared<TensorInfo>();
    tensor->dtype = DType::float64;
    tensor->shape = value.shape();
    tensor->stored_name = stored_name(value);  // for reports
    tensor->stored_bytes = numbers->size() * sizeof(double);
    tensor->storage.layout = InlineBytes{numbers, std::as_bytes(std::span(*numbers))};
    return TensorExpr::cast(TensorExpr(TensorRef(std::move(tensor))), value.dtype());
}

GateWeights cudnn_gates(const GateWeights& cell, std::uint64_t gates) {
    std::vector<TensorExpr> kernel, recurrent;
    const std::uint64_t units = cell.recurrent.shape()[0], inputs = cell.kernel.shape()[0];
    for (std::uint64_t gate = 0; gate < gates; ++gate) {
        TensorExpr memory = TensorExpr::transpose(block(cell.kernel, gate, units), {1, 0});
        kernel.push_back(TensorExpr::reshape(std::move(memory), Shape{inputs, units}));
        recurrent.push_back(TensorExpr::transpose(block(cell.recurrent, gate, units), {1, 0}));
    }
    GateWeights result = {
        TensorExpr::concat(std::move(kernel), 1), TensorExpr::concat(std::move(recurrent), 1), {}};
    if (gates == 4) {
        // cuDNN adds two biases, as does Keras' own conversion.
        const TensorExpr half = halved(cell.bias);
        result.bias = TensorExpr::concat({half, half}, 0);
    } else {
        result.bias = TensorExpr::reshape(cell.bias, cudnn_bias(cell));
    }
    return result;
}

struct CellRoles {
    std::uint32_t kernel, recurrent, bias;
};

std::optional<CellRoles> roles_of(const Layer& layer) {
    const auto kernel = find_role(layer, "kernel"), recurrent = find_role(layer, "recurrent_kernel"),
               bias = find_role(layer, "bias");
    if (!kernel || !recurrent || !bias) return std::nullopt;
    return CellRoles{*kernel, *recurrent, *bias};
}

GateWeights taken(const Layer& layer, const CellRoles& at) {
    return {layer.weights[at.kernel].value, layer.weights[at.recurrent].value, layer.weights[at.bias].value};
}

void put(GateWeights&& weights, const CellRoles& at, Layer& layer) {
    layer.weights[at.kernel].value = std::move(weights.kernel);
    layer.weights[at.recurrent].value = std::move(weights.recurrent);
    layer.weights[at.bias].value = std::move(weights.bias);
}

std::uint64_t gates_of_class(std::string_view class_name, std::string_view lstm, std::string_view gru) {
    return class_name == lstm ? 4 : class_name == gru ? 3 : 0;
}

Error needs_reset_after(const Layer& layer) {
    return Error(ErrorCode::unsupported, "the weights of layer '" + layer.name +
                                             "' are those of a CuDNNGRU, and the config's GRU has "
                                             "reset_after=False: no weights fit both")
        .hint("give a config whose GRU has reset_after=True");
}

/// The layer a cell works for; a cell in a list of cells is its own.
const Layer& owner_of(const Model& model, LayerId cell) {
    for (const Layer& layer : model.layers) {
        const bool owner =
            std::ranges::any_of(layer.edges, [&](const Edge& edge) { return edge.child == cell; });
        if (owner && !layer.config["reset_after"].is_null()) return layer;
    }
    return model.layers[cell];
}

}  // namespace

std::size_t mirror_kernels(Model& model) {
    const bool classes =
        std::ranges::any_of(model.layers, [](const Layer& layer) { return !layer.class_name.empty(); });
    std::size_t count = 0;
    for (Layer& layer : model.layers)
        count += classes ? mirror_by_class(layer) : mirror_by_name(layer);
    return count;
}

std::optional<GateWeights> rearranged_gates(const GateWeights& weights, const Shape& bias) {
    const std::uint64_t gates = gates_of(weights);
    if (gates == 0 || weights.bias.shape() == bias) return std::nullopt;
    const Shape cudnn = cudnn_bias(weights), plain = plain_bias(weights, gates);
    if (weights.bias.shape() == cudnn && bias == plain) return plain_gates(weights, gates);
    if (weights.bias.shape() == plain && bias == cudnn) return cudnn_gates(weights, gates);
    return std::nullopt;
}

std::size_t plain_recurrent_weights(Model& model) {
    std::size_t count = 0;
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        Layer& layer = model.layers[id];
        const std::uint64_t gates = gates_of_class(layer.class_name, "LSTMCell", "GRUCell");
        const auto at = roles_of(layer);
        if (gates == 0 || !at) continue;
        const GateWeights weights = taken(layer, *at);
        if (gates_of(weights) != gates || weights.bias.shape() != cudnn_bias(weights)) continue;
        const Layer& owner = owner_of(model, id);
        if (gates == 3 && !owner.config["reset_after"].as_bool().value_or(true))
            throw needs_reset_after(owner);
        put(plain_gates(weights, gates), *at, layer);
        ++count;
    }
    return count;
}

std::size_t cudnn_recurrent_weights(Model& model) {
    std::size_t count = 0;
    for (Layer& layer : model.layers) {
        const std::uint64_t gates = gates_of_class(layer.class_name, "CuDNNLSTM", "CuDNNGRU");
        const auto at = roles_of(layer);
        if (gates == 0 || !at) continue;
        const GateWeights weights = taken(layer, *at);
        if (gates_of(weights) != gates || weights.bias.shape() == cudnn_bias(weights)) continue;
        if (weights.bias.shape() != plain_bias(weights, gates))
            throw Error(ErrorCode::unsupported,
                        "the weights for layer '" + layer.name + "' (" + layer.class_name +
                            ") are those of a GRU with reset_after=False: no weights fit both")
                .tensor(stored_name(weights.bias))
                .hint("give a config whose layer is a GRU with reset_after=False");
        put(cudnn_gates(weights, gates), *at, layer);
        ++count;
    }
    return count;
}

void fit_recurrent_weights(Model& model, Report& report) {
    const std::size_t plain = plain_recurrent_weights(model), cudnn = cudnn_recurrent_weights(model);
    if (plain != 0)
        report.note(std::to_string(plain) + " recurrent layers with cuDNN's weights became plain ones");
    if (cudnn != 0)
        report.note(std::to_string(cudnn) + " plain recurrent layers got cuDNN's arrangement of weights");
    if (plain + cudnn != 0) leave_optimizer(model, old_arrangement, report);
}

void leave_optimizer(Model& model, std::string_view reason, Report& report) {
    if (!model.optimizer) return;
    for (const OptimizerVariable& variable : model.optimizer->variables)
        if (variable.value.is_identity())
            report.add(ReportEntry::Kind::dropped, variable.value.source()->stored_name, {},
                       std::string(reason));
    model.optimizer.reset();
}

}  // namespace ballast
