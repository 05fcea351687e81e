// SPDX-License-Identifier: Apache-2.0
// Config migration without a framework: rules of the tables, node forms, hostile configs. Whether Keras 3
// takes the results is tested in tests/interop/test_migrate.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "ballast/error.h"
#include "container/json/json.h"
#include "model/migrate/migrate.h"
#include "model/migrate/tables.h"

using namespace ballast;
using namespace ballast::migrate;

namespace {

Tree parse(const std::string& text) {
    return json::parse(text, Limits{}, "test");
}

Migrated sequential(const std::string& layers, const std::string& version = "2.15.0") {
    return migrate_to_keras3(parse(R"({"class_name":"Sequential","keras_version":")" + version +
                                   R"(","config":{"name":"s","layers":[)" + layers + "]}}"));
}

Migrated functional(const std::string& layers, const std::string& outputs) {
    return migrate_to_keras3(parse(
        R"({"class_name":"Model","keras_version":"2.15.0","config":{"name":"m","layers":[)"
        R"({"class_name":"InputLayer","name":"x","config":{"name":"x","batch_input_shape":[null,4]},"inbound_nodes":[]},)" +
        layers + R"(],"input_layers":[["x",0,0]],"output_layers":[)" + outputs + "]}}"));
}

const Tree& layer(const Migrated& migrated, std::size_t index) {
    return migrated.config["config"]["layers"].at(index);
}

bool noted(const Migrated& migrated, NoteKind kind, std::string_view part) {
    return std::any_of(migrated.notes.begin(), migrated.notes.end(), [&](const Note& note) {
        return note.kind == kind && note.text.find(part) != std::string::npos;
    });
}

ErrorCode code_of(const std::string& text) {
    try {
        migrate_to_keras3(parse(text));
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;  // nothing thrown
}

}  // namespace

TEST_CASE("tables: what the classes accept is sorted, and every rule names a class that is there") {
    for (const table::KerasClass& known : table::classes)
        CHECK_MESSAGE(std::is_sorted(known.accepts.begin(), known.accepts.end()), known.name);
    for (const table::LayerClass& row : table::layer_classes)
        CHECK_MESSAGE(table::find_class(table::Kind::layer, row.name) != nullptr, row.old_name);
    for (const table::KeyRename& row : table::key_renames) {
        if (row.class_name == "*") continue;
        const table::KerasClass* known = table::find_class(table::Kind::layer, row.class_name);
        REQUIRE_MESSAGE(known != nullptr, row.class_name);
        CHECK_MESSAGE(table::accepts(*known, row.key), row.class_name, " ", row.key);
    }
    for (const table::Rename& row : table::metric_functions)
        CHECK_MESSAGE(table::find_class(table::Kind::metric, row.name) != nullptr, row.name);
    for (const table::Rename& row : table::optimizers)
        CHECK_MESSAGE(table::find_class(table::Kind::optimizer, row.name) != nullptr, row.name);
}

TEST_CASE("arguments are renamed, dropped when they mean nothing, refused when they do") {
    const Migrated plain = sequential(
        R"({"class_name":"LeakyReLU","config":{"name":"l","alpha":0.5}},)"
        R"({"class_name":"DepthwiseConv2D","config":{"name":"d","kernel_size":[3,3],"groups":1}})");
    CHECK(plain.complete());
    CHECK(layer(plain, 0)["config"]["negative_slope"].number_text() == "0.5");
    CHECK(layer(plain, 0)["config"].find("alpha") == nullptr);
    CHECK(layer(plain, 1)["config"].find("groups") == nullptr);
    CHECK(noted(plain, NoteKind::dropped, "groups"));
    const Migrated grouped = sequential(
        R"({"class_name":"DepthwiseConv2D","config":{"name":"d","kernel_size":[3,3],"groups":2}})");
    CHECK(noted(grouped, NoteKind::refused, "groups"));
    CHECK_THROWS_AS(require_complete(grouped, "file"), Error);
}

