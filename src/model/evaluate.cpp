// SPDX-License-Identifier: Apache-2.0
// Computes the bytes of tensor expressions: ranges of what can be streamed, whole values of the rest.
//
// A whole value is written through a strided view of the result: transposes, flips and joins only change the
// view their input is written through, so that even a nested expression needs little more memory than its
// result.
#include "model/evaluate.h"

#include <algorithm>
#include <cstring>

#include "ballast/error.h"
#include "core/checked.h"
#include "filter/decode.h"
#include "model/cast.h"
#include "model/strided.h"

namespace ballast {
namespace {

using Op = TensorExpr::Op;

constexpr std::size_t block_bytes = std::size_t{1} << 20;

std::size_t element_size(const TensorExpr& value) {
    return info(value.dtype()).bits / 8U;
}

std::uint64_t product(const Shape& shape, std::size_t from, std::size_t to) {
    std::uint64_t result = 1;
    for (std::size_t axis = from; axis < to; ++axis)
        result *= shape[axis];
    return result;
}

/// Bytes of one entry of an axis and all axes after it.
std::uint64_t entry_bytes(const TensorExpr& value, std::uint32_t axis) {
    return product(value.shape(), axis + 1, value.shape().rank()) * element_size(value);
}

bool is_outermost(const Shape& shape, std::uint32_t axis) {
    return product(shape, 0, axis) == 1;
}

bool decodes_chunks(const TensorExpr& value) {
    if (value.is_identity()) return value.source()->storage.layout.index() == 1;
    return std::any_of(value.inputs().begin(), value.inputs().end(), decodes_chunks);
}

/// How many bytes of the result to work on at a time: chunks must not be decoded once for every block they
/// touch.
std::size_t block_size(const TensorExpr& value, std::size_t wanted) {
    if (decodes_chunks(value)) return std::max<std::size_t>(wanted, 1);
    return std::clamp<std::size_t>(wanted, 1, block_bytes);
}

void stream(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out);

/// Converts the input's elements `in` to those of the cast `value`.
void cast_block(const TensorExpr& value, std::span<const std::byte> in, std::span<std::byte> out) {
    const DType from = value.inputs()[0].dtype();
    cast_elements(in, from, out, value.dtype());
    if (CastCount* count = value.cast_count())
        count->overflowed.fetch_add(count_infinite(out, value.dtype()) - count_infinite(in, from),
                                    std::memory_order_relaxed);
}

/// The input's elements under the bytes [begin, begin + out.size()) of a cast, converted block by block.
void stream_cast(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out) {
    const TensorExpr& input = value.inputs()[0];
    const std::size_t to = element_size(value), from = element_size(input);
    std::uint64_t first = begin / to;
    std::vector<std::byte> buffer(std::min(block_size(value, out.size()), out.size()) / to * from + from);
    while (!out.empty()) {
        const std::size_t count = std::min(out.size() / to, buffer.size() / from);
        const std::span<std::byte> part(buffer.data(), count * from);
        stream(input, first * from, part);
        cast_block(value, part, out.first(count * to));
        out = out.subspan(count * to);
        first += count;
    }
}

void stream_add(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out) {
    stream(value.inputs()[0], begin, out);
    const std::size_t element = element_size(value);
    std::vector<std::byte> buffer((std::min(block_size(value, out.size()), out.size()) + element - 1) /
                                  element * element);
    while (!out.empty()) {
        const std::span<std::byte> part(buffer.data(), std::min(out.size(), buffer.size()));
        stream(value.inputs()[1], begin, part);
        add_elements(out.first(part.size()), part, value.dtype());
        out = out.subspan(part.size());
        begin += part.size();
    }
}

/// Joined along the outermost axis: the inputs one after another.
void stream_concat(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out) {
    for (const TensorExpr& input : value.inputs()) {
        const std::uint64_t size = input.byte_count();
        if (begin < size) {
            const auto part =
                out.first(static_cast<std::size_t>(std::min<std::uint64_t>(size - begin, out.size())));
            stream(input, begin, part);
            out = out.subspan(part.size());
            begin = size;
        }
        if (out.empty()) return;
        begin -= size;
    }
}

/// Range of a streamable value, at element boundaries.
void stream(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out) {
    if (out.empty()) return;
    switch (value.op()) {
        case Op::identity:
            return read_range(*value.source(), begin, out);
        case Op::reshape:
            return stream(value.inputs()[0], begin, out);
        case Op::cast:
            return stream_cast(value, begin, out);
        case Op::add:
            return stream_add(value, begin, out);
        case Op::concat:
            return stream_concat(value, begin, out);
        case Op::square:
            stream(value.inputs()[0], begin, out);
            return square_elements(out, value.dtype());
        case Op::slice: {
            const std::uint64_t skip = value.begin() * entry_bytes(value.inputs()[0], value.axes()[0]);
            return stream(value.inputs()[0], skip + begin, out);
        }
        case Op::transpose:
        case Op::flip:
            break;
    }
    throw Error(ErrorCode::internal, "a range of a value that cannot be streamed");
}

std::vector<std::byte> whole(const TensorExpr& value);

/// Ranges of any value: streamed, or from a copy held in memory.
class Reader {
public:
    explicit Reader(const TensorExpr& value) : value_(value), streams_(is_streamable(value)) {
        if (!streams_) bytes_ = whole(value);
    }
    void read(std::uint64_t begin, std::span<std::byte> out) const {
        if (streams_)
            stream(value_, begin, out);
        else if (!out.empty())
            std::memcpy(out.data(), bytes_.data() + begin, out.size());
    }

private:
    const TensorExpr& value_;
    bool streams_;
    std::vector<std::byte> bytes_;
};

/// Calls fill(begin, block) for all blocks of the value and writes each into the view.
template <class Fill>
void by_blocks(const TensorExpr& value, const StridedView& view, Fill fill) {
    const std::size_t element = element_size(value);
    const std::uint64_t total = value.byte_count();
    if (total == 0) return;
    const auto wanted = block_size(value, static_cast<std::size_t>(total));
    std::vector<std::byte> buffer(std::max(wanted / element, std::size_t{1}) * element);
    for (std::uint64_t begin = 0; begin < total; begin += buffer.size()) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), total - begin));
        const std::span<std::byte> block(buffer.data(), size);
        fill(begin, block);
        scatter(view, begin / element, block);
    }
}

