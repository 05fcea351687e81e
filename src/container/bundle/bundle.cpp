// SPDX-License-Identifier: Apache-2.0
// Parsing bundles: every entry is checked against its type, its shape and its data file before anyone reads
// it.
#include "container/bundle/bundle.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include "ballast/error.h"
#include "container/bundle/assembled_source.h"
#include "container/bundle/checked_source.h"
#include "container/bundle/entry_shape.h"
#include "container/proto/bundle_messages.h"
#include "container/table/table.h"
#include "core/checked.h"

namespace ballast::bundle {
namespace {

bool by_key(const Entry& entry, std::string_view key) {
    return entry.key < key;
}

}  // namespace

Shape checked_shape(const std::vector<std::int64_t>& dims, const TypeRow& type, const Limits& limits) {
    if (dims.size() > Shape::max_rank)
        throw Error(ErrorCode::limit_exceeded,
                    "the tensor has " + std::to_string(dims.size()) + " dimensions (at most 32)");
    std::array<std::uint64_t, Shape::max_rank> sizes{};
    std::size_t rank = 0;
    std::uint64_t elements = 1;
    bool too_many = false, none = false;
    for (const std::int64_t dim : dims) {
        if (dim < 0) throw Error(ErrorCode::damaged, "the tensor has a negative dimension");
        const auto product = checked_multiply(elements, static_cast<std::uint64_t>(dim));
        too_many = too_many || !product;
        none = none || dim == 0;
        elements = product.value_or(elements);
        sizes[rank++] = static_cast<std::uint64_t>(dim);
    }
    const auto bytes = checked_multiply(elements, std::max<std::uint64_t>(type.bytes, 1));
    if ((too_many && !none) || (!none && (!bytes || *bytes > limits.tensor_bytes)))
        throw Error(ErrorCode::limit_exceeded, "the tensor declares more bytes than the limit tensor_bytes");
    if (too_many) throw Error(ErrorCode::limit_exceeded, "the tensor's dimensions are beyond 64 bits");
    return Shape(std::span(sizes.data(), rank));
}

class Parser {
public:
    Parser(std::shared_ptr<io::Fs> fs, std::string prefix, const Limits& limits)
        : fs_(std::move(fs)), prefix_(std::move(prefix)), bundle_(new Bundle) {
        bundle_->limits_ = limits;
        bundle_->path_ = fs_->display(index_name(prefix_));
    }

    std::shared_ptr<const Bundle> run() {
        const auto index = fs_->open(index_name(prefix_));
        // Growing step by step would copy every entry, and touch twice the memory.
        constexpr std::uint64_t least = 24;  // bytes of an entry
        bundle_->entries_.reserve(
            static_cast<std::size_t>(std::min(index->size() / least, bundle_->limits_.objects)));
        bool first = true;
        table::read(*index, bundle_->limits_,
                    [&](std::string_view key, std::string_view value, std::uint64_t block) {
                        try {
                            if (first) {
                                first = false;
                                return read_header(key, value);
                            }
                            read_entry(key, value);
                        } catch (Error& error) {
                            error.in(bundle_->path_).at(block);
                            if (!key.empty() && key.front() != '\0') error.tensor(key);
                            throw;
                        }
                    });
        if (first) throw Error(ErrorCode::damaged, "the checkpoint has no header").in(bundle_->path_);
        try {
            open_shards();
            auto sliced = sliced_.begin();
            for (std::size_t i = 0; i < bundle_->entries_.size(); ++i) {
                const bool parts = sliced != sliced_.end() && sliced->entry == i;
                finish(bundle_->entries_[i], parts ? (sliced++)->message : std::string());
            }
            check_slices_used();
        } catch (Error& error) {
            error.in(bundle_->path_);
            throw;
        }
        return bundle_;
    }

private:
    void read_header(std::string_view key, std::string_view value) {
        if (!key.empty()) throw Error(ErrorCode::damaged, "the checkpoint has no header");
        const proto::BundleHeader header = proto::read_header(value);
        if (header.min_consumer > 1)
            throw Error(ErrorCode::unsupported,
                        "the checkpoint asks for readers of version " + std::to_string(header.min_consumer));
        if (header.endianness > 1)
            throw Error(ErrorCode::damaged, "the checkpoint has an unknown byte order");
        if (header.num_shards < 1) throw Error(ErrorCode::damaged, "the checkpoint has no data files");
        if (static_cast<std::uint64_t>(header.num_shards) > bundle_->limits_.shards)
            throw Error(ErrorCode::limit_exceeded,
                        "the checkpoint has more data files than the limit shards");
        bundle_->shards_ = static_cast<std::uint64_t>(header.num_shards);
        bundle_->big_endian_ = header.endianness == 1;
        bundle_->sources_.resize(static_cast<std::size_t>(header.num_shards));
    }

