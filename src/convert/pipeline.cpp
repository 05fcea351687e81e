// SPDX-License-Identifier: Apache-2.0
// The steps of a conversion between lifting and lowering, see pipeline.h.
#include "convert/pipeline.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>

#include "ballast/error.h"
#include "container/json/json.h"
#include "convert/own_places.h"
#include "convert/transfer.h"
#include "dialect/keras_v3.h"
#include "dialect/reporting.h"
#include "model/config.h"
#include "model/foreign_weights.h"
#include "model/model_tensors.h"
#include "model/naming.h"
#include "model/optimizer_order.h"

namespace ballast {
namespace {

/// Whether the bytes begin like a JSON object, blanks apart.
bool looks_like_json(const io::Source& source) {
    std::vector<std::byte> head(static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 64)));
    source.read_at(0, head);
    for (const std::byte byte : head) {
        const char c = static_cast<char>(byte);
        if (c == '{') return true;
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return false;
    }
    return false;
}

std::string text_of(const io::Source& source, const Limits& limits) {
    if (source.size() > limits.json_bytes) {
        throw Error(ErrorCode::limit_exceeded, "the text is larger than the limit json_bytes")
            .in(source.path());
    }
    std::string text(static_cast<std::size_t>(source.size()), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
}

bool matches(const TensorExpr& value, const std::string& name, const std::string& glob) {
    if (glob_match(glob, name)) return true;
    return value.is_identity() &&
           (glob_match(glob, value.source()->stored_name) || glob_match(glob, value.source()->name));
}

bool names_problem(const std::vector<Error>& problems, const std::string& glob) {
    return std::any_of(problems.begin(), problems.end(),
                       [&](const Error& problem) { return glob_match(glob, problem.tensor()); });
}

/// Which places a list of globs names; every glob must name one, or a problem.
std::vector<bool> matched_by(const std::vector<ValuePlace>& places, const std::vector<std::string>& globs,
                             const std::vector<Error>& problems) {
    std::vector<bool> matched(places.size());
    for (const std::string& glob : globs) {
        bool any = false;
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (!matches(*places[i].value, places[i].name, glob)) continue;
            matched[i] = true;
            any = true;
        }
        if (!any && !names_problem(problems, glob)) {
            throw Error(ErrorCode::name_not_found, "no tensor matches '" + glob + "'")
                .hint("list the names with `ballast inspect`; `*` stops at '/', `**` does not");
        }
    }
    return matched;
}

std::string flavor_list(std::span<const Flavor> flavors) {
    std::string names;
    for (const Flavor& flavor : flavors) {
        if (!flavor.name.empty()) names += (names.empty() ? "flavours: " : ", ") + std::string(flavor.name);
    }
    return names.empty() ? "leave --flavor out" : names;
}

}  // namespace

bool allowed(const std::vector<std::string>& kinds, std::string_view kind) {
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](const std::string& k) { return k == kind || k == "all"; });
}

Tree read_config(const std::filesystem::path& path, OpenOptions& options) {
    const Location location = Location::for_reading(path);
    options.config_path = path.string();
    if (location.kind == Location::Kind::file) {
        const auto source = location.fs->open(location.name);
        if (looks_like_json(*source)) {
            options.config = json::parse(text_of(*source, options.limits), options.limits, source->path());
            return {};
        }
    }
    OpenOptions plain;
    plain.limits = options.limits;
    const auto archive = open(location, plain);
    options.config = archive->model().config;
    if (options.config.is_null()) {
        throw Error(ErrorCode::needs_config, "the file given as --config holds no architecture")
            .in(path.string())
            .hint("give a JSON file written by model.to_json(), a .keras, or a whole-model .h5");
    }
    return archive->model().training_config["optimizer_config"];
}

void describe_optimizer(Model& model, const Tree& node) {
    if (!model.optimizer || !model.optimizer->class_name.empty() || !node["class_name"].is_string()) return;
    const std::string_view name = node["class_name"].as_string();
    model.optimizer->class_name = plain_class(name);  // "Custom>Adam"
    model.optimizer->config.set("class_name", node["class_name"]);
    model.optimizer->config.set("config", node["config"]);
}

