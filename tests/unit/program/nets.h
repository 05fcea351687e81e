// SPDX-License-Identifier: Apache-2.0
// Structs that the tests of weights.h save and load.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "ballast/ballast.h"
#include "ballast/weights.h"

namespace nets {

using ballast::Array;
using ballast::Shape;

struct Dense {
    Array<float> kernel{}, bias{};
};

/// Fields in another order than Keras creates the variables.
struct BatchNormalization {
    Array<float> moving_variance{}, moving_mean{}, beta{}, gamma{};
};

struct LSTM {
    Array<float> bias{}, kernel{}, recurrent_kernel{};
};

struct ReLU {};

struct Mlp {
    Dense hidden{};
    ReLU activation{};
    Dense head{};
    int epochs = 0;      // a setting: not stored
    std::string note{};  // likewise
};

/// Elements that count up from `first`, so that no two tensors are alike.
inline Array<float> counting(Shape shape, float first) {
    Array<float> array(std::move(shape));
    std::iota(array.begin(), array.end(), first);
    return array;
}

inline Dense dense(std::uint64_t inputs, std::uint64_t units, float first) {
    return {counting({inputs, units}, first), counting({units}, -first)};
}

inline Mlp mlp() {
    return {dense(3, 4, 1), {}, dense(4, 2, 100), 7, "kept"};
}

inline std::vector<float> values(const Array<float>& array) {
    return {array.begin(), array.end()};
}

inline bool equal(const Dense& a, const Dense& b) {
    return a.kernel.shape() == b.kernel.shape() && a.bias.shape() == b.bias.shape() &&
           values(a.kernel) == values(b.kernel) && values(a.bias) == values(b.bias);
}
inline bool equal(const Mlp& a, const Mlp& b) {
    return equal(a.hidden, b.hidden) && equal(a.head, b.head);
}

/// A target in memory.
inline ballast::Location memory(std::string name) {
    return {ballast::io::memory(), std::move(name), ballast::Location::Kind::file};
}

/// Stored names, sorted.
inline std::vector<std::string> stored(const ballast::Location& file) {
    std::vector<std::string> names;
    const auto archive = ballast::open(file);
    for (const ballast::TensorInfo& tensor : archive->index().tensors())
        names.push_back(tensor.stored_name);
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace nets