void place(const TensorExpr& value, const StridedView& view);

/// A slice along an inner axis: of every entry of the axes before it a run of bytes, as many of them as fit a
/// block at a time. Gaps between short runs are read along.
void place_slice(const TensorExpr& value, const StridedView& view) {
    const TensorExpr& input = value.inputs()[0];
    const std::uint32_t axis = value.axes()[0];
    const std::uint64_t entry = entry_bytes(input, axis);
    const std::uint64_t run = value.shape()[axis] * entry, stride = input.shape()[axis] * entry;
    const std::uint64_t skip = value.begin() * entry, runs = product(input.shape(), 0, axis);
    if (run == 0 || runs == 0) return;
    const Reader reader(input);
    const std::size_t element = element_size(value);
    const std::uint64_t together = std::clamp<std::uint64_t>(block_bytes / stride, 1, runs);
    std::vector<std::byte> buffer(static_cast<std::size_t>((together - 1) * stride + run));
    for (std::uint64_t first = 0; first < runs; first += together) {
        const std::uint64_t count = std::min(together, runs - first);
        const auto span = static_cast<std::size_t>((count - 1) * stride + run);
        reader.read(first * stride + skip, std::span(buffer.data(), span));
        for (std::uint64_t i = 0; i < count; ++i)
            scatter(view, (first + i) * run / element,
                    std::span(buffer.data() + i * stride, static_cast<std::size_t>(run)));
    }
}

void place_elementwise(const TensorExpr& value, const StridedView& view) {
    const Reader a(value.inputs()[0]);
    if (value.op() == Op::cast) {
        const std::size_t from = element_size(value.inputs()[0]), to = element_size(value);
        std::vector<std::byte> buffer;
        by_blocks(value, view, [&](std::uint64_t begin, std::span<std::byte> block) {
            buffer.resize(block.size() / to * from);
            a.read(begin / to * from, buffer);
            cast_block(value, buffer, block);
        });
    } else if (value.op() == Op::square) {
        by_blocks(value, view, [&](std::uint64_t begin, std::span<std::byte> block) {
            a.read(begin, block);
            square_elements(block, value.dtype());
        });
    } else {
        const Reader b(value.inputs()[1]);
        std::vector<std::byte> buffer;
        by_blocks(value, view, [&](std::uint64_t begin, std::span<std::byte> block) {
            buffer.resize(block.size());
            a.read(begin, block);
            b.read(begin, buffer);
            add_elements(block, buffer, value.dtype());
        });
    }
}

