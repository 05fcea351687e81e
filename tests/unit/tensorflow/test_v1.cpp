// SPDX-License-Identifier: Apache-2.0
// Checkpoints of version 1 made by hand: right ones of every kind of field, and wrong ones.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <limits>

#include "container/bundle/bundle_v1.h"
#include "container/proto/wire.h"
#include "forge.h"
#include "support/expect_error.h"

using namespace ballast;

namespace {

using proto::TensorSlice;

constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();

std::string message(protozero::pbf_tag_type tag, std::string_view bytes) {
    std::string out;
    proto::Writer(out).add_message(tag, bytes.data(), bytes.size());
    return out;
}

std::string number(protozero::pbf_tag_type tag, std::uint64_t value) {
    std::string out;
    proto::Writer(out).add_uint64(tag, value);
    return out;
}

std::string slice_text(const TensorSlice& slice) {
    std::string out;
    for (const proto::SliceExtent& extent : slice)
        out += message(1, number(1, static_cast<std::uint64_t>(extent.start)) +
                              (extent.length ? number(2, static_cast<std::uint64_t>(*extent.length)) : ""));
    return out;
}

std::string listed(std::string_view name, const std::vector<std::int64_t>& dims, std::uint64_t dtype,
                   const std::vector<TensorSlice>& slices) {
    std::string shape, text;
    for (const std::int64_t dim : dims)
        shape += message(2, number(1, static_cast<std::uint64_t>(dim)));
    for (const TensorSlice& slice : slices)
        text += message(4, slice_text(slice));
    return message(1, message(1, name) + message(2, shape) + number(3, dtype) + text);
}

std::string floats(const std::vector<float>& values) {
    std::string bytes(values.size() * 4, '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

/// A float32 `t` of shape (2, 2) in one slice, to be broken.
struct Forged {
    std::map<std::string, std::string> entries;
    std::map<std::string, std::string> files;
    std::string tensors = listed("t", {2, 2}, 1, {whole});
    TensorSlice extents = whole;

    static inline const TensorSlice whole = {{0, {}}, {0, {}}};

    Forged() { put("t", whole, message(5, floats({1, 2, 3, 4}))); }
    void put(std::string_view name, const TensorSlice& slice, std::string_view values) {
        entries[proto::slice_key(name, slice)] =
            message(2, message(1, name) + message(2, slice_text(slice)) + message(3, values));
    }
    std::string bytes() const {
        table::Writer writer;
        writer.add("", message(1, tensors + message(2, number(1, 1))));
        for (const auto& [key, value] : entries)
            writer.add(key, value);
        const auto table = writer.finish();
        return {reinterpret_cast<const char*>(table.data()), table.size()};
    }
    Location place() const {
        Location location{io::memory(), "v1", Location::Kind::file};
        test::add_file(location, "v1", bytes());
        for (const auto& [name, content] : files)
            test::add_file(location, name, content);
        return location;
    }
    std::string value() const { return test::read_all(place()).at("t"); }
    ErrorCode code() const {
        return test::code_of([&] { test::read_all(place()); });
    }
    /// Another type, with these values in one dimension.
    static Forged of(std::uint64_t dtype, std::int64_t count, std::string_view values) {
        Forged forged;
        forged.entries.clear();
        forged.tensors = listed("t", {count}, dtype, {{{0, {}}}});
        forged.put("t", {{0, {}}}, values);
        return forged;
    }
};

}  // namespace

TEST_CASE("fields of every width, packed and not") {
    const std::string expected = floats({1, 2, 3, 4});
    CHECK(Forged().value() == expected);
    Forged forged;
    forged.put("t", Forged::whole, message(5, floats({1, 2})) + number(99, 7) + message(5, floats({3, 4})));
    CHECK(forged.value() == expected);
    std::string single;
    for (const float value : {1.0F, 2.0F, 3.0F, 4.0F})
        single += "\x2d" + floats({value});
    forged.put("t", Forged::whole, single);
    CHECK(forged.value() == expected);
    // Varints, of which the upper bytes go.
    const std::string negative(9, '\xff');
    CHECK(Forged::of(6, 3, message(7, "\x05" + negative + "\x01\xff\x01")).value() == "\x05\xff\xff");
    CHECK(Forged::of(4, 2, number(7, 5) + number(7, 300)).value() == std::string("\x05\x2c"));
    CHECK(Forged::of(10, 3, message(11, std::string("\0\1\x7f", 3))).value() == std::string("\0\1\1", 3));
    CHECK(Forged::of(9, 1, message(10, negative + "\x01")).value() == std::string(8, '\xff'));
    CHECK(Forged::of(19, 1, message(13, "\x80\x78")).value() == std::string("\0\x3c", 2));
    CHECK(Forged::of(8, 1, message(9, "abcdefgh")).value() == "abcdefgh");
    CHECK(Forged::of(1, 0, "").value().empty());
}

TEST_CASE("text of version 1") {
    const Forged forged = Forged::of(7, 3, message(8, "one") + message(8, "") + message(8, "three"));
    const auto location = forged.place();
    CHECK(open(location)->index().blobs().size() == 1);
    const auto bundle = bundle::parse_v1(location.fs, {"v1"}, {});
    CHECK(bundle->strings(bundle->entries().front()) == std::vector<std::string>{"one", "", "three"});
    CHECK(Forged::of(7, 2, message(8, "one")).code() == ErrorCode::damaged);
    CHECK(Forged::of(7, 1LL << 33, message(8, "one")).code() == ErrorCode::damaged);
}

TEST_CASE("names of sets of version 1") {
    CHECK(bundle::v1_files("a-00001-of-00002") ==
          std::vector<std::string>{"a-00000-of-00002", "a-00001-of-00002"});
    for (const char* name :
         {"a", "a-1-of-2", "a-00002-of-00002", "a-00000-of-99999999999", "-of-00001", "a-of-b"})
        CHECK(bundle::v1_files(name) == std::vector<std::string>{name});
    // Two halves of a tensor in two files; without one of them, and with a third that says otherwise.
    Forged left, right;
    const TensorSlice first = {{0, 1}, {0, {}}}, second = {{1, 1}, {0, {}}};
    left.entries.clear();
    right.entries.clear();
    left.tensors = listed("t", {2, 2}, 1, {first});
    right.tensors = listed("t", {2, 2}, 1, {second});
    left.put("t", first, message(5, floats({1, 2})));
    right.put("t", second, message(5, floats({3, 4})));
    const auto value_of_set = [&](const Forged& other) {
        Location location{io::memory(), "s-00000-of-00002", Location::Kind::file};
        test::add_file(location, "s-00000-of-00002", left.bytes());
        test::add_file(location, "s-00001-of-00002", other.bytes());
        return test::read_all(location).at("t");
    };
    CHECK(value_of_set(right) == floats({1, 2, 3, 4}));
    CHECK(test::code_of([&] { value_of_set(left); }) == ErrorCode::damaged);
    right.tensors = listed("t", {2, 3}, 1, {second});
    CHECK(test::code_of([&] { value_of_set(right); }) == ErrorCode::damaged);
    Location lonely{io::memory(), "s-00000-of-00002", Location::Kind::file};
    test::add_file(lonely, "s-00000-of-00002", left.bytes());
    CHECK(test::code_of([&] { open(lonely); }) == ErrorCode::not_found);
}

TEST_CASE("version 1 beside version 2") {
    Forged forged;
    forged.files["v1.index"] = test::Forged().index();
    forged.files["v1.data-00000-of-00001"] = test::Forged().data;
    CHECK(forged.value() == "abcdefghijklmnop");
}

TEST_CASE("version 1 that lies") {
    const auto with = [](const std::function<void(Forged&)>& change) {
        Forged forged;
        change(forged);
        return forged.code();
    };
    const auto shape = [&](const std::vector<std::int64_t>& dims, std::uint64_t dtype = 1) {
        return with([&](Forged& f) { f.tensors = listed("t", dims, dtype, {TensorSlice(dims.size())}); });
    };
    CHECK(shape({-1, 4}) == ErrorCode::damaged);
    CHECK(shape({1LL << 62, 4}) == ErrorCode::limit_exceeded);
    CHECK(shape({huge, huge, 0}) == ErrorCode::limit_exceeded);
    CHECK(shape({1LL << 37, 2}) == ErrorCode::damaged);
    CHECK(shape({2, 2}, 0) == ErrorCode::damaged);
    CHECK(shape({2, 2}, 20) == ErrorCode::damaged);
    CHECK(shape({2, 2}, 999) == ErrorCode::damaged);
    CHECK(shape({2, 2}, 2) == ErrorCode::damaged);
    CHECK(shape({2, 3}) == ErrorCode::damaged);
    CHECK(shape(std::vector<std::int64_t>(300, 1)) == ErrorCode::limit_exceeded);
    for (const std::string& values :
         {std::string(), message(5, floats({1, 2, 3})), message(5, floats({1, 2, 3, 4, 5})),
          message(5, std::string(15, 'a')), message(6, floats({1, 2, 3, 4})), number(5, 1),
          message(4, "abcd"), std::string("\x2a\x7f", 2), std::string("\xff")})
        CHECK(with([&](Forged& f) { f.put("t", Forged::whole, values); }) == ErrorCode::damaged);
    CHECK(Forged::of(3, 1, message(7, "\xff")).code() == ErrorCode::damaged);
    CHECK(Forged::of(3, 1, message(7, std::string(12, '\xff') + "\1")).code() == ErrorCode::damaged);
    const std::function<void(Forged&)> changes[] = {
        [](Forged& f) {
            f.tensors = listed("t", {2, 2}, 1, {});
        },
        [](Forged& f) { f.tensors += f.tensors; },
        [](Forged& f) {
            f.tensors = listed("t", {2, 2}, 1, {{}});
        },
        [](Forged& f) {
            f.tensors = listed("t", {2, 2}, 1, {{{0, 1}, {0, {}}}});
        },
        [](Forged& f) {
            f.tensors = listed("t", {2, 2}, 1, {{{-1, 3}, {0, {}}}});
        },
        [](Forged& f) {
            f.tensors = listed("t", {2, 2}, 1, {{{1, huge}, {0, {}}}});
        },
        [](Forged& f) {
            f.tensors = listed("t", {2, 2}, 1, {Forged::whole, {{0, 2}, {0, 2}}});
        },
        [](Forged& f) { f.tensors.clear(); },
        [](Forged& f) { f.tensors = "\xff\xff"; },
        [](Forged& f) { f.entries.clear(); },
        [](Forged& f) { f.entries["junk"] = "junk"; },
        [](Forged& f) { f.entries.begin()->second = "junk"; },
        // Another tensor's slice under this one's key.
        [](Forged& f) {
            f.put("u", Forged::whole, message(5, floats({1, 2, 3, 4})));
            f.entries[proto::slice_key("t", Forged::whole)] = f.entries[proto::slice_key("u", Forged::whole)];
            f.entries.erase(proto::slice_key("u", Forged::whole));
        },
    };
    for (const auto& change : changes)
        CHECK(with(change) == ErrorCode::damaged);
    OpenOptions few;
    few.limits.objects = 1;
    CHECK(test::code_of([&] { open(Forged().place(), few); }) == ErrorCode::limit_exceeded);
    // Every bit of the table counts, but for the metaindex block nobody reads.
    const std::string good = Forged().bytes();
    for (std::size_t at = 0; at < good.size(); ++at) {
        Location location{io::memory(), "v1", Location::Kind::file};
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        test::add_file(location, "v1", bad);
        const ErrorCode code = test::code_of([&] { test::read_all(location); });
        if (code == ErrorCode::internal) CHECK(test::read_all(location).at("t") == floats({1, 2, 3, 4}));
    }
}
