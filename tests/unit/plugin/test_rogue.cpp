// SPDX-License-Identifier: Apache-2.0
// Plugins that say nonsense of themselves, of files and of plans: a typed error each, never a crash.
#include <cstring>
#include <functional>

#include <doctest/doctest.h>

#include "plugin/foreign_format.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"

using namespace ballast;

namespace {

/// What the rogue does in this test.
std::function<std::int32_t(const ballast_input*, const ballast_index*, void**)> on_open;
std::function<std::int32_t(const ballast_model*, const ballast_plan*)> on_plan;
std::function<std::int32_t(void*, std::uint64_t)> on_decode;
std::int32_t confidence = BALLAST_CERTAIN;
int closed = 0;

constexpr std::int32_t all_dtypes[] = {BALLAST_FLOAT32, BALLAST_UINT8, BALLAST_INT4};

ballast_plugin rogue() {
    ballast_plugin plugin{};
    plugin.struct_size = sizeof plugin;
    plugin.abi = BALLAST_PLUGIN_ABI;
    plugin.id = "rogue";
    plugin.version = "0";
    plugin.title = "says nonsense";
    plugin.looked_for = "anything";
    plugin.dtypes = all_dtypes;
    plugin.dtype_count = 3;
    plugin.probe = [](const ballast_input*) { return confidence; };
    plugin.open = [](const ballast_input* in, const ballast_index* index, void** state) {
        return on_open(in, index, state);
    };
    plugin.decode = [](void*, const ballast_input*, std::uint64_t, void* out, std::uint64_t size) {
        return on_decode(out, size);
    };
    plugin.close = [](void*) { ++closed; };
    plugin.plan = [](const ballast_model* model, const ballast_plan* plan) { return on_plan(model, plan); };
    return plugin;
}

ErrorCode described(const std::function<void(ballast_plugin&)>& change) {
    ballast_plugin plugin = rogue();
    change(plugin);
    return test::code_of([&] { plugin::ForeignFormat(plugin, "rogue.so"); });
}

const std::string content(100, '\x2a');

std::shared_ptr<Archive> opened(const plugin::ForeignFormat& format) {
    Probe probe(test::memory_file("x", content), {});
    return format.open(probe);
}

/// What one tensor gives, changed from a good one.
ErrorCode told(const std::function<void(ballast_tensor&)>& change) {
    on_open = [&](const ballast_input*, const ballast_index* index, void**) {
        const std::uint64_t dims[] = {2, 3};
        ballast_tensor tensor{};
        tensor.struct_size = sizeof tensor;
        tensor.dtype = BALLAST_FLOAT32;
        tensor.name = {"t", 1};
        tensor.dims = dims;
        tensor.rank = 2;
        tensor.offset = 4;
        tensor.length = 24;
        change(tensor);
        index->tensor(index->context, &tensor);  // the answer is not looked at
        return std::int32_t{BALLAST_OK};
    };
    const plugin::ForeignFormat format(rogue(), "rogue.so");
    try {
        opened(format);
    } catch (const Error& error) {
        CHECK((error.offset() || !error.tensor().empty()));
        CHECK_FALSE(error.path().empty());
        CHECK(error.hint().find("rogue") != std::string::npos);
        return error.code();
    }
    return ErrorCode::cancelled;  // nothing else gives it: "opened"
}

constexpr ErrorCode fine = ErrorCode::cancelled;

ErrorCode planned(const std::function<void(const ballast_model*, const ballast_plan*)>& body) {
    on_plan = [&](const ballast_model* model, const ballast_plan* plan) {
        body(model, plan);
        return std::int32_t{BALLAST_OK};
    };
    const plugin::ForeignFormat format(rogue(), "rogue.so");
    const Model model = test::loose_model({test::tensor("a", DType::float32, {2, 3})});
    Report report;
    try {
        format.plan(model, {{io::memory(), "x", Location::Kind::file}, {}, nullptr}, {}, report);
    } catch (const Error& error) {
        return error.code();
    }
    return fine;
}

}  // namespace

