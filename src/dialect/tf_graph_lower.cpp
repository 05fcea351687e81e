// SPDX-License-Identifier: Apache-2.0
// Lowering layers to an object graph: by the keys they came with, else by their classes.
#include "dialect/tf_graph_lower.h"

#include <algorithm>
#include <map>

#include "ballast/error.h"
#include "dialect/guess.h"
#include "dialect/keras_legacy.h"
#include "dialect/own_layers.h"
#include "dialect/reporting.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_build.h"
#include "dialect/tf_graph_optimizer.h"
#include "dialect/tf_graph_walk.h"
#include "model/config.h"
#include "model/naming.h"
#include "model/paths_walk.h"

namespace ballast::tf_graph {
namespace {

using layout::Framework;
using Node = GraphBuilder::Node;

std::string joined(const std::string& path, std::string_view edge) {
    return path.empty() ? std::string(edge) : path + "/" + std::string(edge);
}

/// Calls `visit` with the arrangements the layer may have: the one its config chooses, else all of its class.
template <class Visit>
void each_variant(const Layer& layer, const layout::Variant* chosen, Visit visit) {
    if (chosen) return visit(*chosen);
    const layout::ClassLayout* known =
        layer.class_name.empty() ? nullptr : layout::find_class(layer.class_name);
    if (!known) return;
    for (const layout::Variant& variant : known->variants)
        if (variant.frameworks.has(Framework::tf_keras)) visit(variant);
}

const layout::OwnWeight* own_weight(const Layer& layer, const layout::Variant* chosen,
                                    std::string_view role) {
    const layout::OwnWeight* found = nullptr;
    each_variant(layer, chosen, [&](const layout::Variant& variant) {
        for (const layout::OwnWeight& weight : variant.weights)
            if (!found && weight.role == role) found = &weight;
    });
    return found;
}

/// Puts the weights of a model into a graph.
class LayerWriter {
public:
    enum class Layers : std::uint8_t { with_weights, all };

    LayerWriter(const Model& model, GraphBuilder& graph, Report& report, Layers which = Layers::with_weights)
        : model_(model),
          graph_(graph),
          report_(report),
          every_(which == Layers::all),
          names_(canonical_weight_names(model)) {
        nodes_.of_weight.resize(model.layers.size());
        for (std::size_t id = 0; id < model.layers.size(); ++id)
            nodes_.of_weight[id].resize(model.layers[id].weights.size(), GraphBuilder::root);
    }

    /// `at`: where the model is held; empty at the root.
    VariableNodes by_keys(const std::string& at) {
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            const Layer& layer = model_.layers[id];
            for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
                std::string path = joined(layer.stored_key, layer.weights[i].stored_key);
                if (!at.empty()) path = joined(at, path);
                if (!layer.weights[i].value.empty())
                    put({id, i}, graph_.walk(GraphBuilder::root, path), path);
            }
        }
        return std::move(nodes_);
    }

    VariableNodes by_classes() {
        variants_ = layer_variants(model_, Framework::tf_keras);
        found_.resize(model_.layers.size(), none);
        paths_.resize(model_.layers.size());
        find_holders();
        assign(model_.root, GraphBuilder::root, {});
        for (std::size_t at = 0; at < pending_.size(); ++at)
            visit(pending_[at]);
        for (const Shared& shared : shared_)
            place_shared(shared);
        report_unplaced();
        return std::move(nodes_);
    }

    /// By layer, after by_classes().
    const std::vector<Node>& layer_nodes() const noexcept { return found_; }

private:
    static constexpr Node none = Objects::none;
    /// A variable that is a sub-layer's as well.
    struct Shared {
        WeightRef weight;
        const layout::OwnWeight* own;
    };

    void put(WeightRef ref, Node node, const std::string& path) {
        const Weight& weight = model_.layers[ref.layer].weights[ref.weight];
        nodes_.of_weight[ref.layer][ref.weight] = node;
        const std::string& canonical = names_[ref.layer][ref.weight];
        // A second name of a variable adds nothing.
        graph_.set(node, path, full_name(weight, canonical), weight.value);
        report_written(report_, weight.value, path, canonical);
    }

