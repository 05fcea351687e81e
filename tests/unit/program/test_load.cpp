// SPDX-License-Identifier: Apache-2.0
// load_weights(): how tensors find their place, what is skipped, and that a failed load changes nothing.
#include <doctest/doctest.h>

#include "support/expect_error.h"
#include "support/scratch.h"
#include "unit/program/nets.h"

using namespace nets;
using ballast::Casts;
using ballast::ErrorCode;
using ballast::MatchWeights;
using ballast::test::code_of;

namespace nets {

struct Bigger {
    Dense hidden{};
    Dense head{};
    Dense more{};
};

/// The same classes under names of Keras' own, but in another order.
struct Swapped {
    Dense head{};
    Dense hidden{};
};

struct Doubles {
    Array<double> kernel{}, bias{};
};
struct DoubleNet {
    Doubles hidden{}, head{};
};

struct Flat {
    std::vector<float> kernel{}, bias{};
};
struct FlatNet {
    Flat hidden{}, head{};
};

}  // namespace nets

template <>
struct ballast::LayerTraits<nets::Doubles> {
    static constexpr std::string_view class_name = "Dense";
};
template <>
struct ballast::LayerTraits<nets::Flat> {
    static constexpr std::string_view class_name = "Dense";
};

namespace {

ballast::Location saved(std::string name = "n.weights.h5") {
    const auto file = memory(std::move(name));
    ballast::save_weights(mlp(), file);
    return file;
}

/// Tensors without layers.
ballast::Location loose() {
    const auto archive = ballast::open(saved("n.npz"));
    ballast::Model model;
    for (std::size_t i = 0; i < archive->index().size(); ++i) {
        const auto tensor = archive->index().ref(i);
        model.loose.push_back({tensor->name, tensor, ballast::Part::loose});
    }
    const auto file = memory("loose.npz");
    ballast::Report report;
    ballast::save(model, ballast::Registry::builtin().find("npz"), file, {}, {}, report);
    return file;
}

Mlp zeros() {
    return {{Array<float>({3, 4}), Array<float>({4})}, {}, {Array<float>({4, 2}), Array<float>({2})}};
}

}  // namespace

namespace nets {

/// An element that C++ has no type for; its trait says what it is.
struct Brain {
    std::uint16_t bits = 0;
};
struct BrainMatrix {
    std::vector<Brain> elements{};
    std::size_t rows = 0;
};
struct BrainDense {
    BrainMatrix kernel{};
};
struct BrainNet {
    BrainDense dense{};
};

}  // namespace nets

template <>
struct ballast::TensorTraits<nets::BrainMatrix> {
    using element = nets::Brain;
    static constexpr DType dtype = DType::bfloat16;
    static constexpr std::size_t rank = 2;
    static const element* data(const nets::BrainMatrix& m) { return m.elements.data(); }
    static element* data(nets::BrainMatrix& m) { return m.elements.data(); }
    static Shape shape(const nets::BrainMatrix& m) {
        return {m.rows, m.rows == 0 ? 0 : m.elements.size() / m.rows};
    }
    static bool built(const nets::BrainMatrix& m) { return m.rows > 0; }
    static void resize(nets::BrainMatrix& m, const Shape& s) {
        m.rows = s[0];
        m.elements.resize(s[0] * s[1]);
    }
};

TEST_CASE("elements whose trait says the type") {
    BrainNet net;
    net.dense.kernel = {{{1}, {2}, {3}, {4}, {5}, {6}}, 2};
    const auto file = memory("n.safetensors");
    ballast::save_weights(net, file);
    CHECK(ballast::open(file)->index().tensors()[0].dtype == ballast::DType::bfloat16);
    BrainNet back;
    ballast::load_weights(back, file);
    REQUIRE(back.dense.kernel.elements.size() == 6);
    CHECK(back.dense.kernel.rows == 2);
    CHECK(back.dense.kernel.elements[5].bits == 6);
}

TEST_CASE("into tensors that have their shapes, and into such that have none") {
    for (const char* name : {"n.weights.h5", "n.h5", "n.safetensors"}) {
        CAPTURE(name);
        Mlp built = zeros(), fresh;
        const float* address = built.hidden.kernel.data();
        ballast::load_weights(built, saved(name));
        ballast::load_weights(fresh, saved(name));
        CHECK(equal(built, mlp()));
        CHECK(equal(fresh, mlp()));
        CHECK(built.hidden.kernel.data() == address);
    }
}

TEST_CASE("a shape that differs: an error that changes nothing, or the layer is skipped whole") {
    const auto file = saved();
    Mlp net = zeros();
    net.head.bias = Array<float>({5}, 9);
    Mlp before = net;
    CHECK(code_of([&] { ballast::load_weights(net, file); }) == ErrorCode::shape_mismatch);
    CHECK(equal(net, before));

    std::vector<std::string> told;
    const auto report = ballast::load_weights(
        net, file, {.skip_mismatch = true, .on_skip = [&](const ballast::SkippedLayer& skipped) {
                        told.push_back(skipped.layer);
                        CHECK(equal(net, before));  // not yet
                    }});
    CHECK(told == std::vector<std::string>{"head"});
    REQUIRE(report.skipped.size() == 1);
    CHECK(report.skipped[0].reason.find("shape (2,) does not fit 'head/bias', which has (5,)") !=
          std::string::npos);
    CHECK(report.loaded == 2);
    CHECK(equal(net.hidden, mlp().hidden));
    CHECK(equal(net.head, before.head));
}

