// SPDX-License-Identifier: Apache-2.0
// Planning a tensor bundle, see write_bundle.h.
#include "container/bundle/write_bundle.h"

#include <algorithm>
#include <set>

#include "ballast/error.h"
#include "container/bundle/strings.h"
#include "container/table/table.h"

namespace ballast::bundle {
namespace {

/// Makes the index once the checksums are known.
class IndexHook final : public PlanHooks {
public:
    struct Item {
        std::string key;
        proto::BundleEntry entry;
        std::size_t file = 0, piece = 0;
        bool checked = false;   ///< the checksum is the engine's to find
        bool verified = false;  ///< it is known, and the engine's must be the same
    };

    IndexHook(std::string name, std::uint64_t shards, std::vector<Item> items)
        : name_(std::move(name)), shards_(shards), items_(std::move(items)) {}

    Finish finish(const PlanResults& results) override {
        table::Writer index;
        index.add("", proto::write_header({static_cast<std::int64_t>(shards_), 0, 0}));
        for (Item& item : items_) {
            const std::uint32_t found =
                table::mask(item.entry.size == 0 ? 0 : results.at(item.file).at(item.piece).checksum);
            if (item.verified && found != item.entry.crc)
                throw Error(ErrorCode::checksum_mismatch,
                            "the tensor that is copied does not fit its checksum")
                    .tensor(item.key)
                    .hint("the source is damaged: get it again");
            if (item.checked) item.entry.crc = found;
            index.add(item.key, proto::write_entry(item.entry));
        }
        Finish finish;
        finish.tail_files.push_back({name_, index.finish()});
        return finish;
    }

private:
    std::string name_;
    std::uint64_t shards_;
    std::vector<Item> items_;
};

/// A number of data files, at least `wanted`, that no file of this prefix has in its name.
std::uint64_t free_count(std::string_view prefix, std::span<const std::string> existing,
                         std::uint64_t wanted) {
    std::set<std::uint64_t> used;
    for (const std::string& name : existing)
        if (const auto numbers = shard_numbers(prefix, name)) used.insert(numbers->shards);
    while (used.contains(wanted))
        ++wanted;
    return wanted;
}

}  // namespace

void Builder::add(std::string key, TensorExpr value) {
    const TypeRow* type = type_of(value.dtype());
    if (!type || type->dtype == DType::int4 || type->dtype == DType::uint4)
        throw Error(ErrorCode::unsupported_dtype,
                    "a TensorFlow checkpoint is not written with " + std::string(to_string(value.dtype())))
            .tensor(key);
    Item item;
    item.key = std::move(key);
    item.entry.dtype = type->number;
    for (const std::uint64_t dim : value.shape())
        item.entry.dims.push_back(static_cast<std::int64_t>(dim));
    item.entry.size = static_cast<std::int64_t>(value.byte_count());
    item.value = std::move(value);
    items_.push_back(std::move(item));
}

void Builder::add_text(std::string key, const std::string& text) {
    const EncodedStrings encoded = encode_strings({&text, 1});
    const auto bytes = std::as_bytes(std::span(encoded.bytes));
    Item item;
    item.key = std::move(key);
    item.bytes.assign(bytes.begin(), bytes.end());
    item.entry.dtype = string_type;
    item.entry.size = static_cast<std::int64_t>(bytes.size());
    item.entry.crc = encoded.crc;
    items_.push_back(std::move(item));
}

void Builder::add_stored(const Entry& entry, const Extent& stored) {
    Item item;
    item.key = entry.key;
    item.entry.dtype = entry.type->number;
    for (const std::uint64_t dim : entry.shape)
        item.entry.dims.push_back(static_cast<std::int64_t>(dim));
    item.entry.size = static_cast<std::int64_t>(stored.length);
    item.entry.crc = table::mask(entry.crc);
    item.stored = stored;
    items_.push_back(std::move(item));
}

/// In the order of the keys; a tensor is never split.
void Builder::place(std::uint64_t largest) {
    std::uint64_t used = 0;
    shards_ = 1;
    for (Item& item : items_) {
        const auto size = static_cast<std::uint64_t>(item.entry.size);
        if (largest != 0 && size > largest && item.bytes.empty())
            throw Error(ErrorCode::invalid_argument, "a tensor takes " + std::to_string(size) +
                                                         " bytes, more than a file of " +
                                                         std::to_string(largest))
                .tensor(item.key)
                .hint("a tensor is never split: use --max-shard-size " + std::to_string(size) + "B or more");
        if (largest != 0 && used != 0 && (used > largest || size > largest - used)) {
            ++shards_;
            used = 0;
        }
        item.entry.shard = static_cast<std::int64_t>(shards_ - 1);
        item.entry.offset = static_cast<std::int64_t>(used);
        used += size;
    }
}

WritePlan Builder::plan(const Target& target) {
    std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) { return a.key < b.key; });
    const auto twice = std::adjacent_find(items_.begin(), items_.end(),
                                          [](const Item& a, const Item& b) { return a.key == b.key; });
    if (twice != items_.end())
        throw Error(ErrorCode::invalid_argument, "two tensors would have one name in the checkpoint")
            .tensor(twice->key);
    place(target.largest);
    const std::uint64_t count = free_count(target.prefix, target.existing, shards_);
    WritePlan plan;
    for (std::size_t shard = 0; shard < shards_; ++shard) {
        PlannedFile& file = plan.files.emplace_back();
        file.name = shard_name(target.prefix, shard, count);
        file.checksum = Checksum::crc32c;
    }
    std::vector<IndexHook::Item> indexed;
    for (Item& item : items_) {
        const auto shard = static_cast<std::size_t>(item.entry.shard);
        PlannedFile& file = plan.files[shard];
        const auto offset = static_cast<std::uint64_t>(item.entry.offset);
        file.size = offset + static_cast<std::uint64_t>(item.entry.size);
        const bool known = item.value.empty();
        const bool verified = item.stored && find_type(item.entry.dtype)->bytes != 0;
        indexed.push_back(
            {std::move(item.key), std::move(item.entry), shard, file.pieces.size(), !known, verified});
        if (item.stored)
            file.pieces.push_back({offset, CopiedBytes{std::move(*item.stored)}});
        else if (known)
            file.pieces.push_back({offset, FixedBytes{std::move(item.bytes)}});
        else
            file.pieces.push_back({offset, TensorBytes{std::move(item.value)}});
    }
    items_.clear();
    plan.commit = index_name(target.prefix);
    plan.hooks = std::make_shared<IndexHook>(plan.commit, count, std::move(indexed));
    return plan;
}

}  // namespace ballast::bundle
