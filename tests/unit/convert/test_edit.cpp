// SPDX-License-Identifier: Apache-2.0
// Edits of files of every format: what is asked for changes, nothing else does. The interop tests load the
// results in Keras, h5py and safetensors.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "ballast/convert.h"
#include "ballast/diff.h"
#include "ballast/edit.h"
#include "ballast/npy.h"
#include "container/hdf5/read.h"
#include "container/json/json.h"
#include "model/config_rename.h"
#include "support/expect_error.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/sample.h"

using namespace ballast;

namespace {

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";

Location source_of(const std::string& name) {
    return Location::for_reading(golden / name);
}

Location edited(const Location& source, std::vector<Edit> edits, EditResult* result = nullptr) {
    const Location target{io::memory(), source.name, Location::Kind::file};
    EditResult found = edit(source, target, edits);
    if (result) *result = std::move(found);
    return target;
}

Error refusal(const Location& source, std::vector<Edit> edits) {
    return test::error_of([&] { edited(source, edits); });
}

std::vector<std::string> names(const Location& location, bool stored = false) {
    const auto archive = open(location);
    std::vector<std::string> list;
    for (const TensorInfo& tensor : archive->index().tensors())
        list.push_back(stored ? tensor.stored_name : tensor.name);
    return list;
}

using NameList = std::vector<std::string>;

/// Everything in an HDF5 file but where it lies: groups, attributes, datasets with their bytes.
std::map<std::string, std::string> tree_of(const Location& location) {
    const auto file = hdf5::File::parse(location.fs->open(location.name), {});
    const auto archive = open(location);
    std::map<std::string, std::string> tree;
    for (const hdf5::Object& object : file->objects()) {
        const hdf5::ObjectId id = file->id_of(object);
        std::string text = object.kind == hdf5::ObjectKind::dataset ? "dataset" : "group";
        std::set<std::string> attributes;  // h5py lists them by name, whatever their order in the header
        for (const hdf5::Attribute& attribute : file->attributes(id)) {
            std::string item = "\n" + attribute.name + attribute.shape.to_string() + "=";
            for (const std::string& value : attribute.strings)
                item += value + "|";
            item.append(reinterpret_cast<const char*>(attribute.bytes.data()), attribute.bytes.size());
            attributes.insert(std::move(item));
        }
        for (const std::string& item : attributes)
            text += item;
        tree.emplace(file->path_of(id), text);
    }
    for (std::size_t i = 0; i < archive->index().size(); ++i)
        tree[archive->index().tensors()[i].stored_name] += test::tensor_bytes(*archive, i);
    return tree;
}

/// A change that changes nothing: a tensor set to its own elements.
Edit set_to_itself(const Location& source) {
    const auto archive = open(source);
    return Edit::set(archive->index().tensors()[0].stored_name, archive->index().ref(0));
}

}  // namespace

TEST_CASE("rewriting a file keeps everything in it") {
    for (const std::string name :
         {"keras-3.15.1-dense.weights.h5", "keras-3.15.1-compiled-adam.weights.h5",
          "keras-3.15.1-nested-frozen.weights.h5", "keras-3.15.1-bfloat16.weights.h5",
          "keras-3.15.1-odd-names.weights.h5", "keras-3.15.1-shared.weights.h5",
          "tf_keras-2.21.0-dense.weights.h5", "tf_keras-2.21.0-nested-frozen.weights.h5",
          "tf_keras-2.21.0-compiled-adam.weights.h5", "tf_keras-2.21.0-weights-only-nested-frozen.h5",
          "tf_keras-2.21.0-weights-only-odd-names.h5", "tf_keras-2.21.0-whole-compiled.h5",
          "tf_keras-2.21.0-whole-nested-frozen.h5", "tf_keras-2.21.0-whole-bidirectional.h5",
          "keras-3.15.1-whole-compiled.h5", "keras-3.15.1-whole-nested-frozen.h5",
          "keras-3.15.1-whole-odd-names.h5"}) {
        CAPTURE(name);
        const Location source = source_of(name);
        const Location target = edited(source, {set_to_itself(source)});
        const auto before = tree_of(source), after = tree_of(target);
        for (const auto& item : before) {
            CAPTURE(item.first);
            const auto found = after.find(item.first);
            REQUIRE(found != after.end());
            CHECK(found->second == item.second);
        }
        CHECK(after.size() == before.size());
    }
}

TEST_CASE("rewriting safetensors keeps names, order, metadata and bytes") {
    for (const std::string name :
         {"safetensors-0.8.0-plain.safetensors", "safetensors-0.8.0-dtypes.safetensors"}) {
        const Location source = source_of(name);
        const Location target = edited(source, {set_to_itself(source)});
        CHECK(diff(source, target).same());
        CHECK(open(source)->metadata() == open(target)->metadata());
    }
}

