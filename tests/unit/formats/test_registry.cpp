// SPDX-License-Identifier: Apache-2.0
// Formats left out of a build: content that is theirs is refused with the option that brings them back.
#include <doctest/doctest.h>

#include "ballast/registry.h"
#include "support/expect_error.h"
#include "support/memory_file.h"

using namespace ballast;

namespace {

/// What a build with -Dformats=FORMATS knows.
Registry build_of(std::initializer_list<std::string_view> formats) {
    const Registry& whole = Registry::builtin();
    std::vector<const Format*> kept;
    for (const std::string_view id : formats)
        kept.push_back(&whole.find(id));
    return Registry(kept, {whole.infos().begin(), whole.infos().end()});
}

Error refusal(const Registry& registry, const std::string& name, std::string_view text) {
    return test::error_of([&] {
        Probe probe(test::memory_file(name, text), {});
        registry.detect(probe);
    });
}

constexpr std::string_view hdf5_signature = "\x89HDF\r\n\x1a\n";

}  // namespace

TEST_CASE("a format left out of the build is refused by id with the option that brings it") {
    const Registry registry = build_of({"safetensors"});
    for (const std::string_view id : {"weights_h5", "legacy_h5", "h5", "sharded_h5"}) {
        const Error error = test::error_of([&] { registry.find(id); });
        CAPTURE(id);
        CHECK(error.code() == ErrorCode::backend_missing);
        CHECK(error.hint().find("-Dformats") != std::string::npos);
    }
    CHECK(registry.find("safetensors").info().id == "safetensors");
    CHECK(test::code_of([&] { registry.for_writing("", "x.weights.h5"); }) == ErrorCode::backend_missing);
}

TEST_CASE("content of a format left out of the build is told from unknown content") {
    const Registry registry = build_of({"safetensors"});
    const std::string hdf5 = std::string(hdf5_signature) + std::string(600, '\0');

    const Error legacy = refusal(registry, "x.h5", hdf5);
    CHECK(legacy.code() == ErrorCode::backend_missing);
    CHECK(legacy.hint().find("add legacy_h5 to -Dformats") != std::string::npos);
    CHECK(legacy.path().find("x.h5") != std::string::npos);
    // Where several begin alike the name tells.
    CHECK(refusal(registry, "x.weights.h5", hdf5).hint().find("add weights_h5") != std::string::npos);
    CHECK(refusal(registry, "x", hdf5).code() == ErrorCode::backend_missing);
    // A format without signature is known by its name alone.
    CHECK(refusal(registry, "x.weights.json", "{}").hint().find("add sharded_h5") != std::string::npos);

    CHECK(refusal(registry, "x.h5", "nothing we know").code() == ErrorCode::unknown_format);
    CHECK(refusal(build_of({"weights_h5", "legacy_h5", "sharded_h5"}), "x.safetensors", "nothing").code() ==
          ErrorCode::backend_missing);
}
