// SPDX-License-Identifier: Apache-2.0
// The LZF compression of h5py.
//
// A stream is a row of tokens. A byte below 32 begins that many literal bytes plus one. Any other begins a
// repetition: its high three bits are a length (7: the next byte is added), its low five with one byte more a
// distance; length + 2 bytes are copied from distance + 1 bytes before, and may overlap what they write.
#include <cstring>

#include "ballast/error.h"
#include "core/checked.h"
#include "filter/filters.h"

namespace ballast::filter {

namespace {

constexpr unsigned first_repetition = 32, longest_short = 7;
/// The longest repetition, of 264 bytes, takes three bytes.
constexpr std::uint64_t largest_ratio = 88;

[[noreturn]] void broken(const char* what) {
    throw Error(ErrorCode::damaged, std::string("a chunk is no valid LZF stream: ") + what);
}

class Reader {
public:
    explicit Reader(std::span<const std::byte> stored) : rest_(stored) {}
    bool done() const noexcept { return rest_.empty(); }
    unsigned byte() { return std::to_integer<unsigned>(take(1)[0]); }
    std::span<const std::byte> take(std::size_t count) {
        if (count > rest_.size()) broken("it ends within a token");
        const auto taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }

private:
    std::span<const std::byte> rest_;
};

void repeat(std::byte* to, std::size_t distance, std::size_t length) noexcept {
    const std::byte* from = to - distance;
    if (distance >= length) {
        std::memcpy(to, from, length);
    } else if (distance == 1) {
        std::memset(to, std::to_integer<int>(*from), length);
    } else {
        for (std::size_t i = 0; i < length; ++i)
            to[i] = from[i];
    }
}

}  // namespace

std::uint64_t largest_from_lzf(std::uint64_t stored) noexcept {
    return checked_multiply(stored, largest_ratio).value_or(UINT64_MAX);
}

std::size_t expand_lzf(std::span<const std::byte> stored, std::span<std::byte> out) {
    Reader in(stored);
    std::size_t written = 0;
    while (!in.done()) {
        const unsigned control = in.byte();
        std::size_t length = control < first_repetition ? control + 1 : control >> 5;
        if (control >= first_repetition) {
            if (length == longest_short) length += in.byte();
            length += 2;
        }
        if (length > out.size() - written) broken("it gives more than its shape has bytes");
        if (control < first_repetition) {
            std::memcpy(out.data() + written, in.take(length).data(), length);
        } else {
            const std::size_t distance = ((control & 31U) << 8U | in.byte()) + 1;
            if (distance > written) broken("it refers to what is before its beginning");
            repeat(out.data() + written, distance, length);
        }
        written += length;
    }
    return written;
}

}  // namespace ballast::filter
