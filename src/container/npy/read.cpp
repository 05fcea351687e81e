// SPDX-License-Identifier: Apache-2.0
// Parsing and checking a .npy header: a dict literal with three known keys, and nothing else of Python.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "ballast/error.h"
#include "container/npy/format.h"
#include "container/npy/npy.h"
#include "core/checked.h"
#include "core/text.h"

namespace ballast::npy {
namespace {

/// Reads tokens of the header's text; every failure throws with the offset in the file.
class Parser {
public:
    Parser(std::string_view text, std::uint64_t base, const std::string& path)
        : text_(text), base_(base), path_(path) {}

    Header parse() {
        Header header;
        std::array<bool, 3> seen{};
        expect('{');
        while (!take('}')) {
            const std::string_view key = string();
            const auto known = std::find(keys.begin(), keys.end(), key);
            if (known == keys.end()) fail("an unknown key '" + escape(key) + "'");
            const auto index = static_cast<std::size_t>(known - keys.begin());
            if (std::exchange(seen[index], true)) fail("the key '" + std::string(key) + "' twice");
            expect(':');
            value(index, header);
            if (!take(',')) {
                expect('}');
                break;
            }
        }
        skip_space();
        if (at_ != text_.size()) fail("text behind the closing brace");
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (!seen[i]) fail("no key '" + std::string(keys[i]) + "'");
        return header;
    }

private:
    static constexpr std::array<std::string_view, 3> keys = {"descr", "fortran_order", "shape"};

    Error error(ErrorCode code, std::string message) const {
        return Error(code, std::move(message)).in(path_).at(base_ + at_);
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw error(ErrorCode::damaged, "the .npy header has " + what);
    }

    void value(std::size_t index, Header& header) {
        if (index == 0) {
            set_type(header);
        } else if (index == 1) {
            header.fortran_order = boolean();
        } else {
            header.shape = shape();
        }
    }

    void set_type(Header& header) {
        skip_space();
        if (at_ < text_.size() && text_[at_] == '[') refuse_type("a structured type");
        const std::string_view text = string();
        const auto type = from_descr(text);
        if (!type)
            refuse_type(text.find('O') != std::string_view::npos ? std::string("Python objects (a pickle)")
                                                                 : "the type '" + escape(text) + "'");
        header.dtype = type->dtype;
        header.big_endian = type->big_endian;
    }
    [[noreturn]] void refuse_type(const std::string& what) const {
        throw error(ErrorCode::unsupported, "the array holds " + what + ", which is no tensor's")
            .hint("save it with a numeric dtype");
    }

    bool boolean() {
        skip_space();
        for (const bool wanted : {true, false}) {
            const std::string_view word = wanted ? "True" : "False";
            if (!text_.substr(at_).starts_with(word)) continue;
            at_ += word.size();
            return wanted;
        }
        fail("neither True nor False where one is due");
    }

    Shape shape() {
        std::vector<std::uint64_t> dims;
        expect('(');
        while (!take(')')) {
            if (dims.size() == Shape::max_rank)
                throw error(ErrorCode::limit_exceeded, "the array has more than 32 dimensions");
            dims.push_back(number());
            if (take(',')) continue;
            expect(')');
            if (dims.size() == 1) fail("a number in brackets for a shape");
            break;
        }
        return Shape(dims);
    }

    std::uint64_t number() {
        skip_space();
        std::uint64_t value = 0;
        const char* first = text_.data() + at_;
        const auto [end, failure] = std::from_chars(first, text_.data() + text_.size(), value);
        if (failure == std::errc::result_out_of_range)
            throw error(ErrorCode::limit_exceeded, "a dimension does not fit 64 bits");
        if (failure != std::errc()) fail("no number where a dimension is due");
        at_ += static_cast<std::size_t>(end - first);
        if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so
        return value;
    }

    /// A quoted string without escapes, which no key and no type needs.
    std::string_view string() {
        skip_space();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        if (quote != '\'' && quote != '"') fail("no string where one is due");
        const std::size_t end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) fail("a string without end");
        const std::string_view inner = text_.substr(at_ + 1, end - at_ - 1);
        if (inner.find('\\') != std::string_view::npos) fail("an escape in a string");
        at_ = end + 1;
        return inner;
    }

