// SPDX-License-Identifier: Apache-2.0
// Functional and Sequential models: their layers, names and calls.
#include <algorithm>

#include "ballast/error.h"
#include "model/config.h"
#include "model/migrate/counted_words.h"
#include "model/migrate/graph.h"
#include "model/migrate/merged_masks.h"
#include "model/migrate/recordings.h"
#include "model/migrate/taken_masks.h"

namespace ballast::migrate {

namespace {

const Tree& layers_of(const Tree& node) {
    const Tree& config = node["config"];
    return config.is_array() ? config : config["layers"];  // Keras 1's Sequential is a list of layers
}

bool is_functional(const Tree& node) {
    return node["config"].find("input_layers") != nullptr;
}

bool is_tf_function(const Tree& node) {
    const std::string_view name = node["class_name"].as_string();
    return name == "TFOpLambda" || name == "SlicingOpLambda";
}

std::string name_of(const Tree& node) {
    const Tree& own = node["name"].is_string() ? node["name"] : node["config"]["name"];
    return std::string(own.as_string());
}

/// The container's place in paths for as long as its layers are read. The outermost has none.
class Inside {
public:
    Inside(Context& context, std::string_view old_name, std::string_view new_name)
        : context_(context), path_(context.path), new_path_(context.new_path) {
        if (context.depth <= 1) return;
        context.path += std::string(old_name) + "/";
        context.new_path += std::string(new_name) + "/";
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() {
        context_.path = path_;
        context_.new_path = new_path_;
    }

private:
    Context& context_;
    std::string path_, new_path_;
};

void note_name(Context& context, const Tree& node, const std::string& name) {
    const std::string old_name = name_of(node);
    if (old_name == name) return;
    context.result.renamed_layers.emplace_back(context.path + old_name, context.new_path + name);
    context.note(NoteKind::renamed, {context.path + old_name, std::string(node["class_name"].as_string())},
                 "name is '" + name + "'");
}

bool starts_with_input(const Tree& sequential) {
    const Tree& first = layers_of(sequential).at(0);
    return first["class_name"].as_string() == "InputLayer" ||
           first["config"].find("batch_input_shape") != nullptr;
}

/// The lowest call of each nested model that something refers to; Keras 2 numbers them from 1.
void lowest_calls(const Tree& value, std::unordered_map<std::string, std::int64_t>& lowest) {
    if (is_leaf(value)) {
        const std::int64_t node = value.at(1).as_int64().value_or(0);
        const auto [at, added] = lowest.try_emplace(std::string(value.at(0).as_string()), node);
        if (!added) at->second = std::min(at->second, node);
    }
    for (const Tree& item : value.items())
        lowest_calls(item, lowest);
    for (const auto& [key, item] : value.members())
        lowest_calls(item, lowest);
}

void set_shifts(Graph& graph, const Tree& config) {
    std::unordered_map<std::string, std::int64_t> lowest;
    for (const Tree& node : config["layers"].items())
        lowest_calls(node["inbound_nodes"], lowest);
    lowest_calls(config["output_layers"], lowest);
    for (const Tree& node : config["layers"].items()) {
        if (!is_container(node)) continue;
        const std::string name = name_of(node);
        const auto at = lowest.find(name);
        if (at == lowest.end() || at->second < 1) continue;
        if (is_functional(node)) graph.set_shift(name, 1, 0);
        if (!is_functional(node) && starts_with_input(node)) graph.set_shift(name, 1, 1);
    }
}

/// Keras 2 lists the one end of a model too, and calls it without a list; Keras 3 would answer with a list of
/// one.
Tree single(Tree ports) {
    const bool one =
        ports.is_array() && ports.size() == 1 && ports.at(0).is_array() && ports.at(0).at(0).is_string();
    if (!one) return ports;
    Tree port = ports.at(0);
    return port;
}

Tree convert_node(Context& context, const Graph& graph, const Tree& node) {
    const std::string& name = graph.find(name_of(node))->name;
    note_name(context, node, name);
    Tree converted = convert_layer(context, node, name);
    Tree calls = Tree::array();
    const std::string_view class_name = node["class_name"].as_string();
    bool states = false;
    for (const Tree& call : node["inbound_nodes"].items()) {
        calls.push_back(convert_call(graph, class_name, call));
        states = states || (gives_states(class_name, call) && call_arguments(call)["mask"].is_null());
    }
    const Place place{context.path + name_of(node), std::string(class_name)};
    if (states && context.masked)
        context.note(
            NoteKind::changed, place,
            "Keras 3 does not pass the mask of its input on where states are given: compare predictions, "
            "or call it with mask=");
    converted.set("name", name);
    converted.set("inbound_nodes", std::move(calls));
    return converted;
}

/// `now`: the same ports where other layers stand at the end.
void find_outputs(const Graph& graph, const Tree& ports, const Tree& now, Migrated& result) {
    if (is_leaf(ports)) {
        const Producer* producer = graph.find(now.at(0).as_string());
        if (producer != nullptr) result.outputs.emplace_back(ports.at(0).as_string(), producer->name);
        return;
    }
    for (std::size_t i = 0; i < ports.size() && ports.is_array(); ++i)
        find_outputs(graph, ports.at(i), now.at(i), result);
    for (const auto& [key, item] : ports.members())
        find_outputs(graph, item, now[key], result);
}

Tree convert_functional(Context& context, const Tree& node, const std::string& name) {
    const Tree config = with_flat_counts(context, without_recordings(context, node["config"]));
    const Tree merged = context.masked ? with_merged_masks(context, config["layers"]) : Tree();
    const bool held = merged.size() != config["layers"].size();
    const Tree kept = context.masked ? with_masks_kept(context, merged, held) : Tree();
    const Tree& old_layers = context.masked ? kept : config["layers"];
    Graph graph(old_layers, context.masked);
    set_shifts(graph, config);
    for (const Tree& layer : old_layers.items())
        if (is_tf_function(layer)) graph.set_calls(name_of(layer), layer["inbound_nodes"].size());
    Tree layers = Tree::array();
    for (const Tree& layer : old_layers.items()) {
        if (!is_tf_function(layer)) {
            layers.push_back(convert_node(context, graph, layer));
            continue;
        }
        const Place place{context.path + name_of(layer), std::string(layer["class_name"].as_string())};
        note_name(context, layer, graph.find(name_of(layer))->name);
        for (Tree& operation : convert_function(context, graph, place, layer))
            layers.push_back(std::move(operation));
    }
    Tree converted = Tree::object();
    converted.set("name", name);
    converted.set("trainable", config.find("trainable") ? config["trainable"] : Tree(true));
    converted.set("layers", std::move(layers));
    converted.set("input_layers", single(graph.ports(config["input_layers"])));
    converted.set("output_layers", single(graph.ports(config["output_layers"])));
    if (context.depth <= 1)
        find_outputs(graph, node["config"]["output_layers"], config["output_layers"], context.result);
    return node_of("keras.src.models.functional", "Functional", std::move(converted));
}

/// The config that says what a layer is given: its own, or that of the first layer in it. Null when none
/// does.
const Tree* declared_input(const Tree& layer) {
    const Tree* at = &layer;
    while (is_container(*at)) {
        const Tree& layers = layers_of(*at);
        const Tree* next = &layers.at(0);
        if (is_functional(*at))
            for (const Tree& node : layers.items())
                if (name_of(node) == (*at)["config"]["input_layers"].at(0).at(0).as_string()) next = &node;
        at = next;
    }
    const Tree& config = (*at)["config"];
    return config["batch_input_shape"].is_array() ? &config : nullptr;
}

/// What Keras before 2.3 did not write down.
Tree input_layer(const Tree& config, Graph& graph) {
    Tree input = Tree::object();
    input.set("batch_shape", config["batch_input_shape"]);
    const Tree& dtype = config.find("input_dtype") ? config["input_dtype"] : config["dtype"];
    input.set("dtype", dtype.is_string() ? dtype : Tree("float32"));
    input.set("name", graph.fresh(safe_name(config["name"].as_string()) + "_input"));
    return node_of("keras.layers", "InputLayer", std::move(input));
}

Tree convert_sequential(Context& context, const Tree& node, const std::string& name) {
    const Tree old_layers = with_flat_counts_in_sequence(context, layers_of(node));
    Graph graph(old_layers, context.masked);
    Tree layers = Tree::array();
    for (const Tree& layer : old_layers.items()) {
        const bool first = layers.size() == 0 && layer["class_name"].as_string() != "InputLayer";
        if (const Tree* given = first ? declared_input(layer) : nullptr)
            layers.push_back(input_layer(*given, graph));
        std::string own = graph.find(name_of(layer))->name;
        if (own.empty()) own = graph.fresh("sequential");  // a bare list has no name
        note_name(context, layer, own);
        layers.push_back(convert_layer(context, layer, own));
    }
    Tree converted = Tree::object();
    // Keras 1 stored none for a Sequential; Keras 3 wants one.
    converted.set("name", name.empty() ? std::string("sequential") : name);
    if (const Tree* trainable = node["config"].find("trainable")) converted.set("trainable", *trainable);
    converted.set("layers", std::move(layers));
    if (const Tree* shape = node["config"].find("build_input_shape"))
        converted.set("build_input_shape", *shape);
    return node_of("keras", "Sequential", std::move(converted));
}

}  // namespace

bool is_container(const Tree& node) {
    if (node["config"].is_array()) return true;
    return node["config"]["layers"].is_array();
}

Tree convert_container(Context& context, const Tree& node, std::string_view name) {
    const std::string old_name = name_of(node);
    const std::string new_name = name.empty() ? safe_name(old_name) : std::string(name);
    const Inside inside(context, old_name, new_name);
    return is_functional(node) ? convert_functional(context, node, new_name)
                               : convert_sequential(context, node, new_name);
}

Migrated migrate_to_keras3(const Tree& config, const Options& options) {
    Migrated result;
    check_depth(config, options);
    if (!is_container(config)) {
        const std::string_view name = config["class_name"].as_string();
        if (name.empty() || name == "Sequential" || name == "Functional" || name == "Model")
            throw Error(ErrorCode::damaged, "no model config: it has no list of layers").in(options.where);
        throw Error(ErrorCode::needs_config,
                    "the config has no list of layers: it is that of a model class of the program's own")
            .in(options.where)
            .hint("convert the weights (to .weights.h5) and load them in the program that knows the class");
    }
    if (config_framework(config) == layout::Framework::keras3) {
        result.config = config;
        const Tree& ports = config["config"]["output_layers"];
        if (is_functional(config))
            find_outputs(Graph(config["config"]["layers"], makes_masks(config)), ports, ports, result);
    } else {
        Context context(options, result);
        const std::string_view written = config["keras_version"].as_string();
        context.version = written.empty() ? options.keras_version : std::string(written);
        context.masked = makes_masks(config);
        result.config = convert_layer(context, config, {});
    }
    return result;
}

}  // namespace ballast::migrate
