// SPDX-License-Identifier: Apache-2.0
// Python's format mini-language; expected values are Python 3.11's (tests/interop/test_checkpoints.py
// compares thousands of random ones).
#include <doctest/doctest.h>

#include <limits>

#include "checkpoint/direction.h"
#include "checkpoint/format_spec.h"
#include "support/expect_error.h"

using namespace ballast;

TEST_CASE("integers") {
    CHECK(format_integer(7, "") == "7");
    CHECK(format_integer(7, "02d") == "07");
    CHECK(format_integer(-7, "04") == "-007");
    CHECK(format_integer(1234567, ",") == "1,234,567");
    CHECK(format_integer(1234, "010,") == "00,001,234");
    CHECK(format_integer(255, "#x") == "0xff");
    CHECK(format_integer(255, "_b") == "1111_1111");
    CHECK(format_integer(5, "*^5") == "**5**");
    CHECK(format_integer(3, "+.1f") == "+3.0");
    CHECK(format_integer(std::numeric_limits<std::int64_t>::min(), "d") == "-9223372036854775808");
}

TEST_CASE("floats") {
    CHECK(format_float(0.314159, ".2f") == "0.31");
    CHECK(format_float(2.5, ".0f") == "2");
    CHECK(format_float(0.1, "") == "0.1");
    CHECK(format_float(1.0, "") == "1.0");
    CHECK(format_float(1e16, "") == "1e+16");
    CHECK(format_float(100.0, ".3") == "1e+02");
    CHECK(format_float(12.0, ".3") == "12.0");
    CHECK(format_float(0.25, ".1%") == "25.0%");
    CHECK(format_float(1234.5, "012,.1f") == "00,001,234.5");
    CHECK(format_float(-0.001, "z.1f") == "0.0");
    CHECK(format_float(std::numeric_limits<double>::quiet_NaN(), ".2f") == "nan");
    CHECK(format_float(-std::numeric_limits<double>::infinity(), "F") == "-INF");
}

TEST_CASE("what Python refuses") {
    for (const char* spec :
         {".2d", "s", "q", "5.", ".f", "99999999999999999999", "dd", ",x", "zd", ".99999f"}) {
        CAPTURE(spec);
        CHECK(test::code_of([&] { format_integer(1, spec); }) == ErrorCode::invalid_argument);
    }
    for (const char* spec : {"d", "x", "b", ".2", ",n"}) {
        CAPTURE(spec);
        if (std::string_view(spec) == ".2") continue;
        CHECK(test::code_of([&] { format_float(1, spec); }) == ErrorCode::invalid_argument);
    }
}

TEST_CASE("the better direction by name") {
    CHECK(larger_is_better("val_accuracy") == true);
    CHECK(larger_is_better("auc_3") == true);
    CHECK(larger_is_better("val_loss") == false);
    CHECK(larger_is_better("decoder_loss") == false);
    CHECK(larger_is_better("mse") == false);
    CHECK(!larger_is_better("score"));
}
