// SPDX-License-Identifier: Apache-2.0
// The keras format: what is read of an archive and of a folder, what is refused, and what is written.
#include <algorithm>
#include <functional>
#include <map>

#include <doctest/doctest.h>

#include "ballast/archive.h"
#include "ballast/convert.h"
#include "ballast/registry.h"
#include "conformance.h"
#include "container/json/json.h"
#include "container/zip/zip.h"
#include "dialect/keras_legacy.h"
#include "model/migrate/migrate.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/save_in_memory.h"
#include "support/zipforge.h"

using namespace ballast;

namespace {

using Parts = std::map<std::string, std::string>;

const Format& keras() {
    return Registry::builtin().find("keras");
}

Location saved(const Model& model, const SaveOptions& options = {}, Report* report = nullptr) {
    return test::save_in_memory(keras(), model, "x.keras", options, report);
}

std::vector<zip::Member> members_of(const Location& location) {
    return zip::read_directory(*location.fs->open(location.name), {})->members;
}

Parts parts_of(const Location& location) {
    Parts parts;
    for (const zip::Member& member : members_of(location)) {
        const auto source = zip::open_member(location.fs->open(location.name), member, {});
        std::string text(static_cast<std::size_t>(source->size()), '\0');
        source->read_at(0, std::as_writable_bytes(std::span(text)));
        parts.emplace(member.name, std::move(text));
    }
    return parts;
}

/// Another archive of these members, made by other code than ours.
Location forged(const Parts& parts, const std::string& name = "x.keras") {
    test::Forgery forgery;
    for (const auto& [member, data] : parts) {
        test::ForgedMember made;
        made.name = member;
        made.data = data;
        forgery.members.push_back(std::move(made));
    }
    return test::memory_file(name, forgery.bytes());
}

Parts good_parts() {
    return parts_of(saved(test::small_model()));
}

std::shared_ptr<Archive> reopened(const Parts& parts, const std::string& name = "x.keras") {
    return test::open_at(forged(parts, name));
}

Error refusal(const std::function<void(Parts&)>& change) {
    Parts parts = good_parts();
    change(parts);
    return test::error_of([&] { reopened(parts); });
}

Blob asset(std::string name, std::string_view text) {
    auto owner = std::make_shared<std::string>(text);
    return {std::move(name), InlineBytes{owner, std::as_bytes(std::span(*owner))}};
}

}  // namespace

TEST_CASE("an archive has Keras' members, in Keras' order, the weights at a multiple of 64") {
    const Location file = saved(test::small_model());
    const auto members = members_of(file);
    REQUIRE(members.size() == 3);
    CHECK(members[0].name == "metadata.json");
    CHECK(members[1].name == "config.json");
    CHECK(members[2].name == "model.weights.h5");
    CHECK(members[2].data_offset % 64 == 0);
    for (const zip::Member& member : members)
        CHECK(member.method == 0);
    const Parts parts = parts_of(file);
    CHECK(parts.at("metadata.json") == R"({"keras_version": "3.15.1", "date_saved": "1980-01-01@00:00:00"})");
    CHECK(parts.at("config.json") == json::write(test::small_model().config));
    CHECK(parts.at("model.weights.h5").starts_with("\x89HDF\r\n\x1a\n"));
}

TEST_CASE("written to a folder, the members are its files; a folder of other things is left alone") {
    const Model model = test::small_model();
    const Location folder{io::memory(), "x", Location::Kind::directory};
    const auto write = [&](Overwrite overwrite) {
        WriteOptions options;
        options.overwrite = overwrite;
        Report report;
        save(model, keras(), folder, {}, options, report);
    };
    write(Overwrite::refuse);
    for (const auto& [name, text] : good_parts()) {
        const auto source = folder.fs->open("x/" + name);
        std::string found(static_cast<std::size_t>(source->size()), '\0');
        source->read_at(0, std::as_writable_bytes(std::span(found)));
        CHECK(found == text);
    }
    CHECK(test::error_of([&] { write(Overwrite::refuse); }).code() == ErrorCode::exists);
    write(Overwrite::allow);
    test::add_file(folder, "x/notes.txt", "mine");
    const Error error = test::error_of([&] { write(Overwrite::allow); });
    CHECK(error.code() == ErrorCode::exists);
    CHECK(error.message().find("notes.txt") != std::string::npos);
}

TEST_CASE("for tf_keras a config of Keras 2 is needed") {
    SaveOptions options;
    options.flavor = "tf_keras";
    CHECK(test::error_of([&] { saved(test::small_model(), options); }).code() == ErrorCode::unsupported);
    Model model = test::small_model();
    model.config = migrate::migrate_to_keras2(model.config, {}).config;
    CHECK(parts_of(saved(model, options)).at("metadata.json").find("2.21.0") != std::string::npos);
    model.producer.dialect = keras_legacy::dialect;
    model.producer.keras_version = "1.2.2";
    CHECK(test::error_of([&] { saved(model, options); }).code() == ErrorCode::unsupported);
}

