// SPDX-License-Identifier: Apache-2.0
// GGUF, read: the tensors and the metadata of models of llama.cpp and ggml. docs/write_a_plugin.md builds
// this file.

// [numbers]
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/format.h"
#include "core/checked.h"
#include "core/text.h"
#include "dialect/kept_model.h"
#include "io/held_source.h"

namespace ballast::formats {
extern const FormatInfo gguf_info;
const Format& gguf();
}  // namespace ballast::formats

namespace ballast::gguf {
namespace {

constexpr std::string_view magic = "GGUF";
constexpr std::uint64_t oldest_version = 2, newest_version = 3;
constexpr std::uint64_t most_dims = 4, default_alignment = 32, largest_alignment = 1U << 20U;
constexpr std::uint64_t least_pair = 13, least_tensor = 24;  // bytes that one takes at least

enum ValueType : std::uint64_t { boolean = 7, text = 8, array = 9, value_types = 13 };
/// Bytes of a metadata value by its type; 0 for texts and arrays.
constexpr std::array<unsigned, value_types> value_size = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/// What the number in a tensor's entry means. A type without a dtype is listed, but not read.
struct Type {
    std::uint64_t number;
    std::string_view name;
    std::optional<DType> dtype;
    std::uint64_t block = 1, bytes = 0;  ///< elements and bytes of a block, of types that are decoded
};
constexpr Type types[] = {
    {0, "F32", DType::float32},
    {1, "F16", DType::float16},
    {2, "Q4_0", {}},
    {3, "Q4_1", {}},
    {6, "Q5_0", {}},
    {7, "Q5_1", {}},
    {8, "Q8_0", DType::float32, 32, 34},
    {10, "Q2_K", {}},
    {11, "Q3_K", {}},
    {12, "Q4_K", {}},
    {13, "Q5_K", {}},
    {14, "Q6_K", {}},
    {24, "I8", DType::int8},
    {25, "I16", DType::int16},
    {26, "I32", DType::int32},
    {27, "I64", DType::int64},
    {28, "F64", DType::float64},
    {30, "BF16", DType::bfloat16},
};
// [numbers]

// [cursor]
/// Where we are in the file; each step checks before it reads or allocates.
class Cursor {
public:
    Cursor(const io::Source& source, const Limits& limits) : source_(source), limits_(limits) {}

