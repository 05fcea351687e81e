// SPDX-License-Identifier: Apache-2.0
// The recorded cases of tests/golden/models (made by make_model_cases.py with the real frameworks) for the
// tests.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "container/json/json.h"
#include "model/config.h"
#include "model/paths.h"

namespace ballast::test {

struct GoldenCase {
    std::string file;
    std::string name;
    layout::Framework framework = layout::Framework::keras3;
    Tree data;
    const Tree& config() const { return data["config"]; }
};

inline Tree read_json(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return json::parse(text, Limits{}, path.string());
}

inline const std::vector<GoldenCase>& golden_cases() {
    static const std::vector<GoldenCase> cases = [] {
        std::vector<GoldenCase> out;
        for (const auto& entry : std::filesystem::directory_iterator(BALLAST_TEST_DATA "/golden/models")) {
            GoldenCase one;
            one.file = entry.path().filename().string();
            one.data = read_json(entry.path());
            one.name = one.data["case"].as_string();
            const bool keras3 = one.data["framework"].as_string() == "keras3";
            one.framework = keras3 ? layout::Framework::keras3 : layout::Framework::tf_keras;
            out.push_back(std::move(one));
        }
        std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
        return out;
    }();
    return cases;
}

inline const GoldenCase* find_case(const std::string& file) {
    for (const GoldenCase& one : golden_cases()) {
        if (one.file == file) return &one;
    }
    return nullptr;
}

inline std::vector<std::string> strings(const Tree& list) {
    std::vector<std::string> out;
    for (const Tree& item : list.items())
        out.emplace_back(item.as_string());
    return out;
}

/// The number each variable was filled with, by its place in the recorded .weights.h5.
using Numbers = std::map<std::pair<LayerId, std::uint32_t>, std::int64_t>;

inline Numbers number_weights(const GoldenCase& one, const std::vector<V3Group>& groups) {
    std::map<std::string, std::int64_t> stored;
    for (const Tree& group : one.data["v3"].items()) {
        for (const Tree& item : group.at(2).items()) {
            stored[std::string(group.at(0).as_string()) + ":" + std::string(item.at(0).as_string())] =
                item.at(2).as_int64().value_or(-1);
        }
    }
    Numbers numbers;
    for (const V3Group& group : groups) {
        for (const V3Variable& variable : group.variables) {
            const auto found = stored.find(group.path + ":" + variable.key);
            if (found == stored.end() || !variable.weight) continue;
            numbers[{variable.weight->layer, variable.weight->weight}] = found->second;
        }
    }
    return numbers;
}

}  // namespace ballast::test
