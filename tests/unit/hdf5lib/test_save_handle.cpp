// SPDX-License-Identifier: Apache-2.0
// Saving into an HDF5 file that the program holds open, beside its own data.
#include <doctest/doctest.h>

#include <filesystem>

#include "ballast/ballast.h"
#include "ballast/hdf5.h"
#include "handles.h"
#include "support/expect_error.h"
#include "support/memory_file.h"

using namespace ballast;

namespace {

const std::filesystem::path data = BALLAST_TEST_DATA;

/// Every tensor of the first archive is in the second under the same name, type and shape, with its bytes.
void check_same(const Archive& expected, const Archive& found) {
    REQUIRE(found.index().size() == expected.index().size());
    for (std::size_t i = 0; i < expected.index().size(); ++i) {
        const TensorInfo& tensor = expected.index().tensors()[i];
        CAPTURE(tensor.stored_name);
        const std::size_t there = found.index().find(tensor.stored_name);
        const TensorInfo& other = found.index().tensors()[there];
        CHECK(other.name == tensor.name);
        CHECK(other.dtype == tensor.dtype);
        CHECK(other.shape == tensor.shape);
        CHECK(test::tensor_bytes(found, there) == test::tensor_bytes(expected, i));
    }
}

Hdf5SaveOptions as(const std::string& format, Overwrite overwrite = Overwrite::refuse) {
    Hdf5SaveOptions options;
    options.format = format;
    options.write.overwrite = overwrite;
    return options;
}

}  // namespace

TEST_CASE("a model goes into a group beside the program's own data, and comes back") {
    const char* const files[] = {
        "golden/keras-3.15.1-compiled-adam.weights.h5", "golden/keras-3.15.1-bfloat16.weights.h5",
        "golden/keras-3.15.1-odd-names.weights.h5", "golden/keras-3.15.1-empty.weights.h5",
        "golden/h5py-3.14.0-gzip-shuffle.weights.h5"};
    for (const char* const file : files) {
        CAPTURE(file);
        const auto source = open(data / file);
        test::OwnFile own;
        own.add_floats("measurements/run 1", {3, 5}, 7.0f, 2);
        own.make_group("model");
        {
            const test::OpenGroup group(own.id, "model");
            const ssize_t before = own.open_objects();
            const Report report = save_hdf5(source->model(), group);
            CHECK(own.open_objects() == before);
            CHECK(report.target.find("own.h5:/model") != std::string::npos);
            CHECK_FALSE(report.has_loss());

            const auto back = open_hdf5(group);
            CHECK(std::string(back->format().id) == "weights_h5");
            check_same(*source, *back);
        }
        CHECK(own.open_objects() == 1);
        CHECK(own.floats("measurements/run 1").back() == 21.0f);
    }
}

TEST_CASE("what is saved into a file's root opens by path, with our own reader") {
    for (const std::string format : {"weights_h5", "legacy_h5"}) {
        CAPTURE(format);
        const auto source =
            open(data / (format == "legacy_h5" ? "data/demo/digits.h5"
                                               : "golden/keras-3.15.1-nested-frozen.weights.h5"));
        test::OwnFile own;
        save_hdf5(source->model(), own.id, as(format));
        CHECK(own.open_objects() == 1);
        H5Fflush(own.id, H5F_SCOPE_GLOBAL);
        const auto back = open(own.path());
        CHECK(back->format().id == format);
        check_same(*source, *back);
    }
}

TEST_CASE("members and attributes of the same names are refused, or replaced when asked for") {
    const auto first = open(data / "golden/keras-3.15.1-dense.weights.h5");
    const auto second = open(data / "golden/keras-3.15.1-convnet.weights.h5");
    test::OwnFile own;
    save_hdf5(first->model(), own.id);

    const Error error = test::error_of([&] { save_hdf5(second->model(), own.id); });
    CHECK(error.code() == ErrorCode::exists);
    CHECK(error.path().find("own.h5:/") != std::string::npos);
    check_same(*first, *open_hdf5(own.id, {.format = "weights_h5"}));

    Hdf5SaveOptions ask = as("", Overwrite::ask);
    std::string asked;
    ask.write.ask = [&](const std::string& path) {
        asked = path;
        return false;
    };
    CHECK(test::code_of([&] { save_hdf5(second->model(), own.id, ask); }) == ErrorCode::exists);
    CHECK(asked == error.path());

    own.add_floats("mine", {2}, 1.0f);
    save_hdf5(second->model(), own.id, as("", Overwrite::allow));
    CHECK(open_hdf5(own.id)->index().find("mine") < 1000);
    CHECK(own.floats("mine") == std::vector<float>{1.0f, 2.0f});
    CHECK(own.open_objects() == 1);
}

