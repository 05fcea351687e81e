// SPDX-License-Identifier: Apache-2.0
// ModelCheckpoint and BackupAndRestore: which files are there afterwards. What Keras does on the same logs is
// compared in tests/interop/test_checkpoints.py.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "support/expect_error.h"
#include "support/scratch.h"
#include "unit/program/nets.h"

using namespace nets;
using ballast::CheckpointOptions;
using ballast::ErrorCode;
using ballast::ModelCheckpoint;
using ballast::test::code_of;
using Names = std::vector<std::string>;
namespace stdfs = std::filesystem;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// The checkpoints in the folder, without the file that remembers them.
Names names(const ballast::test::Scratch& scratch) {
    Names found;
    for (const std::string& name : scratch.names())
        if (!name.starts_with('.')) found.push_back(name);
    return found;
}

std::string in(const ballast::test::Scratch& scratch, std::string_view name) {
    return (scratch / name).string();
}

Mlp marked(float mark) {
    Mlp net = mlp();
    net.head.bias[0] = mark;
    return net;
}

float mark_of(const stdfs::path& path) {
    Mlp net;
    ballast::load_weights(net, path);
    return net.head.bias[0];
}

/// Epochs with these values of val_loss.
void run(ModelCheckpoint& saver, const std::vector<double>& losses, std::uint64_t first = 0) {
    for (std::size_t i = 0; i < losses.size(); ++i)
        saver.on_epoch_end(marked(static_cast<float>(first + i)), first + i, {{"val_loss", losses[i]}});
}

}  // namespace

TEST_CASE("names are filled in as Python does") {
    ballast::test::Scratch scratch;
    ModelCheckpoint saver(in(scratch, "a/{epoch:02d}-{val_loss:.2f}{{x}}.weights.h5"));
    const auto path = saver.on_epoch_end(mlp(), 6, {{"val_loss", 0.567}});
    CHECK(path == scratch / "a/07-0.57{x}.weights.h5");
    CHECK(mark_of(*path) == mlp().head.bias[0]);
    CHECK(code_of([&] { saver.on_epoch_end(mlp(), 7, {{"loss", 1}}); }) == ErrorCode::name_not_found);
    for (const char* name : {"{", "}", "{}", "{0}", "{a.b}", "{a!r}", "{a:{b}}"}) {
        CAPTURE(name);
        CHECK(code_of([&] { ModelCheckpoint(in(scratch, name)); }) == ErrorCode::invalid_argument);
    }
    ModelCheckpoint wrong(in(scratch, "{epoch:.2d}.weights.h5"));
    CHECK(code_of([&] { wrong.on_epoch_end(mlp(), 0, {}); }) == ErrorCode::invalid_argument);
}

TEST_CASE("the newest, the best, and some for good") {
    ballast::test::Scratch scratch;
    const auto name = in(scratch, "{epoch}.weights.h5");
    SUBCASE("newest") {
        ModelCheckpoint saver(name, {.max_to_keep = 2});
        run(saver, {1, 2, 3, 4});
        CHECK(names(scratch) == Names{"3.weights.h5", "4.weights.h5"});
    }
    SUBCASE("best, a NaN and equal values") {
        ModelCheckpoint saver(name, {.keep_best = 2});
        run(saver, {3, not_a_number, 1, 2, 1, not_a_number});
        CHECK(names(scratch) == Names{"3.weights.h5", "5.weights.h5"});
        CHECK(saver.best() == 1);
    }
    SUBCASE("both") {
        ModelCheckpoint saver(name, {.mode = ballast::MonitorMode::max, .max_to_keep = 1, .keep_best = 1});
        run(saver, {1, 5, 2, 3});
        CHECK(names(scratch) == Names{"2.weights.h5", "4.weights.h5"});
        REQUIRE(saver.kept().size() == 2);
        CHECK(saver.kept()[0].value == 5);
        CHECK(saver.kept()[1].epoch == 3);
    }
    SUBCASE("for good") {
        std::chrono::system_clock::time_point now{};
        ModelCheckpoint saver(name, {.max_to_keep = 1, .keep_every = std::chrono::hours(2), .clock = [&] {
                                         return now += std::chrono::hours(1);
                                     }});
        run(saver, {1, 1, 1, 1, 1, 1});  // saved at 2, 3, 4, 5, 6 and 7; counted from 1
        CHECK(names(scratch) == Names{"2.weights.h5", "4.weights.h5", "6.weights.h5"});
        CHECK(saver.kept()[0].for_good);
        CHECK(!saver.kept()[2].for_good);
    }
    SUBCASE("for good without other rules: all stay, and a later run leaves those that are marked") {
        std::chrono::system_clock::time_point now{};
        const auto clock = [&] { return now += std::chrono::hours(1); };
        {
            ModelCheckpoint saver(name, {.keep_every = std::chrono::hours(2), .clock = clock});
            run(saver, {1, 1, 1, 1});
            CHECK(names(scratch).size() == 4);
            std::vector<bool> marked;
            for (const auto& kept : saver.kept())
                marked.push_back(kept.for_good);
            CHECK(marked == std::vector<bool>{false, true, false, true});
        }
        ModelCheckpoint later(name, {.max_to_keep = 1, .clock = clock});
        run(later, {1});  // over the first one
        CHECK(names(scratch) == Names{"1.weights.h5", "2.weights.h5", "4.weights.h5"});
    }
}

