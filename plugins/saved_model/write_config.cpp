// SPDX-License-Identifier: Apache-2.0
// A SavedModel of a config and its weights: what Keras 2 writes with save_traces=False.
#include <algorithm>
#include <array>
#include <utility>

#include "ballast/error.h"
#include "container/bundle/types.h"
#include "container/bundle/write_bundle.h"
#include "container/json/json.h"
#include "dialect/guess.h"
#include "dialect/keras_legacy_whole.h"
#include "dialect/tf_graph_lower.h"
#include "model/config.h"
#include "write.h"

namespace ballast::saved_model {
namespace {

using tf_graph::Objects;

// Keras builds every layer of a SavedModel on its own, from the shape of its input, unless a layer around it
// was built first and made it. A config does not tell those shapes; so the graph has one more layer, which
// stands around the model and is forgotten after loading, as all that Keras keeps below `keras_api`.
constexpr std::string_view kept_aside = "keras_api", around = "architecture", wrapped = "layer",
                           wrapper_class = "Wrapper";

constexpr std::array<std::string_view, 7> recurrent_classes = {
    "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN"};

Error no_config() {
    return Error(ErrorCode::needs_config,
                 "a SavedModel of Keras is a whole model, and the source does not tell its architecture")
        .hint(
            "give it: --config MODEL.json (written by model.to_json()), or a whole-model .h5; or fill an "
            "existing SavedModel: --like FOLDER");
}

void check_config(const Model& model) {
    if (model.config.is_null()) throw no_config();
    if (!model.has_layers() || !has_classes(model)) throw no_config();
    if (config_framework(model.config) == layout::Framework::keras3)
        throw Error(ErrorCode::unsupported,
                    "the model is one of Keras 3, whose SavedModels consist of traced functions alone")
            .hint(
                "make one with model.export() once, then fill it with these weights: --like FOLDER; or "
                "write .keras, which Keras 3 loads");
    const LayerKind kind = kind_of(model.layers[model.root]);
    if (kind != LayerKind::sequential && kind != LayerKind::functional)
        throw Error(ErrorCode::unsupported,
                    "the model is a subclassed one, which a SavedModel holds as traced functions alone")
            .hint("save it once in tf_keras, then fill that SavedModel with these weights: --like FOLDER");
}

std::string identifier(const Layer& layer) {
    switch (kind_of(layer)) {
        case LayerKind::sequential:
            return "_tf_keras_sequential";
        case LayerKind::functional:
            return "_tf_keras_network";
        case LayerKind::input:
            return "_tf_keras_input_layer";
        default:
            break;
    }
    const bool recurrent = std::ranges::find(recurrent_classes, layer.class_name) != recurrent_classes.end();
    return recurrent ? "_tf_keras_rnn_layer" : "_tf_keras_layer";
}

Tree described_layer(const Layer& layer) {
    Tree tree = Tree::object();
    tree.set("class_name", layer.class_name);
    tree.set("name", layer.name);
    tree.set("trainable", layer.trainable);
    tree.set("must_restore_from_config", false);
    // Models inside are described by the config around them.
    const LayerKind kind = kind_of(layer);
    if (kind != LayerKind::sequential && kind != LayerKind::functional && !layer.config.is_null())
        tree.set("config", layer.config);
    return tree;
}

Tree described_model(const Model& model, const SaveOptions& options) {
    const Tree& config = model.config["config"];
    Tree tree = Tree::object();
    tree.set("class_name", model.config["class_name"]);
    tree.set("name", config["name"].is_string() ? config["name"] : Tree("model"));
    tree.set("trainable", config["trainable"].as_bool().value_or(true));
    tree.set("must_restore_from_config", false);
    tree.set("is_graph_network", true);
    tree.set("config", config);
    const Tree training = keras_legacy::whole_configs(model, layout::Framework::tf_keras).training;
    if (!options.weights_only && !training.is_null()) tree.set("training_config", training);
    return tree;
}

Tree described_wrapper(const Model& model) {
    Tree config = Tree::object();
    config.set("name", around);
    config.set("dtype", "float32");
    Tree& inner = config.set(wrapped, Tree::object());
    inner.set("class_name", model.config["class_name"]);
    inner.set("config", model.config["config"]);
    Tree tree = Tree::object();
    tree.set("class_name", wrapper_class);
    tree.set("name", around);
    // No "trainable": it would be set on every layer inside.
    tree.set("must_restore_from_config", true);
    // The model knows its own inputs: any shape will do.
    Tree& shape = tree.set("build_input_shape", Tree::array());
    shape.push_back(Tree());
    shape.push_back(1);
    tree.set("config", std::move(config));
    return tree;
}

/// "root.layer-1.cell", by node: along the first edges that lead there.
std::vector<std::string> node_paths(const proto::ObjectGraph& graph) {
    std::vector<std::string> paths(graph.nodes.size());
    paths.front() = "root";
    std::vector<std::uint32_t> pending = {0};
    for (std::size_t at = 0; at < pending.size(); ++at) {
        for (const proto::ObjectReference& child : graph.nodes[pending[at]].children) {
            if (!paths[child.node].empty()) continue;
            paths[child.node] = paths[pending[at]] + "." + child.name;
            pending.push_back(child.node);
        }
    }
    return paths;
}

/// saved_model.pb and keras_metadata.pb of one model: the nodes of both are the same.
class Writer {
public:
    Writer(const Model& model, const SaveOptions& options)
        : model_(model), options_(options), objects_(tf_graph::objects_of(model)) {
        for (const proto::ObjectNode& node : objects_.graph.nodes)
            saved_.push_back({node.children, {}, 0, {}, false, {}});
        aside_ = static_cast<std::uint32_t>(saved_.size());
        saved_.front().children.push_back({aside_, std::string(kept_aside)});
        saved_.push_back({{{aside_ + 1, std::string(around)}}, {}, 0, {}, false, {}});
        saved_.push_back({{{0, std::string(wrapped)}}, "_tf_keras_layer", 0, {}, false, {}});
        add_variables();
    }

