// SPDX-License-Identifier: Apache-2.0
// The code a call fails with.
#pragma once

#include <optional>
#include <ostream>

#include "ballast/error.h"

namespace ballast {

inline std::ostream& operator<<(std::ostream& out, ErrorCode code) {
    return out << to_string(code);
}

}  // namespace ballast

namespace ballast::test {

/// The Error the call throws; a code nothing throws (invalid_argument with the message "no error") when it
/// does not.
template <class Call>
Error error_of(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    return Error(ErrorCode::internal, "no error was thrown");
}

template <class Call>
ErrorCode code_of(Call call) {
    return error_of(call).code();
}

}  // namespace ballast::test
