// SPDX-License-Identifier: Apache-2.0
// ChunkPlaces: gives the compressed chunks of one file their places behind everything else, and afterwards
// writes what depends on them: the indexes, and the end of the file in the superblock. Used by the engine
// through PlanHooks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ballast/plan.h"
#include "container/hdf5/write_records.h"

namespace ballast::hdf5 {

class ChunkPlaces {
public:
    /// Appends the chunks of all datasets to the file's pieces; null when there are none.
    static std::shared_ptr<ChunkPlaces> add_chunks(std::shared_ptr<const writer::Description> file,
                                                   PlannedFile& planned);

    std::uint64_t reserve(std::uint64_t length);
    /// `results` are those of the file's pieces.
    void finish(std::size_t file, const std::vector<PieceResult>& results, Finish& finish) const;

private:
    struct Run {
        std::size_t dataset = 0;      ///< in the description
        std::size_t first_piece = 0;  ///< in the file
        std::uint64_t chunks = 0;
    };
    std::shared_ptr<const writer::Description> description_;
    std::vector<Run> runs_;
    std::uint64_t end_ = 0;   ///< where the next chunk goes
    std::uint64_t used_ = 0;  ///< where the last one ends
};

}  // namespace ballast::hdf5
