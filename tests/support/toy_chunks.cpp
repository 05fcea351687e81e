// SPDX-License-Identifier: Apache-2.0
// The toy chunk format.
#include "support/toy_chunks.h"

#include <libdeflate.h>

#include <cstring>
#include <stdexcept>

namespace ballast::test {
namespace {

constexpr std::uint64_t header_bytes = 20;  // magic, count, place of the table
constexpr std::uint64_t row_bytes = 20;

template <class T>
void append(std::vector<std::byte>& bytes, T value) {
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), raw, raw + sizeof(T));
}

template <class T>
T read(const io::Source& source, std::uint64_t offset) {
    T value{};
    source.read_at(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

class DeflateCodec final : public ChunkCodec {
public:
    explicit DeflateCodec(int level)
        : level_(level), filters_{{Filter::deflate, {static_cast<std::uint32_t>(level)}}} {}
    std::span<const Filter> filters() const noexcept override { return filters_; }
    std::vector<std::byte> encode(std::span<const std::byte> chunk) const override {
        const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> deflate(
            libdeflate_alloc_compressor(level_), libdeflate_free_compressor);
        std::vector<std::byte> out(libdeflate_zlib_compress_bound(deflate.get(), chunk.size()));
        out.resize(
            libdeflate_zlib_compress(deflate.get(), chunk.data(), chunk.size(), out.data(), out.size()));
        return out;
    }

private:
    int level_;
    std::vector<Filter> filters_;
};

class ToyHooks final : public PlanHooks {
public:
    explicit ToyHooks(std::string name) : name_(std::move(name)) {}

    std::uint64_t reserve(std::size_t file, std::size_t piece, std::uint64_t length) override {
        if (file != 0 || piece != next_piece_++) throw std::logic_error("reservations out of order");
        const std::uint64_t place = end_;
        end_ += (length + 7) / 8 * 8;
        return place;
    }

    Finish finish(const PlanResults& results) override {
        Finish finish;
        std::vector<std::byte> table;
        std::string text;
        for (std::size_t i = 1; i < results[0].size(); ++i) {
            const PieceResult& chunk = results[0][i];
            append(table, chunk.offset);
            append(table, chunk.length);
            append(table, chunk.filter_mask);
            text += std::to_string(chunk.checksum) + "\n";
        }
        std::vector<std::byte> header;
        append(header, static_cast<std::uint64_t>(results[0].size() - 1));
        append(header, end_);
        finish.patches.push_back({0, 4, header});
        finish.patches.push_back({0, end_, table});
        const auto bytes = std::as_bytes(std::span(text));
        finish.tail_files.push_back({name_ + ".crc", {bytes.begin(), bytes.end()}});
        return finish;
    }

private:
    std::string name_;
    std::size_t next_piece_ = 1;
    std::uint64_t end_ = 24;
};

}  // namespace

std::shared_ptr<const ChunkCodec> deflate_codec(int level) {
    return std::make_shared<DeflateCodec>(level);
}

WritePlan toy_plan(const std::string& name, const ToyTensor& tensor) {
    WritePlan plan;
    plan.commit = name + ".crc";
    plan.hooks = std::make_shared<ToyHooks>(name);
    PlannedFile file{name, header_bytes, {}, Checksum::crc32c};
    const auto magic = std::as_bytes(std::span("TOYC", 4));
    file.pieces.push_back({0, FixedBytes{{magic.begin(), magic.end()}}});
    std::uint64_t count = 1;
    for (std::size_t axis = 0; axis < tensor.chunk_shape.rank(); ++axis)
        count *= (tensor.value.shape()[axis] + tensor.chunk_shape[axis] - 1) / tensor.chunk_shape[axis];
    const auto target =
        std::make_shared<const ChunkedTarget>(ChunkedTarget{tensor.value, tensor.chunk_shape, tensor.codec});
    for (std::uint64_t i = 0; i < count; ++i)
        file.pieces.push_back({0, EncodedChunk{target, i}});
    plan.files.push_back(std::move(file));
    return plan;
}

TensorRef toy_open(const io::Fs& fs, const std::string& name, DType dtype, const Shape& shape,
                   const Shape& chunk_shape, int level) {
    const auto source = fs.open(name);
    ChunkedLayout layout{
        source, chunk_shape, {{Filter::deflate, {static_cast<std::uint32_t>(level)}}}, {}, {}};
    const auto count = read<std::uint64_t>(*source, 4);
    const auto table = read<std::uint64_t>(*source, 12);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t row = table + i * row_bytes;
        layout.chunks.push_back({i, read<std::uint64_t>(*source, row), read<std::uint64_t>(*source, row + 8),
                                 read<std::uint32_t>(*source, row + 16)});
    }
    TensorInfo info;
    info.name = info.stored_name = "toy";
    info.dtype = dtype;
    info.shape = shape;
    info.stored_bytes = table;
    info.storage.layout = std::make_shared<const ChunkedLayout>(std::move(layout));
    return std::make_shared<const TensorInfo>(std::move(info));
}

}  // namespace ballast::test
