// SPDX-License-Identifier: Apache-2.0
// .npy headers: as np.save writes them, and what else may come.
#include <doctest/doctest.h>

#include <string>

#include "container/npy/npy.h"
#include "model/evaluate.h"
#include "support/bytes.h"
#include "support/expect_error.h"

using namespace ballast;
using test::code_of;

namespace {

/// Printed by numpy 2.4.6: np.save of np.zeros(shape, dtype), the text padded to 118 bytes.
std::string saved(const std::string& dict) {
    std::string text("\x93NUMPY\x01\x00v\x00", 10);
    text += dict;
    text.append(127 - text.size(), ' ');
    return text + '\n';
}

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string with_version(unsigned major, const std::string& text) {
    std::string file("\x93NUMPY", 6);
    file += static_cast<char>(major);
    file += '\0';
    for (unsigned i = 0; i < (major == 1 ? 2U : 4U); ++i)
        file += static_cast<char>(text.size() >> (8 * i) & 0xff);
    return file + text;
}

npy::Header read(const std::string& file, const Limits& limits = {}) {
    return npy::read_header(*test::as_source(test::from_text(file)), limits);
}

/// A version 1 file of this header and that many bytes of data.
npy::Header read_dict(const std::string& dict, std::size_t data) {
    return read(with_version(1, dict + "\n") + std::string(data, '\0'));
}

}  // namespace

TEST_CASE("headers are np.save's, byte for byte") {
    CHECK(text_of(npy::format_header(DType::float32, {3, 4})) ==
          saved("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"));
    CHECK(text_of(npy::format_header(DType::float32, {})) ==
          saved("{'descr': '<f4', 'fortran_order': False, 'shape': (), }"));
    CHECK(text_of(npy::format_header(DType::boolean, {5})) ==
          saved("{'descr': '|b1', 'fortran_order': False, 'shape': (5,), }"));
    CHECK(text_of(npy::format_header(DType::complex128, {0, 2})) ==
          saved("{'descr': '<c16', 'fortran_order': False, 'shape': (0, 2), }"));
    CHECK(text_of(npy::format_header(DType::bfloat16, {3, 4})) ==
          saved("{'descr': '<V2', 'fortran_order': False, 'shape': (3, 4), }"));
    CHECK(text_of(npy::format_header(DType::float8_e5m2, {2})) ==
          saved("{'descr': '|V1', 'fortran_order': False, 'shape': (2,), }"));
}

TEST_CASE("a type npy has no word for is refused") {
    CHECK(code_of([] { npy::format_header(DType::int4, {2}); }) == ErrorCode::unsupported_dtype);
    CHECK(code_of([] { npy::format_header(DType::string, {}); }) == ErrorCode::unsupported_dtype);
}

TEST_CASE("what is written is read back, for every type and shape") {
    for (int i = 0; i < dtype_count; ++i) {
        const auto dtype = static_cast<DType>(i);
        if (npy::descr(dtype).empty()) continue;
        for (const Shape& shape : {Shape{}, Shape{7}, Shape{2, 0, 3}, Shape{1, 2, 3, 4, 5}}) {
            const auto bytes = static_cast<std::size_t>(byte_size(dtype, shape.element_count()));
            const npy::Header header =
                read(text_of(npy::format_header(dtype, shape)) + std::string(bytes, 'x'));
            const bool opaque = npy::descr(dtype) == "|V1";
            CHECK(header.dtype == (opaque ? DType::opaque8 : dtype));
            CHECK(header.shape == shape);
            CHECK(header.data_offset % 64 == 0);
            CHECK_FALSE(header.big_endian);
            CHECK_FALSE(header.fortran_order);
        }
    }
}

