// SPDX-License-Identifier: Apache-2.0
// Shared messages: bodies that lie elsewhere, in a committed datatype's header or in the heap of shared
// messages.
//
// Keeps the last body of each message type, so one may be in use while another is followed (an attribute
// whose datatype is shared too).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "container/hdf5/format.h"
#include "container/hdf5/parse_fractal_heap.h"
#include "container/hdf5/parse_header.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

class SharedReader {
public:
    explicit SharedReader(Metadata& metadata) : metadata_(metadata) {}

    /// The body of a message of the header, followed where it is shared. Valid until the next message of this
    /// type. Errors: damaged, unsupported.
    Cursor body(const ObjectHeader& header, const HeaderMessage& message, std::string_view structure);
    /// Where the reference under the cursor leads.
    Cursor follow(Cursor& reference, format::Message type, std::string_view structure);
    /// A body in the heap of shared messages.
    Cursor in_heap(std::span<const std::byte> id, std::uint64_t id_position, format::Message type,
                   std::string_view structure);

private:
    struct Index {
        std::uint16_t types = 0;  ///< bit t = messages of type t
        std::uint64_t heap = format::undefined;
        std::unique_ptr<FractalHeap> open;
    };
    void read_table();
    Cursor keep(std::span<const std::byte> bytes, std::uint64_t position, format::Message type,
                std::string_view structure);

    Metadata& metadata_;
    ObjectHeader header_;
    bool table_read_ = false;
    std::vector<Index> indexes_;
    std::array<std::vector<std::byte>, format::message_count> kept_;
};

}  // namespace ballast::hdf5
