// SPDX-License-Identifier: Apache-2.0
// A format of a plugin behind plugin_abi.h, as any other format. Stateless: any thread.
#pragma once

#include <memory>
#include <string>

#include "ballast/archive.h"
#include "ballast/format.h"
#include "plugin/description.h"

namespace ballast::plugin {

/// The format; `path` is where the plugin came from. The functions behind `plugin` must stay loaded while the
/// format or anything read with it is in use. Throws unsupported for one that says nonsense of itself.
class ForeignFormat final : public Format {
public:
    ForeignFormat(const ballast_plugin& plugin, std::string path) : about_(plugin, std::move(path)) {}

    const FormatInfo& info() const noexcept override { return about_.info(); }
    const Description& about() const noexcept { return about_; }
    Match probe(Probe& probe) const override;
    std::shared_ptr<Archive> open(Probe& probe) const override;
    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override;

private:
    Description about_;
};

/// What the plugin finds in the file of `probe`.
ArchiveContents read(const Description& about, Probe& probe);
/// Whether the plugin takes the file for one of its own.
Confidence ask(const Description& about, Probe& probe);
/// The plugin's layout of a file for the model.
WritePlan lay_out(const Description& about, const Model& model, const Target& target,
                  const SaveOptions& options, Report& report);

}  // namespace ballast::plugin
