// SPDX-License-Identifier: Apache-2.0
// The Model behind named tensors, kept beside them, see kept_model.h.
#include "dialect/kept_model.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "model/model_tensors.h"
#include "model/model_tree.h"

namespace ballast {
namespace {

/// JSON {"schema", "digest", "opaque"?, "dtypes"?, "metadata"?, "model"}.
constexpr std::string_view schema_key = "schema", digest_key = "digest", opaque_key = "opaque",
                           dtypes_key = "dtypes", metadata_key = "metadata", model_key = "model";
constexpr std::int64_t kept_schema = 1;

/// FNV-1a, 64 bits: a few lines, and good enough against accidents.
class Fnv {
public:
    void add(std::string_view text) {
        for (const char c : text)
            add_byte(static_cast<unsigned char>(c));
        add_byte(0);
    }
    std::string hex() const {
        static constexpr std::string_view digits = "0123456789abcdef";
        std::string text = "fnv1a64:";
        for (int shift = 60; shift >= 0; shift -= 4)
            text += digits[state_ >> static_cast<unsigned>(shift) & 15U];
        return text;
    }

private:
    void add_byte(unsigned char byte) { state_ = (state_ ^ byte) * 0x100000001b3ULL; }
    std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

Error mismatch(std::string message) {
    return {ErrorCode::damaged, std::move(message)};
}

std::vector<StoredTensor> stored(const std::vector<TensorInfo>& tensors) {
    std::vector<StoredTensor> result;
    result.reserve(tensors.size());
    for (const TensorInfo& tensor : tensors)
        result.push_back({tensor.stored_name, tensor.dtype, tensor.shape, tensor.dtype});
    return result;
}

/// The types that are stored as plain bytes get their names back.
void restore_dtypes(const Tree& opaque, const Tree& dtypes, std::vector<TensorInfo>& tensors) {
    std::unordered_map<std::string_view, DType> kept;
    for (const Tree& name : opaque.items())
        kept.emplace(name.as_string(), DType::opaque8);
    for (const auto& [name, dtype] : dtypes.members()) {
        if (const auto known = dtype_from_name(dtype.as_string())) kept.emplace(name, *known);
    }
    for (TensorInfo& tensor : tensors) {
        const auto known = kept.find(tensor.stored_name);
        if (known != kept.end() && info(known->second).bits == info(tensor.dtype).bits)
            tensor.dtype = known->second;
    }
}

/// The tensors with the names and places the model gives them, in model order; then those it does not
/// mention.
std::shared_ptr<const Index> named_index(const Model& model, const Index& plain,
                                         std::unordered_map<const TensorInfo*, std::size_t>& places) {
    std::vector<TensorInfo> tensors;
    for (const ModelTensor& known : model_tensors(model)) {
        const TensorInfo& source = *known.value->source();
        if (!places.emplace(&source, tensors.size()).second) continue;
        TensorInfo tensor = source;
        tensor.name = known.name;
        tensor.part = known.part;
        tensor.layer = known.layer;
        tensor.role = known.role;
        tensors.push_back(std::move(tensor));
    }
    for (const TensorInfo& tensor : plain.tensors()) {
        if (places.emplace(&tensor, tensors.size()).second) tensors.push_back(tensor);
    }
    return Index::make(std::move(tensors));
}

/// Points the model's values at the new index, and adds what it does not mention as loose tensors.
void rebind(Model& model, const Index& plain, const Index& index,
            const std::unordered_map<const TensorInfo*, std::size_t>& places) {
    std::vector<bool> used(index.size());
    for (TensorExpr* value : model_values(model)) {
        const std::size_t place = places.at(value->source().get());
        used[place] = true;
        *value = TensorExpr(index.ref(place));
    }
    for (const TensorInfo& tensor : plain.tensors()) {
        const std::size_t place = places.at(&tensor);
        if (!used[place]) model.loose.push_back({index.tensors()[place].name, index.ref(place), Part::loose});
    }
}

}  // namespace

std::string digest(std::vector<StoredTensor> tensors) {
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    Fnv hash;
    for (const StoredTensor& tensor : tensors) {
        hash.add(tensor.name);
        hash.add(to_string(tensor.dtype));
        hash.add(tensor.shape.to_string());
    }
    return hash.hex();
}

std::string kept_text(const Model& model, const std::vector<StoredTensor>& tensors, const Tree& metadata) {
    Tree head = Tree::object();
    head.set(schema_key, kept_schema);
    head.set(digest_key, digest(tensors));
    Tree opaque = Tree::array(), dtypes = Tree::object();
    std::vector<std::string> names;
    names.reserve(tensors.size());
    for (const StoredTensor& tensor : tensors) {
        names.push_back(tensor.name);
        if (tensor.kept == tensor.dtype) continue;
        if (tensor.kept == DType::opaque8) {
            opaque.push_back(tensor.name);
        } else {
            dtypes.set(tensor.name, to_string(tensor.kept));
        }
    }
    if (opaque.size() != 0) head.set(opaque_key, std::move(opaque));
    if (dtypes.size() != 0) head.set(dtypes_key, std::move(dtypes));
    if (!metadata.is_null()) head.set(metadata_key, metadata);
    std::string text = json::write(head);
    text.back() = ',';
    return text + ' ' + json::write(Tree(model_key)) + ": " + model_to_json(model, names) + '}';
}

ArchiveContents restore_kept(std::string_view text, std::string_view where, std::vector<TensorInfo> tensors,
                             const Limits& limits) {
    Limits inner = limits;
    inner.json_depth += 8;  // A config of full depth lies a few levels down in our own text.
    const Tree tree = json::parse(text, inner, where);
    if (tree[schema_key].as_int64() != kept_schema) throw mismatch("it was written by a newer Ballast");
    if (tree[digest_key].as_string() != digest(stored(tensors)))
        throw mismatch("names, dtypes or shapes of the tensors were changed since");
    restore_dtypes(tree[opaque_key], tree[dtypes_key], tensors);
    const auto plain = Index::make(std::move(tensors));
    Model model = model_from_tree(tree[model_key], *plain, limits);
    model.metadata = tree[metadata_key];

    std::unordered_map<const TensorInfo*, std::size_t> places;
    ArchiveContents contents;
    contents.index = named_index(model, *plain, places);
    rebind(model, *plain, *contents.index, places);
    contents.kind = model.config.is_null() ? "weights" : "model";
    contents.model = std::make_shared<Model>(std::move(model));
    return contents;
}

ArchiveContents loose_contents(std::vector<TensorInfo> tensors, std::string_view dialect) {
    ArchiveContents contents;
    contents.kind = "tensors";
    contents.index = Index::make(std::move(tensors));
    Model model;
    for (std::size_t i = 0; i < contents.index->size(); ++i)
        model.loose.push_back({contents.index->tensors()[i].name, contents.index->ref(i), Part::loose});
    model.producer.dialect = dialect;
    contents.model = std::make_shared<Model>(std::move(model));
    return contents;
}

}  // namespace ballast
