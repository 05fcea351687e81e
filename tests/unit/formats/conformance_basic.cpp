// SPDX-License-Identifier: Apache-2.0
// The contract of a format, for every format of the build: what it says of itself, detection, and the way out
// and back.
#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "ballast/registry.h"
#include "conformance.h"
#include "model/migrate/migrate.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"

using namespace ballast;

namespace {

std::span<const Format* const> formats() {
    return Registry::current().formats();
}

std::string id_of(const Format& format) {
    return std::string(format.info().id);
}

/// Names that readers, paths, JSON and terminals treat differently.
const std::vector<std::string>& odd_names() {
    static const std::vector<std::string> names = {"caf\xc3\xa9",
                                                   "\xe5\xb1\x82",
                                                   "\xf0\x9f\x98\x80",
                                                   "a b",
                                                   "50%",
                                                   "%2F",
                                                   "q\"uote'",
                                                   "back\\slash",
                                                   "tab\there",
                                                   "dots.and-dashes",
                                                   "[0]",
                                                   "*",
                                                   "UPPER",
                                                   "upper",
                                                   "#2",
                                                   "x#2",
                                                   "name:0",
                                                   "$",
                                                   "\xcc\x81"
                                                   "combining"};
    return names;
}

}  // namespace

TEST_CASE("every format says who it is") {
    std::set<std::string_view> words;
    for (const FormatInfo* info : Registry::current().infos()) {
        CAPTURE(info->id);
        CHECK(words.insert(info->id).second);
        for (const std::string_view alias : info->aliases)
            CHECK(words.insert(alias).second);
        CHECK_FALSE(info->title.empty());
        const auto plugins = Registry::current().plugins();
        const bool foreign = std::any_of(plugins.begin(), plugins.end(),
                                         [&](const LoadedPlugin& plugin) { return plugin.format == info; });
        CHECK(info->meson_option.empty() == foreign);
        CHECK((info->can.read || info->can.write));
        if (info->can.detect) CHECK(info->can.read);
        if (info->can.discards) CHECK_FALSE((info->can.read || info->can.detect));
        CHECK(std::is_sorted(info->extensions.begin(), info->extensions.end(),
                             [](auto a, auto b) { return a.size() > b.size(); }));
        for (const std::string_view extension : info->extensions)
            CHECK(extension.starts_with('.'));
        REQUIRE_FALSE(info->flavors.empty());
        std::set<std::string_view> flavors;
        for (const Flavor& flavor : info->flavors) {
            CHECK(flavors.insert(flavor.name).second);
            CHECK_FALSE(flavor.dtypes.empty());
            CHECK(std::set(flavor.dtypes.begin(), flavor.dtypes.end()).size() == flavor.dtypes.size());
        }
    }
    for (const Format* format : formats()) {
        const FormatInfo& info = format->info();
        CHECK(std::count(Registry::current().infos().begin(), Registry::current().infos().end(), &info) == 1);
        CHECK(&Registry::current().find(info.id) == format);
        for (const std::string_view alias : info.aliases)
            CHECK(&Registry::current().find(alias) == format);
        if (info.can.write) CHECK(&Registry::current().for_writing(info.id, "name-without-suffix") == format);
        if (info.can.write && !info.extensions.empty())
            CHECK(&Registry::current().for_writing("", test::file_name(info)) == format);
    }
}

TEST_CASE("what a format cannot do it refuses as unsupported") {
    for (const Format* format : formats()) {
        CAPTURE(id_of(*format));
        const Location location = test::memory_file(test::file_name(format->info()), "nothing of interest");
        Probe probe(location, {});
        if (!format->info().can.read)
            CHECK(test::code_of([&] { format->open(probe); }) == ErrorCode::unsupported);
        Report report;
        if (!format->info().can.write) {
            CHECK(test::code_of([&] {
                      format->plan(Model(), {location, {}, nullptr}, {}, report);
                  }) == ErrorCode::unsupported);
        }
    }
}

TEST_CASE("a file is recognised by its own format with certainty, and by no other") {
    for (const Format* owner : formats()) {
        if (!owner->info().can.detect) continue;
        const auto files = test::seeds(*owner, 100);
        CHECK_FALSE(files.empty());
        // The names of its files are what a prefix is known by; all else is told by content.
        const std::string renamed = owner->info().kind == Location::Kind::file ? "no-suffix" : "";
        for (const test::Seed& seed : files) {
            for (const Format* format : formats()) {
                CAPTURE(seed.name);
                CAPTURE(id_of(*format));
                Probe probe(test::place(seed, seed.files.at(seed.changed), renamed), {});
                const Match match = format->probe(probe);
                CHECK((match.confidence == Confidence::certain) == (format == owner));
                if (format != owner) CHECK(match.confidence == Confidence::no);
                if (format->info().can.detect) CHECK_FALSE(match.reason.empty());
            }
            CHECK(&test::open_at(test::place(seed, seed.files.at(seed.changed), renamed))->format() ==
                  &owner->info());
        }
    }
}

