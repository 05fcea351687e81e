// SPDX-License-Identifier: Apache-2.0
// find_hazards(): what of a model would run code, or read and write other files, when a framework loads it.
//
//   for (const ballast::Hazard& hazard : ballast::find_hazards("model.keras").hazards) …
//
// Nothing is executed, imported, fetched or unpacked: configs, graphs and links are read as data. That
// nothing known is found does not make a file safe. Sources of the rules: docs/scan.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/error.h"
#include "ballast/export.h"
#include "ballast/io.h"
#include "ballast/options.h"

namespace ballast {

/// One thing that was found.
struct Hazard {
    /// How it is to be taken.
    enum class Level : std::uint8_t {
        danger,  ///< loading or using the model runs what the file brings, or reaches outside of it
        trust,   ///< loading asks for code or files that are not the file's own: they must be trusted
    };
    Level level = Level::danger;  ///< of this finding; a rule may give either
    std::string_view rule;        ///< "lambda", "gadget", …; stable, static storage
    std::string where;  ///< within the file: "config.json: layers[2] (Lambda scale)", "function f, node read"
    std::string text;   ///< one sentence
};

/// What find_hazards() saw.
struct HazardReport {
    std::string path;             ///< as messages show it
    std::vector<Hazard> hazards;  ///< in the order of the file
    std::size_t parts = 0;        ///< configs, graphs and HDF5 trees that were looked at
    /// Parts that could not be read, so that nothing is said of them.
    std::vector<Error> problems;
};

/// Looks at a file of any kind, or at a folder's model. Errors: not_found, unreadable, not_a_file; whatever
/// is wrong with the content is a problem of the report. Of the options only the limits count.
BALLAST_API HazardReport find_hazards(const Location& location, const OpenOptions& options = {});
/// The same for a local path.
BALLAST_API HazardReport find_hazards(const std::filesystem::path& path, const OpenOptions& options = {});

/// The rules and what each means, for help and documents.
struct HazardRule {
    /// `id`: as in Hazard::rule. `text`: what is found, half a sentence. Static storage.
    ///@{
    std::string_view id, text;
    ///@}
};
/// All of them; static storage.
BALLAST_API std::span<const HazardRule> hazard_rules() noexcept;

}  // namespace ballast
