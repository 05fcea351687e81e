// SPDX-License-Identifier: Apache-2.0
// The small functions of the plan types.
#include "ballast/plan.h"

#include <iterator>
#include <unordered_set>
#include <utility>

#include "ballast/error.h"

namespace ballast {

void PlannedFile::nest(std::vector<Piece> inner, std::uint64_t base) {
    pieces.reserve(pieces.size() + inner.size());
    for (Piece& piece : inner) {
        piece.offset += base;
        pieces.push_back(std::move(piece));
    }
}

std::uint64_t PlanHooks::reserve(std::size_t /*file*/, std::size_t /*piece*/, std::uint64_t /*length*/) {
    throw Error(ErrorCode::internal, "a plan with encoded chunks has no reserve()");
}

Finish PlanHooks::finish(const PlanResults& /*results*/) {
    return {};
}

std::uint64_t WritePlan::tensor_bytes() const {
    std::uint64_t total = 0;
    std::unordered_set<const ChunkedTarget*> seen;
    for (const PlannedFile& file : files) {
        for (const Piece& piece : file.pieces) {
            if (const auto* tensor = std::get_if<TensorBytes>(&piece.content)) {
                total += tensor->value.byte_count();
            } else if (const auto* chunk = std::get_if<EncodedChunk>(&piece.content)) {
                if (seen.insert(chunk->target.get()).second) total += chunk->target->value.byte_count();
            }
        }
    }
    return total;
}

}  // namespace ballast
