// SPDX-License-Identifier: Apache-2.0
// Tree to JSON text as Python's json.dumps writes it.
#include <array>
#include <vector>

#include "container/json/json.h"
#include "container/json/utf8.h"

namespace ballast::json {
namespace {

void append_escape(std::string& out, std::uint32_t unit) {
    static constexpr std::string_view digits = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
        out += digits[unit >> static_cast<unsigned>(shift) & 15U];
}

/// The letter of a short escape, or 0.
constexpr char short_escape(std::uint32_t code) {
    switch (code) {
        case '"':
            return '"';
        case '\\':
            return '\\';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        case '\f':
            return 'f';
        case '\b':
            return 'b';
        default:
            return 0;
    }
}

void append_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t position = 0;
    while (position < text.size()) {
        std::uint32_t code = utf8::decode(text, position);
        if (code == utf8::invalid) code = 0xfffd;
        if (const char letter = short_escape(code); letter != 0) {
            out += '\\';
            out += letter;
        } else if (code >= 0x20 && code < 0x7f) {
            out += static_cast<char>(code);
        } else if (code < 0x10000) {
            append_escape(out, code);
        } else {
            append_escape(out, 0xd800 + ((code - 0x10000) >> 10));
            append_escape(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
        }
    }
    out += '"';
}

/// A container being written and how many of its entries are done.
struct Open {
    const Tree* tree;
    std::size_t done = 0;
};

class Writer {
public:
    Writer(std::string& out, unsigned indent) : out_(out), indent_(indent) {}

    void write(const Tree& root) {
        begin(root);
        while (!open_.empty())
            step();
    }

private:
    /// Writes a scalar or empty container, or opens a container.
    void begin(const Tree& tree) {
        switch (tree.kind()) {
            case Tree::Kind::null:
                out_ += "null";
                return;
            case Tree::Kind::boolean:
                out_ += *tree.as_bool() ? "true" : "false";
                return;
            case Tree::Kind::number:
                out_ += tree.number_text();
                return;
            case Tree::Kind::string:
                append_string(out_, tree.as_string());
                return;
            case Tree::Kind::array:
                out_ += '[';
                break;
            case Tree::Kind::object:
                out_ += '{';
                break;
        }
        if (tree.size() == 0)
            close(tree);
        else
            open_.push_back({&tree});
    }
    void close(const Tree& tree) { out_ += tree.is_array() ? ']' : '}'; }

    void step() {
        Open& top = open_.back();
        const Tree& tree = *top.tree;
        if (top.done == tree.size()) {
            open_.pop_back();
            new_line();
            close(tree);
            return;
        }
        if (top.done > 0) out_ += indent_ == 0 ? ", " : ",";
        new_line();
        const std::size_t next = top.done++;
        if (tree.is_array()) {
            begin(tree.items()[next]);
        } else {
            append_string(out_, tree.members()[next].first);
            out_ += ": ";
            begin(tree.members()[next].second);
        }
    }
    void new_line() {
        if (indent_ == 0) return;
        out_ += '\n';
        out_.append(indent_ * open_.size(), ' ');
    }

    std::string& out_;
    unsigned indent_;
    std::vector<Open> open_;
};

}  // namespace

std::string write(const Tree& tree, unsigned indent) {
    std::string text;
    Writer(text, indent).write(tree);
    return text;
}

void append(std::string& text, const Tree& tree) {
    Writer(text, 0).write(tree);
}

}  // namespace ballast::json
