// SPDX-License-Identifier: Apache-2.0
// Lowering a Model to a legacy file: layers in Keras 2's order, each with its weights trainable ones first.
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "container/hdf5/write.h"
#include "container/json/json.h"
#include "dialect/guess.h"
#include "dialect/keras_legacy.h"
#include "dialect/keras_legacy_keras1.h"
#include "dialect/keras_legacy_listing.h"
#include "dialect/keras_legacy_whole.h"
#include "dialect/own_layers.h"
#include "dialect/reporting.h"
#include "model/config.h"

namespace ballast::keras_legacy {
namespace {

using hdf5::Builder;
using layout::Framework;

/// What tf_keras and Keras 3 write. A file without the attribute is taken for one of Keras 1, and the order
/// within layers follows from who wrote it.
constexpr std::string_view tf_keras_version = "2.21.0";
constexpr std::string_view keras3_version = "3.15.1";

/// Whether the two frameworks would put the weights of some layer into another order.
bool orders_differ(const Model& model) {
    const auto refs = [&](Framework framework) {
        std::vector<std::pair<LayerId, std::uint32_t>> order;
        for (const NamedLayer& layer : Listing(model, framework, false).layers()) {
            for (const NamedWeight& weight : layer.weights)
                order.emplace_back(weight.ref.layer, weight.ref.weight);
        }
        return order;
    };
    return refs(Framework::tf_keras) != refs(Framework::keras3);
}

/// Of this dialect and for the framework it came from.
bool is_own(const Model& model, Framework framework) {
    const bool keras3 = model.producer.flavor == "keras3";
    return model.producer.dialect == dialect && keras3 == (framework == Framework::keras3);
}

/// Whether lifting brought weights of Keras 1 or of Theano to today's arrangement.
bool is_restated(const Model& model) {
    const Producer& producer = model.producer;
    return producer.dialect == dialect && has_classes(model) &&
           (is_keras1(producer.keras_version) || producer.backend == "theano");
}

/// Whose loader the file is for: the one asked for, the one it came from, the one whose config a whole model
/// has.
Framework framework_for(const Model& model, const SaveOptions& options) {
    const auto named = [](std::string_view flavor) {
        return flavor == "keras3" ? Framework::keras3 : Framework::tf_keras;
    };
    if (!options.flavor.empty()) return named(options.flavor);
    if (model.producer.dialect == dialect) return named(model.producer.flavor);
    const bool whole = !options.weights_only && !model.config.is_null();
    return whole ? config_framework(model.config) : Framework::tf_keras;
}

/// A config is not rewritten here: it must be one that the framework takes.
void check_config(const Model& model, Framework framework) {
    if (config_framework(model.config) == framework) return;
    throw Error(ErrorCode::unsupported,
                framework == Framework::keras3
                    ? "the model's config is one of Keras 1 or 2, which Keras 3 does not open in an .h5"
                    : "the model's config is one of Keras 3, which tf_keras does not open")
        .hint("leave --flavor out, or add --weights-only to write the weights alone");
}

class Writer {
public:
    Writer(const Model& model, const SaveOptions& options, Report& report, Framework framework)
        : model_(model),
          options_(options),
          report_(report),
          framework_(framework),
          own_(is_own(model, framework)),
          whole_(!options.weights_only && !model.config.is_null()),
          restated_(is_restated(model)),
          listing_(model, framework, options.flavor.empty() || options.flavor == model.producer.flavor) {}

