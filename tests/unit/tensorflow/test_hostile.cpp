// SPDX-License-Identifier: Apache-2.0
// Malformed checkpoints: each gives a typed error or the right value. TensorFlow 2.21 aborts, stalls or
// misreads where the name of a case says so.
#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "container/bundle/strings.h"
#include "container/proto/object_graph.h"
#include "forge.h"
#include "support/expect_error.h"

using namespace ballast;
using test::Forged;

namespace {

constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
using Change = std::function<void(proto::BundleEntry&)>;

struct EntryCase {
    const char* name;
    ErrorCode code;
    Change change;
};

const EntryCase entry_cases[] = {
    {"a negative dimension (TensorFlow aborts)", ErrorCode::damaged,
     [](auto& e) {
         e.dims = {-1, 4};
     }},
    {"the smallest dimension (aborts)", ErrorCode::damaged, [](auto& e) { e.dims = {-huge - 1}; }},
    {"dimensions that overflow (aborts)", ErrorCode::limit_exceeded,
     [](auto& e) {
         e.dims = {1LL << 62, 4};
     }},
    {"dimensions that wrap to 16 bytes (aborts)", ErrorCode::limit_exceeded,
     [](auto& e) {
         e.dims = {1LL << 62, 4, 1};
     }},
    {"the largest dimension", ErrorCode::limit_exceeded, [](auto& e) { e.dims = {huge}; }},
    {"overflow beside a zero", ErrorCode::limit_exceeded,
     [](auto& e) {
         e.dims = {huge, huge, 0};
         e.size = 0;
     }},
    {"2^38 floats with 16 bytes (stalls)", ErrorCode::damaged, [](auto& e) { e.dims = {1LL << 37}; }},
    {"2^38 floats that claim their size", ErrorCode::truncated,
     [](auto& e) {
         e.dims = {1LL << 37};
         e.size = 1LL << 39;
     }},
    {"above the limit of a tensor", ErrorCode::limit_exceeded,
     [](auto& e) {
         e.dims = {1LL << 45};
         e.size = 1LL << 47;
     }},
    {"33 dimensions", ErrorCode::limit_exceeded, [](auto& e) { e.dims.assign(33, 1); }},
    {"300 dimensions (aborts)", ErrorCode::limit_exceeded, [](auto& e) { e.dims.assign(300, 1); }},
    {"no shape", ErrorCode::damaged, [](auto& e) { e.dims.clear(); }},
    {"another shape", ErrorCode::damaged,
     [](auto& e) {
         e.dims = {2, 3};
     }},
    {"type 0 (aborts)", ErrorCode::damaged, [](auto& e) { e.dtype = 0; }},
    {"type 999 (aborts)", ErrorCode::damaged, [](auto& e) { e.dtype = 999; }},
    {"a resource", ErrorCode::damaged, [](auto& e) { e.dtype = 20; }},
    {"type 2^32 + 1", ErrorCode::damaged, [](auto& e) { e.dtype = (1ULL << 32) + 1; }},
    {"another type's size", ErrorCode::damaged, [](auto& e) { e.dtype = 2; }},
    {"data file 1 of 1 (opens a file)", ErrorCode::damaged, [](auto& e) { e.shard = 1; }},
    {"data file -1 (opens data--0001)", ErrorCode::damaged, [](auto& e) { e.shard = -1; }},
    {"data file 2^31", ErrorCode::damaged, [](auto& e) { e.shard = 1LL << 31; }},
    {"a negative offset", ErrorCode::damaged, [](auto& e) { e.offset = -1; }},
    {"an offset past the end", ErrorCode::truncated, [](auto& e) { e.offset = 1; }},
    {"an offset of 2^60", ErrorCode::truncated, [](auto& e) { e.offset = 1LL << 60; }},
    {"an offset that overflows", ErrorCode::truncated, [](auto& e) { e.offset = huge; }},
    {"a negative size", ErrorCode::damaged, [](auto& e) { e.size = -16; }},
    {"too small a size", ErrorCode::damaged, [](auto& e) { e.size = 15; }},
    {"no size", ErrorCode::damaged, [](auto& e) { e.size = 0; }},
    {"no checksum", ErrorCode::checksum_mismatch, [](auto& e) { e.crc = 0; }},
    {"another checksum", ErrorCode::checksum_mismatch, [](auto& e) { e.crc ^= 1; }},
    {"an empty tensor's wrong checksum", ErrorCode::checksum_mismatch,
     [](auto& e) {
         e.dims = {0};
         e.size = 0;
     }},
    {"slices that are not there", ErrorCode::damaged,
     [](auto& e) {
         e.slices = {{{0, 1}, {0, {}}}};
     }},
    {"a slice of another rank", ErrorCode::damaged,
     [](auto& e) {
         e.slices = {{{0, 2}}};
     }},
    {"a slice without dimensions", ErrorCode::damaged, [](auto& e) { e.slices = {{}}; }},
};

Forged broken(const Change& change) {
    Forged forged;
    proto::BundleEntry entry = forged.entry();
    change(entry);
    forged.set("t", entry);
    return forged;
}

ErrorCode code_of(const Forged& forged) {
    return test::code_of([&] { test::read_all(forged.place()); });
}

ErrorCode code_of_table(const std::string& index) {
    return test::code_of([&] { test::read_all(Forged().place(index)); });
}

std::string entry_bytes(unsigned shared, std::string_view key, std::string_view value) {
    std::string out;
    table::put_varint(out, shared);
    table::put_varint(out, key.size());
    table::put_varint(out, value.size());
    return out.append(key).append(value);
}

std::string block(const std::string& entries) {
    return entries + std::string("\0\0\0\0\1\0\0\0", 8);
}

proto::BundleEntry text_entry(std::string& data, const std::string& stored, std::vector<std::int64_t> dims) {
    data = stored;
    proto::BundleEntry entry;
    entry.dtype = 7;
    entry.dims = std::move(dims);
    entry.size = static_cast<std::int64_t>(stored.size());
    return entry;
}

}  // namespace

