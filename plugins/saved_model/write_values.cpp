// SPDX-License-Identifier: Apache-2.0
// A SavedModel with other values: every file but the variables is copied as it is.
#include "ballast/archive.h"
#include "ballast/error.h"
#include "container/bundle/bundle.h"
#include "container/bundle/fingerprint.h"
#include "container/bundle/write_bundle.h"
#include "dialect/tf_graph_refill.h"
#include "write.h"

namespace ballast::saved_model {
namespace {

/// Whether there is a fingerprint to follow the variables; one that is absurdly large is copied as it is.
bool is_marked(const io::Fs& fs) {
    constexpr std::uint64_t most = 64 << 10;
    const auto found = fs.stat(bundle::fingerprint_file);
    return found && found->kind == io::FileKind::regular && found->size <= most;
}

std::string text_of(const io::Source& source) {
    std::string text(static_cast<std::size_t>(source.size()), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(text)));
    return text;
}

bool is_variables_file(std::string_view name) {
    return name == bundle::index_name(variables_prefix) || bundle::shard_numbers(variables_prefix, name);
}

/// All regular files below the root, by name; folders without any end in `/`.
std::vector<std::string> files_below(const io::Fs& fs, const Limits& limits) {
    std::vector<std::string> files, folders = {""};
    for (std::size_t at = 0; at < folders.size(); ++at) {
        const std::vector<io::DirEntry> entries = fs.list(folders[at]);
        if (entries.empty() && !folders[at].empty()) files.push_back(folders[at] + "/");
        for (const io::DirEntry& entry : entries) {
            const std::string name = folders[at].empty() ? entry.name : folders[at] + "/" + entry.name;
            if (files.size() + folders.size() >= limits.objects)
                throw Error(ErrorCode::limit_exceeded, "more files than the limit objects")
                    .in(fs.display(""));
            if (entry.kind == io::FileKind::directory)
                folders.push_back(name);
            else if (entry.kind == io::FileKind::regular)
                files.push_back(name);
            else
                throw Error(ErrorCode::unsupported, "the SavedModel holds a link or a device")
                    .in(fs.display(name))
                    .hint("replace it by the file itself");
        }
    }
    return files;
}

PlannedFile copied(const Target& target, const std::string& name, const io::Fs& from) {
    PlannedFile file;
    file.name = target.location.name + "/" + name;
    if (name.ends_with('/')) return file;
    const auto source = from.open(name);
    file.size = source->size();
    if (file.size != 0) file.pieces.push_back({0, CopiedBytes{{source, 0, source->size()}}});
    return file;
}

}  // namespace

WritePlan plan_with_values(const Model& model, const Target& target, const SaveOptions& options,
                           Report& report) {
    const io::Fs& from = *target.old->location().fs;
    if (!options.include_optimizer)
        throw Error(ErrorCode::unsupported,
                    "the SavedModel's graph names the optimizer's variables, and stays")
            .in(target.old->location().display())
            .hint("leave --without-optimizer out, or write its config alone: --flavor tf_keras");
    bundle::Builder bundle;
    const std::string prefix(variables_prefix);
    if (from.stat(bundle::index_name(prefix))) {
        const auto origin = bundle::Bundle::parse(target.old->location().fs, prefix, options.limits);
        tf_graph::refill(model, *origin, target.old->model(), options.limits, report, bundle);
    }
    WritePlan plan = bundle.plan({variables_of(target), {}, options.max_shard_size});
    plan.commit = target.location.name + "/";
    const bool marked = is_marked(from) && plan.hooks;
    for (const std::string& name : files_below(from, options.limits))
        if (!is_variables_file(name) && !(marked && name == bundle::fingerprint_file))
            plan.files.push_back(copied(target, name, from));
    if (marked)
        plan.hooks = bundle::fingerprint_hooks(
            plan.hooks, target.location.name + "/" + std::string(bundle::fingerprint_file),
            text_of(*from.open(bundle::fingerprint_file)), bundle::index_name(variables_of(target)));
    return plan;
}

}  // namespace ballast::saved_model
