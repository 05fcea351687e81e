// SPDX-License-Identifier: Apache-2.0
// ballast cat: the elements of one tensor, as .npy or as text.
#include <algorithm>
#include <memory>

#include "ballast/npy.h"
#include "cli.h"
#include "container/npy/npy.h"
#include "convert/chunk_grid.h"
#include "convert/publish.h"
#include "core/text.h"
#include "model/evaluate.h"
#include "output.h"
#include "text_tensor.h"

namespace ballast::tool {
namespace {

struct Options {
    std::string path, tensor, as, output, from, config;
    bool force = false, no_fsync = false;
};

/// Calls use(bytes) for the value's bytes in order, about a MiB at a time.
template <class Use>
void by_blocks(const TensorExpr& value, Use use) {
    constexpr std::uint64_t usual = std::uint64_t{1} << 20, largest = std::uint64_t{256} << 20;
    const std::uint64_t slab = std::min(decoding_step(value), largest), total = value.byte_count();
    // Whole rows of chunks where these must be decoded together; whole elements in any case.
    const std::uint64_t step = slab == 0 ? usual : std::max(usual / slab, std::uint64_t{1}) * slab;
    std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(step, total)));
    for (std::uint64_t begin = 0; begin < total; begin += step) {
        if (interrupted()) throw Error(ErrorCode::cancelled, "interrupted");
        const auto part = std::span(buffer).first(static_cast<std::size_t>(std::min(step, total - begin)));
        evaluate(value, begin, part);
        use(std::span<const std::byte>(part));
    }
}

void print_npy(const TensorExpr& value, Output& out) {
    out.write(npy::format_header(value.dtype(), value.shape()));
    by_blocks(value, [&](std::span<const std::byte> bytes) { out.write(bytes); });
    out.flush();
}

std::string text_heading(const TensorInfo& tensor) {
    return fmt::format("# {} {} {}\n", escape(tensor.name), to_string(tensor.dtype),
                       tensor.shape.to_string());
}

/// Calls write(text) with the tensor as text, block by block.
template <class Write>
void as_text(const TensorRef& tensor, Write write) {
    TextTensor text(tensor->dtype, tensor->shape);
    write(text_heading(*tensor));
    fmt::memory_buffer buffer;
    by_blocks(TensorExpr(tensor), [&](std::span<const std::byte> bytes) {
        // A MiB of elements takes several of text.
        constexpr std::size_t piece = 1 << 16;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            buffer.clear();
            text.append(bytes.subspan(at, std::min(piece, bytes.size() - at)), buffer);
            write(std::string_view(buffer.data(), buffer.size()));
        }
    });
}

void print_text(const TensorRef& tensor) {
    Output out;
    as_text(tensor, [&](std::string_view text) { out.write(text); });
    out.flush();
}

/// How long a text is shows only when it is written: a file of its own, published like every other.
void write_text_file(const TensorRef& tensor, const Location& destination, const WriteOptions& options) {
    Publication publication(destination.fs, options, destination.name);
    io::File& file = publication.file(publication.add(destination.name));
    std::uint64_t end = 0;
    as_text(tensor, [&](std::string_view text) {
        file.write_at(end, std::as_bytes(std::span(text)));
        end += text.size();
    });
    publication.commit({});
}

int run(const Options& options) {
    const auto archive = open_source(options.path, options.from, options.config);
    const TensorRef tensor = archive->index().ref(archive->index().find(options.tensor));
    const bool to_stdout = options.output.empty() || options.output == "-";
    const bool text =
        options.as.empty() ? options.output.empty() && stdout_is_terminal() : options.as == "text";
    if (to_stdout) {
        Output out;
        text ? print_text(tensor) : print_npy(tensor, out);
        return exit_ok;
    }
    WriteOptions write;
    write.overwrite = overwrite_of(options.force);
    write.ask = ask_overwrite;
    write.durable = !options.no_fsync;
    write.cancel = interrupted;
    const Location destination = destination_of(options.output);
    text ? write_text_file(tensor, destination, write) : write_npy(tensor, destination, write);
    return exit_ok;
}

}  // namespace

Command add_cat(Arguments program) {
    auto options = std::make_shared<Options>();
    Arguments command = program.command("cat", "Prints the elements of one tensor, as .npy or as text");
    command.option("PATH", options->path, "The file").required().value("FILE");
    command.option("TENSOR", options->tensor, "Its stored or canonical name (`ballast inspect` lists both)")
        .required()
        .value("NAME");
    command.option("--as", options->as, "npy, or text (the default on a terminal)").one_of({"npy", "text"});
    command.option("-o,--output", options->output, "Write this file instead of standard output")
        .value("FILE");
    add_source_options(command, options->from, options->config);
    command.flag("-f,--overwrite", options->force, "Replace an existing output file");
    command.flag("--no-fsync", options->no_fsync, "Do not wait for the disk");
    command.notes(R"(npy has no bfloat16 and no float8: they are written as the plain bytes <V2 and
|V1, as numpy with ml_dtypes writes them. In Python they become numbers by
numpy.load(f).view(ml_dtypes.bfloat16).

Text has a line a row of the last axis and an empty line after each matrix;
numbers are as short as they can be without losing a bit.

Examples:
  ballast cat model.weights.h5 conv1/kernel
  ballast cat model.weights.h5 conv1/kernel -o kernel.npy
  ballast cat model.h5 head/bias --as npy > bias.npy)");
    return {command, [options] { return run(*options); }};
}

}  // namespace ballast::tool