TEST_CASE("a forged checkpoint is read") {
    CHECK(test::read_all(Forged().place()) == std::map<std::string, std::string>{{"t", "abcdefghijklmnop"}});
}

TEST_CASE("entries that lie") {
    for (const EntryCase& wrong : entry_cases) {
        CAPTURE(wrong.name);
        const Error error = test::error_of([&] { test::read_all(broken(wrong.change).place()); });
        CHECK(error.code() == wrong.code);
        CHECK_FALSE(error.path().empty());
        CHECK(error.tensor() == "t");
    }
}

TEST_CASE("headers") {
    const std::pair<std::string, ErrorCode> cases[] = {
        {proto::write_header({0, 0, 0}), ErrorCode::damaged},
        {proto::write_header({-1, 0, 0}), ErrorCode::damaged},
        {proto::write_header({huge, 0, 0}), ErrorCode::limit_exceeded},
        {proto::write_header({1, 2, 0}), ErrorCode::damaged},
        {proto::write_header({2, 0, 0}), ErrorCode::not_found},
        {std::string("\x08\x01\x1a\x04\x08\x01\x10\x02", 8), ErrorCode::unsupported},
        {std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12), ErrorCode::damaged},
        {std::string("\x08", 1), ErrorCode::damaged},
        {std::string("\x1a\x7f\x08", 3), ErrorCode::damaged},
        {std::string("\x0b\x0c", 2), ErrorCode::damaged},
        {"garbage", ErrorCode::damaged},
        {"", ErrorCode::damaged},
    };
    for (const auto& [header, code] : cases) {
        Forged forged;
        forged.header = header;
        CHECK(code_of(forged) == code);
    }
    // Without a version, and with the other byte order, it is a good one.
    Forged forged;
    forged.header = std::string("\x08\x01", 2);
    CHECK(test::read_all(forged.place()).at("t") == "abcdefghijklmnop");
    forged.header = proto::write_header({1, 1, 0});
    CHECK(test::read_all(forged.place()).at("t") == "dcbahgfelkjiponm");
}

TEST_CASE("entries that are no messages") {
    for (const std::string& bytes :
         {std::string("\xff"), std::string("\x12\x7f\x12", 3), std::string(12, '\xff'),
          std::string("\x0b\x0c", 2), std::string("\x12\x04\x12\x7f\x08\x02", 6),
          std::string("\x30\x01", 2)}) {
        Forged forged;
        forged.entries["t"] = bytes;
        CHECK(code_of(forged) != ErrorCode::internal);
    }
    // Unknown fields are skipped, and of two the last counts.
    Forged forged;
    forged.entries["t"] = std::string("\x08\x02\xf8\x06\x01", 5) + forged.entries["t"];
    CHECK(test::read_all(forged.place()).at("t") == "abcdefghijklmnop");
}

