// SPDX-License-Identifier: Apache-2.0
// Lowering a Model to the Keras 3 layout: paths from stored keys or from classes, then one HDF5 file.
#include <algorithm>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "container/hdf5/write.h"
#include "dialect/guess.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_parts.h"
#include "dialect/keras_v3_tree.h"
#include "dialect/reporting.h"
#include "model/config.h"
#include "model/naming.h"
#include "model/paths.h"

namespace ballast::keras_v3 {
namespace {

using hdf5::Builder;
using layout::Framework;

std::string join(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : std::string(path) + "/" + std::string(name);
}

/// The groups of a model that came from this dialect: the keys it came with, no class needed.
std::vector<V3Group> stored_groups(const Model& model) {
    std::vector<V3Group> groups;
    groups.reserve(model.layers.size());
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        const Layer& layer = model.layers[id];
        V3Group group{id, layer.stored_key, {}};
        for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
            group.variables.push_back({layer.weights[i].stored_key, layer.weights[i].role, WeightRef{id, i}});
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

/// Layers of a config that the file it was laid over does not store (a Sequential's InputLayer) have no key.
void drop_keyless(const Model& model, std::vector<V3Group>& groups) {
    std::erase_if(groups, [&](const V3Group& group) {
        return group.layer != model.root && group.path.empty() && group.variables.empty();
    });
}

/// Where Keras 3 stores the sub-layer with this canonical attribute; empty when the class has none such.
std::string_view keras3_attribute(const layout::ClassLayout& known, std::string_view attribute) {
    for (const layout::Variant& variant : known.variants) {
        for (const layout::Child& child : variant.children) {
            if (child.attribute == attribute) return child.path(Framework::keras3);
        }
    }
    return {};
}

/// The built-in class of a layer, by its class where that is known, else by its key.
const layout::ClassLayout* class_at(const Model& model, LayerId id) {
    const Layer& layer = model.layers[id];
    if (!layer.class_name.empty()) return layout::find_class(layer.class_name);
    const std::string_view key = std::string_view(layer.stored_key).substr(layer.stored_key.rfind('/') + 1);
    const auto classes = layout::classes_with_key(unnumbered(key));
    return classes.size() == 1 ? classes.front() : nullptr;
}

/// Whether Keras 3 has a class with this key. TensorFlow functions are layers in tf_keras alone.
bool is_keras3_key(std::string_view key) {
    const auto classes = layout::classes_with_key(key);
    return std::any_of(classes.begin(), classes.end(), [](const layout::ClassLayout* known) {
        return known->frameworks.has(Framework::keras3);
    });
}

/// Whether a layer or anything below it has variables, by layer.
std::vector<bool> layers_with_variables(const Model& model) {
    std::vector<bool> has(model.layers.size());
    // Layers are numbered parents first, so one pass from the end sees children before their parents.
    for (std::size_t id = model.layers.size(); id-- > 0;) {
        const Layer& layer = model.layers[id];
        has[id] = has[id] || !layer.weights.empty();
        for (const Edge& edge : layer.edges)
            has[id] = has[id] || has[edge.child];
    }
    return has;
}

/// The groups of a tf_keras file in Keras 3's spelling: some built-in layers keep a sub-layer under another
/// attribute, and some empty groups (of a wrapper's spare layer, of a TensorFlow function) have no
/// counterpart.
std::vector<V3Group> retargeted_groups(const Model& model) {
    std::vector<V3Group> groups = stored_groups(model);
    const std::vector<bool> weighty = layers_with_variables(model);
    std::vector<bool> dropped(model.layers.size());
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        const layout::ClassLayout* known = class_at(model, id);
        for (const Edge& edge : model.layers[id].edges) {
            const std::string& stored = model.layers[edge.child].stored_key;
            const std::string_view last = std::string_view(stored).substr(stored.rfind('/') + 1);
            if (edge.kind == Edge::Kind::attribute) {
                const std::string_view attribute = known ? keras3_attribute(*known, edge.key) : edge.key;
                dropped[edge.child] = dropped[id] || (attribute.empty() && !weighty[edge.child]);
                groups[edge.child].path =
                    join(groups[id].path, attribute.empty() ? std::string_view(edge.key) : attribute);
            } else {
                const bool no_class = !is_keras3_key(unnumbered(last));
                dropped[edge.child] = dropped[id] || (no_class && !weighty[edge.child]);
                groups[edge.child].path =
                    join(groups[id].path, edge.kind == Edge::Kind::container ? join(layers_group, last)
                                                                             : join(edge.key, last));
            }
        }
    }
    std::vector<V3Group> kept;
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        if (!dropped[id]) kept.push_back(std::move(groups[id]));
    }
    return kept;
}

/// The first layer whose variables have no place by class alone; nullptr when there is none.
const Layer* first_unknown(const Model& model) {
    for (const Layer& layer : model.layers) {
        if (!weights_known(layer) && std::any_of(layer.weights.begin(), layer.weights.end(),
                                                 [](const Weight& weight) { return weight.value.empty(); })) {
            return &layer;
        }
    }
    return nullptr;
}

/// tf_keras walks a subclassed model in another order than Keras 3: its paths mean other layers there.
bool has_attribute_paths(const Model& model) {
    const auto& edges = model.layers[model.root].edges;
    return std::any_of(edges.begin(), edges.end(),
                       [](const Edge& edge) { return edge.kind != Edge::Kind::container; });
}

Error needs_config(std::string message) {
    return Error(ErrorCode::needs_config, std::move(message))
        .hint(
            "give the architecture: --config MODEL.json (written by model.to_json()), or a whole-model .h5 "
            "or .keras");
}

std::vector<V3Group> groups_of(const Model& model, Model& guessed) {
    if (!model.has_layers()) {
        throw needs_config(
            "the source holds tensors without layers, and Keras files name variables by layer class");
    }
    const bool own_dialect = model.producer.dialect == dialect;
    if (own_dialect && model.producer.flavor != "tf_keras") {
        std::vector<V3Group> groups = stored_groups(model);
        drop_keyless(model, groups);
        return groups;
    }
    if (has_classes(model)) {
        if (const Layer* unknown = first_unknown(model)) {
            throw needs_config("the variables of layer '" + unknown->name + "' are not known");
        }
        return v3_paths(model, Framework::keras3);
    }
    if (own_dialect) {
        if (!has_attribute_paths(model)) return retargeted_groups(model);
        throw Error(
            ErrorCode::ambiguous_mapping,
            "the file comes from a subclassed tf_keras model, whose paths name other layers in Keras 3")
            .hint(
                "convert it to safetensors, or load it into the model in tf_keras and save a legacy .h5 "
                "there");
    }
    guessed = guess_classes(model);
    return stored_groups(guessed);
}

/// Writes one layer's `vars` group.
class Writer {
public:
    Writer(Builder& builder, const Model& model, Report& report)
        : builder_(builder), model_(model), report_(report), names_(canonical_weight_names(model)) {}

