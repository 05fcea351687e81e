// SPDX-License-Identifier: Apache-2.0
// Parsing checkpoints of version 1, see bundle_v1.h.
#include "container/bundle/bundle_v1.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "ballast/error.h"
#include "container/bundle/assembled_source.h"
#include "container/bundle/checked_source.h"
#include "container/bundle/decoded_source.h"
#include "container/bundle/entry_shape.h"
#include "container/bundle/strings.h"
#include "container/proto/saved_slices.h"
#include "container/table/table.h"
#include "core/checked.h"
#include "io/checksum.h"

namespace ballast::bundle {
namespace {

std::string file_name(std::string_view base, std::uint64_t number, std::uint64_t count) {
    const auto padded = [](std::uint64_t value) {
        const std::string digits = std::to_string(value);
        constexpr std::size_t width = 5;
        return std::string(width - std::min(width, digits.size()), '0') + digits;
    };
    return std::string(base) + "-" + padded(number) + "-of-" + padded(count);
}

std::uint64_t product(const std::vector<std::uint64_t>& dims) {
    std::uint64_t result = 1;
    for (const std::uint64_t dim : dims)
        result *= dim;
    return result;
}

/// A slice that a header lists, and what was found of it.
struct Slice {
    std::size_t tensor = 0;
    TensorPart part;
    std::uint64_t size = 0;  ///< of text: as a bundle stores it
    std::uint32_t crc = 0;   ///< of text
    bool found = false;
};

struct Tensor {
    Entry entry;
    std::vector<std::int64_t> dims;
    std::uint64_t dtype = 0;
    std::vector<std::size_t> slices;
};

}  // namespace

class V1Parser {
public:
    V1Parser(std::shared_ptr<io::Fs> fs, const std::vector<std::string>& files, const Limits& limits)
        : fs_(std::move(fs)), files_(files), limits_(limits), bundle_(new Bundle) {
        bundle_->limits_ = limits;
        bundle_->path_ = fs_->display(files.front());
        bundle_->version_ = 1;
        bundle_->shards_ = files.size();
    }

    std::shared_ptr<const Bundle> run() {
        for (const std::string& name : files_)
            read_file(open(name));
        for (Tensor& tensor : tensors_) {
            try {
                finish(tensor);
            } catch (Error& error) {
                error.in(bundle_->path_).tensor(tensor.entry.key);
                throw;
            }
            bundle_->entries_.push_back(std::move(tensor.entry));
        }
        std::sort(bundle_->entries_.begin(), bundle_->entries_.end(),
                  [](const Entry& a, const Entry& b) { return a.key < b.key; });
        return bundle_;
    }

private:
    std::shared_ptr<const io::Source> open(const std::string& name) const {
        try {
            return fs_->open(name);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::not_found || files_.size() == 1) throw;
            throw Error(ErrorCode::not_found, "a file of the checkpoint is missing")
                .in(fs_->display(name))
                .hint("all files P-…-of-… must lie side by side, under the names they were written with");
        }
    }

    void read_file(const std::shared_ptr<const io::Source>& file) {
        file_ = file;
        // A tensor is an entry of its own, as long as it is; memory is taken for what is there.
        bounds_.block_bytes = std::max(bounds_.block_bytes, file->size());
        bounds_.total_bytes = std::max(limits_.metadata_bytes, file->size());
        wanted_.clear();
        ranges_ = {};
        bool first = true;
        table::read(*file, bounds_, [&](const table::Entry& entry) {
            std::string_view name;
            try {
                if (first) {
                    first = false;
                    return read_header(entry.key, entry.value);
                }
                const auto known = wanted_.find(std::string(entry.key));
                if (known == wanted_.end())
                    throw Error(ErrorCode::damaged,
                                "the checkpoint holds slices of tensors that it does not list");
                name = tensors_[slices_[known->second].tensor].entry.key;
                read_slice(entry, slices_[known->second]);
            } catch (Error& error) {
                error.in(file->path()).at(entry.block.offset);
                if (!name.empty()) error.tensor(name);
                throw;
            }
        });
        if (first) throw Error(ErrorCode::damaged, "the table is empty, and no checkpoint").in(file->path());
        const auto checked = std::make_shared<CheckedSource>(file, std::move(ranges_));
        for (const auto& [key, number] : wanted_) {
            Slice& slice = slices_[number];
            if (!slice.found)
                throw Error(ErrorCode::damaged, "a slice of the tensor is not there")
                    .in(file->path())
                    .tensor(tensors_[slice.tensor].entry.key);
            if (!slice.part.source) slice.part.source = checked;
        }
    }

