// SPDX-License-Identifier: Apache-2.0
// Errors and memory of one call into a plugin, see call.h.
#include "plugin/call.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/checked.h"
#include "core/text.h"

namespace ballast::plugin {
namespace {

struct Row {
    std::int32_t code;
    ErrorCode ours;
};
constexpr Row codes[] = {
    {BALLAST_DAMAGED, ErrorCode::damaged},
    {BALLAST_TRUNCATED, ErrorCode::truncated},
    {BALLAST_CHECKSUM_MISMATCH, ErrorCode::checksum_mismatch},
    {BALLAST_LIMIT_EXCEEDED, ErrorCode::limit_exceeded},
    {BALLAST_UNSUPPORTED, ErrorCode::unsupported},
    {BALLAST_EXTERNAL_REFERENCE, ErrorCode::external_reference},
    {BALLAST_UNSUPPORTED_DTYPE, ErrorCode::unsupported_dtype},
    {BALLAST_INVALID_ARGUMENT, ErrorCode::invalid_argument},
    {BALLAST_OUT_OF_MEMORY, ErrorCode::out_of_memory},
};
constexpr std::size_t longest_message = 2000;

std::int32_t code_for(ErrorCode code) noexcept {
    for (const Row& row : codes)
        if (row.ours == code) return row.code;
    return BALLAST_FAILED;
}

}  // namespace

ErrorCode code_of(std::int32_t code) noexcept {
    for (const Row& row : codes)
        if (row.code == code) return row.ours;
    return ErrorCode::internal;
}

Call::Call(std::string plugin, std::string path, const Limits& limits)
    : plugin_(std::move(plugin)),
      path_(std::move(path)),
      limits_(limits),
      abi_limits_{sizeof(ballast_limits), limits.name_bytes, limits.objects, limits.metadata_bytes,
                  limits.tensor_bytes} {}

Error Call::error(ErrorCode code, std::string message) const {
    return Error(code, std::move(message)).in(path_).hint("the plugin " + plugin_ + " says so");
}

std::int32_t Call::keep(std::exception_ptr failure) noexcept {
    if (!failure_) failure_ = std::move(failure);
    try {
        std::rethrow_exception(failure_);
    } catch (const Error& error) {
        return code_for(error.code());
    } catch (const std::bad_alloc&) {
        return BALLAST_OUT_OF_MEMORY;
    } catch (...) {
        return BALLAST_FAILED;
    }
}

void Call::check(std::int32_t answer) {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (answer != BALLAST_OK)
        throw error(code_of(answer),
                    "the plugin gave up without a reason (code " + std::to_string(answer) + ")")
            .at(0);
}

bool Call::forget(ErrorCode code) noexcept {
    if (!failure_) return false;
    try {
        std::rethrow_exception(failure_);
    } catch (const Error& error) {
        if (error.code() != code) return false;
    } catch (...) {
        return false;
    }
    failure_ = nullptr;
    return true;
}

void* Call::allocate(void* context, std::uint64_t size) {
    Call& call = *static_cast<Call*>(context);
    void* memory = nullptr;
    call.guard([&] {
        const auto taken = checked_add(call.taken_, size);
        if (!taken || *taken > call.limits_.metadata_bytes)
            throw call
                .error(ErrorCode::limit_exceeded,
                       "reading the structure takes more than "
                       "Limits::metadata_bytes allows")
                .at(0);
        auto block =
            std::make_unique<std::byte[]>(static_cast<std::size_t>(std::max<std::uint64_t>(size, 1)));
        memory = block.get();
        call.memory_.push_back(std::move(block));
        call.taken_ = *taken;
    });
    return memory;
}

std::int32_t Call::fail(void* context, std::int32_t code, std::uint64_t offset, const char* message) {
    Call& call = *static_cast<Call*>(context);
    call.guard([&] {
        const std::string text = message ? std::string(message, strnlen(message, longest_message))
                                         : std::string("no reason given");
        Error error = call.error(code_of(code), text);
        if (offset != BALLAST_NOWHERE) error.at(offset);
        throw error;
    });
    return code == BALLAST_OK ? static_cast<std::int32_t>(BALLAST_FAILED) : code;
}

std::string_view text_of(const Call& call, const ballast_text& text, std::uint64_t most,
                         std::string_view what) {
    if (text.size == 0) return {};
    if (text.data == nullptr)
        throw call.error(ErrorCode::internal, std::string(what) + " is null and has a size").at(0);
    if (text.size > most)
        throw call
            .error(ErrorCode::limit_exceeded, std::string(what) + " has " + std::to_string(text.size) +
                                                  " bytes, more than the limits allow")
            .at(0);
    const std::string_view view(text.data, static_cast<std::size_t>(text.size));
    if (!is_utf8(view)) throw call.error(ErrorCode::damaged, std::string(what) + " is not UTF-8").at(0);
    return view;
}

}  // namespace ballast::plugin
