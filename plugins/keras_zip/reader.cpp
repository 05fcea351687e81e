// SPDX-License-Identifier: Apache-2.0
// The keras format: detection, opening, and the entry point of writing.
#include <algorithm>
#include <cctype>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/format.h"
#include "container/hdf5/read.h"
#include "container/json/json.h"
#include "dialect/keras_v3.h"
#include "format.h"
#include "model/config.h"
#include "model/optimizer_order.h"

namespace ballast {
namespace formats {
extern const FormatInfo keras_zip_info;
const Format& keras_zip();
}  // namespace formats

namespace keras_zip {
namespace {

using layout::Framework;

/// Of tf_keras: what its optimizers learn at when nothing is said.
struct NamedOptimizer {
    std::string_view class_name;
    double learning_rate;
};
constexpr NamedOptimizer named_optimizers[] = {
    {"Adam", 0.001},   {"SGD", 0.01},    {"RMSprop", 0.001}, {"Adagrad", 0.001}, {"Adadelta", 0.001},
    {"Adamax", 0.001}, {"Nadam", 0.001}, {"Ftrl", 0.001},    {"AdamW", 0.001},
};

char lower(char letter) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
}

/// Joins the config and the weights of a package.
class Reader {
public:
    Reader(const Package& package, const OpenOptions& options) : package_(package), options_(options) {}

    ArchiveContents read() {
        read_metadata();
        read_config();
        const auto weights = hdf5::File::parse(weights_part().bytes, options_.limits);
        contents_ = options_.config.is_null() ? lift_along_own(*weights)
                                              : keras_v3::lift(*weights, options_, around());
        contents_.kind = "model";
        contents_.used_config = !options_.config.is_null();
        contents_.warnings.insert(contents_.warnings.begin(), warnings_.begin(), warnings_.end());
        complete_model();
        return std::move(contents_);
    }

private:
    Error incomplete(std::string message) const {
        return Error(ErrorCode::damaged, std::move(message)).in(package_.path).at(0);
    }

    std::string text_of(const Package::Part& part) const {
        const std::uint64_t size = part.bytes->size();
        if (size > options_.limits.json_bytes)
            throw Error(ErrorCode::limit_exceeded, "the text is larger than the limit json_bytes")
                .in(part.bytes->path())
                .at(0);
        std::string text(static_cast<std::size_t>(size), '\0');
        part.bytes->read_at(0, std::as_writable_bytes(std::span(text)));
        return text;
    }

    /// Keras writes it and never looks at it again, so what is wrong in it breaks nothing.
    void read_metadata() {
        const Package::Part* part = package_.find(metadata_name);
        if (!part) return;
        const std::string text = text_of(*part);
        try {
            metadata_ = json::parse(text, options_.limits, part->bytes->path());
        } catch (const Error& error) {
            warnings_.push_back("metadata.json is not used: " + error.message());
        }
    }

    void read_config() {
        const Package::Part* part = package_.find(config_name);
        if (!part)
            throw incomplete("no config.json: the model's architecture is missing")
                .hint("the weights inside are a .weights.h5: unpack model.weights.h5 and convert that");
        config_ = json::parse(text_of(*part), options_.limits, part->bytes->path());
        if (config_["class_name"].is_string() && config_["config"].is_object()) return;
        throw Error(ErrorCode::damaged, "config.json describes no Keras model: no class_name and config")
            .in(part->bytes->path())
            .at(0);
    }

    const Package::Part& weights_part() const {
        if (const Package::Part* part = package_.find(weights_name)) return *part;
        if (package_.find(npz_weights_name))
            throw Error(
                ErrorCode::unsupported,
                "the weights are in model.weights.npz, whose arrays are pickled Python objects: Keras "
                "itself refuses to read them, and Ballast never runs a pickle")
                .in(package_.path)
                .tensor(npz_weights_name)
                .hint("load the model in the program that wrote it, with h5py installed, and save it again");
        throw incomplete("no model.weights.h5: the model's weights are missing");
    }

    Framework framework() const {
        const std::string_view version = metadata_["keras_version"].as_string();
        if (version.starts_with("2.")) return Framework::tf_keras;
        if (version.starts_with("3.")) return Framework::keras3;
        return config_framework(config_);
    }

