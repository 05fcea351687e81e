// SPDX-License-Identifier: Apache-2.0
// The two formats of docs/write_a_plugin.md, the one in tree and the plugin in C, over a file of the
// reference's library: what it says itself, and one against the other over broken files.
#include <cmath>
#include <filesystem>
#include <random>

#include <doctest/doctest.h>

#include "ballast/ballast.h"
#include "container/json/json.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/scratch.h"

namespace ballast::formats {
const Format& gguf();
}

using namespace ballast;

namespace {

const std::filesystem::path folder = std::filesystem::path(BALLAST_TEST_DATA) / "examples/gguf";

const Format& in_tree() {
    return formats::gguf();
}
const Format& from_outside() {
    Registry::load(BALLAST_TEST_GGUF);
    return Registry::current().find("gguf");
}

std::shared_ptr<Archive> opened(const Format& format, const std::string& bytes) {
    Probe probe(test::memory_file("x.gguf", bytes), {});
    return format.open(probe);
}

/// All that a file says, for comparing; or that it is refused.
std::string told(const Format& format, const std::string& bytes) {
    std::string text;
    try {
        const auto archive = opened(format, bytes);
        for (std::size_t i = 0; i < archive->index().size(); ++i) {
            const TensorInfo& tensor = archive->index().tensors()[i];
            text += tensor.name + " " + std::string(to_string(tensor.dtype)) + " " + tensor.shape.to_string();
            text += test::tensor_bytes(*archive, i) + "\n";
        }
        for (const Error& problem : archive->problems())
            text += problem.tensor() + ": " + problem.message() + "\n";
        // Numbers are not written alike.
        for (const auto& member : archive->metadata().members())
            text += member.first + "\n";
    } catch (const Error& error) {
        CHECK_MESSAGE(kind_of(error.code()) != ErrorKind::internal, error.what());
        return "refused";
    }
    return text;
}

}  // namespace

TEST_CASE("both read what the reference wrote") {
    const std::string bytes = test::read_file(folder / "small.gguf");
    const Tree expected = json::parse(test::read_file(folder / "small.json"), {}, "small.json");
    for (const Format* format : {&in_tree(), &from_outside()}) {
        const auto archive = opened(*format, bytes);
        CHECK(archive->index().size() == 5);
        REQUIRE(archive->problems().size() == 1);
        CHECK(archive->problems()[0].tensor() == "blk.1.q4.weight");
        CHECK(archive->problems()[0].code() == ErrorCode::unsupported);
        CHECK(archive->problems()[0].message() == "its type is Q4_0, which is not decoded");
        CHECK(archive->metadata()["general.name"].as_string() == "a small model");
        CHECK(archive->metadata()["sample.block_count"].as_int64() == 2);
        CHECK(archive->metadata()["sample.scale"].as_double() == 0.5);
        CHECK(archive->metadata()["sample.tied"].as_bool() == true);
        CHECK(archive->metadata()["tokenizer.ggml.tokens"].as_string() == "a list of 3");
        for (const std::string name : {"token_embd.weight", "blk.1.q8.weight"}) {
            CAPTURE(name);
            const auto tensor = archive->get<float>(name);
            CHECK(tensor.shape() == Shape{3, 64});
            const auto& values = expected[name]["values"].items();
            REQUIRE(values.size() == tensor.size());
            for (std::size_t i = 0; i < tensor.size(); ++i)
                CHECK(static_cast<double>(tensor[i]) == values[i].as_double());
        }
        CHECK(archive->get<std::int8_t>("blk.0.steps").shape() == Shape{2, 3});
        CHECK(archive->get<std::int8_t>("blk.0.steps")[0] == -3);
        CHECK(archive->get<double>("blk.0.big")[1] == -2.25);
        CHECK(archive->index().tensors()[archive->index().find("blk.0.norm.weight")].dtype == DType::float16);
    }
}

TEST_CASE("both say the same of broken files") {
    const std::string whole = test::read_file(folder / "small.gguf");
    std::size_t refused = 0;
    for (std::size_t length = 0; length < whole.size(); length += 3) {
        const std::string bytes = whole.substr(0, length);
        CAPTURE(length);
        const std::string ours = told(in_tree(), bytes);
        refused += ours == "refused" ? 1 : 0;
        CHECK(ours == told(from_outside(), bytes));
    }
    CHECK(refused > 500);  // what is cut off the tensor that is not decoded is not missed
    std::mt19937 random(7);
    std::size_t opened_changed = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string bytes = whole;
        // Structure, mostly: the numbers in front.
        const std::size_t at = random() % (round % 4 == 0 ? bytes.size() : 0x2c0);
        const std::size_t width = std::min<std::size_t>(std::size_t{1} << random() % 4, bytes.size() - at);
        const std::uint64_t value = round % 3 == 0 ? UINT64_MAX : std::uint64_t{random()};
        for (std::size_t i = 0; i < width; ++i)
            bytes[at + i] = static_cast<char>(value >> 8 * i);
        CAPTURE(round);
        CAPTURE(at);
        const std::string ours = told(in_tree(), bytes);
        opened_changed += ours == "refused" ? 0 : 1;
        CHECK(ours == told(from_outside(), bytes));
    }
    CHECK(opened_changed > 100);
}
