// SPDX-License-Identifier: Apache-2.0
// Finds and loads the module with the HDF5 C library, and shows its files to Ballast as any others.
#include "libhdf5.h"

#include <dlfcn.h>

#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "../libhdf5/module.h"
#include "io/one_source_fs.h"

namespace ballast::tool {
namespace {

namespace fs = std::filesystem;

bool asked_for = false;  // set while the command line is parsed

Error error_from(const Libhdf5Failure& failure) {
    Error error(static_cast<ErrorCode>(failure.code), failure.message);
    if (failure.tensor[0] != '\0') error.tensor(failure.tensor);
    if (failure.hint[0] != '\0') error.hint(failure.hint);
    return error;
}

/// Where it is installed, or built.
fs::path module_path() {
    constexpr const char* file = "ballast-libhdf5.so";
    std::error_code unknown;
    const fs::path here = fs::read_symlink("/proc/self/exe", unknown).parent_path();
    for (const fs::path& folder : {here / BALLAST_MODULES, here / BALLAST_BUILT_MODULES}) {
        if (fs::exists(folder / file, unknown)) return folder / file;
    }
    throw Error(ErrorCode::backend_missing, std::string("this installation has no ") + file)
        .hint("build Ballast with -Dhdf5=enabled, or leave --with-libhdf5 out");
}

const Libhdf5Module& libhdf5() {
    static const Libhdf5Module& loaded = [&]() -> const Libhdf5Module& {
        const fs::path path = module_path();
        void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        const void* const table = library ? dlsym(library, libhdf5_symbol) : nullptr;
        const auto* found = static_cast<const Libhdf5Module*>(table);
        if (found && found->struct_size >= sizeof(Libhdf5Module)) return *found;
        const char* const reason = library ? nullptr : dlerror();
        throw Error(ErrorCode::backend_missing, reason ? reason : "the module is of another version")
            .in(path.string())
            .hint("install the HDF5 library that it was built with, or build Ballast again");
    }();
    return loaded;
}

class ModuleSource final : public io::Source {
public:
    explicit ModuleSource(std::string path) : path_(std::move(path)) {
        Libhdf5Failure failure{};
        source_ = libhdf5().open(path_.c_str(), &failure);
        if (!source_) throw error_from(failure).in(path_);
        size_ = libhdf5().length(source_);
    }
    ~ModuleSource() override { libhdf5().close(source_); }
    ModuleSource(const ModuleSource&) = delete;
    ModuleSource& operator=(const ModuleSource&) = delete;

    std::uint64_t size() const noexcept override { return size_; }
    const std::string& path() const noexcept override { return path_; }
    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        Libhdf5Failure failure{};
        if (!libhdf5().read_at(source_, offset, out.data(), out.size(), &failure))
            throw error_from(failure).in(path_);
    }

private:
    std::string path_;
    void* source_ = nullptr;
    std::uint64_t size_ = 0;
};

}  // namespace

void add_libhdf5_option(Arguments command) {
    command.flag(
        "--with-libhdf5", [] { asked_for = true; },
        "Read HDF5 sources with the HDF5 C library, for what is refused as unsupported: only files you "
        "trust");
}

Location source_of(const fs::path& path) {
    Location plain = Location::for_reading(path);
    if (!asked_for || plain.kind != Location::Kind::file) return plain;
    try {
        auto source = std::make_shared<const ModuleSource>(path.string());
        const std::string name = path.filename().string();
        return {std::make_shared<io::OneSourceFs>(std::move(source), name), name, Location::Kind::file};
    } catch (const Error& error) {
        if (error.code() != ErrorCode::unknown_format) throw;
        return plain;
    }
}

}  // namespace ballast::tool
