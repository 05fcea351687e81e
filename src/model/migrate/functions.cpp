// SPDX-License-Identifier: Apache-2.0
// TFOpLambda and SlicingOpLambda: calls of tf functions become operations of Keras 3, by the table.
#include <algorithm>
#include <cctype>
#include <optional>

#include "model/migrate/graph.h"

namespace ballast::migrate {

namespace {

using table::Conversion;
using table::Special;

/// Writes the operations of one call; the last one bears the call's own name, which others refer to.
class Writer {
public:
    Writer(Context& context, Graph& graph, const Place& place, std::string name)
        : context_(context), graph_(graph), place_(place), name_(std::move(name)) {}

    std::vector<Tree> write(const table::Function& function, const Tree& call);

private:
    void refuse(const std::string& why) { context_.note(NoteKind::refused, place_, why); }
    Tree step(std::string_view module_name, std::string_view class_name, Tree config, Tree args,
              Tree kwargs = Tree::object());
    Tree step(const table::Operation& operation, const Tree& given, Tree args, Tree kwargs = Tree::object());
    Tree config_of(const table::Operation& operation, const Tree& given);
    Tree argument(const table::Argument& row, const Tree& given);
    Tree operand(const Tree& value);
    Tree first_of(const Tree& call);
    void check(const table::Function& function, const Tree& given);
    void write_plain(const table::Function& function, const Tree& given, Tree first);
    void write_matmul(const Tree& given, Tree first);
    void write_silu(const Tree& given, const Tree& first);
    void write_l2_normalize(const Tree& given, const Tree& first);
    void write_clip(const table::Function& function, const Tree& given, Tree first);
    void write_getitem(const Tree& given, Tree first);
    void write_add_n(const Tree& first);

