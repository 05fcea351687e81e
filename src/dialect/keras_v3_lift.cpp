// SPDX-License-Identifier: Apache-2.0
// Lifting the Keras 3 layout without a config: layers from groups, names from `name` attributes, roles from
// keys.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "ballast/error.h"
#include "core/text.h"
#include "dialect/hdf5_objects.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_parts.h"
#include "dialect/keras_v3_tree.h"
#include "dialect/lifting.h"
#include "model/layout.h"

namespace ballast::keras_v3 {
namespace {

using layout::ClassLayout;
using layout::Framework;

/// Walks the groups and fills a Lifting. Layers are numbered in walk order.
class Walk {
public:
    Walk(const hdf5::File& file, Lifting& lifting, Framework framework)
        : file_(file), lifting_(lifting), framework_(framework) {}

    /// What the program's own layer keeps, in itself and in layers of its own.
    void run_below(hdf5::ObjectId group, LayerId layer) {
        const std::string name = lifting_.model.layers[layer].name;
        pending_.push_back({group, layer, nullptr});
        walk();
        lifting_.model.layers[layer].name = name;
    }

    void run() {
        const auto objects = file_.objects();
        const auto count = [&](auto&& is) {
            return static_cast<std::size_t>(std::count_if(objects.begin(), objects.end(), is));
        };
        lifting_.reserve(
            1 + count([](const hdf5::Object& object) { return object.name == vars_group; }),
            count([](const hdf5::Object& object) { return object.kind == hdf5::ObjectKind::dataset; }));
        lifting_.model.layers.emplace_back();
        pending_.push_back({0, lifting_.model.root, nullptr});
        walk();
    }

private:
    struct Step {
        hdf5::ObjectId group;
        LayerId layer;
        const ClassLayout* known;  ///< the layer's class where the key or the parent tells it
    };

    void walk() {
        while (!pending_.empty()) {
            const Step step = pending_.back();
            pending_.pop_back();
            visit(step);
        }
    }

    void visit(const Step& step) {
        const std::vector<std::vector<std::uint64_t>> shapes = add_variables(step);
        std::vector<Step> found;
        for (const hdf5::ObjectId child : child_groups(file_, step.group)) {
            const std::string& name = file_.object(child).name;
            if (name == vars_group || is_state_group(file_, child)) continue;
            if (vars_of(file_, child) != hdf5::no_object) {
                found.push_back(add_attribute(step, child, name));
            } else {
                add_members(step, child, name, found);
            }
        }
        for (const hdf5::Object& child : file_.children(step.group))
            note_stray(child);
        // A stack pops from the end: reversed, the walk goes in natural order.
        pending_.insert(pending_.end(), found.rbegin(), found.rend());
    }

    std::vector<std::vector<std::uint64_t>> add_variables(const Step& step) {
        Layer& layer = lifting_.model.layers[step.layer];
        const hdf5::ObjectId vars = vars_of(file_, step.group);
        if (vars == hdf5::no_object) return {};
        layer.name = text_attribute(file_, vars, "name").value_or("");
        std::vector<std::vector<std::uint64_t>> shapes;
        std::vector<std::pair<Weight, TensorInfo>> weights;
        const auto variables =
            variables_below(file_, vars, [this](const hdf5::Object& link) { refuse(link); });
        for (const Variable& variable : variables) {
            try {
                TensorInfo tensor = tensor_of(file_, variable.dataset);
                shapes.emplace_back(tensor.shape.begin(), tensor.shape.end());
                Weight weight;
                weight.role = variable.key;
                weight.stored_key = variable.key;
                weights.emplace_back(std::move(weight), std::move(tensor));
            } catch (Error& error) {
                lifting_.problems.push_back(std::move(error));
            }
        }
        if (step.known) name_roles(*step.known, shapes, weights, lifting_.model.layers[step.layer]);
        for (auto& [weight, tensor] : weights)
            lifting_.add_weight(step.layer, std::move(weight), std::move(tensor));
        return shapes;
    }

    void name_roles(const ClassLayout& known, const std::vector<std::vector<std::uint64_t>>& shapes,
                    std::vector<std::pair<Weight, TensorInfo>>& weights, Layer& layer) {
        const bool ordinals = std::all_of(weights.begin(), weights.end(), [&](const auto& entry) {
            return entry.first.stored_key == std::to_string(&entry - weights.data());
        });
        const std::vector<layout::Shape> spans(shapes.begin(), shapes.end());
        std::vector<DType> dtypes;
        for (const auto& [weight, tensor] : weights)
            dtypes.push_back(tensor.dtype);
        const auto roles = ordinals ? layout::roles_for(known, spans, framework_, dtypes) : std::nullopt;
        if (!roles) return;
        layer.class_name = known.name;
        for (std::size_t i = 0; i < weights.size(); ++i)
            weights[i].first.role = (*roles)[i];
    }

