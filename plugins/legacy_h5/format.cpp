// SPDX-License-Identifier: Apache-2.0
// The format legacy_h5: layer_names and weight_names in one HDF5 file, with or without the model around them.
#include "ballast/format.h"
#include "ballast/archive.h"
#include "dialect/hdf5_objects.h"
#include "dialect/keras_legacy.h"

namespace ballast::formats {

extern const FormatInfo legacy_h5_info;

namespace {

class LegacyH5 final : public Format {
public:
    const FormatInfo& info() const noexcept override { return legacy_h5_info; }

    Match probe(Probe& probe) const override {
        const auto file = hdf5_file(probe);
        if (!file) return {Confidence::no, true, "an HDF5 signature (\\x89HDF at 0, 512, 1024, …)"};
        if (!keras_legacy::recognise(*file))
            return {Confidence::no, true, "the attribute layer_names or model_config at the HDF5 root"};
        return {Confidence::certain, true, "HDF5 with layer_names or model_config"};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const auto file = hdf5_file(probe);
        if (!file) throw Error(ErrorCode::damaged, "not an HDF5 file").in(probe.location().display()).at(0);
        ArchiveContents contents = keras_legacy::lift(*file, probe.options());
        contents.format = &legacy_h5_info;
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        WritePlan plan;
        plan.commit = target.location.name;
        hdf5::add_to(plan, keras_legacy::lower(model, plan.commit, options, report));
        return plan;
    }
};

}  // namespace

const Format& legacy_h5();
const Format& legacy_h5() {
    static const LegacyH5 format;
    return format;
}

}  // namespace ballast::formats
