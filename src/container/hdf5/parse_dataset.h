// SPDX-License-Identifier: Apache-2.0
// A dataset's messages put together and compared with each other, the file and the limits.
#pragma once

#include <memory>
#include <vector>

#include "container/hdf5/parse_attribute.h"
#include "container/hdf5/parse_global_heap.h"
#include "container/hdf5/parse_header.h"
#include "container/hdf5/parse_layout.h"
#include "container/hdf5/read.h"

namespace ballast::hdf5 {

class DatasetReader {
public:
    DatasetReader(Metadata& metadata, SharedReader& shared, TypeReader& types, GlobalHeap& heap,
                  std::shared_ptr<const io::Source> source)
        : metadata_(metadata), shared_(shared), types_(types), heap_(heap), source_(std::move(source)) {}

    /// Describes the dataset with this header. What makes its data unusable becomes `problem`; only what
    /// concerns the whole file throws.
    Dataset read(const ObjectHeader& header);

private:
    void describe(const ObjectHeader& header, Dataset& dataset);
    void contiguous(const DataLayout& layout, const std::vector<std::byte>& fill, Dataset& dataset);
    void compact(const DataLayout& layout, Dataset& dataset);
    void chunked(const ObjectHeader& header, const DataLayout& layout, const Dataspace& space,
                 std::vector<std::byte> fill, Dataset& dataset);
    Pipeline filters(const ObjectHeader& header);
    std::uint64_t chunk_bytes(const DataLayout& layout) const;
    void never_written(std::vector<std::byte> fill, Dataset& dataset);
    void check_expansion(const Dataset& dataset) const;
    std::vector<std::byte> fill_of(const ObjectHeader& header);
    [[noreturn]] void refuse_external(const ObjectHeader& header, const HeaderMessage& message);
    [[noreturn]] void refuse_virtual(const ObjectHeader& header, const DataLayout& layout);

    Metadata& metadata_;
    SharedReader& shared_;
    TypeReader& types_;
    GlobalHeap& heap_;
    std::shared_ptr<const io::Source> source_;
    std::uint64_t element_size_ = 0, elements_ = 0, bytes_ = 0;  ///< of the dataset being read
    bool is_variable_ = false;                                   ///< its elements are references into a heap
};

}  // namespace ballast::hdf5
