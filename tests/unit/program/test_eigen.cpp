// SPDX-License-Identifier: Apache-2.0
// eigen.h: matrices in either order, vectors, maps and tensors, in files that are row-major.
#include <doctest/doctest.h>

#include <unsupported/Eigen/CXX11/Tensor>

#include "ballast/eigen.h"
#include "support/expect_error.h"
#include "unit/program/nets.h"

using namespace nets;
using ballast::ErrorCode;

namespace nets {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct EigenDense {
    Eigen::MatrixXf kernel{};
    Eigen::VectorXf bias{};
};
struct EigenNet {
    EigenDense dense{};
};

struct RowDense {
    Rows kernel{};
    Eigen::RowVectorXf bias{};
};
struct RowNet {
    RowDense dense{};
};

struct FixedDense {
    Eigen::Matrix<float, 2, 3> kernel = Eigen::Matrix<float, 2, 3>::Zero();
    Eigen::Array3f bias = Eigen::Array3f::Zero();
};
struct FixedNet {
    FixedDense dense{};
};

struct HalfFixed {
    Eigen::Matrix<float, Eigen::Dynamic, 4> kernel{};
    Eigen::VectorXf bias{};
};
struct HalfFixedNet {
    HalfFixed dense{};
};

struct MapDense {
    Eigen::Map<Rows> kernel;
    Eigen::Map<Eigen::VectorXf> bias;
};
struct MapNet {
    MapDense dense;
};

struct Conv {
    Eigen::Tensor<float, 4> kernel{};
};
struct ConvNet {
    Conv conv{};
};

struct PlainConv {
    ballast::Array<float> kernel{};
};
struct PlainConvNet {
    PlainConv conv{};
};

EigenNet eigen_net() {
    EigenNet net;
    net.dense.kernel.resize(2, 3);
    net.dense.kernel << 1, 2, 3, 4, 5, 6;
    net.dense.bias.resize(3);
    net.dense.bias << 7, 8, 9;
    return net;
}

}  // namespace nets

TEST_CASE("Eigen's column-major matrices are rows in the file") {
    const auto file = memory("n.safetensors");
    ballast::save_weights(eigen_net(), file);
    const auto archive = ballast::open(file);
    const auto kernel = archive->get<float>("dense/kernel");
    CHECK(kernel.shape() == ballast::Shape{2, 3});
    CHECK(std::vector<float>(kernel.data(), kernel.data() + kernel.size()) ==
          std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(archive->get<float>("dense/bias").shape() == ballast::Shape{3});
}

TEST_CASE("Eigen's types of either order load one another's files") {
    const auto file = memory("n.weights.h5");
    ballast::save_weights(eigen_net(), file);
    const EigenNet net = eigen_net();

    EigenNet same;
    CHECK(ballast::load_weights(same, file).loaded == 2);
    CHECK(same.dense.kernel == net.dense.kernel);
    CHECK(same.dense.bias == net.dense.bias);

    RowNet rows;
    ballast::load_weights(rows, file);
    CHECK(rows.dense.kernel == net.dense.kernel);
    CHECK(rows.dense.bias.transpose() == net.dense.bias);

    FixedNet fixed;
    ballast::load_weights(fixed, file);
    CHECK(fixed.dense.kernel == net.dense.kernel);
    CHECK(fixed.dense.bias.matrix() == net.dense.bias);

    std::vector<float> kernel(6), bias(3);
    MapNet maps{{Eigen::Map<Rows>(kernel.data(), 2, 3), Eigen::Map<Eigen::VectorXf>(bias.data(), 3)}};
    ballast::load_weights(maps, file);
    CHECK(kernel == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(bias == std::vector<float>{7, 8, 9});
}

TEST_CASE("what an Eigen type fixes is not resized") {
    const auto file = memory("n.weights.h5");
    ballast::save_weights(eigen_net(), file);
    HalfFixedNet net;
    CHECK(ballast::test::code_of([&] { ballast::load_weights(net, file); }) == ErrorCode::shape_mismatch);
    CHECK(net.dense.bias.size() == 0);
}

TEST_CASE("Eigen's tensors") {
    ConvNet net;
    net.conv.kernel = Eigen::Tensor<float, 4>(2, 3, 4, 5);
    for (Eigen::Index a = 0; a < 2; ++a)
        for (Eigen::Index b = 0; b < 3; ++b)
            for (Eigen::Index c = 0; c < 4; ++c)
                for (Eigen::Index d = 0; d < 5; ++d)
                    net.conv.kernel(a, b, c, d) = static_cast<float>(((a * 3 + b) * 4 + c) * 5 + d);
    const auto file = memory("n.safetensors");
    ballast::save_weights(net, file);
    PlainConvNet plain;
    ballast::load_weights(plain, file);
    REQUIRE(plain.conv.kernel.shape() == ballast::Shape{2, 3, 4, 5});
    for (std::size_t i = 0; i < 120; ++i)
        CHECK(plain.conv.kernel.data()[i] == static_cast<float>(i));
    ConvNet back;
    back.conv.kernel = Eigen::Tensor<float, 4>(2, 3, 4, 5);
    ballast::load_weights(back, file);
    CHECK(std::equal(back.conv.kernel.data(), back.conv.kernel.data() + 120, net.conv.kernel.data()));
}
