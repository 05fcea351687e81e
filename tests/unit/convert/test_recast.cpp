// SPDX-License-Identifier: Apache-2.0
// convert --dtype: what is cast, what is told. Bits are tested in test_cast.cpp and against numpy.
#include <doctest/doctest.h>

#include <algorithm>

#include "ballast/convert.h"
#include "ballast/registry.h"
#include "convert/scan.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/sample.h"
#include "support/save_in_memory.h"

using namespace ballast;

namespace {

Location saved(const Model& model) {
    return test::save_in_memory(Registry::builtin().find("safetensors"), model, "a.safetensors");
}

Model big_values() {
    Model model = test::loose_model({test::floats({4}, {1, 70000, -1e30F, 2})});
    model.loose[0].name = "large";
    model.loose.push_back({"small", test::floats({2}, {1, 2}), Part::loose});
    model.loose.push_back({"count", test::tensor("count", DType::int64, {2}, 3), Part::loose});
    model.loose.push_back({"metrics/total", test::floats({1}, {3}), Part::metric});
    Optimizer& optimizer = model.optimizer.emplace();
    optimizer.variables.push_back({test::floats({2}, {4, 5}), "0", "m", ""});
    return model;
}

DType dtype_of_tensor(const Archive& archive, std::string_view name) {
    return archive.index().tensors()[archive.index().find(name)].dtype;
}

std::vector<std::string> warnings(const Report& report) {
    std::vector<std::string> texts;
    for (const ReportEntry& entry : report.entries())
        if (entry.kind == ReportEntry::Kind::warning) texts.push_back(entry.text);
    return texts;
}

}  // namespace

TEST_CASE("floating-point weights are cast, integers and state are not") {
    const Location source = saved(big_values());
    const Location target{io::memory(), "b.safetensors", Location::Kind::file};
    ConvertOptions options;
    options.dtype = DType::bfloat16;
    const Report report = convert(source, target, options);
    const auto archive = open(target);
    CHECK(dtype_of_tensor(*archive, "large") == DType::bfloat16);
    CHECK(dtype_of_tensor(*archive, "small") == DType::bfloat16);
    CHECK(dtype_of_tensor(*archive, "count") == DType::int64);
    CHECK(dtype_of_tensor(*archive, "metrics/total") == DType::float32);
    CHECK(dtype_of_tensor(*archive, "optimizer/m") == DType::float32);
    CHECK(report.count(ReportEntry::Kind::cast) == 2);
    CHECK_FALSE(report.has_loss());
    CHECK(warnings(report).empty());
}

TEST_CASE("what becomes infinite is told by name and number, in a dry run as well") {
    const Location source = saved(big_values());
    for (const bool dry : {true, false}) {
        const Location target{io::memory(), "b.safetensors", Location::Kind::file};
        ConvertOptions options;
        options.dtype = DType::float16;
        options.dry_run = dry;
        const Report report = convert(source, target, options);
        const std::string text =
            "2 of the 4 elements of 'large' are too large for float16 and became infinite";
        CHECK(warnings(report) == std::vector<std::string>{text});
        CHECK(target.fs->stat(target.name).has_value() != dry);
    }
}

TEST_CASE("a type weights are not cast to is refused") {
    const Location target{io::memory(), "b.safetensors", Location::Kind::file};
    ConvertOptions options;
    for (const DType dtype : {DType::int8, DType::float8_e5m2, DType::complex64}) {
        options.dtype = dtype;
        CHECK(test::code_of([&] { convert(saved(big_values()), target, options); }) ==
              ErrorCode::invalid_argument);
    }
}

TEST_CASE("a cast makes a tensor fit a format that does not hold its type") {
    const Location source = saved(
        test::loose_model({test::inline_tensor(DType::float8_e4m3fn, {2}, test::bytes_of("\x38\x39"), "x")}));
    const Location target{io::memory(), "b.safetensors", Location::Kind::file};
    ConvertOptions options;
    options.dtype = DType::float32;
    convert(source, target, options);
    const auto x = open(target)->get<float>("x");
    CHECK(x[0] == 1.0F);
    CHECK(x[1] == 1.125F);
}

TEST_CASE("blocks cover each element once, whatever the storage") {
    const std::vector<ScanItem> items = {
        {test::floats({3}, {1, 2, 3})},
        {},
        {test::inline_tensor(DType::int4, {5}, test::Bytes(3))},
        {test::inline_tensor(DType::int8, {3000000}, test::Bytes(3000000)),
         test::inline_tensor(DType::float16, {3000000}, test::Bytes(6000000))},
        {test::floats({0}, {})}};
    const std::vector<ScanBlock> blocks = cut_blocks(items);
    std::vector<std::uint64_t> reached(items.size());
    for (const ScanBlock& block : blocks) {
        CHECK(block.first == reached[block.item]);
        reached[block.item] += block.count;
    }
    CHECK(reached == std::vector<std::uint64_t>{3, 0, 5, 3000000, 0});
    std::vector<std::size_t> bytes(blocks.size());
    scan(items, blocks, {3, {}, {}}, [&](std::size_t number, const auto& spans) {
        for (const auto& span : spans)
            bytes[number] += span.size();
    });
    std::size_t total = 0;
    for (const std::size_t count : bytes)
        total += count;
    CHECK(total == 12 + 3 + 9000000);
    const std::vector<ScanItem> unequal = {{test::floats({1}, {1}), test::floats({2}, {1, 2})}};
    CHECK(test::code_of([&] { cut_blocks(unequal); }) == ErrorCode::shape_mismatch);
}
