// SPDX-License-Identifier: Apache-2.0
// Old or new, never between: what a save leaves behind when it succeeds, is refused, or fails at any call.
#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "convert/transfer.h"
#include "support/expect_error.h"
#include "support/fault_fs.h"
#include "support/sample.h"
#include "support/scratch.h"
#include "support/toy_chunks.h"

using namespace ballast;
using test::Bytes;
using test::bytes_of;
using test::code_of;

namespace {

WritePlan plan_for(const std::string& name, const Bytes& bytes) {
    WritePlan plan{{{name, bytes.size(), {}, Checksum::none}}, name, {}, nullptr};
    plan.files[0].pieces.push_back({0, FixedBytes{bytes}});
    return plan;
}

WriteOptions overwriting(Overwrite overwrite = Overwrite::allow) {
    WriteOptions options;
    options.overwrite = overwrite;
    options.threads = 1;
    return options;
}

std::vector<std::string> names_in(const io::Fs& fs) {
    std::vector<std::string> names;
    for (const auto& entry : fs.list(""))
        names.push_back(entry.name);
    return names;
}

using NameList = std::vector<std::string>;

}  // namespace

TEST_CASE("an existing file is replaced only when that is allowed") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    test::put_file(*fs, "out", bytes_of("old"));
    const WritePlan plan = plan_for("out", bytes_of("new"));
    const Error refused = test::error_of([&] { execute(plan, fs, overwriting(Overwrite::refuse)); });
    CHECK(refused.code() == ErrorCode::exists);
    CHECK(refused.path() == (scratch / "out").string());
    CHECK(test::contents(*fs, "out") == bytes_of("old"));

    WriteOptions asking = overwriting(Overwrite::ask);
    CHECK(code_of([&] { execute(plan, fs, asking); }) == ErrorCode::exists);
    std::string asked;
    bool answer = false;
    asking.ask = [&](const std::string& path) {
        asked = path;
        return answer;
    };
    CHECK(code_of([&] { execute(plan, fs, asking); }) == ErrorCode::exists);
    CHECK(asked == (scratch / "out").string());
    CHECK(test::contents(*fs, "out") == bytes_of("old"));
    answer = true;
    execute(plan, fs, asking);
    CHECK(test::contents(*fs, "out") == bytes_of("new"));
    execute(plan_for("out", bytes_of("newer")), fs, overwriting());
    CHECK(test::contents(*fs, "out") == bytes_of("newer"));
    CHECK(scratch.names() == NameList{"out"});
}

TEST_CASE("a file that appears while we write is not replaced without permission") {
    const auto fs = io::memory();
    WriteOptions options = overwriting(Overwrite::refuse);
    bool placed = false;
    options.cancel = [&] {
        if (!placed) test::put_file(*fs, "out", bytes_of("theirs"));
        placed = true;
        return false;
    };
    CHECK(code_of([&] { execute(plan_for("out", bytes_of("ours")), fs, options); }) == ErrorCode::exists);
    CHECK(test::contents(*fs, "out") == bytes_of("theirs"));
    CHECK(names_in(*fs) == NameList{"out"});
}

TEST_CASE("links, folders and special files are no destinations") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    test::write_file(scratch / "real", "old");
    std::filesystem::create_symlink("real", scratch / "link");
    std::filesystem::create_symlink("nowhere", scratch / "dangling");
    std::filesystem::create_directory(scratch / "folder");
    REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
    const auto before = scratch.names();
    const auto code = [&](const std::string& name) {
        return code_of([&] { execute(plan_for(name, bytes_of("new")), fs, overwriting()); });
    };
    CHECK(code("link") == ErrorCode::symlink_refused);
    CHECK(code("dangling") == ErrorCode::symlink_refused);
    CHECK(code("folder") == ErrorCode::not_a_file);
    CHECK(code("fifo") == ErrorCode::not_a_file);
    CHECK(scratch.names() == before);
    CHECK(test::read_file(scratch / "real") == "old");
}

