// SPDX-License-Identifier: Apache-2.0
// Makes the structure bytes of a laid-out file, one segment at a time, from its records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ballast/plan.h"
#include "container/hdf5/write_records.h"

namespace ballast::hdf5::writer {

/// Size of the pieces the structure is written in.
inline constexpr std::uint64_t segment_size = 1 << 20;

/// Produces segment `cookie` = the bytes [cookie * segment_size, …) of the structure. Holds the description,
/// which nobody changes any more; any number of threads may produce at once. A call takes a few KiB of memory
/// and time in proportion to the segment, not to the group it cuts.
class StructureProducer final : public ByteProducer {
public:
    explicit StructureProducer(std::shared_ptr<const Description> file) : file_(std::move(file)) {}
    void produce(std::uint64_t cookie, std::span<std::byte> out) const override;

private:
    std::shared_ptr<const Description> file_;
};

}  // namespace ballast::hdf5::writer