TEST_CASE("a description that makes no sense is refused") {
    CHECK_NOTHROW(plugin::ForeignFormat(rogue(), "rogue.so"));
    static const char* const bad_suffix[] = {"flat", nullptr};
    static const char* const bad_alias[] = {"A b", nullptr};
    static const char* many[20] = {};
    for (int i = 0; i < 19; ++i)
        many[i] = ".x";
    static const std::int32_t twice[] = {BALLAST_INT8, BALLAST_INT8};
    static const std::int32_t none[] = {99};
    const std::function<void(ballast_plugin&)> changes[] = {
        [](auto& p) { p.abi = 2; },
        [](auto& p) { p.struct_size = 8; },
        [](auto& p) { p.id = nullptr; },
        [](auto& p) { p.id = ""; },
        [](auto& p) { p.id = "Upper"; },
        [](auto& p) { p.id = "an_id_that_is_much_longer_than_any_id"; },
        [](auto& p) { p.version = nullptr; },
        [](auto& p) { p.title = "\x1b[31mred"; },
        [](auto& p) { p.title = "\xff"; },
        [](auto& p) { p.looked_for = nullptr; },
        [](auto& p) { p.extensions = bad_suffix; },
        [](auto& p) { p.extensions = many; },
        [](auto& p) { p.aliases = bad_alias; },
        [](auto& p) { p.dtypes = nullptr; },
        [](auto& p) { p.dtype_count = 0; },
        [](auto& p) { p.dtype_count = 1000; },
        [](auto& p) { p.dtypes = none, p.dtype_count = 1; },
        [](auto& p) { p.dtypes = twice, p.dtype_count = 2; },
        [](auto& p) { p.open = nullptr, p.plan = nullptr; },
        [](auto& p) { p.probe = nullptr, p.plan = nullptr; },
    };
    for (const auto& change : changes) {
        CAPTURE(&change - changes);
        CHECK(described(change) == ErrorCode::unsupported);
    }
}

TEST_CASE("tensors that cannot be are refused") {
    CHECK(told([](auto&) {}) == fine);
    CHECK(told([](auto& t) { t.rank = 0, t.dims = nullptr, t.length = 4; }) == fine);
    CHECK(told([](auto& t) { t.offset = 96; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.offset = UINT64_MAX; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.offset = UINT64_MAX - 20; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.length = 23; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.length = UINT64_MAX; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.struct_size = 4; }) == ErrorCode::internal);
    CHECK(told([](auto& t) { t.dtype = 0; }) == ErrorCode::internal);
    CHECK(told([](auto& t) { t.dtype = 20; }) == ErrorCode::internal);
    CHECK(told([](auto& t) { t.dtype = -1; }) == ErrorCode::internal);
    CHECK(told([](auto& t) { t.rank = 33; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.dims = nullptr; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.name = {nullptr, 3}; }) == ErrorCode::internal);
    CHECK(told([](auto& t) { t.name = {nullptr, 0}; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.name = {"\xff\xfe", 2}; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.name = {"a\0b", 3}; }) == ErrorCode::damaged);
    CHECK(told([](auto& t) { t.name = {"t", UINT64_MAX}; }) == ErrorCode::limit_exceeded);
    const std::uint64_t huge[] = {UINT64_MAX, 3}, large[] = {1ull << 41, 3};
    CHECK(told([&](auto& t) { t.dims = huge; }) == ErrorCode::limit_exceeded);
    CHECK(told([&](auto& t) { t.dims = large; }) == ErrorCode::limit_exceeded);
    const std::uint64_t grown[] = {1ull << 30, 4};
    CHECK(told([&](auto& t) { t.dims = grown, t.flags = BALLAST_TENSOR_DECODED; }) ==
          ErrorCode::limit_exceeded);
}

TEST_CASE("other things that it tells") {
    const plugin::ForeignFormat format(rogue(), "rogue.so");
    const auto code = [&](auto body) {
        on_open = [body](const ballast_input* in, const ballast_index* index, void** state) {
            body(in, index, state);
            return std::int32_t{BALLAST_OK};
        };
        try {
            opened(format);
        } catch (const Error& error) {
            return error.code();
        }
        return fine;
    };
    CHECK(code([](auto*, auto* i, auto) { i->tensor(i->context, nullptr); }) == ErrorCode::internal);
    CHECK(code([](auto*, auto* i, auto) { i->blob(i->context, {"b", 1}, 90, 11); }) == ErrorCode::damaged);
    CHECK(code([](auto*, auto* i, auto) { i->blob(i->context, {"b", 1}, 90, 10); }) == fine);
    CHECK(code([](auto*, auto* i, auto) {
              i->metadata_json(i->context, {"k", 1}, {"{", 1});
          }) == ErrorCode::damaged);
    CHECK(code([](auto*, auto* i, auto) {
              i->metadata_text(i->context, {"k", 1}, {"v", 1});
              i->metadata_text(i->context, {"k", 1}, {"v", 1});
          }) == ErrorCode::damaged);
    CHECK(code([](auto* in, auto*, auto) { in->allocate(in->context, UINT64_MAX); }) ==
          ErrorCode::limit_exceeded);
    CHECK(code([](auto* in, auto*, auto) {
              char byte = 0;
              in->read(in->context, UINT64_MAX, &byte, 1);
          }) == ErrorCode::truncated);
    CHECK(code([](auto* in, auto*, auto) { in->fail(in->context, 12345, 7, nullptr); }) ==
          ErrorCode::internal);
    CHECK(code([](auto* in, auto*, auto) { in->fail(in->context, BALLAST_DAMAGED, 7, "\xff\x1b"); }) ==
          ErrorCode::damaged);
    CHECK(code([](auto*, auto* i, auto) { i->kept(i->context, {"{}", 2}); }) == fine);  // a warning

    // The first reason counts, and an answer without one has a code.
    on_open = [](const ballast_input* in, const ballast_index*, void**) {
        in->fail(in->context, BALLAST_UNSUPPORTED, 3, "the first");
        return in->fail(in->context, BALLAST_DAMAGED, 4, "the second");
    };
    const Error first = test::error_of([&] { opened(format); });
    CHECK(first.message() == "the first");
    CHECK(first.offset() == 3);
    on_open = [](const ballast_input*, const ballast_index*, void**) { return std::int32_t{-77}; };
    CHECK(test::code_of([&] { opened(format); }) == ErrorCode::internal);
}

