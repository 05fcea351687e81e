// SPDX-License-Identifier: Apache-2.0
// zlib streams by libdeflate, with the exact size of the result known beforehand.
#include <libdeflate.h>

#include <memory>
#include <new>

#include "ballast/error.h"
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

std::vector<std::byte> inflate(std::span<const std::byte> stored, std::uint64_t size) {
    if (size > slack && (size - slack) / largest_ratio > stored.size()) {
        throw Error(ErrorCode::damaged, "a chunk of " + std::to_string(stored.size()) +
                                            " deflated bytes cannot hold " + std::to_string(size) + " bytes");
    }
    std::vector<std::byte> out(static_cast<std::size_t>(size));
    std::size_t consumed = 0, produced = 0;
    const auto result = libdeflate_zlib_decompress_ex(decompressor(), stored.data(), stored.size(), out.data(),
                                                      out.size(), &consumed, &produced);
    if (result == LIBDEFLATE_SUCCESS && produced == out.size()) return out;
    if (result == LIBDEFLATE_SUCCESS || result == LIBDEFLATE_INSUFFICIENT_SPACE) {
        throw Error(ErrorCode::damaged, "a deflated chunk does not give the " + std::to_string(size) +
                                            " bytes of its shape");
    }
    throw Error(ErrorCode::damaged, "a chunk is no valid deflate stream");
}

}  // namespace ballast::filter
