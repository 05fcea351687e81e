// SPDX-License-Identifier: Apache-2.0
// Judging graphs, see hazards_graph.h. Source of the rows: TensorFlow's op registry and its SECURITY.md.
#include "analysis/hazards_graph.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "analysis/hazards_config.h"
#include "container/proto/saved_model_ops.h"

namespace ballast {
namespace {

using Level = Hazard::Level;

struct OpRule {
    std::string_view start;  ///< of the operation's name
    Level level;
    std::string_view rule, text;
    bool saving = false;  ///< what every SavedModel has in its functions for saving and restoring
};
constexpr std::array rows = {
    OpRule{"ReadFile", Level::danger, rule::file_operation, "reads a file whose name the graph chooses"},
    OpRule{"WriteFile", Level::danger, rule::file_operation, "writes a file whose name the graph chooses"},
    OpRule{"WholeFileReader", Level::danger, rule::file_operation, "reads files"},
    OpRule{"MatchingFiles", Level::danger, rule::file_operation, "lists the names of files"},
    OpRule{"ImmutableConst", Level::danger, rule::file_operation, "maps a file into memory"},
    OpRule{"TFRecord", Level::danger, rule::file_operation, "reads files"},
    OpRule{"TextLine", Level::danger, rule::file_operation, "reads files"},
    OpRule{"FixedLengthRecord", Level::danger, rule::file_operation, "reads files"},
    OpRule{"CSVDataset", Level::danger, rule::file_operation, "reads files"},
    OpRule{"LoadAndRemapMatrix", Level::danger, rule::file_operation, "reads a checkpoint"},
    OpRule{"GenerateVocabRemapping", Level::danger, rule::file_operation, "reads files"},
    OpRule{"DatasetToTFRecord", Level::danger, rule::file_operation, "writes files"},
    OpRule{"SnapshotChunkDataset", Level::danger, rule::file_operation, "reads files"},
    OpRule{"DataService", Level::danger, rule::file_operation, "talks to other machines"},
    OpRule{"RegisterDataset", Level::danger, rule::file_operation, "talks to other machines"},
    OpRule{"LMDB", Level::danger, rule::file_operation, "reads files"},
    OpRule{"SqlDataset", Level::danger, rule::file_operation, "opens a database"},
    OpRule{"SaveDataset", Level::danger, rule::file_operation, "writes files"},
    OpRule{"LoadDataset", Level::danger, rule::file_operation, "reads files"},
    OpRule{"SnapshotDataset", Level::danger, rule::file_operation, "writes and reads files"},
    OpRule{"CacheDataset", Level::trust, rule::file_operation, "may write a file"},
    OpRule{"CreateSummary", Level::danger, rule::file_operation, "writes files"},
    OpRule{"DebugIdentity", Level::danger, rule::file_operation, "sends tensors to an address or a file"},
    OpRule{"DebugNanCount", Level::danger, rule::file_operation, "sends tensors to an address or a file"},
    OpRule{"DebugNumericSummary", Level::danger, rule::file_operation,
           "sends tensors to an address or a file"},
    OpRule{"RpcCall", Level::danger, rule::file_operation, "calls another machine"},
    OpRule{"RpcClient", Level::danger, rule::file_operation, "calls another machine"},
    OpRule{"RpcServer", Level::danger, rule::file_operation, "serves other machines"},
    OpRule{"FileSystemSetConfiguration", Level::danger, rule::file_operation, "configures file systems"},
    OpRule{"PyFunc", Level::danger, rule::python_operation, "calls Python"},
    OpRule{"EagerPyFunc", Level::danger, rule::python_operation, "calls Python"},
    OpRule{"InitializeTableFromTextFile", Level::trust, rule::file_operation, "reads a file of the assets"},
    OpRule{"XlaLaunch", Level::trust, rule::custom_operation, "runs a program compiled by XLA"},
    OpRule{"XlaCustomCall", Level::danger, rule::custom_operation, "calls a function of the running program"},
    OpRule{"TPU", Level::trust, rule::custom_operation, "runs on other hardware, unseen here"},
    OpRule{"Save", Level::danger, rule::file_operation, "writes files", true},
    OpRule{"Restore", Level::danger, rule::file_operation, "reads files", true},
    OpRule{"MergeV2Checkpoints", Level::danger, rule::file_operation, "writes and deletes files", true},
};

/// TensorFlow's own functions for saving, and the nodes of TensorFlow 1's Saver. Anybody can use the names:
/// what they do to files is what saving does.
bool saves(const proto::GraphNode& node) {
    const std::string_view function = node.function;
    return function.starts_with("__inference__traced_save") ||
           function.starts_with("__inference__traced_restore") ||
           (function.empty() && node.name.starts_with("save"));
}

std::string place(std::string_view where, const proto::GraphNode& node) {
    std::string text(where);
    text += node.function.empty() ? ": graph" : ": function " + std::string(node.function);
    return text + ", node " + std::string(node.name) + " (" + std::string(node.op) + ")";
}

/// The row that names an operation; SaveV2 begins with Save, SaveDataset with SaveDataset.
const OpRule* row_of(std::string_view op) {
    constexpr std::string_view young = "Experimental";
    if (op.starts_with(young)) op.remove_prefix(young.size());
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const OpRule& row) { return op.starts_with(row.start); });
    return found == rows.end() ? nullptr : &*found;
}

}  // namespace

void judge_graph(GraphFile kind, std::string_view bytes, std::string_view where, const Limits& limits,
                 std::vector<Hazard>& found) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    const auto add = [&](const proto::GraphNode& node, Level level, std::string_view rule, std::string text) {
        if (!seen.emplace(node.function, node.op).second) return;
        found.push_back({level, rule, place(where, node), std::move(text)});
    };
    const auto judge = [&](const proto::GraphNode& node) {
        // What PrintV2 and DecodeProtoV2 name: "stderr" and "local://" are no files.
        if (node.outside.find("://") != std::string_view::npos && node.outside != "local://" &&
            !node.outside.starts_with("bytes://"))
            return add(node, Level::danger, rule::file_operation, "uses " + std::string(node.outside));
        if (const OpRule* row = row_of(node.op); row != nullptr && !(row->saving && saves(node)))
            return add(node, row->level, row->rule, std::string(row->text));
        if (node.op.find('>') != node.op.npos)
            add(node, Level::trust, rule::custom_operation,
                "is none of TensorFlow's own operations: a library must bring it");
    };
    if (kind == GraphFile::frozen) return proto::for_each_graph_node(bytes, limits, judge);
    proto::for_each_node(bytes, limits, judge);
    for (const std::string_view name : proto::asset_names(bytes, limits))
        if (leaves_folder(name))
            found.push_back({Level::danger, rule::path_name,
                             std::string(where) + ": asset " + std::string(name),
                             "the asset's name leaves the folder"});
}

}  // namespace ballast
