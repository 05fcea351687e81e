// SPDX-License-Identifier: Apache-2.0
// The npz format: detection, opening, and the entry point of writing.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/format.h"
#include "container/npy/npy.h"
#include "container/zip/zip.h"
#include "dialect/kept_model.h"
#include "dialect/zip_members.h"
#include "format.h"
#include "io/held_source.h"
#include "model/evaluate.h"

namespace ballast::formats {
extern const FormatInfo npz_info;
const Format& npz();
}  // namespace ballast::formats

namespace ballast {
namespace npz {
namespace {

bool is_array(const zip::Member& member) {
    return member.name.ends_with(member_suffix);
}

std::string array_name(const zip::Member& member) {
    return member.name.substr(0, member.name.size() - member_suffix.size());
}

/// An array whose first axis varies fastest, row-major: computed when it is read.
std::shared_ptr<const io::Source> row_major(TensorExpr value, const std::string& path) {
    const std::uint64_t size = value.byte_count();
    return io::held_source(size, path, [value = std::move(value), size] {
        std::vector<std::byte> bytes(static_cast<std::size_t>(size));
        evaluate(value, 0, bytes);
        return bytes;
    });
}

TensorInfo tensor_of(const std::shared_ptr<const io::Source>& source, const npy::Header& header,
                     const std::string& name) {
    TensorInfo tensor;
    tensor.name = tensor.stored_name = name;
    tensor.part = Part::loose;
    tensor.dtype = header.dtype;
    tensor.shape = header.shape;
    tensor.stored_bytes = byte_size(header.dtype, header.shape.element_count());
    if (header.fortran_order && header.shape.rank() > 1) {
        const auto values = row_major(npy::value_of(source, header, name), source->path());
        tensor.storage.layout = Extent{values, 0, tensor.stored_bytes};
    } else {
        tensor.storage = {Extent{source, header.data_offset, tensor.stored_bytes}, header.big_endian};
    }
    return tensor;
}

/// Takes an archive's members apart.
class Reader {
public:
    Reader(std::shared_ptr<const io::Source> source, const Limits& limits)
        : source_(std::move(source)), limits_(limits) {}

    ArchiveContents read(const zip::Directory& directory) {
        for (const zip::Member& member : directory.members) {
            if (is_array(member)) {
                add_array(member);
            } else if (!member.is_folder()) {
                const auto bytes = zip::open_member(source_, member, limits_);
                assets_.push_back({member.name, Extent{bytes, 0, bytes->size()}});
            }
        }
        ArchiveContents contents = contents_of_arrays();
        contents.problems = std::move(problems_);
        contents.model->assets = std::move(assets_);
        return contents;
    }

private:
    void add_array(const zip::Member& member) {
        const std::string name = array_name(member);
        try {
            const auto bytes = zip::open_member(source_, member, limits_);
            const npy::Header header = npy::read_header(*bytes, limits_);
            TensorInfo tensor = tensor_of(bytes, header, name);
            if (name == kept_name && header.dtype == DType::uint8 && header.shape.rank() == 1) {
                kept_ = text_of(*bytes, header);
            } else {
                tensors_.push_back(std::move(tensor));
            }
        } catch (Error& error) {
            error.tensor(name);
            // Objects and texts are no tensors; the others can be looked at, but nothing is left out
            // silently.
            if (error.code() != ErrorCode::unsupported) throw;
            problems_.push_back(std::move(error));
        }
    }

    std::string text_of(const io::Source& bytes, const npy::Header& header) const {
        const std::uint64_t size = bytes.size() - header.data_offset;
        if (size > limits_.json_bytes)
            throw Error(ErrorCode::limit_exceeded, "the kept model is above the limit json_bytes")
                .in(bytes.path())
                .at(header.data_offset);
        std::string text(static_cast<std::size_t>(size), '\0');
        bytes.read_at(header.data_offset, std::as_writable_bytes(std::span(text)));
        return text;
    }

    ArchiveContents contents_of_arrays() {
        if (!kept_) return loose_contents(std::move(tensors_), "npz");
        try {
            ArchiveContents contents = restore_kept(*kept_, kept_name, tensors_, limits_);
            contents.metadata = contents.model->metadata;
            return contents;
        } catch (const Error& error) {
            ArchiveContents contents = loose_contents(std::move(tensors_), "npz");
            contents.warnings.push_back("the model kept in '" + std::string(kept_name) +
                                        "' is ignored: " + error.message());
            return contents;
        }
    }

    std::shared_ptr<const io::Source> source_;
    const Limits& limits_;
    std::vector<TensorInfo> tensors_;
    std::vector<Blob> assets_;
    std::vector<Error> problems_;
    std::optional<std::string> kept_;
};

class NpzFormat final : public Format {
public:
    const FormatInfo& info() const noexcept override { return formats::npz_info; }

    Match probe(Probe& probe) const override {
        static constexpr std::string_view looked_for = "a zip archive of .npy members";
        if (!zip::starts_like_zip(probe.head())) return {Confidence::no, true, std::string(looked_for)};
        const auto& members = zip_directory(probe)->members;
        if (std::any_of(members.begin(), members.end(), is_array))
            return {Confidence::certain, true, std::string(looked_for)};
        // np.savez() of nothing is an empty archive.
        const bool ours = members.empty() || probe.location().name.ends_with(info().extensions.front());
        return {ours ? Confidence::maybe : Confidence::no, true, std::string(looked_for)};
    }

    std::shared_ptr<Archive> open(Probe& probe) const override {
        if (!probe.source())
            throw Error(ErrorCode::not_a_file, "npz is a single file").in(probe.location().display());
        const Limits& limits = probe.options().limits;
        ArchiveContents contents = Reader(probe.source(), limits).read(*zip_directory(probe));
        contents.format = &info();
        return std::make_shared<Archive>(probe.location(), std::move(contents));
    }

    WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                   Report& report) const override {
        return npz::plan(model, target, options, report);
    }
};

}  // namespace
}  // namespace npz

const Format& formats::npz() {
    static const ballast::npz::NpzFormat format;
    return format;
}

}  // namespace ballast
