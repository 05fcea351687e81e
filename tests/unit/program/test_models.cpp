// SPDX-License-Identifier: Apache-2.0
// save_model() and load_model(): weights with the architecture as text. The interop tests show that Keras
// opens them.
#include <doctest/doctest.h>

#include "support/expect_error.h"
#include "support/scratch.h"
#include "unit/program/nets.h"

using namespace nets;
using ballast::ErrorCode;
using ballast::test::code_of;

namespace {

std::string dense_config(const char* name, int units) {
    return R"({"module": "keras.layers", "class_name": "Dense", "config": {"name": ")" + std::string(name) +
           R"(", "trainable": true, "dtype": "float32", "units": )" + std::to_string(units) +
           R"(, "activation": "linear", "use_bias": true}, "registered_name": null})";
}

/// As Keras 3 writes it; the layers have names that the struct does not know.
std::string config(int first, int second) {
    return R"({"module": "keras", "class_name": "Sequential", "config": {"name": "net", "trainable": true, "layers": [)" +
           dense_config("one", first) + ", " + dense_config("two", second) +
           R"(], "build_input_shape": [null, 3]}, "registered_name": null})";
}

}  // namespace

TEST_CASE("the weights take their places in the architecture, and both come back") {
    ballast::test::Scratch scratch;
    const auto path = scratch / "net.keras";
    ballast::save_model(mlp(), config(4, 2), path);
    const auto archive = ballast::open(path);
    CHECK(archive->kind() == "model");
    CHECK(archive->get<float>("two/bias")[1] == mlp().head.bias[1]);
    Mlp back;
    const ballast::LoadedModel loaded = ballast::load_model(back, path);
    CHECK(equal(back, mlp()));
    CHECK(loaded.weights.loaded == 4);
    CHECK(loaded.config.find("\"two\"") != std::string::npos);
}

TEST_CASE("a TensorFlow checkpoint needs the architecture, which tells its order") {
    const ballast::Location prefix{ballast::io::memory(), "ckpt", ballast::Location::Kind::prefix};
    CHECK(code_of([&] { ballast::save_weights(mlp(), prefix, {.format = "tf_checkpoint"}); }) ==
          ErrorCode::needs_config);
    ballast::save_weights(mlp(), prefix, {.format = "tf_checkpoint", .config = config(4, 2)});
    Mlp back;
    ballast::load_weights(back, prefix, {.config = config(4, 2)});
    CHECK(equal(back, mlp()));
}

TEST_CASE("what does not belong together is refused") {
    ballast::test::Scratch scratch;
    const auto path = scratch / "net.keras";
    CHECK(code_of([&] { ballast::save_model(mlp(), "{", path); }) == ErrorCode::damaged);
    CHECK(code_of([&] { ballast::save_model(mlp(), "{}", path); }) == ErrorCode::damaged);
    const std::string one = R"({"class_name": "Sequential", "config": {"name": "net", "layers": [)" +
                            dense_config("one", 4) + R"(], "build_input_shape": [null, 3]}})";
    CHECK(code_of([&] { ballast::save_model(mlp(), one, path); }) == ErrorCode::ambiguous_mapping);
    CHECK(code_of([&] { ballast::save_model(mlp(), config(4, 2), scratch / "x.weights.h5"); }) ==
          ErrorCode::invalid_argument);
    CHECK(scratch.names().empty());
    ballast::save_weights(mlp(), scratch / "net.weights.h5");
    Mlp net;
    CHECK(code_of([&] { ballast::load_model(net, scratch / "net.weights.h5"); }) == ErrorCode::needs_config);
    CHECK(!net.head.kernel.built());
}
