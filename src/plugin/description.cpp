// SPDX-License-Identifier: Apache-2.0
// Checking what a plugin says of itself, see description.h.
#include "plugin/description.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ballast/error.h"
#include "core/text.h"

namespace ballast::plugin {
namespace {

constexpr std::size_t longest_id = 32, longest_text = 500, most_words = 16;

// The numbers of the ABI are ours plus one.
constexpr int first_number = BALLAST_BOOL;
static_assert(static_cast<int>(DType::boolean) + first_number == BALLAST_BOOL);
static_assert(static_cast<int>(DType::uint4) + first_number == BALLAST_UINT4);
static_assert(static_cast<int>(DType::uint64) + first_number == BALLAST_UINT64);
static_assert(static_cast<int>(DType::float8_e5m2) + first_number == BALLAST_FLOAT8_E5M2);
static_assert(static_cast<int>(DType::bfloat16) + first_number == BALLAST_BFLOAT16);
static_assert(static_cast<int>(DType::complex128) + first_number == BALLAST_COMPLEX128);

Error nonsense(const std::string& path, std::string message) {
    return Error(ErrorCode::unsupported, "the plugin " + std::move(message))
        .in(path)
        .hint("ask who made the plugin; docs/write_a_plugin.md says what it must export");
}

std::string text(const std::string& path, const char* from, std::string_view what, std::size_t longest) {
    if (from == nullptr) throw nonsense(path, "gives no " + std::string(what));
    std::string copy(from, strnlen(from, longest + 1));
    if (copy.empty() || copy.size() > longest || !is_utf8(copy) || escape(copy) != copy)
        throw nonsense(path, "gives a " + std::string(what) + " that is empty, too long or not plain text");
    return copy;
}

bool is_id(std::string_view word) {
    return word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

std::vector<std::string> words(const std::string& path, const char* const* list, std::string_view what) {
    std::vector<std::string> copies;
    for (; list != nullptr && *list != nullptr; ++list) {
        if (copies.size() == most_words)
            throw nonsense(path,
                           "gives more than " + std::to_string(most_words) + " " + std::string(what) + "s");
        copies.push_back(text(path, *list, what, longest_id));
    }
    return copies;
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

}  // namespace

std::optional<DType> dtype_of_number(std::int32_t number) noexcept {
    if (number < BALLAST_BOOL || number > BALLAST_COMPLEX128) return std::nullopt;
    return static_cast<DType>(number - first_number);
}

std::int32_t number_of_dtype(DType dtype) noexcept {
    return static_cast<std::int32_t>(dtype) + first_number;
}

Description::Description(const ballast_plugin& plugin, std::string path) : path_(std::move(path)) {
    // Of another version only the first two members have a known meaning.
    if (plugin.abi != BALLAST_PLUGIN_ABI)
        throw nonsense(path_, "was built for version " + std::to_string(plugin.abi) +
                                  " of the plugin ABI; this Ballast takes version " +
                                  std::to_string(BALLAST_PLUGIN_ABI));
    if (plugin.struct_size < sizeof(ballast_plugin))
        throw nonsense(path_, "says that its description has " + std::to_string(plugin.struct_size) +
                                  " bytes, version 1 has " + std::to_string(sizeof(ballast_plugin)));
    std::memcpy(&plugin_, &plugin, sizeof plugin_);
    id_ = text(path_, plugin.id, "id", longest_id);
    version_ = text(path_, plugin.version, "version", longest_id);
    title_ = text(path_, plugin.title, "title", longest_text);
    looked_for_ = text(path_, plugin.looked_for, "text of what it looks for", longest_text);
    aliases_ = words(path_, plugin.aliases, "alias");
    extensions_ = words(path_, plugin.extensions, "suffix");
    if (!is_id(id_) || !std::all_of(aliases_.begin(), aliases_.end(), is_id))
        throw nonsense(path_, "has an id of other letters than a-z, 0-9 and _");
    for (const std::string& extension : extensions_)
        if (extension.size() < 2 || !extension.starts_with('.') || extension.find('/') != std::string::npos)
            throw nonsense(path_, "gives the suffix '" + extension + "'; suffixes begin with a dot");
    std::stable_sort(extensions_.begin(), extensions_.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
    const bool reads = plugin.open != nullptr && plugin.probe != nullptr;
    if (!reads && plugin.plan == nullptr) throw nonsense(path_, "can neither read nor write");
    copy_dtypes(plugin);
    alias_views_ = views(aliases_);
    extension_views_ = views(extensions_);
    flavor_ = {"", dtypes_};
    const bool keeps = keeps_model();
    who_ = id_ + " " + version_ + " (" + path_ + ")";
    info_.id = id_;
    info_.aliases = alias_views_;
    info_.extensions = extension_views_;
    info_.title = title_;
    info_.can.read = info_.can.detect = reads;
    info_.can.write = plugin.plan != nullptr;
    info_.can.layers = info_.can.config = info_.can.optimizer = info_.can.metrics = keeps;
    info_.flavors = {&flavor_, 1};
}

void Description::copy_dtypes(const ballast_plugin& plugin) {
    if (plugin.dtypes == nullptr || plugin.dtype_count == 0 ||
        plugin.dtype_count > static_cast<std::uint32_t>(dtype_count))
        throw nonsense(path_, "lists no element types, or too many");
    for (std::uint32_t i = 0; i < plugin.dtype_count; ++i) {
        const auto dtype = dtype_of_number(plugin.dtypes[i]);
        if (!dtype || std::find(dtypes_.begin(), dtypes_.end(), *dtype) != dtypes_.end())
            throw nonsense(path_, "lists an element type twice, or one that there is not: " +
                                      std::to_string(plugin.dtypes[i]));
        dtypes_.push_back(*dtype);
    }
}

}  // namespace ballast::plugin