TEST_CASE("layers that the file has not, or has to spare") {
    Bigger bigger;
    const auto file = saved();
    CHECK(code_of([&] { ballast::load_weights(bigger, file); }) == ErrorCode::ambiguous_mapping);
    CHECK(!bigger.hidden.kernel.built());
    const auto report = ballast::load_weights(bigger, file, {.skip_mismatch = true});
    REQUIRE(report.skipped.size() == 1);
    CHECK(report.skipped[0].layer == "more");
    CHECK(report.skipped[0].reason == "the file has no values for it");
    CHECK(equal(bigger.head, mlp().head));

    Bigger full{dense(3, 4, 1), dense(4, 2, 100), dense(2, 1, 7)};
    const auto spare = memory("n.weights.h5");
    ballast::save_weights(full, spare);
    Mlp net;
    const auto smaller = ballast::load_weights(net, spare);
    CHECK(smaller.unused == std::vector<std::string>{"layers/dense_2/vars/0", "layers/dense_2/vars/1"});
    CHECK(equal(net, mlp()));
}

TEST_CASE("paths and names that speak for different layers must be told apart") {
    const auto file = saved();
    Swapped net{dense(4, 2, 0), dense(3, 4, 0)};
    const Swapped before = net;
    CHECK(code_of([&] { ballast::load_weights(net, file); }) == ErrorCode::ambiguous_mapping);
    CHECK(equal(net.head, before.head));
    ballast::load_weights(net, file, {.match = MatchWeights::names});
    CHECK(equal(net.head, mlp().head));
    CHECK(equal(net.hidden, mlp().hidden));
    Swapped keys;
    ballast::load_weights(keys, file, {.match = MatchWeights::keys});
    CHECK(equal(keys.head, mlp().hidden));
    Swapped order;
    ballast::load_weights(order, saved("n.h5"), {.match = MatchWeights::order});
    CHECK(equal(order.head, mlp().hidden));
    CHECK(code_of([&] { ballast::load_weights(net, loose(), {.match = MatchWeights::keys}); }) ==
          ErrorCode::invalid_argument);
}

TEST_CASE("loose tensors by their names") {
    Mlp net;
    ballast::load_weights(net, loose());
    CHECK(equal(net, mlp()));
}

TEST_CASE("casts as far as they are allowed") {
    const auto file = saved();
    DoubleNet wide;
    CHECK(code_of([&] { ballast::load_weights(wide, file, {.casts = Casts::none}); }) ==
          ErrorCode::dtype_mismatch);
    const auto report = ballast::load_weights(wide, file);
    CHECK(report.report.count(ballast::ReportEntry::Kind::cast) == 4);
    CHECK(wide.hidden.kernel(2, 3) == 12.0);
    wide.head.bias[1] = 0.1;
    const auto doubles = memory("n.npz");
    ballast::save_weights(wide, doubles);
    Mlp net = zeros();
    CHECK(code_of([&] { ballast::load_weights(net, doubles); }) == ErrorCode::dtype_mismatch);
    CHECK(equal(net, zeros()));
    ballast::load_weights(net, doubles, {.casts = Casts::all});
    CHECK(net.head.bias[1] == 0.1F);
}

TEST_CASE("a vector takes one dimension, unless a trait says more") {
    FlatNet net;
    const ballast::Error error = ballast::test::error_of([&] { ballast::load_weights(net, saved()); });
    CHECK(error.code() == ErrorCode::shape_mismatch);
    CHECK(error.tensor() == "hidden.kernel");
    CHECK(net.hidden.bias.empty());
}

TEST_CASE("nothing changes when reading fails half way") {
    ballast::test::Scratch scratch;
    const auto path = scratch / "n.safetensors";
    ballast::save_weights(mlp(), path);
    std::string bytes = ballast::test::read_file(path);
    Mlp net = zeros();
    int calls = 0;
    CHECK(code_of([&] { ballast::load_weights(net, path, {.cancel = [&] { return ++calls > 0; }}); }) ==
          ErrorCode::cancelled);
    CHECK(equal(net, zeros()));
    ballast::test::write_file(path, bytes.substr(0, bytes.size() - 4));
    CHECK(!ballast::try_load_weights(net, path).ok());
    CHECK(equal(net, zeros()));
    CHECK(code_of([&] { ballast::load_weights(net, scratch / "none"); }) == ErrorCode::not_found);
    CHECK(code_of([&] {
              ballast::load_weights(net, saved(), {.skip_mismatch = true, .on_skip = nullptr, .config = "{"});
          }) == ErrorCode::damaged);
}
