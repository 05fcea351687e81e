// SPDX-License-Identifier: Apache-2.0
// Report: what a load, conversion or migration did to each tensor. Nothing is dropped or changed without an
// entry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/export.h"
#include "ballast/tree.h"

namespace ballast {

/// One thing that happened.
struct ReportEntry {
    enum class Kind : std::uint8_t {
        matched,     ///< arrived unchanged under the same canonical name
        renamed,     ///< arrived unchanged under another canonical name
        transposed,  ///< arrived with its axes permuted or flipped
        cast,        ///< arrived in another dtype
        computed,    ///< made of several tensors, or arithmetic
        skipped,     ///< left out because the user asked for it
        missing,     ///< the target expects it and the source has none
        dropped,     ///< the target format or flavour does not hold it
        note,        ///< something to know
        warning,     ///< something that deserves a look
    };
    Kind kind = Kind::matched;
    std::string from;   ///< stored name in the source; empty where there is none
    std::string to;     ///< stored name in the target; empty where there is none
    std::string text;   ///< reason; empty for matched
    bool loss = false;  ///< weights, assets or precision are lost by it
};
BALLAST_API std::string_view to_string(ReportEntry::Kind kind) noexcept;

/// Entries in the order they happened. Not thread-safe: one operation writes it.
class BALLAST_API Report {
public:
    static constexpr std::size_t kinds = 10;

    void add(ReportEntry entry);
    /// Takes the memory for so many entries at once.
    void reserve(std::size_t entries) { entries_.reserve(entries); }
    void add(ReportEntry::Kind kind, std::string from, std::string to, std::string text = {},
             bool loss = false);
    void note(std::string text) { add(ReportEntry::Kind::note, {}, {}, std::move(text)); }
    void warn(std::string text) { add(ReportEntry::Kind::warning, {}, {}, std::move(text)); }

    const std::vector<ReportEntry>& entries() const noexcept { return entries_; }
    std::size_t count(ReportEntry::Kind kind) const noexcept {
        return counts_[static_cast<std::size_t>(kind)];
    }
    bool has_loss() const noexcept { return losses_ > 0; }
    /// {"schema":1,"source":…,"target":…,"counts":{…},"entries":[…]}; source and target as set below.
    Tree to_tree() const;
    /// One line: "62 tensors, 1 renamed, 30 dropped (optimizer …)".
    std::string summary() const;

    std::string source, source_format, target, target_format;
    std::uint64_t bytes = 0;  ///< tensor bytes written

private:
    std::vector<ReportEntry> entries_;
    std::array<std::size_t, kinds> counts_{};
    std::size_t losses_ = 0;
};

}  // namespace ballast
