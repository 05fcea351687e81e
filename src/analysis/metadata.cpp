// SPDX-License-Identifier: Apache-2.0
// Comparing what two files say besides their tensors, see metadata.h.
#include "analysis/metadata.h"

#include <algorithm>
#include <array>

#include "analysis/pairing.h"
#include "container/json/json.h"

namespace ballast {
namespace {

constexpr std::size_t most_changes = 100;
constexpr std::size_t longest_value = 80;

/// A value for people: short JSON, or how large it is.
std::string shortened(const Tree& value) {
    if (value.is_null()) return {};
    std::string text = json::write(value);
    if (text.size() <= longest_value) return text;
    if (value.is_object()) return "{" + std::to_string(value.size()) + " members}";
    if (value.is_array()) return "[" + std::to_string(value.size()) + " items]";
    return text.substr(0, longest_value) + "…";
}

/// The members of both objects: A's in order, then those only B has.
std::vector<std::string> keys_of(const Tree& a, const Tree& b) {
    std::vector<std::string> keys;
    for (const Tree::Member& member : a.members())
        keys.push_back(member.first);
    for (const Tree::Member& member : b.members())
        if (!a.find(member.first)) keys.push_back(member.first);
    return keys;
}

/// What the producers' own fields, or the configs, tell already.
bool told_elsewhere(std::string_view key) {
    constexpr std::array<std::string_view, 5> keys = {"keras_version", "backend", "flavor", "model_class",
                                                      "optimizer"};
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

void tree_changes(const std::string& root, const Tree& a_root, const Tree& b_root, bool counts,
                  std::size_t most, std::vector<MetadataChange>& changes) {
    struct Step {
        std::string key;
        const Tree *a, *b;
    };
    std::vector<Step> pending = {{root, &a_root, &b_root}};
    while (!pending.empty() && changes.size() < most) {
        const Step step = std::move(pending.back());
        pending.pop_back();
        if (*step.a == *step.b) continue;
        std::vector<Step> found;
        if (step.a->is_object() && step.b->is_object()) {
            for (const std::string& key : keys_of(*step.a, *step.b))
                found.push_back({step.key + "." + key, &(*step.a)[key], &(*step.b)[key]});
        } else if (step.a->is_array() && step.b->is_array() && step.a->size() == step.b->size()) {
            for (std::size_t i = 0; i < step.a->size(); ++i)
                found.push_back({step.key + "[" + std::to_string(i) + "]", &step.a->at(i), &step.b->at(i)});
        } else {
            changes.push_back({step.key, shortened(*step.a), shortened(*step.b), counts});
        }
        pending.insert(pending.end(), found.rbegin(), found.rend());
    }
}

std::vector<MetadataChange> metadata_changes(const Archive& a, const Archive& b) {
    std::vector<MetadataChange> changes;
    const auto tell = [&](std::string_view key, std::string_view x, std::string_view y) {
        if (x != y) changes.push_back({std::string(key), std::string(x), std::string(y), false});
    };
    const Model &one = a.model(), &other = b.model();
    tell("format", a.format().id, b.format().id);
    tell("kind", a.kind(), b.kind());
    tell("flavor", one.producer.flavor, other.producer.flavor);
    tell("keras_version", one.producer.keras_version, other.producer.keras_version);
    tell("backend", one.producer.backend, other.producer.backend);
    const bool counts = of_one_kind(a, b);
    tree_changes("config", one.config, other.config, counts, most_changes, changes);
    tree_changes("training_config", one.training_config, other.training_config, counts, most_changes,
                 changes);
    for (const std::string& key : keys_of(a.metadata(), b.metadata())) {
        if (told_elsewhere(key)) continue;
        // Keras numbers the names of models that got none: no difference worth an exit code.
        const bool user_key = counts && (one.metadata.find(key) || other.metadata.find(key));
        tree_changes("metadata." + key, a.metadata()[key], b.metadata()[key], user_key, most_changes,
                     changes);
    }
    return changes;
}

}  // namespace ballast
