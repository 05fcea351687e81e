// SPDX-License-Identifier: Apache-2.0
// h5forge: writes the HDF5 files described on standard input with hdf5::Builder, for tests that judge them
// elsewhere.
//
// One command a line, words separated by blanks. Names, text and bytes are "x" and hexadecimal digits;
// objects are numbered from 0, the root, in the order of their lines; a shape is "()" or "(2,3)".
//   group PARENT NAME             dataset PARENT NAME DTYPE SHAPE BYTES        string OBJECT NAME ascii|utf8
//   TEXT list OBJECT NAME TEXT…        number OBJECT NAME DTYPE SHAPE BYTES         write PATH   (and the
//   next file begins)
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/error.h"
#include "container/hdf5/write.h"
#include "support/render_plan.h"

namespace {

using ballast::hdf5::Builder;

class Words {
public:
    explicit Words(std::string_view line) : rest_(line) {}
    bool more() const { return !rest_.empty(); }
    std::string_view next() {
        if (rest_.empty()) throw std::invalid_argument("a word is missing");
        const std::size_t end = std::min(rest_.find(' '), rest_.size());
        const std::string_view word = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return word;
    }
    std::uint64_t number() { return number_of(next()); }
    std::string text() {
        const std::string_view word = next();
        if (word.empty() || word[0] != 'x') throw std::invalid_argument("text does not begin with x");
        std::string text((word.size() - 1) / 2, '\0');
        for (std::size_t i = 0; i < text.size(); ++i) {
            text[i] = static_cast<char>(number_of(word.substr(1 + 2 * i, 2), 16));
        }
        return text;
    }
    std::vector<std::byte> bytes() {
        const std::string raw = text();
        const auto view = std::as_bytes(std::span(raw));
        return {view.begin(), view.end()};
    }
    ballast::DType dtype() {
        const std::string_view word = next();
        const auto found = ballast::dtype_from_name(word);
        if (!found) throw std::invalid_argument("no such dtype: " + std::string(word));
        return *found;
    }
    ballast::Shape shape() {
        std::string_view word = next();
        std::vector<std::uint64_t> dims;
        for (word = word.substr(1, word.size() - 2); !word.empty();) {
            const std::size_t end = std::min(word.find(','), word.size());
            dims.push_back(number_of(word.substr(0, end)));
            word.remove_prefix(std::min(end + 1, word.size()));
        }
        return ballast::Shape(dims);
    }

private:
    static std::uint64_t number_of(std::string_view word, int base = 10) {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
        if (error != std::errc() || end != word.data() + word.size()) {
            throw std::invalid_argument("not a number: " + std::string(word));
        }
        return value;
    }
    std::string_view rest_;
};

/// One file at a time: the builder, and its objects by the number of their line.
class Forge {
public:
    void run(std::string_view line) {
        Words words(line);
        const std::string_view command = words.next();
        if (command == "write") return write(words.text());
        const Builder::Id object = objects_.at(words.number());
        const std::string name = words.text();
        if (command == "group") {
            objects_.push_back(builder_.group(object, name));
        } else if (command == "dataset") {
            const ballast::DType dtype = words.dtype();
            ballast::Shape shape = words.shape();
            objects_.push_back(builder_.dataset(
                object, name, ballast::test::tensor(dtype, std::move(shape), words.bytes())));
        } else if (command == "string") {
            const bool utf8 = words.next() == "utf8";
            builder_.attribute(object, name, words.text(),
                               utf8 ? Builder::Charset::utf8 : Builder::Charset::ascii);
        } else if (command == "list") {
            std::vector<std::string> values;
            while (words.more())
                values.push_back(words.text());
            builder_.name_list(object, name, values);
        } else if (command == "number") {
            const ballast::DType dtype = words.dtype();
            const ballast::Shape shape = words.shape();
            builder_.attribute(object, name, dtype, shape, words.bytes());
        } else {
            throw std::invalid_argument("no such command: " + std::string(command));
        }
    }

private:
    void write(const std::string& path) {
        std::ofstream out(path, std::ios::binary | std::ios::trunc);
        const ballast::PlannedFile file = builder_.plan(path);
        std::uint64_t end = 0;
        ballast::test::render(file, [&](std::uint64_t offset, std::span<const std::byte> bytes) {
            out.seekp(static_cast<std::streamoff>(offset));
            out.write(reinterpret_cast<const char*>(bytes.data()),
                      static_cast<std::streamsize>(bytes.size()));
            end = std::max(end, offset + bytes.size());
        });
        for (; end < file.size; ++end)
            out.put('\0');
        if (!out.flush()) throw std::runtime_error("cannot write " + path);
        objects_ = {builder_.root()};
    }
    Builder builder_;
    std::vector<Builder::Id> objects_{0};
};

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    Forge forge;
    std::string line;
    for (std::uint64_t number = 1; std::getline(std::cin, line); ++number) {
        try {
            forge.run(line);
        } catch (const std::exception& error) {
            std::cerr << "h5forge: line " << number << ": " << error.what() << '\n';
            return 1;
        }
    }
}
