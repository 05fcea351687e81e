// SPDX-License-Identifier: Apache-2.0
// Asynchronous checkpoints, to be killed and to be measured.
//
//   async_tool train FOLDER SUFFIX EPOCHS   goes on from FOLDER/each's latest checkpoint; epoch n saves
//   weights that are all n
//                                    to FOLDER/each/n and over FOLDER/last, and prints n once both are known
//                                    to be saved
//   async_tool bench FOLDER ROUNDS   how long 480 MB block the caller: lines of seconds, synchronous and
//   asynchronous
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/ballast.h"
#include "ballast/weights.h"

namespace {

struct Dense {
    ballast::Array<float> kernel{}, bias{};
};
struct Net {
    std::vector<Dense> layers{};
};

Net make(std::size_t layers, std::size_t elements) {
    const Dense dense{ballast::Array<float>({elements / 64, 64}), ballast::Array<float>({64})};
    return {std::vector<Dense>(layers, dense)};
}

void fill(Net& net, float value) {
    for (Dense& layer : net.layers)
        for (ballast::Array<float>* array : {&layer.kernel, &layer.bias})
            std::fill(array->begin(), array->end(), value);
}

void train(const std::string& folder, const std::string& suffix, std::uint64_t epochs) {
    Net net = make(24, 64 * 256);  // 1.6 MB
    ballast::CheckpointOptions options{.max_to_keep = 2, .asynchronous = true};
    ballast::ModelCheckpoint each(folder + "/each/{epoch}" + suffix, options);
    options.max_to_keep = 0;
    ballast::ModelCheckpoint last(folder + "/last" + suffix, options);
    std::uint64_t epoch = 0;  // of the weights
    if (std::filesystem::exists(folder + "/each")) {
        if (const auto found = ballast::latest_checkpoint(folder + "/each")) {
            ballast::load_weights(net, found->path);
            epoch = static_cast<std::uint64_t>(net.layers.front().bias[0]);
        }
    }
    while (epoch < epochs) {
        fill(net, static_cast<float>(epoch + 1));
        each.on_epoch_end(net, epoch, {});
        last.on_epoch_end(net, epoch, {});
        // Training goes on meanwhile: what is saved must be the copy.
        fill(net, -1);
        if (epoch % 3 == 0) each.wait(), last.wait();
        // Both saves of the epoch before are done, or these calls would not have returned.
        std::printf("%llu\n", static_cast<unsigned long long>(epoch % 3 == 0 ? epoch + 1 : epoch));
        std::fflush(stdout);
        ++epoch;
    }
    each.wait();
    last.wait();
}

template <class Work>
double seconds(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void bench(const std::string& folder, int rounds) {
    Net net = make(650, 480'000'000 / 650 / 4 / 64 * 64);
    fill(net, 1);
    ballast::ModelCheckpoint blocking(folder + "/blocking.weights.h5");
    ballast::ModelCheckpoint background(folder + "/background.weights.h5", {.asynchronous = true});
    for (int round = 0; round < rounds; ++round) {
        const auto epoch = static_cast<std::uint64_t>(round);
        const double one = seconds([&] { blocking.on_epoch_end(net, epoch, {}); });
        const double other = seconds([&] { background.on_epoch_end(net, epoch, {}); });
        background.wait();
        std::printf("%.6f %.6f\n", one, other);
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    try {
        if (std::string_view(argv[1]) == "bench") {
            bench(argv[2], std::atoi(argv[3]));
        } else if (argc > 4) {
            train(argv[2], argv[3], static_cast<std::uint64_t>(std::atoi(argv[4])));
        }
    } catch (const ballast::Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.hint().c_str());
        return 1;
    }
    return 0;
}
