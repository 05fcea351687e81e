// SPDX-License-Identifier: Apache-2.0
// Error: composing the message, and lookups in the error table.
#include "ballast/error.h"

#include "core/error_table.h"
#include "core/option_names.h"
#include "core/text.h"

namespace ballast {
namespace {

constexpr bool table_is_in_enum_order() {
    for (std::size_t i = 0; i < error_table.size(); ++i) {
        if (static_cast<std::size_t>(error_table[i].code) != i) return false;
    }
    return true;
}
static_assert(table_is_in_enum_order());
static_assert(error_table.size() == static_cast<std::size_t>(ErrorCode::internal) + 1);

const ErrorRow& row(ErrorCode code) noexcept {
    const auto position = static_cast<std::size_t>(code);
    return error_table[position < error_table.size() ? position : error_table.size() - 1];
}

}  // namespace

std::string_view to_string(ErrorCode code) noexcept {
    return row(code).name;
}
ErrorKind kind_of(ErrorCode code) noexcept {
    return row(code).kind;
}
std::string_view describe(ErrorCode code) noexcept {
    return row(code).meaning;
}

Error::Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {
    rebuild();
}

Error& Error::in(std::string_view path) & {
    if (path_.empty()) path_ = path;
    rebuild();
    return *this;
}
Error& Error::at(std::uint64_t offset) & {
    if (!offset_) offset_ = offset;
    rebuild();
    return *this;
}
Error& Error::tensor(std::string_view name) & {
    if (tensor_.empty()) tensor_ = name;
    rebuild();
    return *this;
}
Error& Error::hint(std::string_view text) & {
    if (hint_.empty()) hint_ = with_members(text);
    return *this;
}
Error&& Error::in(std::string_view path) && {
    return std::move(in(path));
}
Error&& Error::at(std::uint64_t offset) && {
    return std::move(at(offset));
}
Error&& Error::tensor(std::string_view name) && {
    return std::move(tensor(name));
}
Error&& Error::hint(std::string_view text) && {
    return std::move(hint(text));
}

const char* Error::what() const noexcept {
    return what_.c_str();
}

void Error::rebuild() {
    what_.clear();
    if (!path_.empty()) what_ += escape(path_) + ": ";
    what_ += escape(message_);
    std::string place;
    if (!tensor_.empty()) place += "tensor '" + escape(tensor_) + "'";
    if (offset_) place += (place.empty() ? "at offset " : ", at offset ") + std::to_string(*offset_);
    if (!place.empty()) what_ += " (" + place + ")";
    what_ += " [";
    what_ += to_string(code_);
    what_ += "]";
}

}  // namespace ballast
