// SPDX-License-Identifier: Apache-2.0
// The format tf_checkpoint: a prefix, the .index of one, a folder with a prefix that has no name, or a file
// of version 1.
#include <set>

#include "ballast/archive.h"
#include "ballast/format.h"
#include "container/bundle/bundle.h"
#include "container/bundle/bundle_v1.h"
#include "container/bundle/locate.h"
#include "container/bundle/state_text.h"
#include "container/bundle/write_bundle.h"
#include "container/table/table.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_lower.h"

namespace ballast::formats {

extern const FormatInfo tf_checkpoint_info;

namespace {

/// Asked of what has no prefix.
bool is_version_1(const Location& location) {
    return location.kind == Location::Kind::file && table::has_magic(*location.fs->open(location.name));
}

std::shared_ptr<const bundle::Bundle> parse(const Location& location, const Limits& limits) {
    if (const auto prefix = bundle::prefix_of(location))
        return bundle::Bundle::parse(location.fs, *prefix, limits);
    if (is_version_1(location)) return bundle::parse_v1(location.fs, bundle::v1_files(location.name), limits);
    throw Error(ErrorCode::not_a_file, "a checkpoint is given by its prefix, the name before .index")
        .in(location.display());
}

/// `checkpoint`: the text that says which prefix of the folder is the latest.
PlannedFile state_file(const std::string& prefix) {
    const std::string text = bundle::state_text(prefix);
    const auto bytes = std::as_bytes(std::span(text));
    PlannedFile file;
    file.name = "checkpoint";
    file.size = bytes.size();
    file.pieces.push_back({0, FixedBytes{{bytes.begin(), bytes.end()}}});
    file.after_commit = true;
    return file;
}

class TfCheckpoint final : public Format {
public:
    const FormatInfo& info() const noexcept override { return tf_checkpoint_info; }

    Match probe(Probe& probe) const override {
        const Location& location = probe.location();
        Match no = {Confidence::no, true, "P.index beside it, a table of TensorFlow's"};
        const auto prefix = bundle::prefix_of(location);
        if (!prefix)
            return is_version_1(location) ? Match{Confidence::certain, true, "a table of TensorFlow's"} : no;
        const std::string index = bundle::index_name(*prefix);
        const auto found = location.fs->stat(index);
        if (!found || found->kind == io::FileKind::directory) return no;
        // Who names a prefix means it, also where the index is broken; a file called so may be anything.
        if (location.kind != Location::Kind::file) return {Confidence::certain, true, "an index " + index};
        if (!table::has_magic(*location.fs->open(index))) return no;
        return {Confidence::certain, true, "a table of TensorFlow's"};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const Location& location = probe.location();
        const auto bundle = parse(location, probe.options().limits);
        ArchiveContents contents = tf_graph::lift(*bundle, probe.options());
        contents.format = &info();
        return std::make_shared<Archive>(location, std::move(contents));
    }

    /// The data files there are, and those that belong to them and are not: a save that was killed may have
    /// left their temporaries.
    static std::vector<std::string> old_data(const std::string& prefix,
                                             const std::vector<std::string>& existing) {
        constexpr std::uint64_t most = 1000;  // anybody can put a file with a large number here
        std::set<std::string> names;
        std::set<std::uint64_t> counts;
        for (const std::string& name : existing) {
            const auto numbers = bundle::shard_numbers(prefix, name);
            if (!numbers) continue;
            names.insert(name);
            if (numbers->shards <= most) counts.insert(numbers->shards);
        }
        for (const std::uint64_t count : counts)
            for (std::uint64_t shard = 0; shard < count; ++shard)
                names.insert(bundle::shard_name(prefix, shard, count));
        return {names.begin(), names.end()};
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        const std::string& prefix = target.location.name;
        bundle::Builder bundle;
        tf_graph::lower(model, options, report, bundle);
        WritePlan plan = bundle.plan({prefix, target.existing, options.max_shard_size});
        // Data without an index is somebody else's.
        if (target.location.fs->stat(plan.commit)) plan.remove_after = old_data(prefix, target.existing);
        // As save_weights() does; Checkpoint.write() leaves the state file alone.
        if (options.flavor != tf_graph::checkpoint_flavor && !prefix.empty())
            plan.files.push_back(state_file(prefix));
        return plan;
    }
};

}  // namespace

const Format& tf_checkpoint();
const Format& tf_checkpoint() {
    static const TfCheckpoint format;
    return format;
}

}  // namespace ballast::formats