    std::uint64_t place() const noexcept { return place_; }
    Error error(ErrorCode code, std::string message) const {
        return Error(code, std::move(message)).in(source_.path()).at(place_);
    }
    void skip(std::uint64_t count, std::uint64_t width) {
        if (count > (source_.size() - place_) / width)
            throw error(ErrorCode::truncated, "the file ends within a text or a list");
        place_ += count * width;
    }
    std::uint64_t number(unsigned width) {
        std::array<std::byte, 8> bytes{};
        const std::uint64_t begin = place_;
        skip(1, width);
        source_.read_at(begin, std::span(bytes).first(width));
        std::uint64_t value = 0;
        for (unsigned i = width; i-- > 0;)
            value = value << 8U | std::to_integer<std::uint64_t>(bytes[i]);
        return value;
    }
    std::string string(std::uint64_t most) {
        const std::uint64_t size = number(8), begin = place_;
        skip(size, 1);
        if (size > most) throw error(ErrorCode::limit_exceeded, "a text is longer than the limits allow");
        std::string text(static_cast<std::size_t>(size), '\0');
        source_.read_at(begin, std::as_writable_bytes(std::span(text)));
        if (!is_utf8(text)) throw error(ErrorCode::damaged, "a text is not UTF-8");
        return text;
    }
    std::string name() {
        std::string text = string(limits_.name_bytes);
        if (text.empty() || text.find('\0') != std::string::npos)
            throw error(ErrorCode::damaged, "a name is empty or holds a zero byte");
        return text;
    }
    std::string text_value() { return string(limits_.attribute_bytes); }

private:
    const io::Source& source_;
    const Limits& limits_;
    std::uint64_t place_ = magic.size();
};
// [cursor]

// [metadata]
/// Vocabularies have a hundred thousand members: what there is of a list is said, not repeated.
Tree list(Cursor& at) {
    const std::uint64_t type = at.number(4), count = at.number(8);
    if (type >= value_types || type == array)
        throw at.error(ErrorCode::unsupported, "a list of lists, or of a type that is not known");
    if (type != text) at.skip(count, value_size[type]);
    for (std::uint64_t i = 0; type == text && i < count; ++i)
        at.skip(at.number(8), 1);
    return Tree("a list of " + std::to_string(count));
}

Tree value(Cursor& at) {
    const std::uint64_t type = at.number(4);
    if (type >= value_types) throw at.error(ErrorCode::damaged, "a value of an unknown type");
    if (type == array) return list(at);
    if (type == text) return Tree(at.text_value());
    const std::uint64_t bits = at.number(value_size[type]);
    switch (type) {
        case 1:
            return Tree(std::int64_t{static_cast<std::int8_t>(bits)});
        case 3:
            return Tree(std::int64_t{static_cast<std::int16_t>(bits)});
        case 5:
            return Tree(std::int64_t{static_cast<std::int32_t>(bits)});
        case 6:
            return Tree(double{std::bit_cast<float>(static_cast<std::uint32_t>(bits))});
        case boolean:
            return Tree(bits != 0);
        case 11:
            return Tree(static_cast<std::int64_t>(bits));
        case 12:
            return Tree(std::bit_cast<double>(bits));
        default:
            return Tree(bits);
    }
}
// [metadata]

// [decode]
float half(std::uint64_t bits) {
    const auto exponent = static_cast<int>(bits >> 10U & 31U), fraction = static_cast<int>(bits & 1023U);
    const float sign = bits >> 15U != 0 ? -1.0F : 1.0F;
    if (exponent == 31)
        return fraction != 0 ? std::numeric_limits<float>::quiet_NaN()
                             : sign * std::numeric_limits<float>::infinity();
    return sign * (exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                 : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25));
}

/// Q8_0: 32 elements are a float16 scale and 32 signed bytes.
std::vector<std::byte> decoded(const io::Source& source, std::uint64_t offset, std::uint64_t stored,
                               std::uint64_t size) {
    std::vector<std::byte> blocks(static_cast<std::size_t>(stored)), values(static_cast<std::size_t>(size));
    source.read_at(offset, blocks);
    std::byte* to = values.data();
    for (std::size_t block = 0; block < blocks.size(); block += 34) {
        const float scale = half(std::to_integer<std::uint64_t>(blocks[block]) |
                                 std::to_integer<std::uint64_t>(blocks[block + 1]) << 8U);
        for (std::size_t i = 0; i < 32; ++i, to += sizeof(float)) {
            const float element = scale * static_cast<float>(static_cast<std::int8_t>(blocks[block + 2 + i]));
            std::memcpy(to, &element, sizeof element);
        }
    }
    return values;
}
// [decode]

// [tensors]
/// Entries give offsets from where the data start, which is known after the last of them.
struct Entry {
    std::string name;
    Shape shape;
    std::uint64_t type = 0, offset = 0;
};

Entry read_entry(Cursor& at) {
    Entry entry;
    entry.name = at.name();
    const std::uint64_t rank = at.number(4);
    if (rank > most_dims) throw at.error(ErrorCode::damaged, "a tensor of more than 4 dimensions");
    std::array<std::uint64_t, most_dims> dims{};
    for (std::uint64_t i = rank; i-- > 0;)
        dims[i] = at.number(8);  // innermost first, only in GGUF
    entry.shape = Shape(std::span(dims).first(rank));
    entry.type = at.number(4);
    entry.offset = at.number(8);
    return entry;
}

class Reader {
public:
    Reader(std::shared_ptr<const io::Source> source, const Limits& limits)
        : source_(std::move(source)), limits_(limits), at_(*source_, limits_) {}