TEST_CASE("tables that lie") {
    const std::string header = entry_bytes(0, "", proto::write_header({1, 0, 0})),
                      good = Forged().entries.at("t");
    CHECK(code_of_table(test::raw_table(block(header + entry_bytes(0, "t", good)))) ==
          ErrorCode::internal);  // no error
    const std::string cases[] = {
        block(entry_bytes(0, "t", good)),  // no header
        block(header + entry_bytes(0, "t", good) +
              entry_bytes(0, "t", good)),  // twice (TensorFlow: the first)
        block(header + entry_bytes(0, "t", good) + entry_bytes(0, "a", good)),  // falling
        block(header + entry_bytes(1, "t", good)),                              // shares more than there is
        block(header + std::string("\0\xff\xff\xff\xff\x0f\x01t", 8)),          // a key of 4 GiB
        block(header +
              std::string("\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01t", 13)),  // a value of 2^64
        block(header + std::string("\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01t",
                                   14)),  // a varint of 11 bytes
        block(header + std::string("\x80", 1)),
        header + std::string("\0\0\0\0\0\0\0\0", 8),          // no restarts
        header + std::string("\0\0\0\0\xff\xff\xff\xff", 8),  // 2^32 restarts
        header + std::string("\0\0\0\0\xff\xff\xff\x3f", 8),  // restarts that wrap
    };
    for (const std::string& contents : cases)
        CHECK(code_of_table(test::raw_table(contents)) == ErrorCode::damaged);
    CHECK(code_of_table(test::raw_table("abc")) == ErrorCode::truncated);
    CHECK(code_of_table(test::raw_table(block(header), 2)) == ErrorCode::damaged);
    // A Snappy block that declares 2^32 - 1 bytes (TensorFlow allocates them).
    const ErrorCode bomb = code_of_table(test::raw_table(std::string("\xff\xff\xff\xff\x0f\0", 6), 1));
    CHECK((bomb == ErrorCode::limit_exceeded || bomb == ErrorCode::backend_missing));
    const ErrorCode torn = code_of_table(test::raw_table(std::string("\x08\x0c"
                                                                     "ab",
                                                                     4),
                                                         1));
    CHECK((torn == ErrorCode::damaged || torn == ErrorCode::backend_missing));
}

