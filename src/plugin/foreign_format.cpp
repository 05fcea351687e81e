// SPDX-License-Identifier: Apache-2.0
// A plugin as a format, see foreign_format.h.
#include "plugin/foreign_format.h"

#include <utility>

#include "ballast/error.h"

namespace ballast::plugin {

Match ForeignFormat::probe(Probe& probe) const {
    const std::string& looked_for = about_.looked_for();
    if (!info().can.detect || probe.location().kind != Location::Kind::file)
        return {Confidence::no, true, looked_for};
    return {ask(about_, probe), true, looked_for};
}

std::shared_ptr<Archive> ForeignFormat::open(Probe& probe) const {
    if (!info().can.read) return Format::open(probe);
    if (!probe.source())
        throw Error(ErrorCode::not_a_file, std::string(info().id) + " is a single file")
            .in(probe.location().display());
    ArchiveContents contents = read(about_, probe);
    contents.format = &info();
    return std::make_shared<Archive>(probe.location(), std::move(contents));
}

WritePlan ForeignFormat::plan(const Model& model, const Target& target, const SaveOptions& options,
                              Report& report) const {
    if (!info().can.write) return Format::plan(model, target, options, report);
    return lay_out(about_, model, target, options, report);
}

}  // namespace ballast::plugin
