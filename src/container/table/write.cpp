// SPDX-License-Identifier: Apache-2.0
// Writing tables, see table.h. The order of the steps is LevelDB's, so that the bytes are.
#include <algorithm>

#include "ballast/error.h"
#include "container/table/table.h"
#include "container/table/varint.h"
#include "io/checksum.h"

namespace ballast::table {
namespace {

constexpr std::size_t block_size = 256 << 10;
constexpr std::size_t footer_handles = 40;
constexpr unsigned char byte_max = 0xff;

std::size_t shared_prefix(std::string_view a, std::string_view b) {
    const auto [end, other] = std::mismatch(
        a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
    return static_cast<std::size_t>(end - a.begin());
}

/// A short key that is not before `last` and before `next`.
std::string between(std::string last, std::string_view next) {
    const std::size_t at = shared_prefix(last, next);
    if (at >= std::min(last.size(), next.size())) return last;
    const auto byte = static_cast<unsigned char>(last[at]);
    if (byte == byte_max || byte + 1 >= static_cast<unsigned char>(next[at])) return last;
    last[at] = static_cast<char>(byte + 1);
    last.resize(at + 1);
    return last;
}

/// A short key that is not before `last`.
std::string behind(std::string last) {
    for (std::size_t i = 0; i < last.size(); ++i) {
        const auto byte = static_cast<unsigned char>(last[i]);
        if (byte == byte_max) continue;
        last[i] = static_cast<char>(byte + 1);
        last.resize(i + 1);
        break;
    }
    return last;
}

}  // namespace

void Writer::Block::add(std::string_view key, std::string_view value) {
    std::size_t shared = 0;
    if (since_restart_ < interval_) {
        shared = shared_prefix(last_key_, key);
    } else {
        restarts_.push_back(static_cast<std::uint32_t>(bytes_.size()));
        since_restart_ = 0;
    }
    put_varint(bytes_, shared);
    put_varint(bytes_, key.size() - shared);
    put_varint(bytes_, value.size());
    bytes_.append(key.substr(shared));
    bytes_.append(value);
    last_key_.assign(key);
    ++since_restart_;
}

std::string Writer::Block::take() {
    std::string contents = std::move(bytes_);
    for (const std::uint32_t restart : restarts_)
        put_fixed32(contents, restart);
    put_fixed32(contents, static_cast<std::uint32_t>(restarts_.size()));
    *this = Block(interval_);
    return contents;
}

std::string Writer::store(std::string contents) {
    std::string handle;
    put_varint(handle, file_.size());
    put_varint(handle, contents.size());
    contents.push_back('\0');  // not compressed
    const std::uint32_t crc = io::crc32c(std::as_bytes(std::span(contents)));
    put_fixed32(contents, mask(crc));
    file_.append(contents);
    return handle;
}

void Writer::index_pending(std::string separator) {
    index_.add(separator, pending_handle_);
    pending_ = false;
}

void Writer::flush() {
    if (data_.empty()) return;
    pending_handle_ = store(data_.take());
    pending_ = true;
}

void Writer::add(std::string_view key, std::string_view value) {
    if (any_ && key <= last_key_) throw Error(ErrorCode::internal, "the keys of a table must rise");
    any_ = true;
    if (pending_) index_pending(between(last_key_, key));
    last_key_.assign(key);
    data_.add(key, value);
    if (data_.size() >= block_size) flush();
}

std::vector<std::byte> Writer::finish() {
    flush();
    std::string footer = store(Block(16).take());
    if (pending_) index_pending(behind(last_key_));
    footer += store(index_.take());
    footer.resize(footer_handles, '\0');
    footer.append("\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
    file_.append(footer);
    const auto bytes = std::as_bytes(std::span(file_));
    return {bytes.begin(), bytes.end()};
}

}  // namespace ballast::table
