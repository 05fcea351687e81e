// SPDX-License-Identifier: Apache-2.0
// verify(): a job a tensor, so that one that is damaged does not hide the next.
#include "ballast/verify.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "analysis/sha256.h"
#include "ballast/archive.h"
#include "container/zip/zip.h"
#include "convert/chunk_grid.h"
#include "convert/scan.h"
#include "io/worker_pool.h"
#include "model/cast.h"
#include "model/evaluate.h"

namespace ballast {
namespace {

constexpr std::uint64_t usual_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t large_bytes = std::uint64_t{8} << 20;  ///< above it one tensor at a time
constexpr std::uint64_t largest_bytes = std::uint64_t{256} << 20;

/// How many bytes of a tensor to read at once: whole rows of chunks where these are decoded together.
std::uint64_t step_of(const TensorExpr& value) {
    const std::uint64_t slab = std::min(decoding_step(value), largest_bytes);
    return slab == 0 ? usual_bytes : std::max(usual_bytes / slab, std::uint64_t{1}) * slab;
}

class Verification {
public:
    Verification(const Location& location, const VerifyOptions& options)
        : options_(options), archive_(open(location, options.open)) {
        report_.path = location.display();
        report_.format = archive_->format().id;
        report_.kind = archive_->kind();
        report_.warnings = archive_->warnings();
        report_.problems = archive_->problems();
        for (const TensorInfo& tensor : archive_->index().tensors()) {
            // Text of variable length is listed, but has no elements.
            if (!tensor.alias_of.empty() || tensor.dtype == DType::string) continue;
            report_.tensors.push_back(
                {tensor.name, tensor.part, tensor.dtype, tensor.shape, false, {}, 0, 0});
            positions_.push_back(static_cast<std::size_t>(&tensor - archive_->index().tensors().data()));
            report_.bytes += tensor.byte_count();
        }
    }

    VerifyReport run() {
        if (options_.digests) Sha256();  // says at once when the build has none
        add_blobs();
        add_members();
        const std::size_t jobs = positions_.size() + parts_.size();
        failures_.resize(jobs);
        io::WorkerPool pool(scan_threads(options_.threads, jobs));
        pool.run(
            jobs, [&](std::size_t job, unsigned) { attempt(pool, job); }, [this] { watch(); });
        for (std::optional<Error>& failure : failures_)
            if (failure) report_.problems.push_back(std::move(*failure));
        if (options_.digests) {
            report_.weights_digest = digest_of({Part::weight, Part::loose});
            report_.state_digest = digest_of({Part::optimizer, Part::metric});
        }
        return std::move(report_);
    }

private:
    /// Bytes that are no tensor: assets, members of an archive.
    struct NamedBytes {
        std::string name;
        std::shared_ptr<const io::Source> source;
        std::uint64_t offset = 0, length = 0;
    };

    void add_blobs() {
        for (const Blob& blob : archive_->index().blobs())
            if (const auto* extent = std::get_if<Extent>(&blob.bytes))
                parts_.push_back({blob.name, extent->source, extent->offset, extent->length});
    }

    /// The checksums of an archive cover more than its tensors; a member that is a tensor is checked with it.
    void add_members() {
        const Location& location = archive_->location();
        if (location.kind != Location::Kind::file) return;
        const auto source = location.fs->open(location.name);
        std::array<std::byte, 16> head{};
        const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(source->size(), head.size()));
        source->read_at(0, std::span(head).first(length));
        if (!zip::starts_like_zip(std::span(head).first(length))) return;
        std::unordered_set<std::string> tensors;
        for (const TensorInfo& tensor : archive_->index().tensors())
            tensors.insert(tensor.stored_name + ".npy");
        const auto directory = zip::read_directory(*source, options_.open.limits);
        for (const zip::Member& member : directory->members) {
            if (member.is_folder() || tensors.contains(member.name)) continue;
            parts_.push_back(
                {member.name, zip::open_member(source, member, options_.open.limits), 0, member.size});
        }
    }

