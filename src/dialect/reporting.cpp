// SPDX-License-Identifier: Apache-2.0
// What the writers of all formats report about a value, see reporting.h.
#include "dialect/reporting.h"

#include "model/model_tensors.h"

namespace ballast {
namespace {

using Kind = ReportEntry::Kind;

/// The strongest thing that happens to a value on its way.
Kind kind_of_change(const TensorExpr& value) {
    switch (value.op()) {
        case TensorExpr::Op::identity:
            return Kind::matched;
        case TensorExpr::Op::cast:
            return kind_of_change(value.inputs().front()) == Kind::computed ? Kind::computed : Kind::cast;
        case TensorExpr::Op::transpose:
        case TensorExpr::Op::flip:
        case TensorExpr::Op::reshape:
            return value.inputs().front().is_identity() ? Kind::transposed
                                                        : kind_of_change(value.inputs().front());
        default:
            return Kind::computed;
    }
}

const TensorExpr& first_source(const TensorExpr& value) {
    const TensorExpr* expr = &value;
    while (!expr->is_identity() && !expr->inputs().empty())
        expr = &expr->inputs().front();
    return *expr;
}

}  // namespace

std::string source_name(const TensorExpr& value) {
    const TensorExpr& first = first_source(value);
    if (!first.is_identity()) return {};
    std::string name = first.source()->stored_name;
    if (value.inputs().size() > 1) name += " +" + std::to_string(value.inputs().size() - 1);
    return name;
}

const io::Source* file_of(const TensorExpr& value) {
    const TensorExpr& first = first_source(value);
    if (!first.is_identity()) return nullptr;
    const auto& layout = first.source()->storage.layout;
    if (const auto* extent = std::get_if<Extent>(&layout)) return extent->source.get();
    if (const auto* chunked = std::get_if<std::shared_ptr<const ChunkedLayout>>(&layout))
        return (*chunked)->source.get();
    return nullptr;
}

void report_assets_left(Report& report, const Model& model) {
    for (const Blob& asset : model.assets)
        report.add(Kind::dropped, asset.name, {}, "a weights file holds no assets");
}

void report_unread_types(Report& report, const Model& model, std::string_view framework) {
    std::size_t count = 0;
    for (const ModelTensor& tensor : model_tensors(model))
        if (tensor.part == Part::weight && tensor.value->dtype() == DType::bfloat16) ++count;
    if (count == 0) return;
    report.warn(std::string(framework) + " does not read bfloat16 from such files (" + std::to_string(count) +
                " tensors); --dtype float32 makes one that it reads");
}

void report_left_behind(Report& report, const Model& model) {
    if (!model.config.is_null()) report.note("the model's config stays behind: a weights file holds none");
    report_assets_left(report, model);
}

void report_written(Report& report, const TensorExpr& value, std::string_view stored_name,
                    std::string_view canonical) {
    Kind kind = kind_of_change(value);
    std::string text;
    if (kind == Kind::matched && value.source()->name != canonical &&
        value.source()->stored_name != canonical) {
        kind = Kind::renamed;
        text = value.source()->name + " -> " + std::string(canonical);
    } else if (kind == Kind::cast) {
        text = std::string(to_string(first_source(value).dtype())) + " -> " +
               std::string(to_string(value.dtype()));
    }
    report.add(kind, source_name(value), std::string(stored_name), std::move(text));
}

void report_dropped(Report& report, const Optimizer& optimizer, std::string_view reason) {
    for (const OptimizerVariable& variable : optimizer.variables) {
        if (!variable.value.empty())
            report.add(Kind::dropped, source_name(variable.value), {}, std::string(reason));
    }
}

void report_dropped(Report& report, const Model& model, Part part, std::string_view reason, bool loss) {
    for (const LooseTensor& tensor : model.loose) {
        if (tensor.part == part && !tensor.value.empty()) {
            report.add(Kind::dropped, source_name(tensor.value), {}, std::string(reason), loss);
        }
    }
}

void report_state_left(Report& report, const Model& model, std::string_view metrics_reason) {
    report_dropped(report, model, Part::metric, metrics_reason, false);
    report_dropped(report, model, Part::optimizer,
                   "the optimizer state of a model within the model, whose own training starts afresh",
                   false);
}

}  // namespace ballast
