// SPDX-License-Identifier: Apache-2.0
// Writing safetensors: the bytes, names, order, and the way back of a whole Model.
#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "ballast/registry.h"
#include "container/json/json.h"
#include "model/model_tensors.h"
#include "model/model_tree.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/save_in_memory.h"

using namespace ballast;
using test::tensor;

namespace {

const Format& format() {
    return Registry::builtin().find("safetensors");
}

Location save(const Model& model, const SaveOptions& options = {}, Report* report = nullptr) {
    return test::save_in_memory(format(), model, "x.safetensors", options, report);
}

std::string header_of(const std::string& file) {
    std::uint64_t length = 0;
    for (unsigned i = 8; i-- > 0;)
        length = length << 8U | static_cast<unsigned char>(file[i]);
    return file.substr(8, length);
}

std::vector<std::string> stored_names(const Archive& archive) {
    std::vector<std::string> names;
    for (const TensorInfo& info : archive.index().tensors())
        names.push_back(info.stored_name);
    return names;
}

Tree tree_of(const Model& model) {
    std::vector<std::string> names;
    for (const ModelTensor& entry : model_tensors(model))
        names.push_back(entry.name);
    return json::parse(model_to_json(model, names), {}, "the model");
}

}  // namespace

TEST_CASE("loose tensors: every byte") {
    const TensorExpr half = tensor("half", DType::float16, {3}, 1),
                     flag = tensor("flag", DType::boolean, {2}, 2),
                     big = tensor("big", DType::float64, {1, 2}, 3),
                     scalar = tensor("s/\xc3\xa9", DType::int32, {}, 4),
                     none = tensor("none", DType::float32, {0}, 5);
    const std::string file = test::text_of(save(test::loose_model({flag, half, none, big, scalar})));
    const std::string header = R"({"big":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]},)"
                               R"("none":{"dtype":"F32","shape":[0],"data_offsets":[16,16]},)"
                               R"("s/\u00e9":{"dtype":"I32","shape":[],"data_offsets":[16,20]},)"
                               R"("half":{"dtype":"F16","shape":[3],"data_offsets":[20,26]},)"
                               R"("flag":{"dtype":"BOOL","shape":[2],"data_offsets":[26,28]}})";
    const std::string padded = header_of(file);
    CHECK(padded.substr(0, header.size()) == header);
    CHECK(padded.find_first_not_of(' ', header.size()) == std::string::npos);
    CHECK(padded.size() % 8 == 0);
    CHECK(padded.size() < header.size() + 8);
    CHECK(file.substr(8 + padded.size()) == test::inline_bytes(big) + test::inline_bytes(scalar) +
                                                test::inline_bytes(half) + test::inline_bytes(flag));
}

TEST_CASE("user metadata stays, text or not") {
    Model model = test::loose_model({tensor("a", DType::uint8, {1})});
    model.metadata.set("format", "pt");
    model.metadata.set("list", json::parse("[1, 2]", {}, "t"));
    const auto archive = open(save(model));
    CHECK(archive->metadata()["format"].as_string() == "pt");
    CHECK(archive->metadata()["list"].as_string() == "[1, 2]");
    CHECK(archive->model().metadata == archive->metadata());
    CHECK(test::text_of(save(archive->model())) == test::text_of(save(model)));
}

TEST_CASE("names that the format or JSON cannot hold, and names met twice") {
    const auto archive = open(save(test::loose_model(
        {tensor("a", DType::uint8, {1}), tensor("__metadata__", DType::uint8, {1}),
         tensor("a", DType::uint8, {1}), tensor(std::string("n\0l", 3), DType::uint8, {1}),
         tensor("b\xff\xc3", DType::uint8, {1}), tensor("\"\\\n\xf0\x9f\x98\x80", DType::uint8, {1}),
         tensor("", DType::uint8, {1})})));
    CHECK(stored_names(*archive) == std::vector<std::string>{"a", "__metadata__#2", "a#2", "n%00l", "b%FF%C3",
                                                             "\"\\\n\xf0\x9f\x98\x80", ""});
}

