// SPDX-License-Identifier: Apache-2.0
// Protocol buffers by protozero, with its exceptions made typed errors. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "ballast/error.h"

namespace ballast::proto {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

/// Runs `parse`, which reads messages; what protozero finds wrong becomes `damaged`: "<what> <reason>".
template <class Parse>
auto guarded(std::string_view what, Parse parse) {
    try {
        return parse();
    } catch (const protozero::exception& broken) {
        throw Error(ErrorCode::damaged, std::string(what) + " is no good message: " + broken.what());
    }
}

/// The field's value as a number, whatever integer type it was declared as; skips it and gives `otherwise`
/// when it has another wire type.
inline std::uint64_t number(Reader& message, std::uint64_t otherwise = 0) {
    if (message.wire_type() == protozero::pbf_wire_type::varint) return message.get_uint64();
    message.skip();
    return otherwise;
}

/// The message that these bytes are; they must outlive it.
inline Reader message_in(std::string_view bytes) {
    return Reader(bytes.data(), bytes.size());
}

/// The field's bytes; skips it and gives none when it has another wire type.
inline std::string_view bytes(Reader& message) {
    if (message.wire_type() != protozero::pbf_wire_type::length_delimited) {
        message.skip();
        return {};
    }
    const auto view = message.get_view();
    return {view.data(), view.size()};
}

}  // namespace ballast::proto
