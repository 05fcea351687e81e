// SPDX-License-Identifier: Apache-2.0
// loadtime FILE: reads every tensor of a file into fresh memory, as a program would, and prints the seconds
// that took and a sum of the bytes. For tools/bench.
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "ballast/archive.h"

namespace {

void run(const char* path) {
    const auto begin = std::chrono::steady_clock::now();
    const auto archive = ballast::open(path);
    std::vector<std::unique_ptr<std::byte[]>> loaded;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < archive->index().size(); ++i) {
        const auto size = static_cast<std::size_t>(archive->index().tensors()[i].byte_count());
        loaded.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
        archive->read(i, {loaded.back().get(), size});
        total += size;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%.6f %llu\n", took.count(), static_cast<unsigned long long>(total));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    try {
        run(argv[1]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "loadtime: %s\n", error.what());
        return 1;
    }
}
