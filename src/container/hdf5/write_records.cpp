// SPDX-License-Identifier: Apache-2.0
// String storage and names of a described file.
#include "container/hdf5/write_records.h"

#include <algorithm>
#include <cstring>

namespace ballast::hdf5::writer {

const char* Arena::store(std::string_view text) {
    constexpr std::size_t block_size = 64 << 10;
    if (text.size() > block_size / 8) {  // too large to share a block
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(text.size()));
        std::memcpy(blocks_.back().get(), text.data(), text.size());
        return blocks_.back().get();
    }
    if (text.size() > room_) {
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_size));
        next_ = blocks_.back().get();
        room_ = block_size;
    }
    char* const kept = next_;
    std::copy(text.begin(), text.end(), kept);
    next_ += text.size();
    room_ -= text.size();
    return kept;
}

std::string Description::path_of(std::uint32_t object) const {
    std::vector<std::uint32_t> chain;
    for (std::uint32_t id = object; id != 0; id = objects[id].parent)
        chain.push_back(id);
    if (chain.empty()) return "/";
    std::string path;
    for (auto id = chain.rbegin(); id != chain.rend(); ++id)
        path.append("/").append(objects[*id].label());
    return path;
}

}  // namespace ballast::hdf5::writer
