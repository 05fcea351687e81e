// SPDX-License-Identifier: Apache-2.0
// Filling a template with another model's weights, see ballast/align.h.
#include "ballast/align.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "ballast/error.h"
#include "model/align_items.h"
#include "model/align_match.h"
#include "model/foreign_weights.h"
#include "model/map_rules.h"
#include "model/model_tensors.h"

namespace ballast {
namespace {

using Kind = ReportEntry::Kind;

class Aligner {
public:
    Aligner(const Model& source, Model target, const AlignOptions& options, Report& report)
        : model_(source),
          result_(std::move(target)),
          options_(options),
          report_(report),
          source_(source_side(source, options.map)),
          target_(target_side(result_)),
          found_(match_items(source_, target_, options.match)) {}

    Model run() {
        rearrange_gates();
        check_shapes();
        check_missing();
        report_unused();
        take_optimizer();
        const std::vector<TensorExpr*> places = target_values(result_);
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (found_.source_of[i] != no_item) *places[i] = value_for(i);
        }
        for (std::string& note : found_.notes)
            report_.warn(std::move(note));
        return std::move(result_);
    }

private:
    const AlignItem* source_for(std::size_t place) const {
        const std::size_t item = found_.source_of[place];
        return item == no_item ? nullptr : &source_.items[item];
    }

    const TensorExpr& value_for(std::size_t place) const {
        const auto found = rearranged_.find(place);
        return found == rearranged_.end() ? *source_for(place)->value : found->second;
    }

    /// The place in a unit that has a role and a source.
    std::size_t place_of(const AlignUnit& unit, std::string_view role) const {
        for (const std::size_t place : unit.items) {
            const std::string_view own = target_.items[place].role;
            if (own.substr(own.rfind('/') + 1) == role && source_for(place)) return place;
        }
        return no_item;
    }

    /// LSTM and GRU weights where one side has cuDNN's arrangement.
    void rearrange_gates() {
        std::size_t count = 0;
        for (const AlignUnit& unit : target_.units) {
            const std::size_t kernel = place_of(unit, "kernel"),
                              recurrent = place_of(unit, "recurrent_kernel"), bias = place_of(unit, "bias");
            if (kernel == no_item || recurrent == no_item || bias == no_item) continue;
            const TensorExpr& wanted = *target_.items[bias].value;
            if (wanted.empty()) continue;
            auto gates =
                rearranged_gates({value_for(kernel), value_for(recurrent), value_for(bias)}, wanted.shape());
            if (!gates) continue;
            rearranged_[kernel] = std::move(gates->kernel);
            rearranged_[recurrent] = std::move(gates->recurrent);
            rearranged_[bias] = std::move(gates->bias);
            ++count;
        }
        if (count != 0)
            report_.note(std::to_string(count) +
                         " recurrent layers were brought to the template's arrangement of weights (cuDNN)");
    }

    /// The target's layer keeps what it has.
    void skip_unit(std::size_t unit) {
        for (const std::size_t place : target_.units[unit].items) {
            const std::size_t item = found_.source_of[place];
            if (item == no_item) continue;
            found_.source_of[place] = no_item;
            found_.target_of[item] = no_item;
        }
    }

    void check_shapes() {
        for (std::size_t place = 0; place < target_.items.size(); ++place) {
            const AlignItem* item = source_for(place);
            const AlignItem& wanted = target_.items[place];
            if (!item || wanted.value->empty()) continue;
            const Shape& shape = value_for(place).shape();
            if (shape == wanted.value->shape()) continue;
            const std::string text = "shape " + shape.to_string() + " does not fit '" + wanted.name +
                                     "', which has " + wanted.value->shape().to_string();
            if (!options_.skip_mismatch) {
                throw Error(ErrorCode::shape_mismatch, text)
                    .tensor(item->stored)
                    .hint(
                        "--skip-mismatch leaves such layers as the template has them; --map FILE sends "
                        "tensors "
                        "elsewhere");
            }
            const std::string& layer = target_.units[wanted.unit].path;
            report_.add(Kind::warning, {}, layer, "layer '" + layer + "' is skipped: " + text);
            skip_unit(wanted.unit);
        }
    }

    void check_missing() {
        std::size_t missing = 0;
        const AlignItem* first = nullptr;
        for (std::size_t place = 0; place < target_.items.size(); ++place) {
            if (source_for(place)) continue;
            const AlignItem& wanted = target_.items[place];
            if (!first) first = &wanted;
            ++missing;
            if (options_.skip_mismatch)
                report_.add(Kind::missing, {}, wanted.name,
                            wanted.value->empty() ? "the source has no value for it"
                                                  : "the source has no value for it; the template's is kept");
        }
        if (missing == 0 || options_.skip_mismatch) return;
        throw Error(ErrorCode::ambiguous_mapping,
                    std::to_string(missing) + (missing == 1 ? " tensor" : " tensors") +
                        " of the target have no counterpart in the source, the first is '" + first->name +
                        "'")
            .hint(candidates() +
                  "name them with --map FILE (lines `old -> new`); --match order takes them as they "
                  "stand; --skip-mismatch keeps the template's");
    }

