// SPDX-License-Identifier: Apache-2.0
// Laying out a safetensors file, see writer.h.
#include "writer.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
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

const TensorExpr& before_cast(const TensorExpr& value) {
    return value.op() == TensorExpr::Op::cast ? value.inputs().front() : value;
}

bool has_metrics(const Model& model) {
    return std::any_of(model.loose.begin(), model.loose.end(),
                       [](const LooseTensor& tensor) { return tensor.part == Part::metric; });
}

/// The model without what the options leave out and what the format cannot hold, which is reported; empty
/// when all of it stays, since the model of a large file is not copied for nothing.
std::optional<Model> reduced(const Model& model, const SaveOptions& options, Report& report) {
    const bool all_state = options.include_optimizer || (!model.optimizer && !has_metrics(model));
    const bool all_configs =
        !options.weights_only || (model.config.is_null() && model.training_config.is_null());
    if (all_state && all_configs && model.assets.empty()) return std::nullopt;
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

/// The header as it stands in the file, handed out piece by piece: that of many tensors is large.
class HeaderText final : public ByteProducer {
public:
    explicit HeaderText(std::string text) : text_(std::move(text)) {}

    std::uint64_t size() const noexcept { return text_.size(); }
    static void add_pieces(const std::shared_ptr<const HeaderText>& self, PlannedFile& file) {
        for (std::uint64_t begin = 0; begin < self->size(); begin += unit)
            file.pieces.push_back(
                {begin, ProducedBytes{self, begin, std::min<std::uint64_t>(unit, self->size() - begin)}});
    }
    void produce(std::uint64_t begin, std::span<std::byte> out) const override {
        std::memcpy(out.data(), text_.data() + begin, out.size());
    }

private:
    static constexpr std::uint64_t unit = 1 << 20;
    std::string text_;
};

class Layout {
public:
    Layout(const Model& model, const SaveOptions& options, Report& report)
        : reduced_(reduced(model, options, report)),
          model_(reduced_ ? *reduced_ : model),
          values_(model_tensors(model_)) {
        name(options.names);
        tensors_.reserve(values_.size());
        order_.reserve(values_.size());
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const TensorExpr& value = *values_[i].value;
            opaque_.push_back(value.dtype() == DType::opaque8);
            tensors_.push_back(
                {std::move(names_[i]), opaque_[i] ? DType::uint8 : value.dtype(), value.shape()});
            report_written(report, value, tensors_[i].name, values_[i].name);
            order_.push_back(i);
        }
        names_ = {};
        // The format forbids gaps: falling element size keeps every tensor aligned for its type.
        std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
            return info(tensors_[a].dtype).bits > info(tensors_[b].dtype).bits;
        });
    }

    PlannedFile plan(std::string file_name) {
        PlannedFile file;
        file.name = std::move(file_name);
        const auto text = std::make_shared<const HeaderText>(header());
        std::uint64_t offset = text->size();
        HeaderText::add_pieces(text, file);
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
        names_.reserve(values_.size() + 1);
        names_.emplace_back(metadata_key);
        for (const ModelTensor& tensor : values_) {
            const TensorExpr& plain = before_cast(*tensor.value);
            const bool stored = wanted == Names::stored && plain.is_identity();
            names_.push_back(safe_name(stored ? plain.source()->stored_name : tensor.name));
        }
        make_unique(names_);
        names_.erase(names_.begin());
    }

    static std::uint64_t after(std::uint64_t offset, std::uint64_t size) {
        const auto sum = checked_add(offset, size);
        if (!sum) throw Error(ErrorCode::limit_exceeded, "the file would be larger than 64 bits count");
        return *sum;
    }

    Tree metadata() const {
        Tree tree = Tree::object();
        for (const auto& [key, value] : model_.metadata.members())
            tree.set(key, value.is_string() ? value : Tree(json::write(value)));
        if (needs_layout(model_, opaque_)) tree.set(ballast_key, layout_text(model_, tensors_, opaque_));
        return tree;
    }

    /// With its length in front, as in the file.
    std::string header() const {
        std::string text(length_bytes, '\0');
        // A long text that grows is held twice.
        constexpr std::size_t entry_size = 160;
        text.reserve(text.size() + values_.size() * entry_size);
        text += '{';
        if (const Tree tree = metadata(); tree.size() != 0) {
            json::append(text, Tree(metadata_key));
            text += ':';
            json::append(text, tree);
        }
        std::uint64_t begin = 0;
        for (const std::size_t i : order_) {
            const std::uint64_t end = after(begin, values_[i].value->byte_count());
            if (text.back() != '{') text += ',';
            append_entry(text, tensors_[i], begin, end);
            begin = end;
        }
        text += '}';
        text.append(align_up(text.size(), data_alignment) - text.size(), ' ');
        const std::uint64_t length = text.size() - length_bytes;
        if (length > largest_written_header)
            throw Error(ErrorCode::limit_exceeded, "the header would take " + std::to_string(length) +
                                                       " bytes; readers of safetensors refuse more than " +
                                                       std::to_string(largest_written_header))
                .hint("write fewer tensors into one file (--include, --without-optimizer)");
        for (std::size_t i = 0; i < length_bytes; ++i)
            text[i] = static_cast<char>(length >> (8 * i));
        return text;
    }

    static void append_entry(std::string& text, const StoredTensor& tensor, std::uint64_t begin,
                             std::uint64_t end) {
        json::append(text, Tree(tensor.name));
        text += R"(:{"dtype":")";
        text += info(tensor.dtype).safetensors;
        text += R"(","shape":[)";
        for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis)
            text += (axis == 0 ? "" : ",") + std::to_string(tensor.shape[axis]);
        text += R"(],"data_offsets":[)" + std::to_string(begin) + ',' + std::to_string(end) + "]}";
    }

    std::optional<Model> reduced_;
    const Model& model_;
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
