// SPDX-License-Identifier: Apache-2.0
// ModelEditor: finding, replacing and deleting tensors.
#include "convert/edit_model.h"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "ballast/error.h"
#include "core/text.h"
#include "model/evaluate.h"
#include "model/naming.h"

namespace ballast {
namespace {

NameScheme scheme_of(const Model& model, const Archive& archive) {
    const Producer& producer = model.producer;
    if (!producer.restored && producer.dialect == "keras_v3") return NameScheme::keras_v3;
    if (!producer.restored && producer.dialect == "keras_legacy") return NameScheme::legacy;
    const auto tensors = archive.index().tensors();
    const bool canonical = std::all_of(tensors.begin(), tensors.end(), [](const TensorInfo& tensor) {
        return tensor.name == tensor.stored_name;
    });
    return canonical ? NameScheme::canonical : NameScheme::stored;
}

std::string prefix_of(const Archive& archive) {
    constexpr std::string_view prefix = "model_weights/";
    for (const TensorInfo& tensor : archive.index().tensors())
        if (tensor.part == Part::weight)
            return tensor.stored_name.starts_with(prefix) ? std::string(prefix) : "";
    return {};
}

/// The value with all elements in memory, in the order of a stored tensor.
TensorRef in_memory(const TensorExpr& value) {
    auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(value.byte_count()));
    evaluate(value, 0, *bytes);
    auto tensor = std::make_shared<TensorInfo>();
    tensor->dtype = value.dtype();
    tensor->shape = value.shape();
    tensor->stored_bytes = bytes->size();
    tensor->storage.layout = InlineBytes{bytes, *bytes};
    return tensor;
}

bool is_byte(DType dtype) {
    return dtype == DType::opaque8 || dtype == DType::float8_e4m3fn || dtype == DType::float8_e5m2;
}

}  // namespace

void check_edit_fit(const TensorExpr& value, const TensorExpr& old, const std::string& name) {
    if (value.shape() != old.shape())
        throw Error(ErrorCode::shape_mismatch, "the array has the shape " + value.shape().to_string() +
                                                   ", the tensor " + old.shape().to_string())
            .tensor(name)
            .hint("give an array of the tensor's shape");
    const bool same_bytes = is_byte(value.dtype()) && is_byte(old.dtype());
    if (value.dtype() != old.dtype() && !same_bytes)
        throw Error(ErrorCode::dtype_mismatch, "the array holds " + std::string(to_string(value.dtype())) +
                                                   ", the tensor " + std::string(to_string(old.dtype())))
            .tensor(name)
            .hint("save the array with .astype('" + std::string(to_string(old.dtype())) + "')");
}

ModelEditor::ModelEditor(Model& model, const Archive& archive)
    : model_(model), prefix_(prefix_of(archive)), scheme_(scheme_of(model, archive)) {
    list_places();
}

void ModelEditor::list_places() {
    places_.clear();
    const auto add = [&](Owner owner, LayerId layer, std::size_t position, TensorExpr& value,
                         std::string name) {
        if (value.empty()) return;
        places_.push_back({owner, layer, position, &value, value.source()->stored_name, std::move(name)});
    };
    if (model_.has_layers()) {
        auto names = canonical_weight_names(model_);
        for (LayerId id = 0; id < model_.layers.size(); ++id) {
            auto& weights = model_.layers[id].weights;
            for (std::size_t i = 0; i < weights.size(); ++i)
                add(Owner::layer, id, i, weights[i].value, std::move(names[id][i]));
        }
    }
    if (model_.optimizer) {
        auto& variables = model_.optimizer->variables;
        for (std::size_t i = 0; i < variables.size(); ++i)
            if (!variables[i].value.empty())
                add(Owner::optimizer, 0, i, variables[i].value, variables[i].value.source()->name);
    }
    for (std::size_t i = 0; i < model_.loose.size(); ++i)
        add(Owner::loose, 0, i, model_.loose[i].value, model_.loose[i].name);
}

std::vector<ModelEditor::Place*> ModelEditor::find_exact(const std::string& name,
                                                         std::string Place::*member) {
    std::vector<Place*> found;
    for (Place& place : places_)
        if (place.*member == name) found.push_back(&place);
    return found;
}

std::vector<ModelEditor::Place*> ModelEditor::find(const std::string& name) {
    std::vector<Place*> found = find_exact(name, &Place::stored);
    if (found.empty()) found = find_exact(name, &Place::canonical);
    // Two layers may hold one variable: one tensor all the same.
    const bool one = std::all_of(found.begin(), found.end(), [&](const Place* place) {
        return place->value->source() == found.front()->value->source();
    });
    if (!one)
        throw Error(ErrorCode::ambiguous_name,
                    "'" + name + "' names " + std::to_string(found.size()) + " tensors")
            .tensor(name)
            .hint("use the stored name that `ballast inspect --json` lists");
    return found;
}

Error ModelEditor::not_found(const std::string& name) const {
    std::vector<std::string> names;
    for (const Place& place : places_) {
        names.push_back(place.canonical);
        if (place.stored != place.canonical) names.push_back(place.stored);
    }
    const std::vector<std::string> near = near_names(name, names);
    std::string hint =
        near.empty() ? "list the names with `ballast inspect`" : "did you mean '" + near[0] + "'";
    for (std::size_t i = 1; i < near.size(); ++i)
        hint += ", '" + near[i] + "'";
    return Error(ErrorCode::name_not_found, "there is no tensor '" + name + "'")
        .tensor(name)
        .hint(hint + (near.empty() ? "" : "?"));
}

void ModelEditor::retag(const Place& place, const std::string& stored, const std::string& canonical) {
    auto tensor = std::make_shared<TensorInfo>(*place.value->source());
    tensor->stored_name = stored;
    tensor->name = canonical;
    *place.value = TensorExpr(TensorRef(std::move(tensor)));
}

std::size_t ModelEditor::set(const std::string& name, const TensorExpr& value) {
    const std::vector<Place*> places = find(name);
    if (places.empty()) throw not_found(name);
    const TensorInfo old = *places.front()->value->source();
    check_edit_fit(value, *places.front()->value, name);
    auto tensor = std::make_shared<TensorInfo>(value.is_identity() ? *value.source() : *in_memory(value));
    tensor->name = old.name;
    tensor->stored_name = old.stored_name;
    tensor->part = old.part;
    tensor->layer = old.layer;
    tensor->role = old.role;
    tensor->dtype = old.dtype;
    const TensorRef fresh = std::move(tensor);
    for (Place* place : places)
        *place->value = TensorExpr(fresh);
    return 1;
}

std::size_t ModelEditor::remove(const std::string& glob) {
    std::unordered_set<const TensorInfo*> removed;
    for (Place& place : places_) {
        if (!glob_match(glob, place.stored) && !glob_match(glob, place.canonical)) continue;
        removed.insert(place.value->source().get());
        *place.value = TensorExpr();
    }
    if (removed.empty()) throw not_found(glob);
    std::erase_if(model_.loose, [](const LooseTensor& tensor) { return tensor.value.empty(); });
    if (model_.optimizer) {
        const auto& variables = model_.optimizer->variables;
        const bool gone = !variables.empty() && std::all_of(variables.begin(), variables.end(),
                                                            [](const auto& v) { return v.value.empty(); });
        if (gone) model_.optimizer.reset();
    }
    list_places();
    return removed.size();
}

}  // namespace ballast
