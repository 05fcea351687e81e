// SPDX-License-Identifier: Apache-2.0
// Python's format mini-language, see format_spec.h and Python's "Format Specification Mini-Language".
#include "checkpoint/format_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "ballast/error.h"

namespace ballast {
namespace {

constexpr std::size_t most_digits = 10'000;  // of a width or a precision

struct Spec {
    std::string fill = " ";  ///< one character, in UTF-8
    char align = 0;
    char sign = '-';
    bool positive_zero = false;  ///< z
    bool alternate = false;      ///< #
    std::size_t width = 0;
    char grouping = 0;
    std::optional<std::size_t> precision;
    char type = 0;
};

Error bad(std::string_view spec, const std::string& why) {
    return Error(ErrorCode::invalid_argument, "the format '" + std::string(spec) + "': " + why)
        .hint("use Python's format mini-language, as in {epoch:02d} or {val_loss:.2f}");
}

std::size_t utf8_length(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.empty() ? 0 : text[0]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    return std::min(length, text.size());
}

bool is_align(char c) {
    return c == '<' || c == '>' || c == '^' || c == '=';
}

/// Reads the parts of a spec from left to right.
class SpecParser {
public:
    explicit SpecParser(std::string_view text) : text_(text), rest_(text) {}

    Spec parse() {
        Spec spec;
        const std::size_t first = utf8_length(rest_);
        bool zero_fill = false;
        if (rest_.size() > first && is_align(rest_[first])) {
            spec.fill = rest_.substr(0, first);
            zero_fill = true;  // a fill of its own wins
            rest_.remove_prefix(first);
        }
        if (!rest_.empty() && is_align(rest_.front())) spec.align = take();
        if (!rest_.empty() && (rest_.front() == '+' || rest_.front() == '-' || rest_.front() == ' '))
            spec.sign = take();
        spec.positive_zero = skip('z');
        spec.alternate = skip('#');
        if (!rest_.empty() && rest_.front() == '0') {
            take();
            if (!zero_fill) spec.fill = "0";
            if (spec.align == 0) spec.align = '=';
        }
        spec.width = number().value_or(0);
        if (!rest_.empty() && (rest_.front() == ',' || rest_.front() == '_')) spec.grouping = take();
        if (skip('.')) {
            spec.precision = number();
            if (!spec.precision) throw bad(text_, "a precision is missing");
        }
        if (!rest_.empty()) spec.type = take();
        if (!rest_.empty()) throw bad(text_, "it is not valid");
        return spec;
    }

private:
    char take() {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }
    bool skip(char wanted) {
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::optional<std::size_t> number() {
        std::size_t value = 0;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (end == rest_.data()) return std::nullopt;
        if (error != std::errc() || value > most_digits) throw bad(text_, "a number in it is too large");
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

    std::string_view text_, rest_;
};

/// A number in parts, to be grouped and padded.
struct Parts {
    std::string sign;    ///< with "0x" and the like behind it
    std::string digits;  ///< before the point
    std::string rest;    ///< ".25", "e-05", "%"
    std::size_t group = 3;
    bool finite = true;
};

std::string sign_of(bool negative, char wanted) {
    if (negative) return "-";
    return wanted == '-' ? "" : std::string(1, wanted);
}

/// Separators between groups, and zeros in front until there are `width` characters in all.
std::string grouped(std::string digits, char separator, std::size_t group, std::size_t width) {
    if (separator == 0) {
        if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
        return digits;
    }
    std::string result;
    std::size_t count = 0;
    for (std::size_t i = digits.size(); i > 0 || result.size() < width;) {
        if (count > 0 && count % group == 0) result += separator;
        result += i > 0 ? digits[--i] : '0';
        ++count;
    }
    std::reverse(result.begin(), result.end());
    return result;
}

std::string assemble(const Parts& parts, const Spec& spec) {
    const char align = spec.align == 0 ? '>' : spec.align;
    const std::size_t around = parts.sign.size() + parts.rest.size();
    const bool zeros = align == '=' && spec.fill == "0" && parts.finite;
    const std::size_t inner = zeros && spec.width > around ? spec.width - around : 0;
    const std::string digits =
        parts.finite ? grouped(parts.digits, spec.grouping, parts.group, inner) : parts.digits;
    const std::size_t length = around + digits.size();
    std::size_t missing = spec.width > length ? spec.width - length : 0;
    const auto fill = [&](std::size_t count) {
        std::string text;
        while (count-- > 0)
            text += spec.fill;
        return text;
    };
    if (align == '=') return parts.sign + fill(missing) + digits + parts.rest;
    const std::size_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    return fill(before) + parts.sign + digits + parts.rest + fill(missing - before);
}

/// The double as text, by a printf conversion, whatever the locale's decimal point.
std::string print(double value, std::size_t precision, char conversion, bool alternate) {
    const std::array<char, 6> format = alternate ? std::array<char, 6>{'%', '#', '.', '*', conversion, 0}
                                                 : std::array<char, 6>{'%', '.', '*', conversion, 0, 0};
    std::string text(400 + precision, '\0');
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const int size =
        std::snprintf(text.data(), text.size(), format.data(), static_cast<int>(precision), value);
#pragma GCC diagnostic pop
    text.resize(static_cast<std::size_t>(size));
    std::replace(text.begin(), text.end(), ',', '.');
    return text;
}

/// The decimal exponent of the value when it is rounded to so many digits.
int exponent_of(double value, std::size_t digits) {
    const std::string text = print(value, digits > 0 ? digits - 1 : 0, 'e', false);
    return std::atoi(text.c_str() + text.find('e') + 1);
}

/// Without trailing zeros behind the point, and without a point at the end.
void strip_zeros(std::string& mantissa) {
    if (mantissa.find('.') == std::string::npos) return;
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.back() == '.') mantissa.pop_back();
}

/// "1e+22" with a point when it was asked for: "1.e+22".
std::string scientific(std::string mantissa, std::string_view exponent, bool alternate) {
    if (alternate && mantissa.find('.') == std::string::npos) mantissa += '.';
    return mantissa + std::string(exponent);
}

/// Python's repr(): the fewest digits that say which double it is.
std::string shortest(double value, bool alternate) {
    constexpr int fixed_below = 16, fixed_from = -4;
    std::array<char, 40> buffer{};
    const auto write = [&](std::chars_format format) {
        const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
        return std::string(buffer.data(), end);
    };
    const std::string text = write(std::chars_format::scientific);
    const std::size_t e = text.find('e');
    const int exponent = std::atoi(text.c_str() + e + 1);
    if (exponent < fixed_from || exponent >= fixed_below)
        return scientific(text.substr(0, e), std::string_view(text).substr(e), alternate);
    std::string result = write(std::chars_format::fixed);
    if (result.find('.') == std::string::npos) result += ".0";
    return result;
}

/// A type left out, with a precision: as 'g', but a number stays one with a point.
std::string with_point(double value, std::size_t precision, bool alternate) {
    const int digits = std::max(static_cast<int>(precision), 1);
    const int exponent = value == 0 ? 0 : exponent_of(value, static_cast<std::size_t>(digits));
    if (exponent < -4 || exponent + 1 >= digits) {
        const std::string text = print(value, static_cast<std::size_t>(digits - 1), 'e', false);
        const std::size_t e = text.find('e');
        std::string mantissa = text.substr(0, e);
        if (!alternate) strip_zeros(mantissa);
        return scientific(std::move(mantissa), std::string_view(text).substr(e), alternate);
    }
    std::string text = print(value, static_cast<std::size_t>(digits - 1 - exponent), 'f', false);
    if (!alternate) strip_zeros(text);
    if (text.find('.') == std::string::npos) text += ".0";
    return text;
}

/// The absolute value's text.
std::string digits_of(double value, const Spec& spec, std::string_view text) {
    constexpr std::size_t usual = 6;
    switch (spec.type) {
        case 0:
            if (spec.precision) return with_point(value, *spec.precision, spec.alternate);
            return shortest(value, spec.alternate);
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G':
            return print(value, spec.precision.value_or(usual), spec.type, spec.alternate);
        case 'n':
            return print(value, spec.precision.value_or(usual), 'g', spec.alternate);
        case '%':
            return print(value * 100, spec.precision.value_or(usual), 'f', spec.alternate) + '%';
        default:
            throw bad(text, std::string("the type '") + spec.type + "' is not one of a float");
    }
}

Parts integer_parts(std::int64_t value, const Spec& spec, std::string_view text) {
    int base = 10;
    std::string prefix;
    switch (spec.type) {
        case 'b':
            base = 2;
            prefix = "0b";
            break;
        case 'o':
            base = 8;
            prefix = "0o";
            break;
        case 'x':
        case 'X':
            base = 16;
            prefix = std::string("0") + spec.type;
            break;
        case 0:
        case 'd':
        case 'n':
            break;
        default:
            throw bad(text, std::string("the type '") + spec.type + "' is not one of an integer");
    }
    if (base != 10 && spec.grouping == ',') throw bad(text, "',' goes with decimal numbers only");
    const bool negative = value < 0;
    const std::uint64_t magnitude =
        negative ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    std::array<char, 70> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base).ptr;
    Parts parts;
    parts.sign = sign_of(negative, spec.sign) + (spec.alternate ? prefix : "");
    parts.digits.assign(buffer.data(), end);
    if (spec.type == 'X')
        for (char& c : parts.digits)
            c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    parts.group = base == 10 ? 3 : 4;
    return parts;
}

bool is_float_type(char type) {
    return std::string_view("eEfFgG%").find(type) != std::string_view::npos && type != 0;
}

}  // namespace

std::string format_float(double value, std::string_view text) {
    const Spec spec = SpecParser(text).parse();
    if (spec.type == 'n' && spec.grouping != 0) throw bad(text, "grouping does not go with the type 'n'");
    Parts parts;
    std::string digits = std::isnan(value)   ? "nan"
                         : std::isinf(value) ? "inf"
                                             : digits_of(std::fabs(value), spec, text);
    if (!std::isfinite(value)) {
        digits_of(0, spec, text);  // for its errors
        if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G')
            digits = digits == "nan" ? "NAN" : "INF";
        if (spec.type == '%') digits += '%';
        parts.finite = false;
    }
    bool negative = std::signbit(value) && !std::isnan(value);
    if (spec.positive_zero && digits.find_first_of("123456789") == std::string::npos && parts.finite)
        negative = false;
    parts.sign = sign_of(negative, spec.sign);
    const std::size_t end =
        parts.finite ? std::min(digits.find_first_not_of("0123456789"), digits.size()) : digits.size();
    parts.digits = digits.substr(0, end);
    parts.rest = digits.substr(end);
    Spec padded = spec;
    if (!parts.finite && spec.fill == "0" && spec.align == '=') {
        // Python pads these with zeros, too.
        parts.finite = true;
        padded.grouping = 0;
    }
    return assemble(parts, padded);
}

std::string format_integer(std::int64_t value, std::string_view text) {
    const Spec spec = SpecParser(text).parse();
    if (is_float_type(spec.type)) return format_float(static_cast<double>(value), text);
    if (spec.precision) throw bad(text, "an integer has no precision");
    if (spec.positive_zero) throw bad(text, "'z' does not go with an integer");
    if (spec.type == 'n' && spec.grouping != 0) throw bad(text, "grouping does not go with the type 'n'");
    return assemble(integer_parts(value, spec, text), spec);
}

}  // namespace ballast