TEST_CASE(
    "a save that fails or is cancelled leaves the group as it was, without a handle or a passing group") {
    const auto source = open(data / "golden/keras-3.15.1-convnet.weights.h5");
    test::OwnFile own;
    own.add_floats("mine", {2}, 1.0f);
    Hdf5SaveOptions options;
    options.write.cancel = [] { return true; };
    CHECK(test::code_of([&] { save_hdf5(source->model(), own.id, options); }) == ErrorCode::cancelled);
    CHECK(own.has("mine"));
    CHECK_FALSE(own.has(".ballast-0"));
    CHECK_FALSE(own.has("layers"));
    CHECK(own.open_objects() == 1);
}

TEST_CASE("a file that is open for reading only is a typed error, and HDF5 prints nothing") {
    test::OwnFile own;
    own.make_group("model");
    H5Fclose(own.id);
    own.id = H5Fopen(own.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const auto source = open(data / "golden/keras-3.15.1-dense.weights.h5");
    H5E_auto2_t before = nullptr, after = nullptr;
    void* ignored = nullptr;
    H5Eget_auto2(H5E_DEFAULT, &before, &ignored);
    const Error error = test::error_of([&] { save_hdf5(source->model(), own.id); });
    H5Eget_auto2(H5E_DEFAULT, &after, &ignored);
    CHECK(error.code() == ErrorCode::write_failed);
    CHECK(error.message().find("HDF5 could not") == 0);
    CHECK((before == after));
    CHECK(own.open_objects() == 1);
}

TEST_CASE("formats and handles that cannot be written are refused before anything is") {
    const auto source = open(data / "golden/keras-3.15.1-dense.weights.h5");
    test::OwnFile own;
    CHECK(test::code_of([&] { save_hdf5(source->model(), own.id, as("safetensors")); }) ==
          ErrorCode::invalid_argument);
    CHECK(test::code_of([&] { save_hdf5(source->model(), H5I_INVALID_HID); }) == ErrorCode::invalid_argument);
    CHECK(test::code_of([&] { save_hdf5(source->model(), H5T_NATIVE_INT); }) == ErrorCode::invalid_argument);
    CHECK(own.open_objects() == 1);
}

TEST_CASE("the layers of a program go into a group and come back") {
    const float kernel[] = {1, 2, 3, 4, 5, 6}, bias[] = {7, 8, 9};
    float read_kernel[6] = {};
    const auto program = [](const float* k, const float* b) {
        ProgramModel model({"net", "Sequential", "", LayerStyle::automatic, true, {}});
        const LayerId dense = model
                                  .add_layer(ProgramModel::root, {"dense"},
                                             {"dense", "Dense", "", LayerStyle::automatic, true, {}})
                                  .first;
        ProgramTensor tensor;
        tensor.role = tensor.path = "kernel";
        tensor.shape = Shape{2, 3};
        tensor.elements = 6;
        tensor.data = k;
        model.add_tensor(dense, tensor);
        tensor.role = tensor.path = "bias";
        tensor.shape = Shape{3};
        tensor.elements = 3;
        tensor.data = b;
        model.add_tensor(dense, tensor);
        return model;
    };
    test::OwnFile own;
    own.make_group("model");
    const test::OpenGroup group(own.id, "model");
    save_hdf5(program(kernel, bias), group);
    const auto archive = open_hdf5(group);
    CHECK(archive->get<float>("dense/kernel")[5] == 6);
    CHECK(archive->get<float>("dense/bias")[2] == 9);
    CHECK(test::code_of([&] { save_hdf5(program(kernel, bias), group, as("legacy_h5")); }) ==
          ErrorCode::unsupported);
    ProgramModel unbuilt = program(read_kernel, nullptr);
    CHECK(test::code_of([&] { save_hdf5(unbuilt, group); }) == ErrorCode::invalid_argument);
}
