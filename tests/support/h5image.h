// SPDX-License-Identifier: Apache-2.0
// Image: bytes of a made-up HDF5 file, put together structure by structure with their checksums; and
// repairing the checksums of a changed file, so that hostile values get past them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "container/hdf5/read_checksum.h"
#include "support/bytes.h"

namespace ballast::test {

inline void store(Bytes& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
    if (bytes.size() < at + width) bytes.resize(at + width);
    for (std::size_t i = 0; i < width; ++i)
        bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

class Image {
public:
    Bytes bytes;

    /// Continues at a position, filling up with zeros.
    Image& at(std::size_t position) {
        start_ = at_ = position;
        if (bytes.size() < position) bytes.resize(position);
        return *this;
    }
    Image& text(std::string_view text) {
        for (const char c : text)
            number(static_cast<unsigned char>(c), 1);
        return *this;
    }
    Image& number(std::uint64_t value, std::size_t width) {
        store(bytes, at_, value, width);
        at_ += width;
        return *this;
    }
    Image& address(std::uint64_t value) { return number(value, 8); }
    Image& undefined() { return number(UINT64_MAX, 8); }
    /// The checksum of everything since at().
    Image& checksum() {
        const auto sum = hdf5::lookup3(std::span(bytes).subspan(start_, at_ - start_));
        return number(sum, 4);
    }
    std::size_t position() const noexcept { return at_; }

private:
    std::size_t start_ = 0, at_ = 0;
};

/// The checksummed structures of a sound file.
class Checksums {
public:
    explicit Checksums(const Bytes& sound) {
        constexpr std::string_view signatures[] = {"OHDR", "OCHK", "BTHD", "BTLF", "BTIN",
                                                   "FRHP", "FHIB", "FAHD", "FADB", "EAHD",
                                                   "EAIB", "EASB", "EADB", "SMTB", "\x89HDF\r\n\x1a\n"};
        const std::string_view text(reinterpret_cast<const char*>(sound.data()), sound.size());
        for (const std::string_view signature : signatures) {
            for (auto at = text.find(signature); at != text.npos; at = text.find(signature, at + 1))
                find_end(sound, at);
        }
    }

    /// Computes them anew. The file keeps its length.
    void repair(Bytes& bytes) const {
        for (const Place& place : places_) {
            const auto sum = hdf5::lookup3(std::span(bytes).subspan(place.begin, place.length));
            store(bytes, place.begin + place.length, sum, 4);
        }
    }
    std::size_t count() const noexcept { return places_.size(); }
    struct Place {
        std::size_t begin, length;  ///< without the checksum itself
    };
    const std::vector<Place>& places() const noexcept { return places_; }

private:
    /// No length is read: the end is where the bytes so far have the checksum that follows.
    void find_end(const Bytes& sound, std::size_t begin) {
        constexpr std::size_t longest = 4096;
        for (std::size_t length = 8; length < longest && begin + length + 4 <= sound.size(); ++length) {
            std::uint32_t stored = 0;
            for (std::size_t i = 0; i < 4; ++i)
                stored |= std::to_integer<std::uint32_t>(sound[begin + length + i]) << (8 * i);
            if (stored != hdf5::lookup3(std::span(sound).subspan(begin, length))) continue;
            places_.push_back({begin, length});
            return;
        }
    }
    std::vector<Place> places_;
};

}  // namespace ballast::test
