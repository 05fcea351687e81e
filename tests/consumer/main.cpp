// SPDX-License-Identifier: Apache-2.0
// Prints how many tensors a file holds, and the first value of one of them: all of it through Ballast's
// public headers.
#include <ballast/ballast.h>

#include <iostream>

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    try {
        const auto archive = ballast::open(argv[1]);
        std::cout << archive->index().size() << " tensors\n";
        const ballast::Tensor<float> tensor = archive->get<float>(argv[2]);
        std::cout << argv[2] << ' ' << tensor.size() << " values, first " << tensor[0] << '\n';
    } catch (const ballast::Error& error) {
        // Caught across the library's boundary: its type information is exported.
        std::cerr << error.what() << '\n' << error.hint() << '\n';
        return 1;
    }
}
