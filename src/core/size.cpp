// SPDX-License-Identifier: Apache-2.0
// Sizes and compressions as people write them.
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string>

#include "ballast/bytes.h"
#include "ballast/error.h"
#include "ballast/options.h"

namespace ballast {
namespace {

struct Unit {
    std::string_view name;
    double bytes;
};

constexpr double kilo = 1000, kibi = 1024;
constexpr std::array units = {
    Unit{"", kibi* kibi* kibi},  // Keras' max_shard_size
    Unit{"b", 1},
    Unit{"kb", kilo},
    Unit{"mb", kilo* kilo},
    Unit{"gb", kilo* kilo* kilo},
    Unit{"tb", kilo* kilo* kilo* kilo},
    Unit{"kib", kibi},
    Unit{"mib", kibi* kibi},
    Unit{"gib", kibi* kibi* kibi},
    Unit{"tib", kibi* kibi* kibi* kibi},
};

}  // namespace

void literals::detail::refuse_size() {
    throw std::out_of_range("a size above 2^63 bytes");
}

std::uint64_t parse_shard_size(std::string_view text) {
    const auto error = [&] {
        return Error(ErrorCode::invalid_argument, "'" + std::string(text) + "' is no size of a shard")
            .hint("write 2GB, 500MB or 1.5GiB; a bare number counts GiB, as in Keras");
    };
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (failure != std::errc()) throw error();
    std::string unit;
    for (const char* c = rest; c != end; ++c) {
        if (*c != ' ') unit += static_cast<char>(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    for (const Unit& known : units) {
        if (known.name != unit) continue;
        const double bytes = std::floor(number * known.bytes);
        constexpr double most = 9223372036854775808.0;
        if (!(bytes >= 1 && bytes < most)) throw error();
        return static_cast<std::uint64_t>(bytes);
    }
    throw error();
}

Compression parse_compression(std::string_view text) {
    Compression compression;
    const std::size_t colon = text.find(':');
    const std::string_view method = text.substr(0, colon);
    const bool known = method == "gzip" || method == "zstd";
    compression.method = method == "gzip" ? Compression::Method::gzip : Compression::Method::zstd;
    bool good = known;
    if (known && colon != std::string_view::npos) {
        const std::string_view number = text.substr(colon + 1);
        int level = 0;
        const auto [rest, failure] = std::from_chars(number.data(), number.data() + number.size(), level);
        good = failure == std::errc() && rest == number.data() + number.size();
        compression.level = level;
    }
    if (good) return compression;
    throw Error(ErrorCode::invalid_argument, "'" + std::string(text) + "' is no compression")
        .hint("write gzip, gzip:9, zstd or zstd:3");
}

}  // namespace ballast