TEST_CASE("a set of shards and an overwritten name") {
    ballast::test::Scratch scratch;
    ModelCheckpoint sets(
        in(scratch, "{epoch}.weights.json"),
        {.max_to_keep = 1, .save = {.overwrite = true, .max_shard_size = ballast::Bytes(64)}});
    run(sets, {1, 2});
    CHECK(names(scratch).size() == 3);
    CHECK(names(scratch).front() == "2.weights.json");
    ballast::test::Scratch other;
    ModelCheckpoint one(in(other, "last.weights.h5"), {.max_to_keep = 1});
    run(one, {1, 2, 3});
    CHECK(names(other) == Names{"last.weights.h5"});
    CHECK(mark_of(other / "last.weights.h5") == 2);
    CHECK(code_of([&] { ModelCheckpoint(in(other, "last.weights.h5"), {.keep_best = 2}); }) ==
          ErrorCode::invalid_argument);
}

TEST_CASE("a new run goes on where the last one stopped") {
    ballast::test::Scratch scratch;
    const auto name = in(scratch, "{epoch}.weights.h5");
    const CheckpointOptions options{.save_best_only = true, .max_to_keep = 2};
    {
        ModelCheckpoint saver(name, options);
        run(saver, {3, 2});
    }
    stdfs::remove(scratch / "1.weights.h5");
    ModelCheckpoint saver(name, options);
    CHECK(saver.best() == 2);
    CHECK(saver.kept().size() == 1);
    run(saver, {2.5, 1, 0.5}, 2);
    CHECK(names(scratch) == Names{"4.weights.h5", "5.weights.h5"});
    // Not of another quantity, and not when that is not wanted.
    CHECK(!ModelCheckpoint(name, {.monitor = "loss"}).best());
    CHECK(!ModelCheckpoint(name, {.resume = false}).best());
    CHECK(ModelCheckpoint(name, {.initial_value_threshold = 0.1}).best() == 0.1);
    ballast::test::write_file(scratch / ".{epoch}.weights.h5.kept.json", "{");
    CHECK(code_of([&] { ModelCheckpoint(name, options); }) == ErrorCode::damaged);
}

TEST_CASE("a kept-files list leads nowhere else") {
    ballast::test::Scratch scratch;
    stdfs::create_directory(scratch / "run");
    ballast::test::write_file(scratch / "precious", "x");
    ballast::test::write_file(scratch / "run/.{epoch}.weights.h5.kept.json",
                              R"({"monitor": "val_loss", "files": [{"name": "../precious", "epoch": 0},
                                  {"name": "/etc/hostname", "epoch": 0}, {"name": "a/../../precious"}]})");
    ModelCheckpoint saver(in(scratch, "run/{epoch}.weights.h5"), {.max_to_keep = 1});
    CHECK(saver.kept().empty());
    run(saver, {1, 2});
    CHECK(stdfs::exists(scratch / "precious"));
}