    hdf5::Planned plan(std::string file_name) {
        builder_.compress(options_.compression);
        const Builder::Id base = whole_ ? builder_.group(builder_.root(), "model_weights") : builder_.root();
        write_versions(base, Builder::Charset::ascii);
        write_layers(base);
        if (whole_) write_configs();
        report_left_out();
        write_optimizer();
        report_state_left(report_, model_, "legacy files hold no metric state");
        report_dropped(report_, model_, Part::loose, "no layer owns it, and Keras stores layers only", true);
        report_assets();
        if (!whole_ && !model_.config.is_null())
            report_.note("the model's config stays behind: only weights were asked for");
        return builder_.plan_with_chunks(std::move(file_name));
    }

private:
    /// A layer of a whole model may need what lies in them (a vocabulary): without them it does not load.
    void report_assets() {
        if (!whole_) return report_assets_left(report_, model_);
        for (const Blob& asset : model_.assets)
            report_.add(ReportEntry::Kind::dropped, asset.name, {}, "a whole .h5 holds no assets", true);
    }

    void write_versions(Builder::Id group, Builder::Charset charset) {
        const std::string_view current = framework_ == Framework::keras3 ? keras3_version : tf_keras_version;
        // Where layers have classes, the weights of Keras 1 and of Theano are TensorFlow's by now.
        const bool as_it_was = own_ && !restated_;
        const std::string version = as_it_was ? model_.producer.keras_version : std::string(current);
        const std::string backend = as_it_was ? model_.producer.backend : "tensorflow";
        if (!backend.empty()) builder_.attribute(group, "backend", backend, charset);
        if (!version.empty()) builder_.attribute(group, "keras_version", version, charset);
    }

    void write_layers(Builder::Id base) {
        listing_.check_complete();
        std::vector<std::string> names;
        for (const NamedLayer& layer : listing_.layers()) {
            names.push_back(layer.name);
            write_weights(builder_.groups(base, layer.name), layer);
        }
        builder_.name_list(base, "layer_names", names);
        // Every Keras since 2.6 writes this group, mostly empty; older loaders do not look for it.
        write_weights(builder_.group(base, "top_level_model_weights"), listing_.top_level());
    }

    void report_left_out() {
        for (const WeightRef& ref : listing_.left_out()) {
            const TensorExpr& value = model_.layers[ref.layer].weights[ref.weight].value;
            if (value.empty()) continue;
            report_.add(ReportEntry::Kind::dropped, source_name(value), {},
                        "legacy files of this flavour leave it out", true);
        }
    }

    void write_weights(Builder::Id group, const NamedLayer& layer) {
        std::vector<std::string> names;
        for (const NamedWeight& weight : layer.weights) {
            const TensorExpr& value = model_.layers[weight.ref.layer].weights[weight.ref.weight].value;
            if (value.empty()) continue;  // left out by the user
            names.push_back(weight.name);
            dataset(group, weight.name, value);
            report_written(report_, value, layer.name + "/" + weight.name, listing_.canonical(weight.ref));
            for (const WeightRef& copy : weight.copies)
                report_copy(copy, layer.name + "/" + weight.name);
        }
        builder_.name_list(group, "weight_names", names);
    }

    void report_copy(const WeightRef& ref, const std::string& stored_name) {
        const TensorExpr& value = model_.layers[ref.layer].weights[ref.weight].value;
        if (!value.empty())
            report_.add(ReportEntry::Kind::matched, source_name(value), stored_name, "the same variable");
    }

    void dataset(Builder::Id group, std::string_view path, const TensorExpr& value) {
        const std::size_t slash = path.rfind('/');
        if (slash != std::string_view::npos) {
            group = builder_.groups(group, path.substr(0, slash));
            path = path.substr(slash + 1);
        }
        builder_.dataset(group, path, value);
    }

    void write_configs() {
        write_versions(builder_.root(), Builder::Charset::utf8);
        const WholeConfigs configs =
            own_ ? WholeConfigs{model_.config, model_.training_config} : whole_configs(model_, framework_);
        builder_.attribute(builder_.root(), "model_config", json::write(configs.model),
                           Builder::Charset::utf8);
        if (!configs.training.is_null()) {
            builder_.attribute(builder_.root(), "training_config", json::write(configs.training),
                               Builder::Charset::utf8);
        }
    }

