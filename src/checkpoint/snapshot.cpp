// SPDX-License-Identifier: Apache-2.0
// Copies of a program's tensors, see snapshot.h.
#include "checkpoint/snapshot.h"

#include <cstring>

namespace ballast {

ProgramModel ProgramSnapshot::take(const ProgramModel& program) {
    ProgramModel copy = program;
    std::size_t next = 0;
    for (auto& node : copy.nodes_) {
        for (ProgramTensor& tensor : node.tensors) {
            tensor.stage = nullptr;
            if (tensor.data == nullptr || !tensor.elements) continue;
            const auto size = static_cast<std::size_t>(byte_size(tensor.dtype, *tensor.elements));
            if (next == buffers_.size()) buffers_.emplace_back();
            Buffer& buffer = buffers_[next++];
            // Not make_unique: it would write zeros first.
            if (buffer.size != size) buffer = {std::unique_ptr<std::byte[]>(new std::byte[size]), size};
            if (size > 0) std::memcpy(buffer.bytes.get(), tensor.data, size);
            tensor.data = buffer.bytes.get();
        }
    }
    return copy;
}

}  // namespace ballast
