// SPDX-License-Identifier: Apache-2.0
// Orders of slots, see optimizer_slots.h.
#include "model/optimizer_slots.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/naming.h"
#include "model/order.h"

namespace ballast {
namespace {

/// The weights `framework` trains, by canonical name, in its order.
std::vector<std::string> trained_names(const Model& model, layout::Framework framework) {
    const auto all = canonical_weight_names(model);
    std::vector<std::string> names;
    for (const WeightRef& ref : trainable_weights(model, framework))
        names.push_back(all[ref.layer][ref.weight]);
    return names;
}

}  // namespace

bool order_slots(const Model& model, layout::Framework framework, Optimizer& optimizer) {
    std::vector<std::string> before;
    std::set<std::string_view> seen;
    std::map<std::pair<std::string, std::string>, OptimizerVariable> slots;
    for (const OptimizerVariable& variable : optimizer.variables) {
        if (variable.of_weight.empty() && variable.value.shape().rank() != 0) return true;
        if (variable.of_weight.empty()) continue;
        if (seen.insert(variable.of_weight).second) before.push_back(variable.of_weight);
        slots.insert_or_assign({variable.slot, variable.of_weight}, variable);
    }
    const std::vector<std::string> now = trained_names(model, framework);
    const bool same = now.size() == before.size() &&
                      std::ranges::all_of(now, [&](const std::string& name) { return seen.contains(name); });
    if (now == before || !same) return true;
    std::map<std::string_view, std::string_view> replaced;
    for (std::size_t i = 0; i < now.size(); ++i)
        replaced.emplace(before[i], now[i]);
    for (OptimizerVariable& variable : optimizer.variables) {
        if (variable.of_weight.empty()) continue;
        const auto found = slots.find({variable.slot, std::string(replaced.at(variable.of_weight))});
        if (found == slots.end()) return false;
        variable = found->second;
    }
    return true;
}

std::vector<Shape> trained_shapes(const Model& model, layout::Framework framework) {
    std::vector<Shape> shapes;
    for (const WeightRef& ref : trainable_weights(model, framework))
        shapes.push_back(model.layers[ref.layer].weights[ref.weight].value.shape());
    return shapes;
}

}  // namespace ballast
