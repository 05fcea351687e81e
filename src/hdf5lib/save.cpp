// SPDX-License-Identifier: Apache-2.0
// Saving into an open HDF5 group with the one engine that writes everything.
//
// The format plans an HDF5 file as always. Its structure goes into a sparse file in memory, from which the
// HDF5 library copies groups, attributes and empty datasets into a group of a passing name; then the engine
// writes the tensors, and what it writes at a dataset's address goes there through H5Dwrite. The commit moves
// the members to their names.
#include <algorithm>
#include <utility>

#include "ballast/convert.h"
#include "ballast/hdf5.h"
#include "ballast/registry.h"
#include "hdf5lib/copy_tree.h"
#include "hdf5lib/grafts.h"
#include "hdf5lib/scratch_file.h"
#include "hdf5lib/session.h"

namespace ballast {
namespace {

using namespace hdf5lib;

/// The group being written. Destroyed without commit() it takes back what it made.
class Destination {
public:
    Destination(hid_t file_or_group, const WriteOptions& options) : options_(options) {
        const Session session;
        group_ = group_of(file_or_group);
        path_ = display_of(group_);
    }
    ~Destination() {
        const Session session;
        passing_ = Handle();
        if (!passing_name_.empty()) H5Ldelete(group_, passing_name_.c_str(), H5P_DEFAULT);
        outline_root_ = Handle();
        outline_file_ = Handle();
        group_ = Handle();
    }
    Destination(const Destination&) = delete;
    Destination& operator=(const Destination&) = delete;

    const std::string& path() const noexcept { return path_; }

    /// Takes the structure of the planned file; the plan keeps the tensors.
    void begin(PlannedFile& file) {
        keep_structure(file);
        const Session session;
        outline_file_ =
            reading.own(H5Fopen(outline_.path().c_str(), H5F_ACC_RDONLY, scratch_access()), "read the plan");
        outline_root_ = reading.own(H5Gopen2(outline_file_, "/", H5P_DEFAULT), "read the plan");
        check_free();
        make_passing_group();
        CopyRules rules;
        rules.most_objects = ~std::uint64_t{0};
        rules.dataset = [&](const std::string& path, hid_t from, hid_t to) { graft(path, from, to); };
        copy_tree(outline_root_, passing_, rules);
        grafts_.sort();
    }

    void write_at(std::uint64_t offset, std::span<const std::byte> bytes) const {
        try {
            grafts_.write_at(passing_, offset, bytes);
        } catch (Error& error) {
            throw error.in(path_);
        }
    }

    void commit() {
        const Session session;
        for (const std::string& name : attribute_names(outline_root_)) {
            if (H5Aexists(group_, name.c_str()) > 0)
                writing.check(H5Adelete(group_, name.c_str()), "replace the attribute");
        }
        copy_attributes(outline_root_, group_);
        for (const std::string& name : link_names(passing_)) {
            if (H5Lexists(group_, name.c_str(), H5P_DEFAULT) > 0)
                writing.check(H5Ldelete(group_, name.c_str(), H5P_DEFAULT), "replace the member");
            writing.check(H5Lmove(passing_, name.c_str(), group_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                          "name the member");
        }
        passing_ = Handle();
        writing.check(H5Ldelete(group_, passing_name_.c_str(), H5P_DEFAULT), "remove the passing group");
        passing_name_.clear();
        if (options_.durable) writing.check(H5Fflush(group_, H5F_SCOPE_LOCAL), "flush the file");
    }

private:
    /// Writes what is not a tensor into the file in memory, and leaves only tensors in the plan.
    void keep_structure(PlannedFile& file) {
        outline_.resize(file.size);
        std::vector<Piece> tensors;
        std::vector<std::byte> bytes;
        for (Piece& piece : file.pieces) {
            if (std::holds_alternative<TensorBytes>(piece.content)) {
                tensors.push_back(std::move(piece));
            } else if (const auto* produced = std::get_if<ProducedBytes>(&piece.content)) {
                bytes.resize(static_cast<std::size_t>(produced->length));
                produced->producer->produce(produced->cookie, bytes);
                outline_.write_at(piece.offset, bytes);
            } else if (const auto* fixed = std::get_if<FixedBytes>(&piece.content)) {
                outline_.write_at(piece.offset, fixed->bytes);
            } else if (!std::holds_alternative<Hole>(piece.content)) {
                throw Error(ErrorCode::unsupported,
                            "chunked datasets cannot be written into an open HDF5 file")
                    .in(path_)
                    .hint("leave compression out, or save to a path");
            }
        }
        file.pieces = std::move(tensors);
    }

    void check_free() const {
        std::string taken;
        for (const std::string& name : link_names(outline_root_))
            if (H5Lexists(group_, name.c_str(), H5P_DEFAULT) > 0 && taken.empty())
                taken = "member '" + name + "'";
        for (const std::string& name : attribute_names(outline_root_))
            if (H5Aexists(group_, name.c_str()) > 0 && taken.empty()) taken = "attribute '" + name + "'";
        if (taken.empty() || options_.overwrite == Overwrite::allow) return;
        if (options_.overwrite == Overwrite::ask && options_.ask && options_.ask(path_)) return;
        throw Error(ErrorCode::exists, "the group has a " + taken + " already")
            .in(path_)
            .hint("allow overwriting, or save into a group of its own");
    }

    void make_passing_group() {
        for (unsigned number = 0; passing_name_.empty(); ++number) {
            const std::string name = ".ballast-" + std::to_string(number);
            if (H5Lexists(group_, name.c_str(), H5P_DEFAULT) > 0) continue;
            passing_ = writing.own(H5Gcreate2(group_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                   "create a group");
            passing_name_ = name;
        }
    }

    void graft(const std::string& path, hid_t from, hid_t to) {
        const haddr_t address = H5Dget_offset(from);
        const Handle type = writing.own(H5Dget_type(to), "read the dataset's type");
        const Handle space = writing.own(H5Dget_space(to), "read the dataset's shape");
        const auto count = static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space));
        if (address == HADDR_UNDEF) throw Error(ErrorCode::internal, "a planned dataset without room");
        grafts_.add(address, count * H5Tget_size(type), path);
    }

