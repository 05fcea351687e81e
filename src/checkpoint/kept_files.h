// SPDX-License-Identifier: Apache-2.0
// KeptFiles: which saved checkpoints stay, and the small file that remembers them. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ballast/checkpoint.h"

namespace ballast {

class KeptFiles {
public:
    using Time = std::chrono::system_clock::time_point;
    struct Rules {
        std::size_t newest = 0, best = 0;
        std::chrono::seconds every{0};
        bool larger_is_better = false;
        bool any() const { return newest > 0 || best > 0; }
    };
    struct Entry {
        std::filesystem::path path;
        std::uint64_t epoch = 0;
        std::optional<double> value;
        Time time;
        bool for_good = false;
    };

    /// `state` is the file that remembers; `monitor` names what the values are of: those of another quantity
    /// are not taken up.
    KeptFiles(std::filesystem::path state, std::string monitor, Rules rules, Time now);

    /// Takes up what an earlier run left: entries whose files are there, and its best value. A state file
    /// that cannot be read is an error.
    std::optional<double> resume();
    /// A file is about to be saved: should the program end right behind that, the next run knows the file.
    void announce(const Entry& entry, std::optional<double> best) const;
    /// A file was saved (perhaps over one that is in the list): remembers it, and removes what no rule keeps.
    void add(Entry entry, std::optional<double> best);
    const std::vector<Entry>& entries() const noexcept { return entries_; }

private:
    std::vector<Entry> take_condemned();
    void mark_when_due(Entry& entry);
    void write(std::optional<double> best, const Entry* announced = nullptr) const;

    std::filesystem::path state_;
    std::string monitor_;
    Rules rules_;
    Time last_for_good_;
    std::vector<Entry> entries_;
};

/// Removes a checkpoint with all that belongs to it: the members of a set, a TensorFlow prefix's files, a
/// folder's content. What is not there is no error.
void remove_checkpoint(const std::filesystem::path& path);

}  // namespace ballast
