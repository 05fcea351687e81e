// SPDX-License-Identifier: Apache-2.0
// Reading and writing the state file, see state_text.h.
#include "container/bundle/state_text.h"

#include <algorithm>

namespace ballast::bundle {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\'' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n' || c == '\r' || c == '\t') {
            out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
        } else if (byte < 0x20 || byte >= 0x7f) {
            out += '\\';
            for (int shift = 6; shift >= 0; shift -= 3)
                out += static_cast<char>('0' + ((byte >> shift) & 7));
        } else {
            out += c;
        }
    }
    return out + '"';
}

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The text format of protocol buffers, as far as a state file has it.
class StateReader {
public:
    explicit StateReader(std::string_view text) : rest_(text) {}

    StateFile run() {
        StateFile state;
        while (true) {
            skip_space();
            const std::string_view name = word();
            if (name.empty()) break;
            skip_space();
            take(':');
            skip_space();
            if (!value(name, state)) break;
            skip_space();
            if (!take(',')) take(';');
        }
        if (state.times.size() != state.all.size()) state.times.clear();
        return state;
    }

private:
    bool at_end() const { return rest_.empty(); }
    bool take(char c) {
        if (at_end() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    void skip_space() {
        while (!at_end()) {
            if (rest_.front() == '#')
                rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
            else if (std::string_view(" \t\r\n\v\f").find(rest_.front()) != std::string_view::npos)
                rest_.remove_prefix(1);
            else
                return;
        }
    }

    /// A name or a number.
    std::string_view word() {
        std::size_t length = 0;
        while (length < rest_.size() &&
               (hex_value(rest_[length]) >= 0 || rest_[length] == '_' || rest_[length] == '.' ||
                rest_[length] == '+' || rest_[length] == '-' ||
                ((rest_[length] | 0x20) >= 'a' && (rest_[length] | 0x20) <= 'z')))
            ++length;
        const std::string_view found = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return found;
    }

    bool at_quote() const { return !at_end() && (rest_.front() == '"' || rest_.front() == '\''); }

    bool value(std::string_view name, StateFile& state) {
        if (at_quote()) {
            std::string text;
            while (at_quote()) {
                if (!quoted_text(text)) return false;
                skip_space();
            }
            if (name == "model_checkpoint_path")
                state.latest = std::move(text);
            else if (name == "all_model_checkpoint_paths")
                state.all.push_back(std::move(text));
            return true;
        }
        if (take('[')) return list(name, state);
        if (!at_end() && (rest_.front() == '{' || rest_.front() == '<')) return skip_message();
        const std::string_view number = word();
        if (number.empty()) return false;
        if (name == "all_model_checkpoint_timestamps") state.times.emplace_back(number);
        if (name == "last_preserved_timestamp") state.last_preserved = number;
        return true;
    }

    bool list(std::string_view name, StateFile& state) {
        while (true) {
            skip_space();
            if (take(']')) return true;
            if (at_end() || rest_.front() == '[' || !value(name, state)) return false;
            skip_space();
            take(',');
        }
    }

    bool skip_message() {
        std::size_t depth = 0;
        do {
            skip_space();
            std::string ignored;
            if (at_end()) return false;
            if (at_quote()) {
                if (!quoted_text(ignored)) return false;
                continue;
            }
            const char c = rest_.front();
            if (c == '{' || c == '<') ++depth;
            if (c == '}' || c == '>') --depth;
            rest_.remove_prefix(1);
        } while (depth != 0);
        return true;
    }

    /// Adds the string in quotes that comes next; false when it does not end.
    bool quoted_text(std::string& out) {
        const char quote = rest_.front();
        rest_.remove_prefix(1);
        while (!at_end()) {
            const char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == quote) return true;
            if (c != '\\')
                out += c;
            else if (!escaped(out))
                return false;
        }
        return false;
    }

    bool escaped(std::string& out) {
        if (at_end()) return false;
        const char c = rest_.front();
        if (is_octal(c)) {
            unsigned code = 0;
            for (int digits = 0; digits < 3 && !at_end() && is_octal(rest_.front()); ++digits) {
                code = code * 8 + static_cast<unsigned>(rest_.front() - '0');
                rest_.remove_prefix(1);
            }
            out += static_cast<char>(code);
            return true;
        }
        rest_.remove_prefix(1);
        constexpr std::string_view letters = "abfnrtv", meanings = "\a\b\f\n\r\t\v";
        if (const std::size_t at = letters.find(c); at != std::string_view::npos) {
            out += meanings[at];
        } else if (c == 'x' && !at_end() && hex_value(rest_.front()) >= 0) {
            int code = 0;
            for (int digits = 0; digits < 2 && !at_end() && hex_value(rest_.front()) >= 0; ++digits) {
                code = code * 16 + hex_value(rest_.front());
                rest_.remove_prefix(1);
            }
            out += static_cast<char>(code);
        } else {
            out += c;
        }
        return true;
    }

    std::string_view rest_;
};

}  // namespace

StateFile read_state(std::string_view text) {
    return StateReader(text).run();
}

std::string write_state(const StateFile& state) {
    std::string out = "model_checkpoint_path: " + quoted(state.latest) + "\n";
    for (const std::string& path : state.all)
        out += "all_model_checkpoint_paths: " + quoted(path) + "\n";
    for (const std::string& time : state.times)
        out += "all_model_checkpoint_timestamps: " + time + "\n";
    if (!state.last_preserved.empty()) out += "last_preserved_timestamp: " + state.last_preserved + "\n";
    return out;
}

std::string state_text(std::string_view prefix) {
    StateFile state;
    state.latest = prefix;
    state.all = {state.latest};
    return write_state(state);
}

}  // namespace ballast::bundle
