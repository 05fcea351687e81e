// SPDX-License-Identifier: Apache-2.0
// Lifting the Keras 3 layout along a model config: every layer's variables are looked up at the path its
// class and place give, as Keras itself would.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "ballast/error.h"
#include "core/text.h"
#include "dialect/hdf5_objects.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_parts.h"
#include "dialect/keras_v3_tree.h"
#include "model/config.h"
#include "model/paths.h"

namespace ballast::keras_v3 {
namespace {

std::string label(const Layer& layer) {
    return "layer '" + layer.name + "'" + (layer.class_name.empty() ? "" : " (" + layer.class_name + ")");
}

/// Binds the variables of one group to one layer of the config.
class Binder {
public:
    Binder(const hdf5::File& file, Lifting& lifting, const OpenOptions& options, layout::Framework framework)
        : file_(file), lifting_(lifting), options_(options), framework_(framework) {}

    /// A layer that a nested model shares with the model around it is two of one name in the config; Keras
    /// keeps its variables at the first place alone, and does not load them again.
    void find_shared(const std::vector<V3Group>& groups) {
        Alike alike;
        for (const V3Group& group : groups) {
            const Layer& layer = lifting_.model.layers[group.layer];
            if (group.variables.empty() || layer.name.empty() || !weights_known(layer)) continue;
            alike[{layer.name, layer.class_name}].push_back(&group);
        }
        for (const auto& [name, found] : alike) {
            const auto kept =
                std::ranges::find_if(found, [this](const V3Group* group) { return is_stored(*group); });
            if (kept == found.end() || found.size() < 2) continue;
            const bool fits = std::ranges::all_of(found, [&](const V3Group* group) {
                return group == *kept ||
                       (!is_stored(*group) && group->variables.size() == (*kept)->variables.size());
            });
            if (!fits || is_counted_otherwise(found, groups, alike)) continue;
            for (const V3Group* group : found) {
                if (group == *kept) continue;
                copies_[(*kept)->layer].push_back(group->layer);
                shared_.insert(group->layer);
            }
            const Layer& first = lifting_.model.layers[(*kept)->layer];
            lifting_.warnings.push_back(
                label(first) +
                " is shared by a nested model and the model around it, and stored once, so that Keras does "
                "not "
                "open the file: each of the places gets the weights, and is trained apart");
        }
    }

    void bind(V3Group group) {
        if (shared_.contains(group.layer)) {
            lifting_.model.layers[group.layer].stored_key = group.path;
            const hdf5::ObjectId empty = find(group.path);
            if (empty != hdf5::no_object) visited_.insert(vars_of(file_, empty));
            return;
        }
        Layer& layer = lifting_.model.layers[group.layer];
        layer.stored_key = group.path;
        const hdf5::ObjectId object = find(group.path);
        if (!weights_known(layer)) return bind_unknown(group.layer, object);
        const hdf5::ObjectId vars = object == hdf5::no_object ? hdf5::no_object : vars_of(file_, object);
        std::vector<Variable> stored;
        if (vars != hdf5::no_object) {
            visited_.insert(vars);
            stored = variables_below(file_, vars, [this](const hdf5::Object& link) {
                lifting_.problems.push_back(link_problem(file_, link));
            });
        }
        take_as_quantized(layer, group, stored);
        if (stored.size() != group.variables.size()) throw count_mismatch(layer, group, stored.size());
        for (const V3Variable& variable : group.variables) {
            const auto found = std::find_if(stored.begin(), stored.end(), [&](const Variable& candidate) {
                return candidate.key == variable.key;
            });
            if (found == stored.end()) throw missing(layer, group, variable.key);
            bind(variable, tensor_of(file_, found->dataset));
            const auto copy = copies_.find(group.layer);
            if (copy == copies_.end() || !variable.weight) continue;
            const std::uint32_t place = variable.weight->weight;
            for (const LayerId other : copy->second) {
                lifting_.model.layers[other].weights[place].stored_key = variable.key;
                lifting_.bind_copy(other, place);
            }
        }
    }

