// SPDX-License-Identifier: Apache-2.0
// A program with a network in plain structs, for the interop tests.
//
//   program_tool adam|sgd FILE CONFIG OUT [bare]   loads FILE with its optimizer and saves both to OUT;
//   prints
//                                    iteration, learning rate and the first slot of the last bias
//   program_tool pass SLOTS FILE OUT FLAVOUR [CONFIG]   loads FILE with an optimizer of 0 to 2 slots and
//   saves
//                                    both to OUT, with what FILE says of the architecture, or with CONFIG; a
//                                    name without a suffix is a checkpoint, one that ends in / a SavedModel
//   program_tool model FILE CONFIG   the same, and saves the architecture in the JSON file CONFIG, too
//   program_tool save FILE FLAVOUR   makes weights, saves them, prints what the network says of its input
//   program_tool run FILE            loads FILE and prints what the network says of its input
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/ballast.h"
#include "ballast/weights.h"

namespace network {

using ballast::Array;
using Vector = std::vector<float>;

struct Dense {
    Array<float> kernel{}, bias{};

    Vector operator()(const Vector& x) const {
        Vector y(bias.begin(), bias.end());
        for (std::size_t i = 0; i < x.size(); ++i)
            for (std::size_t j = 0; j < y.size(); ++j)
                y[j] += x[i] * kernel(i, j);
        return y;
    }
};

struct LSTM {
    Array<float> kernel{}, recurrent_kernel{}, bias{};

    Vector operator()(const std::vector<Vector>& sequence) const {
        const std::size_t units = recurrent_kernel.shape()[0];
        Vector h(units), c(units);
        for (const Vector& x : sequence) {
            Vector z(bias.begin(), bias.end());
            for (std::size_t j = 0; j < z.size(); ++j) {
                for (std::size_t i = 0; i < x.size(); ++i)
                    z[j] += x[i] * kernel(i, j);
                for (std::size_t i = 0; i < units; ++i)
                    z[j] += h[i] * recurrent_kernel(i, j);
            }
            const auto sigmoid = [](float v) { return 1 / (1 + std::exp(-v)); };
            for (std::size_t k = 0; k < units; ++k) {  // input, forget, candidate, output
                c[k] = sigmoid(z[units + k]) * c[k] + sigmoid(z[k]) * std::tanh(z[2 * units + k]);
                h[k] = sigmoid(z[3 * units + k]) * std::tanh(c[k]);
            }
        }
        return h;
    }
};

/// Fields out of Keras' order on purpose.
struct BatchNormalization {
    Array<float> moving_mean{}, moving_variance{}, beta{}, gamma{};

    Vector operator()(Vector x) const {
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = gamma[i] * (x[i] - moving_mean[i]) / std::sqrt(moving_variance[i] + 1e-3F) + beta[i];
        return x;
    }
};

struct Net {
    Dense embed{};
    LSTM memory{};
    BatchNormalization norm{};
    Dense head{};