TEST_CASE("the old file's mode is kept, a new file has what umask leaves") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    for (const std::uint32_t mode : {0600U, 0644U, 0400U, 0777U}) {
        test::put_file(*fs, "out", bytes_of("old"));
        fs->set_mode("out", mode);
        execute(plan_for("out", bytes_of("new")), fs, overwriting());
        CHECK(fs->stat("out")->mode == mode);
    }
    const mode_t mask = ::umask(027);
    execute(plan_for("fresh", bytes_of("new")), fs, overwriting());
    ::umask(mask);
    CHECK(fs->stat("fresh")->mode == 0640);
}

TEST_CASE("without atomic renames, replacing needs a permission of its own") {
    const auto inner = io::memory();
    const auto fs =
        std::make_shared<test::FaultFs>(inner, test::Fault{}, io::Fs::Traits{false, false, false});
    execute(plan_for("out", bytes_of("first")), fs, overwriting());
    CHECK(code_of([&] { execute(plan_for("out", bytes_of("new")), fs, overwriting()); }) ==
          ErrorCode::not_atomic);
    CHECK(test::contents(*inner, "out") == bytes_of("first"));
    WriteOptions options = overwriting();
    options.allow_nonatomic = true;
    execute(plan_for("out", bytes_of("new")), fs, options);
    CHECK(test::contents(*inner, "out") == bytes_of("new"));
}

TEST_CASE("left-overs of a crashed save go with the next one, living ones stay") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    test::write_file(scratch / ".out.0123456789ab.ballast-tmp", "litter");
    test::write_file(scratch / ".other.0123456789ab.ballast-tmp", "litter");
    const auto living = fs->create_temporary("out");
    execute(plan_for("out", bytes_of("new")), fs, overwriting());
    CHECK(scratch.names() == NameList{".other.0123456789ab.ballast-tmp", living->name(), "out"});
}

TEST_CASE("a file may be replaced by something made of itself") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    const Bytes bytes = test::noise(3u << 20, 1);
    test::put_file(*fs, "out", bytes);
    WritePlan plan{{{"out", bytes.size() - 1, {}, Checksum::none}}, "out", {}, nullptr};
    plan.files[0].pieces.push_back({0, CopiedBytes{{fs->open("out"), 1, bytes.size() - 1}}});
    execute(plan, fs, overwriting());
    CHECK(test::contents(*fs, "out") == Bytes(bytes.begin() + 1, bytes.end()));
}

TEST_CASE("durable means: files synced before the rename, the folder after it") {
    const auto run = [](bool durable) {
        const auto fs = std::make_shared<test::FaultFs>(io::memory());
        WriteOptions options = overwriting();
        options.durable = durable;
        execute(test::toy_plan("toy", {test::floats({4}, {1, 2, 3, 4}), {2}, test::deflate_codec(1)}), fs,
                options);
        NameList log;
        for (const std::string& call : fs->counter().log())
            if (call.starts_with("sync") || call == "rename" || call == "close") log.push_back(call);
        return log;
    };
    CHECK(run(true) ==
          NameList{"sync", "close", "sync", "close", "rename", "sync_directory", "rename", "sync_directory"});
    CHECK(run(false) == NameList{"close", "close", "rename", "rename"});
}

TEST_CASE("a set: members never replace, the old ones go last, the commit file decides") {
    const auto fs = io::memory();
    test::put_file(*fs, "set.json", bytes_of("old index"));
    test::put_file(*fs, "set_0", bytes_of("old member"));
    WritePlan plan = plan_for("set_1", bytes_of("new member"));
    plan.files.push_back(plan_for("set.json", bytes_of("new index")).files[0]);
    plan.commit = "set.json";
    plan.remove_after = {"set_0", "set_9", "set_1"};  // not there; ours: left alone
    CHECK(execute(plan, fs, overwriting()).not_removed.empty());
    CHECK(names_in(*fs) == NameList{"set.json", "set_1"});
    CHECK(test::contents(*fs, "set.json") == bytes_of("new index"));
    CHECK(code_of([&] { execute(plan, fs, overwriting()); }) == ErrorCode::exists);  // set_1 is in use
    CHECK(test::contents(*fs, "set_1") == bytes_of("new member"));
    plan.files[0].name = "set.json";
    CHECK(code_of([&] { execute(plan, fs, overwriting()); }) == ErrorCode::internal);
    plan.files[0].name = "set_2";
    plan.commit = "elsewhere";
    CHECK(code_of([&] { execute(plan, fs, overwriting()); }) != ErrorCode::internal);
    CHECK(names_in(*fs) == NameList{"set.json", "set_1"});
}