    const WriteOptions& options_;
    ScratchFile outline_;
    Handle group_, outline_file_, outline_root_, passing_;
    std::string path_, passing_name_;
    Grafts grafts_;
};

class DestinationFile final : public io::File {
public:
    explicit DestinationFile(std::shared_ptr<Destination> destination)
        : destination_(std::move(destination)), name_("temporary") {}
    const std::string& name() const noexcept override { return name_; }
    const std::string& path() const noexcept override { return destination_->path(); }
    void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        destination_->write_at(offset, bytes);
    }
    void resize(std::uint64_t) override {}
    void sync() override {}
    void close() override {}

private:
    std::shared_ptr<Destination> destination_;
    std::string name_;
};

/// An empty file system whose one new file is the destination; renaming it is the commit.
class DestinationFs final : public io::Fs {
public:
    explicit DestinationFs(std::shared_ptr<Destination> destination) : destination_(std::move(destination)) {}

    Traits traits() const noexcept override { return {true, false, false}; }
    std::string display(std::string_view) const override { return destination_->path(); }
    std::optional<io::FileStat> stat(std::string_view) const override { return std::nullopt; }
    std::shared_ptr<const io::Source> open(std::string_view) const override {
        throw Error(ErrorCode::not_found, "nothing is written yet").in(destination_->path());
    }
    std::vector<io::DirEntry> list(std::string_view) const override { return {}; }
    std::unique_ptr<io::File> create_temporary(std::string_view) override {
        return std::make_unique<DestinationFile>(destination_);
    }
    void remove_stale_temporaries(std::string_view) noexcept override {}
    void set_mode(std::string_view, std::uint32_t) override {}
    void rename(std::string_view, std::string_view, io::Replace) override {
        try {
            destination_->commit();
        } catch (Error& error) {
            throw error.in(destination_->path());
        }
    }
    void remove(std::string_view) override {}
    void make_directory(std::string_view) override {}
    void remove_directory(std::string_view) override {}
    void sync_directory(std::string_view) override {}

private:
    std::shared_ptr<Destination> destination_;
};

/// The format itself, but for the structure of its plan, which goes to the destination at once.
class Bridge final : public Format {
public:
    Bridge(const Format& format, std::shared_ptr<Destination> destination)
        : format_(format), destination_(std::move(destination)) {}
    const FormatInfo& info() const noexcept override { return format_.info(); }
    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        WritePlan plan = format_.plan(model, target, options, report);
        if (plan.files.size() != 1 || plan.files.front().discard)
            throw Error(ErrorCode::invalid_argument,
                        std::string(info().id) + " does not write one file, so not into an open one either")
                .in(destination_->path())
                .hint("use weights_h5 or legacy_h5");
        try {
            destination_->begin(plan.files.front());
        } catch (Error& error) {
            throw error.in(destination_->path());
        }
        return plan;
    }

private:
    const Format& format_;
    std::shared_ptr<Destination> destination_;
};

const Format& hdf5_format(const std::string& id) {
    const Format& format = Registry::builtin().find(id.empty() ? "weights_h5" : id);
    const auto& signatures = format.info().signatures;
    const bool hdf5 = std::any_of(signatures.begin(), signatures.end(),
                                  [](const Signature& each) { return each.bytes.starts_with("\x89HDF"); });
    if (hdf5) return format;
    throw Error(ErrorCode::invalid_argument, std::string(format.info().id) + " is not a format of HDF5 files")
        .hint("use weights_h5 or legacy_h5");
}

}  // namespace

Report save_hdf5(const Model& model, hid_t file_or_group, const Hdf5SaveOptions& options) {
    const Format& format = hdf5_format(options.format);
    const auto destination = std::make_shared<Destination>(file_or_group, options.write);
    const Location location{std::make_shared<DestinationFs>(destination), "model", Location::Kind::file};
    Report report;
    report.target = destination->path();
    report.target_format = format.info().id;
    save(model, Bridge(format, destination), location, options.save, options.write, report);
    return report;
}

Report save_hdf5(const ProgramModel& model, hid_t file_or_group, const Hdf5SaveOptions& options) {
    if (!options.format.empty() && options.format != "weights_h5")
        throw Error(ErrorCode::unsupported, "a program's layers go into an open group as weights_h5 alone")
            .hint("leave the format out, or save_weights() to a path");
    return save_hdf5(model_of(model), file_or_group, options);
}

}  // namespace ballast