    void write(const V3Group& group) {
        const Layer& layer = model_.layers[group.layer];
        const Builder::Id vars = builder_.groups(builder_.root(), group.vars());
        if (!layer.name.empty()) builder_.attribute(vars, "name", layer.name, Builder::Charset::utf8);
        for (const V3Variable& variable : group.variables) {
            const std::string path = group.vars() + "/" + variable.key;
            if (!variable.weight) throw no_source(layer, path);
            const WeightRef& ref = *variable.weight;
            const TensorExpr& value = model_.layers[ref.layer].weights[ref.weight].value;
            if (value.empty()) continue;  // left out by the user
            dataset(vars, variable.key, value);
            report_written(report_, value, path, names_[ref.layer][ref.weight]);
        }
    }

    void dataset(Builder::Id group, std::string_view key, const TensorExpr& value) {
        const std::size_t slash = key.rfind('/');
        if (slash != std::string_view::npos) {
            group = builder_.groups(group, key.substr(0, slash));
            key = key.substr(slash + 1);
        }
        const Builder::Id id = builder_.dataset(group, key, value);
        // HDF5 has no bfloat16: Keras marks the opaque bytes, and cannot load them without the mark.
        if (value.dtype() == DType::bfloat16)
            builder_.attribute(id, "dtype", "bfloat16", Builder::Charset::utf8);
    }

private:
    static Error no_source(const Layer& layer, const std::string& path) {
        return Error(ErrorCode::ambiguous_mapping, "Keras 3 stores a variable of layer '" + layer.name +
                                                       "' (" + layer.class_name +
                                                       ") that the source does not hold")
            .tensor(path)
            .hint("load the file in the framework that wrote it and save it there as .weights.h5");
    }

