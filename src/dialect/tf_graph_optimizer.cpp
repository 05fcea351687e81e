// SPDX-License-Identifier: Apache-2.0
// Lowering optimizer state, see tf_graph_optimizer.h.
#include "dialect/tf_graph_optimizer.h"

#include <bit>
#include <map>
#include <string>
#include <utility>

#include "dialect/reporting.h"
#include "dialect/tf_graph.h"
#include "model/naming.h"
#include "model/optimizer_nested.h"
#include "model/optimizer_order.h"

namespace ballast::tf_graph {
namespace {

using Node = GraphBuilder::Node;
constexpr std::string_view optimizer_edge = "optimizer", list_edge = "_variables", slot_key = "slot/";

class Writer {
public:
    Writer(const Optimizer& optimizer, bool as_stored, GraphBuilder& graph, Report& report)
        : optimizer_(optimizer),
          own_(as_stored),
          graph_(graph),
          report_(report),
          node_(graph.child(GraphBuilder::root, optimizer_edge)) {}

    /// The variables in the list, the count of steps at its head; behind them the learning rate.
    void new_style() {
        std::size_t ordinal = 0;
        for (const OptimizerVariable& variable : optimizer_.variables) {
            const bool keyed = own_ || variable.stored_key == rate_edge;
            const std::string key = keyed ? variable.stored_key : std::string();
            const bool listed = key.empty() || key.starts_with(std::string(list_edge) + "/");
            const std::string place = listed ? std::to_string(ordinal++) : std::string();
            if (variable.value.empty()) continue;
            if (!listed) {
                const Node node = graph_.walk(node_, key);
                write(variable, node, std::string(optimizer_edge) + "/" + key);
                rate_ = rate_ || variable.slot == "learning_rate";
                continue;
            }
            const Node node = graph_.child(graph_.child(node_, list_edge), place);
            const bool steps = place == "0";
            if (steps) graph_.link(node_, "_iterations", node);
            write(variable, node,
                  std::string(optimizer_edge) + "/" +
                      (steps ? "_iterations" : std::string(list_edge) + "/" + place));
        }
        if (!rate_) add_rate();
    }

    /// Slots hang at the variables they are of.
    void old_style(const std::map<std::string, Node>& variables) {
        for (const OptimizerVariable& variable : optimizer_.variables) {
            if (variable.value.empty()) continue;
            if (!variable.stored_key.starts_with(slot_key)) {
                const Node node = graph_.walk(node_, variable.stored_key);
                write(variable, node, std::string(optimizer_edge) + "/" + variable.stored_key);
                continue;
            }
            const auto of_weight = variables.find(variable.of_weight);
            if (of_weight == variables.end()) {
                report_.add(ReportEntry::Kind::dropped, source_name(variable.value), {},
                            "the variable this is a slot of is not written");
                continue;
            }
            const Node slot = graph_.slot_node();
            graph_.add_slot(node_, of_weight->second, variable.slot, slot);
            write(variable, slot,
                  graph_.path_of(of_weight->second) + "/.OPTIMIZER_SLOT/" + std::string(optimizer_edge) +
                      "/" + escape_edge(variable.slot));
        }
    }

private:
    void write(const OptimizerVariable& variable, Node node, const std::string& path) {
        std::string name = variable.slot.empty() ? variable.stored_key : variable.slot;
        if (!variable.of_weight.empty()) name += "/" + variable.of_weight;
        // "Adam/m/conv1/kernel", as tf_keras names it; the class is not always known.
        if (!variable.of_weight.empty())
            name = (optimizer_.class_name.empty() ? std::string(optimizer_edge) : optimizer_.class_name) +
                   "/" + name;
        graph_.set(node, path, std::move(name), variable.value);
        report_.add(ReportEntry::Kind::matched, source_name(variable.value), path);
    }

    /// tf_keras demands one of a compiled model; elsewhere it is a part of the config.
    void add_rate() {
        const auto rate = optimizer_.config["config"]["learning_rate"].as_double();
        if (!rate) return;
        graph_.set(
            graph_.child(node_, "_learning_rate"), "optimizer/_learning_rate", "learning_rate",
            scalar(DType::float32, "learning_rate", std::bit_cast<std::uint32_t>(static_cast<float>(*rate))));
    }

