// SPDX-License-Identifier: Apache-2.0
// Boundaries out of a fitted Discretization's summary, see fitted_bins.h.
#include "convert/fitted_bins.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "model/evaluate.h"

namespace ballast {
namespace {

constexpr std::uint64_t most_bins = 1'000'000;

struct Summary {
    std::vector<float> values, weights;  ///< of equal length, values ascending
};

[[noreturn]] void refuse(ErrorCode code, const Layer& layer, const std::string& message) {
    throw Error(code, "layer '" + layer.name + "' (Discretization): " + message).tensor(layer.name);
}

Summary summary_of(const Layer& layer, const TensorExpr& value, const Limits& limits) {
    const Shape& shape = value.shape();
    if (value.dtype() != DType::float32 || shape.rank() != 2 || shape[0] != 2)
        refuse(ErrorCode::damaged, layer, "its summary is no list of values and weights");
    if (value.byte_count() > limits.attribute_bytes)
        refuse(ErrorCode::limit_exceeded, layer, "its summary is larger than any that Keras writes");
    const std::size_t count = shape[1];
    Summary summary{std::vector<float>(count), std::vector<float>(count)};
    evaluate(value, 0, std::as_writable_bytes(std::span(summary.values)));
    evaluate(value, count * sizeof(float), std::as_writable_bytes(std::span(summary.weights)));
    return summary;
}

/// y at x of the line through the points, whose x ascend; the ends are level. As numpy.interp.
double interpolated(double x, const std::vector<float>& xs, const std::vector<float>& ys) {
    const auto above = std::upper_bound(xs.begin(), xs.end(), x,
                                        [](double value, float item) { return value < double{item}; });
    if (above == xs.begin()) return double{ys.front()};
    if (above == xs.end()) return double{ys.back()};
    const auto right = static_cast<std::size_t>(above - xs.begin());
    const double x0 = double{xs[right - 1]}, y0 = double{ys[right - 1]};
    if (x0 == x) return y0;
    const double slope = (double{ys[right]} - y0) / (double{xs[right]} - x0);
    return slope * (x - x0) + y0;
}

/// The values below which the shares 1/bins, 2/bins, … of the weight lie; but where there are fewer values
/// than bins, each value is a boundary.
std::vector<float> boundaries_of(const Summary& summary, std::uint64_t bins) {
    const double share = 1.0 / static_cast<double>(bins);
    std::vector<float> found = summary.values;
    if (static_cast<double>(summary.values.size()) * share >= 1) {
        std::vector<float> below(summary.weights.size());
        float sum = 0;
        for (std::size_t i = 0; i < below.size(); ++i)
            below[i] = sum += summary.weights[i];
        for (float& weight : below)
            weight /= sum;
        const auto count = static_cast<std::size_t>(std::ceil(1.0 / share));
        found.resize(count);
        for (std::size_t i = 0; i < count; ++i)
            found[i] = static_cast<float>(
                interpolated(share + static_cast<double>(i) * share, below, summary.values));
    }
    if (!found.empty()) found.pop_back();
    return found;
}

Tree list_of(const Layer& layer, const std::vector<float>& boundaries) {
    Tree list = Tree::array();
    for (const float boundary : boundaries) {
        if (!std::isfinite(boundary)) refuse(ErrorCode::damaged, layer, "its summary is not finite");
        list.push_back(double{boundary});
    }
    return list;
}

/// The boundaries of each such layer by its name, whose summary leaves the model.
std::map<std::string, Tree> take_boundaries(Model& model, const Limits& limits) {
    std::map<std::string, Tree> found;
    for (Layer& layer : model.layers) {
        if (layer.class_name != "Discretization" || layer.weights.size() != 1 ||
            layer.weights[0].value.empty())
            continue;
        const auto bins = layer.config["num_bins"].as_int64();
        if (!bins || *bins < 1 || static_cast<std::uint64_t>(*bins) > most_bins)
            refuse(ErrorCode::damaged, layer, "it has a summary and no number of bins");
        const Summary summary = summary_of(layer, layer.weights[0].value, limits);
        if (summary.values.empty()) refuse(ErrorCode::unsupported, layer, "it was never fitted to data");
        Tree list = list_of(layer, boundaries_of(summary, static_cast<std::uint64_t>(*bins)));
        if (!found.emplace(layer.name, std::move(list)).second)
            refuse(ErrorCode::unsupported, layer, "the model has two fitted ones of that name");
        layer.weights.clear();
    }
    return found;
}

void put_into(Tree& config, const std::map<std::string, Tree>& boundaries) {
    const auto known = boundaries.find(std::string(config["name"].as_string()));
    if (known == boundaries.end()) return;
    config.set("bin_boundaries", Tree(known->second));
    config.set("num_bins", Tree());  // Keras takes one of the two
}

/// Config trees are as deep as the reader of JSON lets them be.
void put(Tree& node, const std::map<std::string, Tree>& boundaries) {
    if (node.is_array()) {
        for (Tree& item : node.mutable_items())
            put(item, boundaries);
        return;
    }
    if (!node.is_object()) return;
    if (node["class_name"].as_string() == "Discretization" && node["config"].is_object()) {
        Tree& config = *node.find("config");
        return put_into(config, boundaries);
    }
    for (auto& [key, value] : node.mutable_members())
        put(value, boundaries);
}

}  // namespace

void describe_fitted_bins(Model& model, const Limits& limits, Report& report) {
    const std::map<std::string, Tree> boundaries = take_boundaries(model, limits);
    if (boundaries.empty()) return;
    put(model.config, boundaries);
    for (Layer& layer : model.layers)
        if (layer.class_name == "Discretization" && layer.config.is_object())
            put_into(layer.config, boundaries);
    for (const auto& [name, list] : boundaries)
        report.note("layer '" + name + "' (Discretization): " + std::to_string(list.size()) +
                    " boundaries were computed from its summary, and are in the config");
}

}  // namespace ballast