    Builder& builder_;
    const Model& model_;
    Report& report_;
    std::vector<std::vector<std::string>> names_;
};

/// Why the optimizer state cannot go along; empty when it can.
std::string optimizer_obstacle(const Optimizer& optimizer) {
    if (optimizer.flavor != "keras3") {
        return "the optimizer state is " +
               (optimizer.flavor.empty() ? "of unknown order" : optimizer.flavor + "'s") +
               " and has another order in Keras 3";
    }
    if (optimizer.class_name == "LossScaleOptimizer")
        return "a LossScaleOptimizer's state is nested in Keras 3";
    return {};
}

void write_optimizer(Writer& writer, Builder& builder, const Model& model, const SaveOptions& options,
                     Report& report) {
    if (!model.optimizer) return;
    const Optimizer& optimizer = *model.optimizer;
    if (!options.include_optimizer) {
        for (const OptimizerVariable& variable : optimizer.variables) {
            report.add(ReportEntry::Kind::skipped, source_name(variable.value), {}, "left out as asked");
        }
        return;
    }
    const bool own = model.producer.dialect == dialect;
    if (const std::string obstacle = optimizer_obstacle(optimizer); !obstacle.empty()) {
        return report_dropped(report, optimizer, obstacle);
    }
    const Builder::Id group = builder.group(builder.root(), optimizer_group);
    builder.group(group, vars_group);
    for (const Tree::Member& named : optimizer.config[group_names_key].members()) {
        const Builder::Id vars = builder.groups(group, join(named.first, vars_group));
        if (named.second.is_string()) {
            builder.attribute(vars, "name", named.second.as_string(), Builder::Charset::utf8);
        }
    }
    for (std::size_t i = 0; i < optimizer.variables.size(); ++i) {
        const OptimizerVariable& variable = optimizer.variables[i];
        if (variable.value.empty()) continue;
        const std::string key = own ? variable.stored_key : join(vars_group, std::to_string(i));
        writer.dataset(group, key, variable.value);
        report.add(ReportEntry::Kind::matched, source_name(variable.value), join(optimizer_group, key));
    }
}

/// What it takes to find the groups and names of many layers is given back before the file is laid out.
void build(Builder& builder, const Model& model, const SaveOptions& options, Report& report) {
    Model guessed;
    const std::vector<V3Group> groups = groups_of(model, guessed);
    const Model& source = guessed.has_layers() ? guessed : model;
    Writer writer(builder, source, report);
    for (const V3Group& group : groups)
        writer.write(group);
    write_optimizer(writer, builder, model, options, report);
}

}  // namespace

PlannedFile lower(const Model& model, std::string file_name, const SaveOptions& options, Report& report) {
    Builder builder;
    build(builder, model, options, report);
    report_dropped(report, model, Part::metric, "Keras 3 stores no metric state", false);
    report_dropped(report, model, Part::loose, "no layer owns it, and Keras stores layers only", true);
    if (!model.config.is_null()) report.note("the model's config stays behind: a weights file holds none");
    return builder.plan(std::move(file_name));
}

}  // namespace ballast::keras_v3
