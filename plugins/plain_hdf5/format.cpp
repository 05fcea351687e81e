// SPDX-License-Identifier: Apache-2.0
// The format plain_hdf5: HDF5 files that are no Keras dialect.
#include "ballast/format.h"
#include "ballast/archive.h"
#include "dialect/hdf5_objects.h"
#include "dialect/keras_legacy.h"
#include "dialect/keras_v3.h"
#include "reader.h"

namespace ballast::formats {

extern const FormatInfo plain_hdf5_info;
const Format& plain_hdf5();

namespace {

class PlainHdf5 final : public Format {
public:
    const FormatInfo& info() const noexcept override { return plain_hdf5_info; }

    Match probe(Probe& probe) const override {
        const auto file = hdf5_file(probe);
        if (!file) return {Confidence::no, true, "an HDF5 signature (\\x89HDF at 0, 512, 1024, …)"};
        if (keras_v3::recognise(*file) || keras_legacy::recognise(*file))
            return {Confidence::no, true, "HDF5 without the marks of Keras"};
        return {Confidence::certain, true, "HDF5 without the marks of Keras"};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const auto file = hdf5_file(probe);
        if (!file) throw Error(ErrorCode::damaged, "not an HDF5 file").in(probe.location().display()).at(0);
        ArchiveContents contents = plain_hdf5::lift(*file, probe.options().limits);
        contents.format = &plain_hdf5_info;
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }
};

}  // namespace

const Format& plain_hdf5() {
    static const PlainHdf5 format;
    return format;
}

}  // namespace ballast::formats