    bool take(char wanted) {
        skip_space();
        if (at_ >= text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    void expect(char wanted) {
        if (!take(wanted)) fail(std::string("no '") + wanted + "' where one is due");
    }
    void skip_space() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            ++at_;
    }

    std::string_view text_;
    std::uint64_t base_;
    const std::string& path_;
    std::size_t at_ = 0;
};

struct Lead {
    std::uint64_t begin = 0, length = 0;  ///< of the header's text
};

Lead read_lead(const io::Source& source) {
    std::array<std::byte, lead_v2> bytes{};
    const auto available = static_cast<std::size_t>(std::min<std::uint64_t>(lead_v2, source.size()));
    source.read_at(0, std::span(bytes).first(available));
    const std::size_t compared = std::min(available, magic.size());
    const bool begins = std::equal(magic.begin(), magic.begin() + static_cast<std::ptrdiff_t>(compared),
                                   bytes.begin(), [](char c, std::byte b) { return std::byte(c) == b; });
    if (!begins)
        throw Error(ErrorCode::damaged, "no .npy file: it does not begin with \\x93NUMPY")
            .in(source.path())
            .at(0)
            .hint("write the array with np.save");
    const auto truncated = [&] {
        return Error(ErrorCode::truncated, "the file ends within its header").in(source.path()).at(available);
    };
    if (available < lead_v1) throw truncated();
    const unsigned major = std::to_integer<unsigned>(bytes[6]);
    if (major < 1 || major > 3)
        throw Error(ErrorCode::unsupported, "version " + std::to_string(major) + " of .npy is not known")
            .in(source.path())
            .at(6);
    const std::size_t lead = major == 1 ? lead_v1 : lead_v2;
    if (available < lead) throw truncated();
    Lead result{lead, 0};
    for (std::size_t i = lead; i-- > version_end;)
        result.length = result.length << 8U | std::to_integer<std::uint64_t>(bytes[i]);
    return result;
}

void check_size(const io::Source& source, const Header& header, const Limits& limits) {
    const auto fail = [&](ErrorCode code, std::string message) {
        throw Error(code, std::move(message)).in(source.path()).at(header.data_offset);
    };
    std::uint64_t bytes = 0;
    try {
        bytes = byte_size(header.dtype, header.shape.element_count());
    } catch (const Error& error) {
        fail(error.code(), error.message());
    }
    if (bytes > limits.tensor_bytes)
        fail(ErrorCode::limit_exceeded, "the array is above the limit tensor_bytes");
    const std::uint64_t stored = source.size() - header.data_offset;
    if (stored < bytes)
        fail(ErrorCode::truncated,
             "the array takes " + std::to_string(bytes) + " bytes, the file holds " + std::to_string(stored));
    if (stored > bytes)
        fail(ErrorCode::damaged,
             std::to_string(stored - bytes) + " bytes follow the array; one file holds one array");
}

}  // namespace

Header read_header(const io::Source& source, const Limits& limits) {
    const Lead lead = read_lead(source);
    if (lead.length > longest_read)
        throw Error(ErrorCode::limit_exceeded, "a .npy header of " + std::to_string(lead.length) + " bytes")
            .in(source.path())
            .at(version_end);
    if (!fits(lead.begin, lead.length, source.size()))
        throw Error(ErrorCode::truncated, "the file ends within its header")
            .in(source.path())
            .at(source.size());
    std::string text(static_cast<std::size_t>(lead.length), '\0');
    source.read_at(lead.begin, std::as_writable_bytes(std::span(text)));
    Header header = Parser(text, lead.begin, source.path()).parse();
    header.data_offset = lead.begin + lead.length;
    check_size(source, header, limits);
    return header;
}

TensorExpr value_of(std::shared_ptr<const io::Source> source, const Header& header, std::string name) {
    const bool reversed = header.fortran_order && header.shape.rank() > 1;
    std::vector<std::uint64_t> dims(header.shape.begin(), header.shape.end());
    if (reversed) std::reverse(dims.begin(), dims.end());
    auto tensor = std::make_shared<TensorInfo>();
    tensor->name = name;
    tensor->stored_name = std::move(name);
    tensor->part = Part::loose;
    tensor->dtype = header.dtype;
    tensor->shape = Shape(dims);
    tensor->stored_bytes = tensor->byte_count();
    tensor->storage = {Extent{std::move(source), header.data_offset, tensor->stored_bytes},
                       header.big_endian};
    TensorExpr value{TensorRef(std::move(tensor))};
    if (!reversed) return value;
    std::vector<std::uint32_t> axes(dims.size());
    for (std::size_t i = 0; i < axes.size(); ++i)
        axes[i] = static_cast<std::uint32_t>(axes.size() - 1 - i);
    return TensorExpr::transpose(std::move(value), std::move(axes));
}

}  // namespace ballast::npy
