// SPDX-License-Identifier: Apache-2.0
// Opening a group of an HDF5 file that the program holds open.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "ballast/ballast.h"
#include "ballast/hdf5.h"
#include "container/json/json.h"
#include "handles.h"
#include "support/expect_error.h"
#include "support/memory_file.h"

using namespace ballast;

namespace {

const std::filesystem::path data = BALLAST_TEST_DATA;

/// The library has the filters below 256; others, such as lzf, are plugins that it may find or not.
bool needs_plugin(const TensorInfo& tensor) {
    const auto* chunked = std::get_if<std::shared_ptr<const ChunkedLayout>>(&tensor.storage.layout);
    return chunked && std::any_of((*chunked)->filters.begin(), (*chunked)->filters.end(),
                                  [](const Filter& filter) { return filter.id >= 256; });
}

}  // namespace

TEST_CASE("every real file reads the same through an open handle as by path") {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(data / "golden")) {
        const std::string file = entry.path().filename().string();
        // HDF5 2 has types that older libraries do not read.
        if (entry.path().extension() != ".h5" || file.find("hdf5-2") != file.npos) continue;
        CAPTURE(file);
        const auto by_path = open(entry.path());
        if (!by_path->problems().empty()) continue;  // made to be refused
        const hid_t id = H5Fopen(entry.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
        REQUIRE(id >= 0);
        {
            const auto by_handle = open_hdf5(id);
            CHECK(by_handle->format().id == by_path->format().id);
            CHECK(by_handle->kind() == by_path->kind());
            CHECK(json::write(by_handle->metadata(), 1) == json::write(by_path->metadata(), 1));
            CHECK(by_handle->warnings() == by_path->warnings());
            for (const Error& problem : by_handle->problems())
                FAIL_CHECK(std::string(problem.what()));
            REQUIRE(by_handle->index().size() == by_path->index().size());
            for (std::size_t i = 0; i < by_path->index().size(); ++i) {
                const TensorInfo& expected = by_path->index().tensors()[i];
                const TensorInfo& found = by_handle->index().tensors()[i];
                CAPTURE(expected.stored_name);
                CHECK(found.stored_name == expected.stored_name);
                CHECK(found.name == expected.name);
                CHECK(found.dtype == expected.dtype);
                CHECK(found.shape == expected.shape);
                if (needs_plugin(expected)) continue;
                CHECK(test::tensor_bytes(*by_handle, i) == test::tensor_bytes(*by_path, i));
            }
        }
        CHECK(H5Fget_obj_count(id, H5F_OBJ_ALL) == 1);
        H5Fclose(id);
        ++files;
    }
    CHECK(files > 20);
}

TEST_CASE("parts of a dataset come from the right elements") {
    test::OwnFile own;
    own.add_floats("layers/a/vars/0", {3, 4, 5, 7}, 100.0f, 3);
    own.add_floats("layers/a/vars/1", {1, 1, 50}, 2000.0f, 0, H5T_IEEE_F32BE);
    own.add_floats("layers/a/vars/2", {}, 5.0f);
    own.add_floats("layers/a/vars/3", {0, 4}, 5.0f);
    const auto archive = open_hdf5(own.id);
    REQUIRE(archive->index().size() == 4);
    CHECK(archive->get<float>("layers/a/vars/1")[49] == 2049.0f);
    CHECK(archive->get<float>("layers/a/vars/2")[0] == 5.0f);
    CHECK(archive->get<float>("layers/a/vars/3").size() == 0);

    const Tensor<float> whole = archive->get<float>("layers/a/vars/0");
    for (std::size_t i = 0; i < whole.size(); ++i)
        REQUIRE(whole[i] == 100.0f + static_cast<float>(i));
    // The bytes of the file that the engine sees, at every place and of every length.
    const auto& extent =
        std::get<Extent>(archive->index().tensors()[archive->index().find("layers/a/vars/0")].storage.layout);
    const auto expected = std::as_bytes(whole.elements());
    for (std::size_t begin = 0; begin < expected.size(); begin += 13) {
        for (const std::size_t length :
             {std::size_t{1}, std::size_t{4}, std::size_t{28}, std::size_t{141}, std::size_t{900}}) {
            if (begin + length > expected.size()) continue;
            std::vector<std::byte> part(length);
            extent.source->read_at(extent.offset + begin, part);
            CAPTURE(begin);
            CAPTURE(length);
            REQUIRE(
                std::equal(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(begin)));
        }
    }
}

