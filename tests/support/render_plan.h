// SPDX-License-Identifier: Apache-2.0
// Renders a PlannedFile without the engine, for tests of planners: fixed and produced bytes, holes, and
// tensors that lie in memory as they are. Anything else is a mistake in the test.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <variant>
#include <vector>

#include "ballast/plan.h"

namespace ballast::test {

/// A tensor of those bytes, kept by the tensor.
inline TensorExpr tensor(DType dtype, Shape shape, std::vector<std::byte> bytes) {
    const auto kept = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    auto info = std::make_shared<TensorInfo>();
    info->dtype = dtype;
    info->shape = std::move(shape);
    info->stored_bytes = kept->size();
    info->storage.layout = InlineBytes{kept, *kept};
    return TensorExpr(TensorRef(info));
}

/// Calls write(offset, bytes) for every piece, in the plan's order.
template <class Write>
void render(const PlannedFile& file, Write write) {
    for (const Piece& piece : file.pieces) {
        if (const auto* fixed = std::get_if<FixedBytes>(&piece.content)) {
            write(piece.offset, std::span<const std::byte>(fixed->bytes));
        } else if (const auto* produced = std::get_if<ProducedBytes>(&piece.content)) {
            std::vector<std::byte> bytes(produced->length, std::byte{0xcc});
            produced->producer->produce(produced->cookie, bytes);
            write(piece.offset, std::span<const std::byte>(bytes));
        } else if (const auto* tensor = std::get_if<TensorBytes>(&piece.content)) {
            if (!tensor->value.is_identity())
                throw std::logic_error("render: a tensor that is no plain source");
            write(piece.offset, std::get<InlineBytes>(tensor->value.source()->storage.layout).bytes);
        } else if (!std::holds_alternative<Hole>(piece.content)) {
            throw std::logic_error("render: a piece that needs the engine");
        }
    }
}

inline std::vector<std::byte> render(const PlannedFile& file) {
    std::vector<std::byte> image(file.size);
    render(file, [&](std::uint64_t offset, std::span<const std::byte> bytes) {
        if (offset > image.size() || bytes.size() > image.size() - offset) {
            throw std::logic_error("render: a piece beyond the end of its file");
        }
        std::copy(bytes.begin(), bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(offset));
    });
    return image;
}

}  // namespace ballast::test
