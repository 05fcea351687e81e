// SPDX-License-Identifier: Apache-2.0
// Names of checkpoints as text and numbers. Pure values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ballast {

/// "epoch-07-0.31" is the skeleton "epoch-#-#.#" and the numbers 7, then 7, 0, 31: those behind a word like
/// epoch or step come first.
struct NumberedName {
    explicit NumberedName(std::string_view stem);

    std::string skeleton;
    std::vector<std::string> numbers;  ///< decimal digits without leading zeros

    /// By the first number that differs. Of names with one skeleton.
    friend bool operator<(const NumberedName& a, const NumberedName& b);
};

}  // namespace ballast
