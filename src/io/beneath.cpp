// SPDX-License-Identifier: Apache-2.0
// openat2(RESOLVE_BENEATH) where there is one, else a walk that follows no links.
#include "io/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <atomic>

namespace ballast::io {
namespace {

// Seccomp filters of old container runtimes answer EPERM for calls they do not know.
bool means_unknown_call(int error_number) noexcept {
    return error_number == ENOSYS || error_number == EPERM;
}

std::atomic<bool> have_openat2{true};

}  // namespace

Descriptor open_beneath_by_steps(int root, const std::string& name, int flags) {
    Descriptor folder;
    int at = root;
    std::size_t begin = 0;
    for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', begin)) {
        const std::string part = name.substr(begin, slash - begin);
        Descriptor next(
            retry([&] { return ::openat(at, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
        if (!next) return next;
        folder = std::move(next);
        at = folder.get();
        begin = slash + 1;
    }
    const std::string leaf = name.empty() ? "." : name.substr(begin);
    return Descriptor(retry([&] { return ::openat(at, leaf.c_str(), flags | O_NOFOLLOW | O_CLOEXEC); }));
}

Descriptor open_beneath(int root, const std::string& name, int flags) {
    if (have_openat2.load(std::memory_order_relaxed)) {
        open_how how{};
        how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
        const char* path = name.empty() ? "." : name.c_str();
        // EAGAIN: a rename raced with the walk; the kernel asks to try again.
        long fd = -1;
        for (int attempt = 0; attempt < 64; ++attempt) {
            fd = ::syscall(SYS_openat2, root, path, &how, sizeof(how));
            if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
        }
        if (fd >= 0) return Descriptor(static_cast<int>(fd));
        if (!means_unknown_call(errno)) return {};
        // EPERM is also a true answer (O_NOATIME, immutable files): then the walk below gives it again.
        if (errno == ENOSYS) have_openat2.store(false, std::memory_order_relaxed);
    }
    return open_beneath_by_steps(root, name, flags);
}

}  // namespace ballast::io
