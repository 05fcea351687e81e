// SPDX-License-Identifier: Apache-2.0
// The hash of a SavedModel's variables, see fingerprint.h.
#include "container/bundle/fingerprint.h"

#include <algorithm>
#include <utility>

#include "ballast/error.h"
#include "container/proto/wire.h"

namespace ballast::bundle {
namespace {

using Pair = std::pair<std::uint64_t, std::uint64_t>;

constexpr std::uint64_t k0 = 0xc3a5c85c97cb3127ULL, k1 = 0xb492b66fbe98f273ULL, k2 = 0x9ae16a3b2f90404fULL;

/// A little-endian word of 8 or 4 bytes.
std::uint64_t word(std::string_view text, std::size_t at, unsigned bytes = 8) noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i)
        value |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[at + i])) << (8 * i);
    return value;
}

constexpr std::uint64_t rotated(std::uint64_t value, unsigned bits) noexcept {
    return (value >> bits) | (value << (64 - bits));
}

constexpr std::uint64_t mixed(std::uint64_t value) noexcept {
    return value ^ (value >> 47);
}

constexpr std::uint64_t joined(std::uint64_t u, std::uint64_t v, std::uint64_t factor) noexcept {
    return mixed((v ^ mixed((u ^ v) * factor)) * factor) * factor;
}

Pair of_32(std::string_view text, std::size_t at, std::uint64_t a, std::uint64_t b) noexcept {
    const std::uint64_t first = word(text, at), last = word(text, at + 24);
    a += first;
    b = rotated(b + a + last, 21);
    const std::uint64_t c = a;
    a += word(text, at + 8) + word(text, at + 16);
    b += rotated(a, 44);
    return {a + last, b + c};
}

std::uint64_t up_to_16(std::string_view text) noexcept {
    const std::size_t size = text.size();
    if (size >= 8) {
        const std::uint64_t factor = k2 + size * 2, a = word(text, 0) + k2, b = word(text, size - 8);
        return joined(rotated(b, 37) * factor + a, (rotated(a, 25) + b) * factor, factor);
    }
    if (size >= 4) return joined(size + (word(text, 0, 4) << 3), word(text, size - 4, 4), k2 + size * 2);
    if (size == 0) return k2;
    const std::uint64_t y = word(text, 0, 1) + (word(text, size / 2, 1) << 8);
    const std::uint64_t z = size + (word(text, size - 1, 1) << 2);
    return mixed(y * k2 ^ z * k0) * k2;
}

std::uint64_t up_to_32(std::string_view text) noexcept {
    const std::size_t size = text.size();
    const std::uint64_t factor = k2 + size * 2, a = word(text, 0) * k1, b = word(text, 8);
    const std::uint64_t c = word(text, size - 8) * factor, d = word(text, size - 16) * k2;
    return joined(rotated(a + b, 43) + rotated(c, 30) + d, a + rotated(b + k2, 18) + c, factor);
}

std::uint64_t up_to_64(std::string_view text) noexcept {
    const std::size_t size = text.size();
    const std::uint64_t factor = k2 + size * 2, a = word(text, 0) * k2, b = word(text, 8);
    const std::uint64_t c = word(text, size - 8) * factor, d = word(text, size - 16) * k2;
    const std::uint64_t y = rotated(a + b, 43) + rotated(c, 30) + d;
    const std::uint64_t z = joined(y, a + rotated(b + k2, 18) + c, factor);
    const std::uint64_t e = word(text, 16) * factor, f = word(text, 24);
    const std::uint64_t g = (y + word(text, size - 32)) * factor, h = (z + word(text, size - 24)) * factor;
    return joined(rotated(e + f, 43) + rotated(g, 30) + h, e + rotated(f + a, 18) + g, factor);
}

/// What goes from one block of 64 bytes to the next.
struct State {
    std::uint64_t x, y, z;
    Pair v, w;