namespace {

struct Outcome {
    std::uint64_t failures = 0;
    std::uint64_t completed = 0;
};

/// Runs the save with a fault at every call in turn; `is_old` and `is_new` judge what is left.
template <class Prepare, class Save, class IsOld, class IsNew>
Outcome fail_everywhere(Prepare prepare, Save save, IsOld is_old, IsNew is_new) {
    Outcome outcome;
    for (const bool from_then_on : {false, true}) {
        for (const ErrorCode code : {ErrorCode::no_space, ErrorCode::write_failed}) {
            for (std::uint64_t at = 0;; ++at) {
                const auto inner = io::memory();
                prepare(*inner);
                const auto fs = std::make_shared<test::FaultFs>(inner, test::Fault{at, from_then_on, code});
                CAPTURE(at);
                CAPTURE(from_then_on);
                bool failed = false;
                try {
                    save(fs);
                } catch (const Error& error) {
                    failed = true;
                    CHECK(error.code() == code);
                }
                const auto log = fs->counter().log();
                if (at >= log.size()) {
                    CHECK_FALSE(failed);
                    CHECK(is_new(*inner));
                    break;
                }
                CAPTURE(log[at]);
                // Only the folder's sync after the commit fails with the new state in place.
                if (failed) {
                    const bool after_commit = log[at] == "sync_directory" && is_new(*inner);
                    CHECK((is_old(*inner) || after_commit));
                } else {
                    CHECK(log[at] == "remove");  // an old member that could not be removed
                }
                ++(failed ? outcome.failures : outcome.completed);
            }
        }
    }
    return outcome;
}

}  // namespace

TEST_CASE("a fault at any call of a single-file save leaves the old file, no litter and a typed error") {
    const Bytes bytes = test::noise(3u << 20, 1);
    for (const unsigned threads : {1U, 3U}) {
        const Outcome outcome = fail_everywhere(
            [](io::Fs& fs) {
                test::put_file(fs, "out", bytes_of("old"));
                fs.set_mode("out", 0600);
            },
            [&](const std::shared_ptr<io::Fs>& fs) {
                WritePlan plan = plan_for("out", {});
                plan.files[0].size = bytes.size() + 1000;
                plan.files[0].pieces = {{0, FixedBytes{bytes}}};
                WriteOptions options = overwriting();
                options.threads = threads;
                execute(plan, fs, options);
            },
            [](const io::Fs& fs) {
                return names_in(fs) == NameList{"out"} && test::contents(fs, "out") == bytes_of("old");
            },
            [&](const io::Fs& fs) {
                return names_in(fs) == NameList{"out"} &&
                       test::contents(fs, "out").size() == bytes.size() + 1000;
            });
        CHECK(outcome.failures > 40);
        CHECK(outcome.completed == 0);
    }
}

TEST_CASE("a fault at any call of a set's save leaves the old set") {
    const test::ToyTensor tensor{
        test::floats({5, 3}, std::vector<float>(15, 1)), {2, 2}, test::deflate_codec(6)};
    const auto old_names = NameList{"old_member", "set.crc"};
    const Outcome outcome = fail_everywhere(
        [](io::Fs& fs) {
            test::put_file(fs, "set.crc", bytes_of("old"));
            test::put_file(fs, "old_member", bytes_of("member"));
        },
        [&](const std::shared_ptr<io::Fs>& fs) {
            WritePlan plan = test::toy_plan("set", tensor);
            plan.remove_after = {"old_member"};
            WriteOptions options = overwriting();
            options.threads = 2;
            const TransferStats stats = execute(plan, fs, options);
            CHECK(stats.not_removed.size() <= 1);
        },
        [&](const io::Fs& fs) {
            return names_in(fs) == old_names && test::contents(fs, "set.crc") == bytes_of("old");
        },
        [&](const io::Fs& fs) {
            const auto names = names_in(fs);
            return std::find(names.begin(), names.end(), "set") != names.end() &&
                   test::contents(fs, "set.crc") != bytes_of("old");
        });
    CHECK(outcome.failures > 60);
    // Once the commit is done, failing to remove an old member or to sync its removal no longer fails the
    // save.
    CHECK(outcome.completed >= 2);
    CHECK(outcome.completed <= 4);
}

