// SPDX-License-Identifier: Apache-2.0
// Raw deflate streams by ISA-L, which unlike libdeflate stops where it is told to.
#include "container/zip/inflate.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <memory>
#include <string>

#include "ballast/error.h"

namespace ballast::zip {
namespace {

constexpr std::uint64_t input_block = 256U << 10U, first_output = 64U << 10U;
/// More than one call of ISA-L may count.
constexpr std::size_t longest_step = std::size_t{1} << 30U;

class Inflater {
public:
    Inflater(const Extent& stored, std::uint64_t block)
        : stored_(stored),
          input_(static_cast<std::size_t>(std::min(block, stored.length))),
          state_(std::make_unique<inflate_state>()) {
        isal_inflate_init(state_.get());
        state_->crc_flag = ISAL_DEFLATE;
    }

    /// Fills `out` as far as the stream goes and returns how far that is.
    std::size_t read(std::span<std::byte> out) {
        std::size_t done = 0;
        while (done < out.size() && !finished()) {
            refill();
            const auto step = static_cast<std::uint32_t>(std::min(out.size() - done, longest_step));
            state_->next_out = reinterpret_cast<std::uint8_t*>(out.data() + done);
            state_->avail_out = step;
            const auto input_before = state_->avail_in;
            if (isal_inflate(state_.get()) != ISAL_DECOMP_OK) fail("is no valid deflate stream");
            done += step - state_->avail_out;
            const bool stuck = state_->avail_out == step && state_->avail_in == input_before;
            if (stuck && !finished() && position_ == stored_.length) fail("ends within its deflate stream");
        }
        return done;
    }
    bool finished() const noexcept { return state_->block_state == ISAL_BLOCK_FINISH; }
    /// Bytes of the extent that are not part of the stream.
    std::uint64_t unused() const noexcept {
        const auto held = static_cast<std::uint64_t>(std::max<std::int32_t>(state_->read_in_length, 0)) / 8;
        return stored_.length - position_ + state_->avail_in + held;
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::damaged, "the deflated member " + what)
            .in(stored_.source->path())
            .at(stored_.offset + position_ - state_->avail_in);
    }

private:
    void refill() {
        if (state_->avail_in != 0 || position_ == stored_.length) return;
        const auto count = std::min<std::uint64_t>(input_.size(), stored_.length - position_);
        const std::span<std::byte> block(input_.data(), static_cast<std::size_t>(count));
        stored_.source->read_at(stored_.offset + position_, block);
        position_ += count;
        state_->next_in = reinterpret_cast<std::uint8_t*>(block.data());
        state_->avail_in = static_cast<std::uint32_t>(count);
    }

    const Extent& stored_;
    std::uint64_t position_ = 0;  ///< read so far
    std::vector<std::byte> input_;
    std::unique_ptr<inflate_state> state_;
};

}  // namespace

std::vector<std::byte> inflate_head(const Extent& stored, std::size_t count) {
    Inflater inflater(stored, count + 1024);
    std::vector<std::byte> out(count);
    out.resize(inflater.read(out));
    return out;
}

std::vector<std::byte> inflate_all(const Extent& stored, std::uint64_t size) {
    Inflater inflater(stored, input_block);
    std::vector<std::byte> out;
    std::uint64_t done = 0;
    while (done < size && !inflater.finished()) {
        const std::uint64_t room = std::max({first_output, 2 * done, 4 * std::min(stored.length, size / 4)});
        out.resize(static_cast<std::size_t>(std::min(size, room)));
        done += inflater.read(std::span(out).subspan(static_cast<std::size_t>(done)));
    }
    std::byte more{};
    if (done < size || inflater.read({&more, 1}) != 0 || !inflater.finished())
        inflater.fail("does not give the " + std::to_string(size) + " bytes of its size");
    if (inflater.unused() != 0) inflater.fail("is followed by bytes that are not part of it");
    return out;
}

}  // namespace ballast::zip
