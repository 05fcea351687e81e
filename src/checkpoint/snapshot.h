// SPDX-License-Identifier: Apache-2.0
// ProgramSnapshot: a program's tensors as they are now, while the program goes on changing them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "ballast/program_model.h"

namespace ballast {

/// Keeps the copies' memory for the next snapshot: fresh pages cost more than the copying. One thread; the
/// model that take() returned must be done with before the next take().
class ProgramSnapshot {
public:
    ProgramModel take(const ProgramModel& program);

private:
    struct Buffer {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size = 0;
    };
    std::vector<Buffer> buffers_;
};

}  // namespace ballast
