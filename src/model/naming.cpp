// SPDX-License-Identifier: Apache-2.0
// Canonical names of layers and weights.
#include "model/naming.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <unordered_map>
#include <utility>

#include "ballast/error.h"
#include "core/text.h"
#include "model/config.h"
#include "model/paths_walk.h"

namespace ballast {
namespace {

constexpr std::uint64_t most_path_bytes = 1ULL << 30U;

/// A layer's own component: its name, else the key it was stored under, else its class.
std::string layer_component(const Layer& layer) {
    if (!layer.name.empty()) return escape_component(layer.name);
    const auto slash = layer.stored_key.rfind('/');
    const auto key = slash == std::string::npos ? layer.stored_key : layer.stored_key.substr(slash + 1);
    return escape_component(key.empty() ? layout::snake_case(layer.class_name) : key);
}

/// Layers in Keras 3's save order with the first path to each. Also those Keras 3 stores nowhere
/// (InputLayers).
class NameWalk {
public:
    explicit NameWalk(const Model& model)
        : model_(model),
          variants_(layer_variants(model, layout::Framework::keras3)),
          paths_(model.layers.size()) {
        walk();
    }
    std::vector<LayerId> order;
    std::vector<std::string> take_paths() { return std::move(paths_); }

private:
    struct Target {
        LayerId layer;
        std::string component;
    };
    struct Frame {
        std::vector<Target> targets;
        std::size_t next = 0;
        std::string path;
    };

    std::vector<Target> targets(LayerId id) const;
    void walk();
    void count(LayerId id, std::uint64_t length);

    const Model& model_;
    std::vector<const layout::Variant*> variants_;
    std::vector<std::string> paths_;
    std::uint64_t bytes_ = 0;
};

std::vector<NameWalk::Target> NameWalk::targets(LayerId id) const {
    std::vector<Target> out;
    const auto add = [&](const Edge::Kind kind, const std::string& attribute, LayerId child) {
        std::string component;
        if (kind != Edge::Kind::container) component = escape_component(attribute);
        if (kind == Edge::Kind::index || kind == Edge::Kind::dict_key) component += '/';
        if (kind != Edge::Kind::attribute) component += layer_component(model_.layers[child]);
        out.push_back({child, std::move(component)});
    };
    for (const Step& step : v3_steps(model_, id, variants_[id], layout::Framework::keras3)) {
        add(step.kind, step.attribute, step.child);
    }
    // What Keras 3 does not store has a name all the same; it comes after what it stores.
    for (const Edge& edge : model_.layers[id].edges) {
        if (edge.child < model_.layers.size()) add(edge.kind, edge.key, edge.child);
    }
    return out;
}

/// A few long names on a deep path above many layers would otherwise take terabytes.
void NameWalk::count(LayerId id, std::uint64_t length) {
    bytes_ += length * (1 + model_.layers[id].weights.size());
    if (bytes_ > most_path_bytes)
        throw Error(ErrorCode::limit_exceeded, "the paths of the layers together take more than 1 GiB");
}

void NameWalk::walk() {
    if (!model_.has_layers()) return;
    std::vector<bool> seen(model_.layers.size(), false);
    std::vector<Frame> stack;
    const auto enter = [&](LayerId id, std::string path) {
        seen[id] = true;
        count(id, path.size());
        order.push_back(id);
        paths_[id] = path;
        stack.push_back({targets(id), 0, std::move(path)});
    };
    enter(model_.root, {});
    while (!stack.empty()) {
        Frame& frame = stack.back();
        if (frame.next == frame.targets.size()) {
            stack.pop_back();
            continue;
        }
        const Target& target = frame.targets[frame.next++];
        if (seen[target.layer]) continue;
        enter(target.layer, frame.path.empty() ? target.component : frame.path + '/' + target.component);
    }
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

}  // namespace

std::string escape_component(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '%') {
            out += "%25";
        } else if (c == '/') {
            out += "%2F";
        } else {
            out += c;
        }
    }
    return out;
}

std::string unescape_component(std::string_view component) {
    std::string out;
    for (std::size_t i = 0; i < component.size(); ++i) {
        const std::string_view code = component.substr(i, 3);
        if (code == "%2F" || code == "%2f" || code == "%25") {
            out += code == "%25" ? '%' : '/';
            i += 2;
        } else {
            out += component[i];
        }
    }
    return out;
}

std::vector<std::string> canonical_layer_paths(const Model& model) {
    return NameWalk(model).take_paths();
}

std::string canonical_name(std::string_view layer_path, std::string_view role) {
    std::string name(layer_path);
    for (const std::string_view part : split(role, '/')) {
        if (!name.empty()) name += '/';
        name += escape_component(part);
    }
    return name;
}

std::vector<std::vector<std::string>> canonical_weight_names(const Model& model) {
    return canonical_names(model).weights;
}

CanonicalNames canonical_names(const Model& model) {
    NameWalk walk(model);
    CanonicalNames found{walk.take_paths(), std::vector<std::vector<std::string>>(model.layers.size())};
    std::unordered_map<std::string, std::uint64_t> used;
    used.reserve(model.layers.size());
    // Layers that nothing reaches (a damaged file) come last: every weight has a name, so callers may index
    // freely.
    std::vector<LayerId> order = walk.order;
    std::vector<bool> reached(model.layers.size());
    for (const LayerId id : order)
        reached[id] = true;
    for (LayerId id = 0; id < model.layers.size(); ++id) {
        if (!reached[id]) order.push_back(id);
    }
    for (const LayerId id : order) {
        for (const Weight& weight : model.layers[id].weights) {
            std::string name = canonical_name(found.layers[id], weight.role);
            if (const std::uint64_t count = ++used[name]; count > 1) name += '#' + std::to_string(count);
            found.weights[id].push_back(std::move(name));
        }
    }
    return found;
}

std::vector<std::string> near_names(std::string_view name, std::span<const std::string> candidates,
                                    std::size_t at_most) {
    constexpr std::size_t few_edits = 3;
    const std::string wanted = lower(name);
    std::vector<std::pair<std::size_t, const std::string*>> near;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(wanted, lower(candidate), few_edits);
        if (distance <= few_edits && distance < std::max(wanted.size(), candidate.size())) {
            near.emplace_back(distance, &candidate);
        }
    }
    std::stable_sort(near.begin(), near.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> out;
    for (const auto& [distance, candidate] : near) {
        if (out.size() == at_most) break;
        out.push_back(*candidate);
    }
    return out;
}

}  // namespace ballast
