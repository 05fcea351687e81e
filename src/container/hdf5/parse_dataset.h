// SPDX-License-Identifier: Apache-2.0
// A dataset's messages put together and compared with each other, the file and the limits.
#pragma once

#include <memory>
#include <vector>

#include "container/hdf5/parse_attribute.h"
#include "container/hdf5/parse_header.h"
#include "container/hdf5/parse_layout.h"
#include "container/hdf5/read.h"

namespace ballast::hdf5 {

class DatasetReader {
public:
    DatasetReader(Metadata& metadata, TypeReader& types, std::shared_ptr<const io::Source> source)
        : metadata_(metadata), types_(types), source_(std::move(source)) {}

    /// Describes the dataset with this header. What only makes the data unusable becomes `problem`; damage throws.
    Dataset read(const ObjectHeader& header);

private:
    void describe(const ObjectHeader& header, Dataset& dataset);
    void contiguous(const DataLayout& layout, const std::vector<std::byte>& fill, Dataset& dataset);
    void compact(const DataLayout& layout, Dataset& dataset);
    void chunked(const ObjectHeader& header, const DataLayout& layout, std::vector<std::byte> fill, Dataset& dataset);
    void never_written(std::vector<std::byte> fill, Dataset& dataset);
    void check_expansion(const Dataset& dataset) const;
    std::vector<std::byte> fill_of(const ObjectHeader& header, const Dataset& dataset) const;
    [[noreturn]] void refuse_external(const ObjectHeader& header, const HeaderMessage& message);

    Metadata& metadata_;
    TypeReader& types_;
    std::shared_ptr<const io::Source> source_;
    std::uint64_t element_size_ = 0, elements_ = 0, bytes_ = 0;  ///< of the dataset being read
};

}  // namespace ballast::hdf5
