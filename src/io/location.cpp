// SPDX-License-Identifier: Apache-2.0
// From a path the user gave to a name in a local Fs.
#include <boost/filesystem/operations.hpp>
#include <system_error>

#include "ballast/error.h"
#include "ballast/io.h"
#include "io/local_fs.h"
#include "io/os_error.h"

namespace ballast {
namespace {

namespace bfs = boost::filesystem;

/// What is at the path, its final link followed; throws unreadable where the system does not tell.
bfs::file_type type_at(const std::filesystem::path& path) {
    boost::system::error_code failure;
    const bfs::file_status status = bfs::status(path.native(), failure);
    if (status.type() == bfs::file_not_found) return bfs::file_not_found;
    if (failure) throw io::os_error(io::Action::open, failure.value(), path.string());
    return status.type();
}

bool is_link(const std::filesystem::path& path) {
    boost::system::error_code ignored;
    return bfs::symlink_status(path.native(), ignored).type() == bfs::symlink_file;
}

Location in_parent(const std::filesystem::path& path, Location::Kind kind, bool follow) {
    const std::string name = path.filename().string();
    return {std::make_shared<io::LocalFs>(path.parent_path(), follow ? name : std::string()), name, kind};
}

Error nothing_there(const std::filesystem::path& path) {
    return Error(ErrorCode::not_found, "no such file or directory").in(path.string()).hint("check the path");
}

void require_path(const std::filesystem::path& path) {
    if (path.empty() || path.native().find('\0') != std::string::npos)
        throw Error(ErrorCode::invalid_argument, "the path is empty or holds a NUL")
            .hint("give the path of a file");
}

}  // namespace

Location Location::for_reading(const std::filesystem::path& path) {
    require_path(path);
    const bfs::file_type type = type_at(path);
    if (type == bfs::directory_file) return {io::local(path), {}, Kind::directory};
    if (!path.has_filename()) throw nothing_there(path);
    if (type != bfs::file_not_found) return in_parent(path, Kind::file, is_link(path));
    if (is_link(path))
        throw Error(ErrorCode::not_found, "the symbolic link leads nowhere")
            .in(path.string())
            .hint("check the link");
    std::filesystem::path index = path;
    index += ".index";
    if (type_at(index) != bfs::regular_file) throw nothing_there(path);
    return in_parent(path, Kind::prefix, false);
}

Location Location::for_writing(const std::filesystem::path& path, Kind kind) {
    require_path(path);
    // "dir/" names a directory as "dir" does; a file needs a name of its own.
    const std::filesystem::path named =
        kind == Kind::directory && !path.has_filename() ? path.parent_path() : path;
    const std::string leaf = named.filename().string();
    if (kind != Kind::prefix && (leaf.empty() || leaf == "." || leaf == ".."))
        throw Error(ErrorCode::not_a_file, "names a directory").in(path.string()).hint("add a file name");
    if (leaf.empty()) return {io::local(named), {}, kind};
    return in_parent(named, kind, false);
}

std::string Location::display() const {
    return fs ? fs->display(name) : name;
}

}  // namespace ballast
