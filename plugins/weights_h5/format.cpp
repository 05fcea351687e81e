// SPDX-License-Identifier: Apache-2.0
// The format weights_h5: the Keras 3 layout in one HDF5 file.
#include "ballast/format.h"
#include "ballast/archive.h"
#include "dialect/hdf5_objects.h"
#include "dialect/keras_v3.h"
#include "dialect/shard_names.h"

namespace ballast::formats {

extern const FormatInfo weights_h5_info;

namespace {

/// One shard of a set is a good file with a part of the weights.
void warn_of_set(const Probe& probe, ArchiveContents& contents) {
    const Location& location = probe.location();
    const std::size_t number = location.name.rfind('_');
    if (number == std::string::npos) return;
    const std::string base = location.name.substr(0, number);
    if (!keras_shard_index(base, location.name) || !location.fs->stat(base + ".weights.json")) return;
    contents.warnings.push_back("this is one shard of a set, and holds a part of its weights: open " + base +
                                ".weights.json for all of them");
}

class WeightsH5 final : public Format {
public:
    const FormatInfo& info() const noexcept override { return weights_h5_info; }

    Match probe(Probe& probe) const override {
        const auto file = hdf5_file(probe);
        if (!file) return {Confidence::no, true, "an HDF5 signature (\\x89HDF at 0, 512, 1024, …)"};
        if (!keras_v3::recognise(*file)) return {Confidence::no, true, "a group `vars` in the HDF5 tree"};
        return {Confidence::certain, true, "HDF5 with `vars` groups"};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const auto file = hdf5_file(probe);
        if (!file) throw Error(ErrorCode::damaged, "not an HDF5 file").in(probe.location().display()).at(0);
        ArchiveContents contents = keras_v3::lift(*file, probe.options());
        contents.format = &weights_h5_info;
        warn_of_set(probe, contents);
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        WritePlan plan;
        plan.commit = target.location.name;
        hdf5::add_to(plan, keras_v3::lower(model, plan.commit, options, report));
        return plan;
    }
};

}  // namespace

const Format& weights_h5();
const Format& weights_h5() {
    static const WeightsH5 format;
    return format;
}

}  // namespace ballast::formats
