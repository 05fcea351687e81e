// SPDX-License-Identifier: Apache-2.0
// copy_file_range with its many reasons to decline.
#include "io/copy_range.h"

#include <unistd.h>

#include <cerrno>

#include "io/os_error.h"
#include "io/range.h"

namespace ballast::io {

std::uint64_t kernel_copy(const Source& source, std::uint64_t offset, File& file, std::uint64_t target,
                          std::uint64_t length) {
    const int in = source.native_handle(), out = file.native_handle();
    if (in < 0 || out < 0) return 0;
    check_range(source, offset, length);
    std::uint64_t done = 0;
    while (done < length) {
        off_t from = static_cast<off_t>(source.native_offset() + offset + done);
        off_t to = static_cast<off_t>(target + done);
        const ssize_t copied =
            ::copy_file_range(in, &from, out, &to, static_cast<std::size_t>(length - done), 0);
        if (copied > 0) {
            done += static_cast<std::uint64_t>(copied);
        } else if (copied == 0 || errno != EINTR) {
            if (copied < 0 && is_no_space(errno))
                throw os_error(Action::write, errno, file.path()).at(target + done);
            break;  // the end of the source, EXDEV, EINVAL, EIO, …: reading and writing will tell
        }
    }
    return done;
}

}  // namespace ballast::io
