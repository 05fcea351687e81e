// SPDX-License-Identifier: Apache-2.0
// Uniting the trees of several files, see read_merge.h.
#include "container/hdf5/read_merge.h"

#include <map>
#include <utility>

#include "core/text.h"

namespace ballast::hdf5 {

class FileMerger {
public:
    FileMerger(std::span<const std::shared_ptr<const File>> parts, std::shared_ptr<const io::Source> source,
               const MergeOptions& options)
        : parts_(parts), options_(options), file_(new File()) {
        file_->source_ = std::move(source);
    }

    std::shared_ptr<const File> run() {
        nodes_.push_back({});
        for (const bool listed : {true, false}) {
            for (std::size_t part = 0; part < parts_.size(); ++part)
                add(part, listed);
        }
        number();
        return std::shared_ptr<const File>(std::move(file_));
    }

private:
    /// An object of the whole while it is put together.
    struct Node {
        ObjectKind kind = ObjectKind::group;
        std::map<std::string, std::uint32_t, std::less<>>
            children;                 ///< in the order of name bytes, as files have them
        const File* owner = nullptr;  ///< whose dataset it is
        ObjectId object = 0;
        std::vector<std::pair<const File*, ObjectId>> groups;  ///< where attributes come from
    };

    /// One pass takes what the part is listed for, the other the rest.
    void add(std::size_t part, bool listed) {
        const File& file = *parts_[part];
        if (listed) {
            for (const std::string& warning : file.warnings())
                file_->warnings_.push_back(file.path() + ": " + warning);
            nodes_[0].groups.emplace_back(&file, 0);
        }
        listed_ = listed;
        std::vector<std::pair<ObjectId, std::uint32_t>> pending = {{0, 0}};
        while (!pending.empty()) {
            const auto [group, node] = pending.back();
            pending.pop_back();
            const std::string path = file.path_of(group);
            for (const Object& child : file.children(group))
                add_child(part, path, child, node, pending);
        }
    }

    void add_child(std::size_t part, const std::string& path, const Object& child, std::uint32_t parent,
                   std::vector<std::pair<ObjectId, std::uint32_t>>& pending) {
        const File& file = *parts_[part];
        const bool is_group = child.kind == ObjectKind::group;
        const std::string full = path.empty() ? child.name : path + "/" + child.name;
        if (!is_group && options_.gives(part, path) != listed_) return;
        const auto found = nodes_[parent].children.find(child.name);
        if (found == nodes_[parent].children.end()) {
            const auto id = static_cast<std::uint32_t>(nodes_.size());
            if (id >= options_.objects)
                throw Error(ErrorCode::limit_exceeded,
                            "the shards together have more objects than the limit of " +
                                std::to_string(options_.objects))
                    .in(file_->path());
            nodes_[parent].children.emplace(child.name, id);
            nodes_.push_back({child.kind, {}, &file, file.id_of(child), {}});
            if (is_group) open(file, child, id, pending);
            if (!listed_ && !is_group)
                warn("the manifest does not list " + file.path() + " for '" + full +
                     "': Keras would not find it");
            return;
        }
        Node& known = nodes_[found->second];
        if ((known.kind == ObjectKind::group) != is_group)
            throw Error(ErrorCode::damaged, "'" + full + "' is a group in one shard and none in another")
                .in(file.path())
                .at(child.address);
        if (is_group) return open(file, child, found->second, pending);
        warn("'" + full + "' is in two shards; that of " + known.owner->path() + " is used, not that of " +
             file.path());
    }

    void open(const File& file, const Object& group, std::uint32_t node,
              std::vector<std::pair<ObjectId, std::uint32_t>>& pending) {
        if (listed_) nodes_[node].groups.emplace_back(&file, file.id_of(group));
        pending.emplace_back(file.id_of(group), node);
    }

    /// Gives the nodes their places: the children of a group are consecutive.
    void number() {
        std::vector<std::uint32_t> order = {0};
        file_->objects_.emplace_back();
        for (ObjectId id = 0; id < order.size(); ++id) {
            const Node& node = nodes_[order[id]];
            fill(id, node);
            file_->objects_[id].first_child = static_cast<ObjectId>(order.size());
            file_->objects_[id].child_count = static_cast<std::uint32_t>(node.children.size());
            for (const auto& [name, child] : node.children) {
                order.push_back(child);
                Object& object = file_->objects_.emplace_back();
                object.name = name;
                object.parent = id;
                object.kind = nodes_[child].kind;
            }
        }
    }

    void fill(ObjectId id, const Node& node) {
        Object& object = file_->objects_[id];
        object.kind = node.kind;
        object.first_attribute = static_cast<std::uint32_t>(file_->attributes_.size());
        if (node.kind == ObjectKind::group) {
            for (const auto& [file, group] : node.groups)
                add_attributes(id, file->attributes(group));
        } else {
            object.address = node.owner->object(node.object).address;
            add_attributes(id, node.owner->attributes(node.object));
        }
        if (node.kind != ObjectKind::dataset) return;
        object.dataset = static_cast<std::uint32_t>(file_->datasets_.size());
        file_->datasets_.push_back(node.owner->dataset(node.object));
    }

    void add_attributes(ObjectId id, std::span<const Attribute> attributes) {
        for (const Attribute& attribute : attributes) {
            if (file_->attribute(id, attribute.name)) continue;
            file_->attributes_.push_back(attribute);
            ++file_->objects_[id].attribute_count;
        }
    }

    void warn(std::string text) {
        constexpr std::size_t most = 20;
        if (warned_++ < most) file_->warnings_.push_back(std::move(text));
    }

    std::span<const std::shared_ptr<const File>> parts_;
    const MergeOptions& options_;
    std::unique_ptr<File> file_;
    std::vector<Node> nodes_;
    bool listed_ = true;
    std::size_t warned_ = 0;
};

std::shared_ptr<const File> merge(std::span<const std::shared_ptr<const File>> parts,
                                  std::shared_ptr<const io::Source> source, const MergeOptions& options) {
    return FileMerger(parts, std::move(source), options).run();
}

}  // namespace ballast::hdf5