TEST_CASE("Keras 1 spellings") {
    const Migrated migrated = sequential(
        R"({"class_name":"Convolution2D","config":{"name":"c","batch_input_shape":[null,8,8,3],"nb_filter":4,"nb_row":3,)"
        R"("nb_col":2,"border_mode":"same","subsample":[1,1],"dim_ordering":"tf","init":"normal","bias":true,)"
        R"("W_regularizer":{"name":"WeightRegularizer","l1":0.0,"l2":0.5},"b_constraint":{"name":"MaxNorm","m":2,"axis":0}}},)"
        R"({"class_name":"Dropout","config":{"name":"p","p":0.25}})",
        "1.2.2");
    CHECK(migrated.complete());
    CHECK(layer(migrated, 0)["class_name"].as_string() == "InputLayer");
    CHECK(json::write(layer(migrated, 0)["config"]["batch_shape"]) == "[null, 8, 8, 3]");
    const Tree& conv = layer(migrated, 1)["config"];
    CHECK(layer(migrated, 1)["class_name"].as_string() == "Conv2D");
    CHECK(conv["filters"].number_text() == "4");
    CHECK(json::write(conv["kernel_size"]) == "[3, 2]");
    CHECK(conv["padding"].as_string() == "same");
    CHECK(conv["data_format"].as_string() == "channels_last");
    CHECK(conv["kernel_initializer"].as_string() == "RandomNormal");
    CHECK(conv["kernel_regularizer"]["class_name"].as_string() == "L1L2");
    CHECK(conv["bias_constraint"]["config"]["max_value"].number_text() == "2");
    CHECK(layer(migrated, 2)["config"]["rate"].number_text() == "0.25");
}

TEST_CASE("defaults that changed are written out, by the version that wrote the config") {
    const std::string gru = R"({"class_name":"GRU","config":{"name":"g","units":2}})";
    CHECK(layer(sequential(gru), 0)["config"]["reset_after"] == Tree(false));
    CHECK(layer(sequential(gru, "2.15.0"), 0)["config"].find("recurrent_activation") == nullptr);
    CHECK(layer(sequential(gru, "2.2.4"), 0)["config"]["recurrent_activation"]["class_name"].as_string() ==
          "Sequential");
    CHECK(noted(sequential(gru, "2.2.4"), NoteKind::replaced, "hard_sigmoid"));
}

TEST_CASE("names with a slash are replaced everywhere and stay unique") {
    const Migrated migrated = functional(
        R"({"class_name":"Dense","name":"a/b","config":{"name":"a/b","units":2},"inbound_nodes":[[["x",0,0,{}]]]},)"
        R"({"class_name":"Dense","name":"a_b","config":{"name":"a_b","units":2},"inbound_nodes":[[["a/b",0,0,{}]]]})",
        R"(["a/b",0,0],["a_b",0,0])");
    CHECK(layer(migrated, 1)["name"].as_string() == "a_b_1");
    CHECK(layer(migrated, 1)["config"]["name"].as_string() == "a_b_1");
    CHECK(layer(migrated, 2)["name"].as_string() == "a_b");
    const Tree& call = layer(migrated, 2)["inbound_nodes"].at(0);
    CHECK(call["args"].at(0)["config"]["keras_history"].at(0).as_string() == "a_b_1");
    CHECK(json::write(migrated.config["config"]["output_layers"]) == R"([["a_b_1", 0, 0], ["a_b", 0, 0]])");
    REQUIRE(migrated.renamed_layers.size() == 1);
    CHECK(migrated.renamed_layers[0] == std::pair<std::string, std::string>("a/b", "a_b_1"));
}

TEST_CASE("calls of a nested model count from 1 in Keras 2 and from 0 in Keras 3") {
    const std::string inner =
        R"({"class_name":"Model","name":"n","config":{"name":"n","layers":[{"class_name":"InputLayer","name":"i",)"
        R"("config":{"name":"i","batch_input_shape":[null,4]},"inbound_nodes":[]}],"input_layers":[["i",0,0]],)"
        R"("output_layers":[["i",0,0]]},"inbound_nodes":[[["x",0,0,{}]],[["n",1,0,{}]]]},)";
    const Migrated migrated = functional(
        inner +
            R"({"class_name":"Add","name":"s","config":{"name":"s"},"inbound_nodes":[[["n",1,0,{}],["n",2,0,{}]]]})",
        R"(["n",2,0])");
    const Tree& args = layer(migrated, 2)["inbound_nodes"].at(0)["args"].at(0);
    CHECK(args.at(0)["config"]["keras_history"].at(1).number_text() == "0");
    CHECK(args.at(1)["config"]["keras_history"].at(1).number_text() == "1");
    // Here Keras 3 takes the model's own node off itself.
    CHECK(json::write(migrated.config["config"]["output_layers"]) == R"(["n", 2, 0])");
}