TEST_CASE("a model comes back whole: names, values, config, version") {
    Model model = test::small_model();
    model.producer.keras_version = "3.9.2";
    const auto archive = test::open_at(saved(model));
    CHECK(archive->format().id == "keras");
    CHECK(archive->kind() == "model");
    CHECK(archive->model().config == model.config);
    CHECK(archive->model().producer.keras_version == "3.9.2");
    CHECK(archive->metadata()["model_name"].as_string() == "net");
    CHECK(archive->index().tensors()[0].name == "first/kernel");
    CHECK(test::values(*archive) == test::values(model));
    CHECK(archive->warnings().empty());
    CHECK_FALSE(archive->used_config());
}

TEST_CASE("a folder with the parts is a model") {
    const Parts parts = good_parts();
    Location folder{io::memory(), "", Location::Kind::directory};
    for (const auto& [name, data] : parts)
        test::add_file(folder, name, data);
    folder.fs->make_directory("assets");
    test::add_file(folder, "assets/words.txt", "one\ntwo");
    test::add_file(folder, "README.md", "not a part of it");
    const auto archive = test::open_at(folder);
    CHECK(archive->format().id == "keras");
    CHECK(test::values(*archive) == test::values(test::small_model()));
    REQUIRE(archive->model().assets.size() == 1);
    REQUIRE(archive->index().blobs().size() == 1);
    CHECK(archive->model().assets[0].name == "assets/words.txt");

    // Other programs' folders have a config.json as well.
    folder.fs->remove("model.weights.h5");
    CHECK(test::code_of([&] { test::open_at(folder); }) == ErrorCode::unknown_format);
}

TEST_CASE("assets go along, whatever else is in the archive") {
    Model model = test::small_model();
    model.assets = {asset("assets/layers/text/vocabulary.txt", "[UNK]\nhund"), asset("assets/empty", "")};
    Report report;
    const Location first = saved(model, {}, &report);
    CHECK_FALSE(report.has_loss());
    CHECK(parts_of(first).at("assets/layers/text/vocabulary.txt") == "[UNK]\nhund");
    Parts parts = parts_of(first);
    parts["notes.txt"] = "hello";
    const auto archive = reopened(parts);
    CHECK(archive->metadata()["assets"].as_int64() == 3);
    const Parts again = parts_of(saved(archive->model()));
    CHECK(again.at("notes.txt") == "hello");
    CHECK(again.at("assets/empty").empty());
    CHECK(again.at("assets/layers/text/vocabulary.txt") == "[UNK]\nhund");
}

TEST_CASE("assets that a weights file cannot hold are reported, and lost with more than weights") {
    Model model = test::small_model();
    model.assets = {asset("assets/words", "x")};
    for (const char* id : {"weights_h5", "legacy_h5", "safetensors"}) {
        Report report;
        SaveOptions options;
        options.weights_only = std::string_view(id) == "legacy_h5";
        test::save_in_memory(Registry::builtin().find(id), model, "out", options, &report);
        const auto& entries = report.entries();
        CAPTURE(id);
        CHECK(std::count_if(entries.begin(), entries.end(), [](const ReportEntry& entry) {
                  return entry.kind == ReportEntry::Kind::dropped && entry.from == "assets/words";
              }) == 1);
        CHECK(report.has_loss() == (std::string_view(id) == "safetensors"));
    }
}

TEST_CASE("names that are paths elsewhere are refused, on the way in and out") {
    for (const char* name : {"../x", "/x", "a/../../x", "a//x", "assets\\x", "C:\\x", "C:x", "new\nline"}) {
        CAPTURE(name);
        const Error error = refusal([&](Parts& parts) { parts[name] = "x"; });
        CHECK(error.code() == ErrorCode::unsafe_name);
        CHECK(error.path().find("x.keras") != std::string::npos);
    }
    CHECK(refusal([](Parts& parts) { parts["../"] = ""; }).code() == ErrorCode::unsafe_name);
    CHECK(refusal([](Parts& parts) { parts["Config.JSON"] = "{}"; }).code() == ErrorCode::damaged);
    Model model = test::small_model();
    model.assets = {asset("../x", "x")};
    CHECK(test::code_of([&] { saved(model); }) == ErrorCode::unsafe_name);
    model.assets = {asset("config.json", "{}")};
    CHECK(test::code_of([&] { saved(model); }) == ErrorCode::unsupported);
}

