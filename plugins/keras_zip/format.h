// SPDX-License-Identifier: Apache-2.0
// The words of .keras, and its parts as a Package; README.md beside this file is the page that explains them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/format.h"
#include "dialect/keras_parts.h"

namespace ballast::keras_zip {

using namespace keras_parts;

/// The parts of a model by name, whether they are members of a zip or files of a folder. A value; the sources
/// may be read from any thread.
struct Package {
    struct Part {
        std::string name;  ///< relative, with '/', checked
        std::shared_ptr<const io::Source> bytes;
    };
    std::string path;  ///< for messages
    std::vector<Part> parts;

    const Part* find(std::string_view name) const noexcept;
};

/// Whether the probe's file or folder has the parts of a model, by their names alone.
Match recognise(Probe& probe);
/// Opens the parts. Errors, besides those of zip: unsafe_name; damaged for names that differ in case alone;
/// limit_exceeded; not_a_file.
Package open_package(Probe& probe);

WritePlan plan(const Model& model, const Target& target, const SaveOptions& options, Report& report);

}  // namespace ballast::keras_zip
