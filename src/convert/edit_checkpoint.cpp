// SPDX-License-Identifier: Apache-2.0
// Edits of TensorFlow checkpoints, see edit_checkpoint.h.
#include "convert/edit_checkpoint.h"

#include <algorithm>
#include <map>
#include <set>

#include "ballast/error.h"
#include "ballast/plan.h"
#include "container/bundle/bundle.h"
#include "container/bundle/locate.h"
#include "container/bundle/write_bundle.h"
#include "container/proto/object_graph.h"
#include "convert/edit_model.h"
#include "convert/transfer.h"
#include "core/text.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_walk.h"

namespace ballast {
namespace {

Error refused(const std::string& from, std::string message) {
    return Error(ErrorCode::invalid_argument, "'" + from + "' cannot be renamed: " + std::move(message))
        .tensor(from)
        .hint("give a name beside the old one, which no other tensor has");
}

/// Splits a path into the part before its last `/` and the part behind it.
std::pair<std::string_view, std::string_view> last_edge(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return {{}, path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

bool is_below(std::string_view name, std::string_view group) {
    return name.size() > group.size() && name.starts_with(group) && name[group.size()] == '/';
}

class CheckpointEditor {
public:
    CheckpointEditor(const Archive& archive, const bundle::Bundle& bundle, const Limits& limits)
        : bundle_(bundle) {
        for (const bundle::Entry& entry : bundle.entries())
            if (entry.key != proto::object_graph_key)
                items_.emplace(entry.key, Item{&entry, {}, tf_graph::stored_name(entry.key)});
        for (const TensorInfo& tensor : archive.index().tensors())
            canonical_.emplace(tensor.stored_name, tensor.name);
        if (const bundle::Entry* stored = bundle.find(proto::object_graph_key))
            graph_ = proto::read_graph(bundle.strings(*stored).at(0), limits);
    }

    std::size_t set(const std::string& name, const TensorExpr& value) {
        Item& item = find(name);
        TensorExpr old(std::make_shared<TensorInfo>(bundle_.tensor(*item.entry)));
        check_edit_fit(value, old, name);
        item.value = value;
        return 1;
    }

    std::size_t remove(const std::string& glob) {
        std::set<std::string, std::less<>> gone;
        for (const auto& [key, item] : items_)
            if (glob_match(glob, item.stored) || glob_match(glob, canonical(item.stored))) gone.insert(key);
        if (gone.empty()) throw not_found(glob);
        for (const std::string& key : gone)
            items_.erase(key);
        for (proto::ObjectNode& node : graph_.nodes) {
            const std::size_t before = node.attributes.size();
            std::erase_if(node.attributes,
                          [&](const auto& attribute) { return gone.contains(attribute.key); });
            if (node.attributes.size() != before) node.has_values = false;
        }
        // A slot of a variable that is gone would be one nobody asks for.
        for (proto::ObjectNode& node : graph_.nodes)
            std::erase_if(node.slots, [&](const proto::SlotReference& slot) {
                return graph_.nodes[slot.slot].attributes.empty();
            });
        graph_changed_ = true;
        return gone.size();
    }

    std::size_t rename(const std::string& from, const std::string& to) {
        if (from == to || from.empty()) return 0;
        const auto parts = split(to, '/');
        if (std::any_of(parts.begin(), parts.end(), [](std::string_view part) { return part.empty(); }))
            throw refused(from, "'" + to + "' is no path of names");
        if (graph_.nodes.empty()) return rename_keys(from, to);
        if (const std::size_t parent = holder_of(last_edge(from).first); parent != none)
            if (proto::ObjectReference* edge = edge_of(parent, last_edge(from).second))
                return rename_edge(parent, *edge, from, to);
        return rename_variables(from, to);
    }

    WritePlan plan(const Location& destination, std::span<const std::string> existing) {
        bundle::Builder builder;
        for (const auto& [key, item] : items_)
            add(builder, key, item);
        if (const bundle::Entry* graph = bundle_.find(proto::object_graph_key)) {
            if (!graph_changed_ && !bundle_.big_endian())
                builder.add_stored(*graph, bundle_.stored(*graph));
            else
                add_graph(builder);
        }
        return builder.plan({destination.name, existing, 0});
    }

private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    struct Item {
        const bundle::Entry* entry = nullptr;
        TensorExpr value;  ///< instead of the stored one
        std::string stored;
    };

    std::string canonical(const std::string& stored) const {
        const auto known = canonical_.find(stored);
        return known == canonical_.end() ? stored : known->second;
    }

    Error not_found(const std::string& name) const {
        return Error(ErrorCode::name_not_found, "there is no tensor '" + name + "'")
            .tensor(name)
            .hint("list the names with `ballast inspect`");
    }

    Item& find(const std::string& name) {
        Item* found = nullptr;
        for (auto& [key, item] : items_)
            if (item.stored == name) found = &item;
        if (found) return *found;
        for (auto& [key, item] : items_) {
            if (canonical(item.stored) != name) continue;
            if (found)
                throw Error(ErrorCode::ambiguous_name, "'" + name + "' names two tensors").tensor(name);
            found = &item;
        }
        if (!found) throw not_found(name);
        return *found;
    }

    /// Changes the keys that `renamed` gives another text for; the number of them.
    template <class Renamed>
    std::size_t change_keys(const std::string& from, Renamed renamed) {
        std::map<std::string, Item, std::less<>> items;
        std::map<std::string, std::string, std::less<>> changed;
        for (auto& [key, item] : items_) {
            std::string fresh = renamed(key);
            if (fresh != key) {
                changed.emplace(key, fresh);
                const std::string stored = tf_graph::stored_name(fresh);
                // Its canonical name is that of its layers, which stays.
                if (const auto known = canonical_.find(item.stored); known != canonical_.end())
                    canonical_.emplace(stored, known->second == item.stored ? stored : known->second);
                item.stored = stored;
            }
            const bool free = items.emplace(std::move(fresh), std::move(item)).second;
            if (!free) throw refused(from, "the new name is taken");
        }
        items_ = std::move(items);
        for (proto::ObjectNode& node : graph_.nodes)
            for (proto::ObjectAttribute& attribute : node.attributes)
                if (const auto found = changed.find(attribute.key); found != changed.end())
                    attribute.key = found->second;
        return changed.size();
    }

    /// Names alone: a tensor and what is below it (its slots), or a group.
    std::size_t rename_keys(const std::string& from, const std::string& to) {
        const std::size_t count = change_keys(from, [&](const std::string& key) {
            if (key == from) return to;
            return is_below(key, from) ? to + key.substr(from.size()) : key;
        });
        if (count == 0) throw not_found(from);
        return count;
    }

    /// The node at a path of edges; none when there is none.
    std::size_t holder_of(std::string_view path) const {
        std::size_t node = 0;
        if (path.empty()) return node;
        for (const std::string_view part : split(path, '/')) {
            const auto& children = graph_.nodes[node].children;
            const auto edge = std::find_if(children.begin(), children.end(), [&](const auto& child) {
                return tf_graph::escape_edge(child.name) == part;
            });
            if (edge == children.end()) return none;
            node = edge->node;
        }
        return node;
    }

    proto::ObjectReference* edge_of(std::size_t node, std::string_view part) {
        auto& children = graph_.nodes[node].children;
        const auto edge = std::find_if(children.begin(), children.end(), [&](const auto& child) {
            return tf_graph::escape_edge(child.name) == part;
        });
        return edge == children.end() ? nullptr : &*edge;
    }

    /// The attribute a program holds the object under; keys of tensors below follow where they are made of
    /// it.
    std::size_t rename_edge(std::size_t parent, proto::ObjectReference& edge, const std::string& from,
                            const std::string& to) {
        if (last_edge(to).first != last_edge(from).first && to.find('/') != std::string::npos)
            throw refused(from, "an object keeps its place in the graph");
        const std::string_view name = last_edge(to).second;
        if (edge_of(parent, name)) throw refused(from, "there is an object of the new name");
        const std::string_view above = last_edge(from).first;
        const std::string path =
            above.empty() ? std::string(name) : std::string(above) + "/" + std::string(name);
        edge.name = tf_graph::unescape_edge(name);
        graph_changed_ = true;
        const std::size_t count = change_keys(from, [&](const std::string& key) {
            return is_below(key, from) ? path + key.substr(from.size()) : key;
        });
        return std::max<std::size_t>(count, 1);
    }

    static std::string flat(std::string name) {
        std::replace(name.begin(), name.end(), '/', '_');
        return name;
    }

    /// Optimizers name their variables after the weights: "Adam/m/conv1/kernel",
    /// "adam/conv1_kernel_momentum".
    static void rename_slot(std::string& full, const std::string& from, const std::string& to) {
        const std::size_t first = full.find('/');
        if (first == std::string::npos) return;
        const std::string_view rest = std::string_view(full).substr(first + 1);
        const std::size_t second = rest.find('/');
        if (second == std::string_view::npos) {
            const std::string old = flat(from) + "_";
            if (rest.starts_with(old)) full.replace(first + 1, old.size(), flat(to) + "_");
            return;
        }
        const std::string_view weight = rest.substr(second + 1);
        if (weight == from || is_below(weight, from)) full.replace(first + second + 2, from.size(), to);
    }

    /// The names that variables have themselves ("conv1/kernel"), which tell layers their names.
    std::size_t rename_variables(const std::string& from, const std::string& to) {
        std::size_t count = 0;
        for (proto::ObjectNode& node : graph_.nodes) {
            for (proto::ObjectAttribute& attribute : node.attributes) {
                std::string& full = attribute.full_name;
                if (full == from || is_below(full, from)) {
                    full.replace(0, from.size(), to);
                    ++count;
                } else {
                    rename_slot(full, from, to);
                }
            }
        }
        if (count == 0) throw not_found(from);
        graph_changed_ = true;
        return count;
    }

    void add(bundle::Builder& builder, const std::string& key, const Item& item) const {
        if (!item.value.empty()) return builder.add(key, item.value);
        bundle::Entry entry = *item.entry;
        const bool text = entry.type->bytes == 0;
        if (text && bundle_.big_endian())
            throw Error(ErrorCode::unsupported, "text of big-endian machines is not written again")
                .tensor(key);
        if (text && entry.type->number == bundle::string_type) bundle_.check_text(entry);
        if (!text && (entry.slices != 0 || entry.assembled || bundle_.big_endian()))
            return builder.add(key, TensorExpr(std::make_shared<TensorInfo>(bundle_.tensor(entry))));
        const Extent stored = bundle_.stored(entry);
        entry.key = key;
        builder.add_stored(entry, stored);
    }

    void add_graph(bundle::Builder& builder) const {
        for (const proto::ObjectNode& node : graph_.nodes)
            if (!node.saver.empty())
                throw Error(ErrorCode::unsupported,
                            "its object graph has an object with a saver of its own ('" + node.saver +
                                "'), which we do not write")
                    .in(bundle_.path())
                    .hint("values can be set, nothing renamed or deleted");
        builder.add_text(std::string(proto::object_graph_key), proto::write_graph(graph_));
    }

    const bundle::Bundle& bundle_;
    std::map<std::string, Item, std::less<>> items_;  ///< by key
    std::map<std::string, std::string, std::less<>> canonical_;
    proto::ObjectGraph graph_;
    bool graph_changed_ = false;
};

}  // namespace

void edit_checkpoint(const Archive& archive, const Location& given, std::span<const Edit> edits,
                     const EditOptions& options, EditResult& result) {
    const auto prefix = bundle::prefix_of(archive.location());
    if (!prefix)
        throw Error(ErrorCode::unsupported, "checkpoints of version 1 are read, not written")
            .in(archive.location().display())
            .hint("convert it first: ballast convert FILE PREFIX --to tf_checkpoint");
    const auto bundle = bundle::Bundle::parse(archive.location().fs, *prefix, options.open.limits);
    CheckpointEditor editor(archive, *bundle, options.open.limits);
    try {
        for (const Edit& edit : edits) {
            if (edit.kind == Edit::Kind::rename) result.renamed += editor.rename(edit.name, edit.new_name);
            if (edit.kind == Edit::Kind::set) result.set += editor.set(edit.name, edit.value);
            if (edit.kind == Edit::Kind::remove) result.removed += editor.remove(edit.name);
        }
    } catch (Error& error) {
        error.in(archive.location().display());
        throw;
    }
    Location destination = given;
    // The same file by whatever of its names it was given: a data file, the index, the folder.
    if (given.kind == Location::Kind::directory || given.name != *prefix)
        if (const auto named = bundle::prefix_of(given)) destination.name = *named;
    destination.kind = Location::Kind::prefix;
    std::vector<std::string> existing;
    for (io::DirEntry& entry : destination.fs->list(""))
        if (entry.kind == io::FileKind::regular) existing.push_back(std::move(entry.name));
    WritePlan plan = editor.plan(destination, existing);
    if (destination.fs->stat(plan.commit))
        for (const std::string& name : existing)
            if (bundle::shard_numbers(destination.name, name)) plan.remove_after.push_back(name);
    result.report.target = destination.display();
    result.report.target_format = archive.format().id;
    result.report.bytes = plan.tensor_bytes();
    if (bundle->shards() > 1)
        result.report.note("the edited checkpoint has one data file, not " +
                           std::to_string(bundle->shards()));
    if (!options.dry_run) execute(plan, destination.fs, options.write);
}

}  // namespace ballast
