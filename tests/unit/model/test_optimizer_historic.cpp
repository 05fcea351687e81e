// SPDX-License-Identifier: Apache-2.0
// Which weight a slot of Keras 2.0 to 2.3 belongs to: by place, and never by a guess.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/optimizer_historic.h"

using namespace ballast;

namespace {

Optimizer optimizer_of(std::string class_name, const std::vector<std::string>& keys) {
    Optimizer optimizer;
    optimizer.class_name = std::move(class_name);
    for (const std::string& key : keys)
        optimizer.variables.push_back({{}, key, {}, {}});
    return optimizer;
}

Producer keras(std::string version) {
    Producer producer;
    producer.keras_version = std::move(version);
    producer.backend = "tensorflow";
    return producer;
}

const std::vector<TrainedWeight> weights = {
    {"dense_2/kernel", "dense_2/kernel:0", {2, 3}},
    {"dense_10/kernel", "dense_10/kernel:0", {2, 3}},
};
const std::vector<Shape> adam_shapes = {{}, {2, 3}, {2, 3}, {2, 3}, {2, 3}};
const std::vector<std::string> adam_keys = {"iterations:0", "Variable:0", "Variable_1:0", "Variable_2:0",
                                            "Variable_3:0"};

}  // namespace

TEST_CASE("Keras before 2.0.6 sorted by name, later ones did not") {
    struct Row {
        const char *version, *first, *second;
    };
    for (const Row& row : {Row{"2.0.5", "dense_10/kernel", "dense_2/kernel"},
                           Row{"2.0.6", "dense_2/kernel", "dense_10/kernel"},
                           Row{"2.2.4", "dense_2/kernel", "dense_10/kernel"}}) {
        CAPTURE(row.version);
        Optimizer adam = optimizer_of("Adam", adam_keys);
        REQUIRE(name_historic_slots(adam, adam_shapes, weights, keras(row.version)) == "");
        CHECK(adam.variables[0].slot == "iteration");
        CHECK(adam.variables[1].of_weight == row.first);
        CHECK(adam.variables[2].of_weight == row.second);
        CHECK(adam.variables[1].slot == "m");
        CHECK(adam.variables[4].slot == "v");
        CHECK(adam.variables[4].of_weight == row.second);
    }
}

TEST_CASE("what does not fit is named and nothing is changed") {
    const auto reason = [](Optimizer adam, std::vector<Shape> shapes, const Producer& producer) {
        const std::string text = name_historic_slots(adam, shapes, weights, producer);
        for (const OptimizerVariable& variable : adam.variables)
            CHECK(variable.of_weight.empty());
        return text;
    };
    const Optimizer adam = optimizer_of("Adam", adam_keys);
    CHECK(reason(adam, {{}, {2, 3}, {3, 2}, {2, 3}, {2, 3}}, keras("2.0.5")).find("(3, 2)") !=
          std::string::npos);
    CHECK(reason(adam, adam_shapes, keras("1.2.2")) != "");
    CHECK(reason(optimizer_of("Mine", adam_keys), adam_shapes, keras("2.0.5")).find("'Mine'") !=
          std::string::npos);
    CHECK(reason(optimizer_of("Adam", {adam_keys.begin(), adam_keys.end() - 1}),
                 {adam_shapes.begin(), adam_shapes.end() - 1}, keras("2.0.5"))
              .find("3 variables") != std::string::npos);
    Producer theano = keras("2.0.5");
    theano.backend = "theano";
    CHECK(reason(adam, adam_shapes, theano).find("Theano") != std::string::npos);
}

TEST_CASE("slots of amsgrad that only keep a place are left out") {
    std::vector<std::string> keys = adam_keys;
    keys.insert(keys.end(), {"Variable_4:0", "Variable_5:0"});
    std::vector<Shape> shapes = adam_shapes;
    shapes.insert(shapes.end(), {Shape{1}, Shape{1}});
    Optimizer adam = optimizer_of("Adam", keys);
    REQUIRE(name_historic_slots(adam, shapes, weights, keras("2.2.5")) == "");
    CHECK(as_legacy(adam).size() == 2);
    CHECK(adam.variables.size() == 5);
    CHECK(adam.flavor == "legacy");
}

TEST_CASE("names of tf_keras' optimizers are not numbers") {
    for (const char* key : {"iteration:0", "Adam/m/dense_1/kernel:0", "Adam/dense_1/kernel/m:0",
                            "training/Adam/dense/kernel/m_1:0", "Adam/variable_3:0"}) {
        CAPTURE(key);
        CHECK_FALSE(is_historic(optimizer_of("Adam", {key}), "2.21.0"));
    }
    for (const char* key : {"Variable:0", "Variable_104:0", "training/Adam/Variable_3:0",
                            "training/Adam/m_0:0", "training_1/SGD/moment_3_1:0"}) {
        CAPTURE(key);
        CHECK(is_historic(optimizer_of("Adam", {key}), "2.1.6-tf"));
    }
}
