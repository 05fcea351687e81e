// SPDX-License-Identifier: Apache-2.0
// Keras 3 to Keras 2: a whole model with what it is compiled with, see migrate.h.
#include <vector>

#include "ballast/error.h"
#include "model/config.h"
#include "model/migrate/graph.h"
#include "model/migrate/keras2.h"

namespace ballast::migrate {
namespace {

/// Losses and metrics: names stay, nodes become those of Keras 2, in lists and dictionaries alike. Metrics
/// that Keras 2 does not have are left out; a loss is refused.
class Compiled {
public:
    Compiled(Context& context, table::Kind kind) : context_(context), kind_(kind) {}

    Tree convert(const Tree& value) {
        const Nested nested(context_);
        if (value["class_name"].is_string()) return node(value);
        if (value.is_array()) {
            Tree list = Tree::array();
            for (const Tree& item : value.items()) {
                Tree converted = convert(item);
                if (!converted.is_null() || item.is_null()) list.push_back(std::move(converted));
            }
            return list;
        }
        if (value.is_object()) {
            Tree object = Tree::object();
            for (const auto& [key, item] : value.members())
                object.set(key, convert(item));
            return object;
        }
        return value;
    }

private:
    Tree node(const Tree& value) {
        const std::string name(value["class_name"].as_string());
        const Place place{"", name};
        const table::KerasClass* known = table::find_class(kind_, name);
        if (kind_ == table::Kind::metric && known != nullptr && !known->in_keras2) {
            context_.note(NoteKind::dropped, place, "metric that Keras 2 does not have");
            return {};
        }
        return object_for_keras2(context_, place, kind_, value);
    }

    Context& context_;
    table::Kind kind_;
};

/// A list with one metric for each of several outputs: in Keras 2 it would be all of them for every output.
Tree one_list_each(const Tree& metrics, std::size_t outputs) {
    if (outputs < 2 || !metrics.is_array() || metrics.size() != outputs) return metrics;
    Tree result = Tree::array();
    for (const Tree& metric : metrics.items()) {
        Tree list = Tree::array();
        if (!metric.is_null() && !metric.is_array()) list.push_back(metric);
        result.push_back(metric.is_array() ? metric : std::move(list));
    }
    return result;
}

Tree compiled_for_keras2(Context& context, const Tree& old, std::size_t outputs) {
    Tree compiled = Tree::object();
    compiled.set("optimizer", optimizer_for_keras2(context, old["optimizer"]));
    compiled.set("loss", Compiled(context, table::Kind::loss).convert(old["loss"]));
    for (const std::string_view key : {"metrics", "weighted_metrics"})
        compiled.set(key, Compiled(context, table::Kind::metric).convert(one_list_each(old[key], outputs)));
    compiled.set("loss_weights", old["loss_weights"]);
    return compiled;
}

}  // namespace

Migrated migrate_to_keras2(const Tree& config, const Options& options) {
    Migrated result;
    if (config_framework(config) != layout::Framework::keras3) {
        result.config = config;
        return result;
    }
    if (!config["config"]["layers"].is_array())
        throw Error(ErrorCode::unsupported, "the config lists no layers").in(options.where);
    check_depth(config, options);
    Context context(options, result);
    context.masked = makes_masks(config);
    result.config = layer_for_keras2(context, config);
    const Tree& compiled = config["compile_config"];
    const Tree& ends = config["config"]["output_layers"];
    if (compiled["optimizer"].is_object())
        result.config.set("compile_config",
                          compiled_for_keras2(context, compiled, ends.at(0).is_array() ? ends.size() : 1));
    return result;
}

}  // namespace ballast::migrate
