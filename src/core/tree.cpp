// SPDX-License-Identifier: Apache-2.0
// Tree: an ordered metadata value.
#include "ballast/tree.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "ballast/error.h"

namespace ballast {
namespace {

const Tree& null_tree() noexcept {
    static const Tree value;
    return value;
}

std::string format_double(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    std::array<char, 32> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    std::string text(buffer.data(), result.ptr);
    // Python prints a float as a float: 1 would come back as an integer.
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    return text;
}

template <class Integer>
std::optional<Integer> parse_integer(std::string_view text) noexcept {
    Integer value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

Tree::Tree(std::int64_t value) : value_(Number{std::to_string(value)}) {}
Tree::Tree(std::uint64_t value) : value_(Number{std::to_string(value)}) {}
Tree::Tree(double value) : value_(Number{format_double(value)}) {}

Tree Tree::number(std::string text) {
    Tree tree;
    tree.value_ = Number{std::move(text)};
    return tree;
}

Tree::~Tree() {
    // Hostile nesting must not run through the stack: descendants are moved out and freed one level at a
    // time.
    std::vector<Tree> pending;
    const auto harvest = [&pending](Tree& tree) {
        if (auto* items = std::get_if<Array>(&tree.value_)) {
            for (Tree& item : *items) {
                if (item.size() != 0) pending.push_back(std::move(item));
            }
        } else if (auto* members = std::get_if<Object>(&tree.value_)) {
            for (Member& member : *members) {
                if (member.second.size() != 0) pending.push_back(std::move(member.second));
            }
        }
    };
    if (size() == 0) return;
    harvest(*this);
    while (!pending.empty()) {
        Tree tree = std::move(pending.back());
        pending.pop_back();
        harvest(tree);
        tree.value_ = std::monostate{};
    }
}

std::optional<bool> Tree::as_bool() const noexcept {
    const bool* value = std::get_if<bool>(&value_);
    return value ? std::optional(*value) : std::nullopt;
}
std::optional<std::int64_t> Tree::as_int64() const noexcept {
    return parse_integer<std::int64_t>(number_text());
}
std::optional<std::uint64_t> Tree::as_uint64() const noexcept {
    return parse_integer<std::uint64_t>(number_text());
}

std::optional<double> Tree::as_double() const noexcept {
    const std::string_view text = number_text();
    if (text.empty()) return std::nullopt;
    double value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec == std::errc{} && result.ptr == text.data() + text.size()) return value;
    if (text == "Infinity" || text == "-Infinity") return text.front() == '-' ? -HUGE_VAL : HUGE_VAL;
    if (text == "NaN") return std::nan("");
    return std::nullopt;
}

std::string_view Tree::as_string() const noexcept {
    const auto* text = std::get_if<std::string>(&value_);
    return text ? std::string_view(*text) : std::string_view();
}
std::string_view Tree::number_text() const noexcept {
    const auto* number = std::get_if<Number>(&value_);
    return number ? std::string_view(number->text) : std::string_view();
}
const Tree::Array& Tree::items() const noexcept {
    static const Array none;
    const auto* items = std::get_if<Array>(&value_);
    return items ? *items : none;
}
const Tree::Object& Tree::members() const noexcept {
    static const Object none;
    const auto* members = std::get_if<Object>(&value_);
    return members ? *members : none;
}
std::size_t Tree::size() const noexcept {
    return is_array() ? items().size() : members().size();
}

const Tree* Tree::find(std::string_view key) const noexcept {
    for (const Member& member : members()) {
        if (member.first == key) return &member.second;
    }
    return nullptr;
}
Tree* Tree::find(std::string_view key) noexcept {
    return const_cast<Tree*>(std::as_const(*this).find(key));
}

const Tree& Tree::operator[](std::string_view key) const noexcept {
    const Tree* member = find(key);
    return member ? *member : null_tree();
}
const Tree& Tree::at(std::size_t index) const noexcept {
    return index < items().size() ? items()[index] : null_tree();
}

Tree::Array& Tree::mutable_items() {
    if (is_null()) value_ = Array{};
    if (auto* items = std::get_if<Array>(&value_)) return *items;
    throw Error(ErrorCode::invalid_argument, "a metadata value that is no array was used as one");
}
Tree::Object& Tree::mutable_members() {
    if (is_null()) value_ = Object{};
    if (auto* members = std::get_if<Object>(&value_)) return *members;
    throw Error(ErrorCode::invalid_argument, "a metadata value that is no object was used as one");
}

Tree& Tree::set(std::string_view key, Tree value) {
    Object& members = mutable_members();
    if (Tree* member = find(key)) {
        *member = std::move(value);
        return *member;
    }
    members.emplace_back(std::string(key), std::move(value));
    return members.back().second;
}

Tree& Tree::push_back(Tree value) {
    Array& items = mutable_items();
    items.push_back(std::move(value));
    return items.back();
}

bool Tree::erase(std::string_view key) {
    Object& members = mutable_members();
    return std::erase_if(members, [key](const Member& member) { return member.first == key; }) > 0;
}

bool operator==(const Tree& a, const Tree& b) noexcept {
    // Iterative for the same reason as the destructor.
    std::vector<std::pair<const Tree*, const Tree*>> pending = {{&a, &b}};
    while (!pending.empty()) {
        const auto [x, y] = pending.back();
        pending.pop_back();
        if (x->kind() != y->kind() || x->size() != y->size()) return false;
        if (x->is_array()) {
            for (std::size_t i = 0; i < x->size(); ++i)
                pending.emplace_back(&x->items()[i], &y->items()[i]);
        } else if (x->is_object()) {
            for (std::size_t i = 0; i < x->size(); ++i) {
                if (x->members()[i].first != y->members()[i].first) return false;
                pending.emplace_back(&x->members()[i].second, &y->members()[i].second);
            }
        } else if (x->as_bool() != y->as_bool() || x->as_string() != y->as_string() ||
                   x->number_text() != y->number_text()) {
            return false;
        }
    }
    return true;
}

}  // namespace ballast