    void read_entry(std::string_view key, std::string_view value) {
        if (bundle_->entries_.size() + slices_.size() >= bundle_->limits_.objects)
            throw Error(ErrorCode::limit_exceeded, "the checkpoint has more tensors than the limit objects");
        proto::BundleEntry read = proto::read_entry(value);
        Entry entry;
        entry.key.assign(key);
        entry.type = find_type(read.dtype);
        if (!entry.type)
            throw Error(ErrorCode::damaged, "the tensor has the unknown type " + std::to_string(read.dtype));
        if (read.unknown_rank) throw Error(ErrorCode::damaged, "the tensor has no shape");
        entry.shape = checked_shape(read.dims, *entry.type, bundle_->limits_);
        entry.slices = read.slice_count;
        if (entry.slices == 0) place(entry, read);
        if (!key.empty() && key.front() == '\0') {
            slices_.emplace(key, slice_entries_.size());
            slice_entries_.push_back(std::move(entry));
        } else {
            if (entry.slices != 0) sliced_.push_back({bundle_->entries_.size(), std::string(value)});
            bundle_->entries_.push_back(std::move(entry));
        }
    }

    void place(Entry& entry, const proto::BundleEntry& read) {
        if (read.shard < 0 || static_cast<std::uint64_t>(read.shard) >= bundle_->shards_)
            throw Error(ErrorCode::damaged, "the tensor lies in data file " + std::to_string(read.shard) +
                                                " of " + std::to_string(bundle_->shards_));
        if (read.offset < 0 || read.size < 0)
            throw Error(ErrorCode::damaged, "the tensor has a negative place or size");
        entry.shard = static_cast<std::uint64_t>(read.shard);
        entry.offset = static_cast<std::uint64_t>(read.offset);
        entry.size = static_cast<std::uint64_t>(read.size);
        entry.crc = unmask(read.crc);
        if (entry.type->bytes == 0) return;
        if (entry.size != entry.shape.element_count() * entry.type->bytes)
            throw Error(ErrorCode::damaged, "the tensor takes " + std::to_string(entry.size) +
                                                " bytes, which is not what " + entry.shape.to_string() +
                                                " of " + std::string(entry.type->name) + " takes");
        if (entry.size == 0 && entry.crc != 0)
            throw Error(ErrorCode::checksum_mismatch, "an empty tensor does not fit its checksum");
    }

