// SPDX-License-Identifier: Apache-2.0
// Merged masks for Keras 2, see keras2_masks.h.
//
// Keras 3 stores the operations that make a mask and gives it to recurrent and pooling layers by name, so
// that these have it whatever Keras 2 would pass on. tf.identity passes no mask on.
#include "model/migrate/keras2_masks.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "model/migrate/keras2.h"
#include "model/migrate/mask_flow.h"
#include "model/migrate/old_calls.h"

namespace ballast::migrate {
namespace {

/// They go by the masks on their inputs, which no argument of the call tells.
constexpr std::array<std::string_view, 3> readers = {"Attention", "AdditiveAttention", "MultiHeadAttention"};

/// In Keras 3 what is masked has no part in the result.
constexpr std::array<std::string_view, 3> leaving_out = {"Multiply", "Maximum", "Minimum"};

bool is_one_of(const auto& classes, std::string_view class_name) {
    return std::ranges::find(classes, class_name) != classes.end();
}

class Unmasking {
public:
    Unmasking(Context& context, const Tree& layers)
        : context_(context),
          layers_(layers),
          nested_(context.depth > 1),
          flow_(layers, nested_, MaskFlow::Rule::keras3),
          names_(layers) {}

    Tree run() {
        for (const MaskedCall& call : flow_.calls())
            if (call.inputs.size() > 1 && differs(call)) take_off(call);
        if (!merged_.empty())
            for (const MaskedCall& call : flow_.calls())
                if (reads(*call.layer)) tell_of(call);
        if (replaced_.empty()) return layers_;
        Tree result = Tree::array();
        for (const Tree& layer : layers_.items()) {
            Tree reading = layer;
            Tree calls = layer["inbound_nodes"];
            for (std::size_t i = 0; i < calls.size(); ++i) {
                const auto others = replaced_.find(&layer["inbound_nodes"].at(i));
                if (others == replaced_.end()) continue;
                calls.mutable_items()[i] = with_references(calls.at(i), [&](const Tree& leaf) {
                    const auto other = others->second.find(key_of(leaf));
                    return other == others->second.end() ? leaf : other->second;
                });
            }
            reading.set("inbound_nodes", std::move(calls));
            result.push_back(std::move(reading));
        }
        for (Tree& layer : added_.mutable_items())
            result.push_back(std::move(layer));
        return result;
    }

private:
    /// Along the steps masks are put one behind the other in both; but tf_keras cannot put one behind a
    /// tensor without a mask.
    bool differs(const MaskedCall& call) const {
        if (merges_masks(*call.layer)) return !is_alike(call);
        const auto bare = [&](const std::string& input) {
            const Masks masks = flow_.of(input);
            return masks && masks->empty();
        };
        return (*call.layer)["class_name"].as_string() == "Concatenate" && !is_alike(call) &&
               std::ranges::any_of(call.inputs, bare);
    }

    /// Whether all inputs have the same mask, or none.
    bool is_alike(const MaskedCall& call) const {
        const Masks first = flow_.of(call.inputs.front());
        return first && std::ranges::all_of(
                            call.inputs, [&](const std::string& input) { return flow_.of(input) == first; });
    }

    static bool reads(const Tree& layer) {
        const std::string_view class_name = layer["class_name"].as_string();
        return is_one_of(readers, class_name) || layer["config"]["layers"].is_array() ||
               (class_name != "TFOpLambda" && class_name != "SlicingOpLambda" &&
                table::find_class(table::Kind::layer, class_name) == nullptr);
    }

    Place place_of(const MaskedCall& call) const {
        return {context_.path + std::string((*call.layer)["name"].as_string()),
                std::string((*call.layer)["class_name"].as_string())};
    }

    void take_off(const MaskedCall& call) {
        merged_.insert(call.key);
        const Place place = place_of(call);
        if (nested_)
            return context_.note(
                NoteKind::changed, place,
                "Keras 3 counts the steps that any input counts, and has no mask where an input has none, "
                "Keras 2 those that all count: compare predictions");
        if (is_one_of(leaving_out, place.class_name))
            context_.note(NoteKind::changed, place,
                          "Keras 3 leaves masked values out of it, Keras 2 does not: compare predictions");
        std::map<std::string, Tree>& others = replaced_[call.node];
        for (const std::string& input : call.inputs) {
            const Masks masks = flow_.of(input);
            if (!masks || !masks->empty()) others.emplace(input, unmasked(place.layer, input));
        }
        context_.note(
            NoteKind::replaced, place,
            "Keras 2 merges masks to others than Keras 3: tf.identity takes them off its inputs, and "
            "what follows is given its mask by name");
    }

    /// A reference to the same tensor without a mask.
    Tree unmasked(const std::string& name, const std::string& input) {
        Tree config = Tree::object();
        config.set("name", names_.fresh(name.substr(name.rfind('/') + 1) + "_unmasked"));
        config.set("trainable", true);
        config.set("dtype", "float32");
        config.set("function", "identity");
        Tree reference = Tree::Array{config["name"], 0, 0};
        Tree leaf = reference_to(input);
        leaf.push_back(Tree::object());
        added_.push_back(old_layer("TFOpLambda", std::move(config), Tree::Array{std::move(leaf)}));
        return reference;
    }

    void tell_of(const MaskedCall& call) {
        const auto lost = [&](const std::string& input) {
            const Masks masks = flow_.of(input);
            return !masks || std::ranges::any_of(
                                 *masks, [&](const std::string& maker) { return merged_.contains(maker); });
        };
        if (std::ranges::any_of(call.inputs, lost))
            context_.note(NoteKind::changed, place_of(call),
                          "it reads tensors whose masks Keras 3 merged, and Keras 2 gives it none: compare "
                          "predictions");
    }

    Context& context_;
    const Tree& layers_;
    bool nested_;
    MaskFlow flow_;
    LayerNames names_;
    std::set<std::string> merged_;                                 ///< calls that make other masks
    std::map<const Tree*, std::map<std::string, Tree>> replaced_;  ///< by call: what it reads instead
    Tree added_ = Tree::array();
};

}  // namespace

Tree with_masks_of_keras3(Context& context, const Tree& layers) {
    return Unmasking(context, layers).run();
}

}  // namespace ballast::migrate
