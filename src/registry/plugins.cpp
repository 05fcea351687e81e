// SPDX-License-Identifier: Apache-2.0
// The registry that is in force, and plugins that join it.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "ballast/error.h"
#include "ballast/registry.h"
#include "plugin/foreign_format.h"
#include "plugin/shared_object.h"

namespace ballast {
namespace {

/// Registries and formats are kept to the end: whoever has a reference to one may go on using it.
struct Loaded {
    std::mutex mutex;
    std::vector<std::unique_ptr<const plugin::ForeignFormat>> formats;
    std::vector<std::unique_ptr<const Registry>> registries;
    std::atomic<const Registry*> current{nullptr};
};

Loaded& loaded() {
    static Loaded* const state = new Loaded;  // outlives every static object that may still read a file
    return *state;
}

bool takes(const FormatInfo& info, std::string_view word) {
    return info.id == word || std::find(info.aliases.begin(), info.aliases.end(), word) != info.aliases.end();
}

void check_words_are_free(const Registry& registry, const FormatInfo& fresh, const std::string& path) {
    std::vector<std::string_view> words(fresh.aliases.begin(), fresh.aliases.end());
    words.push_back(fresh.id);
    for (const FormatInfo* known : registry.infos()) {
        for (const std::string_view word : words) {
            if (!takes(*known, word)) continue;
            throw Error(ErrorCode::ambiguous_name, "the plugin is called '" + std::string(word) +
                                                       "', as is the format " + std::string(known->id) +
                                                       " that is there already")
                .in(path)
                .hint("leave one of them out");
        }
    }
}

}  // namespace

const Registry& Registry::current() noexcept {
    const Registry* const registry = loaded().current.load(std::memory_order_acquire);
    return registry ? *registry : builtin();
}

LoadedPlugin Registry::load(const std::filesystem::path& file) {
    const std::filesystem::path path = plugin::checked_path(file);
    Loaded& state = loaded();
    const std::lock_guard lock(state.mutex);
    const Registry& before = current();
    for (const LoadedPlugin& known : before.plugins())
        if (known.path == path) return known;
    auto format =
        std::make_unique<const plugin::ForeignFormat>(plugin::load_shared_object(path), path.string());
    check_words_are_free(before, format->info(), path.string());

    std::vector<const Format*> formats(before.formats().begin(), before.formats().end());
    std::vector<const FormatInfo*> infos(before.infos().begin(), before.infos().end());
    formats.push_back(format.get());
    infos.push_back(&format->info());
    auto registry = std::make_unique<Registry>(std::move(formats), std::move(infos));
    registry->plugins_ = before.plugins_;
    LoadedPlugin fresh{path, format->about().version(), &format->info()};
    registry->plugins_.push_back(fresh);
    state.formats.push_back(std::move(format));
    state.registries.push_back(std::move(registry));
    state.current.store(state.registries.back().get(), std::memory_order_release);
    return fresh;
}

std::vector<LoadedPlugin> Registry::load_folder(const std::filesystem::path& folder) {
    std::vector<LoadedPlugin> fresh;
    for (const std::filesystem::path& file : plugin::shared_objects(folder))
        fresh.push_back(load(file));
    return fresh;
}

}  // namespace ballast
