// SPDX-License-Identifier: Apache-2.0
// Tree: an ordered metadata value (JSON plus byte-exact numbers), used for model configs, training configs,
// format metadata and options.
//
// Objects keep the order of their keys; numbers keep their text, so NaN, Infinity, 1e400 and 64-bit integers
// survive verbatim. A value type; const use from several threads is safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ballast/export.h"

namespace ballast {

/// A metadata value: null, boolean, number (as its text), string, array or object.
class BALLAST_API Tree {
public:
    /// JSON's kinds.
    enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
    using Array = std::vector<Tree>;              ///< items in order
    using Member = std::pair<std::string, Tree>;  ///< key (UTF-8) and value
    using Object = std::vector<Member>;  ///< in the order they were written; keys are found one by one

    Tree() = default;  ///< null
    /// Copies are deep. What was moved from has unknown content.
    ///@{
    Tree(const Tree&) = default;
    Tree(Tree&&) noexcept = default;
    Tree& operator=(const Tree&) = default;
    Tree& operator=(Tree&&) noexcept = default;
    ///@}
    /// Iterative: freeing a deep tree does not use the stack.
    ~Tree();

    /// Of the kind that fits. A double becomes the shortest text that reads back as it, with a point or an
    /// exponent, as Python prints it; or NaN, Infinity, -Infinity.
    ///@{
    Tree(bool value) : value_(value) {}                          // NOLINT: implicit on purpose
    Tree(const char* text) : value_(std::string(text)) {}        // NOLINT: implicit on purpose
    Tree(std::string_view text) : value_(std::string(text)) {}   // NOLINT: implicit on purpose
    Tree(std::string text) : value_(std::move(text)) {}          // NOLINT: implicit on purpose
    Tree(std::int64_t value);                                    // NOLINT: implicit on purpose
    Tree(std::uint64_t value);                                   // NOLINT: implicit on purpose
    Tree(int value) : Tree(static_cast<std::int64_t>(value)) {}  // NOLINT: implicit on purpose
    Tree(double value);                                          // NOLINT: implicit on purpose
    Tree(Array items) : value_(std::move(items)) {}              // NOLINT: implicit on purpose
    Tree(Object members) : value_(std::move(members)) {}         // NOLINT: implicit on purpose
    ///@}
    /// A number from its text, kept verbatim ("1e400", "NaN", "-Infinity"). Not checked.
    static Tree number(std::string text);
    /// Empty, not null.
    static Tree array() { return Tree(Array{}); }
    /// Empty, not null.
    static Tree object() { return Tree(Object{}); }

    /// What it is.
    ///@{
    Kind kind() const noexcept { return static_cast<Kind>(value_.index()); }
    bool is_null() const noexcept { return kind() == Kind::null; }
    bool is_bool() const noexcept { return kind() == Kind::boolean; }
    bool is_number() const noexcept { return kind() == Kind::number; }
    bool is_string() const noexcept { return kind() == Kind::string; }
    bool is_array() const noexcept { return kind() == Kind::array; }
    bool is_object() const noexcept { return kind() == Kind::object; }
    ///@}

    // Lenient readers: nullopt (or an empty range) when the kind does not fit. Hostile input makes no
    // exception.
    std::optional<bool> as_bool() const noexcept;  ///< of a boolean
    /// Of a number written as an integer ("1.0" is none) that fits.
    ///@{
    std::optional<std::int64_t> as_int64() const noexcept;
    std::optional<std::uint64_t> as_uint64() const noexcept;
    ///@}
    /// Of any number within the range of a double (1e400 is not), NaN and infinities included.
    std::optional<double> as_double() const noexcept;
    /// The text of a string; empty view otherwise.
    std::string_view as_string() const noexcept;
    /// The verbatim text of a number; empty view otherwise.
    std::string_view number_text() const noexcept;
    /// Items of an array, empty otherwise.
    const Array& items() const noexcept;
    /// Members of an object, empty otherwise.
    const Object& members() const noexcept;
    /// Number of items or members; 0 of what has none.
    std::size_t size() const noexcept;

    /// The first member with this key, or nullptr (also when this is no object).
    ///@{
    const Tree* find(std::string_view key) const noexcept;
    Tree* find(std::string_view key) noexcept;
    ///@}
    /// The member with this key, or a shared null value.
    const Tree& operator[](std::string_view key) const noexcept;
    /// The item with this index, or a shared null value.
    const Tree& at(std::size_t index) const noexcept;

    // Builders. Each turns a null into the container it needs; on another kind they throw Error
    // invalid_argument.
    /// Sets or replaces a member, keeping its place; returns the stored value.
    Tree& set(std::string_view key, Tree value);
    /// Appends an item; returns the stored value, valid until the next.
    Tree& push_back(Tree value);
    /// Removes a member; true when it was there.
    bool erase(std::string_view key);
    Array& mutable_items();     ///< the items, to be changed in place
    Object& mutable_members();  ///< the members, to be changed in place; keys are not kept unique

    /// Structural equality; numbers compare by text, members in order.
    BALLAST_API friend bool operator==(const Tree& a, const Tree& b) noexcept;

private:
    struct Number {
        std::string text;
        friend bool operator==(const Number&, const Number&) = default;
    };
    std::variant<std::monostate, bool, Number, std::string, Array, Object> value_;
};

}  // namespace ballast