TEST_CASE("the monitored quantity is missing, or its direction is not known") {
    ballast::test::Scratch scratch;
    const auto name = in(scratch, "best.weights.h5");
    using ballast::MissingMonitor;
    std::vector<std::string> warnings;
    const auto warn = [&](const std::string& text) { warnings.push_back(text); };
    ModelCheckpoint skips(name, {.save_best_only = true, .on_warning = warn});
    CHECK(!skips.on_epoch_end(mlp(), 0, {{"loss", 1}}));
    ModelCheckpoint saves(name,
                          {.save_best_only = true, .when_missing = MissingMonitor::save, .on_warning = warn});
    CHECK(saves.on_epoch_end(mlp(), 0, {{"loss", 1}}));
    CHECK(warnings.size() == 2);
    ModelCheckpoint fails(name, {.save_best_only = true, .when_missing = MissingMonitor::error});
    CHECK(code_of([&] { fails.on_epoch_end(mlp(), 0, {}); }) == ErrorCode::name_not_found);
    CHECK(code_of([&] { ModelCheckpoint(name, {.monitor = "score", .save_best_only = true}); }) ==
          ErrorCode::invalid_argument);
    CHECK_NOTHROW(ModelCheckpoint(name, {.monitor = "score"}));
    ModelCheckpoint up(name, {.monitor = "val_accuracy", .save_best_only = true, .resume = false});
    CHECK(up.on_epoch_end(mlp(), 0, {{"val_accuracy", 0.5}}));
    CHECK(up.on_epoch_end(mlp(), 1, {{"val_accuracy", 0.6}}));
    CHECK(!up.on_epoch_end(mlp(), 2, {{"val_accuracy", 0.4}}));
}

TEST_CASE("asynchronous saves: the values of the call, in order, errors at the next call") {
    ballast::test::Scratch scratch;
    ModelCheckpoint saver(in(scratch, "{epoch}.weights.h5"), {.max_to_keep = 2, .asynchronous = true});
    Mlp net = mlp();
    for (std::uint64_t epoch = 0; epoch < 5; ++epoch) {
        net.head.bias[0] = static_cast<float>(epoch);
        saver.on_epoch_end(net, epoch, {{"val_loss", 1.0}});
        net.head.bias[0] = -1;
    }
    saver.wait();
    CHECK(names(scratch) == Names{"4.weights.h5", "5.weights.h5"});
    CHECK(mark_of(scratch / "5.weights.h5") == 4);

    stdfs::create_directory(scratch / "6.weights.h5");
    CHECK_NOTHROW(saver.on_epoch_end(net, 5, {{"val_loss", 0.5}}));
    CHECK_THROWS_AS(saver.on_epoch_end(net, 6, {{"val_loss", 0.4}}), ballast::Error);
    CHECK(saver.best() == 1);
    CHECK(saver.on_epoch_end(net, 6, {{"val_loss", 0.4}}));
    saver.wait();
    CHECK(stdfs::exists(scratch / "7.weights.h5"));
}

TEST_CASE("a save that fails is not the best") {
    ballast::test::Scratch scratch;
    stdfs::create_directory(scratch / "2.weights.h5");
    ModelCheckpoint saver(in(scratch, "{epoch}.weights.h5"), {.save_best_only = true});
    run(saver, {3});
    CHECK_THROWS_AS(run(saver, {1}, 1), ballast::Error);
    CHECK(saver.best() == 3);
    run(saver, {2}, 2);
    CHECK(names(scratch) == Names{"1.weights.h5", "2.weights.h5", "3.weights.h5"});
}

TEST_CASE("backups: weights and state fit together, and go when training is done") {
    ballast::test::Scratch scratch;
    ballast::BackupAndRestore backup(scratch / "backup");
    Mlp net;
    CHECK(!backup.restore(net));
    ballast::Tree user = ballast::Tree::object();
    user.set("seed", 7);
    for (std::uint64_t epoch = 1; epoch <= 3; ++epoch)
        backup.save(marked(static_cast<float>(epoch)), {epoch, 5, user});
    // What a crash in the middle of the next save leaves.
    ballast::test::write_file(scratch / "backup/backup-4.safetensors", "half");
    const auto state = ballast::BackupAndRestore(scratch / "backup").restore(net);
    REQUIRE(state);
    CHECK(state->epoch == 3);
    CHECK(state->batch == 5);
    CHECK(state->user["seed"].as_int64() == 7);
    CHECK(net.head.bias[0] == 3);
    backup.save(marked(4), {4, 0, {}});
    CHECK(backup.restore(net)->epoch == 4);
    CHECK(net.head.bias[0] == 4);
    backup.remove();
    CHECK(!stdfs::exists(scratch / "backup"));
    stdfs::create_directory(scratch / "backup");
    ballast::test::write_file(scratch / "backup/backup.json", R"({"weights": "../x.safetensors"})");
    CHECK(code_of([&] { backup.restore(net); }) == ErrorCode::damaged);
}

TEST_CASE("a backup is one file, whatever the options say of shards") {
    ballast::test::Scratch scratch;
    ballast::BackupAndRestore backup(scratch / "backup", {.max_shard_size = ballast::Bytes(64)});
    backup.save(marked(1), {1, 0, {}});
    backup.save(marked(2), {2, 0, {}});
    Mlp net;
    REQUIRE(backup.restore(net));
    CHECK(net.head.bias[0] == 2);
}
