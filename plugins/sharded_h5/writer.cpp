// SPDX-License-Identifier: Apache-2.0
// Writing a set of shards, see format.h.
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "dialect/keras_v3.h"
#include "dialect/reporting.h"
#include "dialect/shard_manifest.h"
#include "dialect/shard_names.h"
#include "format.h"
#include "model/model_tensors.h"

namespace ballast::sharded_h5 {
namespace {

/// The rule the options ask for; largest tensor first, so that nothing is tried with a size that cannot do.
keras_v3::ShardRule rule_of(const Model& model, const SaveOptions& options, const std::string& name) {
    using Kind = keras_v3::ShardRule::Kind;
    if (options.max_shard_size == 0) {
        if (model.producer.sharded) return {Kind::as_source, 0};
        throw Error(ErrorCode::invalid_argument, "a set of shards needs the size of a shard")
            .in(name)
            .hint("add --max-shard-size 2GB, or write one file: .weights.h5");
    }
    std::uint64_t largest = 0;
    std::string tensor;
    for (const ModelTensor& entry : model_tensors(model)) {
        if (entry.part == Part::optimizer && !options.include_optimizer) continue;
        if (entry.value->byte_count() <= largest) continue;
        largest = entry.value->byte_count();
        tensor = entry.name;
    }
    if (largest <= options.max_shard_size) return {Kind::by_size, options.max_shard_size};
    throw Error(ErrorCode::invalid_argument, "a tensor takes " + std::to_string(largest) +
                                                 " bytes, more than a shard of " +
                                                 std::to_string(options.max_shard_size))
        .tensor(tensor)
        .hint("a tensor is never split: the smallest size that works is --max-shard-size " +
              std::to_string(largest) + "B");
}

/// Python's text of a float: Keras writes one.
std::string float_text(std::uint64_t value) {
    constexpr std::uint64_t exponent_from = 10'000'000'000'000'000;
    if (value < exponent_from) return std::to_string(value) + ".0";
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", static_cast<double>(value));
    return text;
}

PlannedFile manifest_file(const std::string& name, const keras_v3::Output& output,
                          const std::vector<std::string>& files) {
    ShardManifest manifest;
    manifest.metadata = Tree::object();
    manifest.metadata.set("total_size", Tree::number(float_text(output.tensor_bytes())));
    manifest.files = files;
    // Keras writes a name for a group of one tensor, a list for any other.
    for (const auto& entry : output.entries())
        manifest.entries.push_back({"/" + entry.path, entry.shards, entry.tensors != 1});
    return text_file(name, manifest_text(manifest, 4));
}

}  // namespace

WritePlan plan_set(const Model& model, const Target& target, const SaveOptions& options, Report& report) {
    const std::string& name = target.location.name;
    SaveOptions keras3 = options;
    keras3.flavor = "keras3";  // tf_keras has no shards
    keras_v3::Output output = keras_v3::lower_to(rule_of(model, options, name), model, keras3, report);
    report_left_behind(report, model);
    const std::string base = keras_shard_base(name);
    std::vector<std::uint64_t> used;
    std::vector<std::string> old;
    for (const std::string& existing : target.existing) {
        const auto index = keras_shard_index(base, existing);
        if (!index) continue;
        used.push_back(*index);
        old.push_back(existing);
    }
    const std::vector<std::uint64_t> indices = free_indices(used, output.builders().size());

    WritePlan plan;
    plan.commit = name;
    std::vector<std::string> files;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        files.push_back(keras_shard_name(base, indices[i]));
        hdf5::add_to(plan, output.builders()[i].plan_with_chunks(files.back()));
    }
    plan.files.push_back(manifest_file(name, output, files));
    // Files of that name without a manifest are somebody else's: a numbered series of checkpoints, perhaps.
    if (!target.location.fs->stat(name)) return plan;
    const std::string first = keras_shard_name(base, 0);
    for (std::string& shard : old) {
        if (shard != first) plan.remove_after.push_back(std::move(shard));
    }
    if (indices.front() != 0) {
        // Keras opens number 0 before it reads the map; an empty file satisfies it.
        plan.files.push_back(hdf5::Builder().plan(first));
        plan.files.back().after_commit = true;
    }
    return plan;
}

}  // namespace ballast::sharded_h5
