// SPDX-License-Identifier: Apache-2.0
// no_exceptions FOLDER: a program compiled with -fno-exceptions. The try_ functions return errors as values.
#include <ballast/weights.h>

#include <cstdio>
#include <filesystem>

using namespace ballast::literals;

struct Dense {
    ballast::Array<float> kernel{}, bias{};
};
struct Net {
    Dense hidden{}, head{};
};

static int failed(const ballast::Error& error) {
    std::printf("%s\n", std::string(ballast::to_string(error.code())).c_str());
    return 1;
}

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::filesystem::path folder = argv[1];
    Net net;
    net.hidden.kernel = ballast::Array<float>({2, 3}, 0.5F);
    net.hidden.bias = ballast::Array<float>({3});
    net.head.kernel = ballast::Array<float>({3, 1}, -1.0F);
    net.head.bias = ballast::Array<float>({1}, 2.0F);
    const auto saved = ballast::try_save_weights(net, folder / "net.weights.h5");
    if (!saved) return failed(saved.error());
    const auto refused = ballast::try_save_weights(net, folder / "net.weights.h5");
    if (refused || refused.error().code() != ballast::ErrorCode::exists) return 3;

    Net loaded;
    const auto report = ballast::try_load_weights(loaded, folder / "net.weights.h5");
    if (!report) return failed(report.error());
    if (loaded.head.bias.data()[0] != 2.0F) return 4;

    const auto missing = ballast::try_load_weights(loaded, folder / "not_there.h5");
    if (missing || missing.error().code() != ballast::ErrorCode::not_found) return 5;
    std::printf("%zu tensors\n", report->loaded);
}
