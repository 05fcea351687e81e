// SPDX-License-Identifier: Apache-2.0
// AddLoss and AddMetric, see recordings.h.
#include "model/migrate/recordings.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "model/migrate/graph.h"
#include "model/migrate/old_calls.h"

namespace ballast::migrate {
namespace {

bool records(const Tree& layer) {
    const std::string_view class_name = layer["class_name"].as_string();
    return class_name == "AddLoss" || class_name == "AddMetric";
}

bool is_tf_function(const Tree& layer) {
    const std::string_view class_name = layer["class_name"].as_string();
    return class_name == "TFOpLambda" || class_name == "SlicingOpLambda";
}

std::string name_of(const Tree& layer) {
    return std::string(layer["name"].as_string());
}

/// What stands behind each output of such a layer: its input.
class Inputs {
public:
    explicit Inputs(const Tree& layers) {
        for (const Tree& layer : layers.items()) {
            if (!records(layer)) continue;
            std::int64_t number = 0;
            for (const Tree& call : layer["inbound_nodes"].items()) {
                const auto read = tensors_of(call);
                const std::string made = key_of(Tree::Array{name_of(layer), number++, 0});
                if (!read.empty()) input_of_[made] = read.front();
            }
        }
    }

    Tree operator()(const Tree& leaf) const {
        std::string key = key_of(leaf);
        std::set<std::string> seen;
        for (auto at = input_of_.find(key); at != input_of_.end() && seen.insert(key).second;
             at = input_of_.find(key))
            key = at->second;
        return seen.empty() ? leaf : reference_to(key);
    }

private:
    std::map<std::string, std::string> input_of_;  ///< by tensor
};

/// tf functions that nothing reads and that did something for such a layer only.
std::set<std::string> unread(const Tree& layers, const Tree& ends) {
    std::set<std::string> gone;
    for (const Tree& layer : layers.items())
        if (records(layer)) gone.insert(name_of(layer));
    for (bool changed = true; changed;) {
        changed = false;
        std::set<std::string> read;
        for (const std::string& end : tensors_of(ends))
            read.insert(layer_of(end));
        for (const Tree& layer : layers.items())
            if (!gone.contains(name_of(layer)))
                for (const std::string& tensor : tensors_of(layer["inbound_nodes"]))
                    read.insert(layer_of(tensor));
        for (const Tree& layer : layers.items())
            if (is_tf_function(layer) && !read.contains(name_of(layer)))
                changed = gone.insert(name_of(layer)).second || changed;
    }
    return gone;
}

void tell(Context& context, const Tree& layer) {
    const Place place{context.path + name_of(layer), std::string(layer["class_name"].as_string())};
    if (place.class_name == "AddLoss")
        return context.note(
            NoteKind::changed, place,
            "left out: predictions stay, but what add_loss() added is no part of the loss any "
            "more: add it before training on");
    context.note(NoteKind::dropped, place, "left out: predictions stay, the metric is not computed any more");
}

}  // namespace

Tree without_recordings(Context& context, const Tree& config) {
    const Tree& layers = config["layers"];
    if (std::ranges::none_of(layers.items(), records)) return config;
    const Inputs input(layers);
    Tree reading = Tree::array();
    for (const Tree& layer : layers.items()) {
        Tree copy = layer;
        if (!records(layer)) copy.set("inbound_nodes", with_references(layer["inbound_nodes"], input));
        reading.push_back(std::move(copy));
    }
    Tree ends = with_references(config["output_layers"], input);
    const std::set<std::string> gone = unread(reading, ends);
    Tree kept = Tree::array();
    for (Tree& layer : reading.mutable_items()) {
        if (records(layer)) tell(context, layer);
        if (!gone.contains(name_of(layer))) kept.push_back(std::move(layer));
    }
    Tree result = config;
    result.set("layers", std::move(kept));
    result.set("output_layers", std::move(ends));
    return result;
}

}  // namespace ballast::migrate
