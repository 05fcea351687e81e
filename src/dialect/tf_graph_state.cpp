// SPDX-License-Identifier: Apache-2.0
// Lifting an object graph: the optimizer, what has no place, and the order of the steps.
#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "ballast/error.h"
#include "core/text.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_names.h"
#include "dialect/tf_graph_rest.h"
#include "dialect/tf_graph_walk.h"
#include "model/naming.h"

namespace ballast::tf_graph {
namespace {

using layout::Framework;

/// Where an object's own text lies in the checkpoint; structure, not data.
constexpr std::array<std::string_view, 2> bookkeeping_attributes = {"OBJECT_CONFIG_JSON", "py_state"};

/// Optimizer variables of both styles, in ordinal order.
class OptimizerLift {
public:
    explicit OptimizerLift(LiftState& state) : state_(state), view_(state.view), node_(view_.optimizer()) {}

    void run() {
        Optimizer& optimizer = state_.lifting.model.optimizer.emplace();
        names_ = canonical_weight_names(state_.lifting.model);
        for (NodeId node = 0; node < view_.size(); ++node) {
            const WeightRef ref = state_.weight_of[node];
            if (ref.layer != LiftState::no_layer && !view_.full_name(node).empty())
                add_name(view_.full_name(node), names_[ref.layer][ref.weight]);
        }
        const NodeId list = view_.child(node_, "_variables");
        optimizer.flavor = view_.framework() == Framework::keras3 ? "keras3" : "tf_keras";
        if (list != no_node)
            add_list(list);
        else
            optimizer.flavor = "legacy";
        add_rest();
        add_slots();
    }

private:
    void add_name(const std::string& full, const std::string& canonical) {
        by_full_name_.emplace(full, canonical);
        std::string flat = full;
        std::replace(flat.begin(), flat.end(), '/', '_');
        by_flat_name_.emplace(std::move(flat), canonical);
    }

    void add(NodeId node, std::string slot, std::string of_weight, std::string key) {
        if (!view_.value(node) || state_.used[node]) return;
        state_.used[node] = true;
        OptimizerVariable variable;
        variable.slot = std::move(slot);
        variable.of_weight = std::move(of_weight);
        variable.stored_key = std::move(key);
        state_.lifting.add_optimizer_variable(std::move(variable), state_.tensor(node));
    }

    /// "Adam/m/conv1/kernel" (Keras 3: "adam/conv1_kernel_momentum") or a name of its own.
    void name(const std::string& full, std::string& slot, std::string& of_weight) const {
        const std::size_t class_end = full.find('/');
        if (class_end == std::string::npos) {
            slot = full;
            return;
        }
        const std::size_t slot_end = full.find('/', class_end + 1);
        if (slot_end == std::string::npos) return name_keras3(full.substr(class_end + 1), slot, of_weight);
        const auto weight = by_full_name_.find(full.substr(slot_end + 1));
        if (weight == by_full_name_.end()) return;
        slot = full.substr(class_end + 1, slot_end - class_end - 1);
        of_weight = weight->second;
    }

    /// "bi_forward_lstm_lstm_cell_kernel_momentum", "learning_rate".
    void name_keras3(const std::string& text, std::string& slot, std::string& of_weight) const {
        slot = text;
        for (std::size_t at = text.rfind('_'); at != std::string::npos && at > 0;
             at = text.rfind('_', at - 1)) {
            const auto weight = by_flat_name_.find(text.substr(0, at));
            if (weight == by_flat_name_.end()) continue;
            slot = text.substr(at + 1);
            of_weight = weight->second;
            return;
        }
    }

    void add_list(NodeId list) {
        std::vector<proto::ObjectReference> items = view_.node(list).children;
        std::stable_sort(items.begin(), items.end(),
                         [](const auto& a, const auto& b) { return natural_less(a.name, b.name); });
        for (const proto::ObjectReference& item : items) {
            std::string slot, of_weight;
            name(view_.full_name(item.node), slot, of_weight);
            add(item.node, std::move(slot), std::move(of_weight), "_variables/" + item.name);
        }
    }

    /// What hangs at the optimizer itself: iter, beta_1, … of the old style; the learning rate of tf_keras'
    /// new one, which is none of its variables.
    void add_rest() {
        for (const proto::ObjectReference& edge : view_.node(node_).children)
            add(edge.node,
                edge.name == "iter" || edge.name == "_iterations" ? "iteration"
                                                                  : std::string(stripped(edge.name)),
                {}, escape_edge(edge.name));
    }

    static std::string_view stripped(std::string_view edge) {
        return edge.substr(edge.starts_with('_') ? 1 : 0);
    }

    /// Old style: slots by variable, in the order of the weights.
    void add_slots() {
        std::vector<const proto::SlotReference*> slots;
        for (const proto::SlotReference& slot : view_.node(node_).slots)
            slots.push_back(&slot);
        std::stable_sort(slots.begin(), slots.end(), [&](const auto* a, const auto* b) {
            const WeightRef x = state_.weight_of[a->variable], y = state_.weight_of[b->variable];
            return std::pair(x.layer, x.weight) < std::pair(y.layer, y.weight);
        });
        for (const proto::SlotReference* slot : slots) {
            const WeightRef ref = state_.weight_of[slot->variable];
            const std::string of_weight =
                ref.layer == LiftState::no_layer ? std::string() : names_[ref.layer][ref.weight];
            add(slot->slot, slot->name, of_weight, "slot/" + slot->name);
        }
    }