TEST_CASE("other writers: versions, byte orders, spacing, Python 2") {
    const std::string dict = "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3), }";
    for (const unsigned version : {1U, 2U, 3U}) {
        const npy::Header header = read(with_version(version, dict) + std::string(48, '\0'));
        CHECK(header.dtype == DType::float64);
        CHECK(header.big_endian);
        CHECK(header.fortran_order);
        CHECK(header.shape == Shape{2, 3});
        CHECK(header.data_offset == (version == 1 ? 10U : 12U) + dict.size());
    }
    CHECK(read_dict("{ \"shape\" :(3L,),'descr':'|u1' , \"fortran_order\":False}", 3).shape == Shape{3});
    CHECK(read_dict("{'descr': '>i1', 'fortran_order': False, 'shape': ()}", 1).big_endian == false);
    CHECK(read_dict("{'descr': '=i2', 'fortran_order': False, 'shape': (1, 1,)}", 2).dtype == DType::int16);
    CHECK(read_dict("{'descr': '|V2', 'fortran_order': False, 'shape': (1,)}", 2).dtype == DType::bfloat16);
    CHECK(read_dict("{'descr': '<f1', 'fortran_order': False, 'shape': (1,)}", 1).dtype ==
          DType::float8_e5m2);
}

TEST_CASE("a header too long for two bytes of length is of version 2") {
    // 32 dimensions of 20 digits are far from that: the format is tested where it is read.
    std::string dict = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }";
    dict.append(70000, ' ');
    CHECK(read(with_version(2, dict + "\n") + "x").shape == Shape{1});
}

TEST_CASE("values come out in row-major order and native bytes") {
    const std::string dict = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }";
    const std::string data("\0\1\0\4\0\2\0\5\0\3\0\6", 12);  // columns (1 4) (2 5) (3 6)
    const auto source = test::as_source(test::from_text(with_version(1, dict) + data));
    const TensorExpr value = npy::value_of(source, npy::read_header(*source, {}), "a");
    CHECK(value.shape() == Shape{2, 3});
    std::vector<std::byte> out(12);
    evaluate(value, 0, out);
    CHECK(text_of(out) == std::string("\1\0\2\0\3\0\4\0\5\0\6\0", 12));
}

TEST_CASE("damage is told with its place") {
    const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    struct Case {
        const char* dict;
        std::size_t data;
        ErrorCode code;
    };
    const Case cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, ErrorCode::truncated},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2), }", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [2], }", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 2,), }", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, }", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} + 1", 8, ErrorCode::damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", 8, ErrorCode::damaged},
        {"{'de\\x73cr': '<f4', 'fortran_order': False, 'shape': (2,)}", 8, ErrorCode::damaged},
        {"{'descr", 8, ErrorCode::damaged},
        {"", 8, ErrorCode::damaged},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", 8, ErrorCode::unsupported},
        {"{'descr': '<U4', 'fortran_order': False, 'shape': (2,)}", 8, ErrorCode::unsupported},
        {"{'descr': '', 'fortran_order': False, 'shape': (2,)}", 8, ErrorCode::unsupported},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 8, ErrorCode::unsupported},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 8,
         ErrorCode::limit_exceeded},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999,9999999999)}", 8,
         ErrorCode::limit_exceeded},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': "
         "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
         "1,1,1,1,1,1,1,1)}",
         4, ErrorCode::limit_exceeded},
    };
    for (const Case& c : cases) {
        CAPTURE(c.dict);
        const Error error = test::error_of([&] { read_dict(c.dict, c.data); });
        CHECK(error.code() == c.code);
        CHECK(error.offset().has_value());
        CHECK(error.path() == "test");
    }
    CHECK(read_dict(good, 8).shape == Shape{2});
}

TEST_CASE("every truncation of a file is an error, and so are other magics, versions and lengths") {
    const std::string file = text_of(npy::format_header(DType::int32, {2})) + std::string(8, 'x');
    for (std::size_t size = 0; size < file.size(); ++size) {
        const ErrorCode code = code_of([&] { read(file.substr(0, size)); });
        CHECK((code == ErrorCode::truncated || code == ErrorCode::damaged));
    }
    CHECK(code_of([&] { read("\x93NUMPX" + file.substr(6)); }) == ErrorCode::damaged);
    CHECK(code_of([&] { read(file.substr(0, 6) + '\4' + file.substr(7)); }) == ErrorCode::unsupported);
    CHECK(code_of([&] { read(file.substr(0, 6) + std::string("\2\0\xff\xff\xff\xff", 6)); }) ==
          ErrorCode::limit_exceeded);
}

TEST_CASE("the limit on tensors holds") {
    Limits limits;
    limits.tensor_bytes = 7;
    const std::string file = text_of(npy::format_header(DType::int32, {2})) + std::string(8, 'x');
    CHECK(code_of([&] { read(file, limits); }) == ErrorCode::limit_exceeded);
}
