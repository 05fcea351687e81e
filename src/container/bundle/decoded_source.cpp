// SPDX-License-Identifier: Apache-2.0
// Decoding the slices of version 1 checkpoints, see decoded_source.h.
#include "container/bundle/decoded_source.h"

#include <algorithm>
#include <cstring>

#include "ballast/error.h"
#include "container/bundle/strings.h"
#include "core/checked.h"

namespace ballast::bundle {

DecodedCache::Bytes DecodedCache::find(const void* owner) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [whose, bytes] : kept_)
        if (whose == owner) return bytes;
    return nullptr;
}

void DecodedCache::keep(const void* owner, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    kept_[next_] = {owner, std::move(bytes)};
    next_ = (next_ + 1) % kept_.size();
}

DecodedCache::Bytes DecodedSource::decode() const {
    const std::string contents = table::read_block(*file_, bounds_, slice_.block);
    const Error changed = Error(ErrorCode::damaged, "the checkpoint has changed since it was opened")
                              .in(path())
                              .at(slice_.block.offset);
    if (!fits(slice_.place, slice_.length, contents.size())) throw changed;
    const std::string_view message = std::string_view(contents).substr(
        static_cast<std::size_t>(slice_.place), static_cast<std::size_t>(slice_.length));
    const std::string_view values = proto::read_saved_slice(message).values;
    auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(size_));
    if (type_->number == string_type) {
        const std::string text =
            encode_strings([&](const EachString& each) { proto::each_text(values, each); }).bytes;
        if (text.size() != size_) throw changed;
        std::memcpy(bytes->data(), text.data(), text.size());
    } else {
        proto::copy_values(values, proto::value_field(type_->number), type_->bytes, *bytes);
    }
    return bytes;
}

void DecodedSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    if (!fits(offset, out.size(), size_))
        throw Error(ErrorCode::truncated, "a range outside of the tensor was asked for")
            .in(path())
            .at(offset);
    if (out.empty()) return;
    DecodedCache::Bytes bytes = cache_->find(this);
    if (!bytes) {
        bytes = decode();
        cache_->keep(this, bytes);
    }
    std::memcpy(out.data(), bytes->data() + offset, out.size());
}

}  // namespace ballast::bundle
