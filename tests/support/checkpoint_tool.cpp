// SPDX-License-Identifier: Apache-2.0
// Plays what the interop tests script, line by line from the standard input:
//
//   open FILEPATH [monitor=NAME] [mode=min|max] [best_only=1] [freq=N] [threshold=X] [missing=save]
//                 [whole=1] [config=FILE] [keep=N]
//   epoch N [NAME=VALUE]…     batch EPOCH N [NAME=VALUE]…     a ModelCheckpoint's calls, the n-th with the
//   weight n integer VALUE<tab>SPEC    float VALUE<tab>SPEC            prints format(VALUE, SPEC), or "error"
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "ballast/ballast.h"
#include "ballast/weights.h"
#include "checkpoint/format_spec.h"

namespace network {

struct Dense {
    ballast::Array<float> kernel{};
};
struct Net {
    Dense dense{ballast::Array<float>({1, 1})};
};

}  // namespace network

namespace {

double number(const std::string& text) {
    return std::strtod(text.c_str(), nullptr);
}

/// name=value words until the end of the line.
std::map<std::string, std::string> pairs(std::istream& words) {
    std::map<std::string, std::string> result;
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        result[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return result;
}

class Player {
public:
    void play(const std::string& line) {
        std::istringstream words(line);
        std::string verb;
        words >> verb;
        if (verb == "open") return open(words);
        if (verb == "integer" || verb == "float") return format(verb, line.substr(verb.size() + 1));
        std::uint64_t epoch = 0, batch = 0;
        words >> epoch;
        if (verb == "batch") words >> batch;
        ballast::Logs logs;
        for (const auto& [name, value] : pairs(words))
            logs[name] = number(value);
        net_.dense.kernel[0] += 1;
        if (verb == "batch") {
            saver_->on_batch_end(net_, epoch, batch, logs);
        } else {
            saver_->on_epoch_end(net_, epoch, logs);
        }
    }

private:
    void open(std::istream& words) {
        std::string path;
        words >> path;
        auto given = pairs(words);
        ballast::CheckpointOptions options;
        if (given.contains("monitor")) options.monitor = given["monitor"];
        if (given["mode"] == "min") options.mode = ballast::MonitorMode::min;
        if (given["mode"] == "max") options.mode = ballast::MonitorMode::max;
        options.save_best_only = given["best_only"] == "1";
        if (given.contains("freq")) options.save_freq = static_cast<std::uint64_t>(number(given["freq"]));
        if (given.contains("threshold")) options.initial_value_threshold = number(given["threshold"]);
        if (given["missing"] == "save") options.when_missing = ballast::MissingMonitor::save;
        if (given.contains("keep")) options.max_to_keep = static_cast<std::size_t>(number(given["keep"]));
        options.save_weights_only = given["whole"] != "1";
        if (given.contains("config")) {
            std::ifstream file(given["config"]);
            options.save.config.assign(std::istreambuf_iterator<char>(file), {});
        }
        options.save.durable = false;
        saver_.emplace(path, options);
        net_ = {};
    }

    static void format(const std::string& kind, const std::string& rest) {
        const std::size_t tab = rest.find('\t');
        const std::string value = rest.substr(0, tab), spec = rest.substr(tab + 1);
        try {
            std::cout << (kind == "integer" ? ballast::format_integer(std::stoll(value), spec)
                                            : ballast::format_float(number(value), spec))
                      << '\n';
        } catch (const ballast::Error&) {
            std::cout << "error\n";
        }
    }

    std::optional<ballast::ModelCheckpoint> saver_;
    network::Net net_;
};

}  // namespace

int main() {
    Player player;
    try {
        for (std::string line; std::getline(std::cin, line);)
            player.play(line);
    } catch (const ballast::Error& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
