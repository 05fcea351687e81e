// SPDX-License-Identifier: Apache-2.0
// open_handle MODEL FILE: makes an HDF5 file with some measurements and, beside them, the weights of MODEL.
#include <ballast/ballast.h>
#include <ballast/hdf5.h>

#include <iostream>

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const hid_t file = H5Fcreate(argv[2], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t size = 3;
    const double measured[] = {1.5, 2.5, 4.0};
    const hid_t space = H5Screate_simple(1, &size, nullptr);
    const hid_t data =
        H5Dcreate2(file, "measurements", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, measured);
    H5Dclose(data);
    H5Sclose(space);
    const hid_t group = H5Gcreate2(file, "model", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    int status = 0;
    try {
        const auto source = ballast::open(argv[1]);
        const ballast::Report report = ballast::save_hdf5(source->model(), group);
        std::cout << report.target << ": " << report.summary() << '\n';

        const auto saved = ballast::open_hdf5(group);
        for (const ballast::TensorInfo& tensor : saved->index().tensors())
            std::cout << tensor.name << ' ' << tensor.byte_count() << " bytes\n";
    } catch (const ballast::Error& error) {
        std::cerr << error.what() << '\n' << error.hint() << '\n';
        status = 1;
    }
    H5Gclose(group);
    H5Fclose(file);
    return status;
}
