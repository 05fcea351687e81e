// SPDX-License-Identifier: Apache-2.0
// Lifting loose tensors out of an HDF5 tree, see reader.h.
#include "reader.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "attributes.h"
#include "core/text.h"
#include "dialect/hdf5_objects.h"

namespace ballast::plain_hdf5 {
namespace {

/// Text may be shared by many datasets, so a small file could hold much of it.
constexpr std::uint64_t text_floor = 32U << 20U, text_ratio = 4;

class Lift {
public:
    Lift(const hdf5::File& file, const Limits& limits) : file_(file), limits_(limits) {
        const std::uint64_t size = file.source()->size();
        text_left_ = limits.metadata_bytes;
        if (size < (UINT64_MAX - text_floor) / text_ratio)
            text_left_ = std::min(text_left_, text_floor + size * text_ratio);
    }

    ArchiveContents run() {
        for (const hdf5::Object& object : file_.objects())
            visit(object, file_.id_of(object));
        ArchiveContents contents;
        contents.kind = "tensors";
        contents.warnings = warnings();
        contents.metadata = metadata();
        contents.problems = std::move(problems_);
        add_file_problems(file_, contents.problems);
        for (Error& problem : contents.problems)
            problem.hint("leave it out with --exclude, or convert only some tensors with --include");
        std::stable_sort(tensors_.begin(), tensors_.end(), [](const TensorInfo& a, const TensorInfo& b) {
            return natural_less(a.stored_name, b.stored_name);
        });
        contents.index = Index::make(std::move(tensors_), std::move(blobs_));
        Model model;
        for (std::size_t i = 0; i < contents.index->size(); ++i)
            model.loose.push_back({contents.index->tensors()[i].name, contents.index->ref(i), Part::loose});
        model.producer.dialect = "plain_hdf5";
        model.metadata = contents.metadata;
        contents.model = std::make_shared<Model>(std::move(model));
        return contents;
    }

private:
    void visit(const hdf5::Object& object, hdf5::ObjectId id) {
        const std::string path = file_.path_of(id);
        const bool is_copy = object.alias_of != hdf5::no_object;
        if (!is_copy) add_attributes(path, id);
        switch (object.kind) {
            case hdf5::ObjectKind::group:
                if (is_copy) aliases_.emplace_back(path, file_.path_of(object.alias_of));
                break;
            case hdf5::ObjectKind::dataset:
                add_dataset(path, id, is_copy);
                break;
            case hdf5::ObjectKind::committed_type:
                types_.emplace_back(path, "committed type");
                break;
            case hdf5::ObjectKind::unreadable:
                break;  // a problem of the file
            default:
                add_link(path, object, id);
        }
    }

    void add_attributes(const std::string& path, hdf5::ObjectId id) {
        const auto found = file_.attributes(id);
        if (found.empty()) return;
        Tree::Object members;
        members.reserve(found.size());
        for (const hdf5::Attribute& attribute : found)
            members.emplace_back(attribute.name, attribute_tree(attribute));
        attributes_.emplace_back(path.empty() ? "/" : path, Tree(std::move(members)));
    }

    void add_link(const std::string& path, const hdf5::Object& object, hdf5::ObjectId id) {
        const std::string target(file_.link_target(id));
        Tree& link = links_.emplace_back(path, Tree::object()).second;
        if (object.kind == hdf5::ObjectKind::soft_link) {
            link.set("soft", target);
        } else if (object.kind == hdf5::ObjectKind::external_link) {
            link.set("external", target);
            problems_.push_back(Error(ErrorCode::external_reference,
                                      "an external link leads to another file: '" + escape(target) + "'")
                                    .in(file_.path())
                                    .at(file_.object(object.parent).address)
                                    .tensor(path)
                                    .hint("convert that file too, and leave the link out with --exclude"));
        } else {
            link.set("user_defined", target);
        }
    }

    void add_dataset(const std::string& path, hdf5::ObjectId id, bool is_copy) {
        const hdf5::Dataset& dataset = file_.dataset(id);
        if (is_copy) aliases_.emplace_back(path, file_.path_of(file_.object(id).alias_of));
        if (dataset.is_null) {
            types_.emplace_back(path, dataset.type_name + ", empty");
            return;
        }
        try {
            if (dataset.text != hdf5::Dataset::Text::none) {
                if (!is_copy) add_text(path, id);
                return;
            }
            TensorInfo tensor = tensor_of(file_, id);
            if (dataset.type_name != to_string(tensor.dtype)) types_.emplace_back(path, dataset.type_name);
            guessed_ += tensor.dtype == DType::bfloat16 && !text_attribute(file_, id, "dtype") ? 1 : 0;
            tensor.name = tensor.stored_name;
            tensor.part = Part::loose;
            tensors_.push_back(std::move(tensor));
        } catch (Error& error) {
            problems_.push_back(std::move(error));
        }
    }

    void add_text(const std::string& path, hdf5::ObjectId id) {
        Limits limits = limits_;
        limits.attribute_bytes = std::min(limits.attribute_bytes, text_left_);
        const std::vector<std::string> strings = hdf5::read_strings(file_, id, limits);
        const Shape& shape = file_.dataset(id).shape;
        std::size_t size = 0;
        std::vector<Tree> values;
        values.reserve(strings.size());
        for (const std::string& text : strings) {
            size += text.size() + (shape.rank() == 0 ? 0 : 1);
            values.emplace_back(text);
        }
        text_left_ -= std::min<std::uint64_t>(text_left_, size);
        const std::shared_ptr<std::byte[]> bytes(new std::byte[std::max<std::size_t>(size, 1)]);
        std::byte* at = bytes.get();
        for (const std::string& text : strings) {
            at = std::transform(text.begin(), text.end(), at,
                                [](char c) { return static_cast<std::byte>(c); });
            if (shape.rank() != 0) *at++ = std::byte{0};
        }
        blobs_.push_back({path, InlineBytes{bytes, {bytes.get(), size}}});
        text_.emplace_back(path, nested(shape, std::move(values)));
    }

    std::vector<std::string> warnings() const {
        std::vector<std::string> all = file_.warnings();
        const auto note = [&](const char* what, std::size_t count) {
            if (count != 0) all.push_back(what + std::to_string(count));
        };
        note("datasets of text, which are kept as metadata and not as tensors: ", blobs_.size());
        note("links that are listed in the metadata and not followed: ", links_.size());
        note("datasets of two opaque bytes taken for bfloat16, as Keras means them: ", guessed_);
        return all;
    }

    Tree metadata() {
        Tree tree = Tree::object();
        const auto keep = [&](std::string_view key, Tree::Object& part) {
            if (!part.empty()) tree.set(key, Tree(std::move(part)));
        };
        keep("attributes", attributes_);
        keep("text", text_);
        keep("links", links_);
        keep("aliases", aliases_);
        keep("types", types_);
        return tree;
    }

    const hdf5::File& file_;
    const Limits& limits_;
    std::uint64_t text_left_ = 0;
    std::vector<TensorInfo> tensors_;
    std::vector<Blob> blobs_;
    std::vector<Error> problems_;
    std::size_t guessed_ = 0;
    Tree::Object attributes_, text_, links_, aliases_, types_;  ///< by path, in the order of the file
};

}  // namespace

ArchiveContents lift(const hdf5::File& file, const Limits& limits) {
    return Lift(file, limits).run();
}

}  // namespace ballast::plain_hdf5