TEST_CASE("a fault in the source leaves the old file") {
    const auto inner = io::memory();
    test::put_file(*inner, "in", test::noise(4u << 20, 1));
    const auto reading =
        std::make_shared<test::FaultFs>(inner, test::Fault{3, false, ErrorCode::read_failed});
    const auto fs = io::memory();
    test::put_file(*fs, "out", bytes_of("old"));
    WritePlan plan{{{"out", 4u << 20, {}, Checksum::none}}, "out", {}, nullptr};
    plan.files[0].pieces.push_back(
        {0, TensorBytes{test::stored_at(reading->open("in"), 0, DType::uint8, {4u << 20})}});
    CHECK(code_of([&] { execute(plan, fs, overwriting()); }) == ErrorCode::read_failed);
    CHECK(test::contents(*fs, "out") == bytes_of("old"));
    CHECK(names_in(*fs) == NameList{"out"});
}

TEST_CASE("a full disk (file size limit) is no_space, with the old file intact") {
    const test::Scratch scratch;
    test::write_file(scratch / "out", "old");
    const Bytes bytes = test::noise(4u << 20, 1);
    test::put_file(*io::local(scratch.path()), "in", bytes);
    // In a child: the limit cannot be raised again by everybody.
    for (const bool kernel_copy : {true, false}) {
        const pid_t child = ::fork();
        if (child == 0) {
            std::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{1u << 20, 1u << 20};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            const auto fs = io::local(scratch.path());
            WritePlan plan = plan_for("out", kernel_copy ? Bytes{} : bytes);
            if (kernel_copy) {
                plan.files[0].size = bytes.size();
                plan.files[0].pieces = {{0, CopiedBytes{{fs->open("in"), 0, bytes.size()}}}};
            }
            WriteOptions options = overwriting();
            options.threads = 2;
            const Error error = test::error_of([&] { execute(plan, fs, options); });
            ::_exit(error.code() == ErrorCode::no_space && error.path() == (scratch / "out").string() ? 0
                                                                                                      : 1);
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
        CHECK(test::read_file(scratch / "out") == "old");
        CHECK(scratch.names() == NameList{"in", "out"});
    }
}

TEST_CASE("saves leak no descriptors, whether they succeed or fail") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    const std::size_t before = test::open_descriptors();
    execute(plan_for("out", test::noise(100000, 1)), fs, overwriting());
    CHECK(test::open_descriptors() == before);
    CHECK(code_of([&] { execute(plan_for("out", {}), fs, overwriting(Overwrite::refuse)); }) ==
          ErrorCode::exists);
    WriteOptions options = overwriting();
    options.cancel = [] { return true; };
    CHECK(code_of([&] { execute(plan_for("out", {}), fs, options); }) == ErrorCode::cancelled);
    CHECK(test::open_descriptors() == before);
}

TEST_CASE("readers and writers at once: every reader sees one whole version") {
    const test::Scratch scratch;
    const auto fs = io::local(scratch.path());
    const auto version = [](int i) { return Bytes(200000, static_cast<std::byte>(i)); };
    execute(plan_for("out", version(0)), fs, overwriting());
    const pid_t child = ::fork();
    if (child == 0) {
        WriteOptions options = overwriting();
        options.durable = false;
        for (int i = 1; i <= 200; ++i)
            execute(plan_for("out", version(i)), fs, options);
        ::_exit(0);
    }
    int status = 0;
    std::size_t reads = 0;
    bool whole = true;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        const Bytes seen = test::contents(*fs, "out");
        whole = whole && seen == Bytes(200000, seen.empty() ? std::byte{} : seen[0]);
        ++reads;
    }
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(whole);
    CHECK(reads > 0);
    CHECK(scratch.names() == NameList{"out"});
}
