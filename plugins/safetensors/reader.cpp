// SPDX-License-Identifier: Apache-2.0
// The safetensors format: detection, opening, and the entry point of writing.
#include <memory>
#include <utility>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/format.h"
#include "dialect/kept_model.h"
#include "format.h"
#include "header.h"
#include "reader.h"
#include "writer.h"

namespace ballast::formats {
extern const FormatInfo safetensors_info;
const Format& safetensors();
}  // namespace ballast::formats

namespace ballast {
namespace safetensors {

std::vector<TensorInfo> tensors_of(const Header& header, const std::shared_ptr<const io::Source>& source) {
    std::vector<TensorInfo> tensors;
    tensors.reserve(header.entries.size());
    for (const Entry& entry : header.entries) {
        TensorInfo& tensor = tensors.emplace_back();
        tensor.name = tensor.stored_name = entry.name;
        tensor.part = Part::loose;
        tensor.dtype = entry.dtype;
        tensor.shape = entry.shape;
        tensor.stored_bytes = entry.end - entry.begin;
        tensor.storage.layout = Extent{source, header.data_offset + entry.begin, tensor.stored_bytes};
    }
    return tensors;
}

ArchiveContents contents_of(std::vector<TensorInfo> tensors, Tree metadata, const Limits& limits) {
    const std::string layout(metadata[ballast_key].as_string());
    const bool has_layout = metadata.find(ballast_key) != nullptr;
    if (has_layout) metadata.erase(ballast_key);
    ArchiveContents contents;
    try {
        contents = has_layout ? restore_kept(layout, "__metadata__[\"ballast\"]", tensors, limits)
                              : loose_contents(tensors, "safetensors");
    } catch (const Error& error) {
        if (!has_layout) throw;
        contents = loose_contents(std::move(tensors), "safetensors");
        contents.warnings.push_back("the layout in the metadata is ignored: " + error.message());
    }
    contents.model->metadata = metadata;
    contents.metadata = std::move(metadata);
    return contents;
}

namespace {

class SafetensorsFormat final : public Format {
public:
    const FormatInfo& info() const noexcept override { return formats::safetensors_info; }

    Match probe(Probe& probe) const override {
        if (probe.location().kind != Location::Kind::file) return {Confidence::no, true, "a file"};
        if (starts_like_header(probe.head(), probe.options().limits))
            return {Confidence::certain, true, "a header length and a JSON object behind it"};
        if (is_index(probe)) return {Confidence::certain, true, "a JSON index of .safetensors files"};
        // Nobody else's, but called ours: open() says what is wrong with it.
        if (probe.location().name.ends_with(info().extensions.back()))
            return {Confidence::maybe, true, "the name"};
        return {Confidence::no, true, "a header length and '{' at byte 8"};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        const std::shared_ptr<const io::Source> source = probe.source();
        if (!source)
            throw Error(ErrorCode::not_a_file, "safetensors is a single file").in(probe.location().display());
        ArchiveContents contents = is_index(probe) ? open_set(probe) : open_file(probe, source);
        contents.format = &info();
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        const std::string& name = target.location.name;
        if (name.ends_with(info().set_suffix)) return plan_set(model, target, options, report);
        WritePlan plan;
        plan.files.push_back(lay_out(model, name, options, report));
        plan.commit = name;
        return plan;
    }

private:
    static ArchiveContents open_file(Probe& probe, const std::shared_ptr<const io::Source>& source) {
        const Limits& limits = probe.options().limits;
        const auto header = probe.shared<Header>([&] { return read_header(*source, limits); });
        return contents_of(tensors_of(*header, source), header->metadata, limits);
    }
};

}  // namespace
}  // namespace safetensors

const Format& formats::safetensors() {
    static const ballast::safetensors::SafetensorsFormat format;
    return format;
}

}  // namespace ballast
