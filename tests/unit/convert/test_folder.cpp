// SPDX-License-Identifier: Apache-2.0
// A folder put in place whole: the old one or the new one, whatever fails, and nothing besides.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "convert/transfer.h"
#include "support/expect_error.h"
#include "support/fault_fs.h"
#include "support/sample.h"
#include "support/scratch.h"

using namespace ballast;
using test::bytes_of;
using test::code_of;

namespace {

using Content = std::map<std::string, std::string>;

WritePlan folder_plan(const std::string& folder, const Content& files) {
    WritePlan plan;
    for (const auto& [name, text] : files) {
        PlannedFile& file = plan.files.emplace_back();
        file.name = folder + "/" + name;
        file.size = text.size();
        if (!text.empty()) file.pieces.push_back({0, FixedBytes{bytes_of(text)}});
    }
    plan.commit = folder + "/";
    return plan;
}

const Content old_files = {{"graph", "old graph"}, {"vars/data", "old data"}, {"vars/index", "old index"}};
const Content new_files = {{"graph", "new graph"}, {"vars/data", "new data"}, {"more/deep/file", ""}};

WriteOptions options_for(Overwrite overwrite, bool nonatomic = false) {
    WriteOptions options;
    options.overwrite = overwrite;
    options.threads = 1;
    options.allow_nonatomic = nonatomic;
    return options;
}

/// Every file below a folder; folders without files do not show.
Content files_in(const io::Fs& fs, const std::string& top) {
    Content found;
    std::vector<std::string> folders = {top};
    for (std::size_t at = 0; at < folders.size(); ++at) {
        for (const io::DirEntry& entry : fs.list(folders[at])) {
            const std::string name = folders[at] + "/" + entry.name;
            if (entry.kind == io::FileKind::directory) {
                folders.push_back(name);
                continue;
            }
            const auto bytes = test::contents(fs, name);
            found.emplace(name.substr(top.size() + 1),
                          std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
        }
    }
    return found;
}

std::vector<std::string> names_in(const io::Fs& fs) {
    std::vector<std::string> names;
    for (const auto& entry : fs.list(""))
        names.push_back(entry.name);
    return names;
}

using NameList = std::vector<std::string>;

/// Saves the new folder over the old one with a fault at every call in turn.
std::size_t fail_everywhere(bool exchange, bool durable) {
    std::size_t failures = 0;
    for (const bool from_then_on : {false, true}) {
        for (std::uint64_t at = 0;; ++at) {
            CAPTURE(at);
            CAPTURE(from_then_on);
            const auto inner = io::memory();
            execute(folder_plan("out", old_files), inner, options_for(Overwrite::refuse));
            const auto fs =
                std::make_shared<test::FaultFs>(inner, test::Fault{at, from_then_on, ErrorCode::write_failed},
                                                io::Fs::Traits{true, exchange, durable});
            WriteOptions options = options_for(Overwrite::allow, !exchange);
            options.durable = durable;
            bool failed = false;
            try {
                execute(folder_plan("out", new_files), fs, options);
            } catch (const Error& error) {
                failed = true;
                CHECK(error.code() == ErrorCode::write_failed);
            }
            failures += failed ? 1 : 0;
            const bool over = at >= fs->counter().log().size();
            if (over) CHECK_FALSE(failed);
            // In two steps there may be a moment without the folder, when even going back fails.
            if (exchange || inner->stat("out")) {
                const Content found = files_in(*inner, "out");
                CHECK((found == old_files || found == new_files));
                if (!failed) CHECK(found == new_files);
                // Whatever could not be removed goes with the next save.
                execute(folder_plan("out", new_files), inner, options_for(Overwrite::allow));
                CHECK(names_in(*inner) == NameList{"out"});
            }
            if (over) break;
        }
    }
    return failures;
}

}  // namespace

TEST_CASE("a folder is made, refused and replaced as a whole") {
    const test::Scratch scratch;
    for (const auto& fs : {io::memory(), io::local(scratch.path())}) {
        execute(folder_plan("out", old_files), fs, options_for(Overwrite::refuse));
        CHECK(files_in(*fs, "out") == old_files);
        const WritePlan plan = folder_plan("out", new_files);
        CHECK(code_of([&] { execute(plan, fs, options_for(Overwrite::refuse)); }) == ErrorCode::exists);
        CHECK(files_in(*fs, "out") == old_files);
        execute(plan, fs, options_for(Overwrite::allow));
        CHECK(files_in(*fs, "out") == new_files);
        CHECK(names_in(*fs) == NameList{"out"});
        test::put_file(*fs, "file", bytes_of("mine"));
        CHECK(code_of([&] { execute(folder_plan("file", new_files), fs, options_for(Overwrite::allow)); }) ==
              ErrorCode::not_a_file);
        CHECK(test::contents(*fs, "file") == bytes_of("mine"));
        CHECK(names_in(*fs) == NameList{"file", "out"});
    }
    std::filesystem::create_directory_symlink("out", scratch / "link");
    CHECK(code_of([&] {
              execute(folder_plan("link", new_files), io::local(scratch.path()),
                      options_for(Overwrite::allow));
          }) == ErrorCode::symlink_refused);
}

TEST_CASE("empty folders are made too") {
    const auto fs = io::memory();
    WritePlan plan = folder_plan("out", new_files);
    plan.files.emplace_back().name = "out/assets/";
    execute(plan, fs, options_for(Overwrite::refuse));
    REQUIRE(fs->stat("out/assets"));
    CHECK(fs->stat("out/assets")->kind == io::FileKind::directory);
    CHECK(files_in(*fs, "out") == new_files);
}

TEST_CASE("a folder's mode is kept") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    execute(folder_plan("out", old_files), fs, options_for(Overwrite::refuse));
    fs->set_mode("out", 0700);
    execute(folder_plan("out", new_files), fs, options_for(Overwrite::allow));
    CHECK(fs->stat("out")->mode == 0700);
}

