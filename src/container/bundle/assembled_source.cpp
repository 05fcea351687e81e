// SPDX-License-Identifier: Apache-2.0
// Presenting sliced and unpacked tensors, see assembled_source.h.
#include "container/bundle/assembled_source.h"

#include <algorithm>
#include <cstring>

#include "ballast/error.h"
#include "core/checked.h"

namespace ballast::bundle {
namespace {

using Dims = std::vector<std::uint64_t>;

std::uint64_t product(const Dims& dims) {
    std::uint64_t result = 1;
    for (const std::uint64_t dim : dims)
        result *= dim;
    return result;
}

/// The only dimension in which the parts are less than the whole; nullopt when there are several.
std::optional<std::size_t> cut_axis(const std::vector<TensorPart>& parts, const Dims& shape) {
    std::size_t axis = 0;
    bool found = false;
    for (const TensorPart& part : parts) {
        for (std::size_t dim = 0; dim < shape.size(); ++dim) {
            if (part.extent[dim] == shape[dim] || (found && axis == dim)) continue;
            if (found) return std::nullopt;
            axis = dim;
            found = true;
        }
    }
    return axis;
}

bool overlap(const TensorPart& a, const TensorPart& b) {
    for (std::size_t dim = 0; dim < a.begin.size(); ++dim)
        if (a.begin[dim] + a.extent[dim] <= b.begin[dim] || b.begin[dim] + b.extent[dim] <= a.begin[dim])
            return false;
    return true;
}

}  // namespace

bool tiles(const std::vector<TensorPart>& parts, const Dims& shape) {
    constexpr std::size_t most_in_several_dimensions = 4096;
    std::uint64_t elements = 0;
    for (const TensorPart& part : parts) {
        if (part.begin.size() != shape.size()) return false;
        for (std::size_t dim = 0; dim < shape.size(); ++dim)
            if (!fits(part.begin[dim], part.extent[dim], shape[dim])) return false;
        const auto sum = checked_add(elements, product(part.extent));
        if (!sum) return false;
        elements = *sum;
    }
    if (elements != product(shape)) return false;
    if (elements == 0 || shape.empty()) return true;
    if (const auto axis = cut_axis(parts, shape)) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
        for (const TensorPart& part : parts)
            if (part.extent[*axis] != 0) runs.emplace_back(part.begin[*axis], part.extent[*axis]);
        std::sort(runs.begin(), runs.end());
        std::uint64_t end = 0;
        for (const auto& [begin, length] : runs) {
            if (begin != end) return false;
            end += length;
        }
        return true;
    }
    if (parts.size() > most_in_several_dimensions)
        throw Error(ErrorCode::limit_exceeded,
                    "the tensor is cut into too many slices in several dimensions");
    for (std::size_t i = 0; i < parts.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (overlap(parts[i], parts[j])) return false;
    return true;
}

AssembledSource::AssembledSource(std::vector<TensorPart> parts, Dims shape, std::uint64_t element,
                                 std::string path)
    : shape_(std::move(shape)), strides_(shape_.size()), path_(std::move(path)) {
    std::uint64_t stride = element;
    for (std::size_t dim = shape_.size(); dim-- > 0;) {
        strides_[dim] = stride;
        stride *= shape_[dim];
    }
    size_ = stride;
    for (TensorPart& part : parts) {
        if (product(part.extent) == 0) continue;
        Rows rows{std::move(part), element, 1, shape_.size()};
        const Dims& extent = rows.part.extent;
        // Trailing dimensions that are whole, and the first that is not, make one run.
        bool whole = true;
        while (rows.dims > 0 && whole) {
            --rows.dims;
            rows.run *= extent[rows.dims];
            whole = extent[rows.dims] == shape_[rows.dims];
        }
        for (std::size_t dim = 0; dim < rows.dims; ++dim)
            rows.count *= extent[dim];
        parts_.push_back(std::move(rows));
    }
}

std::uint64_t AssembledSource::place(const Rows& rows, std::uint64_t row) const {
    std::uint64_t at = 0;
    for (std::size_t dim = rows.dims; dim < shape_.size(); ++dim)
        at += rows.part.begin[dim] * strides_[dim];
    for (std::size_t dim = rows.dims; dim-- > 0;) {
        at += (rows.part.begin[dim] + row % rows.part.extent[dim]) * strides_[dim];
        row /= rows.part.extent[dim];
    }
    return at;
}

void AssembledSource::read_rows(const Rows& rows, std::uint64_t offset, std::span<std::byte> out) const {
    const std::uint64_t end = offset + out.size();
    // Places rise with the row: the first row that ends behind `offset`, and the first that begins at or
    // behind `end`.
    const auto first_with = [&](auto&& holds) {
        std::uint64_t low = 0, high = rows.count;
        while (low < high) {
            const std::uint64_t middle = low + (high - low) / 2;
            if (holds(place(rows, middle)))
                high = middle;
            else
                low = middle + 1;
        }
        return low;
    };
    const std::uint64_t first = first_with([&](std::uint64_t at) { return at + rows.run > offset; });
    const std::uint64_t stop = first_with([&](std::uint64_t at) { return at >= end; });
    if (first >= stop) return;
    const std::uint64_t first_at = place(rows, first), last_at = place(rows, stop - 1);
    const std::uint64_t skip = offset > first_at ? offset - first_at : 0;
    const std::uint64_t cut = last_at + rows.run > end ? last_at + rows.run - end : 0;
    const std::uint64_t begin = first * rows.run + skip, length = stop * rows.run - cut - begin;
    if (stop - first == 1)
        return rows.part.source->read_at(rows.part.offset + begin,
                                         out.subspan(static_cast<std::size_t>(first_at + skip - offset),
                                                     static_cast<std::size_t>(length)));
    std::vector<std::byte> bytes(static_cast<std::size_t>(length));
    rows.part.source->read_at(rows.part.offset + begin, bytes);
    std::size_t taken = 0;
    for (std::uint64_t row = first; row < stop; ++row) {
        const std::uint64_t at = std::max(place(rows, row), offset);
        const std::uint64_t row_end = std::min(place(rows, row) + rows.run, end);
        const auto count = static_cast<std::size_t>(row_end - at);
        std::memcpy(out.data() + (at - offset), bytes.data() + taken, count);
        taken += count;
    }
}

void AssembledSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    if (!fits(offset, out.size(), size_))
        throw Error(ErrorCode::truncated, "a range outside of the tensor was asked for").in(path_).at(offset);
    if (out.empty()) return;
    for (const Rows& rows : parts_)
        read_rows(rows, offset, out);
}

void NibbleSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    if (!fits(offset, out.size(), size()))
        throw Error(ErrorCode::truncated, "a range outside of the tensor was asked for")
            .in(path())
            .at(offset);
    const std::uint64_t first = 2 * offset;
    std::vector<std::byte> wide(static_cast<std::size_t>(
        std::min<std::uint64_t>(2 * out.size(), elements_ - std::min(first, elements_))));
    source_->read_at(offset_ + first, wide);
    constexpr std::byte low{0x0f};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::byte high = 2 * i + 1 < wide.size() ? wide[2 * i + 1] & low : std::byte{0};
        out[i] = (wide[2 * i] & low) | (high << 4);
    }
}

}  // namespace ballast::bundle
