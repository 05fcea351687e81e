// SPDX-License-Identifier: Apache-2.0
// plain_hdf5: files of h5py as loose tensors and metadata; what is refused; what tells it from Keras' files.
#include <doctest/doctest.h>

#include <algorithm>

#include "ballast/archive.h"
#include "ballast/convert.h"
#include "ballast/registry.h"
#include "container/json/json.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/scratch.h"

using namespace ballast;

namespace {

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";

std::shared_ptr<Archive> open_golden(const char* name, const OpenOptions& options = {}) {
    return open(golden / name, options);
}

std::string text_of(const Tree& tree) {
    return json::write(tree);
}

std::vector<std::string> names(const Archive& archive) {
    std::vector<std::string> found;
    for (const TensorInfo& tensor : archive.index().tensors())
        found.push_back(tensor.name);
    return found;
}

bool warns(const Archive& archive, std::string_view part) {
    return std::any_of(archive.warnings().begin(), archive.warnings().end(),
                       [&](const std::string& warning) { return warning.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("datasets are tensors under their paths, in natural order") {
    const auto archive = open_golden("h5py-3.14.0-dense.h5");
    CHECK(archive->format().id == "plain_hdf5");
    CHECK(archive->kind() == "tensors");
    CHECK(archive->problems().empty());
    const std::vector<std::string> expected = {"compact", "many/n0",  "many/n1", "many/n2", "many/n3",
                                               "many/n4", "many/n5",  "many/n6", "many/n7", "many/n8",
                                               "many/n9", "many/n10", "many/n11"};
    CHECK(names(*archive) == expected);
    CHECK(archive->model().layers.empty());
    CHECK(archive->model().loose.size() == expected.size());
    CHECK(archive->get<std::int8_t>("many/n11")[0] == 0);
    CHECK(archive->get<std::uint16_t>("compact")[4] == 4);
}

TEST_CASE("attributes, text, links and odd types are metadata") {
    const auto archive = open_golden("h5py-3.14.0-text.h5");
    const Tree& root = archive->metadata()["attributes"]["/"];
    CHECK(root["title"].as_string() ==
          "gr\xc3\xb6\xc3\x9f"
          "e");
    CHECK(text_of(root["scale"]) == "[[0.5, -1], [Infinity, 3]]");
    CHECK(text_of(root["flags"]) == "[true, false]");
    CHECK(root["empty"].is_null());
    CHECK(text_of(archive->metadata()["text"]["fixed"]) == R"(["ab", "cde"])");
    CHECK(archive->metadata()["text"]["one"].as_string() == "ein Wort");
    CHECK(archive->metadata()["text"]["some"].at(1).at(1).as_string() == std::string(30, 'b'));
    CHECK(archive->metadata()["links"]["soft"]["soft"].as_string() == "/number");
    CHECK(archive->metadata()["aliases"]["number"].as_string() == "again");
    CHECK(archive->metadata()["types"]["null"].as_string() == "float32, empty");
    CHECK(archive->model().metadata == archive->metadata());
    CHECK(warns(*archive, "text"));
    CHECK(warns(*archive, "links"));
    // The text is there as bytes too: a scalar as it is, each element of an array with a NUL behind it.
    REQUIRE(archive->index().blobs().size() == 4);
    const Blob& fixed = archive->index().blobs()[0];
    CHECK(fixed.name == "fixed");
    const auto bytes = std::get<InlineBytes>(fixed.bytes).bytes;
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) ==
          std::string("ab\0cde\0", 7));
    const auto types = open_golden("h5py-3.14.0-earliest.h5");
    CHECK(types->metadata()["types"]["types/colour"].as_string() == "enum(int16)");
    CHECK(types->metadata()["types"]["committed"].as_string() == "committed type");
    CHECK(types->metadata()["types"].size() == 2);
}

TEST_CASE("what is refused is listed as problems; the rest can be read and converted") {
    const auto archive = open_golden("h5py-3.14.0-refusals.h5");
    CHECK(names(*archive) == std::vector<std::string>{"sound"});
    const Tree manifest = json::parse(test::read_file(golden / "manifest.json"), {}, "manifest.json");
    const Tree& problems = manifest["refused"]["problems"];
    REQUIRE(problems.size() == archive->problems().size());
    for (const Error& problem : archive->problems()) {
        CAPTURE(problem.tensor());
        CHECK(to_string(problem.code()) == problems[problem.tensor()].as_string());
        CHECK(problem.offset().has_value());
        CHECK_FALSE(problem.hint().empty());
    }
    test::Scratch scratch;
    const auto source = golden / "h5py-3.14.0-refusals.h5";
    ConvertOptions options;
    options.write.durable = false;
    CHECK(test::code_of([&] { convert(source, scratch.path() / "a.safetensors", options); }) ==
          ErrorCode::unsupported);
    options.exclude = {"compound"};
    CHECK(test::code_of([&] { convert(source, scratch.path() / "a.safetensors", options); }) ==
          ErrorCode::unsupported);
    options.exclude = {"nothing_such"};
    options.include = {"sound"};
    CHECK(test::code_of([&] { convert(source, scratch.path() / "a.safetensors", options); }) ==
          ErrorCode::name_not_found);
    options.exclude.clear();
    const Report report = convert(source, scratch.path() / "a.safetensors", options);
    CHECK(open(scratch.path() / "a.safetensors")->index().size() == 1);
    const auto skipped =
        std::count_if(report.entries().begin(), report.entries().end(),
                      [](const ReportEntry& entry) { return entry.kind == ReportEntry::Kind::skipped; });
    CHECK(static_cast<std::size_t>(skipped) == problems.size());
    options.include.clear();
    for (const Tree::Member& problem : problems.members())
        options.exclude.push_back(problem.first);
    options.write.overwrite = Overwrite::allow;
    convert(source, scratch.path() / "a.safetensors", options);
}

TEST_CASE("metadata comes through safetensors") {
    test::Scratch scratch;
    ConvertOptions options;
    options.write.durable = false;
    convert(golden / "h5py-3.14.0-text.h5", scratch.path() / "a.safetensors", options);
    const auto archive = open(scratch.path() / "a.safetensors");
    const Tree text = json::parse(archive->metadata()["text"].as_string(), {}, "text");
    CHECK(text == open_golden("h5py-3.14.0-text.h5")->metadata()["text"]);
}

TEST_CASE("limits on text make it a problem of its dataset") {
    OpenOptions options;
    options.limits.attribute_bytes = 63;  // the root's attributes and the short texts fit
    const auto archive = open_golden("h5py-3.14.0-text.h5", options);
    REQUIRE(archive->problems().size() == 1);
    CHECK(archive->problems()[0].code() == ErrorCode::limit_exceeded);
    CHECK(archive->problems()[0].tensor() == "some");
    CHECK(archive->index().blobs().size() == 3);
}

TEST_CASE("files of Keras are not taken for plain ones, whatever they are called") {
    const Format& plain = Registry::builtin().find("plain_hdf5");
    std::size_t keras = 0, others = 0;
    for (const auto& entry : std::filesystem::directory_iterator(golden)) {
        if (entry.path().extension() != ".h5") continue;
        const std::string name = entry.path().filename().string();
        CAPTURE(name);
        Probe probe(test::memory_file("x", test::read_file(entry.path())), {});
        const bool is_plain = name.starts_with("h5py-") && !name.ends_with(".weights.h5");
        CHECK((plain.probe(probe).confidence == Confidence::certain) == is_plain);
        ++(is_plain ? others : keras);
    }
    CHECK(keras >= 20);
    CHECK(others == 7);
}

TEST_CASE("no program of Keras files is asked to write plain ones") {
    CHECK(test::code_of([] { Registry::builtin().for_writing("", "x.hdf5x"); }) ==
          ErrorCode::invalid_argument);
    CHECK(Registry::builtin().for_writing("", "x.hdf5").info().id == "legacy_h5");
}
