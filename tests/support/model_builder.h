// SPDX-License-Identifier: Apache-2.0
// Tensors and models made in memory, for tests of writers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ballast/model.h"

namespace ballast::test {

/// A stored tensor whose bytes count up from `seed`, so that no two of them are equal and a permutation
/// shows.
inline TensorExpr tensor(std::string name, DType dtype, Shape shape, unsigned seed = 1) {
    auto bytes = std::make_shared<std::vector<std::byte>>(
        static_cast<std::size_t>(byte_size(dtype, shape.element_count())));
    std::uint32_t state = seed * 2654435761U + 1;
    for (std::byte& byte : *bytes) {
        state = state * 1664525U + 1013904223U;
        // A bool is 0 or 1.
        byte = std::byte(dtype == DType::boolean ? state >> 31U : state >> 24U);
    }
    TensorInfo info;
    info.name = name;
    info.stored_name = std::move(name);
    info.dtype = dtype;
    info.shape = std::move(shape);
    info.stored_bytes = bytes->size();
    info.storage.layout = InlineBytes{bytes, *bytes};
    return std::make_shared<const TensorInfo>(std::move(info));
}

/// The bytes of what tensor() made.
inline std::string inline_bytes(const TensorExpr& value) {
    const auto bytes = std::get<InlineBytes>(value.source()->storage.layout).bytes;
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Model loose_model(std::vector<TensorExpr> values) {
    Model model;
    for (TensorExpr& value : values) {
        std::string name = value.source()->name;
        model.loose.push_back({std::move(name), std::move(value), Part::loose});
    }
    return model;
}

/// A small model that uses every part of Model: nested and shared layers, edges of each kind, a frozen layer,
/// a layer without weights, optimizer and metric state, configs.
inline Model full_model() {
    Model model;
    model.layers.resize(7);
    Layer &root = model.layers[0], &dense = model.layers[1], &relu = model.layers[2], &bi = model.layers[3];
    Layer &cell = model.layers[4], &inner = model.layers[5], &odd = model.layers[6];
    root.class_name = "Functional";
    root.edges = {{Edge::Kind::container, "", 1},
                  {Edge::Kind::container, "", 2},
                  {Edge::Kind::container, "", 3},
                  {Edge::Kind::container, "", 5}};
    root.save_order = {2, 0, 1, 3};
    dense = {"dense \xc3\xa9/x", "Dense", "", {}, false, {}, {}, {}, "layers/dense"};
    dense.config.set("units", 3);
    dense.weights.push_back(
        {"kernel", tensor("layers/dense/vars/0", DType::float32, {2, 3}, 1), "0", true, {}});
    dense.weights.push_back(
        {"bias", tensor("layers/dense/vars/1", DType::bfloat16, {3}, 2), "1", true, {"twin/1"}});
    relu = {"relu", "ReLU", "", {}, true, {}, {}, {}, "layers/re_lu"};
    bi = {"bi", "Bidirectional", "", {}, true, {}, {{Edge::Kind::attribute, "forward_layer", 4}},
          {},   "layers/bi"};
    cell.stored_key = "layers/bi/cell";
    cell.weights.push_back({"count", tensor("layers/bi/cell/vars/0", DType::int64, {}, 3), "0", false, {}});
    cell.weights.push_back({"unset", {}, "1", true, {}});
    inner = {"inner", "Custom", "pkg", {}, true, {}, {}, {}, "layers/custom"};
    inner.edges = {
        {Edge::Kind::container, "", 1}, {Edge::Kind::index, "blocks", 6}, {Edge::Kind::dict_key, "k", 5}};
    odd.name = "\xff\xfe";
    odd.weights.push_back({"gamma", tensor("odd", DType::float64, {0, 4}, 4), "\x01", true, {}});
    model.config = Tree::object();
    model.config.set("class_name", "Functional");
    model.training_config.set("lr", Tree::number("1e-07"));
    model.producer = {"keras_v3", "keras3", "3.15.1", "tensorflow"};
    Optimizer& optimizer = model.optimizer.emplace();
    optimizer.class_name = "Adam";
    optimizer.flavor = "keras3";
    optimizer.config.set("name", "adam");
    optimizer.variables.push_back({tensor("optimizer/vars/0", DType::int64, {}, 5), "0", "iteration", ""});
    optimizer.variables.push_back(
        {tensor("optimizer/vars/1", DType::float32, {2, 3}, 6), "1", "m", "dense/kernel"});
    optimizer.variables.push_back({tensor("optimizer/vars/2", DType::float32, {2, 3}, 7), "2", "", ""});
    model.loose.push_back({"metrics/0", tensor("metrics/0", DType::float32, {}, 8), Part::metric});
    model.loose.push_back({"extra", tensor("extra", DType::uint8, {5}, 9), Part::loose});
    return model;
}

}  // namespace ballast::test
