// SPDX-License-Identifier: Apache-2.0
// Members as Sources: windows that add up their checksum, and inflated bytes.
#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "ballast/error.h"
#include "ballast/index.h"
#include "container/zip/format.h"
#include "container/zip/inflate.h"
#include "container/zip/zip.h"
#include "io/checksum.h"
#include "io/held_source.h"
#include "io/range.h"

namespace ballast::zip {
namespace {

/// Headers of formats are looked at without inflating the rest.
constexpr std::size_t head_bytes = 1024;
constexpr std::size_t checked_block = std::size_t{1} << 20U;
/// What an HDF5 file has of bytes without meaning stays below: this many, or this part of it.
constexpr std::uint64_t little = 64U << 10U, little_part = 16;

Error wrong_crc(const std::string& path, std::uint64_t offset) {
    return Error(ErrorCode::checksum_mismatch, "the member's bytes do not fit its checksum")
        .in(path)
        .at(offset)
        .hint("the file was changed or damaged: get it again from where it came from");
}

/// A stored member. Keeps the checksums of the runs that have been read, in whatever order; once they cover
/// the member they are joined and compared. Has no native handle: a copy by the kernel would go unchecked.
class CheckedWindow final : public io::Source {
public:
    CheckedWindow(std::shared_ptr<const io::Source> window, std::uint32_t crc, std::uint64_t offset,
                  Check check)
        : window_(std::move(window)), crc_(crc), offset_(offset), check_(check) {}

    std::uint64_t size() const noexcept override { return window_->size(); }
    const std::string& path() const noexcept override { return window_->path(); }

    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        window_->read_at(offset, out);
        for (const auto& [begin, end] : unknown(offset, offset + out.size())) {
            const auto part =
                out.subspan(static_cast<std::size_t>(begin - offset), static_cast<std::size_t>(end - begin));
            add(begin, {end, io::crc32(part)});
        }
        if (check_ == Check::reads && takes_rest()) check_all();
    }

    /// Reads all of the member once before it gives out its memory, if it is asked to.
    std::shared_ptr<const std::byte> map(std::uint64_t offset, std::uint64_t length) const override {
        auto mapped = window_->map(offset, length);
        if (mapped && check_ == Check::crc) check_all();
        return mapped;
    }

private:
    struct Run {
        std::uint64_t end = 0;
        std::uint32_t crc = 0;
    };
    using Range = std::pair<std::uint64_t, std::uint64_t>;

    std::vector<Range> unknown(std::uint64_t begin, std::uint64_t end) const {
        const std::lock_guard lock(mutex_);
        std::vector<Range> gaps;
        auto run = runs_.upper_bound(begin);
        if (run != runs_.begin()) begin = std::max(begin, std::prev(run)->second.end);
        for (; run != runs_.end() && run->first < end; ++run) {
            if (begin < run->first) gaps.emplace_back(begin, run->first);
            begin = run->second.end;
        }
        if (begin < end) gaps.emplace_back(begin, end);
        return gaps;
    }

    void add(std::uint64_t begin, Run added) const {
        const std::lock_guard lock(mutex_);
        auto next = runs_.lower_bound(begin);
        // Another thread may have read the same bytes meanwhile.
        if (next != runs_.end() && next->first < added.end) return;
        if (next != runs_.begin() && std::prev(next)->second.end > begin) return;
        auto run = runs_.emplace_hint(next, begin, added);
        known_ += added.end - begin;
        if (next != runs_.end() && next->first == added.end) run = join(run, next);
        if (run != runs_.begin() && std::prev(run)->second.end == begin) run = join(std::prev(run), run);
        if (run->first != 0 || run->second.end != size() || run->second.crc == crc_) return;
        runs_.clear();  // Whoever reads on is told again.
        known_ = 0;
        took_rest_ = false;
        throw wrong_crc(path(), offset_);
    }

