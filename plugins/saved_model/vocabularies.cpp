// SPDX-License-Identifier: Apache-2.0
// The words of lookup layers, see vocabularies.h.
#include "vocabularies.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "container/json/json.h"
#include "container/proto/saved_tables.h"
#include "core/text.h"
#include "model/evaluate.h"

namespace ballast::saved_model {
namespace {

constexpr std::string_view text_class = "TextVectorization";
constexpr std::uint32_t no_node = 0xffffffffU;

bool looks_up(std::string_view class_name) {
    return class_name == "StringLookup" || class_name == "IntegerLookup" || class_name == text_class;
}

bool is_fitted(const Tree& layer) {
    return looks_up(layer["class_name"].as_string()) && layer["config"].is_object() &&
           layer["config"]["vocabulary"].is_null();
}

bool holds_fitted(const Tree& model) {
    const Tree& layers = model["config"]["layers"];
    return std::any_of(layers.items().begin(), layers.items().end(),
                       [](const Tree& layer) { return is_fitted(layer) || holds_fitted(layer); });
}

Tree tree_of(const proto::TableColumn& column, std::size_t at) {
    if (column.is_text) return column.words[at];
    return column.numbers[at];
}

/// The words in the order of their numbers, and the number of the first; nothing where numbers are missing.
struct Words {
    Tree list;
    std::size_t first = 0;
};

std::optional<Words> words_of(const proto::SavedTable& table, bool inverted) {
    const proto::TableColumn& words = inverted ? table.values : table.keys;
    const proto::TableColumn& numbers = inverted ? table.keys : table.values;
    if (numbers.is_text || numbers.size() == 0) return std::nullopt;
    if (words.is_text && !std::ranges::all_of(words.words, [](const auto& word) { return is_utf8(word); }))
        return std::nullopt;
    std::vector<std::size_t> order(numbers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t at) { return numbers.numbers[at]; });
    const std::int64_t first = numbers.numbers[order.front()];
    if (first < 0 || first > 1'000'000) return std::nullopt;
    Words result{Tree::array(), static_cast<std::size_t>(first)};
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (numbers.numbers[order[i]] - first != static_cast<std::int64_t>(i)) return std::nullopt;
        result.list.push_back(tree_of(words, order[i]));
    }
    return result;
}

class Walk {
public:
    Walk(const Folder& folder, proto::SavedTables tables, const Model& model, const Limits& limits)
        : folder_(folder), tables_(std::move(tables)), model_(model), limits_(limits) {}

    /// A model's config along the node it was saved as.
    void visit(Tree& model, std::uint32_t node) {
        Tree* config = model.find("config");
        Tree* layers = config != nullptr ? config->find("layers") : nullptr;
        if (layers == nullptr || !layers->is_array() || node >= tables_.children.size()) return;
        const auto nodes = layers_of(node);
        for (Tree& layer : layers->mutable_items()) {
            const auto own = nodes.find(std::string(layer["config"]["name"].as_string()));
            if (own == nodes.end()) continue;
            if (is_fitted(layer))
                fill(layer, own->second);
            else if (layer["config"]["layers"].is_array())
                visit(layer, own->second);
        }
    }

private:
    /// By their names, which are unique in one model.
    std::map<std::string, std::uint32_t> layers_of(std::uint32_t node) const {
        std::map<std::string, std::uint32_t> found;
        for (const proto::ObjectReference& child : tables_.children[node]) {
            if (!child.name.starts_with("layer")) continue;
            const auto user = std::ranges::find(folder_.users, child.node, &proto::UserObject::node);
            if (user == folder_.users.end() || user->metadata.empty()) continue;
            const Tree metadata = json::parse(user->metadata, limits_, user->identifier);
            found.emplace(std::string(metadata["name"].as_string()), child.node);
        }
        return found;
    }

    std::uint32_t child(std::uint32_t node, std::string_view name) const {
        if (node >= tables_.children.size()) return no_node;
        for (const proto::ObjectReference& edge : tables_.children[node])
            if (edge.name == name) return edge.node;
        return no_node;
    }

    void fill(Tree& layer, std::uint32_t node) const {
        if (layer["class_name"].as_string() == text_class) node = child(node, "_lookup_layer");
        const auto table = tables_.tables.find(child(node, "lookup_table"));
        if (table == tables_.tables.end()) return;
        Tree& config = *layer.find("config");
        auto words = words_of(table->second, config["invert"] == Tree(true));
        if (!words) return;
        if (config["output_mode"].as_string() == "tf_idf") {
            auto weights = weights_of(layer, words->first + words->list.size());
            if (!weights) return;
            // Those of unknown words come first, and are told apart by the words' being there.
            const Tree unknown =
                layer["class_name"].as_string() == text_class ? Tree("[UNK]") : config["oov_token"];
            Tree all = Tree::array();
            for (std::size_t i = 0; i < words->first; ++i)
                all.push_back(unknown);
            for (const Tree& word : words->list.items())
                all.push_back(word);
            words->list = std::move(all);
            config.set("idf_weights", std::move(*weights));
        }
        config.set("vocabulary", std::move(words->list));
    }

    /// The first ones of the layer's variable: the others are of the padding.
    std::optional<Tree> weights_of(const Tree& layer, std::size_t count) const {
        const std::string_view name = layer["config"]["name"].as_string();
        const auto is_named = [&](const Layer& known) { return known.name == name; };
        if (std::ranges::count_if(model_.layers, is_named) != 1) return std::nullopt;
        const Layer& own = *std::ranges::find_if(model_.layers, is_named);
        const auto weight = std::ranges::find(own.weights, "idf_weights", &Weight::role);
        if (weight == own.weights.end() || weight->value.empty()) return std::nullopt;
        const TensorExpr& value = weight->value;
        if (value.dtype() != DType::float32 || value.shape().rank() != 1 || value.shape()[0] < count ||
            value.byte_count() > limits_.attribute_bytes)
            return std::nullopt;
        std::vector<float> numbers(count);
        evaluate(value, 0, std::as_writable_bytes(std::span(numbers)));
        if (!std::ranges::all_of(numbers, [](float number) { return std::isfinite(number); }))
            return std::nullopt;
        Tree list = Tree::array();
        for (const float number : numbers)
            list.push_back(double{number});
        return list;
    }

    const Folder& folder_;
    proto::SavedTables tables_;
    const Model& model_;
    const Limits& limits_;
};

}  // namespace

void add_vocabularies(const io::Fs& fs, const Folder& folder, const Model& model, const Limits& limits,
                      Tree& config) {
    if (!holds_fitted(config)) return;
    const std::string message = content(fs, graph_file, limits);
    Walk(folder, proto::read_saved_tables(message, limits), model, limits).visit(config, 0);
}

}  // namespace ballast::saved_model
