// SPDX-License-Identifier: Apache-2.0
// hdf5::File over golden files of the real frameworks, and over the same files changed in small ways.
#include <doctest/doctest.h>

#include <cstring>

#include "ballast/tree.h"
#include "container/hdf5/read.h"
#include "container/json/json.h"
#include "filter/decode.h"
#include "support/bytes.h"
#include "support/expect_error.h"
#include "support/sha256.h"

using namespace ballast;
using namespace ballast::hdf5;
using test::Bytes;

namespace {

const std::filesystem::path golden = std::filesystem::path(BALLAST_TEST_DATA) / "golden";

std::shared_ptr<const File> parse(Bytes bytes, const Limits& limits = {}) {
    return File::parse(test::as_source(std::move(bytes)), limits);
}
std::shared_ptr<const File> open(const char* name) {
    return parse(test::from_file(golden / name));
}

Bytes decoded(const File& file, ObjectId id) {
    const Dataset& dataset = file.dataset(id);
    if (dataset.problem) throw *dataset.problem;
    TensorInfo tensor;
    tensor.stored_name = file.path_of(id);
    tensor.dtype = dataset.dtype;
    tensor.shape = dataset.shape;
    tensor.storage = dataset.storage;
    Bytes bytes(tensor.byte_count());
    read_range(tensor, 0, bytes);
    return bytes;
}

void set(Bytes& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i)
        bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

void check_file(const Tree& entry) {
    const std::string name(entry["file"].as_string());
    CAPTURE(name);
    const auto file = open(name.c_str());
    std::size_t found = 0;
    for (const Tree& tensor : entry["tensors"].items()) {
        const std::string stored(tensor["stored_name"].as_string());
        CAPTURE(stored);
        const ObjectId id = file->find(0, stored);
        REQUIRE(id != no_object);
        REQUIRE(file->object(id).kind == ObjectKind::dataset);
        CHECK(file->path_of(id) == stored);
        const Dataset& dataset = file->dataset(id);
        CHECK(to_string(dataset.dtype) == tensor["dtype"].as_string());
        std::vector<std::uint64_t> dims;
        for (const Tree& dim : tensor["shape"].items())
            dims.push_back(*dim.as_uint64());
        CHECK(dataset.shape == Shape(std::span<const std::uint64_t>(dims)));
        CHECK(test::sha256(decoded(*file, id)) == tensor["sha256"].as_string());
        ++found;
    }
    std::size_t datasets = 0;
    for (const Object& object : file->objects()) {
        if (object.kind != ObjectKind::dataset) continue;
        const Dataset& dataset = file->dataset(file->id_of(object));
        if (dataset.problem == nullptr) {
            ++datasets;
        } else {
            CHECK((dataset.text != Dataset::Text::none || dataset.is_null));
        }
    }
    CHECK(datasets == found);
    CHECK(file->problems().empty());
    CHECK(file->warnings().empty());
}

}  // namespace

