// SPDX-License-Identifier: Apache-2.0
// save_weights(): every format that holds a struct's weights, and the options.
#include <doctest/doctest.h>

#include "support/expect_error.h"
#include "support/scratch.h"
#include "unit/program/nets.h"

using namespace nets;
using namespace ballast::literals;
using ballast::ErrorCode;
using ballast::test::code_of;

namespace nets {

struct Odd {
    std::vector<float> line{};
    std::array<std::int64_t, 2> pair{};
    std::span<double> loan{};
};
struct OddNet {
    Odd odd{};
};

/// Column-major, as linear algebra libraries keep them.
struct Columns {
    std::vector<float> elements{};
    std::size_t rows = 0;
    std::size_t columns() const { return rows == 0 ? 0 : elements.size() / rows; }
};
struct Turned {
    Columns kernel{};
};
struct TurnedNet {
    Turned dense{};
};

}  // namespace nets

template <>
struct ballast::TensorTraits<nets::Columns> {
    using element = float;
    static constexpr bool column_major = true;
    static constexpr std::size_t rank = 2;
    static const float* data(const nets::Columns& m) { return m.elements.data(); }
    static float* data(nets::Columns& m) { return m.elements.data(); }
    static Shape shape(const nets::Columns& m) { return {m.rows, m.columns()}; }
    static bool built(const nets::Columns& m) { return m.rows > 0; }
    static void resize(nets::Columns& m, const Shape& s) {
        m.rows = s[0];
        m.elements.resize(s[0] * s[1]);
    }
};

TEST_CASE("every format that can be written, and back") {
    const Mlp net = mlp();
    for (const char* name : {"n.weights.h5", "n.h5", "n.hdf5", "n.safetensors", "n.npz"}) {
        CAPTURE(name);
        const auto file = memory(name);
        const ballast::Report report = ballast::save_weights(net, file);
        CHECK(report.count(ballast::ReportEntry::Kind::matched) +
                  report.count(ballast::ReportEntry::Kind::renamed) ==
              4);
        Mlp back;
        CHECK(ballast::load_weights(back, file).loaded == 4);
        CHECK(equal(back, net));
        CHECK(back.epochs == 0);
    }
}

TEST_CASE("flavours") {
    const Mlp net = mlp();
    for (const char* name : {"n.weights.h5", "n.h5"}) {
        for (const char* flavor : {"keras3", "tf_keras"}) {
            CAPTURE(flavor);
            const auto file = memory(name);
            ballast::save_weights(net, file, {.flavor = flavor});
            Mlp back;
            ballast::load_weights(back, file);
            CHECK(equal(back, net));
        }
    }
}