    /// The wrapper comes first: Keras loads in this order.
    std::string metadata() {
        const std::vector<std::string> paths = node_paths(objects_.graph);
        const std::string path = paths.front() + "." + std::string(kept_aside) + "." + std::string(around);
        add(aside_ + 1, path, "_tf_keras_layer", described_wrapper(model_));
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            const std::uint32_t node = objects_.of_layer[id];
            if (node == Objects::none) continue;
            const Layer& layer = model_.layers[id];
            saved_[node].identifier = identifier(layer);
            add(node, paths[node], saved_[node].identifier,
                node == 0 ? described_model(model_, options_) : described_layer(layer));
        }
        return proto::write_keras_metadata(described_);
    }

    /// After metadata(), which tells the objects' kinds.
    std::string graph() const { return proto::write_saved_model(saved_); }

private:
    void add(std::uint32_t node, std::string path, std::string identifier, const Tree& metadata) {
        described_.push_back({{node, std::move(identifier), json::write(metadata)}, std::move(path)});
    }

    void add_variables() {
        for (const auto& [node, ref] : objects_.weights) {
            const Weight& weight = model_.layers[ref.layer].weights[ref.weight];
            proto::SavedObject& variable = saved_[node];
            variable.dtype = bundle::type_of(weight.value.dtype())->number;
            for (const std::uint64_t dim : weight.value.shape())
                variable.dims.push_back(static_cast<std::int64_t>(dim));
            variable.trainable = weight.trainable;
            variable.name = objects_.graph.nodes[node].attributes.front().full_name;
        }
    }

    const Model& model_;
    const SaveOptions& options_;
    Objects objects_;
    std::vector<proto::SavedObject> saved_;
    std::vector<proto::KerasObject> described_;
    std::uint32_t aside_ = 0;
};

}  // namespace

PlannedFile file_of_text(const Target& target, std::string_view name, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    PlannedFile file;
    file.name = target.location.name + "/" + std::string(name);
    file.size = bytes.size();
    file.pieces.push_back({0, FixedBytes{{bytes.begin(), bytes.end()}}});
    return file;
}

std::string variables_of(const Target& target) {
    return target.location.name + "/" + std::string(variables_prefix);
}

WritePlan plan_from_config(const Model& model, const Target& target, const SaveOptions& options,
                           Report& report) {
    check_config(model);
    bundle::Builder bundle;
    tf_graph::lower_whole(model, options, report, bundle);
    WritePlan plan = bundle.plan({variables_of(target), {}, options.max_shard_size});
    plan.commit = target.location.name + "/";
    Writer writer(model, options);
    plan.files.push_back(file_of_text(target, keras_file, writer.metadata()));
    plan.files.push_back(file_of_text(target, graph_file, writer.graph()));
    PlannedFile& assets = plan.files.emplace_back();
    assets.name = target.location.name + "/" + std::string(assets_folder) + "/";
    for (const Blob& asset : model.assets)
        report.add(ReportEntry::Kind::dropped, asset.name, {},
                   "a SavedModel without functions has no use for assets", true);
    report.note(
        "no functions and signatures are written, as with save_traces=False: tf_keras loads it, "
        "TensorFlow Serving does not");
    return plan;
}

}  // namespace ballast::saved_model
