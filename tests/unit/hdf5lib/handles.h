// SPDX-License-Identifier: Apache-2.0
// What a program with an HDF5 file of its own does, through the C library.
#pragma once

#include <hdf5.h>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/scratch.h"

namespace ballast::test {

/// The user's own file, open for writing; closed with what it still holds at the end.
class OwnFile {
public:
    OwnFile() : path_((scratch_ / "own.h5").string()) {
        id = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        REQUIRE(id >= 0);
    }
    ~OwnFile() { H5Fclose(id); }
    OwnFile(const OwnFile&) = delete;
    OwnFile& operator=(const OwnFile&) = delete;

    const std::string& path() const { return path_; }
    /// Everything open in the file, the file itself included.
    ssize_t open_objects() const { return H5Fget_obj_count(id, H5F_OBJ_ALL); }
    std::string make_group(const std::string& name) const {
        const hid_t group = H5Gcreate2(id, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        REQUIRE(group >= 0);
        H5Gclose(group);
        return name;
    }
    /// A dataset of floats that count up from `first`; chunk 0 = contiguous, else gzip and shuffle in chunks.
    void add_floats(const std::string& name, const std::vector<hsize_t>& dims, float first, hsize_t chunk = 0,
                    hid_t type = H5T_IEEE_F32LE) const {
        hsize_t count = 1;
        for (const hsize_t dim : dims)
            count *= dim;
        std::vector<float> values(count);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = first + static_cast<float>(i);
        const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
        const hid_t options = H5Pcreate(H5P_DATASET_CREATE);
        if (chunk > 0) {
            const std::vector<hsize_t> chunks(dims.size(), chunk);
            H5Pset_chunk(options, static_cast<int>(chunks.size()), chunks.data());
            H5Pset_shuffle(options);
            H5Pset_deflate(options, 4);
        }
        const hid_t parents = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(parents, 1);
        const hid_t dataset = H5Dcreate2(id, name.c_str(), type, space, parents, options, H5P_DEFAULT);
        REQUIRE(dataset >= 0);
        CHECK(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
        H5Dclose(dataset);
        H5Pclose(parents);
        H5Pclose(options);
        H5Sclose(space);
    }
    std::vector<float> floats(const std::string& name) const {
        const hid_t dataset = H5Dopen2(id, name.c_str(), H5P_DEFAULT);
        REQUIRE(dataset >= 0);
        const hid_t space = H5Dget_space(dataset);
        std::vector<float> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
        CHECK(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
        H5Sclose(space);
        H5Dclose(dataset);
        return values;
    }
    bool has(const std::string& name) const { return H5Lexists(id, name.c_str(), H5P_DEFAULT) > 0; }

    hid_t id = H5I_INVALID_HID;

private:
    Scratch scratch_;
    std::string path_;
};

/// A group, closed at the end of the scope.
class OpenGroup {
public:
    OpenGroup(hid_t file, const std::string& name) : id_(H5Gopen2(file, name.c_str(), H5P_DEFAULT)) {
        REQUIRE(id_ >= 0);
    }
    ~OpenGroup() { H5Gclose(id_); }
    OpenGroup(const OpenGroup&) = delete;
    OpenGroup& operator=(const OpenGroup&) = delete;
    operator hid_t() const { return id_; }  // NOLINT: passed to C functions

private:
    hid_t id_;
};

}  // namespace ballast::test
