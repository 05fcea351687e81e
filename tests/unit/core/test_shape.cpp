// SPDX-License-Identifier: Apache-2.0
// Shapes and dtypes: counts that overflow, ranks beyond the small buffer, the dtype table.
#include <doctest/doctest.h>

#include <vector>

#include "ballast/error.h"
#include "ballast/tensor.h"

using namespace ballast;

namespace {

ErrorCode code_of(auto&& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

}  // namespace

TEST_CASE("element_count: scalars, zeros, overflow") {
    CHECK(Shape{}.element_count() == 1);
    CHECK(Shape{3, 4}.element_count() == 12);
    CHECK(Shape{1ull << 63, 2, 0}.element_count() == 0);
    CHECK(code_of([] {
              static_cast<void>(Shape{1ull << 62, 4}.element_count());
          }) == ErrorCode::limit_exceeded);
}

TEST_CASE("shapes of any rank copy, move and compare") {
    const std::vector<std::uint64_t> dims = {1, 2, 3, 4, 5, 6};
    Shape a(dims);
    Shape b = a;
    CHECK(a == b);
    Shape c = std::move(b);
    CHECK(c == a);
    CHECK(b.rank() == 0);  // NOLINT: moved-from on purpose, it must be usable
    b = c;
    CHECK(b == c);
    CHECK(a.to_string() == "(1, 2, 3, 4, 5, 6)");
    CHECK(Shape{5}.to_string() == "(5,)");
    CHECK(Shape{}.to_string() == "()");
    CHECK(code_of([] { Shape(std::vector<std::uint64_t>(33, 1)); }) == ErrorCode::limit_exceeded);
}

TEST_CASE("dtypes: sizes and spellings") {
    CHECK(byte_size(DType::float32, 3) == 12);
    CHECK(byte_size(DType::int4, 3) == 2);
    CHECK(byte_size(DType::complex128, 1) == 16);
    CHECK(code_of([] { static_cast<void>(byte_size(DType::float64, 1ull << 62)); }) ==
          ErrorCode::limit_exceeded);
    for (int i = 0; i < dtype_count; ++i) {
        const auto dtype = static_cast<DType>(i);
        CHECK(dtype_from_name(to_string(dtype)) == dtype);
        if (!info(dtype).safetensors.empty()) CHECK(dtype_from_safetensors(info(dtype).safetensors) == dtype);
    }
    CHECK_FALSE(dtype_from_name("float31").has_value());
    CHECK_FALSE(dtype_from_safetensors("").has_value());
}
