// SPDX-License-Identifier: Apache-2.0
// In place of sha256.cpp in a build without Nettle.
#include "analysis/sha256.h"
#include "ballast/error.h"

namespace ballast {

struct Sha256::State {};

Sha256::Sha256() {
    throw Error(ErrorCode::backend_missing, "this build computes no digests")
        .hint("build Ballast with -Ddigest=enabled, which takes Nettle (Debian: nettle-dev)");
}

Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::byte>) {}

std::string Sha256::hex() {
    return {};
}

}  // namespace ballast
