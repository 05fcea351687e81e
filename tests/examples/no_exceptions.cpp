// SPDX-License-Identifier: Apache-2.0
// no_exceptions FOLDER: a program compiled with -fno-exceptions. The try_ functions return errors as values.
#include <ballast/archive.h>
#include <ballast/convert.h>
#include <ballast/format.h>
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

// What a program reads of a file tensor by tensor; 0 = as it should be.
static int read_tensors(const std::filesystem::path& path) {
    const auto archive = ballast::try_open(path);
    if (!archive) return failed(archive.error());
    if ((*archive)->format().id != "weights_h5") return 6;
    const auto bias = (*archive)->try_get<float>("layers/dense_1/vars/1");
    if (!bias) return failed(bias.error());
    if (bias->size() != 1 || (*bias)[0] != 2.0F) return 7;
    const auto nothing = (*archive)->try_get<float>("layers/dense_9/vars/0");
    if (nothing || nothing.error().code() != ballast::ErrorCode::name_not_found) return 8;
    const auto other = (*archive)->try_get<double>("layers/dense_1/vars/1");
    if (other || other.error().code() != ballast::ErrorCode::dtype_mismatch) return 9;
    std::byte too_small[1];
    const auto short_read = (*archive)->try_read(0, too_small);
    if (short_read || short_read.error().code() != ballast::ErrorCode::invalid_argument) return 10;
    const auto missing = ballast::try_open(path.parent_path() / "not_there.h5");
    return !missing && missing.error().code() == ballast::ErrorCode::not_found ? 0 : 11;
}

static int convert_file(const std::filesystem::path& folder) {
    const auto report = ballast::try_convert(folder / "net.weights.h5", folder / "net.safetensors");
    if (!report) return failed(report.error());
    const auto again = ballast::try_convert(folder / "net.weights.h5", folder / "net.safetensors");
    return !again && again.error().code() == ballast::ErrorCode::exists ? 0 : 12;
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
    if (const int wrong = read_tensors(folder / "net.weights.h5")) return wrong;
    if (const int wrong = convert_file(folder)) return wrong;
    std::printf("%zu tensors\n", report->loaded);
}
