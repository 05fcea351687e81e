// SPDX-License-Identifier: Apache-2.0
// What lookup tables are filled with when TensorFlow loads a SavedModel: constants, found along the object
// graph and read, where TensorFlow runs a function. Values and pure functions. Source of the fields:
// TensorFlow's saved_object_graph.proto, graph.proto and tensor.proto; the way from a table to its constants
// was read off SavedModels of tf_keras.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/limits.h"
#include "container/proto/object_graph.h"

namespace ballast::proto {

/// A list of one of the two types that tables have.
struct TableColumn {
    bool is_text = false;
    std::vector<std::string> words;
    std::vector<std::int64_t> numbers;
    std::size_t size() const noexcept { return is_text ? words.size() : numbers.size(); }
};

/// keys[i] is found as values[i]; of one length.
struct SavedTable {
    TableColumn keys, values;
};

struct SavedTables {
    std::vector<std::vector<ObjectReference>> children;  ///< by node of the object graph
    std::map<std::uint32_t, SavedTable> tables;          ///< by the table's node
};

/// The tables that constants fill; others are left out. Errors: damaged, limit_exceeded (nodes over
/// Limits::objects).
SavedTables read_saved_tables(std::string_view message, const Limits& limits);

}  // namespace ballast::proto
