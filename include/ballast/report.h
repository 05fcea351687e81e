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
    /// What became of a tensor, or what there is to say.
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
    Kind kind = Kind::matched;  ///< what became of it
    std::string from;           ///< stored name in the source; empty where there is none
    std::string to;     ///< stored name in the target, of a load the C++ path; empty where there is none
    std::string text;   ///< reason; empty for matched
    bool loss = false;  ///< weights, assets or precision are lost by it
};
/// "matched", "renamed", …, as in to_tree(). Static storage.
BALLAST_API std::string_view to_string(ReportEntry::Kind kind) noexcept;

/// Entries in the order they happened. Not thread-safe: one operation writes it.
class BALLAST_API Report {
public:
    static constexpr std::size_t kinds = 10;  ///< enumerators of ReportEntry::Kind

    /// Appends an entry and counts it.
    void add(ReportEntry entry);
    /// Takes the memory for so many entries at once.
    void reserve(std::size_t entries) { entries_.reserve(entries); }
    /// The same, of its parts.
    void add(ReportEntry::Kind kind, std::string from, std::string to, std::string text = {},
             bool loss = false);
    /// An entry of kind note about no tensor.
    void note(std::string text) { add(ReportEntry::Kind::note, {}, {}, std::move(text)); }
    /// An entry of kind warning about no tensor.
    void warn(std::string text) { add(ReportEntry::Kind::warning, {}, {}, std::move(text)); }

    /// In the order they were added.
    const std::vector<ReportEntry>& entries() const noexcept { return entries_; }
    /// How many entries of the kind; counted as they are added.
    std::size_t count(ReportEntry::Kind kind) const noexcept {
        return counts_[static_cast<std::size_t>(kind)];
    }
    /// Whether an entry says that something is lost.
    bool has_loss() const noexcept { return losses_ > 0; }
    /// {"schema":1,"source":…,"source_format":…,"target":…,"target_format":…,"bytes":…,"counts":{…},
    /// "entries":[…]}; the first ones as set below. Empty members of an entry are left out.
    Tree to_tree() const;
    /// One line: "62 tensors, 1 renamed, 30 dropped": how many arrived, then every kind but matched and note.
    std::string summary() const;

    /// Paths as messages show them, and ids of formats; empty where the operation has no such side.
    ///@{
    std::string source, source_format, target, target_format;
    ///@}
    std::uint64_t bytes = 0;  ///< decoded tensor bytes written (of a dry run: to be written)

private:
    std::vector<ReportEntry> entries_;
    std::array<std::size_t, kinds> counts_{};
    std::size_t losses_ = 0;
};

}  // namespace ballast
