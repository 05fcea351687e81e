// SPDX-License-Identifier: Apache-2.0
// The JSON that names the files of a set: {"metadata": {…}, "weight_map": {key: file or [file, …]}}, as Keras
// (`.weights.json`) and safetensors (`.index.json`) write it.
//
// Pure functions. The text is hostile input: file names must be single path components beside the manifest.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/format.h"
#include "ballast/tree.h"

namespace ballast {

struct ShardManifest {
    Tree metadata;
    struct Entry {
        std::string key;
        std::vector<std::uint32_t> files;  ///< positions in `files`, as listed
        bool as_list = true;               ///< written as a list, also when there is one file
    };
    std::vector<Entry> entries;      ///< in the order of the text
    std::vector<std::string> files;  ///< unique, in order of first mention
};

/// Whether the text of a JSON file looks like a manifest: an object that mentions "weight_map" early on.
/// Cheap.
bool looks_like_manifest(Probe& probe);

/// The probe's file as a manifest, parsed once. Errors: damaged (no manifest), unsafe_name, limit_exceeded.
std::shared_ptr<const ShardManifest> shard_manifest(Probe& probe);

/// The manifest's text, with `indent` spaces as Python's json.dumps writes it.
std::string manifest_text(const ShardManifest& manifest, unsigned indent);

/// A small text as a file of a plan.
PlannedFile text_file(std::string name, std::string_view text);

}  // namespace ballast
