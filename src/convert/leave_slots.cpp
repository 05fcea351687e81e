// SPDX-License-Identifier: Apache-2.0
// Leaving the optimizer's slots out, see leave_slots.h.
#include "convert/leave_slots.h"

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ballast/error.h"
#include "dialect/guess.h"
#include "dialect/reporting.h"
#include "dialect/tf_graph.h"

namespace ballast {
namespace {

/// An object graph names each variable. In Keras' files they are counted, and Keras takes none when some
/// lack.
bool holds_optimizers_in_part(const FormatInfo& format) {
    return format.can.discards || format.kind == Location::Kind::prefix;
}

void leave(TensorExpr& value, Report& report) {
    report.add(ReportEntry::Kind::skipped, source_name(value), {}, "a slot variable, left out as asked");
    value = TensorExpr();
}

/// A slot has its weight's shape. What an optimizer has once is a scalar, and so is a slot of a scalar
/// weight: files that number their variables do not tell these apart, and they stay.
void leave_slots_of(Optimizer& optimizer, Report& report) {
    for (OptimizerVariable& variable : optimizer.variables) {
        if (variable.value.empty()) continue;
        if (!variable.of_weight.empty() || variable.value.shape().rank() != 0) leave(variable.value, report);
    }
}

/// Checkpoints by names: "dense/kernel/Adam" is a slot where "dense/kernel" is, "beta1_power" is none.
void leave_named_slots(std::vector<LooseTensor>& tensors, Report& report) {
    std::unordered_set<std::string_view> names;
    for (const LooseTensor& tensor : tensors)
        names.insert(tensor.name);
    for (LooseTensor& tensor : tensors) {
        const std::size_t slash = tensor.name.rfind('/');
        if (tensor.part != Part::optimizer || tensor.value.empty() || slash == std::string::npos) continue;
        if (names.contains(std::string_view(tensor.name).substr(0, slash))) leave(tensor.value, report);
    }
}

/// Of a state of Keras 3 the count of steps and the learning rate are left, its first variables, which
/// tf_keras has as well: no rule for the order of slots is asked for.
void as_tf_keras(Optimizer& optimizer, Report& report) {
    if (optimizer.class_name.starts_with("LossScaleOptimizer")) return;
    std::vector<OptimizerVariable> kept;
    for (OptimizerVariable& variable : optimizer.variables) {
        if (variable.value.empty()) continue;
        const bool floating = info(variable.value.dtype()).cls == DTypeClass::floating;
        if (kept.size() != (floating ? 1U : 0U)) {
            report.add(ReportEntry::Kind::dropped, source_name(variable.value), {},
                       "the optimizer state is of Keras 3, and tf_keras' has no such variable");
            continue;
        }
        variable.slot = floating ? "learning_rate" : "iteration";
        variable.stored_key = floating ? tf_graph::rate_edge : "";
        kept.push_back(std::move(variable));
    }
    optimizer.variables = std::move(kept);
    optimizer.flavor = "tf_keras";
}

}  // namespace

void leave_slots(Model& model, const FormatInfo& target, Report& report) {
    if (!holds_optimizers_in_part(target))
        throw Error(ErrorCode::unsupported, "the format " + std::string(target.id) +
                                                " does not hold an optimizer in part: its readers take all "
                                                "of the state or none")
            .hint("leave all of the state behind: --without-optimizer; or write a TensorFlow checkpoint");
    leave_named_slots(model.loose, report);
    if (!model.optimizer) return;
    leave_slots_of(*model.optimizer, report);
    const bool as_stored = model.producer.dialect == tf_graph::dialect && !has_classes(model);
    if (!as_stored && model.optimizer->flavor == "keras3" && target.kind == Location::Kind::prefix)
        as_tf_keras(*model.optimizer, report);
}

}  // namespace ballast
