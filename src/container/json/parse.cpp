// SPDX-License-Identifier: Apache-2.0
// JSON text to Tree: bounds, duplicate keys and Python's number words around RapidJSON's iterative SAX
// reader.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <limits>
#include <new>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

// RapidJSON adds an offset to the null pointer of its still empty stack; harmless, but clang's UBSan reports
// it.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

#include "ballast/error.h"
#include "container/json/json.h"

namespace ballast::json {
namespace {

// RapidJSON names what it calls.
// NOLINTBEGIN(readability-identifier-naming)

/// RapidJSON's own allocator ignores a failed malloc; this one throws bad_alloc.
class ThrowingAllocator {
public:
    void* Malloc(std::size_t size) { return size == 0 ? nullptr : ::operator new(size); }
    void* Realloc(void* old, std::size_t old_size, std::size_t new_size) {
        void* fresh = Malloc(new_size);
        if (old != nullptr && fresh != nullptr) std::memcpy(fresh, old, std::min(old_size, new_size));
        Free(old);
        return fresh;
    }
    static void Free(void* memory) { ::operator delete(memory); }
};

using Reader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator>;
constexpr unsigned strict_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                                  rapidjson::kParseNumbersAsStringsFlag;
constexpr unsigned python_flags = strict_flags | rapidjson::kParseNanAndInfFlag;

/// Builds the tree from the reader's events and enforces the bounds; throws Error with the place reached.
class Builder {
public:
    Builder(const rapidjson::MemoryStream& stream, const Limits& limits, std::string_view where,
            std::uint64_t base)
        : stream_(stream), limits_(limits), where_(where), base_(base) {}

    Tree take() { return std::move(root_); }

    bool Null() { return value(Tree()); }
    bool Bool(bool flag) { return value(Tree(flag)); }
    bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
        std::string number(text, length);
        if (number == "Inf" || number == "-Inf" || number == "-NaN")
            fail(ErrorCode::damaged, "'" + number + "' is no JSON value");
        return value(Tree::number(std::move(number)));
    }
    bool String(const char* text, rapidjson::SizeType length, bool) {
        return value(Tree(checked(text, length)));
    }
    bool Key(const char* text, rapidjson::SizeType length, bool) {
        members_.emplace_back(checked(text, length), Tree());
        key_ends_.push_back(stream_.Tell());
        return true;
    }
    bool StartObject() { return start(true, members_.size()); }
    bool StartArray() { return start(false, items_.size()); }
    bool EndObject(rapidjson::SizeType) {
        const std::size_t first = open_.back().first;
        check_duplicates(first);
        key_ends_.resize(first);
        return end(Tree(cut(members_, first)));
    }
    bool EndArray(rapidjson::SizeType) { return end(Tree(cut(items_, open_.back().first))); }

    // Never called with kParseNumbersAsStringsFlag, but the reader needs them to compile.
    bool Int(int) { return false; }
    bool Uint(unsigned) { return false; }
    bool Int64(std::int64_t) { return false; }
    bool Uint64(std::uint64_t) { return false; }
    bool Double(double) { return false; }
    // NOLINTEND(readability-identifier-naming)

private:
    /// A container whose end has not been seen; its entries are members_ or items_ from `first` on.
    struct Open {
        bool is_object = false;
        std::size_t first = 0;
    };

    /// The entries from `first` on, moved out into a vector without slack.
    template <class Entry>
    static std::vector<Entry> cut(std::vector<Entry>& entries, std::size_t first) {
        const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(first);
        std::vector<Entry> result(std::make_move_iterator(begin), std::make_move_iterator(entries.end()));
        entries.erase(begin, entries.end());
        return result;
    }

    [[noreturn]] void fail(ErrorCode code, std::string message, std::uint64_t offset) const {
        throw Error(code, "JSON: " + std::move(message)).in(where_).at(base_ + offset);
    }
    [[noreturn]] void fail(ErrorCode code, std::string message) const {
        fail(code, std::move(message), stream_.Tell());
    }

    /// RapidJSON lets an escaped low surrogate alone through, as bytes that are no UTF-8 (ED A0..BF xx).
    std::string checked(const char* text, std::size_t length) const {
        const std::string_view view(text, length);
        for (auto at = view.find('\xed'); at != view.npos; at = view.find('\xed', at + 1)) {
            if (at + 1 < length && static_cast<unsigned char>(view[at + 1]) >= 0xa0)
                fail(ErrorCode::damaged, "lone surrogate in a string");
        }
        return std::string(view);
    }

