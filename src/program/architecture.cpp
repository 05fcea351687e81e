// SPDX-License-Identifier: Apache-2.0
// A program's weights in the model that a config describes, see architecture.h.
#include "program/architecture.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "ballast/align.h"
#include "ballast/error.h"
#include "model/config.h"
#include "model/paths.h"

namespace ballast {

Model with_architecture(Model program, Tree config, Report& report) {
    ConfigOptions options;
    options.where = "the config";
    Model model = model_from_config(std::move(config), options);
    std::unordered_map<std::string, std::string> names;  // by path
    for (V3Group& group : v3_paths(model, layout::Framework::keras3))
        names.emplace(std::move(group.path), model.layers[group.layer].name);
    for (Layer& layer : program.layers) {
        const auto found = names.find(layer.stored_key);
        if (found != names.end()) layer.name = found->second;
    }
    AlignOptions by_path;
    by_path.match = MatchBy::path;
    Model filled = align(program, std::move(model), by_path, report);
    for (const ReportEntry& entry : report.entries())
        if (entry.kind == ReportEntry::Kind::dropped)
            throw Error(ErrorCode::ambiguous_mapping, "the config has no place for a weight of the program")
                .tensor(entry.from)
                .hint("give the config of the model in Keras that has the program's layers, in their order");
    return filled;
}

}  // namespace ballast
