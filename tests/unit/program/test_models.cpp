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

namespace {

struct Adam {
    std::int64_t iteration = 0;
    float learning_rate = 0.5F, beta_1 = 0.9F;
    Mlp momentum{}, velocity{};
};
struct Sgd {
    Mlp momentum{};
};
/// What a net is that has no tensors yet.
bool untouched(const Adam& adam) {
    return adam.iteration == 0 && adam.learning_rate == 0.5F && !adam.momentum.hidden.kernel.built() &&
           !adam.velocity.head.bias.built();
}

std::string compiled(const std::string& optimizer) {
    std::string text = config(4, 2);
    text.insert(text.size() - 1, R"(, "compile_config": {"loss": "mse", "optimizer": )" + optimizer + "}");
    return text;
}
const char* const adam_config =
    R"({"module": "keras.optimizers", "class_name": "Adam", "config": {"learning_rate": 0.01, "amsgrad": false}})";

Adam some_adam() {
    Adam adam{7, 0.25F, 0.9F, mlp(), mlp()};
    adam.velocity.head.bias[1] = 42;
    return adam;
}

}  // namespace

TEST_CASE("the state goes to every format that holds one, and comes back") {
    ballast::test::Scratch scratch;
    const std::string text = compiled(adam_config);
    struct Target {
        const char *name, *format, *flavor;
    };
    for (const Target& to : {Target{"net.keras", "", ""},
                             {"a.h5", "", "keras3"},
                             {"b.h5", "", "tf_keras"},
                             {"c.keras", "", "tf_keras"},
                             {"d", "saved_model", ""},
                             {"e", "tf_checkpoint", ""},
                             {"f.weights.h5", "", "keras3"},
                             {"g.safetensors", "", ""}}) {
        CAPTURE(to.name);
        ballast::save_model(mlp(), some_adam(), text, scratch / to.name,
                            {.format = to.format, .flavor = to.flavor});
        Mlp net;
        Adam adam;
        CHECK(ballast::load_model(net, adam, scratch / to.name, {.config = text}).optimizer);
        CHECK(adam.iteration == 7);
        CHECK(adam.learning_rate == 0.25F);
        CHECK(equal(net, mlp()));
        CHECK(equal(adam.momentum, mlp()));
        CHECK(equal(adam.velocity, some_adam().velocity));
        CHECK(adam.velocity.head.bias[1] == 42);
    }
}

TEST_CASE("a training config beside the config tells the optimizer as well") {
    ballast::test::Scratch scratch;
    const std::string training =
        R"({"loss": "mse", "metrics": null, "optimizer_config": )" + std::string(adam_config) + "}";
    ballast::save_model(mlp(), some_adam(), config(4, 2), scratch / "net.h5",
                        {.flavor = "keras3", .training_config = training});
    Mlp net;
    Adam adam;
    const ballast::LoadedModel loaded = ballast::load_model(net, adam, scratch / "net.h5");
    CHECK(loaded.optimizer);
    CHECK(loaded.training_config.find("Adam") != std::string::npos);
    CHECK(equal(adam.velocity, some_adam().velocity));
    Sgd sgd;
    CHECK(ballast::try_load_model(net, sgd, scratch / "net.h5").error().code() == ErrorCode::shape_mismatch);
}

TEST_CASE("include_optimizer = false leaves it out, and a load without state leaves the struct") {
    ballast::test::Scratch scratch;
    const auto path = scratch / "net.keras";
    ballast::save_model(mlp(), some_adam(), compiled(adam_config), path, {.include_optimizer = false});
    Mlp net;
    Adam adam;
    CHECK_FALSE(ballast::load_model(net, adam, path).optimizer);
    CHECK(equal(net, mlp()));
    CHECK(untouched(adam));
}

TEST_CASE("an optimizer that does not fit is refused, and nothing has changed") {
    ballast::test::Scratch scratch;
    const auto path = scratch / "net.keras";
    const auto save = [&](const auto& optimizer, const std::string& text, const char* name = "new.keras") {
        return code_of([&] { ballast::save_model(mlp(), optimizer, text, scratch / name); });
    };
    CHECK(save(some_adam(), config(4, 2)) == ErrorCode::invalid_argument);  // not compiled
    CHECK(save(Sgd{mlp()}, compiled(adam_config)) == ErrorCode::shape_mismatch);
    CHECK(save(some_adam(), compiled(R"({"class_name": "Adam", "config": {"amsgrad": true}})")) ==
          ErrorCode::unsupported);
    CHECK(save(some_adam(), compiled(R"({"class_name": "Muon", "config": {}})")) == ErrorCode::unsupported);
    CHECK(save(Adam{}, compiled(adam_config)) == ErrorCode::invalid_argument);  // slots without shapes
    Adam wrong = some_adam();
    wrong.velocity.head.bias = Array<float>({3});
    CHECK(save(wrong, compiled(adam_config)) == ErrorCode::shape_mismatch);
    CHECK(save(some_adam(), compiled(adam_config), "new.npy") == ErrorCode::invalid_argument);
    CHECK(save(some_adam(), compiled(R"({"class_name": "Lamb", "config": {}})"), "new.h5") ==
          ErrorCode::unsupported);
    CHECK_FALSE(std::filesystem::exists(scratch / "new.keras"));

    ballast::save_model(mlp(), some_adam(), compiled(adam_config), path);
    Mlp net;
    Sgd sgd;
    CHECK(code_of([&] { ballast::load_model(net, sgd, path); }) == ErrorCode::shape_mismatch);
    Adam fixed;
    fixed.velocity.head.bias = Array<float>({3});
    CHECK(code_of([&] { ballast::load_model(net, fixed, path); }) == ErrorCode::shape_mismatch);
    CHECK(fixed.iteration == 0);
    CHECK_FALSE(fixed.momentum.hidden.kernel.built());
    CHECK_FALSE(net.hidden.kernel.built());
}
