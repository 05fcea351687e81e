// SPDX-License-Identifier: Apache-2.0
// Replacing values in a bundle, see tf_graph_refill.h.
#include "dialect/tf_graph_refill.h"

#include <map>
#include <string>

#include "ballast/error.h"
#include "core/text.h"
#include "dialect/reporting.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_rest.h"
#include "dialect/tf_graph_view.h"
#include "dialect/tf_graph_walk.h"
#include "model/naming.h"

namespace ballast::tf_graph {
namespace {

constexpr std::string_view slot_key = "slot/";

proto::ObjectGraph graph_of(const bundle::Bundle& bundle, const Limits& limits) {
    const bundle::Entry* entry = bundle.find(proto::object_graph_key);
    if (!entry)
        throw Error(ErrorCode::unsupported, "its variables go by names alone, as those of TensorFlow 1")
            .in(bundle.path())
            .hint("load it in TensorFlow and save it again");
    return proto::read_graph(bundle.strings(*entry).at(0), limits);
}

class Refill {
public:
    Refill(const Model& model, const bundle::Bundle& origin, const Model& layout, const Limits& limits,
           Report& report)
        : model_(model),
          origin_(origin),
          layout_(layout),
          view_(origin, graph_of(origin, limits)),
          report_(report) {}

    void run(bundle::Builder& bundle) {
        place_weights();
        place_optimizer();
        place_loose();
        if (left_ != 0)
            report_.note(std::to_string(left_) + " variables of the SavedModel keep the values they have");
        for (const bundle::Entry& entry : origin_.entries()) {
            const auto found = values_.find(entry.key);
            if (found != values_.end())
                bundle.add(entry.key, found->second);
            else
                keep(entry, bundle);
        }
    }

private:
    Error no_place(const TensorExpr& value) const {
        return Error(ErrorCode::ambiguous_mapping, "the SavedModel has no variable for it")
            .in(origin_.path())
            .tensor(source_name(value))
            .hint("bring the values into its layout: --like with the SavedModel");
    }

    void place(const bundle::Entry* entry, const TensorExpr& value, const std::string& name) {
        if (!entry) throw no_place(value);
        if (entry->shape != value.shape())
            throw Error(ErrorCode::shape_mismatch, "the SavedModel's functions need " +
                                                       entry->shape.to_string() + ", the value has " +
                                                       value.shape().to_string())
                .in(origin_.path())
                .tensor(name);
        if (entry->type->dtype != value.dtype())
            throw Error(ErrorCode::dtype_mismatch,
                        "the SavedModel's functions need " + std::string(to_string(entry->type->dtype)) +
                            ", the value is " + std::string(to_string(value.dtype())))
                .in(origin_.path())
                .tensor(name)
                .hint("cast it: --dtype " + std::string(to_string(entry->type->dtype)));
        values_.insert_or_assign(entry->key, value);
        report_written(report_, value, stored_name(entry->key), name);
    }

    NodeId walk(NodeId node, std::string_view path) const {
        if (path.empty()) return node;
        for (const std::string_view edge : split(path, '/')) {
            if (node == no_node) break;
            node = view_.child(node, unescape_edge(edge));
        }
        return node;
    }

    const bundle::Entry* at(NodeId node) const { return node == no_node ? nullptr : view_.value(node); }

    void place_weights() {
        const auto names = canonical_weight_names(model_);
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            const Layer& layer = model_.layers[id];
            const NodeId node = walk(0, layer.stored_key);
            for (std::size_t i = 0; i < layer.weights.size(); ++i) {
                const Weight& weight = layer.weights[i];
                if (weight.value.empty()) {
                    ++left_;
                    continue;
                }
                const NodeId variable = node == no_node ? no_node : walk(node, weight.stored_key);
                node_of_.emplace(names[id][i], variable);
                place(at(variable), weight.value, names[id][i]);
            }
        }
    }

    /// The key the layout has for a variable of the same meaning; else its own.
    std::string optimizer_key(const OptimizerVariable& variable) const {
        if (!layout_.optimizer || variable.slot.empty()) return variable.stored_key;
        for (const OptimizerVariable& known : layout_.optimizer->variables)
            if (known.slot == variable.slot && known.of_weight == variable.of_weight) return known.stored_key;
        return variable.stored_key;
    }

    NodeId slot_of(const OptimizerVariable& variable) const {
        const auto weight = node_of_.find(variable.of_weight);
        if (weight == node_of_.end()) return no_node;
        for (const proto::SlotReference& slot : view_.node(view_.optimizer()).slots)
            if (slot.variable == weight->second && slot.name == variable.slot) return slot.slot;
        return no_node;
    }

    void place_optimizer() {
        if (!model_.optimizer) return;
        for (const OptimizerVariable& variable : model_.optimizer->variables) {
            if (variable.value.empty()) continue;
            const std::string key = optimizer_key(variable);
            const NodeId node = view_.optimizer() == no_node ? no_node
                                : key.starts_with(slot_key)  ? slot_of(variable)
                                                             : walk(view_.optimizer(), key);
            if (at(node))
                place(at(node), variable.value, "optimizer/" + key);
            else
                report_.add(ReportEntry::Kind::dropped, source_name(variable.value), {},
                            "the SavedModel's optimizer has no such variable");
        }
    }

    void place_loose() {
        const RestNames rest = name_rest(view_);
        std::map<std::string, const bundle::Entry*, std::less<>> by_name;
        for (const bundle::Entry& entry : origin_.entries()) {
            const auto known = rest.find(entry.key);
            const bool named = known != rest.end() && !known->second.name.empty();
            by_name.emplace(named ? known->second.name : stored_name(entry.key), &entry);
        }
        for (const LooseTensor& tensor : model_.loose) {
            if (tensor.value.empty()) continue;
            const auto found = by_name.find(tensor.name);
            place(found == by_name.end() ? nullptr : found->second, tensor.value, tensor.name);
        }
        for (const auto& [key, name] : rest) {
            if (!name.copy) continue;
            const auto original = values_.find(name.original);
            if (original != values_.end()) values_.insert_or_assign(std::string(key), original->second);
        }
    }

    void keep(const bundle::Entry& entry, bundle::Builder& bundle) const {
        const bool packed = entry.slices == 0 && !entry.assembled;
        const bool text = entry.type->bytes == 0;
        if (origin_.big_endian() && text && entry.key != proto::object_graph_key)
            throw Error(ErrorCode::unsupported, "text of big-endian machines is not written again")
                .in(origin_.path())
                .tensor(entry.key);
        if (text && entry.type->number == bundle::string_type) origin_.check_text(entry);
        if ((packed && !origin_.big_endian()) || text)
            bundle.add_stored(entry, origin_.stored(entry));
        else
            bundle.add(entry.key, TensorExpr(std::make_shared<TensorInfo>(origin_.tensor(entry))));
    }

    const Model& model_;
    const bundle::Bundle& origin_;
    const Model& layout_;
    GraphView view_;
    Report& report_;
    std::map<std::string, TensorExpr, std::less<>> values_;  ///< by key
    std::map<std::string, NodeId, std::less<>> node_of_;     ///< by canonical name
    std::size_t left_ = 0;                                   ///< weights without a new value
};

}  // namespace

void refill(const Model& model, const bundle::Bundle& origin, const Model& layout, const Limits& limits,
            Report& report, bundle::Builder& bundle) {
    Refill(model, origin, layout, limits, report).run(bundle);
}

}  // namespace ballast::tf_graph
