// SPDX-License-Identifier: Apache-2.0
// LocalFs: the local disk rooted at a folder whose handle is held.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/io.h"
#include "io/descriptor.h"

namespace ballast::io {

/// Const methods may be called from any threads; the others from one at a time.
class LocalFs final : public Fs {
public:
    /// Opens the folder `root`. `followed` is the one name whose symbolic link may lead anywhere, because the
    /// user named it; empty = none.
    LocalFs(const std::filesystem::path& root, std::string followed);

    Traits traits() const noexcept override {
        return {.atomic_rename = true, .exchange = true, .durable = true};
    }
    std::string display(std::string_view name) const override;
    std::optional<FileStat> stat(std::string_view name) const override;
    std::shared_ptr<const Source> open(std::string_view name) const override;
    std::vector<DirEntry> list(std::string_view folder) const override;
    std::unique_ptr<File> create_temporary(std::string_view target) override;
    void remove_stale_temporaries(std::string_view target) noexcept override;
    void set_mode(std::string_view name, std::uint32_t mode) override;
    void rename(std::string_view from, std::string_view to, Replace replace) override;
    void remove(std::string_view name) override;
    void make_directory(std::string_view name) override;
    void remove_directory(std::string_view name) override;
    void sync_directory(std::string_view folder) override;

private:
    /// A folder's descriptor and a leaf in it: what the *at calls take.
    struct Place;
    Place place(std::string_view name, bool writing) const;
    Descriptor open_folder(std::string_view folder, int flags) const;

    std::string root_path_;
    std::string followed_;
    Descriptor root_;
};

}  // namespace ballast::io