    const Optimizer& optimizer_;
    bool own_;
    GraphBuilder& graph_;
    Report& report_;
    Node node_;
    bool rate_ = false;
};

/// Why the state cannot go along; empty when it can.
std::string obstacle(const Optimizer& optimizer, bool as_stored) {
    if (as_stored) return {};
    if (optimizer.flavor != "tf_keras")
        return "the optimizer state is " +
               (optimizer.flavor.empty() ? std::string("of unknown order") : optimizer.flavor + "'s") +
               " and has another order in tf_keras";
    const bool by_number =
        optimizer.variables.front().stored_key == "vars/0" || optimizer.variables.front().stored_key == "0";
    if (!by_number && optimizer.variables.front().slot != "iteration")
        return "the optimizer is of the style before TensorFlow 2.11, whose order checkpoints do not share";
    return {};
}

/// State of Keras 3, in tf_keras' order. What it has as its second variable, the learning rate, hangs at the
/// optimizer of tf_keras.
void write_restated(const Model& model, GraphBuilder& graph, Report& report) {
    RestatedOptimizer restated = restate_optimizer(model, "tf_keras");
    if (!restated.state)
        return report_dropped(report, *model.optimizer,
                              "the optimizer state is of Keras 3: " + restated.reason);
    for (const std::string& note : restated.notes)
        report.warn(note);
    if (is_nested(*restated.state)) {
        restated.state->config = model.optimizer->config;
        restated.state = without_copies(std::move(*restated.state));
    }
    bool rate = restated.state->config["config"]["learning_rate"].is_object();
    for (const TensorExpr& value : restated.unused) {
        if (!rate && value.dtype() == DType::float32 && value.shape().rank() == 0) {
            rate = true;
            OptimizerVariable variable;
            variable.slot = "learning_rate";
            variable.stored_key = rate_edge;
            variable.value = value;
            restated.state->variables.push_back(std::move(variable));
        } else {
            report.add(ReportEntry::Kind::dropped, source_name(value), {},
                       "the optimizer state is of Keras 3, and tf_keras' has no such variable");
        }
    }
    for (const TensorExpr& value : restated.read)
        report.add(ReportEntry::Kind::matched, source_name(value), "optimizer/_iterations");
    Writer(*restated.state, false, graph, report).new_style();
}

}  // namespace

void write_optimizer(const Model& layers, const Model& model, bool as_stored, const SaveOptions& options,
                     const VariableNodes& nodes, GraphBuilder& graph, Report& report) {
    if (!model.optimizer || model.optimizer->variables.empty()) return;
    if (!options.include_optimizer) {
        for (const OptimizerVariable& variable : model.optimizer->variables)
            report.add(ReportEntry::Kind::skipped, source_name(variable.value), {}, "left out as asked");
        return;
    }
    if (!as_stored && model.optimizer->flavor == "keras3") return write_restated(model, graph, report);
    Optimizer optimizer = *model.optimizer;
    if (const std::string reason = obstacle(optimizer, as_stored); !reason.empty())
        return report_dropped(report, optimizer, reason);
    if (!as_stored && is_nested(optimizer)) {
        for (const TensorExpr& value : unwrapped(optimizer).copies)
            report.add(ReportEntry::Kind::matched, source_name(value), "optimizer/_variables",
                       "the same variable");
        optimizer = without_copies(std::move(optimizer));
    }
    Writer writer(optimizer, as_stored, graph, report);
    if (optimizer.flavor != "legacy") return writer.new_style();
    std::map<std::string, Node> variables;
    const auto names = canonical_weight_names(layers);
    for (std::size_t id = 0; id < names.size(); ++id)
        for (std::size_t i = 0; i < names[id].size(); ++i)
            if (nodes.of_weight[id][i] != GraphBuilder::root)
                variables.emplace(names[id][i], nodes.of_weight[id][i]);
    writer.old_style(variables);
}

}  // namespace ballast::tf_graph
