// SPDX-License-Identifier: Apache-2.0
// readme FOLDER: the programs of README.md, on files in the folder.
// clang-format off
// [open]
#include <ballast/ballast.h>
// [open]
// [structs]
#include <ballast/weights.h>
// [structs]

#include <cstdio>
#include <filesystem>

// [structs]
struct Dense { ballast::Array<float> kernel{}, bias{}; };
struct Net   { Dense hidden{}, head{}; };
// [structs]

static void open_and_convert() {
    // [open]
    auto archive = ballast::open("model.weights.h5");
    ballast::Tensor<float> kernel = archive->get<float>("conv1/kernel");
    ballast::convert("old_model.h5", "new.weights.h5");
    // [open]
    std::printf("%zu elements\n", kernel.size());
}

static void load_and_save() {
    Net net;
    // [structs]
    ballast::load_weights(net, "from_keras.weights.h5");
    ballast::save_weights(net, "net.weights.h5", {.overwrite = true});
    // [structs]
    std::printf("%zu biases\n", net.head.bias.size());
}

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    try {
        std::filesystem::current_path(argv[1]);
        open_and_convert();
        load_and_save();
    } catch (const ballast::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
