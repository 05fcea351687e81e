// SPDX-License-Identifier: Apache-2.0
// Keras 3 to Keras 2: one operation as a function of TensorFlow, see keras2.h. By the table of functions read
// backwards, and by that of functions_of_operations.
#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/migrate/keras2.h"

namespace ballast::migrate {
namespace {

constexpr std::string_view operations_module = "keras.src.ops.";

/// One way to write an operation.
struct Way {
    std::string_view function;
    std::span<const std::string_view> operands{};
    std::span<const table::Argument> config{};
    std::span<const table::KeyText> fixed{};
    std::span<const table::KeyText> set{};
    std::span<const table::Argument> call{};
    std::span<const std::string_view> ignored{};
};

/// The function an operation is of: the plainest name of those that mean it.
const table::Function* function_of(std::string_view module_name, std::string_view name) {
    const table::Function* best = nullptr;
    const auto rank = [](std::string_view function) {
        if (function.starts_with("math.")) return 0;
        if (function.starts_with("compat.")) return 3;
        return function.starts_with("__") || function == "nn.bias_add" ? 2 : 1;
    };
    for (const table::Function& function : table::functions) {
        const bool plain =
            function.special == table::Special::none || function.special == table::Special::silu;
        if (!plain || function.then || function.operation.name != name ||
            function.operation.module_name != module_name)
            continue;
        if (best == nullptr || rank(function.name) < rank(best->name)) best = &function;
    }
    return best;
}

/// Those that the tables know, the one to prefer first.
std::vector<Way> ways_of(const std::string& operation) {
    std::vector<Way> ways;
    const std::size_t dot = operation.find('.');
    const auto row =
        std::ranges::find(table::functions_of_operations, operation, &table::Backward::operation);
    if (row != table::functions_of_operations.end())
        ways.push_back(
            {row->function, row->operands, row->config, row->fixed, row->set, row->call, row->ignored});
    const std::string_view name = operation;
    if (row != table::functions_of_operations.end() && !row->last) return ways;
    if (const table::Function* known = function_of(name.substr(0, dot), name.substr(dot + 1))) {
        const Way way{
            known->name, known->operands, known->operation.config, known->operation.fixed, {}, known->call,
            {}};
        ways.insert(ways.begin(), way);
    }
    return ways;
}

std::string upper(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

/// [1, height, width, 1]
std::optional<Tree> window(const Tree& value) {
    const bool list = value.is_array();
    if (list ? value.size() != 2 : !value.is_number()) return std::nullopt;
    return Tree(Tree::Array{1, list ? value.at(0) : value, list ? value.at(1) : value, 1});
}

/// What a function's argument has to be for the operation's configured value; nothing where it cannot be
/// told.
std::optional<Tree> converted(table::Conversion conversion, const Tree& value) {
    using table::Conversion;
    switch (conversion) {
        case Conversion::none:
        case Conversion::empty_is_null:
        case Conversion::euclidean_is_null:
            break;
        case Conversion::dtype:
            if (!value.is_string()) return std::nullopt;
            break;
        case Conversion::offsets:
            if (!value.is_number()) return std::nullopt;
            break;
        case Conversion::lower:
        case Conversion::upper:
            return Tree(upper(value.as_string()));
        case Conversion::data_format:
            return Tree(value.as_string() == "channels_first" ? "NCHW" : "NHWC");
        case Conversion::list:
            if (!value.is_array()) return Tree(Tree::Array{value});
            break;
        case Conversion::window:
            return window(value);
    }
    return plain_value(value);
}

/// Sets the argument; false where the function has none for this value.
bool set_argument(const table::Argument& row, const Tree& given, const Tree& config, Tree& kwargs) {
    const Tree fallback = value_of(row.fallback);
    const bool other = fallback.as_string().starts_with('@');
    const Tree& value = given.is_null() && other ? config[fallback.as_string().substr(1)] : given;
    if (value.is_null()) return fallback.is_null();
    auto result = converted(row.conversion, value);
    if (!result) return false;
    kwargs.set(row.source, std::move(*result));
    return true;
}

/// tf_keras reads no `...` in a .keras, not in files of its own either: as many `:` instead.
Tree without_ellipsis(const Tree& tensor, const Tree& slices) {
    const auto is_ellipsis = [](const Tree& item) {
        return item["class_name"].as_string() == "__ellipsis__";
    };
    if (std::ranges::none_of(slices.items(), is_ellipsis)) return slices;
    std::size_t left = tensor["config"]["shape"].size();
    for (const Tree& item : slices.items())
        if (left != 0 && !item.is_null() && !is_ellipsis(item)) --left;
    Tree bounds = Tree::object(), all = Tree::object();
    for (const std::string_view bound : {"start", "stop", "step"})
        bounds.set(bound, Tree());
    all.set("class_name", "__slice__");
    all.set("config", std::move(bounds));
    Tree result = Tree::array();
    for (const Tree& item : slices.items()) {
        if (!is_ellipsis(item)) result.push_back(item);
        for (; is_ellipsis(item) && left != 0; --left)
            result.push_back(all);
    }
    return result;
}

bool is_of_floats(const Tree& tensor) {
    return is_tensor(tensor) && tensor["config"]["dtype"].as_string().find("float") != std::string_view::npos;
}

/// TensorFlow takes 1 for an integer beside a tensor of floats, Keras 3 for a float.
Tree constant_beside(const Tree& args, const Tree& value) {
    const bool whole = value.is_number() && value.as_int64().has_value();
    if (!whole || std::ranges::none_of(args.items(), is_of_floats)) return value;
    return *value.as_double();
}

/// One operation's call, written in one way.
class Writer {
public:
    Writer(const Tree& config, const Tree& call) : config_(config), call_(call) {}

    /// Nothing, and why(), where this way does not do.
    std::optional<OperationCall> write(const Way& way) {
        OperationCall result;
        result.function = way.function;
        result.first = constant_beside(call_["args"], call_["args"].at(0));
        result.kwargs = Tree::object();
        for (const table::KeyText& row : way.set)
            result.kwargs.set(row.key, value_of(row.value));
        if (take_operands(way, result.kwargs) && take_keywords(way, result.kwargs) &&
            take_config(way, result.kwargs))
            return result;
        return std::nullopt;
    }

    const std::string& why() const noexcept { return why_; }

private:
    bool refuse(std::string why) {
        why_ = std::move(why);
        return false;
    }

    bool take_operands(const Way& way, Tree& kwargs) {
        const Tree& args = call_["args"];
        for (std::size_t i = 1; i < args.size(); ++i) {
            if (i > way.operands.size())
                return refuse("a call with more arguments than " + std::string(way.function) + " takes");
            const std::string_view name = way.operands[i - 1];
            const bool value = name == "y" || name == "x";
            if (value && mixes_types(way, args.at(0), args.at(i)))
                return refuse("operands of different types, which Keras 2 does not bring together");
            kwargs.set(name, value ? constant_beside(args, args.at(i)) : args.at(i));
        }
        return true;
    }

    /// Keras 3 finds a common type.
    static bool mixes_types(const Way& way, const Tree& a, const Tree& b) {
        if (!way.function.starts_with("math.")) return false;
        const bool fraction = b.is_number() && !b.as_int64();
        if (is_tensor(a) && fraction) return !is_of_floats(a);
        return is_tensor(a) && is_tensor(b) && a["config"]["dtype"] != b["config"]["dtype"];
    }

    bool take_keywords(const Way& way, Tree& kwargs) {
        for (const auto& [key, value] : call_["kwargs"].members()) {
            if (value.is_null()) continue;
            const auto row = std::ranges::find(way.call, key, &table::Argument::key);
            const bool operand = std::ranges::find(way.operands, key) != way.operands.end();
            if (row == way.call.end() && !operand)
                return refuse("a call with the argument " + std::string(key));
            kwargs.set(operand ? std::string_view(key) : row->source, value);
        }
        return true;
    }

    bool take_config(const Way& way, Tree& kwargs) {
        for (const auto& [key, value] : config_.members()) {
            const auto row = std::ranges::find(way.config, key, &table::Argument::key);
            const auto fixed = std::ranges::find(way.fixed, key, &table::KeyText::key);
            if (key == "name" || std::ranges::find(way.ignored, key) != way.ignored.end()) continue;
            if (key == "dtype" && row == way.config.end() && !value.is_string())
                continue;  // a layer's policy
            const bool fits = row != way.config.end() ? set_argument(*row, value, config_, kwargs)
                              : fixed != way.fixed.end()
                                  ? value.is_null() || same_value(value, value_of(fixed->value))
                                  : value.is_null() || value == Tree(false);
            if (!fits)
                return refuse("argument " + std::string(key) + ", which " + std::string(way.function) +
                              " does not have");
        }
        return true;
    }

    const Tree& config_;
    const Tree& call_;
    std::string why_ = "no function of Keras 2 is known for this operation";
};

}  // namespace

bool is_tensor(const Tree& value) {
    return value["class_name"].as_string() == "__keras_tensor__";
}

OperationCall operation_for_keras2(Context& context, const Place& place, const Tree& node, const Tree& call) {
    OperationCall result;
    result.kwargs = Tree::object();
    result.first = call["args"].at(0);
    if (place.class_name == "GetItem") {
        result.function = "__operators__.getitem";
        result.slicing = true;
        result.kwargs.set("slice_spec", without_ellipsis(result.first, call["args"].at(1)));
        return result;
    }
    const std::string_view module_name = node["module"].as_string().substr(operations_module.size());
    Writer writer(node["config"], call);
    for (const Way& way : ways_of(std::string(module_name) + "." + place.class_name))
        if (auto written = writer.write(way)) return std::move(*written);
    context.note(NoteKind::refused, place, writer.why());
    return result;
}

}  // namespace ballast::migrate
