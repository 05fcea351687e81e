// SPDX-License-Identifier: Apache-2.0
// Tensors by name alone, see tf_graph_names.h.
#include "dialect/tf_graph_names.h"

#include <algorithm>
#include <array>

#include "core/text.h"
#include "dialect/tf_graph.h"
#include "dialect/tf_graph_walk.h"

namespace ballast::tf_graph {
namespace {

/// What TensorFlow 1's optimizers call their slots, below the variable's name; "_1", "_2" follow for further
/// ones.
constexpr std::array<std::string_view, 12> slot_names = {"Adam",         "AdaMax",    "AdamW",    "Momentum",
                                                         "RMSProp",      "Adagrad",   "Adadelta", "Ftrl",
                                                         "LARSMomentum", "AdagradDA", "adam_m",   "adam_v"};
/// Variables of an optimizer of its own.
constexpr std::array<std::string_view, 3> optimizer_names = {"beta1_power", "beta2_power", "decay_power"};

std::string_view unnumbered(std::string_view name) {
    const std::size_t end = name.find_last_not_of("0123456789");
    if (end == std::string_view::npos || end + 1 == name.size() || name[end] != '_') return name;
    return name.substr(0, end);
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Part part_of(const bundle::Bundle& bundle, const bundle::Entry& entry) {
    const std::string_view key = entry.key;
    const std::size_t slash = key.rfind('/');
    const std::string_view last = key.substr(slash == std::string_view::npos ? 0 : slash + 1);
    if (contains(optimizer_names, unnumbered(last))) return Part::optimizer;
    if (slash == std::string_view::npos || !contains(slot_names, unnumbered(last))) return Part::loose;
    const bundle::Entry* owner = bundle.find(key.substr(0, slash));
    return owner && owner->shape == entry.shape ? Part::optimizer : Part::loose;
}

}  // namespace

void keep_loose(Lifting& lifting, const bundle::Bundle& bundle, const bundle::Entry& entry, Part part,
                std::string_view known_as) {
    if (entry.type->bytes == 0) {
        if (entry.slices != 0)
            throw Error(ErrorCode::unsupported, "a text tensor is stored in slices")
                .in(bundle.path())
                .tensor(entry.key);
        if (entry.type->number == bundle::string_type) bundle.check_text(entry);
        lifting.blobs.push_back({stored_name(entry.key), bundle.stored(entry)});
        return;
    }
    TensorInfo tensor = bundle.tensor(entry);
    trim_key(tensor.stored_name);
    tensor.part = part;
    std::string name(known_as.empty() ? tensor.stored_name : known_as);
    if (!entry.type->exact)
        lifting.warnings.push_back("'" + name + "' is " + std::string(entry.type->name) +
                                   ", listed as plain " + std::string(to_string(entry.type->dtype)));
    lifting.add_loose(std::move(name), std::move(tensor));
}

ArchiveContents lift_names(const bundle::Bundle& bundle, std::vector<Blob> assets) {
    Lifting lifting;
    lifting.blobs = std::move(assets);
    lifting.reserve(0, bundle.entries().size());
    lifting.model.loose.reserve(bundle.entries().size());
    for (const bundle::Entry& entry : bundle.entries())
        keep_loose(lifting, bundle, entry, part_of(bundle, entry));
    lifting.model.producer.dialect = name_dialect;
    Tree metadata = Tree::object();
    metadata.set("graph", "names");
    metadata.set("shards", bundle.shards());
    if (bundle.version() == 1) metadata.set("version", 1);
    if (bundle.big_endian()) metadata.set("byte_order", "big");
    ArchiveContents contents = lifting.finish(Lifting::IndexOrder::as_bound);
    contents.kind = "tensors";
    contents.metadata = std::move(metadata);
    return contents;
}

}  // namespace ballast::tf_graph
