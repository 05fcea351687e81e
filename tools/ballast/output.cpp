// SPDX-License-Identifier: Apache-2.0
// Standard output of the tool, see output.h.
#include "output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ballast/error.h"

namespace ballast::tool {

void Output::flush() {
    const char* at = buffer_.data();
    std::size_t left = buffer_.size();
    while (left > 0) {
        const ssize_t written = ::write(STDOUT_FILENO, at, left);
        if (written >= 0) {
            at += written;
            left -= static_cast<std::size_t>(written);
            continue;
        }
        if (errno == EINTR) continue;
        const int failure = errno;
        buffer_.clear();
        if (failure == EPIPE) throw ClosedPipe();
        throw Error(failure == ENOSPC ? ErrorCode::no_space : ErrorCode::write_failed,
                    std::string("standard output cannot be written: ") + std::strerror(failure));
    }
    buffer_.clear();
}

}  // namespace ballast::tool
