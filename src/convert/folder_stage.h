// SPDX-License-Identifier: Apache-2.0
// A new folder made beside its final name, which it takes whole in one step.
//
// While it is in use a locked temporary file of the final name stands for it; a folder whose lock is gone was
// left by a crash and is removed by the next stage of that name. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/io.h"

namespace ballast {

class FolderStage {
public:
    /// Makes the empty stage. `mode` is that of the folder it will replace; 0 = a new one.
    FolderStage(std::shared_ptr<io::Fs> fs, std::string folder, std::uint32_t mode);
    /// Removes what is on the stage: the new files, or after publish() the folder they replaced.
    ~FolderStage();
    FolderStage(const FolderStage&) = delete;
    FolderStage& operator=(const FolderStage&) = delete;

    /// "out/variables/x" of the folder "out" -> its name on the stage; folders on the way are made.
    std::string staged(const std::string& name);
    /// Makes the names of all staged files durable.
    void sync();
    /// The stage becomes the folder. `old`: one of that name is there, and is exchanged; where the file
    /// system cannot do that, not_atomic, unless two steps are allowed.
    void publish(bool old, bool allow_nonatomic);

private:
    void remove_abandoned();
    void exchange_in_steps();

    std::shared_ptr<io::Fs> fs_;
    std::string folder_, stage_;
    std::unique_ptr<io::File> lock_;
    std::vector<std::string> folders_;  ///< made on the stage, outer ones first
    bool empty_ = false;                ///< nothing is left on the stage
};

}  // namespace ballast
