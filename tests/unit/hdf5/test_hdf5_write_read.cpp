// SPDX-License-Identifier: Apache-2.0
// What hdf5::Builder is told, hdf5::File reads: random trees through the transfer engine and back.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "ballast/io.h"
#include "container/hdf5/read.h"
#include "container/hdf5/write.h"
#include "convert/transfer.h"
#include "filter/decode.h"
#include "support/render_plan.h"

using ballast::DType;
using ballast::Shape;
using ballast::hdf5::Builder;
using ballast::hdf5::File;
using Bytes = std::vector<std::byte>;

namespace {

struct Said {
    bool is_group = true;
    DType dtype = DType::float32;
    Shape shape;
    Bytes data;
    std::map<std::string, std::vector<std::string>> texts;  ///< attributes: scalars and lists of strings
    std::map<std::string, std::int32_t> numbers;
};
using Tree = std::map<std::string, Said>;  ///< by path

class Random {
public:
    explicit Random(std::uint32_t seed) : engine_(seed) {}
    std::size_t below(std::size_t bound) { return engine_() % bound; }
    std::string name() {
        static constexpr const char* stems[] = {"dense", "vars", "0", "\xc3\xbc", "a b", "\xff", "Z", ".."};
        return stems[below(std::size(stems))] + std::to_string(below(500));
    }
    Bytes bytes(std::size_t count) {
        Bytes bytes(count);
        for (std::byte& each : bytes)
            each = static_cast<std::byte>(engine_());
        return bytes;
    }

private:
    std::mt19937 engine_;
};

void say_attributes(Builder& builder, Builder::Id object, Said& said, Random& random) {
    if (random.below(3) != 0) return;
    for (std::size_t i = random.below(4); i-- != 0;) {
        const std::string name = "attribute " + std::to_string(i);
        std::vector<std::string> values(random.below(4));
        for (std::string& value : values)
            value = random.name();
        switch (random.below(3)) {
            case 0:
                said.texts[name] = {std::string(random.below(300), 't')};
                builder.attribute(object, name, said.texts[name][0], Builder::Charset::utf8);
                break;
            case 1:
                said.texts[name] = values;
                builder.name_list(object, name, values);
                break;
            default:
                said.numbers[name] = static_cast<std::int32_t>(random.below(1000));
                const auto view = std::as_bytes(std::span(&said.numbers[name], 1));
                builder.attribute(object, name, DType::int32, {}, {view.begin(), view.end()});
        }
    }
}

Said random_dataset(Random& random) {
    static constexpr DType dtypes[] = {DType::boolean,   DType::int8,       DType::uint16,  DType::int64,
                                       DType::float16,   DType::bfloat16,   DType::float32, DType::float64,
                                       DType::complex64, DType::complex128, DType::opaque8};
    Said said;
    said.is_group = false;
    said.dtype = dtypes[random.below(std::size(dtypes))];
    std::vector<std::uint64_t> dims(random.below(4));
    for (std::uint64_t& dim : dims)
        dim = random.below(5);
    said.shape = Shape(dims);
    said.data = random.bytes(ballast::byte_size(said.dtype, said.shape.element_count()));
    if (said.dtype == DType::boolean) {
        for (std::byte& each : said.data)
            each &= std::byte{1};
    }
    return said;
}

/// Tells the builder of a random tree; returns what it said.
Tree describe(Builder& builder, Random& random, std::size_t links) {
    Tree tree;
    std::vector<std::pair<Builder::Id, std::string>> groups{{builder.root(), ""}};
    say_attributes(builder, builder.root(), tree[""], random);
    for (std::size_t i = 0; i < links; ++i) {
        const auto [parent, path] = groups[random.below(groups.size())];
        const std::string name = random.name();
        const std::string where = path.empty() ? name : path + "/" + name;
        if (tree.contains(where)) continue;
        Said& said = tree[where];
        Builder::Id object = 0;
        if (random.below(4) == 0) {
            groups.emplace_back(object = builder.group(parent, name), where);
        } else {
            said = random_dataset(random);
            object = builder.dataset(parent, name, ballast::test::tensor(said.dtype, said.shape, said.data));
        }
        say_attributes(builder, object, said, random);
    }
    return tree;
}

void check_attributes(const File& file, ballast::hdf5::ObjectId id, const Said& said) {
    CHECK(file.attributes(id).size() == said.texts.size() + said.numbers.size());
    for (const auto& [name, values] : said.texts) {
        const auto* attribute = file.attribute(id, name);
        REQUIRE(attribute != nullptr);
        CHECK(attribute->strings == values);
        CHECK(attribute->is_string == !values.empty());
    }
    for (const auto& [name, value] : said.numbers) {
        const auto* attribute = file.attribute(id, name);
        REQUIRE(attribute != nullptr);
        CHECK(attribute->dtype == DType::int32);
        CHECK(std::ranges::equal(attribute->bytes, std::as_bytes(std::span(&value, 1))));
    }
}

void check_file(const File& file, const Tree& tree) {
    CHECK(file.warnings().empty());
    REQUIRE(file.objects().size() == tree.size());
    for (ballast::hdf5::ObjectId id = 0; id < file.objects().size(); ++id) {
        const std::string path = file.path_of(id);
        INFO(path);
        REQUIRE(tree.contains(path));
        const Said& said = tree.at(path);
        check_attributes(file, id, said);
        REQUIRE((file.object(id).kind == ballast::hdf5::ObjectKind::group) == said.is_group);
        if (said.is_group) continue;
        const auto& dataset = file.dataset(id);
        CHECK_FALSE(dataset.problem);
        CHECK(dataset.dtype == said.dtype);
        CHECK(dataset.shape == said.shape);
        ballast::TensorInfo info;
        info.dtype = dataset.dtype;
        info.shape = dataset.shape;
        info.storage = dataset.storage;
        Bytes data(said.data.size());
        ballast::read_range(info, 0, data);
        CHECK(data == said.data);
    }
}

/// Lets the engine write the file.
std::shared_ptr<const ballast::io::Source> written(ballast::PlannedFile planned, unsigned threads) {
    const auto fs = ballast::io::memory();
    ballast::WritePlan plan;
    plan.commit = planned.name;
    plan.files.push_back(std::move(planned));
    ballast::WriteOptions options;
    options.threads = threads;
    ballast::execute(plan, fs, options);
    return fs->open(plan.commit);
}

}  // namespace

TEST_CASE("our reader reads what our writer was told") {
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        INFO("seed ", seed);
        Random random(seed);
        Builder builder;
        const Tree tree = describe(builder, random, seed % 10 == 0 ? 3000 : seed);
        check_file(*File::parse(written(builder.plan("f.h5"), 1 + seed % 3), {}), tree);
    }
}

TEST_CASE("the engine writes the same bytes with any number of threads, and those the plan shows") {
    const auto plan = [] {
        Random random(7);
        Builder builder;
        describe(builder, random, 8000);
        return builder.plan("f.h5");
    };
    const Bytes expected = ballast::test::render(plan());
    CHECK(expected.size() > 3u << 20);
    for (const unsigned threads : {1u, 2u, 8u}) {
        const auto source = written(plan(), threads);
        REQUIRE(source->size() == expected.size());
        Bytes got(expected.size());
        source->read_at(0, got);
        CHECK(got == expected);
    }
}
