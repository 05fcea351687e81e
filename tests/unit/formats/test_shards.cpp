// SPDX-License-Identifier: Apache-2.0
// Names and numbers of shards, and what a set does to files that are not its own.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ballast/convert.h"
#include "ballast/registry.h"
#include "container/hdf5/read_merge.h"
#include "container/hdf5/write.h"
#include "convert/transfer.h"
#include "dialect/shard_names.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"

using namespace ballast;

namespace {

constexpr std::uint64_t kibi = 1024;

Model two_layers() {
    Model model;
    model.layers.resize(3);
    model.producer.dialect = "keras_v3";
    model.producer.flavor = "keras3";
    for (LayerId id = 1; id <= 2; ++id) {
        model.layers[0].edges.push_back({Edge::Kind::container, "", id});
        Layer& layer = model.layers[id];
        layer.name = "d" + std::to_string(id);
        layer.stored_key = id == 1 ? "layers/dense" : "layers/dense_1";
        for (const char* key : {"0", "1"}) {
            Weight weight;
            weight.role = weight.stored_key = key;
            weight.value = test::tensor(layer.name + key, DType::float32, {4}, id * 7);
            layer.weights.push_back(std::move(weight));
        }
    }
    return model;
}

void save_set(const Location& target, std::uint64_t size) {
    SaveOptions options;
    options.max_shard_size = size;
    WriteOptions write;
    write.overwrite = Overwrite::allow;
    Report report;
    save(two_layers(), Registry::builtin().find("sharded_h5"), target, options, write, report);
}

std::vector<std::string> names(const Location& location) {
    std::vector<std::string> found;
    for (const io::DirEntry& entry : location.fs->list(""))
        found.push_back(entry.name);
    return found;
}

using FileNames = std::vector<std::string>;

}  // namespace

TEST_CASE("the base of a set is the stem without .weights, as Keras takes it") {
    CHECK(keras_shard_base("a.b.weights.json") == "a.b");
    CHECK(keras_shard_base("fooweights.json") == "fooweights");
    CHECK(keras_shard_base("x.weights.weights.json") == "x");
    CHECK(keras_shard_base("x") == "x");
}

TEST_CASE("a shard's name has at least five digits, and reads back") {
    CHECK(keras_shard_name("m", 7) == "m_00007.weights.h5");
    CHECK(keras_shard_name("m", 1234567) == "m_1234567.weights.h5");
    CHECK(keras_shard_index("m", "m_00007.weights.h5") == 7);
    CHECK(keras_shard_index("m", "m_1234567.weights.h5") == 1234567);
    for (const char* other :
         {"m_0007.weights.h5", "m_000007.weights.h5", "n_00007.weights.h5", "m_00007.h5",
          "m_0000x.weights.h5", "m-00007.weights.h5", "m_-0007.weights.h5", "m.weights.h5"})
        CHECK_FALSE(keras_shard_index("m", other).has_value());
}

TEST_CASE("new shards take the lowest free numbers") {
    CHECK(free_indices({}, 3) == std::vector<std::uint64_t>{0, 1, 2});
    CHECK(free_indices({0, 2}, 3) == std::vector<std::uint64_t>{1, 3, 4});
    CHECK(free_indices({1}, 0).empty());
}

TEST_CASE("sizes are read as people write them") {
    CHECK(parse_shard_size("2GB") == 2'000'000'000);
    CHECK(parse_shard_size("1.5 GiB") == 3 * kibi * kibi * kibi / 2);
    CHECK(parse_shard_size("1") == kibi * kibi * kibi);
    CHECK(parse_shard_size("0.5") == kibi * kibi * kibi / 2);
    CHECK(parse_shard_size("123B") == 123);
    CHECK(parse_shard_size("7kb") == 7000);
    CHECK(parse_shard_size("3TiB") == 3 * kibi * kibi * kibi * kibi);
    for (const char* bad :
         {"", "GB", "1XB", "0", "-1GB", "1e3", "1 2GB", "inf", "nan", "99999999999TB", "0.1B"})
        CHECK(test::code_of([&] { parse_shard_size(bad); }) == ErrorCode::invalid_argument);
}

TEST_CASE("a set over a set uses other numbers, leaves number 0 as a stub, and takes the old ones away") {
    const Location target{io::memory(), "m.weights.json", Location::Kind::file};
    save_set(target, 32);
    CHECK(names(target) == FileNames{"m.weights.json", "m_00000.weights.h5", "m_00001.weights.h5"});
    save_set(target, 64);
    CHECK(names(target) == FileNames{"m.weights.json", "m_00000.weights.h5", "m_00002.weights.h5"});
    save_set(target, 16);
    CHECK(names(target) == FileNames{"m.weights.json", "m_00000.weights.h5", "m_00001.weights.h5",
                                     "m_00003.weights.h5", "m_00004.weights.h5", "m_00005.weights.h5"});
    const auto archive = open(target);
    CHECK(archive->index().size() == 4);
    CHECK(archive->warnings().empty());
}

TEST_CASE("numbered files without a manifest are somebody else's") {
    const Location target = test::memory_file("m_00001.weights.h5", std::string_view("mine"));
    const Location manifest{target.fs, "m.weights.json", Location::Kind::file};
    save_set(manifest, 32);
    CHECK(test::text_of(target) == "mine");
    CHECK(names(manifest) ==
          FileNames{"m.weights.json", "m_00000.weights.h5", "m_00001.weights.h5", "m_00002.weights.h5"});
}

TEST_CASE("one path as group here and dataset there is damage; a tensor in two shards is told") {
    const auto parse = [](hdf5::Builder builder, const char* name) {
        const Location at{io::memory(), name, Location::Kind::file};
        WritePlan plan;
        plan.commit = name;
        plan.files.push_back(builder.plan(name));
        execute(plan, at.fs, {});
        return hdf5::File::parse(at.fs->open(name), {});
    };
    hdf5::Builder a, b, c;
    a.dataset(a.root(), "x", test::tensor("x", DType::float32, {2}, 1));
    b.group(b.root(), "x");
    c.dataset(c.root(), "x", test::tensor("x", DType::float32, {3}, 2));
    const auto first = parse(std::move(a), "a"), group = parse(std::move(b), "b"),
               again = parse(std::move(c), "c");
    hdf5::MergeOptions options;
    options.objects = 100;
    options.gives = [](std::size_t, const std::string&) { return true; };
    const std::vector mixed = {first, group}, twice = {first, again};
    CHECK(test::code_of([&] { hdf5::merge(mixed, first->source(), options); }) == ErrorCode::damaged);
    const auto merged = hdf5::merge(twice, first->source(), options);
    CHECK(merged->warnings().size() == 1);
    CHECK(merged->dataset(merged->find(0, "x")).shape == Shape{2});
    options.objects = 1;
    CHECK(test::code_of([&] { hdf5::merge(twice, first->source(), options); }) == ErrorCode::limit_exceeded);
}
