// SPDX-License-Identifier: Apache-2.0
// The state file `checkpoint`: what people and programs wrote into it.
#include <doctest/doctest.h>

#include "container/bundle/state_text.h"

using namespace ballast;

TEST_CASE("a state file as CheckpointManager writes it") {
    const std::string text =
        "model_checkpoint_path: \"ck-2\"\n"
        "all_model_checkpoint_paths: \"ck-\\303\\266\"\n"
        "all_model_checkpoint_paths: \"ck-2\"\n"
        "all_model_checkpoint_timestamps: 1795304068.003903\n"
        "all_model_checkpoint_timestamps: 1795304068.0399544\n"
        "last_preserved_timestamp: 1795304066.8617127\n";
    const bundle::StateFile state = bundle::read_state(text);
    CHECK(state.latest == "ck-2");
    CHECK(state.all == std::vector<std::string>{"ck-\303\266", "ck-2"});
    CHECK(state.times.size() == 2);
    CHECK(bundle::write_state(state) == text);
}

TEST_CASE("state files as the text format allows them") {
    const auto state = bundle::read_state(
        "# by hand\n"
        "unknown { inner: \"}\" < x: 1 > } more: [1, 2] flag: true;\n"
        "model_checkpoint_path : 'a' \"b\" # joined\n 'c\\x41\\n\\\\\\'',"
        "all_model_checkpoint_paths: ['x', \"y\"]");
    CHECK(state.latest == "abcA\n\\'");
    CHECK(state.all == std::vector<std::string>{"x", "y"});
    // The last one counts; times that are not as many as the paths do not.
    CHECK(bundle::read_state("model_checkpoint_path: 'a' model_checkpoint_path: 'b'").latest == "b");
    CHECK(bundle::read_state("all_model_checkpoint_paths: 'a' all_model_checkpoint_timestamps: 1 "
                             "all_model_checkpoint_timestamps: 2")
              .times.empty());
}

TEST_CASE("what is no state file ends the reading") {
    for (const char* text : {"", "\"", "model_checkpoint_path", "model_checkpoint_path: \"a", "a { b",
                             "a: [1", "a: [[", "}", "\\", "model_checkpoint_path: 'a\\", "a { \"", "\1\2\3"})
        CHECK(bundle::read_state(text).latest.empty());
    CHECK(bundle::read_state("model_checkpoint_path: 'a' all: [").latest == "a");
    CHECK(bundle::read_state(std::string(100000, '{')).latest.empty());
    CHECK(bundle::read_state("a " + std::string(100000, '{')).latest.empty());
}
