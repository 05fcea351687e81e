// SPDX-License-Identifier: Apache-2.0
// Turning exceptions into Result<T> at the library's border.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "ballast/error.h"

namespace ballast {

/// Runs `work`; every exception becomes an Error.
template <class T, class Work>
Result<T> catching(Work&& work) noexcept {
    try {
        return Result<T>(std::forward<Work>(work)());
    } catch (Error& error) {
        return Result<T>(std::move(error));
    } catch (const std::bad_alloc&) {
        return Result<T>(Error(ErrorCode::out_of_memory, "not enough memory"));
    } catch (const std::exception& error) {
        return Result<T>(Error(ErrorCode::internal, error.what()));
    }
}

}  // namespace ballast
