// SPDX-License-Identifier: Apache-2.0
// OneSourceFs: a file system that holds nothing but one source, to be read. Made of the public contracts
// alone, so that the add-on library and the tool can use it. Threads: as io::Fs says.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "ballast/io.h"

namespace ballast::io {

class OneSourceFs final : public Fs {
public:
    OneSourceFs(std::shared_ptr<const Source> source, std::string name)
        : source_(std::move(source)), name_(std::move(name)) {}

    Traits traits() const noexcept override { return {false, false, false}; }
    std::string display(std::string_view name) const override {
        return name == name_ ? source_->path() : std::string(name);
    }
    std::optional<FileStat> stat(std::string_view name) const override {
        if (name != name_) return std::nullopt;
        return FileStat{FileKind::regular, source_->size()};
    }
    std::shared_ptr<const Source> open(std::string_view name) const override {
        if (name == name_) return source_;
        throw Error(ErrorCode::not_found, "there are no files beside it").in(source_->path());
    }
    std::vector<DirEntry> list(std::string_view) const override { return {{name_, FileKind::regular}}; }
    std::unique_ptr<File> create_temporary(std::string_view) override { refuse(); }
    void remove_stale_temporaries(std::string_view) noexcept override {}
    void set_mode(std::string_view, std::uint32_t) override { refuse(); }
    void rename(std::string_view, std::string_view, Replace) override { refuse(); }
    void remove(std::string_view) override { refuse(); }
    void make_directory(std::string_view) override { refuse(); }
    void remove_directory(std::string_view) override { refuse(); }
    void sync_directory(std::string_view) override { refuse(); }

private:
    [[noreturn]] void refuse() const {
        throw Error(ErrorCode::unsupported, "what the HDF5 C library holds open is only read here")
            .in(source_->path())
            .hint("save to a path; a program can write into an open group with save_hdf5()");
    }

    std::shared_ptr<const Source> source_;
    std::string name_;
};

}  // namespace ballast::io
