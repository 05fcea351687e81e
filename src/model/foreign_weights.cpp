// SPDX-License-Identifier: Apache-2.0
// Mirrored kernels and cuDNN's weights, see foreign_weights.h.
#include "model/foreign_weights.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/error.h"
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

struct Recurrent {
    TensorExpr *kernel, *recurrent, *bias;
    std::uint64_t units, gates;
};

/// The `gate`-th square block, (rows, units), of a matrix of all gates.
TensorExpr block(const TensorExpr& matrix, std::uint64_t gate, std::uint64_t units) {
    return TensorExpr::slice(matrix, 1, gate * units, units);
}

/// cuDNN keeps each gate's matrix transposed; the kernel's moreover as plain memory in that order.
void restate_cudnn(const Recurrent& cell) {
    std::vector<TensorExpr> kernel, recurrent;
    const std::uint64_t inputs = cell.kernel->shape()[0];
    for (std::uint64_t gate = 0; gate < cell.gates; ++gate) {
        TensorExpr memory =
            TensorExpr::reshape(block(*cell.kernel, gate, cell.units), Shape{cell.units, inputs});
        kernel.push_back(TensorExpr::transpose(std::move(memory), {1, 0}));
        recurrent.push_back(TensorExpr::transpose(block(*cell.recurrent, gate, cell.units), {1, 0}));
    }
    *cell.kernel = TensorExpr::concat(std::move(kernel), 1);
    *cell.recurrent = TensorExpr::concat(std::move(recurrent), 1);
    const std::uint64_t width = cell.gates * cell.units;
    *cell.bias = cell.gates == 4 ? TensorExpr::add(TensorExpr::slice(*cell.bias, 0, 0, width),
                                                   TensorExpr::slice(*cell.bias, 0, width, width))
                                 : TensorExpr::reshape(*cell.bias, Shape{2, width});
}

bool is_recurrent(const Layer& layer, std::uint64_t& gates) {
    gates = layer.class_name.starts_with("LSTM") ? 4 : 3;
    return layer.class_name == "LSTMCell" || layer.class_name == "GRUCell";
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

std::size_t plain_recurrent_weights(Model& model) {
    std::size_t count = 0;
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        Layer& layer = model.layers[id];
        Recurrent cell{};
        if (!is_recurrent(layer, cell.gates)) continue;
        const auto kernel = find_role(layer, "kernel"), recurrent = find_role(layer, "recurrent_kernel"),
                   bias = find_role(layer, "bias");
        if (!kernel || !recurrent || !bias) continue;
        cell.kernel = &layer.weights[*kernel].value;
        cell.recurrent = &layer.weights[*recurrent].value;
        cell.bias = &layer.weights[*bias].value;
        if (cell.kernel->empty() || cell.recurrent->empty() || cell.bias->empty()) continue;
        if (cell.kernel->shape().rank() != 2 || cell.recurrent->shape().rank() != 2) continue;
        cell.units = cell.recurrent->shape()[0];
        const std::uint64_t width = cell.gates * cell.units;
        const bool cudnn = cell.bias->shape() == Shape{2 * width} && cell.kernel->shape()[1] == width &&
                           cell.recurrent->shape()[1] == width;
        if (!cudnn) continue;
        const Layer& owner = owner_of(model, id);
        if (cell.gates == 3 && !owner.config["reset_after"].as_bool().value_or(true))
            throw needs_reset_after(owner);
        restate_cudnn(cell);
        ++count;
    }
    return count;
}

}  // namespace ballast
