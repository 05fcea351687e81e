// SPDX-License-Identifier: Apache-2.0
// Walking version 2 B-trees.
#include "container/hdf5/parse_btree2.h"

#include <array>
#include <bit>
#include <vector>

#include "container/hdf5/read_checksum.h"
#include "core/checked.h"

namespace ballast::hdf5 {

namespace {

constexpr std::string_view header_name = "a version 2 B-tree", node_name = "a version 2 B-tree node";
constexpr std::size_t node_overhead = 10;  // signature, version, type, checksum
constexpr int deepest = 64;

/// Bytes that hold numbers up to `value`.
std::size_t bytes_for(std::uint64_t value) {
    return static_cast<std::size_t>(std::bit_width(value) + 7) / 8;
}

/// How many records a node of a level may hold, and how its child pointers are encoded.
struct Level {
    std::uint64_t most = 0;   ///< records in one node
    std::uint64_t total = 0;  ///< records in a full subtree
    std::size_t total_width =
        0;  ///< bytes of a subtree's count; 0 for leaves, whose count is in the node pointer
};

class Tree2 {
public:
    Tree2(Metadata& metadata, format::Tree2Type type, std::size_t record_size, const RecordVisitor& visit)
        : metadata_(metadata), type_(type), record_size_(record_size), visit_(visit) {}

    void read(std::uint64_t position) {
        const std::size_t o = metadata_.geometry.offset_size, l = metadata_.geometry.length_size;
        const auto bytes = metadata_.read(position, 16 + o + 2 + l + 4, buffer_, header_name);
        Cursor cursor(bytes, position, header_name);
        cursor.expect(format::btree2_header);
        verify_checksum(bytes, position, header_name);
        expect_type(cursor);
        const std::uint64_t node_size = cursor.u32();
        if (cursor.u16() != record_size_) cursor.fail("has records of another size than its type");
        const int depth = cursor.u16();
        cursor.skip(2);  // split and merge percentages
        const std::uint64_t root = metadata_.address(cursor);
        const std::uint64_t root_records = cursor.u16();
        const std::uint64_t total = metadata_.length(cursor);
        if (node_size < node_overhead + record_size_) cursor.fail("has nodes too small for a record");
        if (depth > deepest) cursor.fail("is deeper than 64 levels");
        plan_levels(node_size, depth);
        if (root == format::undefined) {
            if (total != 0) cursor.fail("has records and no root");
            return;
        }
        pending_.push_back({root, root_records, depth});
        while (!pending_.empty()) {
            const Node node = pending_.back();
            pending_.pop_back();
            if (!seen_.insert(node.position)) {
                throw Error(ErrorCode::damaged, "HDF5: two version 2 B-tree nodes have one child")
                    .at(node.position);
            }
            read_node(node);
        }
        if (visited_ != total) cursor.fail("has another number of records than it says");
    }

private:
    struct Node {
        std::uint64_t position, records;
        int level;
    };

    void expect_type(Cursor& cursor) const {
        if (const int version = cursor.u8(); version != 0)
            cursor.unsupported("has version " + std::to_string(version));
        if (cursor.u8() != static_cast<std::uint8_t>(type_)) cursor.fail("has another type than its use");
    }

    std::size_t pointer_size(int level) const {
        return metadata_.geometry.offset_size + count_width_ +
               levels_[static_cast<std::size_t>(level - 1)].total_width;
    }

    void plan_levels(std::uint64_t node_size, int depth) {
        Level leaf;
        leaf.most = leaf.total = (node_size - node_overhead) / record_size_;
        count_width_ = bytes_for(leaf.most);
        levels_.assign(1, leaf);
        for (int level = 1; level <= depth; ++level) {
            const std::size_t pointer = pointer_size(level);
            if (node_size < node_overhead + pointer) break;  // such a level is refused when it is met
            Level next;
            next.most = (node_size - node_overhead - pointer) / (record_size_ + pointer);
            const auto total = checked_multiply(next.most + 1, levels_.back().total);
            next.total = total && *total <= UINT64_MAX - next.most ? *total + next.most : UINT64_MAX;
            next.total_width = bytes_for(next.total);
            levels_.push_back(next);
        }
    }

    void read_node(Node node) {
        if (static_cast<std::size_t>(node.level) >= levels_.size() ||
            node.records > levels_[static_cast<std::size_t>(node.level)].most) {
            throw Error(ErrorCode::damaged, "HDF5: a version 2 B-tree node holds more records than fit")
                .at(node.position);
        }
        const std::size_t pointer = node.level == 0 ? 0 : pointer_size(node.level);
        const std::uint64_t length = node_overhead + node.records * record_size_ +
                                     (node.level == 0 ? 0 : (node.records + 1) * pointer);
        std::vector<std::byte> buffer;
        const auto bytes = metadata_.read(node.position, length, buffer, node_name);
        Cursor cursor(bytes, node.position, node_name);
        cursor.expect(node.level == 0 ? format::btree2_leaf : format::btree2_internal);
        verify_checksum(bytes, node.position, node_name);
        expect_type(cursor);
        const auto records = cursor.take(node.records * record_size_);
        for (std::size_t i = 0; node.level != 0 && i <= node.records; ++i) {
            Node child{metadata_.defined_address(cursor), cursor.number(count_width_), node.level - 1};
            if (node.level > 1) cursor.skip(pointer - metadata_.geometry.offset_size - count_width_);
            pending_.push_back(child);
        }
        for (std::size_t i = 0; i < node.records; ++i, ++visited_) {
            visit_(records.subspan(i * record_size_, record_size_), node.position + 6 + i * record_size_);
        }
    }

    Metadata& metadata_;
    format::Tree2Type type_;
    std::size_t record_size_;
    const RecordVisitor& visit_;
    std::size_t count_width_ = 1;
    std::vector<Level> levels_;
    std::vector<std::byte> buffer_;
    std::vector<Node> pending_;
    PositionSet seen_;
    std::uint64_t visited_ = 0;
};

}  // namespace

void for_each_record(Metadata& metadata, std::uint64_t position, format::Tree2Type type,
                     std::size_t record_size, const RecordVisitor& visit) {
    Tree2(metadata, type, record_size, visit).read(position);
}

}  // namespace ballast::hdf5