    Vector operator()(const std::vector<Vector>& sequence) const {
        std::vector<Vector> embedded;
        for (const Vector& x : sequence) {
            embedded.push_back(embed(x));
            for (float& value : embedded.back())
                value = std::tanh(value);
        }
        return head(norm(memory(embedded)));
    }
};

struct Adam {
    std::int64_t iteration = -1;
    float learning_rate = 0, beta_1 = 0.9F;
    Net momentum{}, velocity{};
};
struct Sgd {
    int iterations = -1;
    double learning_rate = 0;
    Net momentum{};
};

struct Plain {
    std::int64_t iteration = -1;
    float learning_rate = 0;
};
struct OneSlot {
    std::int64_t iteration = -1;
    float learning_rate = 0;
    Net first{};
};
struct TwoSlots {
    std::int64_t iteration = -1;
    float learning_rate = 0;
    Net first{}, second{};
};

Array<float> some(ballast::Shape shape, float seed) {
    Array<float> array(std::move(shape));
    for (std::size_t i = 0; i < array.size(); ++i)
        array[i] = 0.5F + 0.4F * std::sin(seed + static_cast<float>(i));
    return array;
}

Net make() {
    return {{some({4, 5}, 1), some({5}, 2)},
            {some({5, 12}, 3), some({3, 12}, 4), some({12}, 5)},
            {some({3}, 6), some({3}, 7), some({3}, 8), some({3}, 9)},
            {some({3, 2}, 10), some({2}, 11)}};
}

std::vector<Vector> input() {
    std::vector<Vector> sequence(6, Vector(4));
    for (int i = 0; i < 24; ++i)
        sequence[static_cast<std::size_t>(i / 4)][static_cast<std::size_t>(i % 4)] =
            static_cast<float>(i % 7 - 3) / 4;
    return sequence;
}

std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Whether the file had the optimizer's state.
template <class Optimizer>
bool hand_over(const char* from, const char* config, const char* to, bool with_optimizer) {
    Net net;
    Optimizer optimizer;
    if (!ballast::load_model(net, optimizer, from).optimizer) return false;
    ballast::save_model(net, optimizer, text_of(config), to, {.include_optimizer = with_optimizer});
    if constexpr (requires { optimizer.iterations; }) {
        std::printf("%d\n", optimizer.iterations);
    } else {
        std::printf("%d\n", static_cast<int>(optimizer.iteration));
    }
    std::printf("%.9g\n", static_cast<double>(optimizer.learning_rate));
    for (const float value : optimizer.momentum.head.bias)
        std::printf("%.9g\n", static_cast<double>(value));
    return true;
}

template <class Optimizer>
bool pass_on(const std::string& from, const std::string& to, const char* flavor, const std::string& config) {
    Net net;
    Optimizer optimizer;
    const ballast::LoadedModel loaded = ballast::load_model(net, optimizer, from, {.config = config});
    if (!loaded.optimizer) return false;
    std::printf("%lld\n%.9g\n", static_cast<long long>(optimizer.iteration),
                static_cast<double>(optimizer.learning_rate));
    ballast::SaveWeightsOptions options;
    const bool folder = to.ends_with('/');
    const std::filesystem::path target = folder ? to.substr(0, to.size() - 1) : to;
    if (!target.has_extension()) options.format = folder ? "saved_model" : "tf_checkpoint";
    options.flavor = flavor;
    options.training_config = loaded.training_config;
    ballast::save_model(net, optimizer, config.empty() ? loaded.config : config, target, options);
    return true;
}

}  // namespace network

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    try {
        network::Net net;
        const std::string_view verb = argv[1];
        if ((verb == "adam" || verb == "sgd") && argc > 4) {
            const auto run =
                verb == "adam" ? network::hand_over<network::Adam> : network::hand_over<network::Sgd>;
            return run(argv[2], argv[3], argv[4], argc == 5) ? 0 : 1;
        }
        if (verb == "pass" && argc > 5) {
            const int slots = argv[2][0] - '0';
            const auto run = slots == 0   ? network::pass_on<network::Plain>
                             : slots == 1 ? network::pass_on<network::OneSlot>
                                          : network::pass_on<network::TwoSlots>;
            return run(argv[3], argv[4], argv[5], argc > 6 ? network::text_of(argv[6]) : std::string()) ? 0
                                                                                                        : 1;
        }
        if (verb == "model" && argc > 3) {
            net = network::make();
            ballast::save_model(net, network::text_of(argv[3]), argv[2]);
            network::Net back;
            if (ballast::load_model(back, argv[2]).config.empty()) return 1;
            net = back;
        } else if (verb == "save") {
            net = network::make();
            const bool shards = std::string_view(argv[2]).ends_with(".weights.json");
            ballast::save_weights(net, argv[2],
                                  {.flavor = argc > 3 && !shards ? argv[3] : "",
                                   .max_shard_size = ballast::Bytes(shards ? 300 : 0)});
        } else {
            ballast::load_weights(net, argv[2]);
        }
        for (const float value : net(network::input()))
            std::printf("%.9g\n", static_cast<double>(value));
    } catch (const ballast::Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.hint().c_str());
        return 1;
    }
    return 0;
}
