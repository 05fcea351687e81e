// SPDX-License-Identifier: Apache-2.0
// The training config: optimizer, losses and metrics as Keras 3's compile_config.
#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "ballast/error.h"
#include "model/migrate/context.h"

namespace ballast::migrate {

namespace {

using table::Kind;

constexpr std::string_view optimizer_noise[] = {
    "jit_compile", "is_legacy_optimizer", "decay", "schedule_decay", "initial_decay", "lr", "dynamic"};

Place place_of(const Tree& node, std::string_view role) {
    const Tree& name = node["class_name"];
    return {"", std::string(name.is_string() ? name.as_string() : role)};
}

bool is_node(const Tree& value) {
    return value["class_name"].is_string() && value.find("config") != nullptr;
}

/// The keys that the Keras 3 class takes; the others noted.
Tree known_keys(Context& context, const Place& place, const table::KerasClass& known, const Tree& old) {
    Tree config = Tree::object();
    for (const auto& [key, value] : old.members()) {
        if (table::accepts(known, key)) {
            config.set(key, key == "dtype" ? convert_dtype(value) : plain_value(value));
        } else if (key != "fn" && !value.is_null() && !may_drop(known, key, value)) {
            context.note(NoteKind::dropped, place, "argument " + key + ", which Keras 3 does not have");
        }
    }
    return config;
}

// ---- Optimizers ----

Tree convert_schedule(Context& context, const Tree& node) {
    const Place place = place_of(node, "schedule");
    const std::string_view name = bare_class(Kind::schedule, place.class_name);
    const table::KerasClass* known = table::find_class(Kind::schedule, name);
    if (known == nullptr) return custom_node(context, place, name, node["config"]);
    Tree config = known_keys(context, place, *known, node["config"]);
    if (config["name"].is_null()) config.erase("name");
    return node_of(module_of(Kind::schedule), known->name, std::move(config));
}

/// Keras 2's `decay` divides the rate by 1 + decay * step.
Tree decaying(const Tree& rate, const Tree& decay) {
    Tree config = Tree::object();
    config.set("initial_learning_rate", rate);
    config.set("decay_steps", 1);
    config.set("decay_rate", decay);
    config.set("staircase", false);
    return node_of(module_of(Kind::schedule), "InverseTimeDecay", std::move(config));
}

void set_rate(Context& context, const Place& place, const Tree& old, Tree& config) {
    const Tree* rate = old.find("learning_rate") ? old.find("learning_rate") : old.find("lr");
    if (rate == nullptr) return;
    const Tree& decay = old.find("decay") ? old["decay"] : old["initial_decay"];
    if (is_node(*rate)) {
        config.set("learning_rate", convert_schedule(context, *rate));
    } else if (decay.as_double().value_or(0.0) != 0.0) {
        config.set("learning_rate", decaying(*rate, decay));
        context.note(NoteKind::replaced, place, "decay is an InverseTimeDecay schedule");
    } else {
        config.set("learning_rate", *rate);
    }
}

void note_steps(Context& context, const Place& place, std::string_view name, const Tree& old) {
    const bool legacy =
        old["is_legacy_optimizer"].as_bool().value_or(false) || old.find("lr") || old.find("decay");
    if (name == "Nadam")
        context.note(
            NoteKind::changed, place,
            "Keras 3 computes Nadam's schedule product by another rule: further steps differ by about 1e-3");
    if (name == "RMSprop" && legacy && old["momentum"].as_double().value_or(0.0) == 0.0)
        context.note(NoteKind::changed, place,
                     "epsilon stands inside the root in Keras 3: steps of tiny gradients differ");
    if (old["adaptive_epsilon"].as_bool().value_or(false))
        context.note(NoteKind::refused, place, "adaptive_epsilon, which Keras 3 does not have");
}

Tree convert_optimizer(Context& context, const Tree& node);

Tree convert_loss_scale(Context& context, const Place& place, const Tree& old) {
    if (!old["dynamic"].as_bool().value_or(true))
        context.note(NoteKind::refused, place, "a fixed loss scale, which Keras 3 does not have");
    Tree config = Tree::object();
    for (const std::string_view key : {"name", "initial_scale", "dynamic_growth_steps"})
        if (!old[key].is_null()) config.set(key, old[key]);
    config.set("inner_optimizer", convert_optimizer(context, old["inner_optimizer"]));
    return node_of(module_of(Kind::optimizer), "LossScaleOptimizer", std::move(config));
}

Tree convert_optimizer(Context& context, const Tree& node) {
    if (node.is_string())
        return table::renamed(table::optimizers, node.as_string()).value_or(node.as_string());
    if (!is_node(node)) return node;
    const Nested nested(context);
    const Place place = place_of(node, "optimizer");
    std::string_view name = bare_class(Kind::optimizer, place.class_name);
    name = table::renamed(table::optimizers, name).value_or(name);
    const Tree& old = node["config"];
    if (name == "LossScaleOptimizer") return convert_loss_scale(context, place, old);
    const table::KerasClass* known = table::find_class(Kind::optimizer, name);
    if (known == nullptr) return custom_node(context, place, place.class_name, old);
    Tree rest = Tree::object();
    for (const auto& [key, value] : old.members())
        if (std::find(std::begin(optimizer_noise), std::end(optimizer_noise), key) ==
                std::end(optimizer_noise) &&
            key != "learning_rate" && key != "adaptive_epsilon")
            rest.set(key, key == "epsilon" && value.is_null() ? Tree(1e-7) : value);
    Tree config = known_keys(context, place, *known, rest);
    set_rate(context, place, old, config);
    for (const table::KeyText& row : known->changed)
        if (config.find(row.key) == nullptr) config.set(row.key, value_of(row.value));
    note_steps(context, place, name, old);
    return node_of(module_of(Kind::optimizer), known->name, std::move(config));
}

// ---- Losses and metrics ----

/// What the model calls its outputs now.
class Outputs {
public:
    explicit Outputs(const Migrated& model) : names_(model.outputs) {}
    std::size_t count() const { return names_.size(); }
    std::string_view old_name(std::size_t index) const {
        return index < names_.size() ? std::string_view(names_[index].first) : std::string_view();
    }
    std::string new_name(std::string_view old) const {
        for (const auto& [before, now] : names_)
            if (before == old) return now;
        return std::string(old);
    }
    /// By output; a list in their order, or a dictionary of their names. Nothing for another value.
    std::optional<Tree::Object> by_name(const Tree& value) const {
        Tree::Object result;
        if (value.is_array() && value.size() == count()) {
            for (std::size_t i = 0; i < count(); ++i)
                result.emplace_back(names_[i].second, value.at(i));
        } else if (value.is_object() && !is_node(value)) {
            const auto is_output = [this](const Tree::Member& member) {
                return std::ranges::find(names_, member.first,
                                         &std::pair<std::string, std::string>::second) != names_.end();
            };
            if (!std::ranges::all_of(value.members(), is_output)) return std::nullopt;
            result = value.members();
        } else {
            return std::nullopt;
        }
        return result;
    }
    /// A dictionary with a value for every output: `missing` for those that have none.
    Tree filled(const Tree::Object& values, const Tree& missing) const {
        Tree result = Tree::object();
        for (const auto& [before, now] : names_) {
            const auto own = std::ranges::find(values, now, &Tree::Member::first);
            result.set(now, own == values.end() ? missing : own->second);
        }
        return result;
    }

private:
    const std::vector<std::pair<std::string, std::string>>& names_;
};

Tree named_function(Context& context, const Place& place, std::string_view name) {
    if (const auto known = table::renamed(table::losses, name)) return *known;
    if (name.starts_with('<')) {
        context.note(NoteKind::refused, place, "'" + std::string(name) + "' is code without a name");
        return name;
    }
    context.custom(place, name);
    Tree node = Tree::object();
    node.set("module", Tree());
    node.set("class_name", "function");
    node.set("config", name);
    node.set("registered_name", name);
    return node;
}

Tree function_name(const Tree& function) {
    return function.is_object() ? function["config"] : function;
}

Tree convert_loss_node(Context& context, const Tree& node) {
    const Place place = place_of(node, "loss");
    if (node["config"].is_string()) return named_function(context, place, node["config"].as_string());
    const std::string_view name = bare_class(Kind::loss, place.class_name);
    if (name == "LossFunctionWrapper")
        return named_function(context, place, function_name(node["config"]["fn"]).as_string());
    const table::KerasClass* known = table::find_class(Kind::loss, name);
    if (known == nullptr) return custom_node(context, place, place.class_name, node["config"]);
    Tree config = known_keys(context, place, *known, node["config"]);
    if (config["reduction"].as_string() == "auto") config.set("reduction", "sum_over_batch_size");
    return node_of(module_of(Kind::loss), known->name, std::move(config));
}

Tree metric_of_function(Context& context, const Place& place, std::string_view function, const Tree& old) {
    const auto known = table::renamed(table::metric_functions, function);
    if (!known) return named_function(context, place, function);
    Tree config = Tree::object();
    config.set("name", old["name"].is_null() ? Tree(function) : old["name"]);
    if (!old["dtype"].is_null()) config.set("dtype", convert_dtype(old["dtype"]));
    const table::KerasClass* row = table::find_class(Kind::metric, *known);
    for (const auto& [key, value] : old.members())
        if (config.find(key) == nullptr && row != nullptr && table::accepts(*row, key))
            config.set(key, plain_value(value));
    return node_of(module_of(Kind::metric), *known, std::move(config));
}

/// Keras 2 has put the output's name before the metric's; Keras 3 does that itself.
void strip_output(Tree& metric, std::string_view output) {
    Tree* config = metric.find("config");
    Tree* name = config == nullptr ? nullptr : config->find("name");
    if (name == nullptr || output.empty()) return;
    const std::string prefix = std::string(output) + "_";
    if (name->as_string().starts_with(prefix))
        *name = Tree(std::string(name->as_string().substr(prefix.size())));
}

/// A class around any function, not a metric of its own.
bool is_wrapper(std::string_view name) {
    return name == "MeanMetricWrapper" || table::find_class(Kind::metric, name) == nullptr;
}

/// Null when the metric has to be left out.
Tree convert_metric(Context& context, const Tree& metric, std::string_view output) {
    const Place place = place_of(metric, "metric");
    if (metric.is_string()) {
        const auto now = table::renamed(table::losses, metric.as_string());
        if (now && *now != metric.as_string())
            return metric_of_function(context, place, metric.as_string(), Tree());
        const bool known = now || table::renamed(table::metric_functions, metric.as_string()) ||
                           metric.as_string() == "acc" || metric.as_string() == "crossentropy" ||
                           metric.as_string() == "ce" ||
                           table::find_class(Kind::metric, metric.as_string()) != nullptr;
        return known ? metric : named_function(context, place, metric.as_string());
    }
    if (!is_node(metric)) return metric;
    if (metric["config"].is_string()) return convert_metric(context, metric["config"], output);
    const std::string_view name = bare_class(Kind::metric, place.class_name);
    Tree converted;
    if (metric["config"].find("fn") != nullptr && is_wrapper(name)) {
        converted = metric_of_function(context, place, function_name(metric["config"]["fn"]).as_string(),
                                       metric["config"]);
    } else if (const table::KerasClass* known = table::find_class(Kind::metric, name)) {
        converted = node_of(module_of(Kind::metric), known->name,
                            known_keys(context, place, *known, metric["config"]));
    } else if (name == "MeanRelativeError" || name == "MeanTensor") {
        context.note(NoteKind::dropped, place, "Keras 3 has no such metric");
    } else {
        converted = custom_node(context, place, place.class_name, metric["config"]);
    }
    if (converted.is_object()) strip_output(converted, output);
    return converted;
}

Tree convert_losses(Context& context, const Outputs& outputs, const Tree& value) {
    if (value.is_string()) return named_function(context, {"", "loss"}, value.as_string());
    if (is_node(value)) return convert_loss_node(context, value);
    if (value.is_object()) {
        Tree converted = Tree::object();
        for (const auto& [key, item] : value.members())
            converted.set(outputs.new_name(key), convert_losses(context, outputs, item));
        return converted;
    }
    if (!value.is_array()) return value;
    Tree converted = Tree::array();
    for (const Tree& item : value.items())
        converted.push_back(convert_losses(context, outputs, item));
    return converted;
}

Tree metric_list(Context& context, const Tree& value, std::string_view output) {
    Tree converted = Tree::array();
    const auto add = [&](const Tree& one) {
        Tree metric = convert_metric(context, one, output);
        if (!metric.is_null()) converted.push_back(std::move(metric));
    };
    if (!value.is_array()) add(value);
    for (const Tree& item : value.items())
        add(item);
    return converted;
}

Tree convert_metrics(Context& context, const Outputs& outputs, const Tree& value) {
    if (value.is_null()) return value;
    if (value.is_object() && !is_node(value)) {
        Tree converted = Tree::object();
        for (const auto& [key, item] : value.members()) {
            converted.set(outputs.new_name(key), metric_list(context, item, key));
        }
        return converted;
    }
    const bool each = value.is_array() && std::ranges::any_of(value.items(), &Tree::is_array);
    if (outputs.count() <= 1) {
        const bool nested = value.size() == 1 && value.at(0).is_array();
        return metric_list(context, nested ? value.at(0) : value, {});
    }
    Tree converted = Tree::array();
    // Keras 2 took a plain list for every output; to Keras 3 it is one metric for each.
    for (std::size_t i = 0; !each && i < outputs.count(); ++i)
        converted.push_back(metric_list(context, value, outputs.old_name(i)));
    for (std::size_t i = 0; each && i < value.size(); ++i)
        converted.push_back(metric_list(context, value.at(i), outputs.old_name(i)));
    return converted;
}

Tree convert_weights(const Outputs& outputs, const Tree& value) {
    if (!value.is_object()) return value;
    Tree converted = Tree::object();
    for (const auto& [key, item] : value.members())
        converted.set(outputs.new_name(key), item);
    return converted;
}

/// Keras 2 took one loss for every output, and none or a weight of 1 for what a dictionary leaves out. Keras
/// 3 wants as many losses as weights, and both in one form.
void fit_to_outputs(const Outputs& outputs, Tree& loss, Tree& weights) {
    if (outputs.count() < 2 || loss.is_null()) return;
    if ((loss.is_string() || is_node(loss)) && !weights.is_null())
        loss = Tree(Tree::Array(outputs.count(), loss));
    if (!loss.is_object() && !weights.is_object()) return;
    const auto losses = outputs.by_name(loss), shares = outputs.by_name(weights);
    if (!losses || (!shares && !weights.is_null())) return;
    loss = outputs.filled(*losses, Tree());
    if (shares) weights = outputs.filled(*shares, Tree(1.0));
}

}  // namespace

Migrated migrate_training(const Tree& training_config, const Migrated& model, const Options& options) {
    Migrated result;
    if (!training_config.is_object()) throw Error(ErrorCode::damaged, "no training config").in(options.where);
    check_depth(training_config, options);
    Context context(options, result);
    const Outputs outputs(model);
    const Tree& old = training_config;
    Tree& config = result.config;
    config = Tree::object();
    config.set("optimizer", convert_optimizer(context, old.find("optimizer_config") ? old["optimizer_config"]
                                                                                    : old["optimizer"]));
    Tree loss = convert_losses(context, outputs, old["loss"]);
    Tree weights = convert_weights(outputs, old["loss_weights"]);
    fit_to_outputs(outputs, loss, weights);
    config.set("loss", std::move(loss));
    config.set("loss_weights", std::move(weights));
    config.set("metrics", convert_metrics(context, outputs, old["metrics"]));
    config.set("weighted_metrics", convert_metrics(context, outputs, old["weighted_metrics"]));
    config.set("run_eagerly", false);
    config.set("steps_per_execution", 1);
    config.set("jit_compile", false);
    return result;
}

}  // namespace ballast::migrate
