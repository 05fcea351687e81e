// SPDX-License-Identifier: Apache-2.0
// Names, references and calls of a functional model.
#include "model/migrate/graph.h"

#include <algorithm>
#include <vector>

namespace ballast::migrate {

namespace {

std::string name_of(const Tree& node) {
    const Tree& own = node["name"].is_string() ? node["name"] : node["config"]["name"];
    return std::string(own.as_string());
}

bool is_number_array(const Tree& value) {
    return value.is_array() && !value.items().empty() &&
           std::all_of(value.items().begin(), value.items().end(), [](const Tree& item) {
               return item.is_number() || item.is_bool() || is_number_array(item);
           });
}

const Tree& first_number(const Tree& value) {
    const Tree* at = &value;
    while (at->is_array())
        at = &at->at(0);
    return *at;
}

bool has_fraction(const Tree& value) {
    if (!value.is_array()) return !value.is_bool() && !value.as_int64().has_value();
    return std::any_of(value.items().begin(), value.items().end(), has_fraction);
}

Tree wrapped(std::string_view class_name, Tree config) {
    Tree node = Tree::object();
    node.set("class_name", class_name);
    node.set("config", std::move(config));
    return node;
}

bool is_slice(const Tree& value) {
    return value.size() == 3 && value.find("start") && value.find("stop") && value.find("step");
}

bool takes_states(std::string_view class_name) {
    static constexpr std::string_view names[] = {"RNN",        "LSTM",         "GRU",        "SimpleRNN",
                                                 "CuDNNLSTM",  "CuDNNGRU",     "ConvLSTM1D", "ConvLSTM2D",
                                                 "ConvLSTM3D", "Bidirectional"};
    return std::find(std::begin(names), std::end(names), class_name) != std::end(names);
}

/// "concatenate", "concatenate_1": how Keras 3 names the operations that masks are computed by
/// (compute_mask() of its layers).
bool is_mask_operation(std::string_view name) {
    static constexpr std::string_view names[] = {"all",         "any",         "broadcast_to", "cast",
                                                 "concatenate", "expand_dims", "logical_and",  "logical_or",
                                                 "not_equal",   "ones_like",   "stack"};
    const std::size_t end = name.find_last_not_of("0123456789");
    if (end != name.npos && end + 1 < name.size() && name[end] == '_') name = name.substr(0, end);
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Tree argument_of(const Graph& graph, const Tree& call) {
    if (is_leaf(call)) {
        if (call.at(0).as_string() == "_CONSTANT_VALUE") return constant(call.at(2));
        return graph.tensor(call);
    }
    if (call.is_object()) {
        Tree converted = Tree::object();
        for (const auto& [key, item] : call.members())
            converted.set(key, argument_of(graph, item));
        return converted;
    }
    Tree converted = Tree::array();
    for (const Tree& item : call.items())
        converted.push_back(argument_of(graph, item));
    return converted;
}

}  // namespace

bool makes_masks(const Tree& config) {
    std::vector<const Tree*> pending = {&config};
    while (!pending.empty()) {
        const Tree& node = *pending.back();
        pending.pop_back();
        const std::string_view class_name = node["class_name"].as_string();
        if (class_name == "Masking" ||
            (class_name == "Embedding" && node["config"]["mask_zero"].as_bool().value_or(false)))
            return true;
        for (const Tree& item : node.items())
            pending.push_back(&item);
        for (const auto& [key, item] : node.members())
            pending.push_back(&item);
    }
    return false;
}

bool gives_states(std::string_view class_name, const Tree& call) {
    if (!takes_states(class_name)) return false;
    const Tree& states = call_arguments(call)["initial_state"];
    return (states.is_array() && states.size() != 0) ||
           (call.is_array() && call.size() > 1 && !is_leaf(call));
}

Graph::Graph(const Tree& layers, bool masked) {
    const auto stays = [&](const std::string& name) {
        return name.find('/') == std::string::npos && !(masked && is_mask_operation(name));
    };
    // Names that Keras 3 allows are kept; the others make room for them.
    for (const Tree& node : layers.items()) {
        const std::string name = name_of(node);
        if (!stays(name)) continue;
        producers_[name].name = name;
        taken_.insert(name);
    }
    for (const Tree& node : layers.items()) {
        const std::string name = name_of(node);
        if (stays(name) || producers_.contains(name)) continue;
        const bool slashes = name.find('/') != std::string::npos;
        producers_[name].name = fresh(slashes ? safe_name(name) : name + "_layer");
    }
}

const Producer* Graph::find(std::string_view old_name) const {
    const auto at = producers_.find(std::string(old_name));
    return at == producers_.end() ? nullptr : &at->second;
}

std::string Graph::fresh(std::string_view wanted) {
    std::string name(wanted);
    for (std::size_t i = 1; !taken_.insert(name).second; ++i)
        name = std::string(wanted) + "_" + std::to_string(i);
    return name;
}

void Graph::set_calls(const std::string& old_name, std::size_t count) {
    Producer& producer = producers_[old_name];
    for (std::size_t i = 0; i < count; ++i)
        producer.calls.push_back(i == 0 ? producer.name : fresh(producer.name + "_n" + std::to_string(i)));
}

void Graph::set_shift(const std::string& old_name, int shift, int output_shift) {
    producers_[old_name].shift = shift;
    producers_[old_name].output_shift = output_shift;
}

bool Graph::is_reference(const Tree& value) const {
    return is_leaf(value) && find(value.at(0).as_string()) != nullptr;
}

Tree Graph::tensor(const Tree& reference) const {
    const Producer* producer = find(reference.at(0).as_string());
    const std::int64_t node = reference.at(1).as_int64().value_or(0);
    const std::int64_t index = reference.at(2).as_int64().value_or(0);
    if (producer == nullptr) return tensor_of(reference.at(0).as_string(), node, index);
    if (node >= 0 && static_cast<std::size_t>(node) < producer->calls.size())
        return tensor_of(producer->calls[static_cast<std::size_t>(node)], 0, index);
    return tensor_of(producer->name, node - producer->shift, index);
}

Tree Graph::ports(const Tree& value) const {
    if (is_reference(value)) {
        const Producer& producer = *find(value.at(0).as_string());
        std::int64_t node = value.at(1).as_int64().value_or(0);
        if (node >= 0 && static_cast<std::size_t>(node) < producer.calls.size())
            return Tree::Array{producer.calls[static_cast<std::size_t>(node)], 0, value.at(2)};
        return Tree::Array{producer.name, node - producer.output_shift, value.at(2)};
    }
    if (value.is_object()) {
        Tree converted = Tree::object();
        for (const auto& [key, item] : value.members())
            converted.set(key, ports(item));
        return converted;
    }
    if (!value.is_array()) return value;
    Tree converted = Tree::array();
    for (const Tree& item : value.items())
        converted.push_back(ports(item));
    return converted;
}

Tree Graph::value(const Tree& value) const {
    if (is_reference(value)) return tensor(value);
    if (value.is_object() && is_slice(value)) return wrapped("__slice__", value);
    if (value["class_name"].as_string() == "__ellipsis__") return wrapped("__ellipsis__", Tree::object());
    if (value.is_object() && value.find("class_name")) return plain_value(value);
    if (value.is_object()) {
        Tree converted = Tree::object();
        for (const auto& [key, item] : value.members())
            converted.set(key, this->value(item));
        return converted;
    }
    if (!value.is_array()) return value;
    Tree converted = Tree::array();
    for (const Tree& item : value.items())
        converted.push_back(this->value(item));
    return converted;
}

bool Graph::mentions_tensor(const Tree& value) const {
    if (is_reference(value)) return true;
    if (std::any_of(value.items().begin(), value.items().end(),
                    [&](const Tree& item) { return mentions_tensor(item); }))
        return true;
    return std::any_of(value.members().begin(), value.members().end(),
                       [&](const Tree::Member& member) { return mentions_tensor(member.second); });
}

Tree tensor_of(std::string_view name, std::int64_t node, std::int64_t tensor) {
    Tree config = Tree::object();
    config.set("shape", Tree::array());
    config.set("dtype", "float32");
    config.set("keras_history", Tree::Array{name, node, tensor});
    return wrapped("__keras_tensor__", std::move(config));
}

Tree call_of(Tree args, Tree kwargs) {
    Tree call = Tree::object();
    call.set("args", std::move(args));
    call.set("kwargs", std::move(kwargs));
    return call;
}

Tree constant(const Tree& value) {
    const Tree plain = plain_value(value);
    if (!is_number_array(plain)) return plain;
    Tree config = Tree::object();
    config.set("value", plain);
    const bool boolean = first_number(plain).is_bool();
    config.set("dtype", boolean ? "bool" : has_fraction(plain) ? "float32" : "int32");
    return wrapped("__numpy__", std::move(config));
}

bool is_leaf(const Tree& value) {
    return (value.size() == 3 || value.size() == 4) && value.at(0).is_string() && value.at(1).is_number() &&
           (value.at(2).is_number() || value.at(0).as_string() == "_CONSTANT_VALUE");
}

const Tree& call_arguments(const Tree& call) {
    static const Tree none;
    const Tree* at = &call;
    while (!is_leaf(*at)) {
        if (at->is_array() && at->size() > 0) {
            at = &at->at(0);
        } else if (at->is_object() && at->size() > 0) {
            at = &at->members().front().second;
        } else {
            return none;
        }
    }
    return at->at(3);
}

Tree convert_call(const Graph& graph, std::string_view class_name, const Tree& call) {
    Tree argument = argument_of(graph, call), kwargs = Tree::object();
    for (const auto& [key, value] : call_arguments(call).members())
        if (!value.is_null() && key != "name") kwargs.set(key, graph.value(value));
    if (argument.is_array() && argument.size() > 1 && takes_states(class_name)) {
        Tree::Array& items = argument.mutable_items();
        kwargs.set("initial_state", Tree::Array(items.begin() + 1, items.end()));
        items.resize(1);
    }
    if (argument.is_array() && argument.size() == 1) argument = Tree(argument.at(0));
    return call_of(Tree::Array{std::move(argument)}, std::move(kwargs));
}

}  // namespace ballast::migrate