TEST_CASE("a fault at any call leaves the old folder or the new one") {
    CHECK(fail_everywhere(true, true) > 50);
    CHECK(fail_everywhere(true, false) > 30);
    CHECK(fail_everywhere(false, true) > 50);
}

TEST_CASE("without exchange a folder is replaced only where two steps are allowed") {
    const auto inner = io::memory();
    const auto fs = std::make_shared<test::FaultFs>(inner, test::Fault{}, io::Fs::Traits{true, false, false});
    execute(folder_plan("out", old_files), fs, options_for(Overwrite::allow));
    const WritePlan plan = folder_plan("out", new_files);
    CHECK(code_of([&] { execute(plan, fs, options_for(Overwrite::allow)); }) == ErrorCode::not_atomic);
    CHECK(files_in(*inner, "out") == old_files);
    execute(plan, fs, options_for(Overwrite::allow, true));
    CHECK(files_in(*inner, "out") == new_files);
    CHECK(names_in(*inner) == NameList{"out"});
}

TEST_CASE("folders that crashed saves left go with the next one, those in use stay") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    std::filesystem::create_directories(scratch / ".out.0123456789ab.ballast-tmp.d" / "vars");
    test::write_file(scratch / ".out.0123456789ab.ballast-tmp.d" / "vars" / "x", "litter");
    std::filesystem::create_directories(scratch / ".other.0123456789ab.ballast-tmp.d");
    const auto living = fs->create_temporary("out");
    std::filesystem::create_directories(scratch / (living->name() + ".d"));
    execute(folder_plan("out", new_files), fs, options_for(Overwrite::allow));
    CHECK(scratch.names() ==
          NameList{".other.0123456789ab.ballast-tmp.d", living->name(), living->name() + ".d", "out"});
}

TEST_CASE("a plan of a folder names nothing outside of it") {
    const auto fs = io::memory();
    WritePlan plan = folder_plan("out", new_files);
    plan.files.front().name = "elsewhere";
    CHECK(code_of([&] { execute(plan, fs, options_for(Overwrite::allow)); }) == ErrorCode::internal);
    CHECK(names_in(*fs).empty());
}
