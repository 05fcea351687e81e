// SPDX-License-Identifier: Apache-2.0
// Metrics by output, see output_metrics.h.
#include "dialect/output_metrics.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace ballast {
namespace {

bool is_node(const Tree& tree) {
    return tree["class_name"].is_string() && tree.find("config") != nullptr;
}

/// Keras 2 named the metrics of its own files already.
void name_for(Tree& metric, const std::string& output) {
    Tree* config = metric.find("config");
    Tree* name = config == nullptr ? nullptr : config->find("name");
    if (name == nullptr || !name->is_string() || name->as_string().starts_with(output + "_")) return;
    *name = Tree(output + "_" + std::string(name->as_string()));
}

Tree list_for(const Tree& metrics, const std::string& output) {
    Tree list = Tree::array();
    if (metrics.is_array())
        list = metrics;
    else if (!metrics.is_null())
        list.push_back(metrics);
    for (Tree& metric : list.mutable_items())
        name_for(metric, output);
    return list;
}

}  // namespace

std::vector<std::string> output_names(const Tree& model_config) {
    const Tree& ends = model_config["config"]["output_layers"];
    std::vector<std::string> names;
    for (const Tree& end : ends.items()) {
        if (!end.is_array() || !end.at(0).is_string()) return {};
        names.emplace_back(end.at(0).as_string());
    }
    return names;
}

Tree metrics_by_output(const Tree& metrics, const std::vector<std::string>& outputs) {
    if (outputs.size() < 2 || metrics.is_null()) return metrics;
    const bool by_name = metrics.is_object() && !is_node(metrics);
    const bool each = metrics.is_array() && std::ranges::any_of(metrics.items(), &Tree::is_array);
    if (each && metrics.size() != outputs.size()) return metrics;
    Tree result = Tree::array();
    for (std::size_t i = 0; i < outputs.size(); ++i)
        result.push_back(list_for(by_name ? metrics[outputs[i]]
                                  : each  ? metrics.at(i)
                                          : metrics,
                                  outputs[i]));
    return result;
}

}  // namespace ballast
