// SPDX-License-Identifier: Apache-2.0
// Sizes as people write them.
#include <array>
#include <charconv>
#include <cmath>
#include <string>

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

}  // namespace ballast