    /// Opens what is referred to, and checks that each tensor lies inside of its file and apart from all
    /// others.
    void open_shards() {
        struct Placed {
            std::uint64_t shard, offset;  // beside the entry: sorting need not look at it
            const Entry* entry;
        };
        std::vector<Placed> placed;
        placed.reserve(bundle_->entries_.size() + slice_entries_.size());
        for (const auto* list : {&bundle_->entries_, &slice_entries_})
            for (const Entry& entry : *list)
                if (entry.slices == 0) placed.push_back({entry.shard, entry.offset, &entry});
        std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
            return a.shard != b.shard ? a.shard < b.shard : a.offset < b.offset;
        });
        for (std::size_t at = 0; at < placed.size();) {
            const std::uint64_t shard = placed[at].shard;
            const auto source = open(shard);
            CheckedRanges ranges;
            if (bundle_->shards_ == 1) ranges.reserve(placed.size());
            std::uint64_t end = 0;
            for (; at < placed.size() && placed[at].shard == shard; ++at) {
                const Entry& entry = *placed[at].entry;
                if (!fits(entry.offset, entry.size, source->size()))
                    throw Error(ErrorCode::truncated, "the tensor lies behind the end of its data file")
                        .in(source->path())
                        .at(entry.offset)
                        .tensor(shown(entry));
                if (entry.size == 0) continue;
                if (entry.offset < end)
                    throw Error(ErrorCode::damaged, "the tensor's bytes are another one's as well")
                        .in(source->path())
                        .at(entry.offset)
                        .tensor(shown(entry));
                end = entry.offset + entry.size;
                if (entry.type->bytes != 0) ranges.add(entry.offset, entry.size, entry.crc, shown(entry));
            }
            bundle_->sources_[static_cast<std::size_t>(shard)] =
                std::make_shared<CheckedSource>(source, std::move(ranges));
        }
    }

    /// A slice goes by the name of its tensor.
    static std::string_view shown(const Entry& entry) {
        const std::string_view key = entry.key;
        if (key.empty() || key.front() != '\0') return key;
        return key.substr(1, key.find('\0', 1) - 1);
    }

    std::shared_ptr<const io::Source> open(std::uint64_t shard) const {
        const std::string name = shard_name(prefix_, shard, bundle_->shards_);
        try {
            return fs_->open(name);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::not_found) throw;
            throw Error(ErrorCode::not_found, "a data file of the checkpoint is missing")
                .in(fs_->display(name))
                .hint("all files P.data-… must lie beside P.index, under the names they were written with");
        }
    }

    const std::shared_ptr<const io::Source>& source_of(const Entry& entry) const {
        return bundle_->sources_[static_cast<std::size_t>(entry.shard)];
    }

    void finish(Entry& entry, std::string_view message) {
        try {
            if (entry.slices != 0) assemble(entry, message);
            const bool nibbles = entry.type->dtype == DType::int4 || entry.type->dtype == DType::uint4;
            if (!nibbles || entry.shape.element_count() == 0) return;
            const bool whole = entry.slices == 0;
            entry.assembled =
                std::make_shared<NibbleSource>(whole ? source_of(entry) : entry.assembled,
                                               whole ? entry.offset : 0, entry.shape.element_count());
        } catch (Error& error) {
            error.tensor(entry.key);
            throw;
        }
    }

    void assemble(Entry& entry, std::string_view message) {
        if (entry.type->bytes == 0) throw Error(ErrorCode::unsupported, "a text tensor is stored in slices");
        const std::vector<std::uint64_t> shape(entry.shape.begin(), entry.shape.end());
        std::vector<TensorPart> parts;
        // What is declared takes memory once it is known to be stored.
        if (entry.slices > slices_.size() - slices_used_)
            throw Error(ErrorCode::damaged, "a slice of the tensor is not there");
        parts.reserve(static_cast<std::size_t>(entry.slices));
        proto::each_slice(
            message, [&](const proto::TensorSlice& slice) { parts.push_back(part_of(entry, shape, slice)); });
        if (!tiles(parts, shape))
            throw Error(ErrorCode::damaged, "the slices of the tensor do not make up the whole");
        entry.assembled =
            std::make_shared<AssembledSource>(std::move(parts), shape, entry.type->bytes, bundle_->path_);
    }

    TensorPart part_of(const Entry& entry, const std::vector<std::uint64_t>& shape,
                       const proto::TensorSlice& slice) {
        const auto found = slices_.find(proto::slice_key(entry.key, slice));
        if (found == slices_.end()) throw Error(ErrorCode::damaged, "a slice of the tensor is not there");
        ++slices_used_;
        const Entry& stored = slice_entries_[found->second];
        TensorPart part;
        for (std::size_t dim = 0; dim < slice.size() && slice.size() == shape.size(); ++dim) {
            const proto::SliceExtent& extent = slice[dim];
            if (extent.start < 0 || extent.length.value_or(0) < 0)
                throw Error(ErrorCode::damaged, "a slice of the tensor has a negative place or size");
            part.begin.push_back(extent.length ? static_cast<std::uint64_t>(extent.start) : 0);
            part.extent.push_back(extent.length ? static_cast<std::uint64_t>(*extent.length) : shape[dim]);
        }
        if (slice.size() != shape.size() || stored.slices != 0 || stored.type != entry.type ||
            !std::equal(part.extent.begin(), part.extent.end(), stored.shape.begin(), stored.shape.end()))
            throw Error(ErrorCode::damaged, "a slice of the tensor has another shape or type than it should");
        part.source = source_of(stored);
        part.offset = stored.offset;
        return part;
    }

    void check_slices_used() const {
        if (slices_used_ < slices_.size())
            throw Error(ErrorCode::damaged, "the checkpoint holds slices of tensors that it does not list");
    }

    std::shared_ptr<io::Fs> fs_;
    std::string prefix_;
    std::shared_ptr<Bundle> bundle_;
    /// An entry whose slices are looked at when all that is stored is known.
    struct Sliced {
        std::size_t entry = 0;
        std::string message;
    };
    std::vector<Sliced> sliced_;  ///< by entry
    std::vector<Entry> slice_entries_;
    std::unordered_map<std::string, std::size_t> slices_;  ///< by encoded key
    std::size_t slices_used_ = 0;
};

