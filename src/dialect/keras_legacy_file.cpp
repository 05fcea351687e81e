// SPDX-License-Identifier: Apache-2.0
// Reading the lists of a legacy file, see keras_legacy_file.h.
#include "dialect/keras_legacy_file.h"

#include <utility>

#include "dialect/hdf5_objects.h"
#include "dialect/keras_legacy.h"

namespace ballast::keras_legacy {
namespace {

constexpr std::string_view weights_group = "model_weights", top_level_group = "top_level_model_weights",
                           optimizer_group = "optimizer_weights";

/// Reads the lists and remembers which datasets they named.
class Reader {
public:
    explicit Reader(const hdf5::File& file) : file_(file) {}

    Contents read() {
        hdf5::ObjectId base = 0;
        if (!has_list(0, "layer_names")) base = group(0, weights_group);
        if (base == hdf5::no_object) throw no_weights();
        contents_.whole = base != 0;
        contents_.keras_version = text(base, "keras_version");
        contents_.backend = text(base, "backend");
        contents_.model_config = text(0, "model_config");
        contents_.training_config = text(0, "training_config");
        read_layers(base);
        if (const auto own = sound_group(base, top_level_group); own != hdf5::no_object)
            contents_.top_level = weights_of(own);
        if (const auto state = sound_group(0, optimizer_group); state != hdf5::no_object)
            contents_.optimizer = weights_of(state);
        keep_strays();
        return std::move(contents_);
    }

private:
    bool has_list(hdf5::ObjectId object, std::string_view name) const {
        return file_.attribute(object, name) || file_.attribute(object, std::string(name) + "0");
    }

    hdf5::ObjectId group(hdf5::ObjectId parent, std::string_view path) {
        const hdf5::ObjectId found = file_.find(parent, path);
        if (found == hdf5::no_object || file_.object(found).kind == hdf5::ObjectKind::group) return found;
        throw link_problem(file_, file_.object(found));
    }

    /// As group(); a damaged one, which is a problem of the file, counts as not there.
    hdf5::ObjectId sound_group(hdf5::ObjectId parent, std::string_view path) {
        const hdf5::ObjectId found = file_.find(parent, path);
        const bool damaged =
            found != hdf5::no_object && file_.object(found).kind == hdf5::ObjectKind::unreadable;
        return damaged ? hdf5::no_object : group(parent, path);
    }

    std::string text(hdf5::ObjectId object, std::string_view name) const {
        const auto own = text_attribute(file_, object, name);
        return own ? *own : text_attribute(file_, 0, name).value_or("");
    }

    Error no_weights() const {
        if (file_.attribute(0, "nb_layers")) {
            return Error(ErrorCode::unsupported,
                         "a weights file of Keras before 1.0, which no Keras since then reads")
                .in(file_.path())
                .hint("load and save it again with Keras 1.0");
        }
        return Error(ErrorCode::damaged, "a legacy Keras file without layer_names")
            .in(file_.path())
            .at(0)
            .hint("the file was cut short or edited; take another copy");
    }

    Error missing(const std::string& path, std::uint64_t offset, std::string_view list) const {
        return Error(ErrorCode::damaged,
                     std::string(list) + " names '" + path + "', which the file does not hold")
            .in(file_.path())
            .at(offset)
            .tensor(path)
            .hint("the file was cut short or edited; take another copy");
    }

    void read_layers(hdf5::ObjectId base) {
        const auto names = name_list(file_, base, "layer_names");
        if (!names) throw no_weights();
        contents_.layers.reserve(names->size());
        for (const std::string& name : *names) {
            const hdf5::ObjectId layer = file_.find(base, name);
            if (layer == hdf5::no_object) throw missing(name, file_.object(base).address, "layer_names");
            const bool sound = sound_group(base, name) != hdf5::no_object;
            contents_.layers.push_back({name, sound ? weights_of(layer) : std::vector<StoredWeight>{}});
        }
    }

    std::vector<StoredWeight> weights_of(hdf5::ObjectId group) {
        std::vector<StoredWeight> weights;
        const auto names = name_list(file_, group, "weight_names");
        if (!names) return weights;
        for (const std::string& name : *names) {
            const hdf5::ObjectId id = file_.find(group, name);
            const std::string path = file_.path_of(group) + "/" + name;
            if (id == hdf5::no_object) throw missing(path, file_.object(group).address, "weight_names");
            named_.insert(id);
            if (file_.object(id).kind != hdf5::ObjectKind::dataset) {
                contents_.problems.push_back(link_problem(file_, file_.object(id)));
                continue;
            }
            try {
                weights.push_back({name, tensor_of(file_, id)});
            } catch (Error& error) {
                contents_.problems.push_back(std::move(error));
            }
        }
        return weights;
    }

    void keep_strays() {
        for (const hdf5::Object& object : file_.objects()) {
            const hdf5::ObjectId id = file_.id_of(object);
            if (object.kind != hdf5::ObjectKind::dataset || named_.contains(id)) continue;
            if (auto text = foreign_text(file_, id)) {
                contents_.warnings.push_back(std::move(*text));
                continue;
            }
            try {
                contents_.strays.push_back(tensor_of(file_, id));
                contents_.strays.back().part = Part::loose;
            } catch (Error& error) {
                contents_.problems.push_back(std::move(error));
            }
        }
    }

    const hdf5::File& file_;
    Contents contents_;
    std::unordered_set<hdf5::ObjectId> named_;
};

std::string_view without_output_number(std::string_view name) {
    const std::size_t colon = name.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == name.size()) return name;
    const bool digits = name.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    return digits ? name.substr(0, colon) : name;
}

}  // namespace

bool recognise(const hdf5::File& file) {
    for (const std::string_view attribute : {"layer_names", "layer_names0", "model_config", "nb_layers"}) {
        if (file.attribute(0, attribute)) return true;
    }
    return file.find(0, weights_group) != hdf5::no_object;
}

Contents read_contents(const hdf5::File& file) {
    return Reader(file).read();
}

std::string_view role_path(std::string_view layer_name, std::string_view weight_name) {
    std::string_view path = without_output_number(weight_name);
    if (path.size() > layer_name.size() + 1 && path.starts_with(layer_name) &&
        path[layer_name.size()] == '/') {
        path.remove_prefix(layer_name.size() + 1);
    }
    return path;
}

std::string_view base_name(std::string_view weight_name) {
    const std::string_view path = without_output_number(weight_name);
    return path.substr(path.rfind('/') + 1);
}

}  // namespace ballast::keras_legacy
