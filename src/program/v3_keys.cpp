// SPDX-License-Identifier: Apache-2.0
// The walk of Keras 3's saver over a program's layers, see v3_keys.h and spec/keras-hdf5.md §1.2 to 1.4.
#include "program/v3_keys.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "model/paths.h"

namespace ballast {
namespace {

constexpr std::string_view layers_group = "layers";

std::string join(const std::string& path, const std::string& part) {
    return path.empty() ? part : path + '/' + part;
}

/// Public names first, as Keras sorts attributes.
std::string sort_key(const std::string& attribute) {
    return attribute.starts_with('_') ? "~" + attribute : attribute;
}

std::string key_of(const ProgramLayer& program) {
    Layer layer;
    layer.class_name = program.class_name;
    layer.package = program.package;
    return v3_key(layer, layout::Framework::keras3);
}

class Walk {
public:
    explicit Walk(const std::vector<ProgramNode>& nodes)
        : nodes_(nodes), keys_(nodes.size()), seen_(nodes.size()) {}

    std::vector<std::string> run() {
        enter(0, {});
        return std::move(keys_);
    }

private:
    struct Way {
        std::string path;
        LayerId child = 0;
    };

    void enter(LayerId id, std::string path) {
        if (seen_[id]) return;
        seen_[id] = true;
        keys_[id] = std::move(path);
        for (Way& way : ways(id))
            enter(way.child, std::move(way.path));
    }

    /// As deep as the program's types nest: no need to do without recursion.
    std::vector<Way> ways(LayerId id) const {
        const ProgramNode& node = nodes_[id];
        if (node.style == LayerStyle::container) return members(id, keys_[id]);
        std::map<std::string, std::vector<Way>> by_attribute;
        std::map<std::string, KeyCounter> lists;
        for (const auto& [edge, child] : node.edges) {
            std::string path = join(keys_[id], edge.field);
            if (edge.list) {
                for (const std::size_t place : edge.nested)
                    path += place == 0 ? "/container" : "/container_" + std::to_string(place);
                std::string key = lists[path].next(key_of(*nodes_[child].layer));
                path = join(path, key);
            }
            by_attribute[sort_key(edge.field)].push_back({std::move(path), child});
        }
        // A model's list of its layers is one attribute among the others.
        if (node.style == LayerStyle::subclassed) {
            auto& all = by_attribute[std::string(layers_group)];
            for (Way& way : members(id, keys_[id]))
                all.push_back(std::move(way));
        }
        std::vector<Way> result;
        for (auto& [attribute, found] : by_attribute)
            std::move(found.begin(), found.end(), std::back_inserter(result));
        return result;
    }

    std::vector<Way> members(LayerId id, const std::string& path) const {
        std::vector<Way> result;
        KeyCounter counter;
        for (const auto& [edge, child] : nodes_[id].edges)
            result.push_back(
                {join(join(path, std::string(layers_group)), counter.next(key_of(*nodes_[child].layer))),
                 child});
        return result;
    }

    const std::vector<ProgramNode>& nodes_;
    std::vector<std::string> keys_;
    std::vector<bool> seen_;
};

}  // namespace

std::vector<std::string> v3_program_keys(const std::vector<ProgramNode>& nodes) {
    return Walk(nodes).run();
}

}  // namespace ballast
