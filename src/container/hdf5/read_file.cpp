// SPDX-License-Identifier: Apache-2.0
// hdf5::File: opening, and looking things up in a parsed file.
#include <algorithm>

#include "container/hdf5/parse_superblock.h"
#include "container/hdf5/read.h"
#include "container/hdf5/read_walk.h"

namespace ballast::hdf5 {

std::shared_ptr<const File> File::parse(std::shared_ptr<const io::Source> source, const Limits& limits) {
    return FileParser(std::move(source), limits).run();
}

bool File::recognise(const io::Source& source) {
    return find_signature(source).has_value();
}

const Attribute* File::attribute(ObjectId id, std::string_view name) const noexcept {
    for (const Attribute& attribute : attributes(id)) {
        if (attribute.name == name) return &attribute;
    }
    return nullptr;
}

ObjectId File::find(ObjectId from, std::string_view path) const noexcept {
    while (true) {
        const auto slash = path.find('/');
        const auto component = path.substr(0, slash);
        const auto children = this->children(from);
        const auto found =
            std::lower_bound(children.begin(), children.end(), component,
                             [](const Object& object, std::string_view name) { return object.name < name; });
        if (found == children.end() || found->name != component) return no_object;
        from = id_of(*found);
        if (slash == path.npos) return from;
        path.remove_prefix(slash + 1);
    }
}

std::string_view File::link_target(ObjectId id) const noexcept {
    const auto found =
        std::lower_bound(targets_.begin(), targets_.end(), id,
                         [](const auto& target, ObjectId wanted) { return target.first < wanted; });
    return found != targets_.end() && found->first == id ? std::string_view(found->second)
                                                         : std::string_view();
}

std::string File::path_of(ObjectId id) const {
    std::vector<std::string_view> parts;
    for (; objects_[id].parent != no_object; id = objects_[id].parent)
        parts.push_back(objects_[id].name);
    std::string path;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        if (!path.empty()) path += '/';
        path += *part;
    }
    return path;
}

}  // namespace ballast::hdf5