    /// What the variable was called, where a legacy file told; else its canonical name.
    std::string full_name(const Weight& weight, const std::string& canonical) const {
        if (model_.producer.dialect != keras_legacy::dialect || weight.stored_key.empty()) return canonical;
        const std::string& name = weight.stored_key;
        return name.substr(0, name.size() - (name.ends_with(":0") ? 2 : 0));
    }

    /// Layers that hold values, or below which some do. Children come after their parents but for shared
    /// ones, so the passes end when nothing changes.
    void find_holders() {
        holds_.resize(model_.layers.size());
        for (bool changed = true; changed;) {
            changed = false;
            for (std::size_t id = model_.layers.size(); id-- > 0;) {
                const Layer& layer = model_.layers[id];
                bool holds = std::any_of(layer.weights.begin(), layer.weights.end(),
                                         [](const Weight& weight) { return !weight.value.empty(); });
                for (const Edge& edge : layer.edges)
                    holds = holds || holds_[edge.child];
                changed = changed || holds != holds_[id];
                holds_[id] = holds;
            }
        }
    }

    /// True when the layer got its node now.
    bool assign(LayerId layer, Node node, std::string path) {
        if (found_[layer] != none) return false;
        found_[layer] = node;
        paths_[layer] = std::move(path);
        pending_.push_back(layer);
        return true;
    }

    void visit(LayerId id) {
        const LayerKind kind = kind_of(model_.layers[id]);
        if (kind == LayerKind::sequential || kind == LayerKind::functional) return visit_container(id);
        visit_weights(id);
        std::map<std::string, std::uint64_t> items;
        for (const Edge& edge : model_.layers[id].edges)
            visit_child(id, edge, items);
    }

    void visit_container(LayerId id) {
        const std::vector<LayerId> children = container_children(model_, id, Framework::tf_keras);
        std::size_t weighty = 0;
        for (std::size_t n = 0; n < children.size(); ++n) {
            const bool holds = holds_[children[n]];
            if (!holds && !every_) continue;
            const std::string number = "layer-" + std::to_string(n);
            const std::string edge = holds ? "layer_with_weights-" + std::to_string(weighty++) : number;
            const Node known = found_[children[n]];
            const Node node = known == none ? graph_.child(found_[id], edge) : known;
            graph_.link(found_[id], edge, node);
            graph_.link(found_[id], number, node);
            assign(children[n], node, joined(paths_[id], edge));
        }
        visit_weights(id);
    }

    Error unknown_attribute(const Layer& layer, const Weight& weight) const {
        return Error(ErrorCode::ambiguous_mapping, "the attribute in which tf_keras' layer '" + layer.name +
                                                       "' (" + layer.class_name +
                                                       ") keeps its variable is not known")
            .tensor(source_name(weight.value))
            .hint("save the model once with save_format='tf' and give that checkpoint as --like");
    }

    void visit_weights(LayerId id) {
        const Layer& layer = model_.layers[id];
        for (std::uint32_t i = 0; i < layer.weights.size(); ++i) {
            const Weight& weight = layer.weights[i];
            if (weight.value.empty()) continue;
            const layout::OwnWeight* own = own_weight(layer, variants_[id], weight.role);
            if (own && !own->same_as.empty()) {
                shared_.push_back({{id, i}, own});
                continue;
            }
            std::string edge;
            if (own)
                edge = escape_edge(own->tf_edge[static_cast<std::size_t>(Framework::tf_keras)]);
            else if (id == model_.root || model_.producer.dialect == dialect)
                edge = weight.role;  // an attribute of the model; what our own lifting found
            if (edge.empty()) throw unknown_attribute(layer, weight);
            const std::string path = joined(paths_[id], edge);
            put({id, i}, graph_.walk(GraphBuilder::root, path), path);
        }
    }

    void visit_child(LayerId id, const Edge& edge, std::map<std::string, std::uint64_t>& items) {
        if (!holds_[edge.child]) return;
        std::string name = edge.key;
        bool each = edge.kind == Edge::Kind::index;
        each_variant(model_.layers[id], variants_[id], [&](const layout::Variant& variant) {
            for (const layout::Child& child : variant.children) {
                if (child.attribute != edge.key) continue;
                const std::string_view stored = child.tf_edge[static_cast<std::size_t>(Framework::tf_keras)];
                if (!stored.empty()) name = stored;
                each = each || child.each;
            }
        });
        Node holder = found_[id];
        std::string path = joined(paths_[id], escape_edge(name));
        if (each) {
            holder = graph_.child(holder, name);
            name = std::to_string(items[name]++);
            path += "/" + name;
        }
        const Node known = found_[edge.child];
        const Node node = known == none ? graph_.child(holder, name) : known;
        graph_.link(holder, name, node);
        assign(edge.child, node, std::move(path));
    }