TEST_CASE("sha256 of the standard's examples") {
    CHECK(test::sha256(test::from_text("abc")) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(test::sha256({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("golden files: every tensor of the manifest, and no other dataset") {
    const Bytes text = test::from_file(golden / "manifest.json");
    const Tree manifest =
        json::parse({reinterpret_cast<const char*>(text.data()), text.size()}, Limits{}, "manifest.json");
    std::size_t files = 0;
    for (const Tree& entry : manifest["files"].items()) {
        if (!entry["file"].as_string().ends_with(".h5")) continue;
        check_file(entry);
        ++files;
    }
    CHECK(files >= 20);
}

TEST_CASE("attributes: variable and fixed text, numbers") {
    const auto v3 = open("keras-3.15.1-dense.weights.h5");
    const ObjectId vars = v3->find(0, "layers/dense/vars");
    REQUIRE(vars != no_object);
    const Attribute* name = v3->attribute(vars, "name");
    REQUIRE(name != nullptr);
    CHECK(name->is_string);
    CHECK(name->shape == Shape{});
    REQUIRE(name->strings.size() == 1);
    CHECK(name->strings[0] == "hidden");
    CHECK(v3->attribute(vars, "nam") == nullptr);

    const auto legacy = open("tf_keras-2.21.0-weights-only.h5");
    const Attribute* layers = legacy->attribute(0, "layer_names");
    REQUIRE(layers != nullptr);
    CHECK(layers->shape == Shape{2});
    CHECK(layers->strings == std::vector<std::string>{"hidden", "head"});
    CHECK(legacy->attribute(0, "backend")->strings[0] == "tensorflow");
}

TEST_CASE("lookup: children are sorted by bytes, paths lead there and back") {
    const auto file = open("keras-3.15.1-compiled-adam.weights.h5");
    for (ObjectId id = 0; id < file->objects().size(); ++id) {
        CHECK(file->id_of(file->object(id)) == id);
        if (id != 0) CHECK(file->find(0, file->path_of(id)) == id);
        const auto children = file->children(id);
        for (std::size_t i = 1; i < children.size(); ++i)
            CHECK(children[i - 1].name < children[i].name);
        for (const Object& child : children)
            CHECK(child.parent == id);
    }
    CHECK(file->find(0, "") == no_object);
    CHECK(file->find(0, "layers/") == no_object);
    CHECK(file->find(0, "/layers") == no_object);
    CHECK(file->find(0, "layers//dense") == no_object);
}

TEST_CASE("recognise: at 0 and behind a user block, not elsewhere") {
    const Bytes file = test::from_file(golden / "keras-3.15.1-dense.weights.h5");
    CHECK(File::recognise(*test::as_source(file)));
    CHECK_FALSE(File::recognise(*test::as_source(Bytes(4096))));
    CHECK_FALSE(File::recognise(*test::as_source({})));
    CHECK_FALSE(File::recognise(*test::as_source(test::from_hex("89 48 44 46 0d 0a 1a"))));
    for (const std::size_t block : {512u, 1024u, 2048u, 8192u}) {
        Bytes moved(block, std::byte{'x'});
        moved.insert(moved.end(), file.begin(), file.end());
        CHECK(File::recognise(*test::as_source(moved)));
        // Written for position 0 and moved: libhdf5 trusts the place of the signature, and so do we, with a
        // warning.
        const auto parsed = parse(moved);
        CHECK(parsed->warnings().size() == 1);
        const ObjectId id = parsed->find(0, "layers/dense/vars/0");
        REQUIRE(id != no_object);
        CHECK(test::sha256(decoded(*parsed, id)) ==
              "628d7be9d32abc62a00801adc655632d190feb52e4425093c65d5d8557cadf99");
    }
    Bytes moved(100, std::byte{'x'});
    moved.insert(moved.end(), file.begin(), file.end());
    CHECK_FALSE(File::recognise(*test::as_source(moved)));
    CHECK(test::code_of([&] { parse(moved); }) == ErrorCode::damaged);
}

TEST_CASE("superblock: what is refused, and what is only worth a warning") {
    const Bytes file = test::from_file(golden / "keras-3.15.1-dense.weights.h5");
    const auto changed = [&](std::size_t at, std::uint64_t value, std::size_t width) {
        Bytes copy = file;
        set(copy, at, value, width);
        return copy;
    };
    CHECK(test::code_of([&] { parse(changed(8, 9, 1)); }) == ErrorCode::unsupported);    // version
    CHECK(test::code_of([&] { parse(changed(13, 16, 1)); }) == ErrorCode::unsupported);  // 16-byte addresses
    CHECK(test::code_of([&] { parse(changed(13, 0, 1)); }) == ErrorCode::unsupported);
    CHECK(test::code_of([&] { parse(changed(16, 0, 2)); }) == ErrorCode::damaged);  // leaf K
    CHECK(test::code_of([&] { parse(changed(48, 0x60, 8)); }) ==
          ErrorCode::unsupported);  // driver information
    CHECK(test::code_of([&] { parse(changed(64, 1ull << 40, 8)); }) == ErrorCode::truncated);  // root header
    CHECK(parse(changed(20, 1, 4))->warnings().size() == 1);  // open for writing

    Bytes longer = file;
    longer.resize(file.size() + 100);
    CHECK(parse(longer)->warnings().size() == 1);
    Bytes shorter(file.begin(), file.end() - 1);
    const Error error = test::error_of([&] { parse(shorter); });
    CHECK(error.code() == ErrorCode::truncated);
    CHECK(error.path() == "test");
    CHECK(error.offset() == shorter.size());
    CHECK_FALSE(error.hint().empty());
}

TEST_CASE(
    "a contiguous dataset that leaves the file is found when opening, by name, and the others are listed") {
    const Bytes file = test::from_file(golden / "keras-3.15.1-dense.weights.h5");
    const auto parsed = parse(file);
    const ObjectId id = parsed->find(0, "layers/dense/vars/0");
    const auto& extent = std::get<Extent>(parsed->dataset(id).storage.layout);
    CHECK(extent.length == 48);
    Bytes address(8), copy = file;
    set(address, 0, extent.offset, 8);
    const auto at = std::search(copy.begin(), copy.end(), address.begin(), address.end());
    REQUIRE(at != copy.end());
    set(copy, static_cast<std::size_t>(at - copy.begin()), file.size() - 47, 8);
    const auto changed = parse(copy);
    CHECK(changed->objects().size() == parsed->objects().size());
    CHECK(changed->dataset(changed->find(0, "layers/dense/vars/1")).problem == nullptr);
    const Error error = test::error_of([&] { decoded(*changed, changed->find(0, "layers/dense/vars/0")); });
    CHECK(error.code() == ErrorCode::truncated);
    CHECK(error.path() == "test");
    CHECK(error.tensor() == "layers/dense/vars/0");
    CHECK(error.offset() == file.size() - 47);
}

TEST_CASE("limits are named in errors") {
    const Bytes file = test::from_file(golden / "keras-3.15.1-compiled-adam.weights.h5");
    const auto with = [&](auto change) {
        Limits limits;
        change(limits);
        return test::error_of([&] { parse(file, limits); });
    };
    CHECK(with([](Limits& l) { l.objects = 10; }).code() == ErrorCode::limit_exceeded);
    CHECK(with([](Limits& l) { l.links = 10; }).code() == ErrorCode::limit_exceeded);
    CHECK(with([](Limits& l) { l.group_depth = 2; }).code() == ErrorCode::limit_exceeded);
    CHECK(with([](Limits& l) { l.name_bytes = 3; }).code() == ErrorCode::limit_exceeded);
    CHECK(with([](Limits& l) { l.metadata_bytes = 500; }).code() == ErrorCode::limit_exceeded);
    // One tensor above a limit is that tensor's problem.
    Limits limits;
    limits.tensor_bytes = 30;
    const auto parsed = parse(file, limits);
    std::size_t refused = 0;
    for (const Object& object : parsed->objects()) {
        if (object.kind != ObjectKind::dataset) continue;
        const Dataset& dataset = parsed->dataset(parsed->id_of(object));
        if (!dataset.problem) continue;
        CHECK(dataset.problem->code() == ErrorCode::limit_exceeded);
        CHECK(dataset.problem->tensor() == parsed->path_of(parsed->id_of(object)));
        CHECK(dataset.problem->path() == "test");
        ++refused;
    }
    CHECK(refused > 0);
}

TEST_CASE("HDF5 2.0: layouts and types of version 5, its complex numbers and small floats") {
    const auto file = open("h5py-3.16.0-hdf5-2.h5");
    CHECK(file->problems().empty());
    const auto bytes = [&](const char* path, DType dtype) {
        const ObjectId id = file->find(0, path);
        REQUIRE(id != no_object);
        CHECK(file->dataset(id).dtype == dtype);
        return decoded(*file, id);
    };
    Bytes counted(160);
    for (std::size_t i = 0; i < 40; ++i) {
        const auto value = static_cast<float>(i);
        std::memcpy(counted.data() + 4 * i, &value, 4);
    }
    for (const char* path : {"single", "fixed", "extensible", "tree"}) {
        CAPTURE(path);
        CHECK(bytes(path, DType::float32) == counted);
    }
    const Bytes complex = test::from_hex("0000803f 00000040 00000080 000040c0");
    CHECK(bytes("complex", DType::complex64) == complex);
    CHECK(bytes("compound_complex", DType::complex64) == complex);
    CHECK(bytes("bool", DType::boolean) == test::from_hex("0100"));
    // 1, -0.5 and 3.
    CHECK(bytes("f8e4m3", DType::float8_e4m3fn) == test::from_hex("38 b0 44"));
    CHECK(bytes("f8e5m2", DType::float8_e5m2) == test::from_hex("3c b8 42"));
    CHECK(bytes("bfloat16le", DType::bfloat16) == test::from_hex("803f 00bf 4040"));
    CHECK(bytes("bfloat16be", DType::bfloat16) == test::from_hex("803f 00bf 4040"));
}
