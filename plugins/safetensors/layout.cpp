// SPDX-License-Identifier: Apache-2.0
// The Model behind the tensors, kept in the metadata, see layout.h.
#include "layout.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "ballast/error.h"
#include "container/json/json.h"
#include "format.h"
#include "model/model_tensors.h"
#include "model/model_tree.h"

namespace ballast::safetensors {
namespace {

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
        result.push_back({tensor.stored_name, tensor.dtype, tensor.shape});
    return result;
}

void restore_opaque(const Tree& names, std::vector<TensorInfo>& tensors) {
    std::unordered_set<std::string_view> opaque;
    for (const Tree& name : names.items())
        opaque.insert(name.as_string());
    for (TensorInfo& tensor : tensors) {
        if (tensor.dtype == DType::uint8 && opaque.contains(tensor.stored_name))
            tensor.dtype = DType::opaque8;
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

std::string layout_text(const Model& model, const std::vector<StoredTensor>& tensors,
                        const std::vector<bool>& opaque) {
    Tree head = Tree::object();
    head.set(schema_key, ballast_schema);
    head.set(digest_key, digest(tensors));
    Tree opaque_names = Tree::array();
    std::vector<std::string> names;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        names.push_back(tensors[i].name);
        if (opaque[i]) opaque_names.push_back(tensors[i].name);
    }
    if (opaque_names.size() != 0) head.set(opaque_key, std::move(opaque_names));
    std::string text = json::write(head);
    text.back() = ',';
    return text + ' ' + json::write(Tree(model_key)) + ": " + model_to_json(model, names) + '}';
}

ArchiveContents restore(std::string_view text, std::vector<TensorInfo> tensors, const Tree& metadata,
                        const Limits& limits) {
    Limits inner = limits;
    inner.json_depth += 8;  // A config of full depth lies a few levels down in our own text.
    const Tree tree = json::parse(text, inner, "__metadata__[\"ballast\"]");
    if (tree[schema_key].as_int64() != ballast_schema) throw mismatch("it was written by a newer Ballast");
    if (tree[digest_key].as_string() != digest(stored(tensors)))
        throw mismatch("names, dtypes or shapes of the tensors were changed since");
    restore_opaque(tree[opaque_key], tensors);
    const auto plain = Index::make(std::move(tensors));
    Model model = model_from_tree(tree[model_key], *plain, limits);
    model.metadata = metadata;

    std::unordered_map<const TensorInfo*, std::size_t> places;
    ArchiveContents contents;
    contents.index = named_index(model, *plain, places);
    rebind(model, *plain, *contents.index, places);
    contents.kind = model.config.is_null() ? "weights" : "model";
    contents.model = std::make_shared<Model>(std::move(model));
    return contents;
}

}  // namespace ballast::safetensors
