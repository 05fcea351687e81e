// SPDX-License-Identifier: Apache-2.0
// Writing through a plugin: the model as named tensors, and the plan its plan() lays out, checked.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "container/json/json.h"
#include "core/checked.h"
#include "dialect/named_tensors.h"
#include "plugin/call.h"
#include "plugin/foreign_format.h"

namespace ballast::plugin {
namespace {

DType same(DType dtype) {
    return dtype;
}

ballast_text view(std::string_view text) {
    return {text.data(), text.size()};
}

class Layout {
public:
    Layout(const Description& about, const NamedTensors& tensors, const Target& target, const Limits& limits)
        : about_(about), tensors_(tensors), call_(about.who(), target.location.display(), limits) {
        file_.name = target.location.name;
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            const StoredTensor& tensor = tensors.tensor(i);
            ballast_tensor& entry = entries_.emplace_back();
            entry.struct_size = sizeof entry;
            entry.dtype = number_of_dtype(tensor.dtype);
            entry.name = view(tensor.name);
            entry.dims = tensor.shape.dims().data();
            entry.rank = static_cast<std::uint32_t>(tensor.shape.rank());
            entry.length = tensors.value(i).byte_count();
        }
        placed_.resize(tensors.size());
    }

    WritePlan plan() {
        const ballast_model model = abi_model();
        ballast_plan plan{};
        plan.struct_size = sizeof plan;
        plan.context = this;
        plan.bytes = [](void* self, std::uint64_t offset, const void* data, std::uint64_t length) {
            return of(self).call_.guard([&] { of(self).add_bytes(offset, data, length); });
        };
        plan.tensor = [](void* self, std::uint64_t offset, std::uint64_t position) {
            return of(self).call_.guard([&] { of(self).add_tensor(offset, position); });
        };
        plan.size = [](void* self, std::uint64_t size) {
            return of(self).call_.guard([&] { of(self).size_ = size; });
        };
        call_.check(about_.functions().plan(&model, &plan));
        return finished();
    }

private:
    static Layout& of(void* self) { return *static_cast<Layout*>(self); }

    ballast_model abi_model() {
        const Tree& metadata = tensors_.model().metadata;
        if (metadata.size() != 0) metadata_ = json::write(metadata);
        const bool has_metadata = metadata.size() != 0;
        if (about_.keeps_model() && (tensors_.needs_kept() || has_metadata))
            kept_ = tensors_.kept(has_metadata ? metadata : Tree());
        ballast_model model{};
        model.struct_size = sizeof model;
        model.context = &call_;
        model.tensor_count = entries_.size();
        model.tensors = entries_.data();
        model.metadata = view(metadata_);
        model.kept = view(kept_);
        model.limits = call_.abi_limits();
        model.allocate = Call::allocate;
        model.fail = Call::fail;
        return model;
    }

    Error nonsense(std::string message) const { return call_.error(ErrorCode::internal, std::move(message)); }

    /// The end of a piece; a plan beyond 64 bits is refused.
    void extend(std::uint64_t offset, std::uint64_t length) {
        const auto end = checked_add(offset, length);
        if (!end) throw nonsense("a piece lies beyond what 64 bits count").at(offset);
        file_.size = std::max(file_.size, *end);
    }

    void add_bytes(std::uint64_t offset, const void* data, std::uint64_t length) {
        if (length == 0) return;
        if (data == nullptr) throw nonsense("bytes to write are null").at(offset);
        extend(offset, length);
        const auto* first = static_cast<const std::byte*>(data);
        file_.pieces.push_back({offset, FixedBytes{{first, first + length}}});
        lengths_.push_back(length);
    }

    void add_tensor(std::uint64_t offset, std::uint64_t position) {
        if (position >= entries_.size())
            throw nonsense("there is no tensor " + std::to_string(position)).at(offset);
        const auto i = static_cast<std::size_t>(position);
        if (placed_[i])
            throw nonsense("the tensor is placed twice").at(offset).tensor(tensors_.tensor(i).name);
        placed_[i] = true;
        extend(offset, entries_[i].length);
        if (entries_[i].length == 0) return;
        file_.pieces.push_back({offset, TensorBytes{tensors_.value(i)}});
        lengths_.push_back(entries_[i].length);
    }

    WritePlan finished() {
        const auto forgotten = std::find(placed_.begin(), placed_.end(), false);
        if (forgotten != placed_.end())
            throw nonsense("the plugin has no place for the tensor")
                .tensor(tensors_.tensor(static_cast<std::size_t>(forgotten - placed_.begin())).name);
        check_overlaps();
        if (size_ != 0 && size_ < file_.size)
            throw nonsense("pieces lie beyond the end of the file").at(size_);
        file_.size = std::max(file_.size, size_);
        WritePlan plan;
        plan.commit = file_.name;
        plan.files.push_back(std::move(file_));
        return plan;
    }

    /// Sorts the pieces by place.
    void check_overlaps() {
        std::vector<std::size_t> order(file_.pieces.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return file_.pieces[a].offset < file_.pieces[b].offset;
        });
        std::vector<Piece> sorted;
        sorted.reserve(order.size());
        std::uint64_t end = 0;
        for (const std::size_t i : order) {
            if (file_.pieces[i].offset < end) throw nonsense("two pieces overlap").at(file_.pieces[i].offset);
            end = file_.pieces[i].offset + lengths_[i];
            sorted.push_back(std::move(file_.pieces[i]));
        }
        file_.pieces = std::move(sorted);
    }

    const Description& about_;
    const NamedTensors& tensors_;
    Call call_;
    std::vector<ballast_tensor> entries_;
    std::vector<bool> placed_;
    std::string metadata_, kept_;
    PlannedFile file_;
    std::vector<std::uint64_t> lengths_;  ///< of file_.pieces
    std::uint64_t size_ = 0;
};

}  // namespace

WritePlan lay_out(const Description& about, const Model& model, const Target& target,
                  const SaveOptions& options, Report& report) {
    const NamedTensorRules rules = {about.info().id, "", same};
    const NamedTensors tensors(model, options, rules, report);
    if (!about.keeps_model() && tensors.needs_kept() && !model.config.is_null())
        report.note("the model's config stays behind: " + std::string(about.info().id) + " holds none");
    return Layout(about, tensors, target, options.limits).plan();
}

}  // namespace ballast::plugin