    LiftState& state_;
    const GraphView& view_;
    NodeId node_;
    std::vector<std::vector<std::string>> names_;
    std::map<std::string, std::string, std::less<>> by_full_name_, by_flat_name_;
};

class Lift {
public:
    Lift(const bundle::Bundle& bundle, const OpenOptions& options, const proto::ObjectGraph& graph,
         std::vector<Blob> assets)
        : bundle_(bundle), options_(options), view_(bundle, graph), assets_(std::move(assets)) {}

    ArchiveContents run() {
        const bool along_config = !options_.config.is_null() && lift_along_config();
        if (!along_config) lift_by_edges(state_);
        Model& model = lifting_.model;
        model.producer.dialect = dialect;
        const bool keras = model.layers.size() > 1 || view_.optimizer() != no_node;
        if (keras) model.producer.flavor = view_.framework() == Framework::keras3 ? "keras3" : "tf_keras";
        if (view_.optimizer() != no_node) lift_optimizer(state_);
        keep_rest();
        lifting_.blobs.insert(lifting_.blobs.end(), std::move_iterator(assets_.begin()),
                              std::move_iterator(assets_.end()));
        // Kept by the model as well, for the way back into a checkpoint.
        if (!view_.model_edge().empty()) {
            model.metadata = Tree::object();
            model.metadata.set(model_at, view_.model_edge());
        }
        Tree metadata = metadata_tree();
        ArchiveContents contents = lifting_.finish(Lifting::IndexOrder::as_bound);
        contents.kind = "weights";
        contents.used_config = along_config;
        contents.metadata = std::move(metadata);
        return contents;
    }

private:
    /// Where the config does not fit the graph, it is laid over the layers the graph tells, like over those
    /// of any other file without a config.
    bool lift_along_config() {
        Lifting other;
        LiftState state(view_, other);
        try {
            ballast::tf_graph::lift_by_config(state, options_);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::ambiguous_mapping) throw;
            lifting_.warnings.push_back("the object graph does not follow the config: " + error.message());
            return false;
        }
        lifting_ = std::move(other);
        state_.weight_of = std::move(state.weight_of);
        state_.used = std::move(state.used);
        return true;
    }

    /// Tensors the walk did not meet, and objects of other kinds (tables, iterators).
    void keep_rest() {
        if (const NodeId counter = view_.child(0, "save_counter");
            counter != no_node && view_.value(counter)) {
            state_.used[counter] = true;
            save_counter_ = counter;
        }
        std::vector<std::string_view> taken;
        for (NodeId node = 0; node < view_.size(); ++node) {
            for (const proto::ObjectAttribute& attribute : view_.node(node).attributes) {
                // TensorFlow's own MaxShardSizePolicy leaves tensors without elements out.
                // A table's key is the begin of those of its two tensors.
                if (!bundle_.find(attribute.key) && !bundle_.find(attribute.key + std::string(table_values)))
                    lifting_.warnings.push_back("the object graph names '" + attribute.key +
                                                "', which is not there");
                const bool structure = std::find(bookkeeping_attributes.begin(), bookkeeping_attributes.end(),
                                                 attribute.name) != bookkeeping_attributes.end();
                if (structure || (state_.used[node] && attribute.name == "VARIABLE_VALUE"))
                    taken.push_back(attribute.key);
            }
        }
        std::sort(taken.begin(), taken.end());
        const RestNames names = name_rest(view_);
        std::size_t copies = 0;
        for (const bundle::Entry& entry : bundle_.entries()) {
            if (entry.key == proto::object_graph_key ||
                std::binary_search(taken.begin(), taken.end(), entry.key))
                continue;
            const auto known = names.find(entry.key);
            if (known != names.end() && known->second.empty_table) continue;
            if (known != names.end() && known->second.copy) {
                ++copies;
                continue;
            }
            keep_loose(lifting_, bundle_, entry, known == names.end() ? Part::loose : known->second.part,
                       known == names.end() ? std::string_view() : known->second.name);
        }
        if (copies != 0)
            lifting_.warnings.push_back(
                std::to_string(copies) +
                " tensors below _all_variables are second copies of others, and not listed");
    }

    Tree metadata_tree() const {
        Tree metadata = Tree::object();
        metadata.set("graph", "objects");
        if (!lifting_.model.producer.flavor.empty()) metadata.set("flavor", lifting_.model.producer.flavor);
        metadata.set("shards", bundle_.shards());
        if (bundle_.big_endian()) metadata.set("byte_order", "big");
        if (!view_.model_edge().empty()) metadata.set(model_at, view_.model_edge());
        if (save_counter_ != no_node)
            metadata.set("save_counter", stored_name(view_.value(save_counter_)->key));
        return metadata;
    }

    const bundle::Bundle& bundle_;
    const OpenOptions& options_;
    GraphView view_;
    Lifting lifting_;
    LiftState state_{view_, lifting_};
    NodeId save_counter_ = no_node;
    std::vector<Blob> assets_;
};

}  // namespace

void lift_optimizer(LiftState& state) {
    OptimizerLift(state).run();
}

ArchiveContents lift(const bundle::Bundle& bundle, const OpenOptions& options, std::vector<Blob> assets) {
    const bundle::Entry* entry = bundle.find(proto::object_graph_key);
    if (!entry) return lift_names(bundle, std::move(assets));
    const std::vector<std::string> texts = bundle.strings(*entry);
    try {
        if (texts.size() != 1) throw Error(ErrorCode::damaged, "the object graph is not one text");
        return Lift(bundle, options, proto::read_graph(texts.front(), options.limits), std::move(assets))
            .run();
    } catch (Error& error) {
        error.in(bundle.path());
        if (error.tensor().empty()) error.tensor(proto::object_graph_key);
        throw;
    }
}

}  // namespace ballast::tf_graph
