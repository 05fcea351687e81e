// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), by Nettle where the build has it. A value; one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace ballast {

class Sha256 {
public:
    /// Errors: backend_missing in a build without Nettle.
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(std::span<const std::byte> bytes);
    /// 64 hexadecimal digits. Call it once, at the end.
    std::string hex();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ballast
