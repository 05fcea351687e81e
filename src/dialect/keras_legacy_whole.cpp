// SPDX-License-Identifier: Apache-2.0
// Configs and optimizer state of whole-model files, see keras_legacy_whole.h.
#include "dialect/keras_legacy_whole.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "dialect/output_metrics.h"
#include "model/optimizer_nested.h"
#include "model/optimizer_order.h"

namespace ballast::keras_legacy {
namespace {

using layout::Framework;

bool is_node(const Tree& tree) {
    return tree["class_name"].is_string();
}

/// tf_keras looks classes of the user's own up by "Package>Name", which its .keras files keep beside the
/// name, and knows no arrays in an .h5: an initializer takes lists as well.
void fit_to_loader(Tree& config) {
    std::vector<Tree*> pending = {&config};
    while (!pending.empty()) {
        Tree& tree = *pending.back();
        pending.pop_back();
        if (tree.is_array()) {
            for (Tree& item : tree.mutable_items())
                pending.push_back(&item);
        }
        if (!tree.is_object()) continue;
        if (tree["class_name"].as_string() == "__numpy__") {
            tree = Tree(tree["config"]["value"]);
            continue;
        }
        const std::string registered(tree["registered_name"].as_string());
        if (is_node(tree) && registered.find('>') != std::string::npos) tree.set("class_name", registered);
        for (Tree::Member& member : tree.mutable_members())
            pending.push_back(&member.second);
    }
}

/// tf_keras' new optimizers are registered under "Custom>"; those of its mixed precision are not.
std::string optimizer_class(const Tree& node, Framework framework) {
    const std::string_view name = node["class_name"].as_string();
    const std::string_view registered = node["registered_name"].as_string();
    if (registered.find('>') != std::string_view::npos) return std::string(registered);
    const auto legacy = node["config"]["is_legacy_optimizer"].as_bool();
    const bool fresh = framework == Framework::tf_keras && legacy && !*legacy;
    return fresh && name.find('>') == std::string_view::npos ? "Custom>" + std::string(name)
                                                             : std::string(name);
}

/// Short names of losses and metrics. Keras 3's reader of .h5 files knows no loss by them, although its
/// writer stores them, and gives a metric the name of its class.
struct ShortName {
    std::string_view text, function, metric_class;
};
constexpr ShortName short_names[] = {
    {"mse", "mean_squared_error", "MeanSquaredError"},
    {"MSE", "mean_squared_error", "MeanSquaredError"},
    {"mae", "mean_absolute_error", "MeanAbsoluteError"},
    {"MAE", "mean_absolute_error", "MeanAbsoluteError"},
    {"mape", "mean_absolute_percentage_error", "MeanAbsolutePercentageError"},
    {"MAPE", "mean_absolute_percentage_error", "MeanAbsolutePercentageError"},
    {"msle", "mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"},
    {"MSLE", "mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"},
    {"bce", "binary_crossentropy", "BinaryCrossentropy"},
    {"BCE", "binary_crossentropy", "BinaryCrossentropy"},
    {"kld", "kl_divergence", "KLDivergence"},
    {"KLD", "kl_divergence", "KLDivergence"},
};

Tree metric_node(std::string_view class_name, const Tree& name) {
    Tree config = Tree::object();
    config.set("name", name);
    config.set("dtype", "float32");
    Tree node = Tree::object();
    node.set("class_name", class_name);
    node.set("config", std::move(config));
    return node;
}

Tree keras3_loss(const Tree& text) {
    const auto* found = std::ranges::find(short_names, text.as_string(), &ShortName::text);
    return found == std::end(short_names) ? text : Tree(found->function);
}

Tree keras3_metric(const Tree& text) {
    const auto* found = std::ranges::find(short_names, text.as_string(), &ShortName::text);
    return found == std::end(short_names) ? text : metric_node(found->metric_class, text);
}

/// A metric given as text keeps the text as its name; tf_keras names a bare function after the function. The
/// texts whose meaning hangs on the outputs' shapes stay.
Tree tf_keras_metric(const Tree& text) {
    constexpr std::string_view by_shape[] = {"accuracy", "acc", "crossentropy", "ce"};
    if (std::ranges::find(by_shape, text.as_string()) != std::end(by_shape)) return text;
    Tree node = metric_node("MeanMetricWrapper", text);
    node.find("config")->set("fn", text);
    return node;
}

/// Every text of a structure of losses or metrics replaced; its lists, dictionaries and objects stay.
Tree with_texts(const Tree& structure, Tree (*replaced)(const Tree&)) {
    Tree result = structure;
    std::vector<Tree*> pending = {&result};
    while (!pending.empty()) {
        Tree& tree = *pending.back();
        pending.pop_back();
        if (tree.is_string()) tree = replaced(tree);
        if (is_node(tree)) continue;
        if (tree.is_array()) {
            for (Tree& item : tree.mutable_items())
                pending.push_back(&item);
        }
        if (!tree.is_object()) continue;
        for (Tree::Member& member : tree.mutable_members())
            pending.push_back(&member.second);
    }
    return result;
}

Tree training_from(const Tree& compiled, const std::vector<std::string>& outputs, Framework framework) {
    // Without an optimizer neither loader compiles the model.
    const Tree& optimizer = compiled["optimizer"];
    if (!is_node(optimizer)) return {};
    Tree training = Tree::object();
    if (framework == Framework::keras3) {
        for (const auto& [key, value] : compiled.members())
            if (key != "optimizer") training.set(key, value);
        training.set("loss", with_texts(compiled["loss"], keras3_loss));
        training.set("metrics", with_texts(compiled["metrics"], keras3_metric));
        training.set("weighted_metrics", with_texts(compiled["weighted_metrics"], keras3_metric));
    } else {
        training.set("loss", compiled["loss"]);
        for (const std::string_view key : {"metrics", "weighted_metrics"})
            training.set(key, metrics_by_output(with_texts(compiled[key], tf_keras_metric), outputs));
        training.set("loss_weights", compiled["loss_weights"]);
    }
    Tree& config = training.set("optimizer_config", Tree::object());
    config.set("class_name", optimizer_class(optimizer, framework));
    config.set("config", optimizer["config"]);
    return training;
}

/// Both frameworks list the variables of an optimizer within another among the outer one's, so the inner
/// one's own list holds nothing new.
bool is_inner(const OptimizerVariable& variable) {
    return variable.stored_key.find("/vars/") != std::string::npos;
}

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Names are for people; the loaders go by position.
class Names {
public:
    Names(const Optimizer& optimizer, Framework framework)
        : keras3_(framework == Framework::keras3),
          class_(optimizer.class_name.empty() ? "optimizer" : optimizer.class_name) {}

