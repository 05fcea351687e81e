// SPDX-License-Identifier: Apache-2.0
// Recognising classes and roles without a config: by number, names and shapes of the variables.
#include <algorithm>

#include "model/layout.h"
#include "model/layout_table.h"

namespace ballast::layout {

namespace {

constexpr std::size_t max_depth = 8;  // of fixed sub-layers; the table has two levels

bool rank_fits(const OwnWeight& weight, Shape shape) {
    return weight.rank < 0 || shape.size() == static_cast<std::size_t>(weight.rank);
}

/// Units of a recurrent cell: all but the last dimension but one of its recurrent kernel; 0 if there is none.
std::uint64_t units_of(std::span<const OwnWeight* const> weights, std::span<const Shape> shapes) {
    for (std::size_t i = 0; i < weights.size(); ++i)
        if (weights[i]->role == "recurrent_kernel" && shapes[i].size() >= 2)
            return shapes[i][shapes[i].size() - 2];
    return 0;
}

bool width_fits(const OwnWeight& weight, Shape shape, std::uint64_t units) {
    if (weight.gates == 0) return true;
    return shape.size() != 0 && units != 0 && shape[shape.size() - 1] % weight.gates == 0 &&
           shape[shape.size() - 1] / weight.gates == units;
}

bool shapes_fit(std::span<const OwnWeight* const> weights, std::span<const Shape> shapes) {
    if (weights.size() != shapes.size()) return false;
    const std::uint64_t units = units_of(weights, shapes);
    for (std::size_t i = 0; i < weights.size(); ++i)
        if (!rank_fits(*weights[i], shapes[i]) || !width_fits(*weights[i], shapes[i], units)) return false;
    return true;
}

bool is_quantized(const Variant& variant) {
    return std::ranges::any_of(variant.when, [](const Condition& c) { return c.test == Test::quantized; });
}

bool dtype_fits(const OwnWeight& weight, DType dtype) {
    if (weight.dtype.empty()) return info(dtype).cls == DTypeClass::floating;
    return dtype_from_name(weight.dtype) == dtype;
}

/// What v3 files hold of the variant's own variables, in stored order.
std::vector<const OwnWeight*> stored_weights(const Variant& variant, Framework framework) {
    std::vector<const OwnWeight*> stored;
    for (const OwnWeight& weight : variant.weights)
        if (!weight.not_in_v3.has(framework)) stored.push_back(&weight);
    return stored;
}

/// Could these variables, in stored order, be all of the variant's own?
bool own_fit(const Variant& variant, std::span<const Shape> shapes, std::span<const DType> dtypes,
             Framework framework) {
    if (!variant.frameworks.has(framework) || (dtypes.empty() && is_quantized(variant))) return false;
    const std::vector<const OwnWeight*> stored = stored_weights(variant, framework);
    if (std::ranges::any_of(stored, [](const OwnWeight* weight) { return !weight->key.empty(); }))
        return false;
    for (std::size_t i = 0; i < stored.size() && i < dtypes.size(); ++i)
        if (!dtype_fits(*stored[i], dtypes[i])) return false;
    return shapes_fit(stored, shapes);
}

std::vector<std::string_view> stored_roles(const Variant& variant, Framework framework) {
    std::vector<std::string_view> roles;
    for (const OwnWeight* weight : stored_weights(variant, framework))
        roles.push_back(weight->role);
    return roles;
}

bool is_shared(std::span<const OwnWeight> own, std::string_view attribute, std::string_view role) {
    return std::ranges::any_of(own, [&](const OwnWeight& weight) {
        return std::ranges::any_of(weight.same_as, [&](std::string_view name) {
            return name.size() == attribute.size() + 1 + role.size() && name.starts_with(attribute) &&
                   name.ends_with(role);
        });
    });
}

/// The trainable or the other variables of a layer as a legacy file lists them. False when a sub-layer comes
/// from the config, so that the list cannot be known.
bool flatten(const Variant& variant, Framework framework, bool trainable, std::vector<const OwnWeight*>& out,
             std::size_t depth = 0) {
    for (const OwnWeight& weight : variant.weights)
        if (weight.trainable == trainable && !weight.not_in_legacy.has(framework)) out.push_back(&weight);
    for (const std::uint8_t i : child_order(variant, Order::legacy, framework)) {
        const Child& child = variant.children[i];
        if (child.fixed_variant == nullptr || depth == max_depth) return false;
        const std::size_t before = out.size();
        if (!flatten(*child.fixed_variant, framework, trainable, out, depth + 1)) return false;
        const auto repeated = [&](const OwnWeight* weight) {
            return is_shared(variant.weights, child.attribute, weight->role);
        };
        out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), repeated),
                  out.end());
    }
    return true;
}

bool names_fit(std::span<const OwnWeight* const> expected, std::span<const NamedShape> weights,
               Framework framework) {
    const auto same = [&](const OwnWeight* weight, const NamedShape& stored) {
        return weight->name[static_cast<std::size_t>(framework)] == stored.role;
    };
    return std::ranges::equal(expected, weights, same);
}

const Variant* matching_variant(const ClassLayout& layout, std::span<const NamedShape> weights,
                                std::span<const Shape> shapes, Framework framework) {
    for (const Variant& variant : layout.variants) {
        if (!variant.frameworks.has(framework) || is_quantized(variant)) continue;
        std::vector<const OwnWeight*> expected;
        if (!flatten(variant, framework, true, expected) || !flatten(variant, framework, false, expected))
            continue;
        if (names_fit(expected, weights, framework) && shapes_fit(expected, shapes)) return &variant;
    }
    return nullptr;
}

}  // namespace

std::optional<std::vector<std::string_view>> roles_for(const ClassLayout& layout,
                                                       std::span<const Shape> shapes, Framework framework,
                                                       std::span<const DType> dtypes) {
    std::optional<std::vector<std::string_view>> agreed;
    for (const Variant& variant : layout.variants) {
        if (!own_fit(variant, shapes, dtypes, framework)) continue;
        std::vector<std::string_view> roles = stored_roles(variant, framework);
        if (agreed && *agreed != roles) return std::nullopt;
        agreed = std::move(roles);
    }
    return agreed;
}

bool can_be_quantized(const ClassLayout& layout) {
    return std::ranges::any_of(layout.variants, is_quantized);
}

const Variant* quantized_variant(const ClassLayout& layout, std::span<const Shape> shapes,
                                 std::span<const DType> dtypes, Framework framework) {
    const Variant* found = nullptr;
    for (const Variant& variant : layout.variants) {
        if (!is_quantized(variant) || !own_fit(variant, shapes, dtypes, framework)) continue;
        if (found == nullptr) found = &variant;
        if (stored_roles(*found, framework) != stored_roles(variant, framework)) return nullptr;
    }
    return found;
}

std::vector<Candidate> candidates_for(std::span<const NamedShape> weights, Framework framework) {
    std::vector<Candidate> found;
    if (weights.empty()) return found;
    std::vector<Shape> shapes;
    for (const NamedShape& weight : weights)
        shapes.push_back(weight.shape);
    for (const ClassLayout& layout : table::classes) {
        if (layout.kind != Kind::layer) continue;
        const Variant* variant = matching_variant(layout, weights, shapes, framework);
        if (variant != nullptr) found.push_back({&layout, variant});
    }
    return found;
}

}  // namespace ballast::layout
