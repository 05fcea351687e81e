// SPDX-License-Identifier: Apache-2.0
// What structs become: Keras' paths, orders and names, by types, fields and traits.
#include <doctest/doctest.h>

#include <algorithm>

#include "unit/program/nets.h"

using namespace nets;
using Names = std::vector<std::string>;

namespace nets {

struct Net {
    std::vector<Dense> blocks{};
    BatchNormalization norm{};
    std::optional<Dense> extra{};
    std::unique_ptr<Dense> last{};
};

struct Encoder {
    Dense first{};
    std::vector<Dense> rest{};
    std::vector<std::vector<Dense>> grid{};
    std::map<std::string, Dense> named{};
    Array<float> scale{};
};

struct Outer {
    Encoder encoder{};
    LSTM lstm{};
};

struct Shared {
    std::shared_ptr<Dense> a{};
    Dense b{};
    std::shared_ptr<Dense> c{};
    Dense d{};
};

/// spec/keras-hdf5.md §1.4: attributes a, z, m1, _hidden, _tmp in this order.
struct Subclassed {
    Dense a{}, z{}, m1{}, _hidden{};
    std::vector<Dense> _tmp{};
};

struct Linear {
    std::vector<float> b{}, w{};
    std::size_t inputs = 0;
    std::vector<float> scratch{};
};

struct Lines {
    Linear first{}, second{};
};

}  // namespace nets

namespace ballast {

template <>
struct LayerTraits<nets::Subclassed> {
    static constexpr LayerStyle style = LayerStyle::subclassed;
};

template <>
struct LayerTraits<nets::Linear> {
    static constexpr std::string_view class_name = "Dense";
    static constexpr FieldNames<2> names = {{{"w", "kernel"}, {"b", "bias"}}};
    static constexpr std::array<std::string_view, 1> skip = {"scratch"};
    static std::string name(const nets::Linear& layer) { return "linear_" + std::to_string(layer.inputs); }
    static Shape shape(const nets::Linear& layer, std::string_view field) {
        if (field == "b") return {layer.b.size()};
        return {layer.inputs, layer.w.size() / layer.inputs};
    }
};

}  // namespace ballast

namespace {

ballast::Location saved(const auto& net) {
    const auto file = memory("net.weights.h5");
    ballast::save_weights(net, file);
    return file;
}

}  // namespace

TEST_CASE("fields are layers of a container, numbered by class, and roles in Keras' order") {
    Net net;
    net.blocks = {dense(2, 2, 1), dense(2, 2, 10)};
    net.norm = {counting({2}, 1), counting({2}, 2), counting({2}, 3), counting({2}, 4)};
    net.last = std::make_unique<Dense>(dense(2, 1, 20));
    const auto file = saved(net);
    CHECK(stored(file) == Names{"layers/batch_normalization/vars/0", "layers/batch_normalization/vars/1",
                                "layers/batch_normalization/vars/2", "layers/batch_normalization/vars/3",
                                "layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0",
                                "layers/dense_1/vars/1", "layers/dense_2/vars/0", "layers/dense_2/vars/1"});
    const auto archive = ballast::open(file);
    CHECK(archive->get<float>("norm/gamma")[0] == 4);
    CHECK(archive->get<float>("norm/moving_variance")[0] == 1);
    CHECK(archive->get<float>("layers/batch_normalization/vars/0")[0] == 4);
    CHECK(archive->get<float>("blocks_1/kernel")[0] == 10);
    CHECK(archive->get<float>("last/kernel")[0] == 20);
}

TEST_CASE("a struct inside is a layer with attributes") {
    Outer net;
    net.encoder.first = dense(1, 1, 1);
    net.encoder.rest = {dense(1, 1, 2), dense(1, 1, 3)};
    net.encoder.grid = {{dense(1, 1, 4)}, {dense(1, 1, 5), dense(1, 1, 6)}};
    net.encoder.named = {{"k", dense(1, 1, 7)}};
    net.encoder.scale = counting({2}, 8);
    net.lstm = {counting({8}, 1), counting({3, 8}, 2), counting({2, 8}, 3)};
    const auto file = saved(net);
    const auto archive = ballast::open(file);
    const auto at = [&](const char* name) { return archive->get<float>(name)[0]; };
    CHECK(at("layers/encoder/vars/0") == 8);
    CHECK(at("layers/encoder/first/vars/0") == 1);
    CHECK(at("layers/encoder/rest/dense_1/vars/0") == 3);
    CHECK(at("layers/encoder/grid/container/dense/vars/0") == 4);
    CHECK(at("layers/encoder/grid/container_1/dense_1/vars/0") == 6);
    CHECK(at("layers/encoder/named/dense/vars/0") == 7);
    // An LSTM's variables are its cell's.
    CHECK(at("layers/lstm/cell/vars/0") == 2);
    CHECK(at("layers/lstm/cell/vars/1") == 3);
    CHECK(at("layers/lstm/cell/vars/2") == 1);
    CHECK(archive->index().size() == 18);
}

TEST_CASE("a shared layer is stored once, and takes its numbers as in Keras") {
    Shared net;
    net.a = net.c = std::make_shared<Dense>(dense(1, 1, 1));
    net.b = dense(1, 1, 2);
    net.d = dense(1, 1, 4);
    const auto file = saved(net);
    CHECK(stored(file) == Names{"layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0",
                                "layers/dense_1/vars/1", "layers/dense_3/vars/0", "layers/dense_3/vars/1"});
    Shared back;
    back.a = back.c = std::make_shared<Dense>();
    ballast::load_weights(back, file);
    CHECK(equal(*back.c, *net.a));
    CHECK(equal(back.d, net.d));
}

TEST_CASE("a subclassed model mixes attributes and the list of its layers") {
    Subclassed net{dense(1, 1, 1), dense(1, 1, 2), dense(1, 1, 3), dense(1, 1, 4), {dense(1, 1, 5)}};
    const auto file = saved(net);
    const auto archive = ballast::open(file);
    const auto at = [&](const char* name) { return archive->get<float>(name)[0]; };
    CHECK(at("a/vars/0") == 1);
    CHECK(at("layers/dense_1/vars/0") == 2);
    CHECK(at("layers/dense_2/vars/0") == 3);
    CHECK(at("layers/dense_3/vars/0") == 4);
    CHECK(at("layers/dense_4/vars/0") == 5);
    CHECK(archive->index().size() == 10);
}

TEST_CASE("traits rename classes and fields, skip some, and give a vector its shape") {
    Lines net{{{1, 2}, {1, 2, 3, 4, 5, 6}, 3, {9}}, {{7}, {8, 9}, 2, {}}};
    const auto file = saved(net);
    const auto archive = ballast::open(file);
    const auto kernel = archive->get<float>("layers/dense/vars/0");
    CHECK(kernel.shape() == Shape{3, 2});
    CHECK(kernel[5] == 6);
    CHECK(archive->get<float>("linear_3/bias").size() == 2);
    CHECK(archive->get<float>("linear_2/kernel").shape() == Shape{2, 1});
    CHECK(archive->index().size() == 4);
    Lines back = net;
    back.first.w = {0, 0, 0, 0, 0, 0};
    ballast::load_weights(back, file);
    CHECK(back.first.w == net.first.w);
}

TEST_CASE("the name of a type, without namespaces and arguments") {
    using ballast::detail::short_type_name;
    CHECK(short_type_name("a::b::Dense") == "Dense");
    CHECK(short_type_name("Dense<std::vector<float> >") == "Dense");
    CHECK(ballast::detail::type_name<nets::BatchNormalization>() == "BatchNormalization");
}