    void count() {
        if (++nodes_ > limits_.json_nodes)
            fail(ErrorCode::limit_exceeded,
                 "more than " + std::to_string(limits_.json_nodes) + " values (Limits::json_nodes)");
    }
    bool start(bool is_object, std::size_t first) {
        count();
        if (open_.size() >= limits_.json_depth)
            fail(ErrorCode::limit_exceeded,
                 "nested deeper than " + std::to_string(limits_.json_depth) + " (Limits::json_depth)");
        open_.push_back({is_object, first});
        return true;
    }
    bool end(Tree done) {
        open_.pop_back();
        return place(std::move(done));
    }
    bool value(Tree tree) {
        count();
        return place(std::move(tree));
    }
    bool place(Tree tree) {
        if (open_.empty())
            root_ = std::move(tree);
        else if (open_.back().is_object)
            members_.back().second = std::move(tree);
        else
            items_.push_back(std::move(tree));
        return true;
    }

    /// Of the members from `first` on. Sorting beats a set: no memory per key, and most objects are small.
    void check_duplicates(std::size_t first) {
        const std::size_t size = members_.size() - first;
        if (size < 2) return;
        const auto key = [&](std::uint32_t i) -> const std::string& { return members_[first + i].first; };
        order_.resize(size);
        std::iota(order_.begin(), order_.end(), 0U);
        std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
            const int compared = key(a).compare(key(b));
            return compared != 0 ? compared < 0 : a < b;
        });
        const auto found = std::adjacent_find(order_.begin(), order_.end(),
                                              [&](auto a, auto b) { return key(a) == key(b); });
        if (found == order_.end()) return;
        const std::uint32_t second = *(found + 1);
        fail(ErrorCode::damaged, "key '" + key(second) + "' appears twice in one object",
             key_ends_[first + second]);
    }

    const rapidjson::MemoryStream& stream_;
    const Limits& limits_;
    std::string_view where_;
    std::uint64_t base_;
    std::uint64_t nodes_ = 0;
    std::vector<Open> open_;
    std::vector<Tree::Member> members_;    ///< of all open objects; a value belongs to the last one
    std::vector<std::uint64_t> key_ends_;  ///< of members_, for messages
    std::vector<Tree> items_;              ///< of all open arrays
    std::vector<std::uint32_t> order_;     ///< scratch of check_duplicates()
    Tree root_;
};

[[noreturn]] void fail_syntax(rapidjson::ParseErrorCode code, std::uint64_t offset, std::uint64_t size,
                              std::string_view where, std::uint64_t base) {
    if (code == rapidjson::kParseErrorNumberTooBig)
        throw Error(ErrorCode::limit_exceeded, "JSON: a number beyond the range of a double")
            .in(where)
            .at(base + offset);
    std::string message = std::string("JSON: ") + rapidjson::GetParseError_En(code);
    if (offset >= size) message += " The text ends here.";
    throw Error(ErrorCode::damaged, std::move(message)).in(where).at(base + offset);
}

}  // namespace

Tree parse(std::string_view text, const Limits& limits, std::string_view where, std::uint64_t base,
           Words words) {
    // RapidJSON counts members and string bytes in 32 bits.
    const std::uint64_t most =
        std::min<std::uint64_t>(limits.json_bytes, std::numeric_limits<std::uint32_t>::max() - 1);
    if (text.size() > most)
        throw Error(ErrorCode::limit_exceeded, "JSON: " + std::to_string(text.size()) +
                                                   " bytes are more than " + std::to_string(most) +
                                                   " (Limits::json_bytes)")
            .in(where)
            .at(base);
    if (text.starts_with("\xef\xbb\xbf"))
        throw Error(ErrorCode::damaged, "JSON: starts with a byte order mark").in(where).at(base);

    rapidjson::MemoryStream stream(text.data(), text.size());
    Builder builder(stream, limits, where, base);
    Reader reader;
    const rapidjson::ParseResult result = words == Words::python
                                              ? reader.Parse<python_flags>(stream, builder)
                                              : reader.Parse<strict_flags>(stream, builder);
    if (result.IsError()) fail_syntax(result.Code(), result.Offset(), text.size(), where, base);
    // A NUL byte looks like the end to RapidJSON.
    if (stream.Tell() != text.size())
        fail_syntax(rapidjson::kParseErrorDocumentRootNotSingular, stream.Tell(), text.size(), where, base);
    return builder.take();
}

}  // namespace ballast::json