    /// The first tensors without a place, so that the user sees what a map could say.
    std::string candidates() const {
        std::string text;
        std::size_t listed = 0;
        for (std::size_t i = 0; i < source_.items.size() && listed < 3; ++i) {
            if (found_.target_of[i] != no_item) continue;
            text += (listed++ == 0 ? "the source has '" : "', '") + source_.items[i].name;
        }
        return listed == 0 ? std::string() : text + "' to spare; ";
    }

    void report_unused() {
        for (std::size_t i = 0; i < source_.items.size(); ++i) {
            if (found_.target_of[i] == no_item)
                report_.add(Kind::dropped, source_.items[i].stored, {}, "the target has no place for it",
                            !options_.skip_mismatch);
        }
    }

    /// Optimizer variables go by the weights' order: they fit only a model that has the same weights in that
    /// order.
    bool same_weights() const {
        if (source_.items.size() != target_.items.size()) return false;
        for (std::size_t i = 0; i < source_.items.size(); ++i) {
            if (found_.target_of[i] != i) return false;
        }
        return true;
    }

    void take_optimizer() {
        result_.optimizer.reset();
        for (const LooseTensor& tensor : model_.loose) {
            const bool state = tensor.part == Part::metric || tensor.part == Part::optimizer;
            if (state && tensor.value.is_identity())
                report_.add(Kind::dropped, tensor.value.source()->stored_name, {},
                            "metric and inner optimizer state has no place in another model");
        }
        std::erase_if(result_.loose, [](const LooseTensor& tensor) {
            return tensor.part == Part::optimizer || tensor.part == Part::metric;
        });
        if (!model_.optimizer) return;
        if (same_weights() && rearranged_.empty()) {
            result_.optimizer = model_.optimizer;
            rename_slots(*result_.optimizer);
            return;
        }
        result_.optimizer = model_.optimizer;
        leave_optimizer(
            result_,
            rearranged_.empty() ? "optimizer state does not fit another order of weights" : old_arrangement,
            report_);
    }

    /// What a slot belongs to may have another name by now.
    void rename_slots(Optimizer& optimizer) const {
        const AlignSide unmapped = source_side(model_, {});
        std::map<std::string_view, std::string_view> names;
        for (std::size_t i = 0; i < unmapped.items.size() && i < target_.items.size(); ++i)
            names.emplace(unmapped.items[i].name, target_.items[i].name);
        for (OptimizerVariable& variable : optimizer.variables) {
            const auto found = names.find(variable.of_weight);
            if (found != names.end()) variable.of_weight = found->second;
        }
    }

    const Model& model_;
    Model result_;
    const AlignOptions& options_;
    Report& report_;
    AlignSide source_, target_;  ///< items refer to model_ and result_
    Matching found_;
    std::map<std::size_t, TensorExpr> rearranged_;  ///< by place, instead of the source's value
};

}  // namespace

Model align(const Model& source, Model target, const AlignOptions& options, Report& report) {
    return Aligner(source, std::move(target), options, report).run();
}

Model renamed_tensors(const Model& source, const std::vector<MapRule>& map, Report& report) {
    Model result;
    result.producer.dialect = "tensors";
    result.metadata = source.metadata;
    std::set<std::string> taken;
    const std::vector<ModelTensor> tensors = model_tensors(source);
    std::vector<std::pair<std::string, std::string>> names;
    for (const ModelTensor& tensor : tensors)
        names.emplace_back(tensor.value->is_identity() ? tensor.value->source()->stored_name : tensor.name,
                           tensor.name);
    check_rules(map, names);
    for (const ModelTensor& tensor : tensors) {
        const std::string stored =
            tensor.value->is_identity() ? tensor.value->source()->stored_name : tensor.name;
        std::string name = mapped_name(map, stored, tensor.name).value_or(tensor.name);
        if (!taken.insert(name).second) {
            throw Error(ErrorCode::ambiguous_mapping, "two tensors would be called '" + name + "'")
                .tensor(stored)
                .hint("change the map so that every tensor has a name of its own");
        }
        result.loose.push_back({std::move(name), *tensor.value, tensor.part});
    }
    if (source.has_layers() || !source.config.is_null())
        report.note("the map gives tensors new names: the layers they belonged to stay behind");
    return result;
}

}  // namespace ballast
