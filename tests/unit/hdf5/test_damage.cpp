// SPDX-License-Identifier: Apache-2.0
// Damage to one object: it is named, and the rest of the file is listed and read.
#include <doctest/doctest.h>

#include <algorithm>

#include "container/hdf5/read.h"
#include "support/expect_error.h"
#include "support/h5image.h"

using namespace ballast;
using namespace ballast::hdf5;
using test::Bytes;

namespace {

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";

std::shared_ptr<const File> parse(const Bytes& bytes) {
    return File::parse(test::as_source(bytes), Limits{});
}

struct Sample {
    explicit Sample(const char* name) : bytes(test::from_file(golden / name)), sound(parse(bytes)) {}

    std::size_t address(std::string_view path) const {
        return static_cast<std::size_t>(sound->object(sound->find(0, path)).address);
    }
    /// Where these bytes lie behind a position.
    std::size_t find(const Bytes& wanted, std::size_t from = 0) const {
        const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(from);
        return static_cast<std::size_t>(std::search(begin, bytes.end(), wanted.begin(), wanted.end()) -
                                        bytes.begin());
    }

    Bytes bytes;
    std::shared_ptr<const File> sound;
};

}  // namespace

TEST_CASE("a damaged header of a dataset or group hides what is in it and nothing else") {
    for (const char* path : {"types/f4", "types", "unwritten", "chunks"}) {
        CAPTURE(path);
        Sample sample("h5py-3.14.0-earliest.h5");
        sample.bytes[sample.address(path)] = std::byte{9};  // the header's version
        const auto file = parse(sample.bytes);
        REQUIRE(file->problems().size() == 1);
        const Error& problem = file->problems()[0];
        CHECK(problem.code() == ErrorCode::damaged);
        CHECK(problem.tensor() == path);
        CHECK(problem.path() == "test");
        CHECK(problem.offset() == sample.address(path) + 1);
        const ObjectId id = file->find(0, path);
        CHECK(file->object(id).kind == ObjectKind::unreadable);
        CHECK(file->children(id).empty());
        CHECK(file->attributes(id).empty());
        CHECK(file->dataset(file->find(0, "of_committed")).problem == nullptr);
    }
}

TEST_CASE("a damaged link list makes its group unreadable") {
    const Sample sample("h5py-3.14.0-earliest.h5");
    const Bytes signature = test::from_text("SNOD");
    std::size_t groups = 0, roots = 0;
    for (std::size_t at = sample.find(signature); at < sample.bytes.size();
         at = sample.find(signature, at + 1)) {
        CAPTURE(at);
        Bytes changed = sample.bytes;
        test::store(changed, at + 8, 0xffff, 2);  // the first name leaves the heap
        try {
            const auto file = parse(changed);
            REQUIRE(file->problems().size() == 1);
            const std::string& path = file->problems()[0].tensor();
            CHECK(file->object(file->find(0, path)).kind == ObjectKind::unreadable);
            CHECK(file->find(0, "of_committed") != no_object);
            ++groups;
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::damaged);
            CHECK(error.tensor().empty());
            ++roots;
        }
    }
    CHECK(groups >= 2);
    CHECK(roots >= 1);
}

TEST_CASE("damage to the root is damage to the file") {
    Sample sample("h5py-3.14.0-earliest.h5");
    sample.bytes[static_cast<std::size_t>(sample.sound->object(0).address)] = std::byte{9};
    const Error error = test::error_of([&] { parse(sample.bytes); });
    CHECK(error.code() == ErrorCode::damaged);
    CHECK(error.path() == "test");
    CHECK(error.offset().has_value());
}

TEST_CASE("a damaged attribute is listed with its problem") {
    Sample sample("keras-3.15.1-dense.weights.h5");
    const Attribute* name = sample.sound->attribute(sample.sound->find(0, "layers/dense/vars"), "name");
    REQUIRE(name != nullptr);
    // Its element: length 6, the collection's address, index. Make the index one that is not there.
    const std::size_t collection = sample.find(test::from_text("GCOL"));
    Bytes element;
    test::store(element, 0, name->strings[0].size(), 4);
    test::store(element, 4, collection, 8);
    const std::size_t at = sample.find(element);
    REQUIRE(at < sample.bytes.size());
    test::store(sample.bytes, at + 12, 999, 4);
    const auto file = parse(sample.bytes);
    REQUIRE(file->problems().size() == 1);
    CHECK(file->problems()[0].code() == ErrorCode::damaged);
    const std::string& path = file->problems()[0].tensor();
    const Attribute* changed = file->attribute(file->find(0, path), "name");
    REQUIRE(changed != nullptr);
    CHECK_FALSE(changed->problem.empty());
    CHECK(changed->strings.empty());
    CHECK(file->objects().size() == sample.sound->objects().size());
}

TEST_CASE("datasets with damaged or foreign storage keep their place and say why") {
    // The layout message of `unwritten` (contiguous): version 3, class 1.
    const auto with = [](std::size_t offset, unsigned value) {
        Sample sample("h5py-3.14.0-earliest.h5");
        const Bytes layout = test::from_hex("08 00 18 00 00 00 00 00 03 01 ff ff ff ff ff ff ff ff");
        const std::size_t at = sample.find(layout, sample.address("unwritten"));
        REQUIRE(at < sample.address("unwritten") + 300);
        sample.bytes[at + 8 + offset] = static_cast<std::byte>(value);
        const auto file = parse(sample.bytes);
        const Dataset& dataset = file->dataset(file->find(0, "unwritten"));
        CHECK(file->problems().empty());  // it is the dataset's own problem
        REQUIRE(dataset.problem != nullptr);
        CHECK(dataset.problem->tensor() == "unwritten");
        CHECK(dataset.problem->path() == "test");
        return dataset.problem->code();
    };
    CHECK(with(0, 9) == ErrorCode::unsupported);
    CHECK(with(1, 7) == ErrorCode::unsupported);
    CHECK(with(1, 2) == ErrorCode::truncated);     // chunked: the same bytes are another address
    CHECK(with(9, 0x7f) == ErrorCode::truncated);  // an address behind the end
}

TEST_CASE("refused data: listed, each with its own code") {
    const auto file = parse(test::from_file(golden / "h5py-3.14.0-refusals.h5"));
    const auto code = [&](const char* path) {
        const Dataset& dataset = file->dataset(file->find(0, path));
        REQUIRE(dataset.problem != nullptr);
        CHECK(dataset.problem->tensor() == path);
        return dataset.problem->code();
    };
    for (const char* path :
         {"compound", "vlen", "reference", "array", "opaque", "custom_float", "scaleoffset", "lz4"}) {
        CAPTURE(path);
        CHECK(code(path) == ErrorCode::unsupported);
    }
    CHECK(code("external") == ErrorCode::external_reference);
    CHECK(code("virtual") == ErrorCode::external_reference);
    const auto message = [&](const char* path) {
        return file->dataset(file->find(0, path)).problem->message();
    };
    CHECK(message("scaleoffset").find("6 (scaleoffset)") != std::string::npos);
    CHECK(message("lz4").find("32004 (lz4)") != std::string::npos);
    CHECK(message("external").find("'elsewhere.bin'") != std::string::npos);
    CHECK(message("virtual").find("'elsewhere.h5:sound'") != std::string::npos);
    const ObjectId link = file->find(0, "external_link");
    CHECK(file->object(link).kind == ObjectKind::external_link);
    CHECK(file->link_target(link) == "elsewhere.h5:/sound");
    CHECK(file->link_target(file->find(0, "sound")).empty());
}
