// SPDX-License-Identifier: Apache-2.0
// convolve WEIGHTS IMAGE.npz RESULT.npz: what the first layers of Keras' EfficientNet make of an image.
#include <ballast/ballast.h>
#include <ballast/weights.h>

#include <cmath>
#include <cstdio>
#include <utility>

using Tensor = ballast::Array<float>;

struct Conv2D {
    Tensor kernel{};
};
struct DepthwiseConv2D {
    Tensor kernel{};
};
struct BatchNormalization {
    Tensor gamma{}, beta{}, moving_mean{}, moving_variance{};
};
// The first layers of each class. The file has 200 more, which a load leaves alone.
struct Stem {
    Conv2D stem_conv{};
    BatchNormalization stem_bn{};
    DepthwiseConv2D block1a_dwconv{};
    BatchNormalization block1a_bn{};
};

/// As with padding="same": as many zeros before as behind, one more behind when their number is odd.
std::size_t zeros_before(std::size_t size, std::size_t kernel, std::size_t stride) {
    const std::size_t out = (size + stride - 1) / stride, needed = (out - 1) * stride + kernel;
    return needed > size ? (needed - size) / 2 : 0;
}

/// `each(out_y, out_x, y, x, i, j)` for every point of the image under every point (i, j) of the kernel.
template <class Each>
void slide(const Tensor& image, const Tensor& kernel, std::size_t stride, Each each) {
    const std::size_t height = image.shape()[0], width = image.shape()[1], size = kernel.shape()[0];
    const std::size_t top = zeros_before(height, size, stride), left = zeros_before(width, size, stride);
    for (std::size_t y = 0; y * stride < height; ++y)
        for (std::size_t x = 0; x * stride < width; ++x)
            for (std::size_t i = 0; i < size; ++i)
                for (std::size_t j = 0; j < size; ++j) {
                    const std::size_t from_y = y * stride + i - top, from_x = x * stride + j - left;
                    if (from_y < height && from_x < width) each(y, x, from_y, from_x, i, j);
                }
}

Tensor convolve(const Tensor& image, const Tensor& kernel, std::size_t stride) {
    const std::size_t inputs = kernel.shape()[2], filters = kernel.shape()[3];
    Tensor out({(image.shape()[0] + stride - 1) / stride, (image.shape()[1] + stride - 1) / stride, filters});
    slide(image, kernel, stride, [&](auto y, auto x, auto from_y, auto from_x, auto i, auto j) {
        for (std::size_t c = 0; c < inputs; ++c)
            for (std::size_t f = 0; f < filters; ++f)
                out(y, x, f) += image(from_y, from_x, c) * kernel(i, j, c, f);
    });
    return out;
}

Tensor convolve_each_channel(const Tensor& image, const Tensor& kernel) {
    Tensor out(image.shape());
    slide(image, kernel, 1, [&](auto y, auto x, auto from_y, auto from_x, auto i, auto j) {
        for (std::size_t c = 0; c < kernel.shape()[2]; ++c)
            out(y, x, c) += image(from_y, from_x, c) * kernel(i, j, c, 0u);
    });
    return out;
}

Tensor normalise_and_swish(Tensor image, const BatchNormalization& norm) {
    const std::size_t channels = image.shape()[2];
    for (std::size_t i = 0; i < image.size(); ++i) {
        const std::size_t c = i % channels;
        const float scale = norm.gamma[c] / std::sqrt(norm.moving_variance[c] + 1e-3f);
        const float value = (image[i] - norm.moving_mean[c]) * scale + norm.beta[c];
        image[i] = value / (1 + std::exp(-value));
    }
    return image;
}

struct Picture {
    Tensor image{};
};

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    try {
        Stem net;
        const ballast::LoadReport report =
            ballast::load_weights(net, argv[1], {.match = ballast::MatchWeights::keys});
        Picture picture;
        ballast::load_weights(picture, argv[2]);
        Tensor stem = convolve(picture.image, net.stem_conv.kernel, 2);
        stem = normalise_and_swish(std::move(stem), net.stem_bn);
        Tensor block = convolve_each_channel(stem, net.block1a_dwconv.kernel);
        block = normalise_and_swish(std::move(block), net.block1a_bn);
        ballast::save_weights(Picture{std::move(block)}, argv[3], {.overwrite = true});
        std::printf("%zu tensors loaded, %zu left alone\n", report.loaded, report.unused.size());
    } catch (const ballast::Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.hint().c_str());
        return 1;
    }
}
