// SPDX-License-Identifier: Apache-2.0
// What the Keras dialects share on top of HDF5, see hdf5_objects.h.
#include "dialect/hdf5_objects.h"

#include <algorithm>
#include <unordered_set>

#include "ballast/error.h"
#include "container/zip/zip.h"

namespace ballast {
namespace {

/// A slot type of its own, since a probe stores what is made by type.
struct ParsedHdf5 {
    std::shared_ptr<const hdf5::File> file;
};

/// The dtype Keras names in an attribute beside data that HDF5 has no type for.
std::optional<DType> marked_dtype(const hdf5::File& file, hdf5::ObjectId dataset) {
    const auto text = text_attribute(file, dataset, "dtype");
    return text ? dtype_from_name(*text) : std::nullopt;
}

}  // namespace

std::shared_ptr<const hdf5::File> hdf5_file(Probe& probe) {
    const auto parsed = probe.shared<ParsedHdf5>([&probe]() -> std::shared_ptr<ParsedHdf5> {
        const auto source = probe.source();
        if (!source || !hdf5::File::recognise(*source)) return nullptr;
        // A stored member of a zip may begin where a superblock after a user block does.
        if (zip::starts_like_zip(probe.head())) return nullptr;
        return std::make_shared<ParsedHdf5>(ParsedHdf5{hdf5::File::parse(source, probe.options().limits)});
    });
    return parsed ? parsed->file : nullptr;
}

TensorInfo tensor_of(const hdf5::File& file, hdf5::ObjectId id) {
    const hdf5::Dataset& dataset = file.dataset(id);
    TensorInfo tensor;
    tensor.stored_name = file.path_of(id);
    if (dataset.problem) throw Error(*dataset.problem).in(file.path()).tensor(tensor.stored_name);
    tensor.dtype = dataset.dtype;
    tensor.shape = dataset.shape;
    tensor.stored_bytes = dataset.stored_bytes;
    tensor.storage = dataset.storage;
    const bool untyped = dataset.dtype == DType::bfloat16 || dataset.dtype == DType::opaque8;
    if (const auto marked = untyped ? marked_dtype(file, id) : std::nullopt) {
        if (info(*marked).bits == info(dataset.dtype).bits) tensor.dtype = *marked;
    }
    const hdf5::ObjectId first = file.object(id).alias_of;
    if (first != hdf5::no_object) tensor.alias_of = file.path_of(first);
    return tensor;
}

std::optional<std::string> text_attribute(const hdf5::File& file, hdf5::ObjectId object,
                                          std::string_view name) {
    const hdf5::Attribute* attribute = file.attribute(object, name);
    if (!attribute || !attribute->is_string || attribute->strings.size() != 1) return std::nullopt;
    return attribute->strings.front();
}

std::optional<std::vector<std::string>> name_list(const hdf5::File& file, hdf5::ObjectId object,
                                                  std::string_view name) {
    const auto strings_of = [&](const hdf5::Attribute& attribute) -> const std::vector<std::string>& {
        static const std::vector<std::string> none;
        if (attribute.is_string) return attribute.strings;
        if (attribute.problem.empty() && attribute.shape.element_count() == 0) return none;
        throw Error(ErrorCode::damaged, "attribute '" + attribute.name + "' of '/" + file.path_of(object) +
                                            "' is no list of names" +
                                            (attribute.problem.empty() ? "" : ": " + attribute.problem))
            .in(file.path())
            .at(file.object(object).address);
    };
    if (const hdf5::Attribute* whole = file.attribute(object, name)) return strings_of(*whole);
    std::vector<std::string> names;
    std::size_t part = 0;
    while (const hdf5::Attribute* attribute =
               file.attribute(object, std::string(name) + std::to_string(part))) {
        const auto& strings = strings_of(*attribute);
        names.insert(names.end(), strings.begin(), strings.end());
        ++part;
    }
    if (part == 0) return std::nullopt;
    return names;
}

Error link_problem(const hdf5::File& file, const hdf5::Object& link) {
    const std::string path = file.path_of(file.id_of(link));
    if (link.kind == hdf5::ObjectKind::unreadable) {
        const auto problems = file.problems();
        const auto found = std::find_if(problems.begin(), problems.end(),
                                        [&](const Error& problem) { return problem.tensor() == path; });
        if (found != problems.end()) return *found;
    }
    const bool external = link.kind == hdf5::ObjectKind::external_link;
    return Error(external ? ErrorCode::external_reference : ErrorCode::unsupported,
                 std::string(external ? "an external link" : "a soft or user-defined link") +
                     " stands where Keras stores weights")
        .in(file.path())
        .tensor(path)
        .hint("replace the link by the data it points to (h5repack, h5copy) if you trust the file");
}

std::optional<std::string> foreign_text(const hdf5::File& file, hdf5::ObjectId id) {
    const hdf5::Dataset& dataset = file.dataset(id);
    const bool text = dataset.text != hdf5::Dataset::Text::none;
    if (!dataset.problem || (!text && !dataset.is_null)) return std::nullopt;
    return "'" + file.path_of(id) + (text ? "' is text" : "' is empty") +
           ", which Keras ignores: it is not read, and stays behind in a conversion";
}

void add_file_problems(const hdf5::File& file, std::vector<Error>& problems) {
    std::unordered_set<std::string> known;
    for (const Error& problem : problems)
        known.insert(problem.tensor());
    for (const Error& problem : file.problems()) {
        if (!known.contains(problem.tensor())) problems.push_back(problem);
    }
}

}  // namespace ballast
