// SPDX-License-Identifier: Apache-2.0
// Comparing the assets of two files: bytes with names.
#include <algorithm>
#include <atomic>
#include <memory>

#include "analysis/compare.h"
#include "analysis/metadata.h"
#include "convert/scan.h"

namespace ballast {
namespace {

TensorExpr value_of(const Blob& blob) {
    auto tensor = std::make_shared<TensorInfo>();
    tensor->name = tensor->stored_name = blob.name;
    tensor->dtype = DType::uint8;
    if (const auto* extent = std::get_if<Extent>(&blob.bytes)) {
        tensor->shape = Shape{extent->length};
        tensor->storage.layout = *extent;
    } else {
        const auto& held = std::get<InlineBytes>(blob.bytes);
        tensor->shape = Shape{held.bytes.size()};
        tensor->storage.layout = held;
    }
    return TensorRef(std::move(tensor));
}

const Blob* find(const Index& index, const std::string& name) {
    const auto blobs = index.blobs();
    const auto found =
        std::find_if(blobs.begin(), blobs.end(), [&](const Blob& b) { return b.name == name; });
    return found == blobs.end() ? nullptr : &*found;
}

bool same_bytes(const Blob& a, const Blob& b, const CancelCallback& cancel) {
    const TensorExpr one = value_of(a), other = value_of(b);
    if (!(one.shape() == other.shape())) return false;
    std::atomic<bool> same{true};
    const std::vector<ScanItem> items = {{one, other}};
    scan(items, cut_blocks(items), {0, {}, cancel}, [&](std::size_t, const auto& bytes) {
        if (compare_bits(bytes[0], bytes[1], DType::uint8).different != 0) same = false;
    });
    return same;
}

}  // namespace

void asset_changes(const Archive& a, const Archive& b, const CancelCallback& cancel,
                   std::vector<MetadataChange>& changes) {
    if (&a.format() != &b.format()) return;
    for (const Blob& blob : a.index().blobs()) {
        const Blob* other = find(b.index(), blob.name);
        if (!other)
            changes.push_back({"asset " + blob.name, "there", "", true});
        else if (!same_bytes(blob, *other, cancel))
            changes.push_back({"asset " + blob.name, "some bytes", "other bytes", true});
    }
    for (const Blob& blob : b.index().blobs()) {
        if (!find(a.index(), blob.name)) changes.push_back({"asset " + blob.name, "", "there", true});
    }
}

}  // namespace ballast
