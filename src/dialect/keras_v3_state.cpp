// SPDX-License-Identifier: Apache-2.0
// Lifting the Keras 3 layout: optimizer state, metric state, and the order of the steps.
#include <utility>

#include "ballast/error.h"
#include "dialect/hdf5_objects.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_parts.h"
#include "dialect/keras_v3_tree.h"

namespace ballast::keras_v3 {
namespace {

using layout::Framework;

/// All datasets below `group`, paths relative to it in natural order, own `vars` before nested groups.
std::vector<Variable> state_below(const hdf5::File& file, hdf5::ObjectId group, Lifting& lifting) {
    std::vector<Variable> state;
    std::vector<std::pair<hdf5::ObjectId, std::string>> pending = {{group, ""}};
    const auto refuse = [&](const hdf5::Object& link) {
        lifting.problems.push_back(link_problem(file, link));
    };
    while (!pending.empty()) {
        const auto [current, prefix] = std::move(pending.back());
        pending.pop_back();
        const hdf5::ObjectId vars = vars_of(file, current);
        if (vars != hdf5::no_object) {
            for (Variable& variable : variables_below(file, vars, refuse)) {
                state.push_back({prefix + std::string(vars_group) + "/" + variable.key, variable.dataset});
            }
        }
        for (const hdf5::ObjectId child : child_groups(file, current)) {
            if (child != vars) pending.emplace_back(child, prefix + file.object(child).name + "/");
        }
    }
    return state;
}

/// The `name` attributes of the optimizer's groups: {"": "loss_scale_optimizer", "inner_optimizer": "adam"};
/// null for a group without one.
Tree group_names(const hdf5::File& file, hdf5::ObjectId optimizer) {
    Tree names = Tree::object();
    std::vector<std::pair<hdf5::ObjectId, std::string>> pending = {{optimizer, ""}};
    while (!pending.empty()) {
        const auto [group, path] = std::move(pending.back());
        pending.pop_back();
        const hdf5::ObjectId vars = vars_of(file, group);
        if (vars != hdf5::no_object) {
            const auto name = text_attribute(file, vars, "name");
            names.set(path, name ? Tree(*name) : Tree());
        }
        for (const hdf5::ObjectId child : child_groups(file, group)) {
            const std::string& name = file.object(child).name;
            if (child != vars) pending.emplace_back(child, path.empty() ? name : path + "/" + name);
        }
    }
    return names;
}

/// Keras 3 stores a scalar learning rate behind the iteration; tf_keras none.
bool has_learning_rate(const hdf5::File& file) {
    const hdf5::ObjectId rate = file.find(0, "optimizer/vars/1");
    if (rate == hdf5::no_object || file.object(rate).kind != hdf5::ObjectKind::dataset) return false;
    return file.dataset(rate).shape.rank() == 0 && info(file.dataset(rate).dtype).cls == DTypeClass::floating;
}

/// Optimizers count their steps in their first variable.
bool counts_steps(const hdf5::File& file, hdf5::ObjectId group) {
    const hdf5::ObjectId first = file.find(group, "vars/0");
    if (first == hdf5::no_object || file.object(first).kind != hdf5::ObjectKind::dataset) return false;
    const hdf5::Dataset& dataset = file.dataset(first);
    return !dataset.problem && dataset.shape.rank() == 0 && info(dataset.dtype).cls == DTypeClass::integer;
}

Tree metadata_of(const Lifting& lifting) {
    Tree metadata = Tree::object();
    metadata.set("flavor", lifting.model.producer.flavor);
    if (!lifting.model.layers[0].name.empty()) metadata.set("model_name", lifting.model.layers[0].name);
    return metadata;
}

}  // namespace

bool is_state_group(const hdf5::File& file, hdf5::ObjectId group) {
    const hdf5::Object& object = file.object(group);
    if (object.kind != hdf5::ObjectKind::group || !is_root_part(object.name)) return false;
    if (object.parent == 0) return true;
    return file.find(object.parent, layers_group) != hdf5::no_object ||
           file.find(object.parent, old_layers_group) != hdf5::no_object ||
           (object.name == optimizer_group && counts_steps(file, group));
}

bool is_within_state(const hdf5::File& file, hdf5::ObjectId group) {
    while (group != hdf5::no_object) {
        if (is_state_group(file, group)) return true;
        group = file.object(group).parent;
    }
    return false;
}

Framework framework_of(const hdf5::File& file) {
    for (const hdf5::Object& object : file.objects()) {
        if (object.name == vars_group && file.attribute(file.id_of(object), "name")) return Framework::keras3;
    }
    return has_learning_rate(file) ? Framework::keras3 : Framework::tf_keras;
}

void lift_optimizer(const hdf5::File& file, Lifting& lifting, Framework framework) {
    const hdf5::ObjectId group = file.find(0, optimizer_group);
    if (group == hdf5::no_object || file.object(group).kind != hdf5::ObjectKind::group) return;
    Optimizer& optimizer = lifting.model.optimizer.emplace();
    optimizer.flavor = framework == Framework::keras3 ? "keras3" : "tf_keras";
    optimizer.config.set(group_names_key, group_names(file, group));
    for (const Variable& variable : state_below(file, group, lifting)) {
        try {
            TensorInfo tensor = tensor_of(file, variable.dataset);
            lifting.add_optimizer_variable({{}, variable.key, "", ""}, std::move(tensor));
        } catch (Error& error) {
            lifting.problems.push_back(std::move(error));
        }
    }
}

namespace {

void add_state(const hdf5::File& file, hdf5::ObjectId group, Part part, Lifting& lifting) {
    for (const Variable& variable : state_below(file, group, lifting)) {
        try {
            TensorInfo tensor = tensor_of(file, variable.dataset);
            tensor.part = part;
            std::string name = tensor.stored_name;
            lifting.add_loose(std::move(name), std::move(tensor));
        } catch (Error& error) {
            lifting.problems.push_back(std::move(error));
        }
    }
}

}  // namespace

void lift_metrics(const hdf5::File& file, Lifting& lifting) {
    const hdf5::ObjectId group = file.find(0, metrics_group);
    if (group == hdf5::no_object || file.object(group).kind != hdf5::ObjectKind::group) return;
    add_state(file, group, Part::metric, lifting);
}

void lift_inner_state(const hdf5::File& file, Lifting& lifting) {
    for (const hdf5::Object& object : file.objects()) {
        const hdf5::ObjectId group = file.id_of(object);
        if (object.parent == 0 || !is_state_group(file, group) || is_within_state(file, object.parent))
            continue;
        add_state(file, group, object.name == optimizer_group ? Part::optimizer : Part::metric, lifting);
    }
}

namespace {

/// Along a config. Files of Keras 3.0 to 3.5 bear no names, like those of tf_keras: where one framework's
/// paths do not fit, the other's may. Returns the one that did.
Framework lift_along(const hdf5::File& file, Lifting& lifting, Framework framework,
                     const OpenOptions& options) {
    try {
        lift_by_config(file, lifting, framework, options);
        return framework;
    } catch (const Error& error) {
        if (framework != Framework::tf_keras || error.code() != ErrorCode::ambiguous_mapping) throw;
        Lifting other;
        try {
            lift_by_config(file, other, Framework::keras3, options);
        } catch (const Error&) {
            throw Error(error);
        }
        lifting = std::move(other);
        return Framework::keras3;
    }
}

}  // namespace

ArchiveContents lift(const hdf5::File& file, const OpenOptions& options, Surroundings around) {
    Lifting lifting;
    Framework framework = around.writer ? *around.writer : framework_of(file);
    const bool along_config = !options.config.is_null();
    if (along_config && around.writer) {
        lift_by_config(file, lifting, framework, options);
    } else if (along_config) {
        framework = lift_along(file, lifting, framework, options);
    } else {
        lift_by_keys(file, lifting, framework);
    }
    lifting.model.producer.dialect = dialect;
    lifting.model.producer.flavor = framework == Framework::keras3 ? "keras3" : "tf_keras";
    lift_optimizer(file, lifting, framework);
    lift_metrics(file, lifting);
    lift_inner_state(file, lifting);
    lifting.blobs = std::move(around.assets);
    lifting.warnings.insert(lifting.warnings.end(), file.warnings().begin(), file.warnings().end());
    add_file_problems(file, lifting.problems);
    Tree metadata = metadata_of(lifting);
    ArchiveContents contents =
        lifting.finish(along_config ? Lifting::IndexOrder::as_bound : Lifting::IndexOrder::natural);
    contents.kind = "weights";
    contents.used_config = along_config;
    contents.metadata = std::move(metadata);
    return contents;
}

}  // namespace ballast::keras_v3