/// Low-rank factors, which the files of Keras 3 hold within the kernel: no place waits for them where the
/// source has none.
void leave_merged(const Model& source, Model& places) {
    const auto has_factor = [](const Layer& layer) {
        return std::ranges::any_of(layer.weights, [](const Weight& weight) {
            return !weight.value.empty() && weight.role.starts_with("lora_");
        });
    };
    const bool tensors = std::ranges::any_of(source.loose, [](const LooseTensor& tensor) {
        return tensor.name.find("lora_") != std::string::npos;
    });
    if (tensors || std::ranges::any_of(source.layers, has_factor)) return;
    drop_left_out(places, layout::Framework::keras3, &layout::OwnWeight::not_in_v3);
}

/// Whether the source comes from a file whose framework and layout are those of the target.
bool tells_places_for(const Model& source, const Model& target, const ConvertOptions& options) {
    const bool keras3 = config_framework(target.config) == layout::Framework::keras3;
    const std::string_view flavor = keras3 ? "keras3" : "tf_keras";
    return source.has_layers() && source.producer.dialect == keras_v3::dialect &&
           source.producer.flavor == flavor && (options.save.flavor.empty() || options.save.flavor == flavor);
}

Model fit(const Archive& source, Model model, const ConvertOptions& options, const OpenOptions& open_options,
          Report& report) {
    if (options.like) {
        OpenOptions plain;
        plain.limits = open_options.limits;
        plain.config = open_options.config;
        plain.config_path = open_options.config_path;
        const auto archive = open(*options.like, plain);
        if (!archive->problems().empty()) throw Error(archive->problems().front());
        Model filled = align(model, archive->release_model(), options.align, report);
        filled.producer.restored = true;  // a template decides all of the layout, its flavour too
        return filled;
    }
    if (!open_options.config.is_null() && !source.used_config()) {
        ConfigOptions config;
        config.limits = open_options.limits;
        config.where = open_options.config_path;
        Model places = model_from_config(open_options.config, config);
        leave_merged(model, places);
        const Layer& root = places.layers[places.root];
        const bool own_model = !root.class_name.empty() && !weights_known(root);
        const bool told = tells_places_for(model, places, options);
        if (told) take_own_places(model, places);
        Model fitted = align(model, std::move(places), options.align, report);
        fit_recurrent_weights(fitted, report);
        if (told && own_model)
            fitted.producer = model.producer;  // its config tells no layout, the file's keys do
        return fitted;
    }
    if (!options.align.map.empty()) return renamed_tensors(model, options.align.map, report);
    return model;
}

std::vector<ValuePlace> value_places(Model& model) {
    std::vector<ValuePlace> places;
    if (model.has_layers()) {
        auto names = canonical_weight_names(model);
        for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
            auto& weights = model.layers[layer].weights;
            for (std::size_t i = 0; i < weights.size(); ++i) {
                if (!weights[i].value.empty())
                    places.push_back({std::move(names[layer][i]), &weights[i].value});
            }
        }
    }
    if (model.optimizer) {
        for (OptimizerVariable& variable : model.optimizer->variables) {
            const bool named = variable.value.is_identity();
            if (!variable.value.empty()) {
                places.push_back({named ? variable.value.source()->name : "optimizer/" + variable.stored_key,
                                  &variable.value});
            }
        }
    }
    for (LooseTensor& tensor : model.loose) {
        if (!tensor.value.empty()) places.push_back({tensor.name, &tensor.value});
    }
    return places;
}

void select_values(Model& model, const std::vector<std::string>& include,
                   const std::vector<std::string>& exclude, const std::vector<Error>& problems,
                   Report& report) {
    constexpr std::string_view reason = "left out as asked";
    const auto matches_any = [](const std::vector<std::string>& globs, const std::string& name) {
        return std::any_of(globs.begin(), globs.end(),
                           [&](const auto& glob) { return glob_match(glob, name); });
    };
    for (const Error& problem : problems) {
        const std::string& name = problem.tensor();
        const bool wanted = include.empty() || matches_any(include, name);
        if (model.has_layers() || name.empty() || (wanted && !matches_any(exclude, name)))
            throw Error(problem);
        report.add(ReportEntry::Kind::skipped, name, {}, std::string(reason));
    }
    if (include.empty() && exclude.empty()) return;
    const std::vector<ValuePlace> places = value_places(model);
    const std::vector<bool> wanted = matched_by(places, include, problems);
    const std::vector<bool> unwanted = matched_by(places, exclude, problems);
    for (std::size_t i = 0; i < places.size(); ++i) {
        if ((include.empty() || wanted[i]) && !unwanted[i]) continue;
        report.add(ReportEntry::Kind::skipped, source_name(*places[i].value), {}, std::string(reason));
        *places[i].value = TensorExpr();
    }
}