TEST_CASE("what a plugin decodes is asked for when it is read, and its state is closed once") {
    closed = 0;
    static int state = 0;
    on_open = [](const ballast_input*, const ballast_index* index, void** out) {
        *out = &state;
        const std::uint64_t dims[] = {4};
        ballast_tensor tensor{};
        tensor.struct_size = sizeof tensor;
        tensor.dtype = BALLAST_UINT8;
        tensor.name = {"d", 1};
        tensor.dims = dims;
        tensor.rank = 1;
        tensor.flags = BALLAST_TENSOR_DECODED;
        tensor.length = 2;
        index->tensor(index->context, &tensor);
        index->problem(index->context, {"q", 1}, BALLAST_UNSUPPORTED, {"of a strange type", 17});
        return std::int32_t{BALLAST_OK};
    };
    on_decode = [](void* out, std::uint64_t size) {
        std::memset(out, 7, static_cast<std::size_t>(size));
        return std::int32_t{BALLAST_OK};
    };
    const plugin::ForeignFormat format(rogue(), "rogue.so");
    auto archive = opened(format);
    REQUIRE(archive->problems().size() == 1);
    CHECK(archive->problems()[0].tensor() == "q");
    CHECK(archive->get<std::uint8_t>("d")[3] == 7);
    on_decode = [](void*, std::uint64_t) { return std::int32_t{BALLAST_DAMAGED}; };
    CHECK(test::code_of([&] { archive->get<std::uint8_t>("d"); }) == ErrorCode::damaged);
    CHECK(closed == 0);
    archive.reset();
    CHECK(closed == 1);
    on_open = [](const ballast_input* in, const ballast_index*, void** out) {
        *out = &state;
        return in->fail(in->context, BALLAST_DAMAGED, 0, "after it took something");
    };
    CHECK(test::code_of([&] { opened(format); }) == ErrorCode::damaged);
    CHECK(closed == 2);
}

TEST_CASE("plans that cannot be are refused") {
    const char* text = "text";
    CHECK(planned([&](auto*, auto* p) { p->tensor(p->context, 8, 0); }) == fine);
    CHECK(planned([](auto*, auto*) {}) == ErrorCode::internal);  // the tensor has no place
    CHECK(planned([](auto*, auto* p) {
              p->tensor(p->context, 0, 0);
              p->tensor(p->context, 100, 0);
          }) == ErrorCode::internal);
    CHECK(planned([](auto*, auto* p) { p->tensor(p->context, 0, 1); }) == ErrorCode::internal);
    CHECK(planned([](auto*, auto* p) { p->tensor(p->context, UINT64_MAX, 0); }) == ErrorCode::internal);
    CHECK(planned([&](auto*, auto* p) {
              p->tensor(p->context, 0, 0);
              p->bytes(p->context, 23, text, 4);
          }) == ErrorCode::internal);
    CHECK(planned([](auto*, auto* p) {
              p->tensor(p->context, 0, 0);
              p->bytes(p->context, 30, nullptr, 4);
          }) == ErrorCode::internal);
    CHECK(planned([](auto*, auto* p) {
              p->tensor(p->context, 0, 0);
              p->size(p->context, 23);
          }) == ErrorCode::internal);
    CHECK(planned([](auto* m, auto* p) {
              p->tensor(p->context, 0, 0);
              m->fail(m->context, BALLAST_UNSUPPORTED_DTYPE, BALLAST_NOWHERE, "not this one");
          }) == ErrorCode::unsupported_dtype);
}
