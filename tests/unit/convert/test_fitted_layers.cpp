// SPDX-License-Identifier: Apache-2.0
// What preprocessing layers were fitted to, put into the config: bins of Discretization, words of lookups.
#include <doctest/doctest.h>

#include <limits>

#include "ballast/error.h"
#include "convert/fitted_bins.h"
#include "convert/named_vocabulary.h"
#include "dialect/tf_graph.h"
#include "support/expect_error.h"

using namespace ballast;

namespace {

TensorExpr matrix(std::vector<float> numbers, std::uint64_t rows = 2) {
    auto kept = std::make_shared<std::vector<float>>(std::move(numbers));
    auto tensor = std::make_shared<TensorInfo>();
    tensor->dtype = DType::float32;
    tensor->shape = Shape({rows, kept->size() / rows});
    tensor->stored_bytes = kept->size() * sizeof(float);
    tensor->storage.layout = InlineBytes{kept, std::as_bytes(std::span(*kept))};
    return TensorExpr(TensorRef(std::move(tensor)));
}

Tree node(std::string_view class_name, Tree config) {
    Tree tree = Tree::object();
    tree.set("class_name", class_name);
    tree.set("config", std::move(config));
    return tree;
}

Tree named(std::string_view name) {
    Tree config = Tree::object();
    config.set("name", name);
    return config;
}

/// A model of one layer.
Model around(std::string_view class_name, const Tree& config) {
    Model model;
    Layer& layer = model.layers.emplace_back();
    layer.class_name = class_name;
    layer.name = config["name"].as_string();
    layer.config = config;
    Tree inner = named("model");
    inner.set("layers", Tree::array()).push_back(node(class_name, config));
    model.config = node("Sequential", std::move(inner));
    return model;
}

const Tree& config_of_layer(const Model& model) {
    return model.config["config"]["layers"].items().front()["config"];
}

Model binned(std::vector<float> summary, std::int64_t bins, std::uint64_t rows = 2) {
    Tree config = named("bins");
    config.set("num_bins", bins);
    Model model = around("Discretization", config);
    Weight weight;
    weight.role = "summary";
    weight.value = matrix(std::move(summary), rows);
    model.layers[0].weights.push_back(std::move(weight));
    return model;
}

std::vector<double> boundaries(Model model) {
    Report report;
    describe_fitted_bins(model, Limits(), report);
    CHECK(model.layers[0].weights.empty());
    std::vector<double> found;
    for (const Tree& item : config_of_layer(model)["bin_boundaries"].items())
        found.push_back(item.as_double().value_or(-1));
    return found;
}

ErrorCode bins_refusal(Model model) {
    return test::error_of([&] {
               Report report;
               describe_fitted_bins(model, Limits(), report);
           })
        .code();
}

Model looked_up(std::string_view class_name, Tree vocabulary) {
    Tree config = named("words");
    config.set("vocabulary", std::move(vocabulary));
    return around(class_name, config);
}

}  // namespace

TEST_CASE("boundaries are the quantiles of a summary") {
    // Weights 1, 1, 1, 1: a quarter lies below 10, half below 20, three quarters below 30.
    CHECK(boundaries(binned({10, 20, 30, 40, 1, 1, 1, 1}, 4)) == std::vector<double>{10, 20, 30});
    CHECK(boundaries(binned({10, 20, 30, 40, 1, 1, 1, 1}, 2)) == std::vector<double>{20});
    // Between the values the line counts: half of the weight 3 + 1 lies two thirds of the way below 10.
    CHECK(boundaries(binned({10, 20, 3, 1}, 2)) == std::vector<double>{10});
    CHECK(boundaries(binned({0, 8, 1, 3}, 2)).front() == doctest::Approx(8.0 / 3));
    // Fewer values than bins: each is a boundary, but the last.
    CHECK(boundaries(binned({1, 2, 1, 1}, 5)) == std::vector<double>{1});
}

TEST_CASE("summaries that are none are refused") {
    CHECK(bins_refusal(binned({1, 2, 3, 4, 5, 6}, 2, 3)) == ErrorCode::damaged);
    CHECK(bins_refusal(binned({1, 2, 1, 1}, 0)) == ErrorCode::damaged);
    CHECK(bins_refusal(binned({1, 2, 1, 1}, 1'000'000'000'000)) == ErrorCode::damaged);
    CHECK(bins_refusal(binned({}, 2)) == ErrorCode::unsupported);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(bins_refusal(binned({nan, nan, nan, 1, 1, 1}, 2)) == ErrorCode::damaged);
    Model twice = binned({1, 2, 1, 1}, 2);
    twice.layers.push_back(twice.layers[0]);
    CHECK(bins_refusal(std::move(twice)) == ErrorCode::unsupported);
}

TEST_CASE("a vocabulary that is a path needs its file") {
    for (const char* class_name : {"StringLookup", "IntegerLookup", "TextVectorization"}) {
        Model model = looked_up(class_name, "/somewhere/words.txt");
        const Error error = test::error_of([&] {
            Report report;
            write_out_vocabularies(model, Limits(), report);
        });
        CHECK(error.code() == ErrorCode::unsupported);
        CHECK(error.message().find("/somewhere/words.txt") != std::string::npos);
    }
    Tree words = Tree::array();
    words.push_back("cat");
    Model given = looked_up("StringLookup", std::move(words));
    Report report;
    write_out_vocabularies(given, Limits(), report);
    CHECK(config_of_layer(given)["vocabulary"].items().size() == 1);
}

TEST_CASE("a vocabulary that lies in a graph alone is refused, or lost when that is asked for") {
    Model model = looked_up("StringLookup", Tree());
    Report report;
    require_vocabularies(model, false, report);  // no SavedModel
    model.producer.dialect = tf_graph::dialect;
    const Error error = test::error_of([&] { require_vocabularies(model, false, report); });
    CHECK(error.code() == ErrorCode::unsupported);
    CHECK(error.message().find("layer 'words' (StringLookup)") != std::string::npos);
    CHECK(error.hint().find(".keras") != std::string::npos);
    CHECK(report.entries().empty());
    require_vocabularies(model, true, report);
    CHECK(report.entries().size() == 1);
    Model given = looked_up("StringLookup", "words.txt");
    given.producer.dialect = tf_graph::dialect;
    require_vocabularies(given, false, report);
    Model numbers = around("Dense", named("words"));
    numbers.producer.dialect = tf_graph::dialect;
    require_vocabularies(numbers, false, report);
    CHECK(report.entries().size() == 1);
}
