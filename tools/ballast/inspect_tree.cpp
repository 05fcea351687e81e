// SPDX-License-Identifier: Apache-2.0
// inspect --tree: layers and their weights as a tree, every node with its size.
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/text.h"
#include "inspect.h"
#include "model/naming.h"

namespace ballast::tool {
namespace {

constexpr std::size_t none = ~std::size_t{0};

struct Node {
    std::string_view component;
    std::string path;
    std::size_t place = none;  ///< in View::positions, of a tensor
    std::uint64_t tensors = 0, bytes = 0;
    std::vector<std::size_t> children;
};

/// The canonical names as a tree; node 0 is the model.
class NameTree {
public:
    explicit NameTree(const View& view) {
        nodes_.emplace_back();
        for (std::size_t i = 0; i < view.positions.size(); ++i)
            add(view.archive.index().tensors()[view.positions[i]], i);
    }
    const std::vector<Node>& nodes() const { return nodes_; }

private:
    void add(const TensorInfo& tensor, std::size_t place) {
        const std::uint64_t bytes = tensor.alias_of.empty() ? tensor.byte_count() : 0;
        std::size_t node = 0;
        count(node, bytes);
        for (const std::string_view component : split(tensor.name, '/')) {
            node = child(node, component);
            count(node, bytes);
        }
        // Two tensors of one name cannot be: Index makes names unique.
        nodes_[node].place = place;
    }

    void count(std::size_t node, std::uint64_t bytes) {
        ++nodes_[node].tensors;
        nodes_[node].bytes += bytes;
    }

    std::size_t child(std::size_t parent, std::string_view component) {
        std::string path = nodes_[parent].path;
        if (parent != 0) path += '/';
        path += component;
        const auto [found, fresh] = by_path_.emplace(path, nodes_.size());
        if (fresh) {
            nodes_.push_back({component, std::move(path), none, 0, 0, {}});
            nodes_[parent].children.push_back(found->second);
        }
        return found->second;
    }

    std::vector<Node> nodes_;
    std::unordered_map<std::string, std::size_t> by_path_;
};

/// The classes of the layers that have one, by canonical path.
std::unordered_map<std::string, std::string> classes_of(const Model& model) {
    std::unordered_map<std::string, std::string> classes;
    if (!model.has_layers()) return classes;
    const std::vector<std::string> paths = canonical_layer_paths(model);
    for (std::size_t i = 0; i < paths.size(); ++i)
        if (!model.layers[i].class_name.empty()) classes.emplace(paths[i], model.layers[i].class_name);
    return classes;
}

struct Line {
    std::string left, right;
};

/// Columns: terminals count characters, not bytes.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

class Drawing {
public:
    Drawing(const View& view, const NameTree& tree)
        : view_(view), nodes_(tree.nodes()), classes_(classes_of(view.archive.model())) {}

    std::vector<Line> draw() {
        struct Step {
            std::size_t node;
            std::string indent;
            bool last;
        };
        std::vector<Step> pending;
        const auto descend = [&](const Node& node, const std::string& indent) {
            for (std::size_t i = node.children.size(); i-- > 0;)
                pending.push_back({node.children[i], indent, i + 1 == node.children.size()});
        };
        lines_.push_back({model_name(), sizes(nodes_[0])});
        descend(nodes_[0], "");
        while (!pending.empty()) {
            const Step step = std::move(pending.back());
            pending.pop_back();
            const Node& node = nodes_[step.node];
            lines_.push_back({step.indent + (step.last ? "└─ " : "├─ ") + label(node), right_of(node)});
            descend(node, step.indent + (step.last ? "   " : "│  "));
        }
        return std::move(lines_);
    }

private:
    std::string model_name() const {
        const Model& model = view_.archive.model();
        std::string name = model.has_layers() ? escape(model.layers[model.root].name) : "";
        const auto known = classes_.find("");
        if (known != classes_.end()) name += (name.empty() ? "" : " ") + ("(" + escape(known->second) + ")");
        return name.empty() ? "(model)" : name;
    }

    std::string label(const Node& node) const {
        const auto known = classes_.find(node.path);
        return escape(node.component) + (known == classes_.end() ? "" : " (" + escape(known->second) + ")");
    }

    static std::string sizes(const Node& node) {
        return std::to_string(node.tensors) + (node.tensors == 1 ? " tensor, " : " tensors, ") +
               human_size(node.bytes);
    }

    std::string right_of(const Node& node) const {
        if (node.place == none) return sizes(node);
        const TensorInfo& tensor = view_.archive.index().tensors()[view_.positions[node.place]];
        std::string text = fmt::format("{:<8}  {}  {}", to_string(tensor.dtype), tensor.shape.to_string(),
                                       human_size(tensor.byte_count()));
        if (!tensor.alias_of.empty()) text += "  = " + escape(tensor.alias_of);
        if (!view_.with_stats || !view_.stats[node.place]) return text;
        const TensorStats& stats = *view_.stats[node.place];
        if (stats.values)
            text += fmt::format("  {:.4g} … {:.4g}  {}", stats.values->min, stats.values->max,
                                sparkline(stats.values->histogram));
        if (stats.nan != 0) text += fmt::format("  {} NaN", stats.nan);
        if (stats.infinite != 0) text += fmt::format("  {} Inf", stats.infinite);
        return text;
    }

    const View& view_;
    const std::vector<Node>& nodes_;
    std::unordered_map<std::string, std::string> classes_;
    std::vector<Line> lines_;
};

}  // namespace

void print_tree(const View& view, Output& out) {
    print_heading(view.archive, out);
    const NameTree tree(view);
    const std::vector<Line> lines = Drawing(view, tree).draw();
    std::size_t widest = 0;
    for (const Line& line : lines)
        widest = std::max(widest, std::min<std::size_t>(width(line.left), 60));
    out.write("\n");
    for (const Line& line : lines) {
        const std::size_t used = width(line.left);
        out.print("  {}{}  {}\n", line.left, std::string(used < widest ? widest - used : 0, ' '), line.right);
    }
    print_closing(view, out);
}

}  // namespace ballast::tool