TEST_CASE("set replaces the elements of one tensor") {
    const Location source = source_of("keras-3.15.1-dense.weights.h5");
    const TensorExpr value = test::floats({2}, {8, 9});
    for (const std::string name : {"head/bias", "layers/dense_1/vars/1"}) {
        EditResult result;
        const Location target = edited(source, {Edit::set(name, value)}, &result);
        CHECK(result.set == 1);
        const auto archive = open(target);
        const auto kernel = archive->get<float>("head/bias");
        CHECK(std::vector<float>(kernel.elements().begin(), kernel.elements().end()) ==
              std::vector<float>{8, 9});
        const Diff found = diff(source, target);
        CHECK(found.tensors.size() == 1);
        CHECK(found.metadata.empty());
    }
}

TEST_CASE("compressed tensors are kept by value, and told to be plain now") {
    const Location source = source_of("h5py-3.14.0-gzip-shuffle.weights.h5");
    EditResult result;
    const Location target = edited(source, {set_to_itself(source)}, &result);
    CHECK(diff(source, target).same());
    CHECK(result.report.count(ReportEntry::Kind::note) == 1);
}

TEST_CASE("set takes an array in Fortran order") {
    const TensorExpr columns = TensorExpr::transpose(test::floats({2, 4}, {0, 2, 4, 6, 1, 3, 5, 7}), {1, 0});
    const Location target =
        edited(source_of("keras-3.15.1-dense.weights.h5"), {Edit::set("head/kernel", columns)});
    const auto kernel = open(target)->get<float>("head/kernel");
    CHECK(std::vector<float>(kernel.elements().begin(), kernel.elements().end()) ==
          std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("set refuses what does not fit") {
    const Location source = source_of("keras-3.15.1-dense.weights.h5");
    CHECK(refusal(source, {Edit::set("head/bias", test::floats({3}, {1, 2, 3}))}).code() ==
          ErrorCode::shape_mismatch);
    CHECK(refusal(source, {Edit::set("head/bias", test::inline_tensor(DType::float64, {2}, test::Bytes(16)))})
              .code() == ErrorCode::dtype_mismatch);
    const Error unknown = refusal(source, {Edit::set("head/bais", test::floats({2}, {1, 2}))});
    CHECK(unknown.code() == ErrorCode::name_not_found);
    CHECK(unknown.hint().find("head/bias") != std::string::npos);
}

TEST_CASE("opaque bytes stand for float8") {
    const Location source{io::memory(), "a.safetensors", Location::Kind::file};
    Report report;
    save(test::loose_model({test::inline_tensor(DType::float8_e4m3fn, {2}, test::Bytes(2), "x")}),
         Registry::builtin().find("safetensors"), source, {}, {}, report);
    const Location target =
        edited(source, {Edit::set("x", test::inline_tensor(DType::opaque8, {2}, test::bytes_of("ab")))});
    const auto archive = open(target);
    CHECK(archive->index().tensors()[0].dtype == DType::float8_e4m3fn);
    CHECK(test::tensor_bytes(*archive, 0) == "ab");
}

TEST_CASE("delete takes out what matches") {
    const Location source = source_of("keras-3.15.1-compiled-adam.weights.h5");
    EditResult result;
    const Location target = edited(source, {Edit::remove("optimizer/**")}, &result);
    CHECK(result.removed > 0);
    for (const std::string& name : names(target, true))
        CHECK_FALSE(name.starts_with("optimizer"));
    CHECK(tree_of(target).count("optimizer") == 0);
    CHECK(names(edited(source_of("keras-3.15.1-dense.weights.h5"), {Edit::remove("*/bias")})) ==
          NameList{"hidden/kernel", "head/kernel"});
    CHECK(refusal(source, {Edit::remove("nothing/*")}).code() == ErrorCode::name_not_found);
    // Deleted is deleted: the second glob finds nothing any more.
    CHECK(refusal(source, {Edit::remove("optimizer/**"), Edit::remove("optimizer/**")}).code() ==
          ErrorCode::name_not_found);
}

TEST_CASE("Keras 3 layout: groups, variables and layer names are renamed") {
    const Location source = source_of("keras-3.15.1-dense.weights.h5");
    CHECK(names(edited(source, {Edit::rename("layers/dense_1", "layers/dense_7")}), true) ==
          NameList{"layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_7/vars/0",
                   "layers/dense_7/vars/1"});
    CHECK(names(edited(source, {Edit::rename("head", "classifier")})) ==
          NameList{"hidden/kernel", "hidden/bias", "classifier/kernel", "classifier/bias"});
    CHECK(names(edited(source, {Edit::rename("head", "classifier")}), true) == names(source, true));
    CHECK(names(edited(source, {Edit::rename("layers/dense/vars/1", "layers/dense/vars/2")}), true)[1] ==
          "layers/dense/vars/2");
    EditResult result;
    edited(source, {Edit::rename("head", "a"), Edit::rename("a", "b"), Edit::rename("hidden", "head")},
           &result);
    CHECK(result.renamed == 6);
}

TEST_CASE("Keras 3 layout: renames that cannot be are refused") {
    const Location source = source_of("keras-3.15.1-dense.weights.h5");
    const auto code = [&](std::string from, std::string to) {
        return refusal(source, {Edit::rename(std::move(from), std::move(to))}).code();
    };
    CHECK(code("layers/dense", "layers/dense_1") == ErrorCode::invalid_argument);
    CHECK(code("layers/dense", "optimizer/x") == ErrorCode::invalid_argument);
    CHECK(code("layers/dense", "layers//x") == ErrorCode::invalid_argument);
    CHECK(code("layers/dense", "layers/../x") == ErrorCode::invalid_argument);
    CHECK(code("head", "hidden") == ErrorCode::invalid_argument);
    CHECK(code("head", "") == ErrorCode::invalid_argument);
    CHECK(code("head", "head") == ErrorCode::invalid_argument);
    CHECK(code("head/kernel", "head/weights") == ErrorCode::invalid_argument);
    CHECK(code("layers/dense/vars/0", "layers/dense/vars/1") == ErrorCode::invalid_argument);
    CHECK(code("layers/dense/vars/0", "layers/dense_1/vars/7") == ErrorCode::invalid_argument);
    CHECK(code("heads", "x") == ErrorCode::name_not_found);
    CHECK(refusal(source_of("tf_keras-2.21.0-dense.weights.h5"), {Edit::rename("dense", "x")}).code() ==
          ErrorCode::invalid_argument);
}

TEST_CASE("legacy layout: a layer's name is in three lists") {
    const Location source = source_of("tf_keras-2.21.0-weights-only.h5");
    const Location target = edited(source, {Edit::rename("head", "classifier")});
    CHECK(names(target, true) == NameList{"hidden/hidden/kernel:0", "hidden/hidden/bias:0",
                                          "classifier/classifier/kernel:0", "classifier/classifier/bias:0"});
    const auto tree = tree_of(target);
    CHECK(tree.at("").find("classifier|") != std::string::npos);
    CHECK(tree.at("classifier").find("classifier/kernel:0|") != std::string::npos);
    CHECK(tree.count("head") == 0);
    const Location one = edited(source, {Edit::rename("head/head/bias:0", "head/head/b:0")});
    CHECK(names(one, true)[3] == "head/head/b:0");
    CHECK(refusal(source, {Edit::rename("head", "hidden")}).code() == ErrorCode::invalid_argument);
    CHECK(refusal(source, {Edit::rename("head/kernel", "head/w")}).code() == ErrorCode::invalid_argument);
    CHECK(refusal(source, {Edit::rename("head/head/bias:0", "hidden/b:0")}).code() ==
          ErrorCode::invalid_argument);
}

TEST_CASE("whole legacy model: config and optimizer follow a layer's name") {
    const Location source = source_of("tf_keras-2.21.0-whole-compiled.h5");
    const Location target = edited(source, {Edit::rename("head", "classifier")});
    const auto archive = open(target);
    CHECK(archive->warnings().empty());
    CHECK(archive->index().find("classifier/kernel") == 0);
    CHECK(archive->model().optimizer->variables[1].of_weight == "classifier/kernel");
    const Tree& layers = archive->model().config["config"]["layers"];
    CHECK(layers.at(layers.size() - 1)["config"]["name"].as_string() == "classifier");
    CHECK(names(target, true).size() == names(source, true).size());
}

TEST_CASE("a layer is renamed wherever a functional config refers to it") {
    Tree config = json::parse(
        R"({"class_name": "Functional", "config": {"name": "m", "layers": [
            {"class_name": "InputLayer", "config": {"name": "in"}, "name": "in", "inbound_nodes": []},
            {"class_name": "Dense", "config": {"name": "a"}, "name": "a", "inbound_nodes": [[["in", 0, 0, {}]]]},
            {"class_name": "Functional", "name": "block", "config": {"name": "block", "layers": [
               {"class_name": "Dense", "config": {"name": "a"}, "name": "a", "inbound_nodes": []}]},
             "inbound_nodes": [[["a", 0, 0, {"y": ["a", 0, 0]}]]]},
            {"class_name": "Add", "config": {"name": "add"}, "inbound_nodes": [{"args": [[
               {"class_name": "__keras_tensor__", "config": {"shape": [null, 2], "keras_history": ["a", 0, 0]}}]]}]}],
            "input_layers": [["in", 0, 0]], "output_layers": ["a", 0, 0]}})",
        {}, "test");
    const std::vector<std::string> path = {"a"};
    REQUIRE(rename_in_config(config, path, "b"));
    const std::string text = json::write(config);
    const auto count = [&](std::string_view word) {
        std::size_t found = 0;
        for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
            ++found;
        return found;
    };
    CHECK(count("\"b\"") == 6);
    CHECK(count("\"a\"") == 2);  // the one in the nested model
    const std::vector<std::string> nested = {"block", "a"}, missing = {"block", "c"};
    CHECK(rename_in_config(config, nested, "inner"));
    CHECK(config["config"]["layers"].at(2)["config"]["layers"].at(0)["name"].as_string() == "inner");
    CHECK_FALSE(rename_in_config(config, missing, "x"));
}

