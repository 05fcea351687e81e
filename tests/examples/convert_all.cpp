// SPDX-License-Identifier: Apache-2.0
// convert_all FROM TO: every .h5 of a folder as .safetensors in another. Ctrl-C stops: what is done stays,
// and nothing half done is left. Started again, it goes on with what is missing.
#include <ballast/ballast.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

volatile std::sig_atomic_t stopped = 0;

void stop(int) {
    stopped = 1;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".h5") found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

/// One line that grows: "net.h5: 10% 20% …".
ballast::ProgressCallback show_tenths() {
    return [shown = 0](const ballast::Progress& progress) mutable {
        if (progress.total_bytes == 0) return;
        for (const int tenth = static_cast<int>(10 * progress.done_bytes / progress.total_bytes);
             shown < tenth;)
            std::printf(" %d0%%", ++shown);
        std::fflush(stdout);
    };
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::signal(SIGINT, stop);
    int failed = 0;
    for (const auto& source : files_in(argv[1])) {
        const auto target =
            std::filesystem::path(argv[2]) / source.filename().replace_extension(".safetensors");
        if (std::filesystem::exists(target)) continue;
        std::printf("%s:", source.filename().c_str());
        std::fflush(stdout);
        ballast::ConvertOptions options;
        options.save.weights_only = true;
        options.allow_loss = {"all"};
        options.write.progress = show_tenths();
        options.write.cancel = [] { return stopped != 0; };
        const auto done = ballast::try_convert(source, target, options);
        if (!done && done.error().code() == ballast::ErrorCode::cancelled) {
            std::printf(" stopped\n");
            return 130;
        }
        std::printf(" %s\n", done ? "done" : done.error().what());
        failed += !done;
    }
    return failed > 0;
}