    /// Variables no layer of the config asks for: Keras ignores them, we keep and name them.
    void keep_rest() {
        for (const hdf5::Object& object : file_.objects()) {
            const hdf5::ObjectId id = file_.id_of(object);
            if (object.name != vars_group || object.kind != hdf5::ObjectKind::group || visited_.contains(id))
                continue;
            if (is_within_state(file_, id) || is_taken(id)) continue;
            for (const Variable& variable : variables_below(file_, id, [](const hdf5::Object&) {})) {
                TensorInfo tensor = tensor_of(file_, variable.dataset);
                tensor.part = Part::loose;
                lifting_.warnings.push_back("'" + tensor.stored_name + "' has no place in the config " +
                                            options_.config_path);
                std::string name = tensor.stored_name;
                lifting_.add_loose(std::move(name), std::move(tensor));
            }
        }
    }

private:
    using Alike = std::map<std::pair<std::string, std::string>, std::vector<const V3Group*>>;

    /// tf_keras leaves no number for what it does not store, so that the numbers of the layers behind it are
    /// others than the config tells: sure is only what leaves none of them in doubt.
    bool is_counted_otherwise(const std::vector<const V3Group*>& found, const std::vector<V3Group>& groups,
                              const Alike& alike) const {
        if (framework_ != layout::Framework::tf_keras) return false;
        const auto list_of = [](const V3Group& group) { return group.path.substr(0, group.path.rfind('/')); };
        return std::ranges::any_of(found, [&](const V3Group* copy) {
            if (is_stored(*copy)) return false;
            const Layer& own = lifting_.model.layers[copy->layer];
            return std::ranges::any_of(groups, [&](const V3Group& other) {
                const Layer& layer = lifting_.model.layers[other.layer];
                if (layer.class_name != own.class_name || list_of(other) != list_of(*copy)) return false;
                const auto same = alike.find({layer.name, layer.class_name});
                const bool doubtful = same != alike.end() && same->second.size() > 1;
                return doubtful == is_stored(other);
            });
        });
    }

    bool is_stored(const V3Group& group) const {
        const hdf5::ObjectId object = find(group.path);
        const hdf5::ObjectId vars = object == hdf5::no_object ? hdf5::no_object : vars_of(file_, object);
        return vars != hdf5::no_object && !variables_below(file_, vars, [](const hdf5::Object&) {}).empty();
    }

    /// A layer quantized after its config was written, or inside a layer whose config does not say so
    /// (attention's projections): its dtypes tell.
    void take_as_quantized(Layer& layer, V3Group& group, const std::vector<Variable>& stored) {
        const layout::Variant* variant = quantized_variant(layer, stored);
        if (variant == nullptr) return;
        std::vector<Weight> weights;
        std::vector<V3Variable> variables;
        for (const layout::OwnWeight& own : variant->weights) {
            if (own.not_in_v3.has(framework_)) continue;
            const auto position = static_cast<std::uint32_t>(weights.size());
            variables.push_back(
                {std::to_string(position), std::string(own.role), WeightRef{group.layer, position}});
            Weight& weight = weights.emplace_back();
            weight.role = own.role;
            weight.trainable = own.trainable;
        }
        if (std::ranges::equal(variables, group.variables, {}, &V3Variable::role, &V3Variable::role)) return;
        lifting_.warnings.push_back(label(layer) + " is quantized in the file, and not in the config " +
                                    options_.config_path);
        layer.weights = std::move(weights);
        group.variables = std::move(variables);
    }

    const layout::Variant* quantized_variant(const Layer& layer, const std::vector<Variable>& stored) const {
        const layout::ClassLayout* known =
            layer.package.empty() ? layout::find_class(layer.class_name) : nullptr;
        if (known == nullptr || !layout::can_be_quantized(*known)) return nullptr;
        std::vector<DType> dtypes;
        std::vector<Shape> shapes;
        for (std::size_t i = 0; i < stored.size(); ++i) {
            if (stored[i].key != std::to_string(i)) return nullptr;
            TensorInfo tensor = tensor_of(file_, stored[i].dataset);
            dtypes.push_back(tensor.dtype);
            shapes.push_back(std::move(tensor.shape));
        }
        std::vector<layout::Shape> spans;
        for (const Shape& shape : shapes)
            spans.push_back(shape.dims());
        return layout::quantized_variant(*known, spans, dtypes, framework_);
    }

