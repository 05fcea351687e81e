// SPDX-License-Identifier: Apache-2.0
// The null format: a plan over every tensor and asset of a model that keeps nothing.
#include <utility>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/format.h"
#include "core/checked.h"
#include "dialect/reporting.h"
#include "model/model_tensors.h"

namespace ballast::formats {

extern const FormatInfo null_info;

namespace {

class Discarded {
public:
    explicit Discarded(std::string name) {
        file_.name = std::move(name);
        file_.discard = true;
    }
    void add(std::uint64_t size, decltype(Piece::content) content) {
        if (size == 0) return;
        file_.pieces.push_back({file_.size, std::move(content)});
        const auto end = checked_add(file_.size, size);
        if (!end) throw Error(ErrorCode::limit_exceeded, "more bytes than 64 bits count");
        file_.size = *end;
    }
    PlannedFile take() { return std::move(file_); }

private:
    PlannedFile file_;
};

class NullFormat final : public Format {
public:
    const FormatInfo& info() const noexcept override { return null_info; }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        Discarded file(target.location.name);
        for (const ModelTensor& tensor : model_tensors(model)) {
            const bool state = tensor.part == Part::optimizer || tensor.part == Part::metric;
            if (state && !options.include_optimizer) {
                report.add(ReportEntry::Kind::dropped, source_name(*tensor.value), {},
                           "optimizer state was not wanted");
                continue;
            }
            report_written(report, *tensor.value, tensor.name, tensor.name);
            file.add(tensor.value->byte_count(), TensorBytes{*tensor.value});
        }
        for (const Blob& asset : model.assets) {
            if (const auto* extent = std::get_if<Extent>(&asset.bytes))
                file.add(extent->length, CopiedBytes{*extent});
        }
        WritePlan plan;
        plan.files.push_back(file.take());
        return plan;
    }
};

}  // namespace

const Format& null();
const Format& null() {
    static const NullFormat format;
    return format;
}

}  // namespace ballast::formats
