// SPDX-License-Identifier: Apache-2.0
// dlopen, and where from, see shared_object.h.
#include "plugin/shared_object.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "ballast/error.h"

namespace ballast::plugin {
namespace {

namespace fs = std::filesystem;

constexpr const char* suffix = ".so";

struct stat status_of(const fs::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        const int number = errno;
        throw Error(number == ENOENT || number == ENOTDIR ? ErrorCode::not_found : ErrorCode::unreadable,
                    "the plugin cannot be looked at: " + std::generic_category().message(number))
            .in(path.string())
            .hint("name a shared object, or a folder of them, that exists");
    }
    return status;
}

void check_nobody_else_writes(const fs::path& path, const struct stat& status) {
    const bool owner_is_fine = status.st_uid == 0 || status.st_uid == ::geteuid();
    if (owner_is_fine && (status.st_mode & S_IWOTH) == 0) return;
    throw Error(ErrorCode::unsafe_name, owner_is_fine
                                            ? "everybody may write here, and a plugin is code that runs"
                                            : "this belongs to another user, and a plugin is code that runs")
        .in(path.string())
        .hint("copy the plugin into a folder of your own: chmod o-w");
}

}  // namespace

fs::path checked_path(const fs::path& file) {
    const struct stat status = status_of(file);
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorCode::not_a_file, "a plugin is a shared object, and this is no file")
            .in(file.string());
    std::error_code failure;
    fs::path path = fs::canonical(file, failure);
    if (failure) throw Error(ErrorCode::unreadable, failure.message()).in(file.string());
    check_nobody_else_writes(path, status);
    check_nobody_else_writes(path.parent_path(), status_of(path.parent_path()));
    return path;
}

const ballast_plugin& load_shared_object(const fs::path& path) {
    void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* const reason = ::dlerror();
        throw Error(ErrorCode::unreadable,
                    std::string("the system cannot load it: ") + (reason ? reason : ""))
            .in(path.string())
            .hint("install what it needs, or build it for this system");
    }
    const void* const symbol = ::dlsym(library, BALLAST_PLUGIN_SYMBOL);
    if (symbol == nullptr)
        throw Error(ErrorCode::unsupported, "this is no plugin: it has no symbol " BALLAST_PLUGIN_SYMBOL)
            .in(path.string())
            .hint("docs/write_a_plugin.md says what a plugin must export");
    return *static_cast<const ballast_plugin*>(symbol);
}

std::vector<fs::path> shared_objects(const fs::path& folder) {
    if (!S_ISDIR(status_of(folder).st_mode))
        throw Error(ErrorCode::not_found, "this is no folder of plugins").in(folder.string());
    std::vector<fs::path> found;
    std::error_code failure;
    for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure))
        if (at->path().extension() == suffix) found.push_back(at->path());
    if (failure)
        throw Error(ErrorCode::unreadable, "the folder cannot be listed: " + failure.message())
            .in(folder.string());
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace ballast::plugin
