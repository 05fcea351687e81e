// SPDX-License-Identifier: Apache-2.0
// Which weights of a file belong to which of a program, see match.h.
//
// A program's fields rarely bear the names of Keras' layers, but their place tells the path Keras 3 stores
// them at, and so do the layers of a file whose classes are known. The program's layers therefore take the
// names the file has at their paths, and alignment by path does the rest.
#include "program/match.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ballast/align.h"
#include "ballast/error.h"
#include "dialect/keras_v3.h"
#include "dialect/keras_v3_groups.h"
#include "model/naming.h"

namespace ballast {
namespace {

using Layers = std::unordered_map<std::string_view, LayerId>;
using layout::Framework;

/// The source with Keras 3's paths as keys; nothing when it does not say enough for them.
std::optional<Model> with_keys(const Model& source) {
    if (!source.has_layers()) return std::nullopt;
    Model guessed;
    std::vector<V3Group> groups;
    try {
        groups = keras_v3::groups_for(source, Framework::keras3, guessed);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::needs_config && error.code() != ErrorCode::ambiguous_mapping) throw;
        if (source.producer.dialect == keras_v3::dialect) return source;
        return std::nullopt;
    }
    Model result = guessed.has_layers() ? std::move(guessed) : source;
    for (Layer& layer : result.layers)
        layer.stored_key.clear();
    for (V3Group& group : groups)
        result.layers[group.layer].stored_key = std::move(group.path);
    return result;
}

/// The error for someone who writes C++, not on a command line.
[[noreturn]] void throw_for_program(const Error& error) {
    const std::string_view hint = error.hint();
    std::string told(hint.substr(0, hint.find("name them with --map")));
    if (told == hint) told.clear();
    throw Error(error.code(), error.message())
        .in(error.path())
        .tensor(error.tensor())
        .hint(told +
              "LoadWeightsOptions::match says how weights find their place, skip_mismatch leaves layers "
              "as they are; `ballast inspect` lists what the file holds");
}

Layers by_key(const Model& model) {
    Layers layers;
    for (LayerId id = 0; id < model.layers.size(); ++id)
        if (id == model.root || !model.layers[id].stored_key.empty())
            layers.emplace(model.layers[id].stored_key, id);
    return layers;
}

/// Two fields named dense_1 and dense_2 may mean Keras' layers of these names, or its first and second Dense.
void check_agreement(const Model& source, const Model& program, const Layers& keys) {
    const std::vector<std::string> paths = canonical_layer_paths(source);
    Layers names;
    for (LayerId id = 0; id < paths.size(); ++id)
        if (!source.layers[id].weights.empty()) names.emplace(paths[id], id);
    const std::vector<std::string> own = canonical_layer_paths(program);
    for (LayerId id = 0; id < own.size(); ++id) {
        if (program.layers[id].weights.empty()) continue;
        const auto named = names.find(own[id]);
        const auto stored = keys.find(program.layers[id].stored_key);
        if (named == names.end() || (stored != keys.end() && stored->second == named->second)) continue;
        const std::string& key = source.layers[named->second].stored_key;
        throw Error(ErrorCode::ambiguous_mapping, "the file's layer '" + own[id] + "' lies at '" + key +
                                                      "', and the program's of that name " +
                                                      "would be stored at '" + program.layers[id].stored_key +
                                                      "'")
            .hint(
                "say what counts: LoadWeightsOptions::match = MatchWeights::names, or MatchWeights::keys for "
                "Keras' paths");
    }
}

/// The program's layers take the names of the file's layers with the same path.
void take_names(const Model& source, Model& program, const Layers& keys) {
    for (LayerId id = 0; id < program.layers.size(); ++id) {
        const auto stored = keys.find(program.layers[id].stored_key);
        if (stored != keys.end()) program.layers[id].name = source.layers[stored->second].name;
    }
}

MatchBy match_by(MatchWeights match) {
    switch (match) {
        case MatchWeights::keys:
            return MatchBy::path;
        case MatchWeights::names:
            return MatchBy::name;
        case MatchWeights::order:
            return MatchBy::order;
        case MatchWeights::automatic:
            break;
    }
    return MatchBy::automatic;
}

bool any_key(const Model& program, const Layers& keys) {
    for (const Layer& layer : program.layers)
        if (!layer.weights.empty() && keys.contains(layer.stored_key)) return true;
    return false;
}

}  // namespace

Model match_program(const Model& source, Model program, const LoadWeightsOptions& options, Report& report) {
    AlignOptions align_options;
    align_options.match = match_by(options.match);
    align_options.skip_mismatch = options.skip_mismatch;
    std::optional<Model> keyed;
    if (options.match == MatchWeights::keys || options.match == MatchWeights::automatic)
        keyed = with_keys(source);
    if (options.match == MatchWeights::keys && !keyed)
        throw Error(ErrorCode::invalid_argument, "the file does not tell Keras 3's paths of its layers")
            .hint("leave LoadWeightsOptions::match out, or match by names or order");
    if (keyed) {
        const Layers keys = by_key(*keyed);
        if (options.match == MatchWeights::automatic && any_key(program, keys))
            check_agreement(*keyed, program, keys);
        take_names(*keyed, program, keys);
    }
    try {
        return align(keyed ? *keyed : source, std::move(program), align_options, report);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::ambiguous_mapping && error.code() != ErrorCode::shape_mismatch) throw;
        throw_for_program(error);
    }
}

}  // namespace ballast
