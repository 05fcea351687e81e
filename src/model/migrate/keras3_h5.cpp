// SPDX-License-Identifier: Apache-2.0
// Modules for the objects of a Keras 3 `.h5` config, see keras3_h5.h.
#include "model/migrate/keras3_h5.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "model/config_node.h"
#include "model/layout.h"
#include "model/migrate/tables.h"

namespace ballast::migrate {
namespace {

class Completion {
public:
    Completed run(const Tree& config, const Tree& training) {
        completed_.config = config;
        std::vector<Tree*> pending = {&completed_.config};
        while (!pending.empty()) {
            Tree& node = *pending.back();
            pending.pop_back();
            if (!node.is_object()) continue;
            complete_layer(node);
            Tree* inner = node.find("config");
            Tree* layers = inner == nullptr ? nullptr : inner->find("layers");
            if (layers == nullptr || !layers->is_array()) continue;
            for (Tree& layer : layers->mutable_items())
                pending.push_back(&layer);
        }
        if (training["optimizer_config"]["class_name"].is_string())
            completed_.config.set("compile_config", compiled(training));
        return std::move(completed_);
    }

private:
    void complete_layer(Tree& node) {
        ConfigNode parts;
        if (!read_node(node, parts) || node.find("module") != nullptr) return;
        const std::string name(parts.class_name);
        if (parts.is_functional())
            return set(node, "keras.src.models.functional", "Functional", "Functional");
        if (parts.is_sequential() && name == "Sequential") return set(node, "keras", name, {});
        if (is_keras3_operation(parts, layout::Framework::keras3)) {
            if (const auto module_name = table::renamed(table::operations, name))
                return set(node, "keras.src.ops." + std::string(*module_name), name, name);
        }
        complete(node, table::Kind::layer, "keras.layers");
    }

    /// An object of one kind: Keras' own class, or one of the user's ("Package>Name").
    void complete(Tree& node, table::Kind kind, std::string_view public_module) {
        if (!node["class_name"].is_string() || node.find("module") != nullptr) return;
        const std::string name(node["class_name"].as_string());
        if (name == "function") return;
        if (const table::KerasClass* known = table::find_class(kind, name)) {
            const bool own_module = !known->module_name.empty();
            return set(node, own_module ? known->module_name : public_module, known->name,
                       own_module ? name : "");
        }
        if (std::ranges::find(completed_.custom_objects, name) == completed_.custom_objects.end())
            completed_.custom_objects.push_back(name);
        set(node, {}, name.substr(name.rfind('>') + 1), name);
    }

    static void set(Tree& node, std::string_view module_name, std::string_view class_name,
                    std::string_view registered) {
        node.set("module", module_name.empty() ? Tree() : Tree(module_name));
        node.set("class_name", class_name);
        node.set("registered_name", registered.empty() ? Tree() : Tree(registered));
    }

    Tree compiled(const Tree& training) {
        Tree result = Tree::object();
        Tree optimizer = training["optimizer_config"];
        complete(optimizer, table::Kind::optimizer, "keras.optimizers");
        result.set("optimizer", std::move(optimizer));
        for (const auto& [key, value] : training.members())
            if (key != "optimizer_config") result.set(key, value);
        complete_all(result, "loss", table::Kind::loss, "keras.losses");
        complete_all(result, "metrics", table::Kind::metric, "keras.metrics");
        complete_all(result, "weighted_metrics", table::Kind::metric, "keras.metrics");
        return result;
    }

    /// The objects in lists and dictionaries by output.
    void complete_all(Tree& compiled, std::string_view key, table::Kind kind,
                      std::string_view public_module) {
        std::vector<Tree*> pending;
        if (Tree* top = compiled.find(key)) pending.push_back(top);
        while (!pending.empty()) {
            Tree& tree = *pending.back();
            pending.pop_back();
            complete(tree, kind, public_module);
            if (tree["class_name"].is_string()) continue;
            if (tree.is_array()) {
                for (Tree& item : tree.mutable_items())
                    pending.push_back(&item);
            } else if (tree.is_object()) {
                for (Tree::Member& member : tree.mutable_members())
                    pending.push_back(&member.second);
            }
        }
    }

    Completed completed_;
};

}  // namespace

Completed complete_keras3(const Tree& config, const Tree& training_config) {
    return Completion().run(config, training_config);
}

}  // namespace ballast::migrate