TEST_CASE("tf functions: one operation, several, or a refusal with the function's name") {
    const auto op = [](const std::string& function, const std::string& kwargs) {
        return functional(R"({"class_name":"TFOpLambda","name":"f","config":{"name":"f","function":")" +
                              function + R"("},"inbound_nodes":[["x",0,0,)" + kwargs + "]]}",
                          R"(["f",0,0])");
    };
    const Migrated scaled = op("math.multiply", R"({"y":0.5,"name":null})");
    CHECK(layer(scaled, 1)["module"].as_string() == "keras.src.ops.numpy");
    CHECK(layer(scaled, 1)["inbound_nodes"].at(0)["args"].at(1).number_text() == "0.5");
    const Migrated chain = op("math.squared_difference", R"({"y":["x",0,0]})");
    CHECK(layer(chain, 1)["name"].as_string() == "f_s0");
    CHECK(layer(chain, 2)["class_name"].as_string() == "Square");
    CHECK(layer(chain, 2)["name"].as_string() == "f");
    CHECK(noted(op("shape", "{}"), NoteKind::refused, "tf.shape"));
    CHECK(noted(op("math.equal", "{}"), NoteKind::refused, "lost"));
    CHECK(noted(op("math.cumsum", R"({"reverse":true})"), NoteKind::refused, "reverse"));
    CHECK(noted(op("split", R"({"num_or_size_splits":[1,-1],"axis":1})"), NoteKind::refused, "open"));
}

TEST_CASE("what is not Keras' own passes through; code is refused") {
    const Migrated migrated =
        sequential(R"({"class_name":"Mine>Block","config":{"name":"b","width":3}},)"
                   R"({"class_name":"Custom>Dense","config":{"name":"d","units":2,"activation":"my_fn"}})");
    CHECK(migrated.complete());
    CHECK(migrated.custom_objects == std::vector<std::string>{"Mine>Block", "my_fn"});
    CHECK(layer(migrated, 0)["registered_name"].as_string() == "Mine>Block");
    CHECK(layer(migrated, 1)["module"].as_string() == "keras.layers");
    CHECK(noted(sequential(R"({"class_name":"Lambda","config":{"name":"l"}})"), NoteKind::refused, "code"));
    CHECK(
        noted(sequential(R"({"class_name":"Dense","config":{"name":"d","units":1,"activation":"<lambda>"}})"),
              NoteKind::refused, "<lambda>"));
}

TEST_CASE("training config") {
    const Migrated model = sequential(R"({"class_name":"Dense","config":{"name":"d","units":1}})");
    const Migrated training = migrate_training(
        parse(
            R"({"optimizer_config":{"class_name":"SGD","config":{"lr":0.5,"decay":0.1,"momentum":0.0,"nesterov":false}},)"
            R"("loss":"huber_loss","metrics":[["accuracy",{"class_name":"MeanMetricWrapper","config":{"name":"m","fn":"mae"}}]],)"
            R"("loss_weights":null})"),
        model);
    const Tree& rate = training.config["optimizer"]["config"]["learning_rate"];
    CHECK(rate["class_name"].as_string() == "InverseTimeDecay");
    CHECK(rate["config"]["initial_learning_rate"].number_text() == "0.5");
    CHECK(training.config["loss"].as_string() == "huber");
    CHECK(training.config["metrics"].at(0).as_string() == "accuracy");
    CHECK(training.config["metrics"].at(1)["class_name"].as_string() == "MeanAbsoluteError");
}

TEST_CASE("hostile configs end in an error or a note") {
    CHECK(code_of("{}") == ErrorCode::damaged);
    CHECK(code_of(R"({"class_name":"Sequential","config":3})") == ErrorCode::damaged);
    CHECK(code_of(R"({"class_name":"Own","config":{}})") == ErrorCode::needs_config);
    Tree deep = Tree::array();
    for (int i = 0; i < 200; ++i) {
        Tree around = Tree::array();
        around.push_back(std::move(deep));
        deep = std::move(around);
    }
    Tree config = parse(R"({"class_name":"Sequential","config":{}})");
    config.find("config")->set("layers", std::move(deep));
    CHECK_THROWS_AS(migrate_to_keras3(config), Error);
    for (
        const char* text :
        {R"({"class_name":"Model","config":{"layers":[3,null,"x",{"class_name":7,"config":[]}],"input_layers":7,"output_layers":{}}})",
         R"({"class_name":"Model","config":{"layers":[{"class_name":"Dense","name":"d","config":{"name":"d"},)"
         R"("inbound_nodes":[[["_CONSTANT_VALUE",-1,[],{}]],[[]],{},[["d",9999999999999999999,0]]]}],)"
         R"("input_layers":[["zz",0,0]],"output_layers":[["d",-5,0]]}})",
         R"({"class_name":"Model","config":{"layers":[{"class_name":"TFOpLambda","name":"f","config":{"function":"math.add"},)"
         R"("inbound_nodes":[[],3,["f",0,0]]}],"input_layers":[],"output_layers":[["f",7,0]]}})"})
        CHECK_NOTHROW(migrate_to_keras3(parse(text)));
}
