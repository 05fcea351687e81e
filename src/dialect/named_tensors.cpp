// SPDX-License-Identifier: Apache-2.0
// What is written of a model, see named_tensors.h.
#include "dialect/named_tensors.h"

#include <algorithm>
#include <utility>

#include "container/json/utf8.h"
#include "dialect/reporting.h"

namespace ballast {
namespace {

/// JSON has no other bytes than text, the reference's readers dislike NUL: such bytes become %XX.
std::string safe_name(std::string_view name) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string safe;
    std::size_t position = 0;
    while (position < name.size()) {
        const std::size_t start = position;
        const std::uint32_t code = utf8::decode(name, position);
        if (code != utf8::invalid && code != 0) {
            safe += name.substr(start, position - start);
        } else {
            const auto byte = static_cast<unsigned char>(name[start]);
            safe += '%';
            safe += digits[byte >> 4U];
            safe += digits[byte & 15U];
        }
    }
    return safe;
}

const TensorExpr& before_cast(const TensorExpr& value) {
    return value.op() == TensorExpr::Op::cast ? value.inputs().front() : value;
}

bool is_state(const LooseTensor& tensor) {
    return tensor.part == Part::metric || tensor.part == Part::optimizer;
}

bool has_state(const Model& model) {
    return model.optimizer || std::any_of(model.loose.begin(), model.loose.end(), is_state);
}

/// The model without what the options leave out and what the format cannot hold, which is reported; empty
/// when all of it stays, since the model of a large file is not copied for nothing.
std::optional<Model> reduced(const Model& model, const SaveOptions& options, std::string_view format,
                             Report& report) {
    const bool all_state = options.include_optimizer || !has_state(model);
    const bool all_configs =
        !options.weights_only || (model.config.is_null() && model.training_config.is_null());
    if (all_state && all_configs && model.assets.empty()) return std::nullopt;
    Model kept = model;
    if (!options.include_optimizer) {
        constexpr std::string_view reason = "optimizer state was not wanted";
        if (kept.optimizer) report_dropped(report, *kept.optimizer, reason);
        for (const Part part : {Part::metric, Part::optimizer})
            report_dropped(report, kept, part, reason, false);
        kept.optimizer.reset();
        std::erase_if(kept.loose, is_state);
    }
    if (options.weights_only) {
        kept.config = {};
        kept.training_config = {};
    }
    for (const Blob& asset : kept.assets)
        report.add(ReportEntry::Kind::dropped, asset.name, {}, std::string(format) + " holds no assets",
                   true);
    kept.assets.clear();
    return kept;
}

}  // namespace

NamedTensors::NamedTensors(const Model& model, const SaveOptions& options, const NamedTensorRules& rules,
                           Report& report)
    : reduced_(reduced(model, options, rules.format, report)),
      model_(reduced_ ? *reduced_ : model),
      values_(model_tensors(model_)) {
    std::vector<std::string> names = stored_names(options.names, rules.reserved);
    tensors_.reserve(values_.size());
    for (std::size_t i = 0; i < values_.size(); ++i) {
        const TensorExpr& value = *values_[i].value;
        const DType dtype = value.dtype();
        tensors_.push_back({std::move(names[i]), rules.stored_dtype(dtype), value.shape(), dtype});
        report_written(report, value, tensors_[i].name, values_[i].name);
    }
}

std::vector<std::string> NamedTensors::stored_names(Names wanted, std::string_view reserved) const {
    std::vector<std::string> names;
    // First, so that a tensor of that name gives way to the format's own entry.
    names.reserve(values_.size() + 1);
    names.emplace_back(reserved);
    for (const ModelTensor& tensor : values_) {
        const TensorExpr& plain = before_cast(*tensor.value);
        const bool stored = wanted == Names::stored && plain.is_identity();
        names.push_back(safe_name(stored ? plain.source()->stored_name : tensor.name));
    }
    make_unique(names);
    names.erase(names.begin());
    return names;
}

bool NamedTensors::needs_kept() const {
    return model_.has_layers() || model_.optimizer || !model_.config.is_null() ||
           !model_.training_config.is_null() ||
           std::any_of(model_.loose.begin(), model_.loose.end(),
                       [](const auto& t) { return t.part != Part::loose; }) ||
           std::any_of(tensors_.begin(), tensors_.end(), [](const auto& t) { return t.kept != t.dtype; });
}

std::string NamedTensors::kept(const Tree& metadata) const {
    return kept_text(model_, tensors_, metadata);
}

}  // namespace ballast
