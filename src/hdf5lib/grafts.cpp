// SPDX-License-Identifier: Apache-2.0
// Byte ranges of a file to runs of elements of a dataset, and those to the fewest hyperslabs.
#include "hdf5lib/grafts.h"

#include <algorithm>
#include <utility>

namespace ballast::hdf5lib {
namespace {

/// An open dataset with what moving its elements takes.
struct Elements {
    Handle dataset, type, space;
    std::vector<hsize_t> dims;
    std::uint64_t size = 0;   ///< bytes of one element
    std::uint64_t count = 1;  ///< elements

    Elements(hid_t group, const std::string& path, const Side& side) {
        dataset = side.own(H5Dopen2(group, path.c_str(), H5P_DEFAULT), "open the dataset");
        type = side.own(H5Dget_type(dataset), "read the dataset's type");
        space = side.own(H5Dget_space(dataset), "read the dataset's shape");
        size = H5Tget_size(type);
        const int rank = side.check(H5Sget_simple_extent_ndims(space), "read the dataset's shape");
        dims.resize(static_cast<std::size_t>(rank));
        side.check(H5Sget_simple_extent_dims(space, dims.data(), nullptr), "read the dataset's shape");
        for (const hsize_t dim : dims)
            count *= dim;
    }

    /// Selects the largest box that begins at element `begin`, ends not behind `end` and is one run in
    /// row-major order; its number of elements.
    std::uint64_t select(std::uint64_t begin, std::uint64_t end, const Side& side) {
        if (dims.empty()) return 1;
        std::vector<hsize_t> start(dims.size()), extent(dims.size(), 1);
        std::uint64_t rest = begin;
        for (std::size_t axis = dims.size(); axis-- > 0; rest /= dims[axis])
            start[axis] = rest % dims[axis];
        std::uint64_t inner = 1;  // elements of one step along `axis`
        std::size_t axis = dims.size() - 1;
        while (axis > 0 && start[axis] == 0 && inner * dims[axis] <= end - begin) {
            extent[axis] = dims[axis];
            inner *= dims[axis--];
        }
        extent[axis] = std::min<std::uint64_t>((end - begin) / inner, dims[axis] - start[axis]);
        side.check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr),
                   "select elements");
        return inner * extent[axis];
    }
};

/// Calls `move(box, first, number)` for each box of the elements [begin, end).
template <class Move>
void in_boxes(Elements& all, std::uint64_t begin, std::uint64_t end, const Side& side, Move move) {
    while (begin < end) {
        const std::uint64_t number = all.select(begin, end, side);
        const hsize_t flat = number;
        const Handle memory = side.own(H5Screate_simple(1, &flat, nullptr), "describe the memory");
        move(memory, begin, number);
        begin += number;
    }
}

void read_elements(Elements& all, std::uint64_t begin, std::uint64_t end, std::byte* out) {
    in_boxes(all, begin, end, reading, [&](hid_t memory, std::uint64_t first, std::uint64_t) {
        std::byte* to = out + (first - begin) * all.size;
        reading.check(H5Dread(all.dataset, all.type, memory, all.space, H5P_DEFAULT, to), "read the dataset");
    });
}

/// A byte range that begins or ends within an element is read by whole elements.
void read_bytes(hid_t group, const std::string& path, std::uint64_t offset, std::span<std::byte> out) {
    Elements all(group, path, reading);
    const std::uint64_t begin = offset / all.size, end = (offset + out.size() + all.size - 1) / all.size;
    if (end > all.count)
        throw Error(ErrorCode::read_failed, "the dataset has become smaller since it was opened");
    if (offset % all.size == 0 && out.size() % all.size == 0)
        return read_elements(all, begin, end, out.data());
    std::vector<std::byte> whole(static_cast<std::size_t>((end - begin) * all.size));
    read_elements(all, begin, end, whole.data());
    std::copy_n(whole.data() + (offset - begin * all.size), out.size(), out.data());
}

/// The engine cuts values at multiples of every element size.
void write_bytes(hid_t group, const std::string& path, std::uint64_t offset,
                 std::span<const std::byte> bytes) {
    Elements all(group, path, writing);
    if (offset % all.size != 0 || bytes.size() % all.size != 0)
        throw Error(ErrorCode::internal, "a piece of a tensor ends within an element");
    const std::uint64_t begin = offset / all.size, end = begin + bytes.size() / all.size;
    in_boxes(all, begin, end, writing, [&](hid_t memory, std::uint64_t first, std::uint64_t) {
        const std::byte* from = bytes.data() + (first - begin) * all.size;
        writing.check(H5Dwrite(all.dataset, all.type, memory, all.space, H5P_DEFAULT, from),
                      "write the dataset");
    });
}

}  // namespace

void Grafts::add(std::uint64_t offset, std::uint64_t length, std::string path) {
    grafts_.push_back({offset, length, std::move(path)});
}

void Grafts::sort() {
    std::sort(grafts_.begin(), grafts_.end(),
              [](const Graft& a, const Graft& b) { return a.offset < b.offset; });
}

std::size_t Grafts::first_after(std::uint64_t offset) const {
    const auto found = std::partition_point(grafts_.begin(), grafts_.end(), [&](const Graft& graft) {
        return graft.offset + graft.length <= offset;
    });
    return static_cast<std::size_t>(found - grafts_.begin());
}

void Grafts::read_at(hid_t group, std::uint64_t offset, std::span<std::byte> out,
                     const std::function<void(std::uint64_t, std::span<std::byte>)>& rest) const {
    for (std::size_t next = first_after(offset); !out.empty();) {
        const bool any = next < grafts_.size() && grafts_[next].offset < offset + out.size();
        const std::uint64_t from = any ? std::max(grafts_[next].offset, offset) : offset + out.size();
        if (from > offset) rest(offset, out.first(static_cast<std::size_t>(from - offset)));
        out = out.subspan(static_cast<std::size_t>(from - offset));
        offset = from;
        if (!any) return;
        const Graft& graft = grafts_[next++];
        const std::uint64_t within = offset - graft.offset;
        const auto part =
            out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), graft.length - within)));
        try {
            const Session session;
            read_bytes(group, graft.path, within, part);
        } catch (Error& error) {
            throw error.tensor(graft.path);
        }
        out = out.subspan(part.size());
        offset += part.size();
    }
}

void Grafts::write_at(hid_t group, std::uint64_t offset, std::span<const std::byte> bytes) const {
    const std::uint64_t end = offset + bytes.size();
    for (std::size_t next = first_after(offset); next < grafts_.size() && grafts_[next].offset < end;
         ++next) {
        const Graft& graft = grafts_[next];
        const std::uint64_t from = std::max(graft.offset, offset);
        const std::uint64_t to = std::min(graft.offset + graft.length, end);
        try {
            const Session session;
            write_bytes(
                group, graft.path, from - graft.offset,
                bytes.subspan(static_cast<std::size_t>(from - offset), static_cast<std::size_t>(to - from)));
        } catch (Error& error) {
            throw error.tensor(graft.path);
        }
    }
}

}  // namespace ballast::hdf5lib