std::shared_ptr<const Bundle> Bundle::parse(std::shared_ptr<io::Fs> fs, std::string prefix,
                                            const Limits& limits) {
    return Parser(std::move(fs), std::move(prefix), limits).run();
}

const Entry* Bundle::find(std::string_view key) const noexcept {
    const auto found = std::lower_bound(entries_.begin(), entries_.end(), key, by_key);
    return found == entries_.end() || found->key != key ? nullptr : &*found;
}

TensorInfo Bundle::tensor(const Entry& entry) const {
    TensorInfo tensor;
    tensor.name = tensor.stored_name = entry.key;
    tensor.dtype = entry.type->dtype;
    tensor.shape = entry.shape;
    const bool swapped = big_endian_ && entry.type->bytes > 1;
    tensor.storage.big_endian = swapped;
    Extent extent = stored(entry);
    if (entry.assembled) {
        extent = {entry.assembled, 0, entry.assembled->size()};
        tensor.stored_bytes = entry.shape.element_count() * entry.type->bytes;
    } else {
        tensor.stored_bytes = entry.size;
    }
    tensor.storage.layout = std::move(extent);
    return tensor;
}

Extent Bundle::stored(const Entry& entry) const {
    if (entry.slices != 0) return {};
    if (entry.assembled && entry.type->bytes == 0) return {entry.assembled, 0, entry.size};
    return {sources_[static_cast<std::size_t>(entry.shard)], entry.offset, entry.size};
}

std::vector<std::string> Bundle::strings(const Entry& entry) const {
    std::vector<std::string> result;
    decode_text(entry, [&](std::string_view text) { result.emplace_back(text); });
    return result;
}

void Bundle::check_text(const Entry& entry) const {
    decode_text(entry, {});
}

void Bundle::decode_text(const Entry& entry, const EachString& each) const {
    try {
        if (entry.type->number != string_type || entry.slices != 0)
            throw Error(ErrorCode::unsupported, "the tensor holds no strings, or in slices");
        if (entry.size > limits_.metadata_bytes)
            throw Error(ErrorCode::limit_exceeded, "the text is larger than the limit metadata_bytes");
        const Extent extent = stored(entry);
        std::string bytes(static_cast<std::size_t>(extent.length), '\0');
        extent.source->read_at(extent.offset, std::as_writable_bytes(std::span(bytes)));
        decode_strings(bytes, entry.shape.element_count(), entry.crc, big_endian_, each);
    } catch (Error& error) {
        error.in(path_).tensor(entry.key);
        throw;
    }
}

}  // namespace ballast::bundle