    std::string of(const OptimizerVariable& variable, std::size_t position) {
        std::string name = keras3_ ? keras3(variable, position) : tf_keras(variable, position);
        if (!used_.insert(name).second) name += "_" + std::to_string(position);
        used_.insert(name);
        return name;
    }

private:
    std::string keras3(const OptimizerVariable& variable, std::size_t position) const {
        const std::string scope = lower_case(class_) + "/";
        const bool scalar = variable.value.shape().rank() == 0;
        if (position == 0 && scalar) return scope + "iteration";
        const bool rate = scalar && info(variable.value.dtype()).cls == DTypeClass::floating;
        if (position == 1 && rate) return scope + "learning_rate";
        return scope + "variable_" + std::to_string(position);
    }

    std::string tf_keras(const OptimizerVariable& variable, std::size_t position) const {
        if (position == 0 && variable.value.shape().rank() == 0) return "iteration:0";
        if (!variable.of_weight.empty())
            return class_ + "/" + variable.slot + "/" + variable.of_weight + ":0";
        return class_ + "/variable_" + std::to_string(position) + ":0";
    }

    bool keras3_;
    std::string class_;
    std::unordered_set<std::string> used_;
};

/// A legacy optimizer's names tell what it is, here and in tf_keras: "Adam/iter:0", "Adam/dense/kernel/m:0".
void name_legacy(const Optimizer& optimizer, WholeOptimizer& result) {
    for (OptimizerVariable& variable : result.variables) {
        const std::string slot = variable.slot == "iteration" ? "iter" : variable.slot;
        const std::string weight = variable.of_weight.empty() ? "" : variable.of_weight + "/";
        variable.stored_key = optimizer.class_name + "/" + weight + slot + ":0";
    }
}

void restate_as_legacy(const Optimizer& optimizer, WholeOptimizer& result) {
    RestatedOptimizer grouped = group_legacy(optimizer);
    result.reason = std::move(grouped.reason);
    result.unused = std::move(grouped.unused);
    if (!grouped.state) return;
    result.variables = std::move(grouped.state->variables);
    name_legacy(optimizer, result);
}

}  // namespace

WholeConfigs whole_configs(const Model& model, Framework framework) {
    WholeConfigs configs;
    configs.training = model.training_config;
    const Tree& compiled = model.config["compile_config"];
    if (configs.training.is_null() && compiled.is_object())
        configs.training = training_from(compiled, output_names(model.config), framework);
    configs.model = Tree::object();
    configs.model.set("class_name", model.config["class_name"]);
    configs.model.set("config", model.config["config"]);
    if (framework == Framework::tf_keras) fit_to_loader(configs.model);
    return configs;
}

WholeOptimizer whole_optimizer(const Model& model, Framework framework) {
    const Optimizer& optimizer = *model.optimizer;
    WholeOptimizer result;
    const std::string_view flavor = framework == Framework::keras3 ? "keras3" : "tf_keras";
    if (optimizer.flavor.empty()) {
        result.reason = "the order of the optimizer state is unknown";
    } else if (optimizer.flavor == "legacy" && framework == Framework::tf_keras) {
        restate_as_legacy(optimizer, result);
    } else if (optimizer.flavor == flavor) {
        for (const OptimizerVariable& variable : optimizer.variables) {
            if (is_inner(variable))
                result.copies.push_back(variable.value);
            else if (framework == Framework::tf_keras && is_beside(variable))
                result.unused.push_back(variable.value);
            else
                result.variables.push_back(variable);
        }
    } else {
        RestatedOptimizer restated = restate_optimizer(model, flavor);
        result.reason = std::move(restated.reason);
        result.unused = std::move(restated.unused);
        result.notes = std::move(restated.notes);
        result.copies = std::move(restated.read);
        if (restated.state) result.variables = std::move(restated.state->variables);
        std::erase_if(result.variables, is_inner);
    }
    if (optimizer.flavor == "legacy" && framework == Framework::tf_keras) return result;
    Names names(optimizer, framework);
    for (std::size_t i = 0; i < result.variables.size(); ++i)
        result.variables[i].stored_key = names.of(result.variables[i], i);
    return result;
}

}  // namespace ballast::keras_legacy
