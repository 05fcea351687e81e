// SPDX-License-Identifier: Apache-2.0
// Loading plugins: what becomes of a good one, and what is refused.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "ballast/ballast.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/save_in_memory.h"
#include "support/scratch.h"

using namespace ballast;
namespace fs = std::filesystem;

namespace {

const fs::path plugins = BALLAST_TEST_PLUGINS;

ErrorCode refused(const fs::path& file) {
    return test::code_of([&] { Registry::load(file); });
}

}  // namespace

TEST_CASE("a plugin becomes a format like the others") {
    const Registry& before = Registry::current();
    const std::size_t known = before.formats().size(), plugins_before = before.plugins().size();
    const std::size_t built_in = Registry::builtin().formats().size();
    const LoadedPlugin plugin = Registry::load(plugins / "flat.so");
    CHECK(plugin.version == "1.2");
    CHECK(plugin.path == fs::canonical(plugins / "flat.so"));
    CHECK(plugin.format->id == "flat");
    const Registry& now = Registry::current();
    CHECK(now.formats().size() == known + 1);
    CHECK(now.plugins().size() == plugins_before + 1);
    CHECK(before.formats().size() == known);  // whoever has the old one may go on using it
    CHECK(Registry::builtin().formats().size() == built_in);
    CHECK(&now.find("flat").info() == plugin.format);
    CHECK(&now.find("flat_tensors").info() == plugin.format);
    CHECK(&now.for_writing("", "x.flat").info() == plugin.format);
    // The same file once more, under whatever name.
    CHECK(Registry::load(plugins / "." / "flat.so").format == plugin.format);
    CHECK(Registry::load_folder(plugins).size() == 1);
    CHECK(Registry::current().formats().size() == known + 1);

    const Model model = test::loose_model({test::tensor("some/tensor", DType::float32, {2, 3})});
    const Location file = test::save_in_memory(now.find("flat"), model, "x.flat");
    const auto archive = open(file);
    CHECK(archive->format().id == "flat");
    CHECK(archive->index().tensors()[0].name == "some/tensor");
}

TEST_CASE("what is no plugin of this version is refused") {
    CHECK(refused(plugins / "broken" / "no_plugin.so") == ErrorCode::unsupported);
    const Error other = test::error_of([] { Registry::load(plugins / "broken" / "other_abi.so"); });
    CHECK(other.code() == ErrorCode::unsupported);
    CHECK(other.message().find("version 2") != std::string::npos);
    CHECK(refused(plugins / "not_there.so") == ErrorCode::not_found);
    CHECK(refused(plugins) == ErrorCode::not_a_file);
    CHECK(test::code_of([] { Registry::load_folder(plugins / "not_there"); }) == ErrorCode::not_found);
    CHECK(test::code_of([] { Registry::load_folder(plugins / "flat.so"); }) == ErrorCode::not_found);
}

TEST_CASE("text is no shared object, and nothing is loaded from where everybody writes") {
    const test::Scratch scratch;
    const fs::path text = scratch.path() / "text.so";
    std::ofstream(text) << "not code";
    CHECK(refused(text) == ErrorCode::unreadable);
    const fs::path copy = scratch.path() / "copy.so";
    fs::copy_file(plugins / "flat.so", copy);
    fs::permissions(copy, fs::perms::others_write, fs::perm_options::add);
    CHECK(refused(copy) == ErrorCode::unsafe_name);
    fs::permissions(copy, fs::perms::others_write, fs::perm_options::remove);
    fs::permissions(scratch.path(), fs::perms::others_write, fs::perm_options::add);
    CHECK(refused(copy) == ErrorCode::unsafe_name);
    CHECK(test::code_of([&] { Registry::load_folder(scratch.path()); }) == ErrorCode::unsafe_name);
    fs::permissions(scratch.path(), fs::perms::others_write, fs::perm_options::remove);
    // Its id is taken by the first one: two plugins of one name are not told apart.
    Registry::load(plugins / "flat.so");
    CHECK(refused(copy) == ErrorCode::ambiguous_name);
}