    void read_header(std::string_view key, std::string_view value) {
        if (!key.empty()) throw Error(ErrorCode::damaged, "the table has no header, and is no checkpoint");
        const std::uint64_t seen = tensors_.size() + slices_.size();
        proto::SavedTensors header =
            proto::read_saved_tensors(value, limits_.objects - std::min(limits_.objects, seen));
        if (header.min_consumer > 1)
            throw Error(ErrorCode::unsupported,
                        "the checkpoint asks for readers of version " + std::to_string(header.min_consumer));
        for (proto::SavedTensor& saved : header.tensors) {
            try {
                add_tensor(saved);
            } catch (Error& error) {
                error.tensor(saved.name);
                throw;
            }
        }
    }

    void add_tensor(const proto::SavedTensor& saved) {
        const auto [place, fresh] = by_name_.try_emplace(saved.name, tensors_.size());
        if (fresh) {
            Tensor tensor;
            tensor.entry.key = saved.name;
            tensor.entry.type = find_type(saved.dtype);
            if (!tensor.entry.type || (proto::value_field(tensor.entry.type->number).tag == 0 &&
                                       tensor.entry.type->number != string_type))
                throw Error(ErrorCode::damaged, "the tensor has the type " + std::to_string(saved.dtype) +
                                                    ", which version 1 does not hold");
            if (saved.unknown_rank) throw Error(ErrorCode::damaged, "the tensor has no shape");
            tensor.entry.shape = checked_shape(saved.dims, *tensor.entry.type, limits_);
            tensor.dims = saved.dims;
            tensor.dtype = saved.dtype;
            tensors_.push_back(std::move(tensor));
        }
        Tensor& tensor = tensors_[place->second];
        if (tensor.dims != saved.dims || tensor.dtype != saved.dtype)
            throw Error(ErrorCode::damaged, "two files of the checkpoint disagree about the tensor");
        for (const proto::TensorSlice& extents : saved.slices) {
            if (!wanted_.try_emplace(proto::slice_key(saved.name, extents), slices_.size()).second)
                throw Error(ErrorCode::damaged, "a slice of the tensor is listed twice");
            tensor.slices.push_back(slices_.size());
            slices_.push_back(slice_of(place->second, extents));
        }
    }

    Slice slice_of(std::size_t number, const proto::TensorSlice& extents) const {
        const Shape& shape = tensors_[number].entry.shape;
        if (extents.size() != shape.rank())
            throw Error(ErrorCode::damaged, "a slice of the tensor has another rank");
        Slice slice;
        slice.tensor = number;
        for (std::size_t dim = 0; dim < extents.size(); ++dim) {
            const proto::SliceExtent& extent = extents[dim];
            const std::uint64_t whole = shape[dim];
            const auto start = static_cast<std::uint64_t>(extent.length ? extent.start : 0);
            const auto length = extent.length ? static_cast<std::uint64_t>(*extent.length) : whole;
            if (!fits(start, length, whole))
                throw Error(ErrorCode::damaged, "a slice of the tensor leaves it");
            slice.part.begin.push_back(start);
            slice.part.extent.push_back(length);
        }
        return slice;
    }

    /// The key said which slice it is; the message says so again.
    void read_slice(const table::Entry& entry, Slice& slice) {
        const TypeRow& type = *tensors_[slice.tensor].entry.type;
        const proto::SavedSlice saved = proto::read_saved_slice(entry.value);
        if (proto::slice_key(saved.name, saved.slice) != entry.key)
            throw Error(ErrorCode::damaged, "a slice is not the one its key stands for");
        slice.found = true;
        const StoredSlice stored{entry.block, entry.place, entry.value.size()};
        if (type.number == string_type) return read_text(saved.values, stored, slice);
        const proto::ValueField field = proto::value_field(type.number);
        const proto::Values values = proto::find_values(saved.values, field);
        const std::uint64_t elements = product(slice.part.extent);
        if (values.count != elements * field.elements)
            throw Error(ErrorCode::damaged, "a slice of the tensor has " + std::to_string(values.count) +
                                                " values, not the " +
                                                std::to_string(elements * field.elements) + " of its shape");
        if (entry.plain && !values.run.empty()) {
            slice.part.offset = entry.block.offset + entry.place +
                                static_cast<std::uint64_t>(values.run.data() - entry.value.data());
            ranges_.add(slice.part.offset, values.run.size(),
                        io::crc32c(std::as_bytes(std::span(values.run))), tensors_[slice.tensor].entry.key);
            return;
        }
        slice.part.source =
            std::make_shared<DecodedSource>(file_, bounds_, stored, type, elements * type.bytes, cache_);
    }

