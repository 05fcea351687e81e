// SPDX-License-Identifier: Apache-2.0
// The links of a group, however they are stored: symbol table, link messages in the header, or dense storage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "container/hdf5/parse_header.h"
#include "container/hdf5/parse_local_heap.h"
#include "container/hdf5/read.h"
#include "container/hdf5/read_metadata.h"

namespace ballast::hdf5 {

struct Link {
    std::string name;
    ObjectKind kind =
        ObjectKind::group;  ///< group stands for any hard link; the header there tells what it is
    std::uint64_t address = format::undefined;  ///< of the object header, for hard links
    std::string target;                         ///< of soft links; of external ones "file:path"
};

/// Lists groups. Keeps its buffers between calls. Links come in the order stored; names are checked one by
/// one (length, no empty name, no '/'), not against each other.
class LinkReader {
public:
    explicit LinkReader(Metadata& metadata) : metadata_(metadata), heap_(metadata) {}
    /// Appends the links of the group with this header. At most `most` links, else limit_exceeded.
    void read(const ObjectHeader& header, std::uint64_t most, std::vector<Link>& out);

private:
    struct Node {
        std::uint64_t position;
        int level;  ///< -1 for a symbol node, -2 for the root, whose level is not known yet
    };
    void read_symbol_table(const ObjectHeader& header, const HeaderMessage& message);
    void read_tree_node(Node node);
    void read_symbol_node(std::uint64_t position);
    void read_messages(const ObjectHeader& header);
    void read_dense(const ObjectHeader& header, const HeaderMessage& message);
    void add_message(Cursor cursor);
    void add(std::string_view name, ObjectKind kind, std::uint64_t address, std::uint64_t position,
             std::string target = {});

    Metadata& metadata_;
    std::vector<Link>* out_ = nullptr;
    std::uint64_t most_ = 0;
    LocalHeap heap_;
    std::vector<std::byte> node_;
    std::vector<Node> pending_;
    PositionSet seen_;
};

}  // namespace ballast::hdf5