    void attempt(io::WorkerPool& pool, std::size_t job) {
        try {
            if (job < positions_.size()) {
                verify_tensor(pool, job);
            } else {
                const NamedBytes& part = parts_[job - positions_.size()];
                by_steps(pool, part.length, usual_bytes, [&](std::uint64_t at, std::span<std::byte> bytes) {
                    part.source->read_at(part.offset + at, bytes);
                });
            }
        } catch (Error& error) {
            if (error.code() == ErrorCode::cancelled) throw;
            error.in(report_.path);
            error.tensor(job < positions_.size() ? report_.tensors[job].name
                                                 : parts_[job - positions_.size()].name);
            failures_[job] = std::move(error);
        }
    }

    void verify_tensor(io::WorkerPool& pool, std::size_t job) {
        const TensorRef tensor = archive_->index().ref(positions_[job]);
        VerifiedTensor& result = report_.tensors[job];
        const TensorExpr value(tensor);
        std::optional<Sha256> sha;
        if (options_.digests) sha.emplace();
        const std::uint64_t step = step_of(value);
        std::unique_lock large(large_turn_, std::defer_lock);
        if (std::min(step, tensor->byte_count()) > large_bytes) large.lock();
        by_steps(pool, tensor->byte_count(), step, [&](std::uint64_t at, std::span<std::byte> bytes) {
            evaluate(value, at, bytes);
            if (sha) sha->add(bytes);
            if (!options_.values) return;
            result.nan += count_nan(bytes, tensor->dtype);
            result.infinite += count_infinite(bytes, tensor->dtype);
        });
        if (sha) result.digest = sha->hex();
        result.read = true;
    }

    /// Calls read(offset, bytes) for all of a part.
    template <class Read>
    void by_steps(io::WorkerPool& pool, std::uint64_t length, std::uint64_t step, Read read) {
        std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(step, length)));
        for (std::uint64_t at = 0; at < length; at += step) {
            const auto size = static_cast<std::size_t>(std::min(step, length - at));
            read(at, std::span(buffer).first(size));
            done_.fetch_add(size, std::memory_order_relaxed);
            pool.checkpoint();
        }
    }

    void watch() {
        if (options_.cancel && options_.cancel())
            throw Error(ErrorCode::cancelled, "the operation was cancelled").in(report_.path);
        if (!options_.progress) return;
        std::uint64_t total = report_.bytes;
        for (const NamedBytes& part : parts_)
            total += part.length;
        options_.progress({done_.load(std::memory_order_relaxed), total});
    }

    std::string digest_of(std::array<Part, 2> parts) const {
        std::vector<std::string> lines;
        for (const VerifiedTensor& tensor : report_.tensors) {
            if (std::find(parts.begin(), parts.end(), tensor.part) == parts.end()) continue;
            if (!tensor.read) return {};
            lines.push_back(tensor.name + " " + std::string(to_string(tensor.dtype)) + " " +
                            tensor.shape.to_string() + " " + tensor.digest + "\n");
        }
        if (lines.empty()) return {};
        std::sort(lines.begin(), lines.end());
        Sha256 sha;
        for (const std::string& line : lines)
            sha.add(std::as_bytes(std::span(line)));
        return sha.hex();
    }

    const VerifyOptions& options_;
    std::shared_ptr<Archive> archive_;
    VerifyReport report_;
    std::vector<std::size_t> positions_;  ///< of report_.tensors in the index
    std::vector<NamedBytes> parts_;
    std::vector<std::optional<Error>> failures_;  ///< by job
    std::mutex large_turn_;
    std::atomic<std::uint64_t> done_{0};
};

}  // namespace

VerifyReport verify(const Location& location, const VerifyOptions& options) {
    return Verification(location, options).run();
}

VerifyReport verify(const std::filesystem::path& path, const VerifyOptions& options) {
    return verify(Location::for_reading(path), options);
}

}  // namespace ballast