    void read_text(std::string_view values, const StoredSlice& stored, Slice& slice) {
        std::uint64_t count = 0;
        proto::each_text(values, [&](std::string_view) { ++count; });
        if (count != product(slice.part.extent))
            throw Error(ErrorCode::damaged, "a text tensor has " + std::to_string(count) +
                                                " strings, which is not what its shape has");
        const EncodedStrings text =
            encode_strings([&](const EachString& each) { proto::each_text(values, each); });
        slice.size = text.bytes.size();
        slice.crc = text.crc;
        slice.part.source = std::make_shared<DecodedSource>(
            file_, bounds_, stored, *tensors_[slice.tensor].entry.type, slice.size, cache_);
    }

    void finish(Tensor& tensor) {
        Entry& entry = tensor.entry;
        const std::vector<std::uint64_t> shape(entry.shape.begin(), entry.shape.end());
        std::vector<TensorPart> parts;
        parts.reserve(tensor.slices.size());
        for (const std::size_t number : tensor.slices)
            parts.push_back(std::move(slices_[number].part));
        if (!tiles(parts, shape))
            throw Error(ErrorCode::damaged, "the slices of the tensor do not make up the whole");
        if (entry.type->number == string_type) {
            if (parts.size() != 1) throw Error(ErrorCode::unsupported, "a text tensor is stored in slices");
            const Slice& slice = slices_[tensor.slices.front()];
            entry.assembled = parts.front().source;
            entry.size = slice.size;
            entry.crc = unmask(slice.crc);
            return;
        }
        entry.slices = parts.size();
        entry.assembled =
            std::make_shared<AssembledSource>(std::move(parts), shape, entry.type->bytes, bundle_->path_);
    }

    std::shared_ptr<io::Fs> fs_;
    const std::vector<std::string>& files_;
    const Limits& limits_;
    std::shared_ptr<Bundle> bundle_;
    std::shared_ptr<DecodedCache> cache_ = std::make_shared<DecodedCache>();
    table::Bounds bounds_;
    std::vector<Tensor> tensors_;
    std::vector<Slice> slices_;
    std::unordered_map<std::string, std::size_t> by_name_;
    // Of the file being read:
    std::shared_ptr<const io::Source> file_;
    std::unordered_map<std::string, std::size_t> wanted_;  ///< by encoded key
    CheckedRanges ranges_;
};

std::vector<std::string> v1_files(std::string_view name) {
    constexpr std::string_view middle = "-of-";
    const std::size_t of = name.rfind(middle);
    const std::size_t dash = of == std::string_view::npos || of == 0 ? of : name.rfind('-', of - 1);
    if (of != std::string_view::npos && dash != std::string_view::npos) {
        std::uint64_t number = 0, count = 0;
        std::from_chars(name.data() + dash + 1, name.data() + of, number);
        std::from_chars(name.data() + of + middle.size(), name.data() + name.size(), count);
        const std::string_view base = name.substr(0, dash);
        constexpr std::uint64_t most = 100'000;
        if (number < count && count <= most && file_name(base, number, count) == name) {
            std::vector<std::string> files;
            for (std::uint64_t i = 0; i < count; ++i)
                files.push_back(file_name(base, i, count));
            return files;
        }
    }
    return {std::string(name)};
}

std::shared_ptr<const Bundle> parse_v1(const std::shared_ptr<io::Fs>& fs,
                                       const std::vector<std::string>& files, const Limits& limits) {
    return V1Parser(fs, files, limits).run();
}

}  // namespace ballast::bundle
