// SPDX-License-Identifier: Apache-2.0
// The newest checkpoint of a folder: state file, numbers, times; and what is no checkpoint.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>

#include "ballast/checkpoint.h"
#include "dialect/shard_names.h"
#include "support/expect_error.h"
#include "support/scratch.h"

using namespace ballast;
namespace fs = std::filesystem;

namespace {

/// Files in the order they were changed, a second apart.
class Runs {
public:
    explicit Runs(std::initializer_list<std::string_view> names) {
        for (const std::string_view name : names)
            add(name);
    }
    void add(std::string_view name, std::string_view text = "") {
        test::write_file(scratch / name, text);
        fs::last_write_time(scratch / name, fs::file_time_type::clock::now() + std::chrono::seconds(++age));
    }
    std::string latest() const {
        const auto found = latest_checkpoint(scratch.path());
        return found ? fs::relative(found->path, scratch.path()).string() : "";
    }
    std::string reason() const { return latest_checkpoint(scratch.path())->reason; }

    test::Scratch scratch;
    int age = 0;
};

}  // namespace

TEST_CASE("numbers in names, whatever was changed last") {
    CHECK(Runs({"w.10.weights.h5", "w.9.weights.h5"}).latest() == "w.10.weights.h5");
    CHECK(Runs({"12-0.31.h5", "07-0.55.h5"}).latest() == "12-0.31.h5");
    CHECK(Runs({"resnet50-200.h5", "resnet50-100.h5"}).latest() == "resnet50-200.h5");
    CHECK(Runs({"val0.29_epoch08.keras", "val0.31_epoch07.keras"}).latest() == "val0.29_epoch08.keras");
    CHECK(Runs({"loss0.9-epoch=3-step=12.safetensors", "loss0.8-epoch=3-step=9.safetensors"}).latest() ==
          "loss0.9-epoch=3-step=12.safetensors");
    CHECK(Runs({"e099.h5", "e0100.h5"}).latest() == "e0100.h5");
    CHECK(Runs({"w.2.h5", "w.1.h5"}).reason() == "the highest number of 2");
}

TEST_CASE("a TensorFlow checkpoint that was saved as a folder's name and '/'") {
    CHECK(Runs({".index", ".data-00000-of-00001", ".meta"}).latest() == ".index");
    CHECK(Runs({".index"}).latest().empty());
    CHECK(Runs({".hidden.h5"}).latest().empty());
}

TEST_CASE("times where names differ in more than numbers; natural order where times do not tell") {
    CHECK(Runs({"a.h5", "b.h5"}).latest() == "b.h5");
    CHECK(Runs({"b.h5", "a.h5"}).latest() == "a.h5");
    // The best of each kind, then by time.
    CHECK(Runs({"epoch-3.weights.h5", "best.weights.h5", "epoch-2.weights.h5"}).latest() ==
          "best.weights.h5");
    CHECK(Runs({"best.weights.h5", "epoch-3.weights.h5", "epoch-2.weights.h5"}).latest() ==
          "epoch-3.weights.h5");
    Runs equal({"x.h5", "y.h5"});
    for (const auto* name : {"x.h5", "y.h5"})
        fs::last_write_time(equal.scratch / name, fs::file_time_type());
    CHECK(equal.latest() == "y.h5");
}

TEST_CASE("TensorFlow checkpoints by prefix") {
    Runs runs({"ckpt-9.index", "ckpt-9.data-00000-of-00001", "ckpt-10.index", "ckpt-10.data-00000-of-00001"});
    CHECK(runs.latest() == "ckpt-10");
    runs.add("ckpt-11.index");  // its data is not there (yet)
    CHECK(runs.latest() == "ckpt-10");
}

TEST_CASE("the state file decides") {
    Runs runs({"ckpt-9.index", "ckpt-9.data-00000-of-00001", "ckpt-10.index", "ckpt-10.data-00000-of-00001"});
    runs.add("checkpoint", "model_checkpoint_path: \"ckpt-9\"\nall_model_checkpoint_paths: \"ckpt-10\"\n");
    CHECK(runs.latest() == "ckpt-9");
    CHECK(runs.reason() == "the file checkpoint names it");
    runs.add("checkpoint", "model_checkpoint_path: \"/elsewhere/run/ckpt-10\"\n");
    CHECK(runs.latest() == "ckpt-10");
    runs.add("checkpoint", "model_checkpoint_path: \"../ckpt-9\"\n");
    CHECK(runs.latest() == "ckpt-9");
    runs.add("checkpoint", "model_checkpoint_path: \"ckpt\\0559\"\n");
    CHECK(runs.latest() == "ckpt-9");
    runs.add("checkpoint", "model_checkpoint_path: \"ckpt-8\"\n");
    CHECK(runs.latest() == "ckpt-10");
    CHECK(runs.reason().find("names 'ckpt-8', which is not there") != std::string::npos);
    for (const auto* text :
         {"", "model_checkpoint_path: \"ckpt-9", "model_checkpoint_path: \"..\"\n", "rubbish"}) {
        runs.add("checkpoint", text);
        CHECK(runs.latest() == "ckpt-10");
    }
}

TEST_CASE("what is no checkpoint of its own") {
    Runs runs({"m.weights.json", "m_00000.weights.h5", "m_00001.weights.h5", "model.safetensors.index.json",
               "model-00001-of-00002.safetensors", "notes.txt", ".hidden.h5", "log.csv", "x.index"});
    CHECK(runs.latest() == "model.safetensors.index.json");
    fs::create_directory(runs.scratch / "sub.h5");
    CHECK(runs.latest() == "model.safetensors.index.json");
    CHECK(Runs({"notes.txt"}).latest().empty());
    // Without their manifest they are files like others.
    CHECK(Runs({"m_00000.weights.h5", "m_00001.weights.h5"}).latest() == "m_00001.weights.h5");
}

TEST_CASE("folders of models, and links") {
    Runs runs({"a.h5"});
    fs::create_directory(runs.scratch / "saved");
    test::write_file(runs.scratch / "saved" / "saved_model.pb", "");
    fs::last_write_time(runs.scratch / "saved", fs::file_time_type::clock::now() + std::chrono::hours(1));
    CHECK(runs.latest() == "saved");
    fs::create_symlink("a.h5", runs.scratch / "best.h5");
    CHECK(runs.latest() == "saved");
    Runs links({});
    fs::create_symlink("/elsewhere/a.h5", links.scratch / "best.h5");
    CHECK(links.latest() == "best.h5");
}

TEST_CASE("what is no folder is an error") {
    test::Scratch scratch;
    test::write_file(scratch / "f", "");
    CHECK(test::code_of([&] { latest_checkpoint(scratch / "none"); }) == ErrorCode::not_found);
    CHECK(test::code_of([&] { latest_checkpoint(scratch / "f"); }) == ErrorCode::not_a_file);
}

TEST_CASE("members of shard sets by name") {
    CHECK(manifest_of_shard("model_00003.weights.h5") == "model.weights.json");
    CHECK(manifest_of_shard("model-00001-of-00002.safetensors") == "model.safetensors.index.json");
    for (const char* name : {"model_0003.weights.h5", "_00003.weights.h5", "00003.weights.h5", ".weights.h5",
                             "model_00003.h5", "model_0000x.weights.h5", "model-1-of-00002.safetensors",
                             "-of-00002.safetensors", "-00001-of-00002.safetensors", "model.safetensors"}) {
        CAPTURE(name);
        CHECK(manifest_of_shard(name).empty());
    }
}
