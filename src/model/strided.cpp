// SPDX-License-Identifier: Apache-2.0
// Walking strided memory.
#include "model/strided.h"

#include <algorithm>
#include <cstring>

namespace ballast {
namespace {

/// Copies `count` elements of `Size` bytes between two lines of elements.
template <std::size_t Size>
void copy_line(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t from_step,
               std::uint64_t count) {
    for (; count > 0; --count, to += to_step, from += from_step)
        std::memcpy(to, from, Size);
}

void copy_line(std::size_t size, std::byte* to, std::int64_t to_step, const std::byte* from,
               std::int64_t from_step, std::uint64_t count) {
    const auto packed = static_cast<std::int64_t>(size);
    if (to_step == packed && from_step == packed) {
        std::memcpy(to, from, size * count);
        return;
    }
    switch (size) {
        case 1:
            return copy_line<1>(to, to_step, from, from_step, count);
        case 2:
            return copy_line<2>(to, to_step, from, from_step, count);
        case 4:
            return copy_line<4>(to, to_step, from, from_step, count);
        case 8:
            return copy_line<8>(to, to_step, from, from_step, count);
        default:
            break;
    }
    for (; count > 0; --count, to += to_step, from += from_step)
        std::memcpy(to, from, size);
}

/// Calls line(address, step, elements) for the runs along the last axis that make up [first, first + count).
template <class Line>
void for_each_line(const StridedView& any, std::uint64_t first, std::uint64_t count, Line line) {
    const StridedView view = any.simplified();
    const std::size_t rank = view.dims.size();
    std::vector<std::uint64_t> position(rank);
    std::byte* at = view.base;
    for (std::size_t axis = rank; axis-- > 0;) {
        position[axis] = first % view.dims[axis];
        first /= view.dims[axis];
        at += static_cast<std::int64_t>(position[axis]) * view.steps[axis];
    }
    const std::size_t last = rank - 1;
    while (count > 0) {
        const std::uint64_t run = std::min(count, view.dims[last] - position[last]);
        line(at, view.steps[last], run);
        count -= run;
        at += static_cast<std::int64_t>(run) * view.steps[last];
        position[last] += run;
        for (std::size_t axis = last; axis > 0 && position[axis] == view.dims[axis]; --axis) {
            at += view.steps[axis - 1] - static_cast<std::int64_t>(view.dims[axis]) * view.steps[axis];
            position[axis] = 0;
            ++position[axis - 1];
        }
    }
}

}  // namespace

StridedView StridedView::contiguous(std::byte* base, std::size_t element, const Shape& shape) {
    StridedView view{base, element, {shape.begin(), shape.end()}, std::vector<std::int64_t>(shape.rank())};
    auto step = static_cast<std::int64_t>(element);
    for (std::size_t axis = shape.rank(); axis-- > 0;) {
        view.steps[axis] = step;
        step *= static_cast<std::int64_t>(std::max<std::uint64_t>(view.dims[axis], 1));
    }
    return view;
}

std::uint64_t StridedView::count() const noexcept {
    std::uint64_t product = 1;
    for (const std::uint64_t dim : dims)
        product *= dim;
    return product;
}

bool StridedView::is_contiguous() const noexcept {
    auto step = static_cast<std::int64_t>(element);
    for (std::size_t axis = dims.size(); axis-- > 0;) {
        if (dims[axis] == 1) continue;
        if (dims[axis] == 0) return true;
        if (steps[axis] != step) return false;
        step *= static_cast<std::int64_t>(dims[axis]);
    }
    return true;
}

StridedView StridedView::simplified() const {
    StridedView result{base, element, {}, {}};
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
        if (dims[axis] == 1) continue;
        const bool joins = !result.dims.empty() &&
                           result.steps.back() == steps[axis] * static_cast<std::int64_t>(dims[axis]);
        if (joins) {
            result.dims.back() *= dims[axis];
            result.steps.back() = steps[axis];
        } else {
            result.dims.push_back(dims[axis]);
            result.steps.push_back(steps[axis]);
        }
    }
    if (result.dims.empty()) {
        result.dims.push_back(1);
        result.steps.push_back(static_cast<std::int64_t>(element));
    }
    return result;
}

StridedView StridedView::permuted(std::span<const std::uint32_t> axes) const {
    StridedView result{base, element, {}, {}};
    for (const std::uint32_t axis : axes) {
        result.dims.push_back(dims[axis]);
        result.steps.push_back(steps[axis]);
    }
    return result;
}

StridedView StridedView::unpermuted(std::span<const std::uint32_t> axes) const {
    StridedView result = *this;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
        result.dims[axes[axis]] = dims[axis];
        result.steps[axes[axis]] = steps[axis];
    }
    return result;
}

StridedView StridedView::flipped(std::span<const std::uint32_t> axes) const {
    StridedView result = *this;
    for (const std::uint32_t axis : axes) {
        if (dims[axis] == 0) continue;
        result.base += static_cast<std::int64_t>(dims[axis] - 1) * result.steps[axis];
        result.steps[axis] = -result.steps[axis];
    }
    return result;
}

StridedView StridedView::part(std::uint32_t axis, std::uint64_t begin, std::uint64_t count) const {
    StridedView result = *this;
    result.base += static_cast<std::int64_t>(begin) * steps[axis];
    result.dims[axis] = count;
    return result;
}

void scatter(const StridedView& view, std::uint64_t first, std::span<const std::byte> elements) {
    const std::byte* from = elements.data();
    const std::size_t size = view.element;
    for_each_line(view, first, elements.size() / size,
                  [&](std::byte* to, std::int64_t step, std::uint64_t count) {
                      copy_line(size, to, step, from, static_cast<std::int64_t>(size), count);
                      from += size * count;
                  });
}

void gather(const StridedView& view, std::uint64_t first, std::span<std::byte> elements) {
    std::byte* to = elements.data();
    const std::size_t size = view.element;
    for_each_line(view, first, elements.size() / size,
                  [&](const std::byte* from, std::int64_t step, std::uint64_t count) {
                      copy_line(size, to, static_cast<std::int64_t>(size), from, step, count);
                      to += size * count;
                  });
}

}  // namespace ballast
