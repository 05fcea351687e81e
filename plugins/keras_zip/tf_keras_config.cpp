// SPDX-License-Identifier: Apache-2.0
// From the config of an .h5 to that of a .keras of tf_keras, see tf_keras_config.h.
#include "tf_keras_config.h"

#include <string>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "dialect/keras_legacy.h"
#include "dialect/keras_legacy_keras1.h"
#include "dialect/keras_legacy_whole.h"
#include "model/config.h"
#include "model/optimizer_order.h"

namespace ballast::keras_zip {
namespace {

constexpr std::string_view legacy_module = "keras.optimizers.legacy", scaling_class = "LossScaleOptimizer",
                           scaling_module = "keras.src.mixed_precision.loss_scale_optimizer",
                           functional_module = "keras.src.engine.functional";

void set_module(Tree& node, std::string_view module) {
    node.set("module", module);
    node.set("registered_name", Tree());
}

/// "Package>Name" is found by that name alone; all else by its module.
bool is_registered(std::string_view class_name) {
    return class_name.find('>') != std::string_view::npos && !class_name.starts_with("Custom>");
}

Tree optimizer_node(const Tree& stored) {
    const std::string name(stored["class_name"].as_string());
    Tree node = Tree::object();
    node.set("class_name", plain_class(name));
    node.set("config", stored["config"]);
    if (is_registered(name)) {
        node.set("module", Tree());
        node.set("registered_name", name);
        return node;
    }
    const bool fresh =
        name.starts_with("Custom>") || !stored["config"]["is_legacy_optimizer"].as_bool().value_or(true);
    if (name.starts_with(scaling_class))
        set_module(node, scaling_module);
    else
        set_module(node, fresh ? "keras.optimizers" : legacy_module);
    return node;
}

/// Every object of a structure of losses or metrics gets the module, unless it has one.
Tree with_module(Tree structure, std::string_view module) {
    std::vector<Tree*> pending = {&structure};
    while (!pending.empty()) {
        Tree& tree = *pending.back();
        pending.pop_back();
        if (tree["class_name"].is_string()) {
            const std::string name(tree["class_name"].as_string());
            if (tree.find("module") != nullptr) continue;
            if (is_registered(name))
                tree.set("registered_name", name);
            else
                set_module(tree, module);
            continue;
        }
        if (tree.is_array()) {
            for (Tree& item : tree.mutable_items())
                pending.push_back(&item);
        }
        if (!tree.is_object()) continue;
        for (Tree::Member& member : tree.mutable_members())
            pending.push_back(&member.second);
    }
    return structure;
}

/// An .h5 lists the metrics of every output, also of one alone; compile() takes those of one as they are.
Tree flattened(const Tree& metrics) {
    const bool one = metrics.is_array() && metrics.items().size() == 1 && metrics.items().front().is_array();
    return one ? metrics.items().front() : metrics;
}

Tree compile_config(const Tree& training) {
    Tree compiled = Tree::object();
    compiled.set("optimizer", optimizer_node(training["optimizer_config"]));
    compiled.set("loss", with_module(training["loss"], "keras.losses"));
    for (const std::string_view key : {"metrics", "weighted_metrics"})
        compiled.set(key, with_module(flattened(training[key]), "keras.metrics"));
    compiled.set("loss_weights", training["loss_weights"]);
    return compiled;
}

void require_keras2(const Model& model) {
    if (config_framework(model.config) == layout::Framework::keras3)
        throw Error(ErrorCode::unsupported,
                    "the model's config is one of Keras 3, which tf_keras does not open")
            .hint("leave --flavor out");
    const Producer& producer = model.producer;
    if (producer.dialect == keras_legacy::dialect && keras_legacy::is_keras1(producer.keras_version))
        throw Error(ErrorCode::unsupported, "tf_keras opens no config of Keras 1")
            .hint("convert to .keras first, without --flavor, and that one with --flavor tf_keras");
}

}  // namespace

Tree tf_keras_config(const Model& model) {
    require_keras2(model);
    if (model.config.find("module") != nullptr) return model.config;
    const keras_legacy::WholeConfigs whole = keras_legacy::whole_configs(model, layout::Framework::tf_keras);
    const std::string name(whole.model["class_name"].as_string());
    Tree config = Tree::object();
    const bool sequential = name == "Sequential";
    const bool functional = name == "Functional" || name == "Model";
    config.set("module", sequential ? Tree("keras") : functional ? Tree(functional_module) : Tree());
    config.set("class_name", functional ? Tree("Functional") : Tree(plain_class(name)));
    config.set("config", whole.model["config"]);
    config.set("registered_name", sequential ? Tree() : functional ? Tree("Functional") : Tree(name));
    if (whole.training["optimizer_config"]["class_name"].is_string())
        config.set("compile_config", compile_config(whole.training));
    return config;
}

bool is_legacy_optimizer(const Tree& optimizer) {
    return optimizer["module"].as_string() == legacy_module;
}

bool is_loss_scaling(const Tree& optimizer) {
    return optimizer["class_name"].as_string().starts_with(scaling_class);
}

}  // namespace ballast::keras_zip