    keras_v3::Surroundings around() const {
        keras_v3::Surroundings around{framework(), {}};
        for (const Package::Part& part : package_.parts) {
            if (part.name == metadata_name || part.name == config_name || part.name == weights_name) continue;
            around.assets.push_back({part.name, Extent{part.bytes, 0, part.bytes->size()}});
        }
        return around;
    }

    /// A custom model's config may be beyond us; its weights are still there, under their paths.
    ArchiveContents lift_along_own(const hdf5::File& weights) {
        OpenOptions own = options_;
        own.config = config_;
        own.config_path = package_.find(config_name)->bytes->path();
        std::string reason = "it does not say where all weights belong";
        try {
            ArchiveContents contents = keras_v3::lift(weights, own, around());
            const auto& loose = contents.model->loose;
            if (std::none_of(loose.begin(), loose.end(),
                             [](const LooseTensor& tensor) { return tensor.part == Part::loose; }))
                return contents;
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::refused && error.code() != ErrorCode::damaged) throw;
            reason = error.message();
        }
        warnings_.push_back("names come from the weights alone, not from the model's config: " + reason);
        return keras_v3::lift(weights, options_, around());
    }

    /// tf_keras writes what compile() was given: an optimizer by its name alone has the defaults of its
    /// class.
    void spell_out_optimizer() {
        Tree* compiled = config_.find("compile_config");
        if (compiled == nullptr || !(*compiled)["optimizer"].is_string()) return;
        const std::string_view name = (*compiled)["optimizer"].as_string();
        const auto known = std::ranges::find_if(named_optimizers, [&](const NamedOptimizer& row) {
            return std::ranges::equal(row.class_name, name, {}, lower, lower);
        });
        if (known == std::end(named_optimizers)) return;
        Tree config = Tree::object();
        config.set("name", known->class_name);
        config.set("learning_rate", known->learning_rate);
        config.set("is_legacy_optimizer", false);
        Tree node = Tree::object();
        node.set("module", "keras.optimizers");
        node.set("class_name", known->class_name);
        node.set("config", std::move(config));
        node.set("registered_name", Tree());
        compiled->set("optimizer", std::move(node));
    }

    /// What its variables mean in the other framework hangs on its class and options.
    void describe_optimizer(const Tree& node) {
        auto& optimizer = contents_.model->optimizer;
        const std::string_view name = node["class_name"].as_string();
        if (!optimizer || name.empty()) return;
        optimizer->class_name = plain_class(name);
        optimizer->config.set("class_name", node["class_name"]);
        optimizer->config.set("config", node["config"]);
    }

    void complete_model() {
        Model& model = *contents_.model;
        spell_out_optimizer();
        const Tree& optimizer = config_["compile_config"]["optimizer"];
        describe_optimizer(optimizer);
        model.producer.keras_version = std::string(metadata_["keras_version"].as_string());
        Tree metadata = Tree::object();
        metadata.set("model_class", config_["class_name"]);
        metadata.set("model_name", config_["config"]["name"]);
        if (!optimizer["class_name"].is_null()) metadata.set("optimizer", optimizer["class_name"]);
        if (!model.assets.empty()) metadata.set("assets", static_cast<std::uint64_t>(model.assets.size()));
        contents_.metadata = std::move(metadata);
        // A config lent by the user stands in for the model's own.
        if (options_.config.is_null())
            model.config = std::move(config_);
        else
            model.config = options_.config;
    }

    const Package& package_;
    const OpenOptions& options_;
    Tree metadata_, config_;
    std::vector<std::string> warnings_;
    ArchiveContents contents_;
};

class KerasZip final : public Format {
public:
    const FormatInfo& info() const noexcept override { return formats::keras_zip_info; }

    Match probe(Probe& probe) const override { return recognise(probe); }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const Package package = open_package(probe);
        ArchiveContents contents = Reader(package, probe.options()).read();
        contents.format = &info();
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        return keras_zip::plan(model, target, options, report);
    }
};

}  // namespace
}  // namespace keras_zip

const Format& formats::keras_zip() {
    static const ballast::keras_zip::KerasZip format;
    return format;
}

}  // namespace ballast
