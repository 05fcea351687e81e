// SPDX-License-Identifier: Apache-2.0
// Zstandard frames by libzstd, where the build has it.
#include "ballast/error.h"
#include "core/checked.h"
#include "filter/filters.h"

#if BALLAST_HAS_ZSTD
#include <zstd.h>

#include <memory>
#include <new>
#endif

namespace ballast::filter {

namespace {

/// A run of one byte, up to 128 KiB of it, takes four bytes; frames have headers besides.
constexpr std::uint64_t largest_ratio = (128U << 10U) / 4;

}  // namespace

std::uint64_t largest_from_zstd(std::uint64_t stored) noexcept {
    return checked_multiply(stored, largest_ratio).value_or(UINT64_MAX);
}

#if BALLAST_HAS_ZSTD
namespace {

struct FreeContext {
    void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

ZSTD_DCtx* context() {
    thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> instance(ZSTD_createDCtx());
    if (!instance) throw std::bad_alloc();
    return instance.get();
}

}  // namespace

std::size_t expand_zstd(std::span<const std::byte> stored, std::span<std::byte> out) {
    const std::size_t produced =
        ZSTD_decompressDCtx(context(), out.data(), out.size(), stored.data(), stored.size());
    if (ZSTD_isError(produced) == 0) return produced;
    throw Error(ErrorCode::damaged,
                std::string("a chunk is no valid zstd stream for its shape: ") + ZSTD_getErrorName(produced));
}
#else
std::size_t expand_zstd(std::span<const std::byte>, std::span<std::byte>) {
    throw Error(ErrorCode::unsupported, "this build of Ballast has no zstd")
        .hint("build it with libzstd and -Dzstd=enabled");
}
#endif

}  // namespace ballast::filter
