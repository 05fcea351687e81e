// SPDX-License-Identifier: Apache-2.0
// Names of checkpoints as text and numbers, see numbered_name.h.
#include "checkpoint/numbered_name.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace ballast {
namespace {

constexpr std::array<std::string_view, 10> counters = {"epoch", "epochs",    "ep",         "step", "steps",
                                                       "iter",  "iteration", "checkpoint", "ckpt", "cp"};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

/// The word before a number, separators apart, in lower case.
std::string word_before(std::string_view text) {
    while (!text.empty() && !is_letter(text.back()) && !is_digit(text.back()))
        text.remove_suffix(1);
    std::size_t begin = text.size();
    while (begin > 0 && is_letter(text[begin - 1]))
        --begin;
    std::string word(text.substr(begin));
    for (char& c : word)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return word;
}

bool smaller(const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace

NumberedName::NumberedName(std::string_view stem) {
    std::vector<std::string> counted, others;
    for (std::size_t at = 0; at < stem.size();) {
        if (!is_digit(stem[at])) {
            skeleton += stem[at++];
            continue;
        }
        std::size_t end = at;
        while (end < stem.size() && is_digit(stem[end]))
            ++end;
        std::string_view digits = stem.substr(at, end - at);
        while (digits.size() > 1 && digits.front() == '0')
            digits.remove_prefix(1);
        const std::string word = word_before(stem.substr(0, at));
        const bool counts = std::find(counters.begin(), counters.end(), word) != counters.end();
        if (counts) counted.emplace_back(digits);
        others.emplace_back(digits);
        skeleton += '#';
        at = end;
    }
    numbers = std::move(counted);
    numbers.insert(numbers.end(), others.begin(), others.end());
}

bool operator<(const NumberedName& a, const NumberedName& b) {
    return std::lexicographical_compare(a.numbers.begin(), a.numbers.end(), b.numbers.begin(),
                                        b.numbers.end(), smaller);
}

}  // namespace ballast