    void bind(const V3Variable& variable, TensorInfo tensor) {
        if (!variable.weight) {
            std::string name = tensor.stored_name;
            return lifting_.add_loose(std::move(name), std::move(tensor));
        }
        Weight& weight = lifting_.model.layers[variable.weight->layer].weights[variable.weight->weight];
        if (weight.stored_key.empty()) weight.stored_key = variable.key;
        lifting_.bind(variable.weight->layer, variable.weight->weight, std::move(tensor));
    }

    void bind_unknown(LayerId id, hdf5::ObjectId group) {
        lifting_.model.layers[id].weights.clear();
        if (group == hdf5::no_object) return;
        lift_below(file_, lifting_, framework_, group, id);
        taken_.insert(group);
    }

    bool is_taken(hdf5::ObjectId group) const {
        for (; group != hdf5::no_object; group = file_.object(group).parent)
            if (taken_.contains(group)) return true;
        return false;
    }

    Error count_mismatch(const Layer& layer, const V3Group& group, std::size_t stored) const {
        return Error(ErrorCode::ambiguous_mapping,
                     "the config gives " + label(layer) + " " + std::to_string(group.variables.size()) +
                         " variables at '" + group.vars() + "', the file holds " + std::to_string(stored))
            .in(file_.path())
            .tensor(group.vars())
            .hint("check that " + options_.config_path + " describes the model that wrote this file");
    }
    Error missing(const Layer& layer, const V3Group& group, const std::string& key) const {
        return Error(ErrorCode::ambiguous_mapping, "the config gives " + label(layer) + " a variable '" +
                                                       key + "' that the file does not hold")
            .in(file_.path())
            .tensor(group.vars() + "/" + key)
            .hint("check that " + options_.config_path + " describes the model that wrote this file");
    }

    /// Files of Keras 2.12 and 2.13 say _layer_checkpoint_dependencies where all others say layers.
    hdf5::ObjectId find(const std::string& path) const {
        if (path.empty()) return 0;
        const hdf5::ObjectId found = file_.find(0, path);
        if (found != hdf5::no_object) return found;
        std::string old;
        for (const std::string_view part : split(path, '/')) {
            if (!old.empty()) old += '/';
            old += part == layers_group ? old_layers_group : part;
        }
        return old == path ? found : file_.find(0, old);
    }

    const hdf5::File& file_;
    Lifting& lifting_;
    const OpenOptions& options_;
    layout::Framework framework_;
    std::unordered_set<LayerId> shared_;
    std::unordered_map<LayerId, std::vector<LayerId>> copies_;  ///< of a stored layer to those in shared_
    std::unordered_set<hdf5::ObjectId> visited_;
    std::unordered_set<hdf5::ObjectId> taken_;  ///< with all below them
};

}  // namespace

void lift_by_config(const hdf5::File& file, Lifting& lifting, layout::Framework framework,
                    const OpenOptions& options) {
    ConfigOptions config_options;
    config_options.limits = options.limits;
    config_options.where = options.config_path;
    config_options.notes = &lifting.warnings;
    lifting.model = model_from_config(options.config, config_options);
    drop_left_out(lifting.model, framework, &layout::OwnWeight::not_in_v3);
    Binder binder(file, lifting, options, framework);
    const std::vector<V3Group> groups = v3_paths(lifting.model, framework);
    binder.find_shared(groups);
    for (const V3Group& group : groups)
        binder.bind(group);
    binder.keep_rest();
    // The user lent the architecture; the file itself holds none.
    lifting.model.config = Tree();
}

}  // namespace ballast::keras_v3
