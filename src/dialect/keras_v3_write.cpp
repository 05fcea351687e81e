// SPDX-License-Identifier: Apache-2.0
// Lowering optimizer and metric state to the Keras 3 layout, see keras_v3_write.h.
#include "dialect/keras_v3_write.h"

#include <string>

#include "dialect/keras_v3.h"
#include "dialect/keras_v3_parts.h"
#include "dialect/keras_v3_tree.h"
#include "dialect/reporting.h"

namespace ballast::keras_v3 {
namespace {

using hdf5::Builder;
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

void write_group_names(Builder& builder, Builder::Id group, const Optimizer& optimizer) {
    for (const Tree::Member& named : optimizer.config[group_names_key].members()) {
        const Builder::Id vars = builder.groups(group, join(named.first, vars_group));
        if (named.second.is_string()) {
            builder.attribute(vars, "name", named.second.as_string(), Builder::Charset::utf8);
        }
    }
}

}  // namespace

void add_dataset(Builder& builder, Builder::Id group, std::string_view key, const TensorExpr& value,
                 Framework flavor) {
    const std::size_t slash = key.rfind('/');
    if (slash != std::string_view::npos) {
        group = builder.groups(group, key.substr(0, slash));
        key = key.substr(slash + 1);
    }
    const Builder::Id id = builder.dataset(group, key, value);
    // HDF5 has no bfloat16: Keras 3 marks the opaque bytes, and cannot load them without the mark.
    if (flavor == Framework::keras3 && value.dtype() == DType::bfloat16)
        builder.attribute(id, "dtype", "bfloat16", Builder::Charset::utf8);
}

void write_optimizer(Builder& builder, const Model& model, Framework flavor, const SaveOptions& options,
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
    const Builder::Id group = builder.group(builder.root(), optimizer_group);
    builder.group(group, vars_group);
    write_group_names(builder, group, optimizer);
    for (std::size_t i = 0; i < optimizer.variables.size(); ++i) {
        const OptimizerVariable& variable = optimizer.variables[i];
        if (variable.value.empty()) continue;
        const std::string key = own ? variable.stored_key : join(vars_group, std::to_string(i));
        add_dataset(builder, group, key, variable.value, flavor);
        report.add(ReportEntry::Kind::matched, source_name(variable.value), join(optimizer_group, key));
    }
}

void write_metrics(Builder& builder, const Model& model, Framework flavor, const SaveOptions& options,
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
        add_dataset(builder, builder.root(), tensor.name, tensor.value, flavor);
        report.add(ReportEntry::Kind::matched, source_name(tensor.value), tensor.name);
    }
}

}  // namespace ballast::keras_v3