    ArchiveContents read() {
        const std::uint64_t version = at_.number(4), tensors = at_.number(8), pairs = at_.number(8);
        if (version < oldest_version || version > newest_version)
            throw at_.error(ErrorCode::unsupported, "a version of GGUF other than 2 and 3");
        if (tensors > source_->size() / least_tensor || pairs > source_->size() / least_pair)
            throw at_.error(ErrorCode::damaged, "it counts more than it has room for");
        if (tensors > limits_.objects || pairs > limits_.objects)
            throw at_.error(ErrorCode::limit_exceeded, "more things than Limits::objects allows");
        for (std::uint64_t i = 0; i < pairs; ++i)
            add_pair();
        std::vector<Entry> entries;
        for (std::uint64_t i = 0; i < tensors; ++i)
            entries.push_back(read_entry(at_));
        const std::uint64_t data = align_up(at_.place(), alignment_);
        for (Entry& entry : entries)
            add(std::move(entry), data);
        ArchiveContents contents = loose_contents(std::move(tensors_), "gguf");
        contents.model->metadata = metadata_;
        contents.metadata = std::move(metadata_);
        contents.problems = std::move(problems_);
        return contents;
    }

private:
    void add_pair() {
        std::string key = at_.name();
        Tree given = value(at_);
        if (key == "general.alignment") {
            alignment_ = given.as_uint64().value_or(0);
            if (alignment_ == 0 || alignment_ > largest_alignment)
                throw at_.error(ErrorCode::damaged, "an alignment that makes no sense");
        }
        if (!keys_.insert(key).second) throw at_.error(ErrorCode::damaged, "the metadata has a key twice");
        if (metadata_.is_null()) metadata_ = Tree::object();
        metadata_.mutable_members().emplace_back(std::move(key), std::move(given));
    }

    void add(Entry entry, std::uint64_t data) {
        const auto type = std::find_if(std::begin(types), std::end(types),
                                       [&](const Type& known) { return known.number == entry.type; });
        if (type == std::end(types) || !type->dtype) {
            const std::string_view called = type == std::end(types) ? "unknown" : type->name;
            problems_.push_back(at_.error(ErrorCode::unsupported,
                                          "its type is " + std::string(called) + ", which is not decoded")
                                    .tensor(entry.name));
            return;
        }
        TensorInfo tensor;
        tensor.name = tensor.stored_name = std::move(entry.name);
        tensor.part = Part::loose;
        tensor.dtype = *type->dtype;
        tensor.shape = std::move(entry.shape);
        if (!names_.insert(tensor.name).second)
            throw at_.error(ErrorCode::damaged, "two tensors have one name").tensor(tensor.name);
        const std::uint64_t size = tensor.byte_count();
        tensor.stored_bytes = type->block == 1 ? size : tensor.element_count() / type->block * type->bytes;
        const auto offset = checked_add(data, entry.offset);
        const bool whole =
            tensor.shape.rank() == 0 || tensor.shape[tensor.shape.rank() - 1] % type->block == 0;
        if (!offset || !whole || !fits(*offset, tensor.stored_bytes, source_->size()))
            throw at_.error(ErrorCode::damaged, "its bytes lie outside of the file, or are no whole blocks")
                .tensor(tensor.stored_name);
        if (type->block == 1) {
            tensor.storage.layout = Extent{source_, *offset, size};
        } else {
            const auto make = [source = source_, at = *offset, stored = tensor.stored_bytes, size] {
                return decoded(*source, at, stored, size);
            };
            tensor.storage.layout = Extent{io::held_source(size, source_->path(), make), 0, size};
        }
        tensors_.push_back(std::move(tensor));
    }

    std::shared_ptr<const io::Source> source_;
    const Limits& limits_;
    Cursor at_;
    std::uint64_t alignment_ = default_alignment;
    std::vector<TensorInfo> tensors_;
    std::vector<Error> problems_;
    std::unordered_set<std::string> names_, keys_;
    Tree metadata_;
};
// [tensors]

// [format]
class GgufFormat final : public Format {
public:
    const FormatInfo& info() const noexcept override { return formats::gguf_info; }

    Match probe(Probe& probe) const override {
        const auto head = probe.head();
        const bool ours =
            head.size() >= magic.size() && std::memcmp(head.data(), magic.data(), magic.size()) == 0;
        return {ours ? Confidence::certain : Confidence::no, true, "GGUF at the start"};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const std::shared_ptr<const io::Source> source = probe.source();
        if (!source)
            throw Error(ErrorCode::not_a_file, "GGUF is a single file").in(probe.location().display());
        ArchiveContents contents = Reader(source, probe.options().limits).read();
        contents.format = &info();
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }
};

}  // namespace
}  // namespace ballast::gguf

const ballast::Format& ballast::formats::gguf() {
    static const ballast::gguf::GgufFormat format;
    return format;
}
// [format]
