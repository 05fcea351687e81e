// SPDX-License-Identifier: Apache-2.0
// Report: entries, their counts and their two renderings.
#include "ballast/report.h"

namespace ballast {
namespace {

constexpr std::array<std::string_view, Report::kinds> kind_names = {
    "matched", "renamed", "transposed", "cast", "computed",
    "skipped", "missing", "dropped",    "note", "warning"};

}  // namespace

std::string_view to_string(ReportEntry::Kind kind) noexcept {
    return kind_names[static_cast<std::size_t>(kind)];
}

void Report::add(ReportEntry entry) {
    ++counts_[static_cast<std::size_t>(entry.kind)];
    losses_ += entry.loss ? 1 : 0;
    entries_.push_back(std::move(entry));
}

void Report::add(ReportEntry::Kind kind, std::string from, std::string to, std::string text, bool loss) {
    add(ReportEntry{kind, std::move(from), std::move(to), std::move(text), loss});
}

Tree Report::to_tree() const {
    Tree tree = Tree::object();
    tree.set("schema", 1);
    tree.set("source", source);
    tree.set("source_format", source_format);
    tree.set("target", target);
    tree.set("target_format", target_format);
    tree.set("bytes", bytes);
    Tree& counts = tree.set("counts", Tree::object());
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        counts.set(kind_names[kind], static_cast<std::uint64_t>(counts_[kind]));
    }
    Tree& list = tree.set("entries", Tree::array());
    for (const ReportEntry& entry : entries_) {
        Tree& row = list.push_back(Tree::object());
        row.set("kind", to_string(entry.kind));
        if (!entry.from.empty()) row.set("from", entry.from);
        if (!entry.to.empty()) row.set("to", entry.to);
        if (!entry.text.empty()) row.set("text", entry.text);
        if (entry.loss) row.set("loss", true);
    }
    return tree;
}

std::string Report::summary() const {
    using Kind = ReportEntry::Kind;
    std::size_t written = 0;
    for (const Kind kind : {Kind::matched, Kind::renamed, Kind::transposed, Kind::cast, Kind::computed})
        written += count(kind);
    std::string text = std::to_string(written) + (written == 1 ? " tensor" : " tensors");
    for (std::size_t kind = 1; kind < kinds; ++kind) {
        if (static_cast<Kind>(kind) == Kind::note || counts_[kind] == 0) continue;
        text += ", " + std::to_string(counts_[kind]) + ' ' + std::string(kind_names[kind]);
        if (static_cast<Kind>(kind) == Kind::warning && counts_[kind] > 1) text += 's';
    }
    return text;
}

}  // namespace ballast
