// SPDX-License-Identifier: Apache-2.0
// Encoding chunks, see encode.h.
#include "filter/encode.h"

#include <libdeflate.h>
#if BALLAST_HAS_ZSTD
#include <zstd.h>
#endif

#include <vector>

#include "ballast/error.h"

namespace ballast::filter {
namespace {

constexpr int gzip_default = 4, gzip_least = 1, gzip_most = 9;  // h5py's default and zlib's levels
constexpr int zstd_default = 3, zstd_least = 1, zstd_most = 19;

std::vector<std::byte> shuffled(std::span<const std::byte> chunk, std::size_t element_size) {
    const std::size_t elements = chunk.size() / element_size;
    std::vector<std::byte> out(chunk.size());
    for (std::size_t byte = 0; byte < element_size; ++byte) {
        std::byte* to = out.data() + byte * elements;
        for (std::size_t i = 0; i < elements; ++i)
            to[i] = chunk[i * element_size + byte];
    }
    return out;
}

std::vector<std::byte> deflated(std::span<const std::byte> bytes, int level) {
    const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> deflate(
        libdeflate_alloc_compressor(level), libdeflate_free_compressor);
    if (!deflate) throw Error(ErrorCode::out_of_memory, "no memory for a compressor");
    std::vector<std::byte> out(libdeflate_zlib_compress_bound(deflate.get(), bytes.size()));
    out.resize(libdeflate_zlib_compress(deflate.get(), bytes.data(), bytes.size(), out.data(), out.size()));
    return out;
}

#if BALLAST_HAS_ZSTD
std::vector<std::byte> zstandard(std::span<const std::byte> bytes, int level) {
    std::vector<std::byte> out(ZSTD_compressBound(bytes.size()));
    const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level);
    if (ZSTD_isError(size)) throw Error(ErrorCode::internal, std::string("zstd: ") + ZSTD_getErrorName(size));
    out.resize(size);
    return out;
}
#else
std::vector<std::byte> zstandard(std::span<const std::byte>, int) {
    throw Error(ErrorCode::internal, "zstd was left out of this build");
}
#endif

class Codec final : public ChunkCodec {
public:
    Codec(Compression::Method method, int level, std::uint32_t element_size)
        : method_(method), level_(level), element_size_(element_size) {
        if (element_size > 1) filters_.push_back({Filter::shuffle, {element_size}});
        filters_.push_back({method == Compression::Method::gzip ? Filter::deflate : Filter::zstd,
                            {static_cast<std::uint32_t>(level)}});
    }
    std::span<const Filter> filters() const noexcept override { return filters_; }
    std::vector<std::byte> encode(std::span<const std::byte> chunk) const override {
        std::vector<std::byte> turned;
        if (element_size_ > 1) {
            turned = shuffled(chunk, element_size_);
            chunk = turned;
        }
        return method_ == Compression::Method::gzip ? deflated(chunk, level_) : zstandard(chunk, level_);
    }

private:
    Compression::Method method_;
    int level_;
    std::uint32_t element_size_;
    std::vector<Filter> filters_;
};

}  // namespace

std::shared_ptr<const ChunkCodec> compressing_codec(const Compression& compression,
                                                    std::uint32_t element_size) {
    const bool gzip = compression.method == Compression::Method::gzip;
    if (!gzip && !BALLAST_HAS_ZSTD) {
        throw Error(ErrorCode::backend_missing, "zstd was left out of this build")
            .hint("build with -Dzstd=enabled, or compress with gzip");
    }
    const int least = gzip ? gzip_least : zstd_least, most = gzip ? gzip_most : zstd_most;
    const int level = compression.level.value_or(gzip ? gzip_default : zstd_default);
    if (level < least || level > most) {
        throw Error(ErrorCode::invalid_argument,
                    std::string(gzip ? "gzip" : "zstd") + " has no level " + std::to_string(level))
            .hint("levels are " + std::to_string(least) + " to " + std::to_string(most));
    }
    return std::make_shared<Codec>(compression.method, level, element_size);
}

}  // namespace ballast::filter
