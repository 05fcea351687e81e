// SPDX-License-Identifier: Apache-2.0
// Messages that lie elsewhere: committed datatypes and the heap of shared messages.
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
constexpr const char* shared_file = "h5py-3.14.0-shared-messages.h5";

std::shared_ptr<const File> parse(const Bytes& bytes) {
    return File::parse(test::as_source(bytes), Limits{});
}

/// The table of heaps, changed and with its checksum put right.
std::shared_ptr<const File> with_table(std::size_t offset, std::uint64_t value, std::size_t width) {
    Bytes bytes = test::from_file(golden / shared_file);
    const test::Checksums checksums(bytes);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t table = text.find("SMTB");
    REQUIRE(table != text.npos);
    test::store(bytes, table + offset, value, width);
    checksums.repair(bytes);
    return parse(bytes);
}

ErrorCode problem_of(const File& file, const char* path) {
    const ObjectId id = file.find(0, path);
    REQUIRE(file.object(id).kind == ObjectKind::dataset);
    REQUIRE(file.dataset(id).problem != nullptr);
    return file.dataset(id).problem->code();
}

}  // namespace

TEST_CASE("shared spaces, types, fill values and pipelines of datasets") {
    const auto file = parse(test::from_file(golden / shared_file));
    CHECK(file->problems().empty());
    for (const char* path : {"d0", "d1", "d2"}) {
        const Dataset& dataset = file->dataset(file->find(0, path));
        REQUIRE(dataset.problem == nullptr);
        CHECK(dataset.dtype == DType::float32);
        CHECK(dataset.shape == Shape{3, 4});
        const auto& layout = *std::get<std::shared_ptr<const ChunkedLayout>>(dataset.storage.layout);
        REQUIRE(layout.filters.size() == 1);
        CHECK(layout.filters[0].id == Filter::deflate);
        CHECK(layout.fill == test::from_hex("0000c03f"));
    }
}

TEST_CASE("shared attributes, in headers and in dense storage") {
    const auto file = parse(test::from_file(golden / shared_file));
    const Attribute* note = file->attribute(file->find(0, "d1"), "note");
    REQUIRE(note != nullptr);
    CHECK(note->strings == std::vector<std::string>{"the same text on every one of them"});
    const auto many = file->attributes(file->find(0, "many"));
    CHECK(many.size() == 12);
    for (const Attribute& attribute : many)
        CHECK(attribute.strings == note->strings);
}

TEST_CASE("a table of heaps that is wrong is a problem of those who need it") {
    // Per index from offset 4: version, type, types (2), sizes and counts (10), list (8), heap (8).
    CHECK(problem_of(*with_table(4, 9, 1), "d2") == ErrorCode::unsupported);
    CHECK(problem_of(*with_table(6, 0, 2), "d2") == ErrorCode::damaged);            // no heap for these types
    CHECK(problem_of(*with_table(26, UINT64_MAX, 8), "d2") == ErrorCode::damaged);  // no heap at all
    CHECK(problem_of(*with_table(26, 48, 8), "d2") == ErrorCode::damaged);  // the superblock is no heap
    CHECK(problem_of(*with_table(26, 1ull << 40, 8), "d2") == ErrorCode::truncated);
    CHECK(problem_of(*with_table(0, 0, 4), "d2") == ErrorCode::damaged);
}

TEST_CASE("committed datatypes are followed once") {
    const Bytes bytes = test::from_file(golden / "h5py-3.14.0-earliest.h5");
    const auto file = parse(bytes);
    const ObjectId committed = file->find(0, "committed");
    CHECK(file->object(committed).kind == ObjectKind::committed_type);
    CHECK(file->dataset(file->find(0, "of_committed")).dtype == DType::int32);
    // The reference in of_committed's datatype message: version 2, type 2, address.
    Bytes reference = test::from_hex("02 02");
    test::store(reference, 2, file->object(committed).address, 8);
    const auto at = std::search(bytes.begin(), bytes.end(), reference.begin(), reference.end());
    REQUIRE(at != bytes.end());
    const auto position = static_cast<std::size_t>(at - bytes.begin());
    const auto changed = [&](std::size_t offset, std::uint64_t value, std::size_t width) {
        Bytes copy = bytes;
        test::store(copy, position + offset, value, width);
        return problem_of(*parse(copy), "of_committed");
    };
    CHECK(changed(0, 7, 1) == ErrorCode::unsupported);
    CHECK(changed(0, 0x0103, 2) == ErrorCode::damaged);  // in a heap this file does not have
    CHECK(changed(2, UINT64_MAX, 8) == ErrorCode::damaged);
    CHECK(changed(2, file->object(0).address, 8) == ErrorCode::damaged);  // a group has no datatype
    CHECK(changed(2, file->object(file->find(0, "of_committed")).address, 8) ==
          ErrorCode::damaged);  // itself
}