TEST_CASE("a set of shards") {
    const Mlp net = mlp();
    const auto file = memory("n.weights.h5");
    ballast::save_weights(net, file, {.max_shard_size = 64_B});
    const ballast::Location manifest{file.fs, "n.weights.json", ballast::Location::Kind::file};
    CHECK(ballast::open(manifest)->format().id == "sharded_h5");
    Mlp back;
    ballast::load_weights(back, manifest);
    CHECK(equal(back, net));
    CHECK(2_GB == ballast::Bytes(2'000'000'000));
    CHECK(0.25_keras_gb == ballast::Bytes(268'435'456));
    CHECK(1.5_KiB == ballast::Bytes(1536));
}

TEST_CASE("overwriting is asked for") {
    const Mlp net = mlp();
    ballast::test::Scratch scratch;
    const auto path = scratch / "n.weights.h5";
    ballast::save_weights(net, path);
    CHECK(code_of([&] { ballast::save_weights(net, path); }) == ErrorCode::exists);
    std::string asked;
    const auto refuse = [&](const std::string& name) {
        asked = name;
        return false;
    };
    CHECK(code_of([&] { ballast::save_weights(net, path, {.overwrite = refuse}); }) == ErrorCode::exists);
    CHECK(asked == path.string());
    ballast::save_weights(net, path, {.overwrite = [](const std::string&) { return true; }});
    ballast::save_weights(net, path, {.overwrite = true});
    const auto failed = ballast::try_save_weights(net, path);
    REQUIRE(!failed.ok());
    CHECK(failed.error().code() == ErrorCode::exists);
    CHECK(ballast::try_save_weights(net, path, {.overwrite = true}).ok());
}

TEST_CASE("what cannot be saved is said before anything is written") {
    const auto file = memory("n.weights.h5");
    const ballast::Error unbuilt = ballast::test::error_of([&] { ballast::save_weights(Mlp{}, file); });
    CHECK(unbuilt.code() == ErrorCode::invalid_argument);
    CHECK(unbuilt.tensor() == "hidden.kernel");
    CHECK(code_of([&] { ballast::save_weights(mlp(), file, {.cancel = [] { return true; }}); }) ==
          ErrorCode::cancelled);
    CHECK(code_of([&] { ballast::save_weights(mlp(), memory("n.txt")); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { ballast::save_weights(mlp(), memory("n.npz"), {.max_shard_size = 1_MB}); }) ==
          ErrorCode::invalid_argument);
    CHECK(file.fs->list("").empty());
}

TEST_CASE("progress and compression") {
    const auto file = memory("n.weights.h5");
    std::uint64_t done = 0;
    ballast::save_weights(
        mlp(), file,
        {.compression = ballast::parse_compression("gzip"),
         .progress = [&](const ballast::Progress& progress) { done = progress.done_bytes; }});
    CHECK(done == 104);
    Mlp back;
    ballast::load_weights(back, file);
    CHECK(equal(back, mlp()));
}

TEST_CASE("vectors, arrays and spans of other element types") {
    std::vector<double> owned = {0.5, 1.5, 2.5};
    OddNet net{{{1, 2, 3}, {4, -5}, owned}};
    const auto file = memory("n.safetensors");
    ballast::save_weights(net, file);
    std::vector<double> room(3);
    OddNet back{{{}, {}, room}};
    ballast::load_weights(back, file);
    CHECK(back.odd.line == net.odd.line);
    CHECK(back.odd.pair == net.odd.pair);
    CHECK(room == owned);
    CHECK(ballast::open(file)->get<std::int64_t>("odd/pair")[1] == -5);
}

TEST_CASE("a column-major type is stored row-major") {
    TurnedNet net{{{{1, 4, 2, 5, 3, 6}, 2}}};  // 1 2 3 / 4 5 6
    const auto file = memory("n.npz");
    ballast::save_weights(net, file);
    const auto kernel = ballast::open(file)->get<float>("dense/kernel");
    CHECK(kernel.shape() == Shape{2, 3});
    CHECK(kernel[1] == 2);
    CHECK(kernel[3] == 4);
    TurnedNet fresh, built{{{{0, 0, 0, 0, 0, 0}, 2}}};
    ballast::load_weights(fresh, file);
    ballast::load_weights(built, file);
    CHECK(fresh.dense.kernel.elements == net.dense.kernel.elements);
    CHECK(built.dense.kernel.elements == net.dense.kernel.elements);
}

TEST_CASE("save() cuts nothing that is one file always, and says so") {
    const Mlp net = mlp();
    const ballast::Model model = ballast::model_of(ballast::detail::program_model(net));
    const auto save = [&](const char* format, const char* name) {
        ballast::SaveOptions options;
        options.max_shard_size = 64;
        ballast::Report report;
        const auto file = memory(name);
        ballast::save(model, ballast::Registry::current().find(format), file, options, {}, report);
        return file.fs->list("").size();
    };
    const auto refused = [&](const char* format, const char* name) {
        try {
            save(format, name);
        } catch (const ballast::Error& error) {
            CHECK(error.code() == ErrorCode::unsupported);
            return error.hint();
        }
        return std::string();
    };
    CHECK(refused("weights_h5", "a.weights.h5").find("sharded_h5") != std::string::npos);
    CHECK(refused("npz", "a.npz").find("safetensors") != std::string::npos);
    CHECK(save("sharded_h5", "a.weights.json") > 2);
}