TEST_CASE("files that are nobody's are refused with what was looked for") {
    const std::string zeros(5000, '\0'), text(5000, 'x');
    for (const std::string& bytes :
         {std::string(), std::string("a"), zeros, text, std::string("\x89PNG\r\n\x1a\n")}) {
        const Error error = test::error_of([&] { test::open_bytes("no-suffix", bytes); });
        CHECK(error.code() == ErrorCode::unknown_format);
        for (const Format* format : formats()) {
            if (format->info().can.detect)
                CHECK(error.message().find(format->info().id) != std::string::npos);
        }
    }
}

TEST_CASE("a model comes back tensor by tensor, and the bytes do not depend on threads") {
    const Model model = test::small_model();
    const auto expected = test::values(model);
    REQUIRE(expected.size() == 4);
    for (const Format* format : test::round_trip_formats()) {
        CAPTURE(id_of(*format));
        const Location file = test::written(*format, model);
        const auto archive = test::open_at(file, model.config);
        CHECK(&archive->format() == &format->info());
        CHECK(archive->warnings().empty());
        CHECK(archive->problems().empty());
        CHECK_FALSE(archive->kind().empty());
        CHECK(test::values(*archive) == expected);
        CHECK(test::text_of(test::written(*format, model, {}, 4)) == test::text_of(file));
        // What came back is a model like any other.
        CHECK(test::values(*test::open_at(test::written(*format, archive->model()), model.config)) ==
              expected);
    }
}

TEST_CASE("every element type a flavour lists survives, in scalars, empty and odd shapes") {
    const auto shape = [](std::size_t position) {
        static const std::vector<Shape> shapes = {{5}, {}, {0}, {3, 0, 2}, {1, 1, 1, 1, 2}, {7, 1}};
        return shapes[position % shapes.size()];
    };
    const std::vector<std::string> names = {"a", "b", "c"};
    for (const Format* format : test::round_trip_formats()) {
        for (const Flavor& flavor : format->info().flavors) {
            for (const DType dtype : flavor.dtypes) {
                CAPTURE(id_of(*format));
                CAPTURE(std::string(to_string(dtype)));
                Model model = test::filled(test::dense_config(names), dtype, shape);
                SaveOptions options;
                options.flavor = flavor.name;
                // Whole models are for the Keras of their config.
                if (format->info().can.assets && flavor.name == "tf_keras")
                    model.config = migrate::migrate_to_keras2(model.config, {}).config;
                const Location file = test::written(*format, model, options);
                const auto archive = test::open_at(file, model.config);
                CHECK(archive->problems().empty());
                CHECK(test::values(*archive) == test::values(model));
            }
        }
    }
}

TEST_CASE("odd layer names survive") {
    const Model model = test::filled(test::dense_config(odd_names()), DType::float32, test::small_shape);
    const auto expected = test::values(model);
    REQUIRE(expected.size() == 2 * odd_names().size());
    for (const Format* format : test::round_trip_formats()) {
        CAPTURE(id_of(*format));
        const Location file = test::written(*format, model);
        CHECK(test::values(*test::open_at(file, model.config)) == expected);
    }
}

TEST_CASE("many tensors survive") {
    std::vector<std::string> names;
    for (int i = 0; i < 1000; ++i)
        names.push_back("a_rather_long_layer_name_to_fill_attributes_" + std::to_string(i));
    const Model model = test::filled(test::dense_config(names), DType::float32, test::small_shape);
    const auto expected = test::values(model);
    for (const Format* format : test::round_trip_formats()) {
        CAPTURE(id_of(*format));
        const Location file = test::written(*format, model);
        CHECK(test::values(*test::open_at(file, model.config)) == expected);
    }
}

TEST_CASE("every format reads what every other has written through the model in the middle") {
    const Model model = test::small_model();
    const auto expected = test::values(model);
    for (const Format* first : test::round_trip_formats()) {
        const Location file = test::written(*first, model);
        const auto archive = test::open_at(file, model.config);
        for (const Format* second : test::round_trip_formats()) {
            CAPTURE(id_of(*first));
            CAPTURE(id_of(*second));
            Model middle = archive->model();
            middle.config = model.config;  // as --config does for a file that has none
            const Location copy = test::written(*second, middle);
            CHECK(test::values(*test::open_at(copy, model.config)) == expected);
        }
    }
}

TEST_CASE("models without what a format needs are refused, not guessed") {
    const Model loose = test::loose_model({test::tensor("some/tensor", DType::float32, {2})});
    for (const Format* format : formats()) {
        const Capabilities& can = format->info().can;
        if (!can.write) continue;
        CAPTURE(id_of(*format));
        const ErrorCode code = test::code_of([&] { test::written(*format, loose); });
        CHECK((code == ErrorCode::needs_config) == (can.needs_classes || can.needs_order));
    }
}
