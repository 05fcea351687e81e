// SPDX-License-Identifier: Apache-2.0
// Parsing and checking a safetensors header, see header.h.
#include "header.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "container/json/utf8.h"
#include "core/checked.h"
#include "format.h"

namespace ballast::safetensors {
namespace {

std::uint64_t little_endian(std::span<const std::byte> bytes) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = length_bytes; i-- > 0;)
        value = value << 8U | std::to_integer<std::uint64_t>(bytes[i]);
    return value;
}

bool is_json_space(std::byte byte) noexcept {
    const auto c = std::to_integer<char>(byte);
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// Reads one header; every check that fails throws.
class HeaderReader {
public:
    HeaderReader(const io::Source& source, const Limits& limits) : source_(source), limits_(limits) {}

    std::shared_ptr<Header> read() {
        const std::uint64_t length = header_length();
        header_->data_offset = length_bytes + length;
        std::string text(static_cast<std::size_t>(length), '\0');
        source_.read_at(length_bytes, std::as_writable_bytes(std::span(text)));
        if (const std::size_t bad = utf8::find_invalid(text); bad != std::string::npos)
            throw error(ErrorCode::damaged, "the header is not UTF-8").at(length_bytes + bad);
        Tree tree = json::parse(text, limits_, source_.path(), length_bytes, json::Words::none);
        text = {};
        read_members(tree);
        check_layout();
        return std::move(header_);
    }

private:
    Error error(ErrorCode code, std::string message) const {
        return Error(code, std::move(message)).in(source_.path());
    }
    Error bad_tensor(std::string_view name, std::string message, ErrorCode code = ErrorCode::damaged) const {
        return error(code, std::move(message)).at(length_bytes).tensor(name);
    }

    std::uint64_t header_length() const {
        const std::uint64_t size = source_.size();
        if (size < length_bytes)
            throw error(ErrorCode::truncated, "the file is too small for a safetensors header length")
                .at(size);
        std::array<std::byte, length_bytes> bytes{};
        source_.read_at(0, bytes);
        const std::uint64_t length = little_endian(bytes);
        const std::uint64_t rest = size - length_bytes;
        if (length <= rest && length <= limits_.json_bytes) return length;
        const std::string text = "the header length is " + std::to_string(length);
        if (length <= rest)
            throw error(ErrorCode::limit_exceeded, text + ", more than Limits::json_bytes allows").at(0);
        if (length <= limits_.json_bytes)
            throw error(ErrorCode::truncated, text + ", but the file ends first").at(size);
        throw error(ErrorCode::damaged, text + ", more than the file has").at(0);
    }

    void read_members(Tree& tree) {
        if (!tree.is_object())
            throw error(ErrorCode::damaged, "the header is no JSON object").at(length_bytes);
        if (tree.size() > limits_.objects)
            throw error(ErrorCode::limit_exceeded,
                        std::to_string(tree.size()) + " tensors are more than Limits::objects allows")
                .at(length_bytes);
        header_->entries.reserve(tree.size());
        if (Tree* metadata = tree.find(metadata_key)) read_metadata(*metadata);
        for (auto& [name, value] : tree.mutable_members()) {
            if (name != metadata_key) header_->entries.push_back(read_entry(std::move(name), value));
        }
    }

    void read_metadata(Tree& metadata) {
        if (!metadata.is_object() && !metadata.is_null())
            throw error(ErrorCode::damaged, "__metadata__ is no object").at(length_bytes);
        for (const auto& [key, value] : metadata.members()) {
            if (!value.is_string())
                throw error(ErrorCode::damaged, "__metadata__ entry '" + key + "' is no string")
                    .at(length_bytes);
        }
        header_->metadata = std::move(metadata);
    }

    Entry read_entry(std::string name, const Tree& tree) const {
        if (name.find('\0') != std::string::npos) throw bad_tensor(name, "a NUL character in a tensor name");
        if (!tree.is_object()) throw bad_tensor(name, "the tensor's entry is no object");
        Entry entry;
        entry.dtype = read_dtype(name, tree[dtype_key]);
        entry.shape = read_shape(name, tree[shape_key]);
        read_offsets(name, tree[offsets_key], entry);
        check_size(name, entry);
        entry.name = std::move(name);
        return entry;
    }

    DType read_dtype(const std::string& name, const Tree& tree) const {
        if (!tree.is_string()) throw bad_tensor(name, "no dtype");
        if (const auto dtype = dtype_from_safetensors(tree.as_string())) return *dtype;
        throw bad_tensor(
            name, "element type '" + std::string(tree.as_string()) + "' is not one of those Ballast knows",
            ErrorCode::unsupported);
    }

    Shape read_shape(const std::string& name, const Tree& tree) const {
        if (!tree.is_array()) throw bad_tensor(name, "no shape");
        if (tree.size() > Shape::max_rank)
            throw bad_tensor(name,
                             "a shape of " + std::to_string(tree.size()) + " dimensions, more than " +
                                 std::to_string(Shape::max_rank),
                             ErrorCode::limit_exceeded);
        std::vector<std::uint64_t> dims;
        for (const Tree& item : tree.items()) {
            const auto dim = item.as_uint64();
            if (!dim) throw bad_tensor(name, "a dimension that is no unsigned 64-bit number");
            dims.push_back(*dim);
        }
        return Shape(std::span<const std::uint64_t>(dims));
    }

    void read_offsets(const std::string& name, const Tree& tree, Entry& entry) const {
        const auto begin = tree.at(0).as_uint64(), end = tree.at(1).as_uint64();
        if (tree.size() != 2 || !begin || !end)
            throw bad_tensor(name, "data_offsets is no pair of unsigned 64-bit numbers");
        if (*begin > *end) throw bad_tensor(name, "data_offsets end before they begin");
        entry.begin = *begin;
        entry.end = *end;
    }

    /// In the reference's order, so that a later zero does not hide an overflow.
    void check_size(const std::string& name, const Entry& entry) const {
        std::optional<std::uint64_t> size = info(entry.dtype).bits / 8;
        for (const std::uint64_t dim : entry.shape) {
            size = checked_multiply(*size, dim);
            if (!size) throw bad_tensor(name, "shape " + entry.shape.to_string() + " overflows 64 bits");
        }
        const std::uint64_t bytes = *size;
        if (bytes > limits_.tensor_bytes)
            throw bad_tensor(name, std::to_string(bytes) + " bytes are more than Limits::tensor_bytes allows",
                             ErrorCode::limit_exceeded);
        if (bytes != entry.end - entry.begin)
            throw bad_tensor(name, "shape " + entry.shape.to_string() + " of " +
                                       std::string(to_string(entry.dtype)) + " takes " +
                                       std::to_string(bytes) + " bytes, data_offsets give " +
                                       std::to_string(entry.end - entry.begin));
    }

    void check_layout() {
        auto& entries = header_->entries;
        std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
            return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
        });
        std::uint64_t end = 0;
        const std::uint64_t available = source_.size() - header_->data_offset;
        for (const Entry& entry : entries) {
            if (entry.begin != end) {
                const std::string what = entry.begin > end ? "a hole before the tensor's data"
                                                           : "the tensor's data overlap another tensor's";
                throw error(ErrorCode::damaged, what)
                    .at(checked_add(header_->data_offset, entry.begin).value_or(header_->data_offset))
                    .tensor(entry.name);
            }
            end = entry.end;
            if (end > available)
                throw error(ErrorCode::truncated, "the file ends within the tensor's data")
                    .at(source_.size())
                    .tensor(entry.name);
        }
        if (end < available)
            throw error(ErrorCode::damaged, std::to_string(available - end) + " bytes behind the last tensor")
                .at(header_->data_offset + end);
    }

    const io::Source& source_;
    const Limits& limits_;
    std::shared_ptr<Header> header_ = std::make_shared<Header>();
};

}  // namespace

bool starts_like_header(std::span<const std::byte> head, const Limits& limits) noexcept {
    if (head.size() <= length_bytes || little_endian(head) > limits.json_bytes) return false;
    const auto first = std::find_if_not(head.begin() + length_bytes, head.end(), is_json_space);
    return first != head.end() && *first == std::byte{'{'};
}

std::shared_ptr<Header> read_header(const io::Source& source, const Limits& limits) {
    return HeaderReader(source, limits).read();
}

}  // namespace ballast::safetensors