TEST_CASE("safetensors: any name, and groups of names") {
    const Location source = source_of("safetensors-0.8.0-plain.safetensors");
    const NameList before = names(source);
    REQUIRE(before.size() > 1);
    const Location target = edited(source, {Edit::rename(before[0], "some/other.name")});
    CHECK(names(target)[0] == "some/other.name");
    CHECK(refusal(source, {Edit::rename(before[0], before[1])}).code() == ErrorCode::invalid_argument);
    const Location grouped{io::memory(), "a.safetensors", Location::Kind::file};
    Report report;
    save(test::loose_model({test::tensor("enc.0.w", DType::int8, {2}, 1),
                            test::tensor("enc.1.w", DType::int8, {2}, 2),
                            test::tensor("encoder", DType::int8, {2}, 3)}),
         Registry::builtin().find("safetensors"), grouped, {}, {}, report);
    CHECK(names(edited(grouped, {Edit::rename("enc", "block")})) ==
          NameList{"block.0.w", "block.1.w", "encoder"});
}

TEST_CASE("safetensors with a layout: it follows, or is given up with a word") {
    const Location middle{io::memory(), "a.safetensors", Location::Kind::file};
    convert(source_of("keras-3.15.1-dense.weights.h5"), middle);
    const Location renamed = edited(middle, {Edit::rename("head", "classifier")});
    CHECK(names(renamed) == NameList{"hidden/kernel", "hidden/bias", "classifier/kernel", "classifier/bias"});
    CHECK(open(renamed)->model().has_layers());
    const Location back{io::memory(), "b.weights.h5", Location::Kind::file};
    convert(renamed, back);
    CHECK(names(back) == names(renamed));

    EditResult result;
    const Location flat = edited(middle, {Edit::rename("head/kernel", "elsewhere")}, &result);
    CHECK(names(flat)[2] == "elsewhere");
    CHECK_FALSE(open(flat)->model().has_layers());
    CHECK(result.report.count(ReportEntry::Kind::note) == 1);
}

