// SPDX-License-Identifier: Apache-2.0
// Laying out a safetensors file, see writer.h.
#include "writer.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "core/checked.h"
#include "format.h"

namespace ballast::safetensors {
namespace {

/// The header as it stands in the file, handed out piece by piece: that of many tensors is large.
class HeaderText final : public ByteProducer {
public:
    explicit HeaderText(std::string text) : text_(std::move(text)) {}

    std::uint64_t size() const noexcept { return text_.size(); }
    static void add_pieces(const std::shared_ptr<const HeaderText>& self, PlannedFile& file) {
        for (std::uint64_t begin = 0; begin < self->size(); begin += unit)
            file.pieces.push_back(
                {begin, ProducedBytes{self, begin, std::min<std::uint64_t>(unit, self->size() - begin)}});
    }
    void produce(std::uint64_t begin, std::span<std::byte> out) const override {
        std::memcpy(out.data(), text_.data() + begin, out.size());
    }

private:
    static constexpr std::uint64_t unit = 1 << 20;
    std::string text_;
};

std::uint64_t after(std::uint64_t offset, std::uint64_t size) {
    const auto sum = checked_add(offset, size);
    if (!sum) throw Error(ErrorCode::limit_exceeded, "the file would be larger than 64 bits count");
    return *sum;
}

void append_entry(std::string& text, const StoredTensor& tensor, std::uint64_t begin, std::uint64_t end) {
    json::append(text, Tree(tensor.name));
    text += R"(:{"dtype":")";
    text += info(tensor.dtype).safetensors;
    text += R"(","shape":[)";
    for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis)
        text += (axis == 0 ? "" : ",") + std::to_string(tensor.shape[axis]);
    text += R"(],"data_offsets":[)" + std::to_string(begin) + ',' + std::to_string(end) + "]}";
}

/// With its length in front, as in the file.
std::string header(const Contents& contents, std::span<const std::size_t> order, const Tree& metadata) {
    std::string text(length_bytes, '\0');
    // A long text that grows is held twice.
    constexpr std::size_t entry_size = 160;
    text.reserve(text.size() + order.size() * entry_size);
    text += '{';
    if (metadata.size() != 0) {
        json::append(text, Tree(metadata_key));
        text += ':';
        json::append(text, metadata);
    }
    std::uint64_t begin = 0;
    for (const std::size_t i : order) {
        const std::uint64_t end = after(begin, contents.value(i).byte_count());
        if (text.back() != '{') text += ',';
        append_entry(text, contents.tensor(i), begin, end);
        begin = end;
    }
    text += '}';
    text.append(align_up(text.size(), data_alignment) - text.size(), ' ');
    const std::uint64_t length = text.size() - length_bytes;
    if (length > largest_written_header)
        throw Error(ErrorCode::limit_exceeded, "the header would take " + std::to_string(length) +
                                                   " bytes; readers of safetensors refuse more than " +
                                                   std::to_string(largest_written_header))
            .hint("write fewer tensors into one file (--include, --without-optimizer, --max-shard-size)");
    for (std::size_t i = 0; i < length_bytes; ++i)
        text[i] = static_cast<char>(length >> (8 * i));
    return text;
}

}  // namespace

PlannedFile plan_file(const Contents& contents, std::span<const std::size_t> order, Tree metadata,
                      std::string file_name) {
    PlannedFile file;
    file.name = std::move(file_name);
    const auto text = std::make_shared<const HeaderText>(header(contents, order, metadata));
    metadata = {};
    std::uint64_t offset = text->size();
    HeaderText::add_pieces(text, file);
    for (const std::size_t i : order) {
        const std::uint64_t size = contents.value(i).byte_count();
        if (size != 0) file.pieces.push_back({offset, TensorBytes{contents.value(i)}});
        offset = after(offset, size);
    }
    file.size = offset;
    return file;
}

PlannedFile lay_out(const Model& model, std::string file_name, const SaveOptions& options, Report& report) {
    const Contents contents(model, options, report);
    Tree metadata = contents.metadata();
    if (auto layout = contents.layout()) metadata.set(ballast_key, *std::move(layout));
    return plan_file(contents, contents.order(), std::move(metadata), std::move(file_name));
}

}  // namespace ballast::safetensors
