// SPDX-License-Identifier: Apache-2.0
// structs FOLDER: a program's own types and names, and a load that says what it did.
#include <ballast/ballast.h>
#include <ballast/weights.h>

#include <iostream>
#include <string>
#include <vector>

namespace my {

/// A matrix of another library, elements column by column.
struct Matrix {
    std::vector<float> elements{};
    std::size_t rows = 0;
};

struct Linear {
    Matrix w{};
    std::vector<float> b{};
    float dropout = 0.5f;  // numbers, enums and strings are settings: they are not stored
};

struct Block {
    Linear up{}, down{};
};

struct Net {
    std::vector<Block> blocks{};
    Linear head{};
};

}  // namespace my

template <>
struct ballast::TensorTraits<my::Matrix> {
    using element = float;
    static constexpr bool column_major = true;
    static constexpr std::size_t rank = 2;
    static const float* data(const my::Matrix& m) { return m.elements.data(); }
    static float* data(my::Matrix& m) { return m.elements.data(); }
    static Shape shape(const my::Matrix& m) { return {m.rows, m.rows ? m.elements.size() / m.rows : 0}; }
    static bool built(const my::Matrix& m) { return m.rows > 0; }
    static void resize(my::Matrix& m, const Shape& shape) {
        m.rows = shape[0];
        m.elements.resize(shape[0] * shape[1]);
    }
};

template <>
struct ballast::LayerTraits<my::Linear> {
    static constexpr std::string_view class_name = "Dense";
    static constexpr FieldNames<2> names = {{{"w", "kernel"}, {"b", "bias"}}};
};

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    using namespace ballast::literals;
    const std::string file = std::string(argv[1]) + "/net.weights.h5";

    const my::Linear layer{{{1, 2, 3, 4}, 2}, {5, 6}};
    const my::Net net{{{layer, layer}, {layer, layer}}, layer};
    ballast::save_weights(net, file, {.overwrite = [](const std::string&) { return false; }});
    const auto archive = ballast::open(file);
    for (const ballast::TensorInfo& tensor : archive->index().tensors())
        std::cout << tensor.stored_name << ' ' << tensor.shape.to_string() << '\n';

    // A net with a head of another size takes all but the head.
    my::Net other{{{}, {}}, {{std::vector<float>(6), 2}, std::vector<float>(3)}};
    const auto failed = ballast::try_load_weights(other, file);
    std::cout << failed.error().what() << '\n';
    const ballast::LoadReport report = ballast::load_weights(other, file, {.skip_mismatch = true});
    std::cout << report.loaded << " tensors loaded\n";
    for (const ballast::SkippedLayer& skipped : report.skipped)
        std::cout << skipped.layer << ": " << skipped.reason << '\n';

    // Shards of at most 32 bytes; real ones are rather 2_GB.
    ballast::save_weights(net, std::string(argv[1]) + "/net.weights.json", {.max_shard_size = 32_B});
}