TEST_CASE("a group outlives its handle, is read from several threads, and converts like a file") {
    test::OwnFile own;
    own.make_group("net");
    {
        const test::OpenGroup group(own.id, "net");
        save_hdf5(open(data / "golden/keras-3.15.1-convnet.weights.h5")->model(), group);
    }
    std::shared_ptr<Archive> archive;
    {
        const test::OpenGroup group(own.id, "net");
        archive = open_hdf5(group);
    }
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < archive->index().size(); ++i)
        expected.push_back(test::tensor_bytes(*archive, i));
    std::vector<int> wrong(3);
    std::vector<std::thread> readers;
    for (int& count : wrong) {
        readers.emplace_back([&archive, &expected, &count] {
            for (std::size_t i = 0; i < expected.size(); ++i)
                count += test::tensor_bytes(*archive, i) != expected[i];
        });
    }
    for (std::thread& reader : readers)
        reader.join();
    CHECK(wrong == std::vector<int>(3));

    const Location target{io::memory(), "x.safetensors", Location::Kind::file};
    const test::OpenGroup group(own.id, "net");
    const Report report = convert(hdf5_location(group), target);
    CHECK_FALSE(report.has_loss());
    const auto converted = open(target);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const std::string& name = archive->index().tensors()[i].name;
        CAPTURE(name);
        CHECK(test::tensor_bytes(*converted, converted->index().find(name)) == expected[i]);
    }
}

TEST_CASE("a dataset that nobody asks for is not read") {
    test::OwnFile own;
    own.add_floats("layers/a/vars/0", {50}, 100.0f);
    const std::vector<hsize_t> dims{4};
    const hid_t space = H5Screate_simple(1, dims.data(), nullptr);
    const hid_t elsewhere = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(elsewhere, "/nowhere/at/all", 0, H5F_UNLIMITED);
    H5Dclose(
        H5Dcreate2(own.id, "layers/a/vars/1", H5T_IEEE_F32LE, space, H5P_DEFAULT, elsewhere, H5P_DEFAULT));
    H5Pclose(elsewhere);
    H5Sclose(space);
    const auto archive = open_hdf5(own.id);
    CHECK(archive->get<float>("layers/a/vars/0")[49] == 149.0f);
    const Error error = test::error_of([&] { archive->get<float>("layers/a/vars/1"); });
    CHECK(error.code() == ErrorCode::read_failed);
    CHECK(error.tensor() == "layers/a/vars/1");
}

TEST_CASE("texts of variable length come along") {
    test::OwnFile own;
    const std::vector<hsize_t> dims{2};
    const hid_t space = H5Screate_simple(1, dims.data(), nullptr), text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    const hid_t dataset = H5Dcreate2(own.id, "notes", text, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const char* const notes[] = {"first", "second, and longer"};
    H5Dwrite(dataset, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, notes);
    H5Dclose(dataset);
    H5Tclose(text);
    H5Sclose(space);
    own.add_floats("x", {2}, 1.0f);
    H5Fflush(own.id, H5F_SCOPE_GLOBAL);
    CHECK(open_hdf5(own.id)->metadata() == open(own.path())->metadata());
    CHECK(json::write(open_hdf5(own.id)->metadata()).find("second, and longer") != std::string::npos);
}

TEST_CASE("links and references of the program's own data do not disturb") {
    test::OwnFile own;
    save_hdf5(open(data / "golden/keras-3.15.1-dense.weights.h5")->model(), own.id);
    const std::size_t alone = open_hdf5(own.id)->index().size();
    own.make_group("mine");
    H5Lcreate_soft("/nowhere", own.id, "mine/soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/x", own.id, "mine/external", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(own.id, "/", own.id, "mine/cycle", H5P_DEFAULT, H5P_DEFAULT);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(own.id, "reference", H5T_STD_REF_OBJ, space, H5P_DEFAULT, H5P_DEFAULT);
    hobj_ref_t reference{};
    H5Rcreate(&reference, own.id, "/mine", H5R_OBJECT, -1);
    H5Awrite(attribute, H5T_STD_REF_OBJ, &reference);
    H5Aclose(attribute);
    H5Sclose(space);
    CHECK(open_hdf5(own.id)->index().size() == alone);
    CHECK(own.open_objects() == 1);
}

TEST_CASE("what cannot be opened is a typed error that names the file and group") {
    test::OwnFile own;
    own.make_group("empty");
    const test::OpenGroup group(own.id, "empty");
    const Error error = test::error_of([&] { open_hdf5(group, {.format = "weights_h5"}); });
    CAPTURE(error.what());
    CHECK(test::code_of([&] { open_hdf5(-1); }) == ErrorCode::invalid_argument);
    CHECK(test::code_of([&] { open_hdf5(H5T_NATIVE_INT); }) == ErrorCode::invalid_argument);
    OpenOptions few;
    few.limits.objects = 3;
    for (int i = 0; i < 5; ++i)
        own.make_group("empty/" + std::to_string(i));
    CHECK(test::code_of([&] { open_hdf5(group, few); }) == ErrorCode::limit_exceeded);

    const Location location = hdf5_location(group);
    CHECK(test::code_of([&] { location.fs->create_temporary("x"); }) == ErrorCode::unsupported);
    CHECK(test::code_of([&] { location.fs->open("other"); }) == ErrorCode::not_found);
}