TEST_CASE("footers that lie") {
    const std::string good = Forged().index();
    CHECK(code_of_table("") == ErrorCode::truncated);
    CHECK(code_of_table(good.substr(0, 47)) == ErrorCode::truncated);
    CHECK(code_of_table(good.substr(0, good.size() - 1)) == ErrorCode::damaged);
    CHECK(code_of_table(good.substr(1)) != ErrorCode::internal);
    for (const std::string& handles : {std::string("\0\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x08", 12),
                                       std::string("\0\x08\0\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 12),
                                       std::string("\0\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01", 13),
                                       std::string(40, '\xff'), std::string("\0\x08\0\0", 4)}) {
        std::string index = good;
        index.replace(index.size() - 48, 40, handles + std::string(40 - handles.size(), '\0'));
        CHECK(code_of_table(index) != ErrorCode::internal);
    }
    for (std::size_t at = 0; at < good.size() - 48; at += 3) {
        std::string index = good;
        index[at] = static_cast<char>(index[at] ^ 0x10);
        // Nobody reads the metaindex block.
        if (code_of_table(index) == ErrorCode::internal)
            CHECK(test::read_all(Forged().place(index)).at("t") == "abcdefghijklmnop");
    }
}

TEST_CASE("overlaps, slices and files") {
    Forged forged;
    proto::BundleEntry second = forged.entry();
    second.dims = {1};
    second.offset = 4;
    second.size = 4;
    second.crc = test::masked_crc("efgh");
    forged.set("u", second);
    CHECK(code_of(forged) == ErrorCode::damaged);  // TensorFlow does not look

    // Two rows in two slices, in the wrong order in the file.
    Forged sliced;
    const auto slice = [](std::int64_t start, std::int64_t length) {
        return proto::TensorSlice{{start, length}, {0, std::nullopt}};
    };
    const auto part = [&](std::int64_t offset, std::string_view bytes) {
        proto::BundleEntry entry = sliced.entry();
        entry.dims = {1, 2};
        entry.offset = offset;
        entry.size = 8;
        entry.crc = test::masked_crc(bytes);
        return entry;
    };
    proto::BundleEntry whole;
    whole.dtype = 1;
    whole.dims = {2, 2};
    whole.slices = {slice(0, 1), slice(1, 1)};
    sliced.set("t", whole);
    sliced.set(proto::slice_key("t", slice(0, 1)), part(8, "ijklmnop"));
    sliced.set(proto::slice_key("t", slice(1, 1)), part(0, "abcdefgh"));
    CHECK(test::read_all(sliced.place()).at("t") == "ijklmnopabcdefgh");

    Forged gap = sliced;
    whole.slices = {slice(0, 1)};
    gap.set("t", whole);
    CHECK(code_of(gap) == ErrorCode::damaged);
    Forged twice = sliced;
    whole.slices = {slice(0, 1), slice(0, 1)};
    twice.set("t", whole);
    CHECK(code_of(twice) == ErrorCode::damaged);
    Forged small = sliced;  // a slice smaller than its extents (TensorFlow reads past its buffer)
    proto::BundleEntry less = part(0, "abcd");
    less.dims = {1, 1};
    less.size = 4;
    small.set(proto::slice_key("t", slice(1, 1)), less);
    CHECK(code_of(small) == ErrorCode::damaged);
    Forged flipped = sliced;
    flipped.data[3] = 'X';
    CHECK(code_of(flipped) == ErrorCode::checksum_mismatch);
    Forged orphan = sliced;
    orphan.entries.erase("t");
    CHECK(code_of(orphan) == ErrorCode::damaged);
    Forged cut;
    cut.data.pop_back();
    CHECK(code_of(cut) == ErrorCode::truncated);
}

TEST_CASE("text that lies") {
    const std::string texts[] = {"one", "", "three"};
    const bundle::EncodedStrings good = bundle::encode_strings(texts);
    Forged forged;
    proto::BundleEntry entry = text_entry(forged.data, good.bytes, {3});
    entry.crc = good.crc;
    forged.entries.clear();
    forged.set("s", entry);
    CHECK(open(forged.place())->index().blobs().size() == 1);
    const std::function<void(proto::BundleEntry&, std::string&)> changes[] = {
        [](auto& e, auto&) { e.dims = {1LL << 33}; },  // TensorFlow stalls
        [](auto& e, auto&) { e.dims = {2}; },
        [](auto& e, auto&) { e.dims = {4}; },
        [](auto& e, auto&) { e.dims = {0}; },
        [](auto& e, auto&) { e.crc ^= 1; },
        [](auto&, auto& data) { data[0] = 100; },
        [](auto&, auto& data) { data[0] = '\xff'; },
        [](auto&, auto& data) { data[4] = static_cast<char>(data[4] ^ 1); },
        [](auto&, auto& data) { data.back() = 'x'; },
        [](auto& e, auto& data) {
            data.pop_back();
            --e.size;
        },
        [](auto& e, auto& data) {
            data.push_back('x');
            ++e.size;
        },
        [](auto& e, auto&) { e.size = 3; },
    };
    for (const auto& change : changes) {
        Forged wrong = forged;
        proto::BundleEntry lie = entry;
        change(lie, wrong.data);
        wrong.set("s", lie);
        const ErrorCode code = code_of(wrong);
        CHECK((code == ErrorCode::damaged || code == ErrorCode::checksum_mismatch ||
               code == ErrorCode::truncated));
    }
}

TEST_CASE("object graphs that lie") {
    const auto with_graph = [](const std::string& graph, OpenOptions options = {}) {
        Forged forged;
        const bundle::EncodedStrings encoded = bundle::encode_strings({&graph, 1});
        std::string ignored;
        proto::BundleEntry entry = text_entry(ignored, encoded.bytes, {});
        entry.offset = static_cast<std::int64_t>(forged.data.size());
        entry.crc = encoded.crc;
        forged.data += encoded.bytes;
        forged.set(std::string(proto::object_graph_key), entry);
        return test::code_of([&] { test::read_all(forged.place(), options); });
    };
    proto::ObjectGraph graph;
    graph.nodes.resize(3);
    graph.nodes[0].children = {{1, "layer_with_weights-0"}, {0, "root"}, {1, "layer-0"}};
    graph.nodes[1].children = {{2, "kernel"}, {0, "back"}, {1, "self"}};
    graph.nodes[2].attributes = {{"VARIABLE_VALUE", "a/kernel", "t"}};
    CHECK(with_graph(proto::write_graph(graph)) == ErrorCode::internal);  // cycles are fine
    CHECK(with_graph("") == ErrorCode::damaged);
    CHECK(with_graph("\xff\xff\xff") == ErrorCode::damaged);
    proto::ObjectGraph wrong = graph;
    wrong.nodes[1].children[0].node = 3;
    CHECK(with_graph(proto::write_graph(wrong)) == ErrorCode::damaged);
    wrong = graph;
    wrong.nodes[0].slots = {{9, "m", 2}};
    CHECK(with_graph(proto::write_graph(wrong)) == ErrorCode::damaged);
    OpenOptions few;
    few.limits.objects = 2;
    CHECK(with_graph(proto::write_graph(graph), few) == ErrorCode::limit_exceeded);
    few.limits.objects = 1000;
    few.limits.links = 3;
    CHECK(with_graph(proto::write_graph(graph), few) == ErrorCode::limit_exceeded);
    // A long chain of layers, and a list that holds itself: walked without recursion, and once.
    proto::ObjectGraph deep;
    deep.nodes.resize(20001);
    for (std::uint32_t i = 0; i < 20000; ++i)
        deep.nodes[i].children = {{i + 1, "next"}};
    deep.nodes[20000].attributes = {{"VARIABLE_VALUE", "", "t"}};
    const ErrorCode code = with_graph(proto::write_graph(deep));
    CHECK((code == ErrorCode::internal || code == ErrorCode::limit_exceeded));
    wrong = graph;
    wrong.nodes[1].children = {{2, "0"}, {1, "1"}};
    CHECK(with_graph(proto::write_graph(wrong)) == ErrorCode::internal);
}
