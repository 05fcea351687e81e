// SPDX-License-Identifier: Apache-2.0
// Lifting a legacy file: its lists joined with a config, or taken as they are.
#include <algorithm>
#include <map>
#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "core/text.h"
#include "dialect/hdf5_objects.h"
#include "dialect/keras_legacy.h"
#include "dialect/keras_legacy_align.h"
#include "dialect/keras_legacy_file.h"
#include "dialect/keras_legacy_keras1.h"
#include "dialect/lifting.h"
#include "model/config.h"
#include "model/foreign_weights.h"
#include "model/migrate/migrate.h"
#include "model/naming.h"
#include "model/optimizer_historic.h"
#include "model/optimizer_order.h"
#include "model/order.h"

namespace ballast::keras_legacy {
namespace {

using layout::Framework;

Tree parse_json(const std::string& text, const hdf5::File& file, const OpenOptions& options,
                std::string_view attribute) {
    if (text.empty()) return {};
    return json::parse(text, options.limits, file.path() + " (attribute " + std::string(attribute) + ")");
}

class Lift {
public:
    Lift(const hdf5::File& file, const OpenOptions& options)
        : file_(file), options_(options), stored_(read_contents(file)) {}

    ArchiveContents run() {
        const Tree own_config = parse_json(stored_.model_config, file_, options_, "model_config");
        Tree training_config = parse_json(stored_.training_config, file_, options_, "training_config");
        framework_ = stored_.keras_version.starts_with("3.") ? Framework::keras3 : Framework::tf_keras;
        lift_layers(own_config);
        Model& model = lifting_.model;
        model.config = own_config;
        model.training_config = std::move(training_config);
        model.producer = {std::string(dialect), framework_ == Framework::keras3 ? "keras3" : "tf_keras",
                          stored_.keras_version, stored_.backend};
        lift_optimizer();
        lift_strays();
        lifting_.warnings.insert(lifting_.warnings.end(), file_.warnings().begin(), file_.warnings().end());
        lifting_.warnings.insert(lifting_.warnings.end(), stored_.warnings.begin(), stored_.warnings.end());
        lifting_.problems = std::move(stored_.problems);
        add_file_problems(file_, lifting_.problems);
        Tree metadata = metadata_tree();
        ArchiveContents contents = lifting_.finish(Lifting::IndexOrder::as_bound);
        restate(contents);
        contents.kind = own_config.is_null() ? "weights" : "model";
        contents.metadata = std::move(metadata);
        contents.used_config = !options_.config.is_null();
        return contents;
    }

private:
    void lift_layers(const Tree& own_config) {
        if (!options_.config.is_null()) return lift_along_given();
        if (own_config.is_null()) return lift_as_stored();
        try {
            lift_along(own_config, file_.path() + " (attribute model_config)");
        } catch (const Error& error) {
            // A custom model's own config may be beyond us; its weights are still there, under their names.
            if (error.kind() != ErrorKind::refused && error.code() != ErrorCode::damaged) throw;
            lifting_ = Lifting();
            gates_.clear();
            weight_names_.clear();
            lifting_.warnings.push_back("the model's config was not used: " + error.message());
            lift_as_stored();
        }
    }

    bool keras1() const { return is_keras1(stored_.keras_version); }

    /// Keras 1 spelled its configs otherwise; as Keras 3 writes them they tell more of the same.
    Tree readable(const Tree& config, const std::string& where) const {
        if (!keras1() || config_framework(config) == Framework::keras3) return config;
        migrate::Options migration;
        migration.keras_version = stored_.keras_version;
        migration.where = where;
        migration.limits = options_.limits;
        migrate::Migrated migrated = migrate::migrate_to_keras3(config, migration);
        return migrated.complete() ? std::move(migrated.config) : config;
    }

    /// Slots have the arrangement of their weights, as the file has it.
    static void leave_old_slots(ArchiveContents& contents) {
        Model& model = *contents.model;
        if (!model.optimizer || model.optimizer->variables.empty()) return;
        const bool changed = std::ranges::any_of(model.layers, [](const Layer& layer) {
            return std::ranges::any_of(layer.weights, [](const Weight& weight) {
                return !weight.value.empty() && !weight.value.is_identity();
            });
        });
        if (!changed) return;
        contents.warnings.emplace_back(old_arrangement);
        model.optimizer.reset();
    }

    /// Values in the arrangement that the layers have since Keras 2.
    void restate(ArchiveContents& contents) {
        Model& model = *contents.model;
        if (!along_config_) {
            if (is_of_theano(stored_))
                contents.warnings.push_back(
                    "the Theano backend wrote this file: its convolution kernels are mirrored; convert with "
                    "--from-backend theano");
            return;
        }
        join_gates(model, gates_);
        if (keras1()) restate_kernels(model);
        if (is_of_theano(stored_)) {
            model.producer.backend = "theano";
            if (const std::size_t count = mirror_kernels(model); count != 0)
                contents.warnings.push_back("the Theano backend wrote this file: " + std::to_string(count) +
                                            " convolution kernels were mirrored");
        }
        if (const std::size_t count = plain_recurrent_weights(model); count != 0)
            contents.warnings.push_back(std::to_string(count) +
                                        " recurrent layers with cuDNN's weights became plain ones");
        if (const std::size_t count = cudnn_recurrent_weights(model); count != 0)
            contents.warnings.push_back(std::to_string(count) +
                                        " plain recurrent layers got cuDNN's arrangement of weights");
        leave_old_slots(contents);
        if (keras1() && has_running_std())
            contents.warnings.push_back(
                "Keras 1 called it running_std and used it as the variance, since 1.0: it is taken as that");
    }

