// SPDX-License-Identifier: Apache-2.0
// .npy files: reading one as a value, writing one through the engine.
#include "ballast/npy.h"

#include <utility>

#include "ballast/error.h"
#include "container/npy/npy.h"
#include "convert/transfer.h"

namespace ballast {

TensorExpr read_npy(const Location& location, std::string name, const Limits& limits) {
    if (location.kind != Location::Kind::file)
        throw Error(ErrorCode::not_a_file, "an array lies in a single .npy file").in(location.display());
    auto source = location.fs->open(location.name);
    const npy::Header header = npy::read_header(*source, limits);
    return npy::value_of(std::move(source), header, std::move(name));
}

TensorExpr read_npy(const std::filesystem::path& path, std::string name, const Limits& limits) {
    return read_npy(Location::for_reading(path), std::move(name), limits);
}

void write_npy(const TensorExpr& value, const Location& destination, const WriteOptions& options) {
    WritePlan plan;
    plan.commit = destination.name;
    PlannedFile& file = plan.files.emplace_back();
    file.name = destination.name;
    std::vector<std::byte> header = npy::format_header(value.dtype(), value.shape());
    const std::uint64_t begin = header.size();
    file.size = begin + value.byte_count();
    file.pieces.push_back({0, FixedBytes{std::move(header)}});
    file.pieces.push_back({begin, TensorBytes{value}});
    execute(plan, destination.fs, options);
}

}  // namespace ballast