TEST_CASE("safetensors written under stored names keep them") {
    const Location middle{io::memory(), "a.safetensors", Location::Kind::file};
    ConvertOptions options;
    options.save.names = ballast::Names::stored;
    convert(source_of("keras-3.15.1-dense.weights.h5"), middle, options);
    const Location target = edited(middle, {Edit::set("head/bias", test::floats({2}, {5, 6}))});
    CHECK(names(target, true) == names(middle, true));
    CHECK(names(target) == names(middle));
    CHECK(names(edited(middle, {Edit::rename("layers/dense/vars/0", "w")}), true)[0] == "w");
}

TEST_CASE("in place, and refused without permission") {
    const Location source = source_of("safetensors-0.8.0-plain.safetensors");
    const Location file = test::memory_file("x.safetensors", test::bytes_of(source));
    const std::vector<Edit> edits = {Edit::rename(names(file)[0], "renamed")};
    CHECK(test::code_of([&] { edit(file, file, edits); }) == ErrorCode::exists);
    EditOptions options;
    options.write.overwrite = Overwrite::allow;
    options.dry_run = true;
    edit(file, file, edits, options);
    CHECK(names(file) == names(source));
    options.dry_run = false;
    edit(file, file, edits, options);
    CHECK(names(file)[0] == "renamed");
}

TEST_CASE("an array is read from .npy and written to it") {
    const Location file{io::memory(), "a.npy", Location::Kind::file};
    const TensorExpr value = test::floats({2, 3}, {1, 2, 3, 4, 5, 6});
    write_npy(value, file);
    const TensorExpr found = read_npy(file, "x");
    CHECK(found.shape() == Shape{2, 3});
    CHECK(found.source()->name == "x");
    CHECK(test::text_of(file).size() == 128 + 24);
    CHECK(test::code_of([&] { write_npy(value, file); }) == ErrorCode::exists);
}