    /// True once, when little is left that has not been read.
    bool takes_rest() const {
        const std::lock_guard lock(mutex_);
        const std::uint64_t rest = size() - known_;
        if (took_rest_ || rest == 0 || rest > std::max(little, size() / little_part)) return false;
        return took_rest_ = true;
    }

    using Runs = std::map<std::uint64_t, Run>;
    Runs::iterator join(Runs::iterator first, Runs::iterator second) const {
        const std::uint64_t length = second->second.end - second->first;
        first->second.crc = io::combine(io::Crc::crc32, first->second.crc, second->second.crc, length);
        first->second.end = second->second.end;
        runs_.erase(second);
        return first;
    }

    void check_all() const {
        std::vector<std::byte> block(
            static_cast<std::size_t>(std::min<std::uint64_t>(checked_block, size())));
        for (const auto& [begin, end] : unknown(0, size())) {
            for (std::uint64_t at = begin; at < end; at += block.size())
                read_at(at, std::span(block).first(
                                static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), end - at))));
        }
    }

    std::shared_ptr<const io::Source> window_;
    std::uint32_t crc_;
    std::uint64_t offset_;
    Check check_;
    mutable std::mutex mutex_;
    mutable Runs runs_;                ///< what has been read, by its begin; no two touch
    mutable std::uint64_t known_ = 0;  ///< bytes in runs_
    mutable bool took_rest_ = false;
};

/// A deflated member. Its first bytes are inflated by themselves, the rest only together.
class InflatedMember final : public io::Source {
public:
    InflatedMember(Extent stored, const Member& member, std::string path)
        : stored_(std::move(stored)),
          path_(std::move(path)),
          whole_(io::held_source(
              member.size, path_, [this, crc = member.crc] { return inflate(crc); }, head_bytes)) {}

    std::uint64_t size() const noexcept override { return whole_->size(); }
    const std::string& path() const noexcept override { return path_; }

    void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
        io::check_range(*this, offset, out.size());
        if (size() <= head_bytes || offset + out.size() > head_bytes) return whole_->read_at(offset, out);
        const std::vector<std::byte> head =
            inflate_head(stored_, static_cast<std::size_t>(offset) + out.size());
        if (head.size() != offset + out.size())
            throw Error(ErrorCode::damaged, "the deflated member is shorter than its size")
                .in(path_)
                .at(stored_.offset);
        std::copy_n(head.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    }

private:
    std::vector<std::byte> inflate(std::uint32_t crc) const {
        std::vector<std::byte> bytes = inflate_all(stored_, size());
        if (io::crc32(bytes) != crc) throw wrong_crc(path_, stored_.offset);
        return bytes;
    }

    Extent stored_;
    std::string path_;
    std::shared_ptr<const io::Source> whole_;
};

void check_expansion(const io::Source& source, const Member& member, const Limits& limits) {
    if (member.size <= limits.expansion_floor || member.size / limits.expansion_ratio <= member.stored_size)
        return;
    throw Error(ErrorCode::limit_exceeded, std::to_string(member.stored_size) + " deflated bytes promise " +
                                               std::to_string(member.size) +
                                               ", more than the limit expansion_ratio allows")
        .in(source.path())
        .at(member.header_offset)
        .tensor(member.name);
}

}  // namespace

std::shared_ptr<const io::Source> open_member(std::shared_ptr<const io::Source> source, const Member& member,
                                              const Limits& limits, Check check) {
    std::string path = source->path() + "!" + member.name;
    if (member.method == deflated) {
        check_expansion(*source, member, limits);
        return std::make_shared<InflatedMember>(
            Extent{std::move(source), member.data_offset, member.stored_size}, member, std::move(path));
    }
    auto window = io::window(std::move(source), member.data_offset, member.size, std::move(path));
    if (check == Check::none) return window;
    return std::make_shared<CheckedWindow>(std::move(window), member.crc, member.data_offset, check);
}

}  // namespace ballast::zip
