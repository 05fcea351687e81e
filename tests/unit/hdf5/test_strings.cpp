// SPDX-License-Identifier: Apache-2.0
// Datasets of text: fixed and variable, every layout, bounds.
#include <doctest/doctest.h>

#include "container/hdf5/read.h"
#include "support/expect_error.h"
#include "support/h5image.h"

using namespace ballast;
using namespace ballast::hdf5;
using test::Bytes;

namespace {

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";
using Strings = std::vector<std::string>;

std::shared_ptr<const File> parse(const Bytes& bytes) {
    return File::parse(test::as_source(bytes), Limits{});
}
std::shared_ptr<const File> text_file() {
    return parse(test::from_file(golden / "h5py-3.14.0-text.h5"));
}

Strings strings(const File& file, const char* path, const Limits& limits = {}) {
    return read_strings(file, file.find(0, path), limits);
}

}  // namespace

TEST_CASE("text in scalars and arrays, fixed, variable and compressed") {
    const auto file = text_file();
    CHECK(strings(*file, "one") == Strings{"ein Wort"});
    CHECK(strings(*file, "some") == Strings{"a", "",
                                            "gr\xc3\xb6\xc3\x9f"
                                            "e",
                                            std::string(30, 'b')});
    CHECK(strings(*file, "fixed") == Strings{"ab", "cde"});
    CHECK(strings(*file, "packed") == Strings{"x", "yz", ""});
    const Dataset& dataset = file->dataset(file->find(0, "packed"));
    CHECK(dataset.text == Dataset::Text::fixed);
    REQUIRE(dataset.problem != nullptr);
    CHECK(dataset.problem->code() == ErrorCode::unsupported);
}

TEST_CASE("what is no text is refused") {
    const auto file = text_file();
    CHECK(test::code_of([&] { strings(*file, "number"); }) == ErrorCode::invalid_argument);
    CHECK(test::code_of([&] { strings(*file, "null"); }) == ErrorCode::unsupported);
}

TEST_CASE("text is bounded, element by element and altogether") {
    const auto file = text_file();
    for (const std::uint64_t most : {0u, 1u, 7u, 29u, 40u, 63u}) {
        CAPTURE(most);
        Limits limits;
        limits.attribute_bytes = most;
        const Error error = test::error_of([&] { strings(*file, "some", limits); });
        CHECK(error.code() == ErrorCode::limit_exceeded);
        CHECK(error.tensor() == "some");
    }
    Limits enough;
    enough.attribute_bytes = 64;  // four references of 16 bytes
    CHECK(strings(*file, "some", enough).size() == 4);
    Limits little;
    little.metadata_bytes = 20;
    CHECK(test::code_of([&] { strings(*file, "some", little); }) == ErrorCode::limit_exceeded);
}

TEST_CASE("a damaged heap is found when the text is read") {
    Bytes bytes = test::from_file(golden / "h5py-3.14.0-text.h5");
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (auto at = text.find("GCOL"); at != text.npos; at = text.find("GCOL", at + 1))
        bytes[at] = std::byte{'X'};
    const auto file = parse(bytes);
    const Error error = test::error_of([&] { strings(*file, "one"); });
    CHECK(error.code() == ErrorCode::damaged);
    CHECK(error.tensor() == "one");
    CHECK(error.path() == "test");
    CHECK(strings(*file, "fixed") == Strings{"ab", "cde"});
}