TEST_CASE("a whole model comes back, whatever the names") {
    const Model model = test::full_model();
    const Tree expected = tree_of(model);
    for (const Names names : {Names::canonical, Names::stored}) {
        SaveOptions options;
        options.names = names;
        Report report;
        const Location file = save(model, options, &report);
        const auto archive = open(file);
        CHECK(archive->warnings().empty());
        CHECK(archive->kind() == "model");
        CHECK(tree_of(archive->model()) == expected);
        CHECK(archive->metadata().find("ballast") == nullptr);

        const auto before = model_tensors(model), after = model_tensors(archive->model());
        REQUIRE(archive->index().size() == before.size());
        CHECK(report.count(ReportEntry::Kind::matched) + report.count(ReportEntry::Kind::renamed) ==
              before.size());
        for (std::size_t i = 0; i < before.size(); ++i) {
            const TensorInfo& info = archive->index().tensors()[i];
            CHECK(after[i].value->source().get() == &info);
            CHECK(info.name == before[i].name);
            CHECK(info.part == before[i].part);
            CHECK(info.layer == before[i].layer);
            CHECK(info.role == before[i].role);
            CHECK(test::tensor_bytes(*archive, i) == test::inline_bytes(*before[i].value));
            if (names == Names::stored) CHECK(info.stored_name == before[i].value->source()->stored_name);
        }
        // The same bytes, from the model and from what came back.
        CHECK(test::text_of(save(model, options)) == test::text_of(file));
        if (names == Names::canonical)
            CHECK(test::text_of(save(archive->model(), options)) == test::text_of(file));
    }
}

TEST_CASE("without optimizer state there is none, and the report says so") {
    SaveOptions options;
    options.include_optimizer = false;
    options.weights_only = true;
    Report report;
    const auto archive = open(save(test::full_model(), options, &report));
    CHECK(report.count(ReportEntry::Kind::dropped) == 4);
    CHECK_FALSE(report.has_loss());
    CHECK_FALSE(archive->model().optimizer.has_value());
    CHECK(archive->model().config.is_null());
    CHECK(archive->kind() == "weights");
    for (const TensorInfo& info : archive->index().tensors()) {
        CHECK(info.part != Part::optimizer);
        CHECK(info.part != Part::metric);
    }
}

TEST_CASE("one-byte opaque elements are stored as U8 and come back") {
    const auto archive = open(save(
        test::loose_model({tensor("plain", DType::uint8, {2}), tensor("float8", DType::opaque8, {2}, 7)})));
    CHECK(archive->index().tensors()[0].dtype == DType::uint8);
    CHECK(archive->index().tensors()[1].dtype == DType::opaque8);
    CHECK(test::tensor_bytes(*archive, 1) == test::inline_bytes(tensor("float8", DType::opaque8, {2}, 7)));
}

TEST_CASE("changed tensors make the layout void, reordered ones do not") {
    const std::string file = test::text_of(save(test::full_model()));
    const std::string header = header_of(file);
    const auto with_header = [&](std::string text) {
        REQUIRE(text.size() == header.size());
        return file.substr(0, 8) + text + file.substr(8 + header.size());
    };
    const auto replaced = [&](std::string_view from, std::string_view to) {
        std::string text = header;
        const auto at = text.rfind(from);
        REQUIRE(at != std::string::npos);
        return with_header(text.replace(at, from.size(), to));
    };
    for (const auto& [from, to] :
         std::vector<std::pair<std::string, std::string>>{{R"("extra":{"dtype")", R"("exxra":{"dtype")"},
                                                          {R"({"dtype":"F64")", R"({"dtype":"I64")"},
                                                          {R"("shape":[0,4])", R"("shape":[4,0])"}}) {
        const auto archive = open(test::memory_file("y.safetensors", replaced(from, to)));
        CHECK(archive->kind() == "tensors");
        CHECK(archive->warnings().size() == 1);
    }
    // The entries in another order describe the same tensors.
    const Tree tree = json::parse(header, {}, "t");
    Tree::Object members = tree.members();
    std::reverse(members.begin(), members.end());
    std::string text = json::write(Tree(members));
    const auto archive = open(test::memory_file("y.safetensors", [&] {
        std::string bytes;
        for (unsigned i = 0; i < 8; ++i)
            bytes += static_cast<char>(text.size() >> 8 * i);
        return bytes + text + file.substr(8 + header.size());
    }()));
    CHECK(archive->warnings().empty());
    CHECK(tree_of(archive->model()) == tree_of(test::full_model()));
}

TEST_CASE("null evaluates everything and stores nothing") {
    const Model model = test::full_model();
    Report report;
    const Format& null = Registry::builtin().find("null");
    CHECK_FALSE(null.info().can.detect);
    const auto fs = io::memory();
    const WritePlan plan = null.plan(model, {{fs, "out", Location::Kind::file}, {}, nullptr}, {}, report);
    CHECK(plan.commit.empty());
    CHECK(report.entries().size() == model_tensors(model).size());
    execute(plan, fs, {});
    CHECK(fs->list("").empty());

    Model broken = model;
    TensorInfo missing = *model.loose[1].value.source();
    missing.storage.layout = Extent{io::memory_source(nullptr, {}, "gone"), 0, 5};
    broken.loose[1].value = std::make_shared<const TensorInfo>(missing);
    const WritePlan bad = null.plan(broken, {{fs, "out", Location::Kind::file}, {}, nullptr}, {}, report);
    CHECK(test::code_of([&] { execute(bad, fs, {}); }) == ErrorCode::truncated);
}
