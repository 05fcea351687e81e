// SPDX-License-Identifier: Apache-2.0
// The compact records a Builder keeps of what it was told, and the small containers that hold them.
//
// A file of 100,000 tensors is 300,000 objects, so every record is a few words and strings live in one arena.
// While a file is described one thread owns the Description; once laid out it is constant and shared by the
// producing threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ballast/model.h"
#include "ballast/plan.h"

namespace ballast::hdf5::writer {

inline constexpr std::uint32_t none = 0xffffffff;

/// Keeps copies of strings at fixed addresses until it is destroyed.
class Arena {
public:
    const char* store(std::string_view text);

private:
    std::vector<std::unique_ptr<char[]>> blocks_;
    char* next_ = nullptr;
    std::size_t room_ = 0;
};

/// A hash set of record numbers: four bytes a slot. The records hold the keys; the caller hashes and compares
/// them.
class NumberSet {
public:
    /// The number for which same(number) holds among those of that hash, or `none`.
    template <class Same>
    std::uint32_t find(std::size_t hash, Same same) const {
        if (slots_.empty()) return none;
        for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
            if (slots_[at] == none || same(slots_[at])) return slots_[at];
        }
    }
    /// Adds a number that is not in the set; hash_of(number) is asked when the table grows.
    template <class HashOf>
    void insert(std::uint32_t number, HashOf hash_of) {
        if (4 * (count_ + 1) > 3 * slots_.size()) grow(hash_of);
        place(number, hash_of(number));
        ++count_;
    }
    void release() noexcept {
        slots_ = {};
        count_ = 0;
    }

private:
    std::size_t mask() const noexcept { return slots_.size() - 1; }
    void place(std::uint32_t number, std::size_t hash) {
        std::size_t at = hash & mask();
        while (slots_[at] != none)
            at = (at + 1) & mask();
        slots_[at] = number;
    }
    template <class HashOf>
    void grow(HashOf hash_of) {
        std::vector<std::uint32_t> old(slots_.empty() ? 16 : slots_.size() * 2, none);
        old.swap(slots_);
        for (std::uint32_t number : old) {
            if (number != none) place(number, hash_of(number));
        }
    }
    std::vector<std::uint32_t> slots_;
    std::size_t count_ = 0;
};

/// A group or a dataset.
struct ObjectRecord {
    const char* name = nullptr;
    std::uint64_t address = 0;  ///< of the object header; set by lay_out()
    std::uint32_t name_length = 0;
    std::uint32_t parent = 0;
    std::uint32_t first_child = 0;  ///< position in Description::children; set by lay_out()
    std::uint32_t child_count = 0;
    std::uint32_t heap_offset = 0;  ///< of the name in the parent's local heap; set by lay_out()
    std::uint32_t header_size = 0;  ///< whole object header; grows with every attribute
    std::uint32_t first_attribute = none;
    std::uint32_t last_attribute = none;
    std::uint32_t dataset = none;  ///< position in Description::datasets; none for a group
    std::uint16_t message_count = 0;

    std::string_view label() const noexcept { return {name, name_length}; }
    bool is_group() const noexcept { return dataset == none; }
};

struct DatasetRecord {
    TensorExpr value;
    std::uint64_t data_address = 0;  ///< format::undefined when there are no elements; set by lay_out(). Of a
                                     ///< chunked one: of its index
    std::shared_ptr<const ChunkedTarget> chunked;  ///< null: contiguous
};

/// What equal attributes of several objects share: the encoded message up to the data.
struct AttributeForm {
    std::string_view prefix;         ///< message header, attribute header, name, type and space, each padded
    std::uint32_t message_size = 0;  ///< with the message header and all padding
    std::uint32_t data_size = 0;
    std::uint32_t name = 0;  ///< equal numbers = equal attribute names
    bool strings = false;    ///< the data are references to heap strings
};

struct AttributeRecord {
    std::uint32_t form = 0;
    std::uint32_t next = none;  ///< next attribute of the same object
    union {
        const char* data;            ///< data_size bytes, when the form has no strings
        std::uint64_t first_string;  ///< else the first of data_size / 16 consecutive HeapStrings
    };
};

/// A string kept in the file's global heap.
struct HeapString {
    const char* text = nullptr;
    std::uint32_t length = 0;
};

/// One global heap collection: consecutive strings from `first_string` on, object indices from 1.
struct Collection {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    std::uint64_t first_string = 0;
};

struct Description {
    Arena arena;
    std::deque<ObjectRecord> objects;
    std::deque<DatasetRecord> datasets;
    std::deque<AttributeRecord> attributes;
    std::deque<HeapString> strings;
    std::vector<AttributeForm> forms;
    std::unordered_map<std::string_view, std::uint32_t> form_numbers;  ///< by prefix
    std::unordered_map<std::string_view, std::uint32_t> name_numbers;  ///< attribute names

    // Only while the file is described.
    NumberSet objects_by_name;
    std::unordered_set<std::uint64_t>
        crowded_names;  ///< object << 32 | name, of objects with many attributes

    // Set by lay_out().
    std::vector<std::uint32_t> children;  ///< object numbers, group by group, sorted by name bytes
    std::vector<std::uint32_t> order;     ///< object numbers by address
    std::vector<Collection> collections;  ///< by address
    std::uint64_t structure_end = 0;      ///< where the structure stops and raw data may begin
    std::uint64_t file_end = 0;

    /// "/a/b" for messages.
    std::string path_of(std::uint32_t object) const;
};

}  // namespace ballast::hdf5::writer
