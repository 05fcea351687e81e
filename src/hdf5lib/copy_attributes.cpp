// SPDX-License-Identifier: Apache-2.0
// Attributes and texts from one HDF5 object to another, of the same type and shape.
#include <cstddef>
#include <vector>

#include "hdf5lib/copy_tree.h"
#include "hdf5lib/session.h"

namespace ballast::hdf5lib {
namespace {

/// A value read into memory; what variable-length parts point at is given back with it.
class Value {
public:
    /// `read` fills what it is given.
    template <class Read>
    Value(hid_t type, hid_t space, Read read) : type_(type), space_(space) {
        bytes_.resize(H5Tget_size(type) * static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
        read(bytes_.data());
    }
    ~Value() {
        if (H5Tdetect_class(type_, H5T_VLEN) > 0 || has_strings()) {
            H5Dvlen_reclaim(type_, space_, H5P_DEFAULT, bytes_.data());
        }
    }
    Value(const Value&) = delete;
    Value& operator=(const Value&) = delete;
    const void* data() const { return bytes_.data(); }

private:
    bool has_strings() const {
        return H5Tis_variable_str(type_) > 0 || H5Tdetect_class(type_, H5T_STRING) > 0;
    }

    hid_t type_, space_;
    std::vector<std::byte> bytes_;
};

/// Data of variable length has another form in memory than in a file; everything else is moved as it is.
Handle memory_type(hid_t stored) {
    const bool variable = H5Tdetect_class(stored, H5T_VLEN) > 0 || H5Tdetect_class(stored, H5T_STRING) > 0;
    return reading.own(variable ? H5Tget_native_type(stored, H5T_DIR_ASCEND) : H5Tcopy(stored),
                       "describe the attribute's type");
}

void copy_attribute(hid_t from, hid_t to, const std::string& name) {
    const Handle source = reading.own(H5Aopen(from, name.c_str(), H5P_DEFAULT), "open the attribute");
    const Handle stored = reading.own(H5Aget_type(source), "read the attribute's type");
    if (H5Tdetect_class(stored, H5T_REFERENCE) > 0) return;
    const Handle type = detached_type(stored);
    const Handle space = detached_space(reading.own(H5Aget_space(source), "read the attribute's shape"));
    const Handle target = writing.own(H5Acreate2(to, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                                      "create the attribute");
    if (reading.check(H5Sget_simple_extent_npoints(space), "count the attribute's elements") == 0) return;
    const Handle memory = memory_type(stored);
    const Value value(memory, space, [&](void* into) {
        reading.check(H5Aread(source, memory, into), "read the attribute");
    });
    writing.check(H5Awrite(target, memory, value.data()), "write the attribute");
}

extern "C" herr_t ballast_keep_attribute_name(hid_t, const char* name, const H5A_info_t*, void* names) {
    try {
        static_cast<std::vector<std::string>*>(names)->emplace_back(name);
        return 0;
    } catch (...) {  // may not pass through C
        return -1;
    }
}

}  // namespace

Handle detached_type(hid_t type) {
    std::size_t size = 0;
    reading.check(H5Tencode(type, nullptr, &size), "copy the type");
    std::vector<std::byte> bytes(size);
    reading.check(H5Tencode(type, bytes.data(), &size), "copy the type");
    return reading.own(H5Tdecode(bytes.data()), "copy the type");
}

Handle detached_space(hid_t space) {
    std::size_t size = 0;
    reading.check(H5Sencode(space, nullptr, &size), "copy the shape");
    std::vector<std::byte> bytes(size);
    reading.check(H5Sencode(space, bytes.data(), &size), "copy the shape");
    return reading.own(H5Sdecode(bytes.data()), "copy the shape");
}

void copy_text(hid_t from, hid_t to) {
    const Handle stored = reading.own(H5Dget_type(from), "read the dataset's type");
    const Handle space = reading.own(H5Dget_space(from), "read the dataset's shape");
    const Handle memory = memory_type(stored);
    const Value value(memory, space, [&](void* into) {
        reading.check(H5Dread(from, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, into), "read the dataset");
    });
    writing.check(H5Dwrite(to, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, value.data()), "write the dataset");
}

std::vector<std::string> attribute_names(hid_t object) {
    std::vector<std::string> names;
    hsize_t position = 0;
    reading.check(
        H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, &position, ballast_keep_attribute_name, &names),
        "list the attributes");
    return names;
}

void copy_attributes(hid_t from, hid_t to) {
    for (const std::string& name : attribute_names(from)) {
        try {
            copy_attribute(from, to, name);
        } catch (Error& error) {
            throw error.hint("the attribute is '" + name + "'");
        }
    }
}

}  // namespace ballast::hdf5lib
