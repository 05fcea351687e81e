// SPDX-License-Identifier: Apache-2.0
// zlib streams by libdeflate.
#include <libdeflate.h>

#include <memory>
#include <new>

#include "ballast/error.h"
#include "core/checked.h"
#include "filter/filters.h"

namespace ballast::filter {

namespace {

/// Deflate cannot expand more than 1032 times; streams of a few bytes may round that up.
constexpr std::uint64_t largest_ratio = 1032, slack = 1024;

struct FreeDecompressor {
    void operator()(libdeflate_decompressor* decompressor) const noexcept {
        libdeflate_free_decompressor(decompressor);
    }
};

libdeflate_decompressor* decompressor() {
    thread_local const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> instance(
        libdeflate_alloc_decompressor());
    if (!instance) throw std::bad_alloc();
    return instance.get();
}

}  // namespace

std::uint64_t largest_inflated(std::uint64_t stored) noexcept {
    const auto ratio = checked_multiply(stored, largest_ratio);
    return ratio ? checked_add(*ratio, slack).value_or(UINT64_MAX) : UINT64_MAX;
}

std::size_t inflate(std::span<const std::byte> stored, std::span<std::byte> out) {
    std::size_t consumed = 0, produced = 0;
    const auto result = libdeflate_zlib_decompress_ex(decompressor(), stored.data(), stored.size(),
                                                      out.data(), out.size(), &consumed, &produced);
    if (result == LIBDEFLATE_SUCCESS) return produced;
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
        throw Error(ErrorCode::damaged, "a deflated chunk gives more than the " + std::to_string(out.size()) +
                                            " bytes of its shape");
    }
    throw Error(ErrorCode::damaged, "a chunk is no valid deflate stream");
}

}  // namespace ballast::filter