    void write_optimizer() {
        if (!model_.optimizer || model_.optimizer->variables.empty()) return;
        if (!options_.include_optimizer) {
            for (const OptimizerVariable& variable : model_.optimizer->variables) {
                report_.add(ReportEntry::Kind::skipped, source_name(variable.value), {}, "left out as asked");
            }
            return;
        }
        if (!whole_)
            return report_dropped(report_, *model_.optimizer, "a weights-only .h5 holds no optimizer state");
        if (own_) return write_state(model_.optimizer->variables);
        const WholeOptimizer state = whole_optimizer(model_, framework_);
        if (!state.reason.empty()) return report_dropped(report_, *model_.optimizer, state.reason);
        for (const std::string& note : state.notes)
            report_.warn(note);
        for (const TensorExpr& value : state.unused)
            report_.add(ReportEntry::Kind::dropped, source_name(value), {},
                        "no variable of its own in an .h5");
        for (const TensorExpr& value : state.copies)
            report_.add(ReportEntry::Kind::matched, source_name(value), "optimizer_weights",
                        "the same variable");
        if (framework_ == Framework::keras3)
            report_.warn(
                "Keras 3 opens an .h5 with optimizer state, but cannot go on training it: convert to .keras, "
                "or with --without-optimizer");
        else if (model_.optimizer->class_name.starts_with("LossScaleOptimizer") && !state.variables.empty())
            report_.warn(
                "tf_keras reads no state of a LossScaleOptimizer out of an .h5: it starts afresh there, and "
                "goes on from a .keras (--flavor tf_keras)");
        write_state(state.variables);
    }

    void write_state(const std::vector<OptimizerVariable>& variables) {
        const Builder::Id group = builder_.group(builder_.root(), "optimizer_weights");
        std::vector<std::string> names;
        for (const OptimizerVariable& variable : variables) {
            if (variable.value.empty()) continue;
            names.push_back(variable.stored_key);
            dataset(group, variable.stored_key, variable.value);
            report_.add(ReportEntry::Kind::matched, source_name(variable.value),
                        "optimizer_weights/" + variable.stored_key);
        }
        builder_.name_list(group, "weight_names", names);
    }

    const Model& model_;
    const SaveOptions& options_;
    Report& report_;
    Framework framework_;
    bool own_;    ///< what is stored around the weights goes back as it was
    bool whole_;  ///< with the configs
    bool restated_;
    Listing listing_;
    Builder builder_;
};

}  // namespace

hdf5::Planned lower(const Model& model, std::string file_name, const SaveOptions& options, Report& report) {
    if (!model.has_layers()) {
        throw Error(ErrorCode::needs_config,
                    "the source holds tensors without layers, and Keras files list layers")
            .hint("give the architecture: --config MODEL.json (written by model.to_json())");
    }
    const Framework framework = framework_for(model, options);
    const bool whole = !options.weights_only && !model.config.is_null();
    if (whole && !is_own(model, framework)) check_config(model, framework);
    if (whole && is_own(model, framework) && is_restated(model) && is_keras1(model.producer.keras_version))
        throw Error(ErrorCode::unsupported,
                    "tf_keras opens no config of Keras 1, and neither does Keras 1 today's weights")
            .hint("convert to .keras, add --flavor keras3, or --weights-only");
    if (!whole && options.flavor.empty() && model.producer.dialect != dialect && has_classes(model) &&
        orders_differ(model))
        report.warn(
            "tf_keras and Keras 3 expect the weights of a frozen layer in different orders; this is "
            "tf_keras' (Keras 3 "
            "needs --flavor keras3)");
    if (model.producer.dialect != dialect && has_classes(model))
        require_places(model, Placing::by_order, "a legacy .h5");
    report_unread_types(report, model, framework == Framework::keras3 ? "Keras 3" : "tf_keras");
    return Writer(model, options, report, framework).plan(std::move(file_name));
}

}  // namespace ballast::keras_legacy
