// SPDX-License-Identifier: Apache-2.0
// train FOLDER EPOCHS: teaches a small network when two numbers are of one sign. Stopped at any moment and
// started again, it goes on where it was.
#include <ballast/ballast.h>
#include <ballast/weights.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

// As in Keras: Sequential([Dense(8, activation="tanh"), Dense(1, activation="sigmoid")]).
struct Dense {
    ballast::Array<float> kernel{}, bias{};
};
struct Net {
    Dense hidden{}, output{};
};

struct Answer {
    std::vector<float> hidden;
    float value;
};

Answer answer(const Net& net, float x, float y) {
    const auto& [kernel, bias] = net.hidden;
    Answer result{{}, net.output.bias[0]};
    for (std::size_t i = 0; i < bias.size(); ++i) {
        result.hidden.push_back(std::tanh(kernel(0, i) * x + kernel(1, i) * y + bias[i]));
        result.value += result.hidden[i] * net.output.kernel(i, 0);
    }
    result.value = 1 / (1 + std::exp(-result.value));
    return result;
}

/// One step down the gradient of the cross-entropy; returns the loss before it.
float learn(Net& net, float x, float y, float rate) {
    const float wanted = x * y > 0 ? 1.0f : 0.0f;
    const Answer now = answer(net, x, y);
    const float error = now.value - wanted;
    for (std::size_t i = 0; i < now.hidden.size(); ++i) {
        const float back = error * net.output.kernel(i, 0) * (1 - now.hidden[i] * now.hidden[i]);
        net.output.kernel(i, 0) -= rate * error * now.hidden[i];
        net.hidden.kernel(0, i) -= rate * back * x;
        net.hidden.kernel(1, i) -= rate * back * y;
        net.hidden.bias[i] -= rate * back;
    }
    net.output.bias[0] -= rate * error;
    return -std::log(std::max(wanted > 0 ? now.value : 1 - now.value, 1e-7f));
}

float random_number(std::mt19937& random) {
    return static_cast<float>(random()) / 2147483648.0f - 1;  // -1 to 1
}

Net fresh() {
    Net net{{ballast::Array<float>({2, 8}), ballast::Array<float>({8})},
            {ballast::Array<float>({8, 1}), ballast::Array<float>({1})}};
    std::mt19937 random(1);
    for (auto* kernel : {&net.hidden.kernel, &net.output.kernel})
        for (float& weight : *kernel)
            weight = random_number(random);
    return net;
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const std::string folder = argv[1];
    const auto epochs = static_cast<std::uint64_t>(std::atoi(argv[2]));
    try {
        Net net = fresh();
        ballast::BackupAndRestore backup(folder + "/backup");
        ballast::ModelCheckpoint checkpoints(
            folder + "/{epoch:03d}-{loss:.2f}.weights.h5",
            {.monitor = "loss", .max_to_keep = 1, .keep_best = 1, .asynchronous = true});

        std::uint64_t epoch = 0;
        if (const auto state = backup.restore(net)) epoch = state->epoch;
        for (; epoch < epochs; ++epoch) {
            std::mt19937 random(static_cast<unsigned>(epoch));
            float loss = 0;
            for (int example = 0; example < 500; ++example) {
                const float x = random_number(random), y = random_number(random);
                loss += learn(net, x, y, 0.1f) / 500;
            }
            std::printf("epoch %d: %s\n", static_cast<int>(epoch + 1), loss < 0.5f ? "learning" : "guessing");
            std::fflush(stdout);
            checkpoints.on_epoch_end(net, epoch, {{"loss", loss}});
            backup.save(net, {epoch + 1, 0, {}});
        }
        checkpoints.wait();
        backup.remove();
        ballast::save_weights(net, folder + "/final.weights.h5", {.overwrite = true});
        for (const float y : {-0.5f, -0.1f, 0.2f})
            std::printf("0.5 and %.1f: %.3f\n", static_cast<double>(y),
                        static_cast<double>(answer(net, 0.5f, y).value));
    } catch (const ballast::Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.hint().c_str());
        return 1;
    }
}