void check_dtypes(Model& model, const Format& format, const SaveOptions& options) {
    const auto flavors = format.info().flavors;
    const auto flavor = std::find_if(flavors.begin(), flavors.end(), [&](const Flavor& candidate) {
        return options.flavor.empty() || candidate.name == options.flavor;
    });
    if (flavor == flavors.end()) {
        if (options.flavor.empty()) return;
        throw Error(ErrorCode::invalid_argument, "the format " + std::string(format.info().id) +
                                                     " has no flavour '" + options.flavor +
                                                     "' that can be written")
            .hint(flavor_list(flavors));
    }
    for (const TensorExpr* value : model_values(model)) {
        const DType dtype = value->dtype();
        if (std::find(flavor->dtypes.begin(), flavor->dtypes.end(), dtype) != flavor->dtypes.end()) continue;
        throw Error(ErrorCode::unsupported_dtype, "the format " + std::string(format.info().id) +
                                                      " does not hold " + std::string(to_string(dtype)))
            .tensor(source_name(*value))
            .hint(std::string(info(dtype).cls == DTypeClass::floating ? "cast it with --dtype, " : "") +
                  "leave it out with --exclude, or choose another target format");
    }
}

void check_complete(Model& model, const Report& report) {
    std::unordered_set<std::string_view> mentioned;
    for (const ReportEntry& entry : report.entries())
        mentioned.insert(entry.from);
    for (const TensorExpr* value : model_values(model)) {
        const std::string name = source_name(*value);
        if (mentioned.contains(name)) continue;
        const Layer* root = model.has_layers() ? &model.layers[model.root] : nullptr;
        if (root != nullptr && !root->class_name.empty() && !weights_known(*root))
            throw Error(ErrorCode::ambiguous_mapping,
                        "the model is of the program's own class " + root->class_name +
                            ", and the source does not tell where the target keeps its variables")
                .tensor(name)
                .hint(
                    "load the file in the program that knows the class and save it from there, or convert "
                    "to safetensors; a file saved by that program settles it: --like FILE");
        throw Error(ErrorCode::internal,
                    "the tensor has no place in the target and would be lost without a word")
            .tensor(name)
            .hint(
                "convert to safetensors, which holds everything, and report this as a bug with the model's "
                "config");
    }
}

namespace {

std::string_view loss_of(const Model& model, const ReportEntry& entry) {
    if (entry.kind == ReportEntry::Kind::cast) return "precision";
    const bool asset = std::ranges::find(model.assets, entry.from, &Blob::name) != model.assets.end();
    return asset ? "assets" : "weights";
}

}  // namespace

void check_losses(const Model& model, const Report& report, const std::vector<std::string>& kinds) {
    if (!report.has_loss()) return;
    std::size_t lost = 0;
    const ReportEntry* first = nullptr;
    for (const ReportEntry& entry : report.entries()) {
        if (!entry.loss || allowed(kinds, loss_of(model, entry))) continue;
        if (lost++ == 0) first = &entry;
    }
    if (!first) return;
    throw Error(ErrorCode::lossy, std::to_string(lost) +
                                      (loss_of(model, *first) == "assets" ? " of the assets"
                                       : lost == 1                        ? " tensor"
                                                                          : " tensors") +
                                      " would be lost: " + first->text)
        .tensor(first->from)
        .hint((loss_of(model, *first) == "weights" ? "convert to safetensors, which holds all weights; or "
                                                   : "") +
              ("accept the loss with --allow-loss " + std::string(loss_of(model, *first))));
}

std::string read_text(const Location& source, const Limits& limits) {
    return text_of(*source.fs->open(source.name), limits);
}

void write_text(const Location& destination, std::string_view text, const WriteOptions& options) {
    const auto bytes = std::as_bytes(std::span(text));
    WritePlan plan;
    plan.commit = destination.name;
    PlannedFile& file = plan.files.emplace_back();
    file.name = destination.name;
    file.size = bytes.size();
    file.pieces.push_back({0, FixedBytes{{bytes.begin(), bytes.end()}}});
    execute(plan, destination.fs, options);
}

}  // namespace ballast
