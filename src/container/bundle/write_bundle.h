// SPDX-License-Identifier: Apache-2.0
// Planning a tensor bundle: data files that the engine fills and checks, and an index made of what it found.
//
// One commit: the rename of the index. New data goes under a number of files that no data beside it uses, so
// that the old bundle stays whole until then. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/plan.h"
#include "container/bundle/bundle.h"
#include "container/proto/bundle_messages.h"

namespace ballast::bundle {

class Builder {
public:
    /// Errors: unsupported_dtype for a type that a bundle does not hold.
    void add(std::string key, TensorExpr value);
    /// A text tensor of one string, shape ().
    void add_text(std::string key, const std::string& text);

    /// A tensor of another little-endian bundle, byte for byte, with its checksum.
    void add_stored(const Entry& entry, const Extent& stored);

    struct Target {
        std::string_view prefix;
        std::span<const std::string> existing;  ///< files beside the prefix
        std::uint64_t largest = 0;              ///< most bytes a data file; 0 = one file
    };
    /// The plan; the builder is empty afterwards. Errors: invalid_argument for a key that was added twice,
    /// and for a tensor above `largest`.
    WritePlan plan(const Target& target);

private:
    struct Item {
        std::string key;
        TensorExpr value;              ///< empty for text
        std::vector<std::byte> bytes;  ///< of text
        std::optional<Extent> stored;  ///< what is copied
        proto::BundleEntry entry;
    };
    void place(std::uint64_t largest);

    std::vector<Item> items_;
    std::size_t shards_ = 1;
};

}  // namespace ballast::bundle
