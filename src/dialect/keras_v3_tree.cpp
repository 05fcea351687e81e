// SPDX-License-Identifier: Apache-2.0
// The Keras 3 layout as a tree of groups, see keras_v3_tree.h.
#include "dialect/keras_v3_tree.h"

#include <algorithm>

#include "core/text.h"

namespace ballast::keras_v3 {
namespace {

bool is_decimal(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool key_less(const Variable& a, const Variable& b) {
    const bool a_number = is_decimal(a.key), b_number = is_decimal(b.key);
    return a_number != b_number ? a_number : natural_less(a.key, b.key);
}

}  // namespace

hdf5::ObjectId vars_of(const hdf5::File& file, hdf5::ObjectId group) {
    const hdf5::ObjectId vars = file.find(group, vars_group);
    if (vars == hdf5::no_object || file.object(vars).kind != hdf5::ObjectKind::group) return hdf5::no_object;
    return vars;
}

std::vector<hdf5::ObjectId> child_groups(const hdf5::File& file, hdf5::ObjectId group) {
    std::vector<hdf5::ObjectId> groups;
    for (const hdf5::Object& child : file.children(group)) {
        if (child.kind == hdf5::ObjectKind::group) groups.push_back(file.id_of(child));
    }
    std::sort(groups.begin(), groups.end(), [&](hdf5::ObjectId a, hdf5::ObjectId b) {
        return natural_less(file.object(a).name, file.object(b).name);
    });
    return groups;
}

std::vector<Variable> variables_below(const hdf5::File& file, hdf5::ObjectId vars,
                                      const std::function<void(const hdf5::Object&)>& on_link) {
    std::vector<Variable> found;
    std::vector<std::pair<hdf5::ObjectId, std::string>> pending = {{vars, ""}};
    while (!pending.empty()) {
        const auto [group, prefix] = std::move(pending.back());
        pending.pop_back();
        for (const hdf5::Object& child : file.children(group)) {
            if (child.kind == hdf5::ObjectKind::dataset) {
                found.push_back({prefix + child.name, file.id_of(child)});
            } else if (child.kind == hdf5::ObjectKind::group) {
                pending.emplace_back(file.id_of(child), prefix + child.name + "/");
            } else {
                on_link(child);
            }
        }
    }
    std::sort(found.begin(), found.end(), key_less);
    return found;
}

std::string_view unnumbered(std::string_view key) {
    const std::size_t underscore = key.rfind('_');
    if (underscore == std::string_view::npos || underscore == 0 || !is_decimal(key.substr(underscore + 1)))
        return key;
    return key.substr(0, underscore);
}

}  // namespace ballast::keras_v3