void place_concat(const TensorExpr& value, const StridedView& view) {
    const std::uint32_t axis = value.axes()[0];
    std::uint64_t begin = 0;
    for (const TensorExpr& input : value.inputs()) {
        const std::uint64_t count = input.shape()[axis];
        place(input, view.part(axis, begin, count));
        begin += count;
    }
}

void place_reshape(const TensorExpr& value, const StridedView& view) {
    const TensorExpr& input = value.inputs()[0];
    if (view.is_contiguous())
        return place(input, StridedView::contiguous(view.base, view.element, input.shape()));
    const std::vector<std::byte> bytes = whole(input);
    scatter(view, 0, bytes);
}

/// Writes the whole value through the view, which has its shape.
void place(const TensorExpr& value, const StridedView& view) {
    if (value.byte_count() == 0) return;
    if (is_streamable(value)) {
        if (view.is_contiguous())
            return stream(value, 0, {view.base, static_cast<std::size_t>(value.byte_count())});
        return by_blocks(value, view, [&](std::uint64_t begin, std::span<std::byte> block) {
            stream(value, begin, block);
        });
    }
    switch (value.op()) {
        case Op::transpose:
            return place(value.inputs()[0], view.unpermuted(value.axes()));
        case Op::flip:
            return place(value.inputs()[0], view.flipped(value.axes()));
        case Op::concat:
            return place_concat(value, view);
        case Op::slice:
            return place_slice(value, view);
        case Op::reshape:
            return place_reshape(value, view);
        case Op::identity:
        case Op::cast:
        case Op::add:
        case Op::square:
            return place_elementwise(value, view);
    }
}

std::vector<std::byte> whole(const TensorExpr& value) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(value.byte_count()));
    place(value, StridedView::contiguous(bytes.data(), element_size(value), value.shape()));
    return bytes;
}

void evaluate_range(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out) {
    if (is_streamable(value)) return stream(value, begin, out);
    if (out.size() == value.byte_count())
        return place(value, StridedView::contiguous(out.data(), element_size(value), value.shape()));
    const std::vector<std::byte> bytes = whole(value);
    std::memcpy(out.data(), bytes.data() + begin, out.size());
}

}  // namespace

bool is_streamable(const TensorExpr& value) noexcept {
    switch (value.op()) {
        case Op::identity:
            return true;
        case Op::transpose:
        case Op::flip:
            return false;
        case Op::slice:
            if (!is_outermost(value.inputs()[0].shape(), value.axes()[0])) return false;
            break;
        case Op::concat:
            if (!is_outermost(value.shape(), value.axes()[0])) return false;
            break;
        default:
            break;
    }
    return std::all_of(value.inputs().begin(), value.inputs().end(), is_streamable);
}

void evaluate(const TensorExpr& value, std::uint64_t begin, std::span<std::byte> out) {
    if (value.empty()) throw Error(ErrorCode::internal, "a tensor without a value was to be evaluated");
    if (!fits(begin, out.size(), value.byte_count()))
        throw Error(ErrorCode::internal, "a range outside of a tensor was to be evaluated");
    if (out.empty()) return;
    // Whole elements only below; identities take any range.
    const std::size_t element = std::max<std::size_t>(element_size(value), 1);
    const std::uint64_t lead = begin % element;
    if (value.is_identity() || (lead == 0 && out.size() % element == 0))
        return evaluate_range(value, begin, out);
    std::vector<std::byte> widened((static_cast<std::size_t>(lead) + out.size() + element - 1) / element *
                                   element);
    evaluate_range(value, begin - lead, widened);
    std::memcpy(out.data(), widened.data() + lead, out.size());
}

}  // namespace ballast