    bool has_running_std() const {
        const auto named = [](const StoredWeight& weight) {
            return role_path("", weight.name).ends_with("running_std");
        };
        return std::ranges::any_of(stored_.layers, [&](const StoredLayer& layer) {
            return std::ranges::any_of(layer.weights, named);
        });
    }

    /// An error names the config too: it is the more likely culprit.
    void lift_along_given() {
        try {
            lift_along(options_.config, options_.config_path);
        } catch (const Error& error) {
            if (error.path() == options_.config_path || options_.config_path.empty()) throw;
            Error told(error.code(), error.message() + " (config: " + options_.config_path + ")");
            throw std::move(told).in(file_.path()).tensor(error.tensor()).hint(error.hint());
        }
    }

    void lift_along(const Tree& config, const std::string& where) {
        ConfigOptions config_options;
        config_options.limits = options_.limits;
        config_options.where = where;
        config_options.notes = &lifting_.warnings;
        Model& model = lifting_.model;
        model = model_from_config(readable(config, where), config_options);
        drop_left_out(model, framework_, &layout::OwnWeight::not_in_legacy);
        const Pairing pairing = pair_layers(model, stored_.layers, framework_);
        if (pairing.by_order) {
            lifting_.warnings.push_back(
                "the layer names of the config differ from the file's; matched in order, as Keras does");
        }
        std::vector<Alignment> alignments(stored_.layers.size());
        for (std::size_t i = 0; i < stored_.layers.size(); ++i) {
            const LayerId id = pairing.layers[i];
            if (id == no_layer) continue;
            alignments[i] = align(model, id, stored_.layers[i], framework_, keras1());
            if (alignments[i].thawed) thaw(id);
            gates_.insert(gates_.end(), alignments[i].gates.begin(), alignments[i].gates.end());
        }
        for (std::size_t i = 0; i < stored_.layers.size(); ++i)
            bind_layer(pairing.layers[i], stored_.layers[i], alignments[i]);
        check_all_bound(model, pairing);
        add_top_level();
        along_config_ = true;
    }

    /// The weights were saved while every layer was trainable: the model now says so.
    void thaw(LayerId top) {
        std::vector<LayerId> pending = {top};
        std::vector<bool> seen(lifting_.model.layers.size());
        while (!pending.empty()) {
            const LayerId id = pending.back();
            pending.pop_back();
            if (seen[id]) continue;
            seen[id] = true;
            lifting_.model.layers[id].trainable = true;
            for (const Edge& edge : lifting_.model.layers[id].edges)
                pending.push_back(edge.child);
        }
    }

    void bind_layer(LayerId id, const StoredLayer& stored, const Alignment& alignment) {
        if (id == no_layer) return;
        lifting_.model.layers[id].stored_key = stored.name;
        for (std::size_t i = 0; i < alignment.entries.size(); ++i) {
            const LegacyEntry& entry = alignment.entries[i];
            Weight& weight = lifting_.model.layers[entry.weight.layer].weights[entry.weight.weight];
            weight.stored_key = stored.weights[i].name;
            weight.stored_place = static_cast<std::uint32_t>(i + 1);
            lifting_.bind(entry.weight.layer, entry.weight.weight, stored.weights[i].tensor);
            for (const WeightRef& copy : entry.copies)
                lifting_.bind_copy(copy.layer, copy.weight);
            weight_names_.emplace(stored.weights[i].name, entry.weight);
        }
    }

    void check_all_bound(const Model& model, const Pairing& pairing) const {
        std::vector<bool> paired(model.layers.size());
        for (const LayerId id : pairing.layers) {
            if (id != no_layer) paired[id] = true;
        }
        for (const LayerId id : legacy_layers(model, framework_)) {
            if (paired[id] || flatten_legacy(model, id, framework_).empty()) continue;
            throw Error(ErrorCode::ambiguous_mapping, "the config's layer '" + model.layers[id].name +
                                                          "' has weights, the file has none for it")
                .in(file_.path())
                .hint("give the config of the very model that wrote this file: --config MODEL.json");
        }
    }

    void lift_as_stored() {
        lifting_.model.layers.emplace_back();
        for (const StoredLayer& stored : stored_.layers) {
            const LayerId id = lifting_.add_layer(lifting_.model.root, Edge::Kind::container, "");
            lifting_.model.layers[id].name = stored.name;
            lifting_.model.layers[id].stored_key = stored.name;
            for (const StoredWeight& weight : stored.weights) {
                weight_names_.emplace(
                    weight.name,
                    WeightRef{id, static_cast<std::uint32_t>(lifting_.model.layers[id].weights.size())});
                Weight own;
                own.role = role_path(stored.name, weight.name);
                own.stored_key = weight.name;
                lifting_.add_weight(id, std::move(own), weight.tensor);
            }
        }
        add_top_level();
    }