    /// The wrapper's edge leads to the variable of the layer inside.
    void place_shared(const Shared& shared) {
        const std::string edge(shared.own->tf_edge[static_cast<std::size_t>(Framework::tf_keras)]);
        const Layer& layer = model_.layers[shared.weight.layer];
        const std::string path = joined(paths_[shared.weight.layer], escape_edge(edge));
        for (const std::string_view same : shared.own->same_as) {
            const std::size_t slash = same.find('/');
            for (const Edge& below : layer.edges) {
                if (below.key != same.substr(0, slash)) continue;
                const auto& inner = model_.layers[below.child].weights;
                for (std::size_t i = 0; i < inner.size(); ++i) {
                    const Node node = nodes_.of_weight[below.child][i];
                    if (inner[i].role != same.substr(slash + 1) || node == GraphBuilder::root) continue;
                    graph_.link(found_[shared.weight.layer], edge, node);
                    return put(shared.weight, node, path);
                }
            }
        }
        put(shared.weight, graph_.walk(GraphBuilder::root, path), path);
    }

    /// What no walk from the root reached would be lost without a word.
    void report_unplaced() {
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            for (std::size_t i = 0; i < model_.layers[id].weights.size(); ++i) {
                const Weight& weight = model_.layers[id].weights[i];
                if (!weight.value.empty() && nodes_.of_weight[id][i] == GraphBuilder::root)
                    throw unknown_attribute(model_.layers[id], weight);
            }
        }
    }

    const Model& model_;
    GraphBuilder& graph_;
    Report& report_;
    bool every_;
    std::vector<std::vector<std::string>> names_;
    VariableNodes nodes_;
    std::vector<const layout::Variant*> variants_;
    std::vector<Node> found_;         ///< by layer
    std::vector<std::string> paths_;  ///< by layer: the first path to it
    std::vector<bool> holds_;
    std::vector<LayerId> pending_;
    std::vector<Shared> shared_;
};

Error no_order() {
    return Error(ErrorCode::needs_config,
                 "a checkpoint counts the layers in the model's order, which the source does not tell")
        .hint(
            "give the architecture: --config MODEL.json (written by model.to_json()), or a whole-model .h5");
}

/// The edge that the model was held by in the checkpoint it came from, where that is wanted again.
std::string wanted_edge(const Model& model, const SaveOptions& options, Report& report) {
    const std::string_view edge = model.metadata[model_at].as_string();
    if (edge.empty()) return {};
    if (options.flavor == checkpoint_flavor) return escape_edge(edge);
    report.note(
        "in the source, the model is '" + std::string(edge) +
        "' of a tf.train.Checkpoint; here it is the root, as load_weights() takes it (SaveOptions::flavor "
        "checkpoint, in the tool --as checkpoint, keeps its place)");
    return {};
}

/// What tf.train.Checkpoint(model) looks for lies at the root, what tf.train.Checkpoint(model=model) looks
/// for below `at`: both names lead to the same objects.
void name_twice(GraphBuilder& graph, const std::string& at) {
    const Node model = graph.walk(GraphBuilder::root, at);
    const auto of_root = graph.graph().nodes[GraphBuilder::root].children;
    const auto of_model = graph.graph().nodes[model].children;
    for (const proto::ObjectReference& edge : of_model)
        graph.link(GraphBuilder::root, edge.name, edge.node);
    for (const proto::ObjectReference& edge : of_root)
        if (edge.node != model) graph.link(model, edge.name, edge.node);
}

