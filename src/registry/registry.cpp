// SPDX-License-Identifier: Apache-2.0
// Registry: choosing a format by id, by content, by file name.
#include "ballast/registry.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ballast/error.h"
#include "registry/format_table.h"

namespace ballast {
namespace {

bool is_called(const FormatInfo& info, std::string_view name) {
    return info.id == name || std::find(info.aliases.begin(), info.aliases.end(), name) != info.aliases.end();
}

std::string listed(std::span<const FormatInfo* const> infos, bool only_writable) {
    std::string text;
    for (const FormatInfo* info : infos) {
        if (only_writable && (!info->can.write || info->can.discards)) continue;
        text += (text.empty() ? "" : ", ") + std::string(info->id);
    }
    return text;
}

/// The format whose extension is the longest suffix of the name; null when none is.
const FormatInfo* by_suffix(std::span<const FormatInfo* const> infos, std::string_view file_name) {
    const FormatInfo* best = nullptr;
    std::size_t longest = 0;
    for (const FormatInfo* info : infos) {
        for (const std::string_view extension : info->extensions) {
            if (extension.size() > longest && file_name.ends_with(extension)) {
                best = info;
                longest = extension.size();
            }
        }
    }
    return best;
}

[[noreturn]] void refuse_left_out(const FormatInfo& info, std::string_view path = {}) {
    throw Error(ErrorCode::backend_missing,
                "the format " + std::string(info.id) + " was left out of this build")
        .in(path)
        .hint("build Ballast with -Dformats=all, or add " + std::string(info.meson_option) + " to -Dformats");
}

bool has_signature(const FormatInfo& info, std::span<const std::byte> head) {
    return std::any_of(info.signatures.begin(), info.signatures.end(), [&](const Signature& signature) {
        return signature.offset <= head.size() && signature.bytes.size() <= head.size() - signature.offset &&
               std::memcmp(head.data() + signature.offset, signature.bytes.data(), signature.bytes.size()) ==
                   0;
    });
}

struct Candidate {
    const Format* format;
    Match match;
};

/// Certain matches by a signature at the start outrank those at the end.
std::vector<Candidate> strongest(const std::vector<Candidate>& candidates) {
    for (const Confidence wanted : {Confidence::certain, Confidence::maybe}) {
        for (const bool at_start : {true, false}) {
            std::vector<Candidate> kept;
            for (const Candidate& candidate : candidates) {
                if (candidate.match.confidence == wanted && candidate.match.at_start == at_start)
                    kept.push_back(candidate);
            }
            if (!kept.empty()) return kept;
        }
    }
    return {};
}

}  // namespace

Registry::Registry(std::vector<const Format*> formats, std::vector<const FormatInfo*> all_infos)
    : formats_(std::move(formats)), infos_(std::move(all_infos)) {}

const Registry& Registry::builtin() {
    static const Registry registry(built_in_formats(), known_formats());
    return registry;
}

const Format& Registry::find(std::string_view id_or_alias) const {
    for (const Format* format : formats_) {
        if (is_called(format->info(), id_or_alias)) return *format;
    }
    for (const FormatInfo* info : infos_) {
        if (is_called(*info, id_or_alias)) refuse_left_out(*info);
    }
    throw Error(ErrorCode::invalid_argument, "there is no format called '" + std::string(id_or_alias) + "'")
        .hint("formats: " + listed(infos_, false));
}

Registry::Detection Registry::detect(Probe& probe) const {
    if (!probe.options().format.empty()) return {&find(probe.options().format), {}};
    const std::string path = probe.location().display();
    std::vector<Candidate> candidates;
    std::string looked_for;
    // Formats with a signature are asked first: where one of them is certain, no look at the file's end can
    // change the answer, and the end may be dear to read or not readable at all.
    bool settled = false;
    for (const bool with_signature : {true, false}) {
        if (settled) break;
        for (const Format* format : formats_) {
            const FormatInfo& info = format->info();
            if (!info.can.detect || info.signatures.empty() == with_signature) continue;
            Match match = format->probe(probe);
            if (!match.reason.empty())
                looked_for += (looked_for.empty() ? "" : "; ") + std::string(info.id) + ": " + match.reason;
            if (match.confidence == Confidence::no) continue;
            settled = settled || (match.confidence == Confidence::certain && match.at_start);
            candidates.push_back({format, std::move(match)});
        }
    }
    candidates = strongest(candidates);
    const FormatInfo* promised = by_suffix(infos_, probe.location().name);
    if (candidates.empty()) refuse_if_left_out(probe, promised);
    if (candidates.size() > 1) {
        const auto told = std::find_if(candidates.begin(), candidates.end(),
                                       [&](const Candidate& c) { return &c.format->info() == promised; });
        if (told != candidates.end()) candidates = {*told};
    }
    if (candidates.empty()) {
        throw Error(ErrorCode::unknown_format, "no format recognises this content; looked for " + looked_for)
            .in(path)
            .hint("name the format with --from if you know it, or check that the file is complete");
    }
    if (candidates.size() > 1) {
        throw Error(ErrorCode::ambiguous_format, "this could be " +
                                                     std::string(candidates[0].format->info().id) + " or " +
                                                     std::string(candidates[1].format->info().id))
            .in(path)
            .hint("name the format with --from");
    }
    Detection detection{candidates.front().format, {}};
    const FormatInfo& found = detection.format->info();
    if (promised && promised != &found && !found.extensions.empty()) {
        detection.warnings.push_back("the name looks like " + std::string(promised->id) +
                                     ", the content is " + std::string(found.id) + "; read as " +
                                     std::string(found.id));
    }
    return detection;
}

/// Content that nothing here recognises, but that begins as a format left out of the build does, or is named
/// so where the format has no signature. Where several such formats begin alike, the file's name tells.
void Registry::refuse_if_left_out(Probe& probe, const FormatInfo* promised) const {
    const FormatInfo* left_out = nullptr;
    for (const FormatInfo* info : infos_) {
        const bool built_in = std::any_of(formats_.begin(), formats_.end(),
                                          [&](const Format* format) { return &format->info() == info; });
        if (built_in || !info->can.detect) continue;
        const bool fits = info->signatures.empty() ? info == promised : has_signature(*info, probe.head());
        if (!fits) continue;
        if (!left_out || info == promised) left_out = info;
    }
    if (left_out) refuse_left_out(*left_out, probe.location().display());
}

const Format& Registry::for_writing(std::string_view id_or_alias, std::string_view file_name) const {
    const FormatInfo* promised = by_suffix(infos_, file_name);
    if (id_or_alias.empty()) {
        if (promised) return find(promised->id);
        throw Error(ErrorCode::invalid_argument,
                    "the name '" + std::string(file_name) + "' does not tell a format")
            .hint("use --to with one of: " + listed(infos_, true));
    }
    const Format& format = find(id_or_alias);
    // Also where the build at hand does not write it: x.keras is always the zip.
    constexpr std::string_view keras_zip = ".keras";
    if (file_name.ends_with(keras_zip) && format.info().can.detect && format.info().id != "keras") {
        throw Error(ErrorCode::invalid_argument,
                    "'" + std::string(file_name) + "' is a name for Keras' zip and contradicts the format " +
                        std::string(format.info().id))
            .hint("for weights, name the destination .weights.h5");
    }
    if (promised && promised != &format.info() && format.info().can.detect) {
        throw Error(ErrorCode::invalid_argument,
                    "'" + std::string(file_name) + "' is a name for " + std::string(promised->id) +
                        " and contradicts the format " + std::string(format.info().id))
            .hint("change the destination's suffix" +
                  (format.info().extensions.empty()
                       ? std::string()
                       : " to " + std::string(format.info().extensions.front())) +
                  ", or leave --to out");
    }
    return format;
}

}  // namespace ballast