    Step add_attribute(const Step& parent, hdf5::ObjectId group, const std::string& name) {
        std::string attribute = name;
        const ClassLayout* known = nullptr;
        if (parent.known) known = sub_layer(*parent.known, name, attribute);
        return add(parent, group, Edge::Kind::attribute, std::move(attribute), known);
    }

    Step add(const Step& parent, hdf5::ObjectId group, Edge::Kind kind, std::string key,
             const ClassLayout* known) {
        const LayerId id = lifting_.add_layer(parent.layer, kind, std::move(key));
        lifting_.model.layers[id].stored_key = stored_path(group);
        return {group, id, known};
    }

    /// The layers in a container, also those in nested lists.
    void add_members(const Step& parent, hdf5::ObjectId container, const std::string& name,
                     std::vector<Step>& found) {
        const bool is_layers = name == layers_group || name == old_layers_group;
        std::vector<std::pair<hdf5::ObjectId, std::string>> containers = {{container, name}};
        while (!containers.empty()) {
            const auto [group, path] = std::move(containers.back());
            containers.pop_back();
            for (const hdf5::ObjectId member : child_groups(file_, group)) {
                const std::string& key = file_.object(member).name;
                if (vars_of(file_, member) == hdf5::no_object) {
                    containers.emplace_back(member, path + "/" + key);
                    continue;
                }
                const auto kind = is_layers && group == container ? Edge::Kind::container : Edge::Kind::index;
                found.push_back(
                    add(parent, member, kind, kind == Edge::Kind::container ? "" : path, class_of_key(key)));
            }
            for (const hdf5::Object& child : file_.children(group))
                note_stray(child);
        }
    }

    static const ClassLayout* class_of_key(std::string_view key) {
        const auto candidates = layout::classes_with_key(unnumbered(key));
        return candidates.size() == 1 ? candidates.front() : nullptr;
    }

    /// The class a built-in parent gives the sub-layer stored under `name`, and its Keras 3 attribute.
    const ClassLayout* sub_layer(const ClassLayout& parent, std::string_view name,
                                 std::string& attribute) const {
        const ClassLayout* found = nullptr;
        for (const layout::Variant& variant : parent.variants) {
            for (const layout::Child& child : variant.children) {
                if (!child.is_stored_as(name)) continue;
                attribute = child.attribute;
                if (!child.fixed_class || (found && found != child.fixed_class)) return nullptr;
                found = child.fixed_class;
            }
        }
        return found;
    }

    /// Files of Keras 2.12 and 2.13 say _layer_checkpoint_dependencies where all others say layers.
    std::string stored_path(hdf5::ObjectId group) const {
        std::string path = file_.path_of(group);
        for (std::size_t at = path.find(old_layers_group); at != std::string::npos;
             at = path.find(old_layers_group)) {
            path.replace(at, old_layers_group.size(), layers_group);
        }
        return path;
    }

    void refuse(const hdf5::Object& link) { lifting_.problems.push_back(link_problem(file_, link)); }

    /// Links, and datasets outside of `vars`, are no part of the layout: the former are refused, the latter
    /// kept.
    void note_stray(const hdf5::Object& child) {
        if (child.kind == hdf5::ObjectKind::group || child.kind == hdf5::ObjectKind::committed_type) return;
        if (child.kind != hdf5::ObjectKind::dataset) return refuse(child);
        if (auto text = foreign_text(file_, file_.id_of(child)))
            return lifting_.warnings.push_back(std::move(*text));
        try {
            TensorInfo tensor = tensor_of(file_, file_.id_of(child));
            tensor.part = Part::loose;
            lifting_.warnings.push_back("'" + tensor.stored_name +
                                        "' lies outside of a `vars` group; Keras ignores it");
            std::string name = tensor.stored_name;
            lifting_.add_loose(std::move(name), std::move(tensor));
        } catch (Error& error) {
            lifting_.problems.push_back(std::move(error));
        }
    }

    const hdf5::File& file_;
    Lifting& lifting_;
    Framework framework_;
    std::vector<Step> pending_;
};

}  // namespace

bool recognise(const hdf5::File& file) {
    if (file.attribute(0, "layer_names") || file.attribute(0, "layer_names0") ||
        file.attribute(0, "model_config") || file.find(0, "model_weights") != hdf5::no_object) {
        return false;
    }
    const auto objects = file.objects();
    return std::any_of(objects.begin(), objects.end(), [](const hdf5::Object& object) {
        return object.name == vars_group && object.kind == hdf5::ObjectKind::group;
    });
}

void lift_by_keys(const hdf5::File& file, Lifting& lifting, Framework framework) {
    Walk(file, lifting, framework).run();
}

void lift_below(const hdf5::File& file, Lifting& lifting, Framework framework, hdf5::ObjectId group,
                LayerId layer) {
    Walk(file, lifting, framework).run_below(group, layer);
}

}  // namespace ballast::keras_v3
