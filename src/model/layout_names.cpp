// SPDX-License-Identifier: Apache-2.0
// Names: Python class names as v3 container keys, and the variable names of Keras 1.
#include "model/layout.h"
#include "model/layout_table.h"

namespace ballast::layout {

namespace {

// ASCII on purpose, whatever the locale; bytes of other characters count as word characters, as in Python.
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_word(char c) {
    return is_upper(c) || is_lower(c) || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// "x" before a capitalised word becomes "x_": re.sub("(.)([A-Z][a-z]+)", r"\1_\2", text).
std::string split_words(std::string_view text) {
    std::string out;
    std::size_t i = 0;
    while (i < text.size()) {
        out += text[i++];
        if (text[i - 1] == '\n' || i + 1 >= text.size() || !is_upper(text[i]) || !is_lower(text[i + 1]))
            continue;
        out += '_';
        out += text[i++];
        while (i < text.size() && is_lower(text[i]))
            out += text[i++];
    }
    return out;
}

/// A small letter before a capital becomes "x_": re.sub("([a-z])([A-Z])", r"\1_\2", text), and lower case.
std::string split_capitals(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i != 0 && is_lower(text[i - 1]) && is_upper(text[i])) out += '_';
        out += is_upper(text[i]) ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    }
    return out;
}

}  // namespace

std::string snake_case(std::string_view class_name, Framework framework) {
    std::string kept;
    for (const char c : class_name)
        if (framework == Framework::tf_keras || is_word(c)) kept += c;
    std::string snake = split_capitals(split_words(kept));
    if (framework == Framework::tf_keras && snake.starts_with('_')) snake.insert(0, "private");
    return snake;
}

std::string_view role_of_old_name(std::string_view name) {
    for (const table::Renamed& renamed : table::old_weight_names)
        if (renamed.old_name == name) return renamed.name;
    return name;
}

}  // namespace ballast::layout
