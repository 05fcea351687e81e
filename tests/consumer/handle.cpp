// SPDX-License-Identifier: Apache-2.0
// As main.cpp, through a handle of the HDF5 C library that the program opens itself.
#include <ballast/ballast.h>
#include <ballast/hdf5.h>

#include <iostream>

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const hid_t file = H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) return 1;
    try {
        const auto archive = ballast::open_hdf5(file);
        std::cout << archive->index().size() << " tensors\n";
        const ballast::Tensor<float> tensor = archive->get<float>(argv[2]);
        std::cout << argv[2] << ' ' << tensor.size() << " values, first " << tensor[0] << '\n';
    } catch (const ballast::Error& error) {
        std::cerr << error.what() << '\n' << error.hint() << '\n';
        return 1;
    }
    H5Fclose(file);
}