    void add_top_level() {
        for (const StoredWeight& weight : stored_.top_level) {
            Weight own;
            own.role = base_name(weight.name);
            own.stored_key = weight.name;
            lifting_.add_weight(lifting_.model.root, std::move(own), weight.tensor);
        }
    }

    void lift_optimizer() {
        if (stored_.optimizer.empty()) return;
        Model& model = lifting_.model;
        Optimizer& optimizer = model.optimizer.emplace();
        optimizer.flavor = model.producer.flavor;
        optimizer.config = model.training_config["optimizer_config"];
        optimizer.class_name = plain_class(optimizer.config["class_name"].as_string());
        const auto names = canonical_weight_names(model);
        for (const StoredWeight& stored : stored_.optimizer)
            name_slot(stored.name, names, optimizer.variables.emplace_back());
        if (is_historic(optimizer, stored_.keras_version)) name_by_place(names);
        std::vector<OptimizerVariable> variables = std::exchange(optimizer.variables, {});
        for (std::size_t i = 0; i < variables.size(); ++i)
            lifting_.add_optimizer_variable(std::move(variables[i]), stored_.optimizer[i].tensor);
    }

    /// Old optimizers' variables have no names of weights; where they stand tells.
    void name_by_place(const std::vector<std::vector<std::string>>& names) {
        const Model& model = lifting_.model;
        std::map<std::pair<LayerId, std::uint32_t>, const StoredWeight*> stored;
        for (const StoredLayer& layer : stored_.layers) {
            for (const StoredWeight& weight : layer.weights) {
                const auto found = weight_names_.find(weight.name);
                if (found != weight_names_.end())
                    stored.emplace(std::pair(found->second.layer, found->second.weight), &weight);
            }
        }
        std::vector<TrainedWeight> weights;
        for (const WeightRef& ref : trainable_weights(model, Framework::tf_keras)) {
            const auto found = stored.find({ref.layer, ref.weight});
            if (found == stored.end()) continue;
            weights.push_back(
                {names[ref.layer][ref.weight], found->second->name, found->second->tensor.shape});
        }
        std::vector<Shape> shapes;
        for (const StoredWeight& variable : stored_.optimizer)
            shapes.push_back(variable.tensor.shape);
        std::string reason =
            along_config_ ? name_historic_slots(*lifting_.model.optimizer, shapes, weights, model.producer)
                          : "the model's layers are not known";
        if (!reason.empty())
            lifting_.warnings.push_back("the optimizer state belongs to no weight for sure: " + reason);
    }

    /// "Adam/m/conv1/kernel:0" is the slot m of the weight stored as "conv1/kernel:0"; "iteration:0" a
    /// variable of its own.
    void name_slot(const std::string& name, const std::vector<std::vector<std::string>>& names,
                   OptimizerVariable& variable) {
        variable.stored_key = name;
        if (name == "iteration:0") variable.slot = "iteration";
        const std::size_t class_end = name.find('/');
        const std::size_t slot_end =
            class_end == std::string::npos ? class_end : name.find('/', class_end + 1);
        if (slot_end == std::string::npos) return;
        const auto weight = weight_names_.find(name.substr(slot_end + 1));
        if (weight == weight_names_.end()) return;
        variable.slot = name.substr(class_end + 1, slot_end - class_end - 1);
        variable.of_weight = names[weight->second.layer][weight->second.weight];
    }

    void lift_strays() {
        for (TensorInfo& tensor : stored_.strays) {
            std::string name = tensor.stored_name;
            lifting_.add_loose(std::move(name), std::move(tensor));
        }
        if (!stored_.strays.empty()) {
            lifting_.warnings.push_back(std::to_string(stored_.strays.size()) +
                                        " datasets stand in no list of names; Keras ignores them");
        }
    }

    Tree metadata_tree() const {
        Tree metadata = Tree::object();
        if (!stored_.keras_version.empty()) metadata.set("keras_version", stored_.keras_version);
        if (!stored_.backend.empty()) metadata.set("backend", stored_.backend);
        const Model& model = lifting_.model;
        if (!model.config.is_null()) {
            metadata.set("model_class", model.config["class_name"]);
            metadata.set("model_name", model.config["config"]["name"]);
        }
        if (!model.training_config.is_null()) {
            metadata.set("optimizer", model.training_config["optimizer_config"]["class_name"]);
        }
        return metadata;
    }

    const hdf5::File& file_;
    const OpenOptions& options_;
    Contents stored_;
    Framework framework_ = Framework::tf_keras;
    Lifting lifting_;
    bool along_config_ = false;  ///< layers have classes
    std::vector<Gates> gates_;
    std::map<std::string, WeightRef, std::less<>> weight_names_;
};

}  // namespace

ArchiveContents lift(const hdf5::File& file, const OpenOptions& options) {
    return Lift(file, options).run();
}

}  // namespace ballast::keras_legacy
