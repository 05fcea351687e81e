// SPDX-License-Identifier: Apache-2.0
// Places of chunks, see write_places.h.
#include "container/hdf5/write_places.h"

#include <algorithm>
#include <span>
#include <utility>

#include "ballast/error.h"
#include "container/hdf5/write.h"
#include "container/hdf5/write_chunks.h"
#include "core/checked.h"

namespace ballast::hdf5 {
namespace {

/// Of the end-of-file address in a version 0 superblock.
constexpr std::uint64_t end_of_file_field = 40;

/// The hooks of a plan whose files are HDF5.
class Hooks final : public PlanHooks {
public:
    void add(std::size_t file, std::shared_ptr<ChunkPlaces> places) {
        places_.resize(std::max(places_.size(), file + 1));
        places_[file] = std::move(places);
    }
    std::uint64_t reserve(std::size_t file, std::size_t, std::uint64_t length) override {
        return places_[file]->reserve(length);
    }
    Finish finish(const PlanResults& results) override {
        Finish finish;
        for (std::size_t file = 0; file < places_.size(); ++file) {
            if (places_[file]) places_[file]->finish(file, results[file], finish);
        }
        return finish;
    }

private:
    std::vector<std::shared_ptr<ChunkPlaces>> places_;
};

}  // namespace

void add_to(WritePlan& plan, Planned planned) {
    if (planned.chunks) {
        if (!plan.hooks) plan.hooks = std::make_shared<Hooks>();
        auto* hooks = dynamic_cast<Hooks*>(plan.hooks.get());
        if (!hooks) throw Error(ErrorCode::internal, "a plan with chunks of HDF5 has other hooks");
        hooks->add(plan.files.size(), std::move(planned.chunks));
    }
    plan.files.push_back(std::move(planned.file));
}

std::shared_ptr<ChunkPlaces> ChunkPlaces::add_chunks(std::shared_ptr<const writer::Description> file,
                                                     PlannedFile& planned) {
    auto places = std::make_shared<ChunkPlaces>();
    for (std::size_t dataset = 0; dataset < file->datasets.size(); ++dataset) {
        const auto& target = file->datasets[dataset].chunked;
        if (!target) continue;
        const std::uint64_t chunks = writer::chunk_count(target->value.shape(), target->chunk_shape);
        places->runs_.push_back({dataset, planned.pieces.size(), chunks});
        for (std::uint64_t chunk = 0; chunk < chunks; ++chunk)
            planned.pieces.push_back({0, EncodedChunk{target, chunk}});
    }
    if (places->runs_.empty()) return nullptr;
    places->end_ = file->file_end;
    places->description_ = std::move(file);
    return places;
}

std::uint64_t ChunkPlaces::reserve(std::uint64_t length) {
    const std::uint64_t place = end_;
    const auto end = checked_add(place, length);
    if (length > 0xffffffffU || !end || *end > ~std::uint64_t{0} / 4)
        throw Error(ErrorCode::limit_exceeded, "a chunk does not fit an HDF5 file");
    used_ = *end;
    end_ = writer::pad8(*end);
    return place;
}

void ChunkPlaces::finish(std::size_t file, const std::vector<PieceResult>& results, Finish& finish) const {
    for (const Run& run : runs_) {
        const writer::DatasetRecord& dataset = description_->datasets[run.dataset];
        const ChunkedTarget& target = *dataset.chunked;
        const auto tree = writer::chunk_tree(run.chunks, target.chunk_shape.rank());
        const std::span<const PieceResult> places(results.data() + run.first_piece, run.chunks);
        finish.patches.push_back({file, dataset.data_address,
                                  writer::encode_chunk_tree(tree, dataset.data_address, target, places)});
    }
    writer::Encoder end;
    end.u64(end_);
    const auto bytes = end.bytes();
    finish.patches.push_back({file, end_of_file_field, {bytes.begin(), bytes.end()}});
    // The last chunk's padding belongs to the file.
    finish.patches.push_back({file, used_, std::vector<std::byte>(end_ - used_)});
}

}  // namespace ballast::hdf5
