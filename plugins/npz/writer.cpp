// SPDX-License-Identifier: Apache-2.0
// Laying out an .npz file. The same model and options give the same bytes.
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "container/npy/npy.h"
#include "container/zip/write.h"
#include "dialect/named_tensors.h"
#include "format.h"

namespace ballast::npz {
namespace {

/// numpy has one word for all one-byte types of ours it does not know.
DType stored_dtype(DType dtype) {
    return dtype == DType::float8_e4m3fn || dtype == DType::float8_e5m2 ? DType::opaque8 : dtype;
}

constexpr NamedTensorRules rules = {"npz", kept_name, stored_dtype};

zip::NewMember member(const std::string& name, DType dtype, const Shape& shape) {
    zip::NewMember result;
    result.name = name + std::string(member_suffix);
    result.alignment = alignment;
    std::vector<std::byte> header;
    try {
        header = npy::format_header(dtype, shape);
    } catch (Error& error) {
        error.tensor(name);
        throw;
    }
    result.size = header.size();
    result.pieces.push_back({0, FixedBytes{std::move(header)}});
    return result;
}

zip::NewMember tensor_member(const StoredTensor& tensor, const TensorExpr& value) {
    zip::NewMember result = member(tensor.name, tensor.dtype, tensor.shape);
    const std::uint64_t bytes = value.byte_count();
    if (bytes != 0) result.pieces.push_back({result.size, TensorBytes{value}});
    result.size += bytes;
    return result;
}

/// Text as an array every reader of numpy's shows without complaint.
zip::NewMember text_member(std::string_view name, std::string_view text) {
    zip::NewMember result = member(std::string(name), DType::uint8, Shape{text.size()});
    std::vector<std::byte> bytes;
    bytes.reserve(text.size());
    std::transform(text.begin(), text.end(), std::back_inserter(bytes),
                   [](char c) { return static_cast<std::byte>(c); });
    result.pieces.push_back({result.size, FixedBytes{std::move(bytes)}});
    result.size += text.size();
    return result;
}

}  // namespace

WritePlan plan(const Model& model, const Target& target, const SaveOptions& options, Report& report) {
    const NamedTensors tensors(model, options, rules, report);
    std::vector<zip::NewMember> members;
    members.reserve(tensors.size() + 1);
    for (std::size_t i = 0; i < tensors.size(); ++i)
        members.push_back(tensor_member(tensors.tensor(i), tensors.value(i)));
    const Tree& metadata = tensors.model().metadata;
    const bool has_metadata = metadata.size() != 0;
    if (tensors.needs_kept() || has_metadata)
        members.push_back(text_member(kept_name, tensors.kept(has_metadata ? metadata : Tree())));
    return zip::plan_archive(target.location.name, std::move(members));
}

}  // namespace ballast::npz