void lower_layers(const Model& model, const SaveOptions& options, bool whole, Report& report,
                  bundle::Builder& bundle) {
    GraphBuilder graph;
    const bool own = model.producer.dialect == dialect;
    const bool as_stored = own && (model.producer.flavor != "keras3" || !has_classes(model));
    const std::string at = as_stored && !whole ? wanted_edge(model, options, report) : std::string();
    VariableNodes nodes;
    Model guessed;
    const Model* written = &model;
    if (as_stored && !whole) {
        if (model.producer.flavor == "keras3")
            report.note(
                "these are Keras 3's objects: tf.train.Checkpoint of the Keras 3 model restores them, "
                "tf_keras does not");
        nodes = LayerWriter(model, graph, report).by_keys(at);
    } else if (has_classes(model)) {
        if (!own) require_places(model, Placing::by_path, "an object graph");
        nodes = LayerWriter(model, graph, report).by_classes();
    } else if (model.producer.dialect == keras_legacy::dialect) {
        guessed = guess_classes(model, Framework::tf_keras);
        // It says of each layer what it is; the root is a container of them, in the file's order.
        guessed.layers[guessed.root].class_name = "Sequential";
        written = &guessed;
        nodes = LayerWriter(guessed, graph, report).by_classes();
    } else {
        throw no_order();
    }
    write_optimizer(*written, model, as_stored, options, nodes, graph, report);
    if (!at.empty()) name_twice(graph, at);
    if (options.flavor == checkpoint_flavor)
        graph.set(graph.child(GraphBuilder::root, "save_counter"), "save_counter", "save_counter",
                  scalar(DType::int64, "save_counter", 1));
    for (const LooseTensor& tensor : model.loose) {
        if (tensor.part != Part::loose || tensor.value.empty()) continue;
        if (!own) {
            report.add(ReportEntry::Kind::dropped, source_name(tensor.value), {},
                       "no layer owns it, and the object graph has no place for it", true);
            continue;
        }
        graph.set(graph.walk(GraphBuilder::root, tensor.name), tensor.name, tensor.name, tensor.value);
        report_written(report, tensor.value, tensor.name, tensor.name);
    }
    report_state_left(report, model, "a checkpoint of weights holds no metric state");
    std::move(graph).finish(bundle);
}

/// As TensorFlow 1: a tensor's name is its key.
void lower_names(const Model& model, const SaveOptions& options, Report& report, bundle::Builder& bundle) {
    for (const LooseTensor& tensor : model.loose) {
        if (tensor.value.empty()) continue;
        if (tensor.part != Part::loose && tensor.part != Part::weight && !options.include_optimizer) {
            report.add(ReportEntry::Kind::skipped, source_name(tensor.value), {}, "left out as asked");
            continue;
        }
        bundle.add(tensor.name, tensor.value);
        report_written(report, tensor.value, tensor.name, tensor.name);
    }
    if (model.optimizer)
        report_dropped(report, *model.optimizer, "a checkpoint without layers goes by names");
    report.note("without layers the checkpoint goes by names, as those of TensorFlow 1");
}

}  // namespace

void lower(const Model& model, const SaveOptions& options, Report& report, bundle::Builder& bundle) {
    if (model.has_layers())
        lower_layers(model, options, false, report, bundle);
    else
        lower_names(model, options, report, bundle);
    for (const Blob& asset : model.assets)
        report.add(ReportEntry::Kind::dropped, asset.name, {},
                   "text tensors and assets are not written into checkpoints", true);
    if (!model.config.is_null()) report.note("the model's config stays behind: a checkpoint holds none");
}

void lower_whole(const Model& model, const SaveOptions& options, Report& report, bundle::Builder& bundle) {
    lower_layers(model, options, true, report, bundle);
}

Objects objects_of(const Model& model) {
    GraphBuilder graph;
    Report unused;
    LayerWriter writer(model, graph, unused, LayerWriter::Layers::all);
    const VariableNodes nodes = writer.by_classes();
    Objects objects;
    objects.graph = graph.graph();
    objects.of_layer = writer.layer_nodes();
    for (LayerId id = 0; id < nodes.of_weight.size(); ++id)
        for (std::uint32_t i = 0; i < nodes.of_weight[id].size(); ++i)
            if (nodes.of_weight[id][i] != GraphBuilder::root)
                objects.weights.emplace(nodes.of_weight[id][i], WeightRef{id, i});
    return objects;
}

}  // namespace ballast::tf_graph