    Context& context_;
    Graph& graph_;
    const Place& place_;
    std::string name_;
    std::vector<Tree> steps_;
};

Tree one(std::string_view key, Tree value) {
    Tree object = Tree::object();
    object.set(key, std::move(value));
    return object;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::string dtype_name(std::string_view text) {
    const std::size_t from = text.find('\''), to = text.rfind('\'');
    if (from == std::string_view::npos || from == to) return std::string(text);
    return std::string(text.substr(from + 1, to - from - 1));
}

/// [1, 2, 3] -> [1, 3]; nothing when a size is left open.
std::optional<Tree> offsets(const Tree& sizes) {
    if (!sizes.is_array()) return sizes;
    Tree result = Tree::array();
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const std::int64_t size = sizes.at(i).as_int64().value_or(-1);
        if (size < 0 || size > (std::int64_t{1} << 40)) return std::nullopt;
        sum += size;
        if (i + 1 < sizes.size()) result.push_back(sum);
    }
    return result;
}

/// What is between the ones of [1, height, width, 1], or with the channels in front, which is all that Keras
/// takes; nothing for a window over channels or examples.
std::optional<Tree> window(const Tree& value, bool channels_first) {
    if (!value.is_array() || value.size() < 3) return value.size() == 1 ? value.at(0) : value;
    const std::size_t last = value.size() - 1, channel = channels_first ? 1 : last;
    if (value.at(0).as_int64() != 1 || value.at(channel).as_int64() != 1) return std::nullopt;
    Tree result = Tree::array();
    for (std::size_t at = 1; at <= last; ++at)
        if (at != channel) result.push_back(value.at(at));
    return result;
}

std::optional<Tree> converted(Conversion conversion, const Tree& value) {
    switch (conversion) {
        case Conversion::lower:
            return Tree(lower(value.as_string()));
        case Conversion::dtype:
            return Tree(dtype_name(value.as_string()));
        case Conversion::offsets:
            return offsets(value);
        case Conversion::empty_is_null:
            return value.is_array() && value.size() == 0 ? Tree() : value;
        case Conversion::euclidean_is_null:
            return value.as_string() == "euclidean" ? Tree() : value;
        case Conversion::data_format:
            return Tree(value.as_string().starts_with("NC") ? "channels_first" : "channels_last");
        case Conversion::none:
        case Conversion::upper:
        case Conversion::list:
        case Conversion::window:
            break;
    }
    return value;
}

Tree Writer::step(std::string_view module_name, std::string_view class_name, Tree config, Tree args,
                  Tree kwargs) {
    const std::string name = graph_.fresh(name_ + "_s" + std::to_string(steps_.size()));
    config.set("name", name);
    Tree node = node_of("keras.src.ops." + std::string(module_name), class_name, std::move(config));
    node.set("name", name);
    node.set("inbound_nodes", Tree::Array{call_of(std::move(args), std::move(kwargs))});
    steps_.push_back(std::move(node));
    return tensor_of(name);
}

Tree Writer::step(const table::Operation& operation, const Tree& given, Tree args, Tree kwargs) {
    return step(operation.module_name, operation.name, config_of(operation, given), std::move(args),
                std::move(kwargs));
}

Tree Writer::argument(const table::Argument& row, const Tree& given) {
    const Tree& value = given[row.source];
    if (graph_.mentions_tensor(value)) {
        refuse("argument " + std::string(row.source) + " is computed from a tensor");
        return Tree();
    }
    const Tree plain = graph_.value(value.is_null() ? value_of(row.fallback) : value);
    if (plain.is_null()) return Tree();
    if (row.conversion == Conversion::window) {
        const auto inner = window(plain, given["data_format"].as_string().starts_with("NC"));
        if (!inner) refuse("argument " + std::string(row.source) + " is a window over more than places");
        return inner.value_or(Tree());
    }
    std::optional<Tree> result = converted(row.conversion, plain);
    if (!result) refuse("argument " + std::string(row.source) + " leaves a size open");
    return result.value_or(Tree());
}

Tree Writer::config_of(const table::Operation& operation, const Tree& given) {
    Tree config = Tree::object();
    for (const table::Argument& row : operation.config)
        config.set(row.key, argument(row, given));
    for (const table::KeyText& row : operation.fixed)
        config.set(row.key, value_of(row.value));
    return config;
}

Tree Writer::operand(const Tree& value) {
    return graph_.mentions_tensor(value) ? graph_.value(value) : constant(value);
}

/// The positional argument: a tensor, a constant, or a list of them.
Tree Writer::first_of(const Tree& call) {
    if (is_leaf(call)) {
        return call.at(0).as_string() == "_CONSTANT_VALUE" ? constant(call.at(2)) : graph_.tensor(call);
    }
    Tree list = Tree::array();
    for (const Tree& item : call.items())
        list.push_back(first_of(item));
    return list;
}

void Writer::check(const table::Function& function, const Tree& given) {
    const auto uses = [&](std::string_view key, std::span<const table::Argument> rows) {
        return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.source == key; });
    };
    for (const Tree::Member& member : given.members()) {
        const std::string& key = member.first;
        const Tree& value = member.second;
        if (value.is_null() || key == "name") continue;
        const bool operand =
            std::find(function.operands.begin(), function.operands.end(), key) != function.operands.end();
        if (operand || uses(key, function.operation.config) || uses(key, function.call)) continue;
        if (function.then && uses(key, function.then->config)) continue;
        if (function.special != Special::none && function.allowed.empty()) continue;
        const bool allowed = std::any_of(
            function.allowed.begin(), function.allowed.end(),
            [&](const auto& row) { return row.key == key && same_value(value_of(row.value), value); });
        const bool flag = function.special == Special::matmul && key.starts_with("transpose_");
        if (!allowed && !flag) refuse("argument " + key + " of tf." + std::string(function.name));
    }
    for (const std::string_view key : function.operands)
        if (given[key].is_null()) refuse("the file has lost the argument " + std::string(key));
}

void Writer::write_plain(const table::Function& function, const Tree& given, Tree first) {
    Tree args = Tree::Array{std::move(first)}, kwargs = Tree::object();
    for (const std::string_view key : function.operands)
        args.push_back(operand(given[key]));
    for (const table::Argument& row : function.call) {
        Tree value = argument(row, given);
        if (!same_value(value, value_of(row.fallback))) kwargs.set(row.key, std::move(value));
    }
    Tree result = step(function.operation, given, std::move(args), std::move(kwargs));
    if (function.then) step(*function.then, given, Tree::Array{std::move(result)});
}

void Writer::write_matmul(const Tree& given, Tree first) {
    Tree second = operand(given["b"]);
    const auto swapped = [&](Tree value) {
        Tree axes = one("axis1", -2);
        axes.set("axis2", -1);
        return step("numpy", "Swapaxes", std::move(axes), Tree::Array{std::move(value)});
    };
    if (given["transpose_a"].as_bool().value_or(false)) first = swapped(std::move(first));
    if (given["transpose_b"].as_bool().value_or(false)) second = swapped(std::move(second));
    step("numpy", "Matmul", Tree::object(), Tree::Array{std::move(first), std::move(second)});
}