    void take(std::string_view text, std::size_t at, std::uint64_t factor, std::uint64_t weight) noexcept {
        x = rotated(x + y + v.first + word(text, at + 8), 37) * factor;
        y = rotated(y + v.second + word(text, at + 48), 42) * factor;
        x ^= w.second * weight;
        y += v.first * weight + word(text, at + 40);
        z = rotated(z + w.first, 33) * factor;
        v = of_32(text, at, v.second * factor, x + w.first);
        w = of_32(text, at + 32, z + w.second, y + word(text, at + 16));
        std::swap(z, x);
    }
};

class FingerprintHooks final : public PlanHooks {
public:
    FingerprintHooks(std::shared_ptr<PlanHooks> inner, std::string name, std::string message,
                     std::string index)
        : inner_(std::move(inner)),
          name_(std::move(name)),
          message_(std::move(message)),
          index_(std::move(index)) {}

    std::uint64_t reserve(std::size_t file, std::size_t piece, std::uint64_t length) override {
        return inner_->reserve(file, piece, length);
    }

    Finish finish(const PlanResults& results) override {
        Finish finish = inner_->finish(results);
        const auto made = std::find_if(finish.tail_files.begin(), finish.tail_files.end(),
                                       [&](const auto& file) { return file.name == index_; });
        if (made == finish.tail_files.end())
            throw Error(ErrorCode::internal, "the index whose hash is wanted is not made");
        const std::string_view bytes(reinterpret_cast<const char*>(made->bytes.data()), made->bytes.size());
        const std::string text = with_checkpoint_hash(message_, fingerprint64(bytes));
        const auto raw = std::as_bytes(std::span(text));
        finish.tail_files.push_back({name_, {raw.begin(), raw.end()}});
        return finish;
    }

private:
    std::shared_ptr<PlanHooks> inner_;
    std::string name_, message_, index_;
};

}  // namespace

std::uint64_t fingerprint64(std::string_view text) noexcept {
    const std::size_t size = text.size();
    if (size <= 16) return up_to_16(text);
    if (size <= 32) return up_to_32(text);
    if (size <= 64) return up_to_64(text);
    constexpr std::uint64_t seed = 81, more = 113;
    const std::size_t end = (size - 1) / 64 * 64, rest = (size - 1) % 64;
    State state{seed * k2 + word(text, 0), seed * k1 + more, 0, {}, {}};
    state.z = mixed(state.y * k2 + more) * k2;
    for (std::size_t at = 0; at < end; at += 64)
        state.take(text, at, k1, 1);
    const std::uint64_t factor = k1 + ((state.z & 0xff) << 1);
    state.w.first += rest;
    state.v.first += state.w.first;
    state.w.first += state.v.first;
    state.take(text, size - 64, factor, 9);
    return joined(joined(state.v.first, state.w.first, factor) + mixed(state.y) * k0 + state.z,
                  joined(state.v.second, state.w.second, factor) + state.x, factor);
}

std::string with_checkpoint_hash(std::string_view text, std::uint64_t hash) {
    constexpr protozero::pbf_tag_type hash_tag = 5;
    return proto::guarded("fingerprint.pb", [&] {
        std::string out;
        bool written = false;
        const auto write = [&] {
            if (!written) proto::Writer(out).add_uint64(hash_tag, hash);
            written = true;
        };
        proto::Reader message = proto::message_in(text);
        const char* from = text.data();
        while (message.next()) {
            const auto tag = message.tag();
            if (tag > hash_tag) write();
            message.skip();
            const char* const to = text.data() + (text.size() - message.length());
            if (tag != hash_tag) out.append(from, to);
            if (tag == hash_tag) write();
            from = to;
        }
        write();
        return out;
    });
}

std::shared_ptr<PlanHooks> fingerprint_hooks(std::shared_ptr<PlanHooks> inner, std::string name,
                                             std::string message, std::string index) {
    return std::make_shared<FingerprintHooks>(std::move(inner), std::move(name), std::move(message),
                                              std::move(index));
}

}  // namespace ballast::bundle
