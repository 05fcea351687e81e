// SPDX-License-Identifier: Apache-2.0
// Finding models, see sources.h.
#include "sources.h"

#include <glob.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <system_error>

#include "ballast/error.h"
#include "ballast/registry.h"
#include "dialect/model_folder.h"
#include "dialect/shard_names.h"

namespace ballast::tool {
namespace {

namespace fs = std::filesystem;

/// The index of a TensorFlow checkpoint that was saved as "folder/".
constexpr std::string_view nameless_index = ".index";

bool is_there(const fs::path& path) {
    std::error_code unknown;
    return fs::exists(path, unknown);
}

bool is_folder(const fs::path& path) {
    std::error_code unknown;
    return fs::is_directory(path, unknown);
}

bool is_link(const fs::path& path) {
    std::error_code unknown;
    return fs::is_symlink(path, unknown);
}

bool is_model(const fs::path& folder) {
    return is_model_folder([&](std::string_view part) { return is_there(folder / part); });
}

std::string lower_case(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

/// In whatever case it is written: "MODEL.H5".
bool has_known_suffix(const fs::path& path) {
    const std::string name = lower_case(path.filename().string());
    for (const FormatInfo* info : Registry::current().infos())
        for (const std::string_view extension : info->extensions)
            if (name.size() > extension.size() && name.ends_with(extension)) return true;
    return false;
}

bool is_shard(const fs::path& path) {
    const std::string manifest = manifest_of_shard(path.filename().native());
    return !manifest.empty() && is_there(path.parent_path() / manifest);
}

class Walk {
public:
    Walk(Search search, std::vector<FoundSource>& found) : search_(search), found_(found) {}

    void folder(const fs::path& root) {
        if (is_model(root)) {
            found_.push_back({root, own_name(root)});
            return;
        }
        std::vector<fs::path> pending = {root};
        while (!pending.empty()) {
            const fs::path at = std::move(pending.back());
            pending.pop_back();
            std::vector<fs::path> below;
            for (const fs::path& path : entries(at)) {
                if (!is_folder(path) || is_model(path))
                    entry(root, path);
                else if (!is_link(path))
                    below.push_back(path);
                else if (search_ == Search::files)
                    entry(root, path);  // what it leads to is looked at, but not searched for models
            }
            pending.insert(pending.end(), below.rbegin(), below.rend());
        }
    }

    static fs::path own_name(const fs::path& path) {
        const fs::path whole = path.has_filename() ? path : path.parent_path();
        return whole.filename() == "." || whole.filename() == ".." ? fs::weakly_canonical(whole).filename()
                                                                   : whole.filename();
    }

private:
    /// Sorted. Hidden ones are no models, but may hold anything. A TensorFlow prefix may end with '/'.
    std::vector<fs::path> entries(const fs::path& folder) const {
        std::vector<fs::path> paths;
        std::error_code failure;
        for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
            const std::string name = at->path().filename().string();
            if (search_ == Search::models && name.starts_with('.') && name != nameless_index) continue;
            paths.push_back(at->path());
        }
        if (failure)
            throw Error(ErrorCode::unreadable, "the folder cannot be listed: " + failure.message())
                .in(folder.string());
        std::sort(paths.begin(), paths.end());
        return paths;
    }

    void entry(const fs::path& root, const fs::path& path) {
        const std::string name = path.filename().string();
        const auto add = [&](const fs::path& source) {
            if (taken_.insert(source).second) found_.push_back({source, source.lexically_relative(root)});
        };
        if (is_folder(path) || search_ == Search::files) return add(path);
        if (is_shard(path)) return;
        if (name == nameless_index) {
            // Its folder's name is the only one it has.
            const fs::path folder = path.parent_path();
            found_.push_back({path, folder == root ? own_name(root) : folder.lexically_relative(root)});
            return;
        }
        if (name.ends_with(".index") && name.size() > 6) {
            fs::path prefix = path;
            return add(prefix.replace_filename(name.substr(0, name.size() - 6)));
        }
        if (has_known_suffix(path)) add(path);
    }

    Search search_;
    std::vector<FoundSource>& found_;
    std::set<fs::path> taken_;
};

std::vector<std::string> matches(const std::string& pattern) {
    std::vector<std::string> paths;
    glob_t result{};
    if (::glob(pattern.c_str(), 0, nullptr, &result) == 0)
        paths.assign(result.gl_pathv, result.gl_pathv + result.gl_pathc);
    ::globfree(&result);
    return paths;
}

}  // namespace

std::string name_with_suffix(const fs::path& path, const FormatInfo& format) {
    std::string name = path.string();
    const std::string lower = lower_case(name);
    std::string_view longest;
    for (const FormatInfo* info : Registry::current().infos()) {
        for (const std::string_view extension : info->extensions) {
            if (lower.ends_with(extension) && extension.size() > longest.size() &&
                extension.size() < name.size())
                longest = extension;
        }
    }
    name.resize(name.size() - longest.size());
    // The last one is that of a single file: ".safetensors" behind ".safetensors.index.json".
    return name + (format.extensions.empty() ? std::string() : std::string(format.extensions.back()));
}

std::vector<FoundSource> find_sources(const std::vector<std::string>& words, Search search) {
    std::vector<FoundSource> found;
    const auto add = [&](const std::string& word) {
        if (is_folder(word))
            Walk(search, found).folder(word);
        else
            found.push_back({word, Walk::own_name(word)});
    };
    for (const std::string& word : words) {
        if (is_there(word) || word.find_first_of("*?[") == word.npos) {
            add(word);
            continue;
        }
        const std::vector<std::string> paths = matches(word);
        if (paths.empty()) throw Error(ErrorCode::not_found, "no file matches").in(word);
        for (const std::string& path : paths)
            add(path);
    }
    return found;
}

}  // namespace ballast::tool
