// SPDX-License-Identifier: Apache-2.0
// File names with places for values: "run/{epoch:02d}-{val_loss:.2f}.weights.h5".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ballast {

/// As Python's str.format() fills named fields in; `{{` and `}}` stand for braces. A value. Errors:
/// invalid_argument for a template that Python refuses, and for positional fields, parts (`a.b`, `a[0]`) and
/// conversions (`!r`).
class PathTemplate {
public:
    using Value = std::variant<std::int64_t, double>;
    using Values = std::map<std::string, Value, std::less<>>;

    explicit PathTemplate(std::string_view text);

    /// name_not_found for a field that has no value.
    std::string fill(const Values& values) const;
    /// The text with `{name}` for every field: a name for what belongs to the template itself.
    std::string plain() const;
    /// What comes before the first field.
    std::string prefix() const;
    bool has_fields() const noexcept;

private:
    struct Part {
        std::string text;  ///< or the field's name
        std::string spec;
        bool field = false;
    };
    std::string text_;
    std::vector<Part> parts_;
};

}  // namespace ballast