void Writer::write_silu(const Tree& given, const Tree& first) {
    const Tree& beta = given["beta"];
    if (beta.is_null() || beta.as_double() == 1.0) {
        step("nn", "Silu", Tree::object(), Tree::Array{first});
        return;
    }
    Tree gate = step("numpy", "Multiply", Tree::object(), Tree::Array{first, operand(beta)});
    gate = step("nn", "Sigmoid", Tree::object(), Tree::Array{std::move(gate)});
    step("numpy", "Multiply", Tree::object(), Tree::Array{first, std::move(gate)});
}

void Writer::write_l2_normalize(const Tree& given, const Tree& first) {
    Tree norm = step("numpy", "Square", Tree::object(), Tree::Array{first});
    Tree config = one("axis", given["axis"]);
    config.set("keepdims", true);
    norm = step("numpy", "Sum", std::move(config), Tree::Array{std::move(norm)});
    const Tree epsilon = given["epsilon"].is_null() ? Tree(1e-12) : given["epsilon"];
    norm = step("numpy", "Maximum", Tree::object(), Tree::Array{std::move(norm), epsilon});
    norm = step("math", "Rsqrt", Tree::object(), Tree::Array{std::move(norm)});
    step("numpy", "Multiply", Tree::object(), Tree::Array{first, std::move(norm)});
}

void Writer::write_clip(const table::Function& function, const Tree& given, Tree first) {
    const Tree &low = given["clip_value_min"], &high = given["clip_value_max"];
    if (!graph_.mentions_tensor(low) && !graph_.mentions_tensor(high)) {
        write_plain(function, given, std::move(first));
        return;
    }
    Tree result = step("numpy", "Maximum", Tree::object(), Tree::Array{std::move(first), operand(low)});
    step("numpy", "Minimum", Tree::object(), Tree::Array{std::move(result), operand(high)});
}

void Writer::write_getitem(const Tree& given, Tree first) {
    const Tree& slices = given["slice_spec"];
    const bool list = slices.is_array() && !graph_.is_reference(slices);
    Tree items = list ? graph_.value(slices) : Tree(Tree::Array{graph_.value(slices)});
    step("numpy", "GetItem", Tree::object(), Tree::Array{std::move(first), std::move(items)});
}

void Writer::write_add_n(const Tree& first) {
    Tree sum = first.is_array() ? first.at(0) : first;
    for (std::size_t i = 1; i < first.size() && first.is_array(); ++i)
        sum = step("numpy", "Add", Tree::object(), Tree::Array{std::move(sum), first.at(i)});
    if (steps_.empty()) step("numpy", "Copy", Tree::object(), Tree::Array{std::move(sum)});
}

std::vector<Tree> Writer::write(const table::Function& function, const Tree& call) {
    const Tree& given = call_arguments(call);
    check(function, given);
    Tree first = first_of(call);
    switch (function.special) {
        case Special::none:
            write_plain(function, given, std::move(first));
            break;
        case Special::matmul:
            write_matmul(given, std::move(first));
            break;
        case Special::silu:
            write_silu(given, first);
            break;
        case Special::l2_normalize:
            write_l2_normalize(given, first);
            break;
        case Special::clip:
            write_clip(function, given, std::move(first));
            break;
        case Special::getitem:
            write_getitem(given, std::move(first));
            break;
        case Special::add_n:
            write_add_n(first);
            break;
    }
    steps_.back().set("name", name_);
    steps_.back().find("config")->set("name", name_);
    return std::move(steps_);
}

}  // namespace

std::vector<Tree> convert_function(Context& context, Graph& graph, const Place& place, const Tree& node) {
    const std::string name(node["config"]["function"].as_string());
    const table::Function* function = table::find_function(name);
    if (function == nullptr) {
        context.note(NoteKind::refused, place, "no operation of Keras 3 stands for tf." + name);
        return {};
    }
    std::vector<Tree> operations;
    const Tree::Array& calls = node["inbound_nodes"].items();
    const std::vector<std::string> names = graph.find(node["name"].as_string())->calls;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        Writer writer(context, graph, place, names[i]);
        for (Tree& operation : writer.write(*function, calls[i]))
            operations.push_back(std::move(operation));
    }
    context.note(NoteKind::replaced, place,
                 "tf." + name + " is keras.ops." + std::string(function->operation.name));
    return operations;
}

}  // namespace ballast::migrate
