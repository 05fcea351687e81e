// SPDX-License-Identifier: Apache-2.0
// Judging configs, see hazards_config.h. Iterative: a config may nest as deep as the JSON limits allow.
#include "analysis/hazards_config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "analysis/hazards_names.h"

namespace ballast {
namespace {

using Level = Hazard::Level;

template <class List>
bool contains(const List& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

std::string_view first_part(std::string_view dotted) {
    return dotted.substr(0, dotted.find('.'));
}

bool is_keras(std::string_view package) {
    return package == "keras" || package == "tf_keras" || package == "tensorflow" ||
           package == "keras_preprocessing";
}

/// The first part of a module's name that says what it is for: "keras.src.layers.core.dense" -> "layers".
std::string_view purpose(std::string_view module) {
    constexpr std::string_view passing[] = {"keras", "tf_keras", "tensorflow", "src",
                                            "api",   "_v2",      "python",     "legacy"};
    while (!module.empty()) {
        const std::string_view part = first_part(module);
        if (!std::any_of(std::begin(passing), std::end(passing), [&](auto name) { return name == part; }))
            return part;
        module.remove_prefix(std::min(part.size() + 1, module.size()));
    }
    return {};
}

class Judge {
public:
    Judge(std::string_view document, std::vector<Hazard>& found) : document_(document), found_(found) {}

    void run(const Tree& config) {
        pending_.push_back({&config, ""});
        while (!pending_.empty()) {
            const Node node = std::move(pending_.back());
            pending_.pop_back();
            const Tree& tree = *node.tree;
            if (tree.is_array()) {
                for (std::size_t i = tree.items().size(); i-- > 0;)
                    push(tree.items()[i], node.path + "[" + std::to_string(i) + "]");
            } else if (tree.is_object()) {
                object(tree, node.path);
            }
        }
    }

private:
    struct Node {
        const Tree* tree;
        std::string path;
    };

    void push(const Tree& tree, std::string path) {
        if (tree.is_array() || tree.is_object()) pending_.push_back({&tree, std::move(path)});
    }

    void add(Level level, std::string_view rule, const std::string& path, const Tree& object,
             std::string text) {
        std::string where(document_);
        if (!path.empty()) where += ": " + path;
        std::string who(object["class_name"].as_string());
        const std::string_view name = object["config"]["name"].as_string();
        if (!name.empty()) who += (who.empty() ? "" : " ") + std::string(name);
        if (!who.empty()) where += " (" + who + ")";
        found_.push_back({level, rule, std::move(where), std::move(text)});
    }

    void object(const Tree& tree, const std::string& path) {
        const std::string_view name = tree["class_name"].as_string();
        const bool code = name == "Lambda" && lambda(tree, path);
        if (!name.empty() && name != "Lambda") named(tree, name, path);
        values(tree, path);
        for (std::size_t i = tree.members().size(); i-- > 0;) {
            const auto& [key, value] = tree.members()[i];
            if (code && key == "config") {
                // Its bytecode has been named; the rest may hold more.
                push(value["arguments"], path + ".config.arguments");
            } else {
                push(value, path.empty() ? key : path + "." + key);
            }
        }
    }

    /// Whether a value of a Lambda is marshalled code: Keras 2 has a list (in SavedModels marked as a tuple),
    /// Keras 3 an object.
    static bool is_code(const Tree& value, std::string_view type) {
        if (value["class_name"].as_string() == "__tuple__") return value["items"].at(0).is_string();
        if (value.is_array()) return value.at(0).is_string();
        if (value.is_object())
            return value["class_name"].as_string() == "__lambda__" || value.find("code") != nullptr;
        return type == "lambda" && value.is_string();
    }

    bool lambda(const Tree& tree, const std::string& path) {
        const Tree& config = tree["config"];
        for (const char* key : {"function", "output_shape", "mask"}) {
            const std::string type = std::string(key) + "_type";
            const bool shape = key != std::string_view("function") && config[type].as_string() != "lambda" &&
                               !config[key].is_object();
            if (shape || !is_code(config[key], config[type].as_string())) continue;
            add(Level::danger, rule::lambda, path, tree,
                "holds Python bytecode, which loading it runs: put a layer with the same effect in its "
                "place");
            return true;
        }
        const std::string_view function = config["function"].as_string();
        if (!function.empty())
            add(Level::trust, rule::custom_object, path, tree,
                "calls the program's own function " + std::string(function));
        return false;
    }

    void named(const Tree& tree, std::string_view name, const std::string& path) {
        using namespace hazard_names;
        if (name == "__lambda__") {
            add(Level::danger, rule::lambda, path, tree, "Python bytecode, which loading runs");
        } else if (name == "TorchModuleWrapper") {
            add(Level::danger, rule::pickle, path, tree, "holds a pickle, which loading runs");
        } else if (name == "TFSMLayer") {
            add(Level::danger, rule::other_model, path, tree,
                "loads and runs the SavedModel at " + std::string(tree["config"]["filepath"].as_string()));
        } else if (name == "TFOpLambda" || name == "SlicingOpLambda") {
            operation(tree, path);
        } else {
            imported(tree, name, path);
        }
    }

    static bool computes(std::string_view function) {
        for (const std::string_view version : {"compat.v1.", "compat.v2."})
            if (function.starts_with(version)) function.remove_prefix(version.size());
        if (function.find('.') == function.npos)
            return !contains(hazard_names::reaching_operations, function);
        const auto& known = hazard_names::computing_operations;
        return std::any_of(known.begin(), known.end(),
                           [&](std::string_view start) { return function.starts_with(start); });
    }

    void operation(const Tree& tree, const std::string& path) {
        const std::string_view function = tree["config"]["function"].as_string();
        if (function.empty() || computes(function)) return;
        add(Level::danger, rule::gadget, path, tree,
            "calls TensorFlow's " + std::string(function) + ", which does more than compute");
    }

    /// What Keras 3 imports by "module", and what any Keras looks for among the program's own objects.
    void imported(const Tree& tree, std::string_view name, const std::string& path) {
        using namespace hazard_names;
        const std::string_view module = tree["module"].as_string();
        const std::string_view function =
            name == "function" ? tree["config"].as_string() : std::string_view();
        const std::string_view called = function.empty() ? name : function;
        if (contains(gadgets, called)) {
            add(Level::danger, rule::gadget, path, tree,
                "has " + std::string(called) + " called, with the file's arguments");
        } else if (module == "builtins") {
            builtin(tree, name, function, path);
        } else if (!module.empty()) {
            from_module(tree, module, called, path);
        } else if (!function.empty() && !contains(known_functions, function)) {
            add(Level::trust, rule::custom_object, path, tree,
                "needs the program's own function " + std::string(function));
        } else {
            registered(tree, name, path);
        }
    }

    void builtin(const Tree& tree, std::string_view name, std::string_view function,
                 const std::string& path) {
        using namespace hazard_names;
        if (!contains(harmless_builtins, name)) {
            add(Level::danger, rule::module, path, tree, "asks Python for builtins." + std::string(name));
        } else if (!function.empty() && !contains(known_functions, function)) {
            add(Level::trust, rule::custom_object, path, tree,
                "needs the program's own function " + std::string(function));
        }
    }

    void from_module(const Tree& tree, std::string_view module, std::string_view called,
                     const std::string& path) {
        using namespace hazard_names;
        const std::string_view package = first_part(module);
        const std::string full = std::string(module) + "." + std::string(called);
        if (contains(system_modules, package)) {
            add(Level::danger, rule::module, path, tree, "asks Python to import " + full);
        } else if (!is_keras(package)) {
            add(Level::trust, rule::custom_object, path, tree, "needs " + full);
        } else if (!belongs_to_a_model(module, package, tree["class_name"].as_string(), called)) {
            add(Level::danger, rule::gadget, path, tree,
                "asks for " + full + ", which is no part of a model");
        }
    }

    /// Whether Keras' own configs name such an object.
    static bool belongs_to_a_model(std::string_view module, std::string_view package, std::string_view name,
                                   std::string_view called) {
        using namespace hazard_names;
        if (package == "tensorflow" && module.find("keras") == module.npos) return false;
        const std::string_view part = purpose(module);
        if (name == "function")
            return part.empty() ? contains(known_functions, called) : contains(computing_functions, part);
        const bool is_class = !name.empty() && name.front() >= 'A' && name.front() <= 'Z';
        return is_class && (part.empty() || contains(computing, part));
    }

    void registered(const Tree& tree, std::string_view name, const std::string& path) {
        const std::string_view full =
            name.find('>') != name.npos ? name : tree["registered_name"].as_string();
        const std::size_t mark = full.find('>');
        if (mark == full.npos) return;
        const std::string_view package = full.substr(0, mark);
        if (package == "Custom" && contains(hazard_names::own_customs, full.substr(mark + 1))) return;
        if (package == "keras" || package == "Keras") return;
        add(Level::trust, rule::custom_object, path, tree,
            "needs the program's own class " + std::string(full));
    }

    /// Values that mean something whatever holds them.
    void values(const Tree& tree, const std::string& path) {
        for (const auto& [key, value] : tree.members()) {
            const std::string at = path.empty() ? key : path + "." + key;
            if (key == "safe_mode" && value.as_bool() == false)
                add(Level::danger, rule::unsafe_switch, at, tree, "switches Keras' protection off");
            if ((key == "vocabulary" || key == "idf_weights") && !value.as_string().empty())
                add(Level::danger, rule::file_reference, at, tree,
                    "has loading read the file or address " + std::string(value.as_string()));
            if (key == "handle" && !value.as_string().empty())
                add(Level::danger, rule::other_model, at, tree,
                    "loads and runs the model at " + std::string(value.as_string()));
            if (key == "origin" && value.as_string().find("://") != std::string_view::npos)
                add(Level::danger, rule::file_reference, at, tree,
                    "has loading fetch " + std::string(value.as_string()));
            if (key == "name" && leaves_folder(value.as_string()))
                add(Level::danger, rule::path_name, at, tree,
                    "the name " + std::string(value.as_string()) +
                        " leaves a folder when it is used as a path");
        }
    }

    std::string_view document_;
    std::vector<Hazard>& found_;
    std::vector<Node> pending_;
};

}  // namespace

bool leaves_folder(std::string_view name) noexcept {
    if (name.starts_with('/') || name.find('\0') != name.npos) return true;
    if (name.size() > 2 && name[1] == ':' && (name[2] == '\\' || name[2] == '/')) return true;
    while (!name.empty()) {
        const std::size_t end = name.find_first_of("/\\");
        if (name.substr(0, end) == "..") return true;
        if (end == name.npos) break;
        name.remove_prefix(end + 1);
    }
    return false;
}

void judge_config(const Tree& config, std::string_view where, std::vector<Hazard>& found) {
    Judge(where, found).run(config);
}

}  // namespace ballast
