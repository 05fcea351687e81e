// SPDX-License-Identifier: Apache-2.0
// Probe: one shared look at a file; and the defaults of Format.
#include <algorithm>

#include "ballast/error.h"
#include "ballast/format.h"

namespace ballast {
namespace {

constexpr std::uint64_t head_size = 4096;

std::string name_of(const Format& format) {
    return std::string(format.info().id);
}

}  // namespace

Probe::Probe(Location location, OpenOptions options)
    : location_(std::move(location)), options_(std::move(options)) {}

std::shared_ptr<const io::Source> Probe::source() {
    if (!source_ && location_.kind == Location::Kind::file) source_ = location_.fs->open(location_.name);
    return source_;
}

std::span<const std::byte> Probe::head() {
    if (!head_read_) {
        if (const auto bytes = source()) {
            head_.resize(static_cast<std::size_t>(std::min(head_size, bytes->size())));
            bytes->read_at(0, head_);
        }
        head_read_ = true;
    }
    return head_;
}

void Probe::fill(Slot& slot, const std::function<std::shared_ptr<void>()>& make) {
    if (!slot.made) {
        slot.made = true;
        try {
            slot.value = make();
        } catch (...) {
            slot.failure = std::current_exception();
        }
    }
    if (slot.failure) std::rethrow_exception(slot.failure);
}

Match Format::probe(Probe&) const {
    return {};
}

std::shared_ptr<Archive> Format::open(Probe& probe) const {
    throw Error(ErrorCode::unsupported, "the format " + name_of(*this) + " can only be written")
        .in(probe.location().display());
}

WritePlan Format::plan(const Model&, const Target& target, const SaveOptions&, Report&) const {
    throw Error(ErrorCode::unsupported, "the format " + name_of(*this) + " can only be read")
        .in(target.location.display())
        .hint("see `ballast formats` for the formats that can be written");
}

}  // namespace ballast
