// SPDX-License-Identifier: Apache-2.0
// Which saved checkpoints stay, see kept_files.h.
//
// The state file names a checkpoint before it is there and until it is removed, so that a crash leaves none
// behind that nobody knows.
#include "checkpoint/kept_files.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "convert/pipeline.h"

namespace ballast {
namespace {

namespace stdfs = std::filesystem;
using std::chrono::seconds;

std::int64_t to_number(KeptFiles::Time time) {
    return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}
KeptFiles::Time to_time(const Tree& tree) {
    return KeptFiles::Time(seconds(tree.as_int64().value_or(0)));
}

Tree as_tree(const KeptFiles::Entry& entry, const stdfs::path& folder) {
    Tree item = Tree::object();
    item.set("name", entry.path.lexically_relative(folder).generic_string());
    item.set("epoch", Tree(entry.epoch));
    item.set("value", entry.value && !std::isnan(*entry.value) ? Tree(*entry.value) : Tree());
    item.set("time", Tree(to_number(entry.time)));
    item.set("for_good", entry.for_good);
    return item;
}

bool is_there(const stdfs::path& path) {
    std::error_code ignored;
    return stdfs::exists(path, ignored) || stdfs::exists(path.string() + ".index", ignored);
}

}  // namespace

KeptFiles::KeptFiles(stdfs::path state, std::string monitor, Rules rules, Time now)
    : state_(std::move(state)), monitor_(std::move(monitor)), rules_(rules), last_for_good_(now) {}

std::optional<double> KeptFiles::resume() {
    std::error_code ignored;
    if (!stdfs::exists(state_, ignored)) return std::nullopt;
    const Limits limits;
    const Tree tree = json::parse(read_text(Location::for_reading(state_), limits), limits, state_.string());
    const bool same = tree["monitor"].as_string() == monitor_;
    for (const Tree& item : tree["files"].items()) {
        Entry entry;
        const stdfs::path name(std::string(item["name"].as_string()));
        // Only ever below the folder of the state file.
        if (name.empty() || name.is_absolute() || name.lexically_normal().begin()->string() == "..") continue;
        entry.path = state_.parent_path() / name;
        entry.epoch = item["epoch"].as_uint64().value_or(0);
        if (same) entry.value = item["value"].as_double();
        entry.time = to_time(item["time"]);
        entry.for_good = item["for_good"].as_bool().value_or(false);
        if (is_there(entry.path)) entries_.push_back(std::move(entry));
    }
    if (tree["last_for_good"].is_number()) last_for_good_ = to_time(tree["last_for_good"]);
    return same ? tree["best"].as_double() : std::nullopt;
}

void KeptFiles::announce(const Entry& entry, std::optional<double> best) const {
    const bool known = std::ranges::find(entries_, entry.path, &Entry::path) != entries_.end();
    if (rules_.any() && !known) write(best, &entry);
}

void KeptFiles::add(Entry entry, std::optional<double> best) {
    if (entry.value && std::isnan(*entry.value)) entry.value.reset();
    std::erase_if(entries_, [&](const Entry& old) { return old.path == entry.path; });
    entries_.push_back(std::move(entry));
    // Nothing is removed now, but a later run may have a rule that removes.
    if (!rules_.any()) mark_when_due(entries_.back());
    write(best);
    const std::vector<Entry> condemned = take_condemned();
    if (condemned.empty()) return;
    for (const Entry& old : condemned)
        remove_checkpoint(old.path);
    write(best);
}

void KeptFiles::mark_when_due(Entry& entry) {
    if (entry.for_good || rules_.every == seconds(0) || entry.time - last_for_good_ < rules_.every) return;
    entry.for_good = true;
    last_for_good_ = entry.time;
}

std::vector<KeptFiles::Entry> KeptFiles::take_condemned() {
    if (!rules_.any()) return {};
    std::set<stdfs::path> wanted;
    for (std::size_t i = entries_.size() - std::min(rules_.newest, entries_.size()); i < entries_.size(); ++i)
        wanted.insert(entries_[i].path);
    std::vector<const Entry*> ranked;
    for (const Entry& entry : entries_)
        if (entry.value) ranked.push_back(&entry);
    std::stable_sort(ranked.begin(), ranked.end(), [&](const Entry* a, const Entry* b) {
        return rules_.larger_is_better ? *a->value > *b->value : *a->value < *b->value;
    });
    for (std::size_t i = 0; i < std::min(rules_.best, ranked.size()); ++i)
        wanted.insert(ranked[i]->path);
    std::vector<Entry> kept, condemned;
    for (Entry& entry : entries_) {
        if (!wanted.contains(entry.path)) mark_when_due(entry);
        (entry.for_good || wanted.contains(entry.path) ? kept : condemned).push_back(std::move(entry));
    }
    entries_ = std::move(kept);
    return condemned;
}

void KeptFiles::write(std::optional<double> best, const Entry* announced) const {
    Tree tree = Tree::object();
    tree.set("schema", 1);
    tree.set("monitor", monitor_);
    tree.set("best", best ? Tree(*best) : Tree());
    tree.set("last_for_good", Tree(to_number(last_for_good_)));
    Tree& files = tree.set("files", Tree::array());
    for (const Entry& entry : entries_)
        files.push_back(as_tree(entry, state_.parent_path()));
    if (announced != nullptr) files.push_back(as_tree(*announced, state_.parent_path()));
    WriteOptions options;
    options.overwrite = Overwrite::allow;
    write_text(Location::for_writing(state_), json::write(tree, 1) + "\n", options);
}

}  // namespace ballast
