// SPDX-License-Identifier: Apache-2.0
// Lowering a Model to the Keras 3 layout: paths from stored keys or from classes, then one HDF5 file.
#include <optional>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_groups.h"
#include "dialect/keras_v3_write.h"
#include "dialect/reporting.h"
#include "model/config.h"
#include "model/naming.h"
#include "model/paths.h"
#include "model/paths_walk.h"

namespace ballast::keras_v3 {
namespace {

using layout::Framework;

/// As asked; else that of the source whose exact way back is promised; else Keras 3's.
Framework flavor_to_write(const Model& model, const SaveOptions& options) {
    const bool exact = model.producer.restored && model.producer.dialect == dialect;
    const std::string& flavor = options.flavor.empty() && exact ? model.producer.flavor : options.flavor;
    return flavor == "tf_keras" ? Framework::tf_keras : Framework::keras3;
}

/// Writes one layer's `vars` group.
class Writer {
public:
    Writer(Output& output, const Model& model, Framework flavor, Report& report)
        : output_(output),
          model_(model),
          flavor_(flavor),
          report_(report),
          names_(canonical_weight_names(model)) {}

    void write(const V3Group& group) {
        const Layer& layer = model_.layers[group.layer];
        const std::string vars = group.vars();
        const bool named = flavor_ == Framework::keras3 && !layer.name.empty();
        output_.group(vars, named ? std::optional<std::string_view>(layer.name) : std::nullopt);
        for (const V3Variable& variable : group.variables) {
            const std::string path = vars + "/" + variable.key;
            if (!variable.weight) throw no_source(layer, path);
            const WeightRef& ref = *variable.weight;
            const TensorExpr& value = model_.layers[ref.layer].weights[ref.weight].value;
            if (value.empty()) continue;  // left out by the user
            output_.dataset(vars, variable.key, value);
            report_written(report_, value, path, names_[ref.layer][ref.weight]);
        }
    }

    /// Variables that the framework merges into others before it saves: it would take the sum, which is more
    /// than a place to find.
    void report_unstored() {
        const auto variants = layer_variants(model_, flavor_);
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            if (variants[id] == nullptr) continue;
            for (const layout::OwnWeight& own : variants[id]->weights) {
                const auto position = find_role(model_.layers[id], own.role);
                if (!own.not_in_v3.has(flavor_) || !position) continue;
                const TensorExpr& value = model_.layers[id].weights[*position].value;
                if (value.empty()) continue;
                report_.add(ReportEntry::Kind::dropped, source_name(value), {},
                            "the framework merges it into the kernel when it saves a .weights.h5, which is "
                            "not done here",
                            true);
            }
        }
    }

private:
    Error no_source(const Layer& layer, const std::string& path) const {
        const std::string framework = flavor_ == Framework::keras3 ? "Keras 3" : "tf_keras";
        return Error(ErrorCode::ambiguous_mapping, framework + " stores a variable of layer '" + layer.name +
                                                       "' (" + layer.class_name +
                                                       ") that the source does not hold")
            .tensor(path)
            .hint("load the file in the framework that wrote it and save it there as .weights.h5");
    }

    Output& output_;
    const Model& model_;
    Framework flavor_;
    Report& report_;
    std::vector<std::vector<std::string>> names_;
};

/// What it takes to find the groups and names of many layers is given back before the file is laid out.
void build(Output& output, const Model& model, Framework flavor, const SaveOptions& options, Report& report) {
    Model guessed;
    const std::vector<V3Group> groups = groups_for(model, flavor, guessed);
    const Model& source = guessed.has_layers() ? guessed : model;
    Writer writer(output, source, flavor, report);
    for (const V3Group& group : groups)
        writer.write(group);
    writer.report_unstored();
    write_optimizer(output, model, flavor, options, report);
    write_metrics(output, model, flavor, options, report);
}

}  // namespace

Output lower_to(const ShardRule& rule, const Model& model, const SaveOptions& options, Report& report) {
    const Framework flavor = flavor_to_write(model, options);
    if (flavor == Framework::tf_keras) report_unread_types(report, model, "tf_keras");
    Output output(rule, flavor, options.compression);
    build(output, model, flavor, options, report);
    report_dropped(report, model, Part::loose, "no layer owns it, and Keras stores layers only", true);
    return output;
}

hdf5::Planned lower(const Model& model, std::string file_name, const SaveOptions& options, Report& report) {
    Output output = lower_to({}, model, options, report);
    report_left_behind(report, model);
    return output.builders().front().plan_with_chunks(std::move(file_name));
}

}  // namespace ballast::keras_v3
