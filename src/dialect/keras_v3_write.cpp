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

namespace ballast::keras_v3 {
namespace {

using layout::Framework;

std::string join(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : std::string(path) + "/" + std::string(name);
}

std::string_view flavor_name(Framework flavor) {
    return flavor == Framework::keras3 ? "keras3" : "tf_keras";
}

/// Why the optimizer state cannot go along; empty when it can.
std::string optimizer_obstacle(const Optimizer& optimizer, Framework flavor, bool own) {
    if (optimizer.flavor != flavor_name(flavor)) {
        return "the optimizer state is " +
               (optimizer.flavor.empty() ? "of unknown order" : optimizer.flavor + "'s") +
               " and has another order in " + (flavor == Framework::keras3 ? "Keras 3" : "tf_keras");
    }
    if (own) return {};
    if (optimizer.class_name.starts_with("LossScaleOptimizer"))
        return "a LossScaleOptimizer's state is nested in .weights.h5 files";
    return {};
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
    const bool own = model.producer.dialect == dialect;
    if (const std::string obstacle = optimizer_obstacle(optimizer, flavor, own); !obstacle.empty()) {
        return report_dropped(report, optimizer, obstacle);
    }
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
        const std::string path =
            join(optimizer_group, own ? variable.stored_key : join(vars_group, std::to_string(i)));
        const auto [group, key] = place(path);
        output.dataset(group, key, variable.value);
        report.add(ReportEntry::Kind::matched, source_name(variable.value), path);
    }
}

void write_metrics(Output& output, const Model& model, Framework flavor, const SaveOptions& options,
                   Report& report) {
    const bool own = model.producer.dialect == dialect && model.producer.flavor == flavor_name(flavor);
    if (flavor != Framework::tf_keras || !own) {
        const bool stored = flavor == Framework::tf_keras;
        return report_dropped(report, model, Part::metric,
                              stored ? "the source's metric state has no place in tf_keras files"
                                     : "Keras 3 stores no metric state",
                              false);
    }
    for (const LooseTensor& tensor : model.loose) {
        if (tensor.part != Part::metric || tensor.value.empty()) continue;
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
