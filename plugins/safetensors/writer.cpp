// SPDX-License-Identifier: Apache-2.0
// Laying out a safetensors file, see writer.h.
#include "writer.h"

#include <algorithm>
#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "container/json/utf8.h"
#include "core/checked.h"
#include "dialect/reporting.h"
#include "format.h"
#include "layout.h"
#include "model/model_tensors.h"

namespace ballast::safetensors {
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

/// What is left of the model when the options are applied; says what was left out.
Model selected(const Model& model, const SaveOptions& options, Report& report) {
    Model kept = model;
    if (!options.include_optimizer) {
        constexpr std::string_view reason = "optimizer state was not wanted";
        if (kept.optimizer) report_dropped(report, *kept.optimizer, reason);
        report_dropped(report, kept, Part::metric, reason, false);
        kept.optimizer.reset();
        std::erase_if(kept.loose, [](const LooseTensor& tensor) { return tensor.part == Part::metric; });
    }
    if (options.weights_only) {
        kept.config = {};
        kept.training_config = {};
    }
    for (const Blob& asset : kept.assets)
        report.add(ReportEntry::Kind::dropped, asset.name, {}, "safetensors holds no assets", true);
    kept.assets.clear();
    return kept;
}

bool needs_layout(const Model& model, const std::vector<bool>& opaque) {
    return model.has_layers() || model.optimizer || !model.config.is_null() ||
           !model.training_config.is_null() ||
           std::any_of(model.loose.begin(), model.loose.end(),
                       [](const auto& t) { return t.part != Part::loose; }) ||
           std::find(opaque.begin(), opaque.end(), true) != opaque.end();
}

class Layout {
public:
    Layout(const Model& model, const SaveOptions& options, Report& report)
        : model_(selected(model, options, report)), values_(model_tensors(model_)) {
        name(options.names);
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const TensorExpr& value = *values_[i].value;
            opaque_.push_back(value.dtype() == DType::opaque8);
            tensors_.push_back(
                {std::move(names_[i]), opaque_[i] ? DType::uint8 : value.dtype(), value.shape()});
            report_written(report, value, tensors_[i].name, values_[i].name);
            order_.push_back(i);
        }
        // The format forbids gaps: falling element size keeps every tensor aligned for its type.
        std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
            return info(tensors_[a].dtype).bits > info(tensors_[b].dtype).bits;
        });
    }

    PlannedFile plan(std::string file_name) {
        PlannedFile file;
        file.name = std::move(file_name);
        std::string text = header();
        std::uint64_t offset = length_bytes + text.size();
        file.pieces.push_back({0, FixedBytes{with_length(text)}});
        for (const std::size_t i : order_) {
            const std::uint64_t size = values_[i].value->byte_count();
            if (size != 0) file.pieces.push_back({offset, TensorBytes{*values_[i].value}});
            offset = after(offset, size);
        }
        file.size = offset;
        return file;
    }

private:
    void name(Names wanted) {
        // First, so that a tensor of that name gives way to the format's own key.
        names_.emplace_back(metadata_key);
        for (const ModelTensor& tensor : values_) {
            const bool stored = wanted == Names::stored && tensor.value->is_identity();
            names_.push_back(safe_name(stored ? tensor.value->source()->stored_name : tensor.name));
        }
        make_unique(names_);
        names_.erase(names_.begin());
    }

    static std::uint64_t after(std::uint64_t offset, std::uint64_t size) {
        const auto sum = checked_add(offset, size);
        if (!sum) throw Error(ErrorCode::limit_exceeded, "the file would be larger than 64 bits count");
        return *sum;
    }

    std::string metadata() const {
        Tree tree = Tree::object();
        for (const auto& [key, value] : model_.metadata.members())
            tree.set(key, value.is_string() ? value : Tree(json::write(value)));
        if (needs_layout(model_, opaque_)) tree.set(ballast_key, layout_text(model_, tensors_, opaque_));
        return tree.size() == 0 ? std::string() : json::write(tree);
    }

    std::string header() const {
        std::string text = "{";
        const std::string metadata_text = metadata();
        if (!metadata_text.empty()) text += json::write(Tree(metadata_key)) + ":" + metadata_text;
        std::uint64_t begin = 0;
        for (const std::size_t i : order_) {
            const std::uint64_t end = after(begin, values_[i].value->byte_count());
            if (text.size() > 1) text += ',';
            text += entry(tensors_[i], begin, end);
            begin = end;
        }
        text += '}';
        text.append(align_up(length_bytes + text.size(), data_alignment) - length_bytes - text.size(), ' ');
        if (text.size() > largest_written_header)
            throw Error(ErrorCode::limit_exceeded, "the header would take " + std::to_string(text.size()) +
                                                       " bytes; readers of safetensors refuse more than " +
                                                       std::to_string(largest_written_header))
                .hint("write fewer tensors into one file (--include, --without-optimizer)");
        return text;
    }

    static std::string entry(const StoredTensor& tensor, std::uint64_t begin, std::uint64_t end) {
        std::string text = json::write(Tree(tensor.name)) + R"(:{"dtype":")";
        text += info(tensor.dtype).safetensors;
        text += R"(","shape":[)";
        for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis)
            text += (axis == 0 ? "" : ",") + std::to_string(tensor.shape[axis]);
        return text + R"(],"data_offsets":[)" + std::to_string(begin) + ',' + std::to_string(end) + "]}";
    }

    static std::vector<std::byte> with_length(const std::string& text) {
        std::vector<std::byte> bytes(length_bytes + text.size());
        for (std::size_t i = 0; i < length_bytes; ++i)
            bytes[i] = static_cast<std::byte>(text.size() >> (8 * i));
        std::transform(text.begin(), text.end(), bytes.begin() + length_bytes,
                       [](char c) { return std::byte(c); });
        return bytes;
    }

    Model model_;
    std::vector<ModelTensor> values_;  ///< in model order; refers to model_
    std::vector<std::string> names_;
    std::vector<StoredTensor> tensors_;  ///< of values_
    std::vector<bool> opaque_;           ///< of values_
    std::vector<std::size_t> order_;     ///< positions in values_ in file order
};

}  // namespace

PlannedFile lay_out(const Model& model, std::string file_name, const SaveOptions& options, Report& report) {
    return Layout(model, options, report).plan(std::move(file_name));
}

}  // namespace ballast::safetensors