TEST_CASE("missing and broken parts are named") {
    const auto without = [](const char* name) { return refusal([&](Parts& parts) { parts.erase(name); }); };
    CHECK(without("config.json").code() == ErrorCode::damaged);
    CHECK(without("config.json").message().find("config.json") != std::string::npos);
    CHECK(without("model.weights.h5").code() == ErrorCode::damaged);
    CHECK(without("model.weights.h5").message().find("model.weights.h5") != std::string::npos);

    const Error npz = refusal([](Parts& parts) {
        parts.erase("model.weights.h5");
        parts["model.weights.npz"] = "PK";
    });
    CHECK(npz.code() == ErrorCode::unsupported);
    CHECK(npz.message().find("pickle") != std::string::npos);

    for (const char* text : {"", "{", "[]", "null", "{}", R"({"class_name": "Sequential"})",
                             R"({"class_name": 1, "config": {}})", "\x80\x04"}) {
        CAPTURE(std::string(text));
        const Error error = refusal([&](Parts& parts) { parts["config.json"] = text; });
        CHECK(error.code() == ErrorCode::damaged);
        CHECK(error.path().ends_with("x.keras!config.json"));
    }
    const Error hdf5 = refusal([](Parts& parts) { parts["model.weights.h5"].resize(1000); });
    CHECK(hdf5.kind() == ErrorKind::damaged);
    CHECK(hdf5.path().ends_with("x.keras!model.weights.h5"));
}

TEST_CASE("metadata.json may be missing or broken: Keras never reads it") {
    Parts parts = good_parts();
    parts["metadata.json"] = "{oops";
    const auto odd = reopened(parts);
    CHECK(odd->warnings().size() == 1);
    CHECK(test::values(*odd) == test::values(test::small_model()));
    parts.erase("metadata.json");
    CHECK(reopened(parts)->warnings().empty());
}

TEST_CASE("a config that does not fit gives way to the names in the weights") {
    Parts parts = good_parts();
    const std::vector<std::string> names = {"first"};
    parts["config.json"] = json::write(test::dense_config(names));
    const auto archive = reopened(parts);
    REQUIRE(archive->warnings().size() == 1);
    CHECK(archive->warnings()[0].find("config") != std::string::npos);
    CHECK(test::values(*archive) == test::values(test::small_model()));
    // Written again, everything is where it was.
    CHECK(parts_of(saved(archive->model())).at("model.weights.h5") == parts.at("model.weights.h5"));
}

TEST_CASE("what the file is decides, not its name") {
    const Parts parts = good_parts();
    CHECK(reopened(parts, "plain")->format().id == "keras");
    const auto named = reopened(parts, "x.npz");
    CHECK(named->format().id == "keras");
    CHECK(named->warnings().size() == 1);
    const auto hdf5 = test::open_bytes("x.keras", parts.at("model.weights.h5"));
    CHECK(hdf5->format().id == "weights_h5");
    CHECK(hdf5->warnings().size() == 1);
}

TEST_CASE("models without a config, or with one of another Keras, are not written") {
    Model model = test::small_model();
    Report report;
    SaveOptions options;
    options.weights_only = true;
    const Error alone = test::error_of([&] { saved(model, options); });
    CHECK(alone.code() == ErrorCode::invalid_argument);
    CHECK(alone.hint().find(".weights.h5") != std::string::npos);

    Model bare = model;
    bare.config = Tree();
    CHECK(test::code_of([&] { saved(bare); }) == ErrorCode::needs_config);

    Model old = model;
    old.config.set("keras_version", "2.15.0");
    const Error keras2 = test::error_of([&] { saved(old); });
    CHECK(keras2.code() == ErrorCode::unsupported);
    CHECK(keras2.hint().find("--config") != std::string::npos);

    Model whole = model;
    whole.config.erase("module");
    whole.config.erase("registered_name");
    CHECK(test::code_of([&] { saved(whole); }) == ErrorCode::unsupported);
}

TEST_CASE("a flipped bit anywhere in a member is noticed") {
    const Location file = saved(test::small_model());
    const std::string good = test::text_of(file);
    for (const zip::Member& member : members_of(file)) {
        for (std::uint64_t at = member.data_offset; at < member.data_offset + member.size; at += 37) {
            std::string bad = good;
            bad[static_cast<std::size_t>(at)] = static_cast<char>(bad[static_cast<std::size_t>(at)] ^ 4);
            CAPTURE(member.name);
            CAPTURE(at);
            const Error error = test::error_of([&] { test::values(*test::open_bytes("x.keras", bad)); });
            CHECK(error.kind() == ErrorKind::damaged);
        }
    }
}
