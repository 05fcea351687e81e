// SPDX-License-Identifier: Apache-2.0
// edit(): open, change the model, plan it in its own format and flavour, write.
#include "ballast/edit.h"

#include <algorithm>
#include <utility>

#include "ballast/archive.h"
#include "ballast/error.h"
#include "ballast/registry.h"
#include "convert/edit_checkpoint.h"
#include "convert/edit_model.h"
#include "convert/pipeline.h"
#include "convert/transfer.h"

namespace ballast {
namespace {

/// The flavour to write: the source's. Formats without flavours have one without name.
std::string flavor_of(const Model& model, const FormatInfo& format) {
    const auto named = [&](const Flavor& flavor) { return flavor.name == model.producer.flavor; };
    if (std::any_of(format.flavors.begin(), format.flavors.end(), named)) return model.producer.flavor;
    const bool unnamed = format.flavors.size() == 1 && format.flavors.front().name.empty();
    if (unnamed || model.producer.flavor.empty()) return {};
    throw Error(ErrorCode::unsupported, "files of the flavour " + model.producer.flavor + " of " +
                                            std::string(format.id) + " cannot be written")
        .hint("convert the file first");
}

/// An edit loses nothing it was not told to.
void check_nothing_dropped(const Report& report) {
    for (const ReportEntry& entry : report.entries()) {
        if (entry.kind == ReportEntry::Kind::dropped)
            throw Error(ErrorCode::lossy, "the edited file would lose a tensor: " + entry.text)
                .tensor(entry.from)
                .hint("delete it in the same edit if it may go");
    }
}

bool compressed(const TensorInfo& tensor) {
    const auto* chunked = std::get_if<std::shared_ptr<const ChunkedLayout>>(&tensor.storage.layout);
    return chunked && *chunked && !(*chunked)->filters.empty();
}

/// Storage is the writer's affair, but a file that grows should not do so without a word.
void note_storage(const Index& index, const WritePlan& plan, Report& report) {
    const auto encodes = [](const PlannedFile& file) {
        return std::any_of(file.pieces.begin(), file.pieces.end(), [](const Piece& piece) {
            return std::holds_alternative<EncodedChunk>(piece.content);
        });
    };
    const auto tensors = index.tensors();
    const auto count = std::count_if(tensors.begin(), tensors.end(), compressed);
    if (count == 0 || std::any_of(plan.files.begin(), plan.files.end(), encodes)) return;
    report.note(std::to_string(count) + " compressed tensors are stored plainly in the edited file");
}

void apply(ModelEditor& editor, std::span<const Edit> edits, EditResult& result) {
    for (const Edit& edit : edits) {
        switch (edit.kind) {
            case Edit::Kind::rename:
                result.renamed += editor.rename(edit.name, edit.new_name);
                break;
            case Edit::Kind::set:
                result.set += editor.set(edit.name, edit.value);
                break;
            case Edit::Kind::remove:
                result.removed += editor.remove(edit.name);
                break;
        }
    }
}

WritePlan plan_of(Model& model, const Format& format, const Location& destination, const SaveOptions& save,
                  std::shared_ptr<const Archive> kept, Report& report) {
    check_dtypes(model, format, save);
    WritePlan plan = format.plan(model, Target{destination, {}, std::move(kept)}, save, report);
    report.target = destination.display();
    report.target_format = format.info().id;
    report.bytes = plan.tensor_bytes();
    check_complete(model, report);
    check_nothing_dropped(report);
    return plan;
}

}  // namespace

EditResult edit(const Location& source, const Location& destination, std::span<const Edit> edits,
                const EditOptions& options) {
    EditResult result;
    const auto archive = open(source, options.open);
    if (!archive->problems().empty()) throw Error(archive->problems().front());
    result.report.source = source.display();
    result.report.source_format = archive->format().id;
    for (const std::string& warning : archive->warnings())
        result.report.warn(warning);
    if (archive->format().id == "tf_checkpoint") {
        edit_checkpoint(*archive, destination, edits, options, result);
        return result;
    }
    const Format& format = Registry::current().find(archive->format().id);
    Model model = archive->release_model();
    SaveOptions save;
    save.limits = options.open.limits;
    save.flavor = flavor_of(model, format.info());
    ModelEditor editor(model, *archive);
    try {
        apply(editor, edits, result);
    } catch (Error& error) {
        error.in(source.display());
        throw;
    }
    save.names = editor.scheme() == NameScheme::stored ? Names::stored : Names::canonical;
    for (const std::string& note : editor.notes())
        result.report.note(note);
    // What is a folder keeps its other files.
    const bool folder = format.info().kind == Location::Kind::directory;
    if (folder) save.flavor.clear();
    if (folder && result.renamed + result.removed != 0)
        throw Error(ErrorCode::unsupported,
                    "the graph of the " + std::string(format.info().id) +
                        " names every tensor, and stays: values can be set, nothing renamed or deleted")
            .in(source.display())
            .hint("convert it to another format first");
    const WritePlan plan =
        plan_of(model, format, destination, save, folder ? archive : nullptr, result.report);
    note_storage(archive->index(), plan, result.report);
    if (!options.dry_run) execute(plan, destination.fs, options.write);
    return result;
}

EditResult edit(const std::filesystem::path& source, const std::filesystem::path& destination,
                std::span<const Edit> edits, const EditOptions& options) {
    return edit(Location::for_reading(source), Location::for_writing(destination), edits, options);
}

}  // namespace ballast
