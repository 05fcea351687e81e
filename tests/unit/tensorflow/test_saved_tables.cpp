// SPDX-License-Identifier: Apache-2.0
// Lookup tables in saved_model.pb: the ways TensorFlow writes a list, what is no table, and broken messages.
// That real SavedModels are read rightly is judged in tests/interop/test_words.py.
#include <doctest/doctest.h>

#include "container/proto/saved_tables.h"
#include "container/proto/wire.h"
#include "support/expect_error.h"

using namespace ballast;
using namespace ballast::proto;
using test::code_of;

namespace {

std::string shape_of(std::uint64_t length) {
    std::string dim, shape;
    Writer(dim).add_uint64(1, length);
    Writer(shape).add_message(2, dim);
    return shape;
}

std::string texts(std::initializer_list<std::string> words, std::uint64_t length) {
    std::string tensor;
    Writer writer(tensor);
    writer.add_uint64(1, 7);
    writer.add_message(2, shape_of(length));
    for (const std::string& word : words)
        writer.add_bytes(8, word);
    return tensor;
}

std::string numbers(std::initializer_list<std::int64_t> values, std::uint64_t length, bool as_bytes) {
    std::string tensor;
    Writer writer(tensor);
    writer.add_uint64(1, 9);
    writer.add_message(2, shape_of(length));
    if (as_bytes)
        writer.add_bytes(4, reinterpret_cast<const char*>(std::data(values)), values.size() * 8);
    else
        writer.add_packed_int64(10, values.begin(), values.end());
    return tensor;
}

std::string constant(const std::string& name, const std::string& tensor) {
    std::string value, attribute, node;
    Writer(value).add_message(8, tensor);
    Writer entry(attribute);
    entry.add_string(1, "value");
    entry.add_message(2, value);
    Writer writer(node);
    writer.add_string(1, name);
    writer.add_string(2, "Const");
    writer.add_message(5, attribute);
    return node;
}

std::string object(protozero::pbf_tag_type kind, const std::string& text, std::uint32_t child = 0) {
    std::string result, inner;
    Writer writer(result);
    if (child != 0) {
        std::string edge;
        Writer reference(edge);
        reference.add_uint32(1, child);
        reference.add_string(2, text);
        writer.add_message(1, edge);
    } else {
        Writer(inner).add_string(1, text);
    }
    writer.add_message(kind, inner);
    return result;
}

/// Node 0 is the table, 1 its function, 2 and 3 the keys and values that it captures.
std::string saved_model(const std::string& keys, const std::string& values,
                        std::initializer_list<std::int32_t> captured = {0, 2, 3}) {
    std::string graph, function, entry, objects, meta, file;
    Writer operations(graph);
    operations.add_message(1, constant("Const", keys));
    operations.add_message(1, constant("Const_1", values));
    Writer(function).add_packed_int32(2, captured.begin(), captured.end());
    Writer concrete(entry);
    concrete.add_string(1, "fill");
    concrete.add_message(2, function);
    Writer nodes(objects);
    nodes.add_message(1, object(10, "_initialize", 1));
    nodes.add_message(1, object(6, "fill"));
    nodes.add_message(1, object(9, "Const"));
    nodes.add_message(1, object(9, "Const_1"));
    nodes.add_message(2, entry);
    Writer graphs(meta);
    graphs.add_message(2, graph);
    graphs.add_message(7, objects);
    Writer(file).add_message(2, meta);
    return file;
}

SavedTables read(const std::string& message) {
    return read_saved_tables(message, Limits{});
}

}  // namespace

TEST_CASE("the keys and values of a table, in each way a list is written") {
    for (const bool as_bytes : {false, true}) {
        const SavedTables found = read(saved_model(texts({"b", "a"}, 2), numbers({1, 2}, 2, as_bytes)));
        REQUIRE(found.tables.size() == 1);
        CHECK(found.tables.at(0).keys.words == std::vector<std::string>{"b", "a"});
        CHECK(found.tables.at(0).values.numbers == std::vector<std::int64_t>{1, 2});
        CHECK(found.children.size() == 4);
    }
    // The last one stands for those that follow.
    const SavedTables filled = read(saved_model(texts({"x"}, 3), numbers({4, 5}, 3, false)));
    CHECK(filled.tables.at(0).keys.words == std::vector<std::string>{"x", "x", "x"});
    CHECK(filled.tables.at(0).values.numbers == std::vector<std::int64_t>{4, 5, 5});
}

TEST_CASE("what is no table of constants is left out") {
    const std::string words = texts({"a"}, 1), one = numbers({1}, 1, true);
    CHECK(read(saved_model(words, one, {0, 2})).tables.empty());
    CHECK(read(saved_model(words, one, {1, 2, 3})).tables.empty());
    CHECK(read(saved_model(words, one, {0, 2, 9})).tables.empty());
    CHECK(read(saved_model(words, one, {0, 2, 1})).tables.empty());
    CHECK(read(saved_model(words, numbers({1, 2}, 2, true))).tables.empty());
    CHECK(read(saved_model(texts({}, 1), one)).tables.empty());
    CHECK(read(saved_model(words, numbers({1, 2}, 1, true))).tables.empty());
    // Sizes that nothing in the file backs.
    CHECK(read(saved_model(texts({"a"}, 1ull << 60), numbers({1}, 1ull << 60, false))).tables.empty());
    CHECK(read("").tables.empty());
}

TEST_CASE("a table in a file that was cut short") {
    const std::string whole = saved_model(texts({"b", "a"}, 2), numbers({1, 2}, 2, true));
    for (std::size_t size = 1; size < whole.size(); ++size)
        CHECK(code_of([&] { read(whole.substr(0, size)); }) == ErrorCode::damaged);
}
