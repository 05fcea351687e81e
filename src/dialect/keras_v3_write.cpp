// SPDX-License-Identifier: Apache-2.0
// Lowering optimizer and metric state to the Keras 3 layout, see keras_v3_write.h.
#include "dialect/keras_v3_write.h"

#include <optional>
#include <string>
#include <utility>

#include "dialect/keras_v3.h"
#include "dialect/keras_v3_parts.h"
#include "dialect/keras_v3_tree.h"
#include "dialect/reporting.h"
#include "model/optimizer_nested.h"
#include "model/optimizer_order.h"

namespace ballast::keras_v3 {
namespace {

using layout::Framework;

std::string join(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : std::string(path) + "/" + std::string(name);
}

std::string_view flavor_name(Framework flavor) {
    return flavor == Framework::keras3 ? "keras3" : "tf_keras";
}

std::string framework_name(std::string_view flavor) {
    return flavor == "keras3" ? "Keras 3" : "tf_keras";
}

/// "optimizer/inner/vars/3" -> {"optimizer/inner/vars", "3"}: the group a manifest names, and the tensor in
/// it.
std::pair<std::string_view, std::string_view> place(std::string_view path) {
    const std::string infix = "/" + std::string(vars_group) + "/";
    const std::size_t at = path.find(infix);
    if (at != std::string_view::npos)
        return {path.substr(0, at + infix.size() - 1), path.substr(at + infix.size())};
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return {{}, path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

void write_group_names(Output& output, const Optimizer& optimizer) {
    for (const Tree::Member& named : optimizer.config[group_names_key].members()) {
        const std::string vars = join(optimizer_group, join(named.first, vars_group));
        output.group(vars, named.second.is_string() ? std::optional(named.second.as_string()) : std::nullopt);
    }
}

void write_variables(Output& output, const Optimizer& optimizer, Framework flavor, bool own, Report& report) {
    output.group(join(optimizer_group, vars_group), std::nullopt);
    write_group_names(output, optimizer);
    for (std::size_t i = 0; i < optimizer.variables.size(); ++i) {
        const OptimizerVariable& variable = optimizer.variables[i];
        if (variable.value.empty()) continue;
        // A TensorFlow checkpoint keeps it, behind all that have a number.
        if (!own && flavor == Framework::tf_keras && variable.slot == "learning_rate") {
            report.add(ReportEntry::Kind::dropped, source_name(variable.value), {},
                       "tf_keras keeps no learning rate in .weights.h5");
            continue;
        }
        const bool nested = variable.stored_key.find("/vars/") != std::string::npos;
        const std::string path =
            join(optimizer_group, own || nested ? variable.stored_key : join(vars_group, std::to_string(i)));
        const auto [group, key] = place(path);
        output.dataset(group, key, variable.value);
        report.add(ReportEntry::Kind::matched, source_name(variable.value), path);
    }
}

/// State of the other framework, in this one's order.
void write_restated(Output& output, const Model& model, Framework flavor, Report& report) {
    const Optimizer& optimizer = *model.optimizer;
    const std::string name = framework_name(flavor_name(flavor));
    const std::string origin = "the optimizer state is of " + framework_name(optimizer.flavor);
    const RestatedOptimizer restated = restate_optimizer(model, flavor_name(flavor));
    if (!restated.state) return report_dropped(report, optimizer, origin + ": " + restated.reason);
    for (const std::string& note : restated.notes)
        report.warn(note);
    for (const TensorExpr& value : restated.unused)
        report.add(ReportEntry::Kind::dropped, source_name(value), {},
                   origin + ", and " + name + "'s has no such variable");
    for (const TensorExpr& value : restated.read)
        report.add(ReportEntry::Kind::matched, source_name(value), join(optimizer_group, vars_group) + "/0");
    write_variables(output, *restated.state, flavor, false, report);
}

}  // namespace

void write_optimizer(Output& output, const Model& model, Framework flavor, const SaveOptions& options,
                     Report& report) {
    if (!model.optimizer) return;
    const Optimizer& optimizer = *model.optimizer;
    if (!options.include_optimizer) {
        for (const OptimizerVariable& variable : optimizer.variables) {
            report.add(ReportEntry::Kind::skipped, source_name(variable.value), {}, "left out as asked");
        }
        return;
    }
    if (optimizer.flavor.empty())
        return report_dropped(report, optimizer, "the order of the optimizer state is unknown");
    if (optimizer.flavor != flavor_name(flavor)) return write_restated(output, model, flavor, report);
    const bool own = model.producer.dialect == dialect;
    if (!own && optimizer.class_name.starts_with("LossScaleOptimizer")) {
        for (const OptimizerVariable& variable : optimizer.variables)
            if (is_beside(variable) && !variable.value.empty())
                report.add(ReportEntry::Kind::dropped, source_name(variable.value), {},
                           "no variable of a LossScaleOptimizer in .weights.h5 files");
        return write_variables(output, nested(optimizer), flavor, false, report);
    }
    write_variables(output, optimizer, flavor, own, report);
}

void write_metrics(Output& output, const Model& model, Framework flavor, const SaveOptions& options,
                   Report& report) {
    // What lies in other places in other files has none here.
    if (model.producer.dialect != dialect || model.producer.flavor != flavor_name(flavor))
        return report_state_left(report, model,
                                 flavor == Framework::tf_keras
                                     ? "the source's metric state has no place in tf_keras files"
                                     : "Keras 3 stores no metric state");
    for (const LooseTensor& tensor : model.loose) {
        if ((tensor.part != Part::metric && tensor.part != Part::optimizer) || tensor.value.empty()) continue;
        if (!options.include_optimizer) {
            report.add(ReportEntry::Kind::skipped, source_name(tensor.value), {}, "left out as asked");
            continue;
        }
        const auto [group, key] = place(tensor.name);
        output.dataset(group, key, tensor.value);
        report.add(ReportEntry::Kind::matched, source_name(tensor.value), tensor.name);
    }
}

}  // namespace ballast::keras_v3
