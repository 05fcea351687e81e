// SPDX-License-Identifier: Apache-2.0
// Object headers, versions 1 and 2, with their continuations: the list of messages of one object.
//
// An ObjectHeader keeps its buffers when it reads the next object, so walking many objects takes no memory
// each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "container/hdf5/format.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

/// One message; the bytes of its body lie in the header that holds it.
struct HeaderMessage {
    std::uint16_t type = 0;
    std::uint16_t size = 0;
    std::uint8_t flags = 0;
    std::uint32_t offset = 0;    ///< of the body in the header's buffer
    std::uint64_t position = 0;  ///< of the body in the file

    bool shared() const noexcept { return (flags & format::message_flag::shared) != 0; }
};

class ObjectHeader {
public:
    /// Reads the header at a file position. Errors: damaged, truncated, checksum_mismatch, unsupported.
    void read(Metadata& metadata, std::uint64_t position);

    std::uint64_t position() const noexcept { return position_; }
    std::span<const HeaderMessage> messages() const noexcept { return messages_; }
    /// The first message of a type, or nullptr. Types that may occur once do occur at most once.
    const HeaderMessage* find(format::Message type) const noexcept;
    std::span<const std::byte> body(const HeaderMessage& message) const noexcept {
        return std::span(bytes_).subspan(message.offset, message.size);
    }
    Cursor cursor(const HeaderMessage& message, std::string_view structure) const noexcept {
        return {body(message), message.position, structure};
    }
    /// Throws unsupported when the header holds a message that must not be ignored and that we do not know.
    void check_known() const;

private:
    struct Block {
        std::uint64_t position, length;
    };
    void read_v1(Metadata& metadata);
    void read_v2(Metadata& metadata);
    std::span<const std::byte> load(Metadata& metadata, Block block);
    void messages_v1(Metadata& metadata, Block block, std::size_t most);
    void messages_v2(Metadata& metadata, Block block, std::size_t prefix, bool with_order);
    void add(Metadata& metadata, const HeaderMessage& message);

    static constexpr std::uint16_t none = 0xffff;
    std::uint64_t position_ = 0;
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
    std::vector<HeaderMessage> messages_;
    std::array<std::uint16_t, format::message_count> first_{};
    std::vector<Block> pending_;
    PositionSet seen_;
};

}  // namespace ballast::hdf5
