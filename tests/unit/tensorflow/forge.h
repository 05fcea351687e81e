// SPDX-License-Identifier: Apache-2.0
// Checkpoints made by hand, right or wrong, in a file system in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ballast/archive.h"
#include "container/proto/bundle_messages.h"
#include "container/table/table.h"
#include "container/table/varint.h"
#include "io/checksum.h"
#include "support/memory_file.h"

namespace ballast::test {

inline std::uint32_t masked_crc(std::string_view bytes) {
    return table::mask(io::crc32c(std::as_bytes(std::span(bytes))));
}

/// A checkpoint of one float32 tensor `t` of shape (2, 2), to be broken.
struct Forged {
    std::string header = proto::write_header({1, 0, 0});
    std::string data = std::string("abcdefghijklmnop");
    std::map<std::string, std::string> entries;
    std::map<std::string, std::string> files;  ///< beside the two

    Forged() { set("t", entry()); }

    proto::BundleEntry entry() const {
        proto::BundleEntry entry;
        entry.dtype = 1;
        entry.dims = {2, 2};
        entry.size = 16;
        entry.crc = masked_crc(data);
        return entry;
    }
    void set(const std::string& key, const proto::BundleEntry& entry) {
        entries[key] = proto::write_entry(entry);
    }

    std::string index() const {
        table::Writer writer;
        writer.add("", header);
        for (const auto& [key, value] : entries)
            writer.add(key, value);
        const auto bytes = writer.finish();
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    Location place(const std::string& index_bytes) const {
        Location location{io::memory(), "p", Location::Kind::prefix};
        add_file(location, "p.index", index_bytes);
        add_file(location, "p.data-00000-of-00001", data);
        for (const auto& [name, bytes] : files)
            add_file(location, name, bytes);
        return location;
    }
    Location place() const { return place(index()); }
};

/// Opens it and reads every tensor.
inline std::map<std::string, std::string> read_all(const Location& location, OpenOptions options = {}) {
    const auto archive = open(location, options);
    std::map<std::string, std::string> values;
    for (std::size_t i = 0; i < archive->index().size(); ++i) {
        const TensorInfo& tensor = archive->index().tensors()[i];
        std::string bytes(static_cast<std::size_t>(tensor.byte_count()), '\0');
        archive->read(i, std::as_writable_bytes(std::span(bytes)));
        values.emplace(tensor.stored_name, std::move(bytes));
    }
    return values;
}

/// A table of one block with these contents, its checksum right.
inline std::string raw_table(std::string block, char type = 0) {
    const auto stored = [](std::string contents, char kind) {
        contents.push_back(kind);
        table::put_fixed32(contents, masked_crc(contents));
        return contents;
    };
    std::string file = stored(block, type);
    const std::size_t size = block.size(), meta = file.size();
    const std::string empty("\0\0\0\0\1\0\0\0", 8);
    file += stored(empty, 0);
    std::string handle;
    table::put_varint(handle, 0);
    table::put_varint(handle, size);
    std::string index("\0\1", 2);
    index.push_back(static_cast<char>(handle.size()));
    index += "z" + handle + empty;
    const std::size_t at = file.size();
    file += stored(index, 0);
    std::string footer;
    for (const std::size_t number : {meta, empty.size(), at, index.size()})
        table::put_varint(footer, number);
    footer.resize(40, '\0');
    return file + footer + std::string("\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
}

}  // namespace ballast::test
