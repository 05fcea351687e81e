// SPDX-License-Identifier: Apache-2.0
// Brings a Keras 1 or Keras 2 model config to Keras 3: a pure function from JSON to JSON plus notes.
//
// Nothing is executed, imported or fetched. What Keras 3 cannot express becomes a note of kind `refused` and
// stays in the config as it was; classes that are not Keras' own pass through with a note of kind `custom`.
// Values only; any thread. The rules and what the notes mean: docs/migration.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ballast/limits.h"
#include "ballast/tree.h"

namespace ballast::migrate {

enum class NoteKind : std::uint8_t {
    renamed,    ///< a layer, class or argument has another name
    dropped,    ///< an argument that means nothing any more was left out
    defaulted,  ///< an argument was written out because its default changed
    replaced,   ///< other objects of Keras 3 compute the same
    changed,    ///< Keras 3 computes something else here
    custom,     ///< the loader must be given this class or function
    refused,    ///< Keras 3 has no counterpart; the result will not load
};
std::string_view to_string(NoteKind kind);

struct Note {
    NoteKind kind;
    std::string layer;       ///< "outer/inner" in the old names; empty: the model or its training config
    std::string class_name;  ///< of the old config
    std::string text;
};

struct Options {
    /// Write Keras 2's hard_sigmoid as a nested Sequential; else by its name, with a note: values change.
    bool exact_hard_sigmoid = true;
    /// Activation functions that the caller knows: old name (also "<lambda>") -> name in Keras 3.
    std::vector<std::pair<std::string, std::string>> activations;
    /// Keras version that wrote the config, where the config itself does not say (an attribute of the file).
    std::string keras_version;
    std::string where;  ///< file and part, for errors
    Limits limits;
};

struct Migrated {
    Tree config;
    std::vector<Note> notes;
    std::vector<std::string> custom_objects;  ///< what load_model must be given, each once
    /// Paths "outer/inner" of layers, old and new, where they differ.
    std::vector<std::pair<std::string, std::string>> renamed_layers;
    /// Names of the layers that make the outputs, old and new, in order.
    std::vector<std::pair<std::string, std::string>> outputs;

    /// True when nothing was refused.
    bool complete() const;
};

/// `config` is {"class_name", "config", …} of a whole model. A Keras 3 config comes back as it is. Throws
/// damaged when it is no model config, limit_exceeded when it is nested too deeply.
Migrated migrate_to_keras3(const Tree& config, const Options& options = {});

/// From Keras 1's and 2's training_config (or the compile_config of a Keras 2 .keras file) to the
/// compile_config of Keras 3, in Migrated::config. `model` is the result for the model it belongs to.
Migrated migrate_training(const Tree& training_config, const Migrated& model, const Options& options = {});

/// The way back for what exists in both: a whole model of Keras 3 (with its compile_config, if any) as one of
/// Keras 2. A Keras 2 config comes back as it is. Throws as migrate_to_keras3().
Migrated migrate_to_keras2(const Tree& config, const Options& options = {});

/// Throws unsupported with the first refusal, and how many there are.
void require_complete(const Migrated& migrated, std::string_view where);

}  // namespace ballast::migrate
