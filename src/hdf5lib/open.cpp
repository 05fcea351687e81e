// SPDX-License-Identifier: Apache-2.0
// An open HDF5 group as a file for Ballast's own reader.
//
// The HDF5 library copies the group's structure into a sparse file in memory in which every dataset has its
// room and nothing in it. Ballast reads that file as it reads any; what it asks for from a dataset's room
// comes from the real dataset, decoded, through H5Dread.
#include <filesystem>
#include <utility>

#include "ballast/hdf5.h"
#include "hdf5lib/copy_tree.h"
#include "hdf5lib/grafts.h"
#include "hdf5lib/scratch_file.h"
#include "hdf5lib/session.h"
#include "io/one_source_fs.h"

namespace ballast {
namespace {

using namespace hdf5lib;

class GroupSource final : public io::Source {
public:
    /// `path` is for messages; empty = as HDF5 calls the group.
    GroupSource(hid_t file_or_group, const Limits& limits, std::string path = {}) : path_(std::move(path)) {
        const Session session;
        group_ = group_of(file_or_group);
        if (path_.empty()) path_ = display_of(group_);
        try {
            outline(limits);
        } catch (Error& error) {
            throw error.in(path_);
        }
        size_ = file_.size();
    }
    ~GroupSource() override {
        const Session session;
        group_ = Handle();
    }

    std::uint64_t size() const noexcept override { return size_; }
    const std::string& path() const noexcept override { return path_; }

    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        if (offset > size_ || out.size() > size_ - offset)
            throw Error(ErrorCode::truncated, "the structure ends here").in(path_).at(offset);
        try {
            grafts_.read_at(group_, offset, out,
                            [&](std::uint64_t at, std::span<std::byte> part) { file_.read_at(at, part); });
        } catch (Error& error) {
            throw error.in(path_);
        }
    }

private:
    void outline(const Limits& limits) {
        {
            const Handle access = scratch_access();
            keep_apart(access);
            const Handle file = writing.own(
                H5Fcreate(file_.path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), "make a file in memory");
            const Handle root = writing.own(H5Gopen2(file, "/", H5P_DEFAULT), "open the file in memory");
            copy_attributes(group_, root);
            CopyRules rules;
            rules.take_room = true;
            rules.most_objects = limits.objects;
            rules.dataset = [&](const std::string& path, hid_t from, hid_t to) { graft(path, from, to); };
            copy_tree(group_, root, rules);
        }
        grafts_.sort();
    }

    /// Structure is read in blocks, which reach beyond what is asked for. What lies there must not be a
    /// dataset, or HDF5 would decode its elements for nobody. Room costs nothing in a sparse file.
    static void keep_apart(hid_t access) {
        constexpr hsize_t block = 64 << 10, alignment = 2 * block;
        writing.check(H5Pset_meta_block_size(access, block), "describe a file in memory");
        writing.check(H5Pset_alignment(access, 1, alignment), "describe a file in memory");
    }

    void graft(const std::string& path, hid_t from, hid_t to) {
        const haddr_t address = H5Dget_offset(to);
        const Handle type = reading.own(H5Dget_type(from), "read the dataset's type");
        const Handle space = reading.own(H5Dget_space(from), "read the dataset's shape");
        const auto count = static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space));
        if (address == HADDR_UNDEF) throw Error(ErrorCode::internal, "a dataset without room in the outline");
        grafts_.add(address, count * H5Tget_size(type), path);
    }

    ScratchFile file_;
    Handle group_;
    Grafts grafts_;
    std::string path_;
    std::uint64_t size_ = 0;
};

/// What the suffix rules look at: the file's own name where the whole file is meant.
std::string name_for(const std::string& path) {
    const std::size_t colon = path.rfind(":/");
    const bool whole = colon != path.npos && colon + 2 == path.size();
    const std::string name = std::filesystem::path(whole ? path.substr(0, colon) : path).filename().string();
    return name.empty() ? "group" : name;
}

Location location_of(std::shared_ptr<const GroupSource> source, std::string name) {
    return {std::make_shared<io::OneSourceFs>(std::move(source), name), name, Location::Kind::file};
}

/// Opens the file after a look at it that needs no HDF5: what is no file at all has errors of its own.
Handle open_file(const std::filesystem::path& path) {
    const Location location = Location::for_reading(path);
    if (location.kind == Location::Kind::file) location.fs->open(location.name);
    const std::string name = path.string();
    if (H5Fis_hdf5(name.c_str()) <= 0)
        throw Error(ErrorCode::unknown_format, "this is no HDF5 file")
            .hint("open it without the HDF5 C library");
    return reading.own(H5Fopen(name.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "open the file");
}

}  // namespace

Location hdf5_location(hid_t file_or_group, const Limits& limits) {
    const Session session;
    auto source = std::make_shared<const GroupSource>(file_or_group, limits);
    std::string name = name_for(source->path());
    return location_of(std::move(source), std::move(name));
}

Location hdf5_location(const std::filesystem::path& file, const Limits& limits) {
    const Session session;
    try {
        const Handle opened = open_file(file);
        return location_of(std::make_shared<const GroupSource>(opened, limits, file.string()),
                           file.filename().string());
    } catch (Error& error) {
        throw error.in(file.string());
    }
}

}  // namespace ballast
