// SPDX-License-Identifier: Apache-2.0
// Format: one file format as a plugin; FormatInfo: what is known of it without its code; Probe: one shared
// look at a file.
//
// A format turns a file into an Archive and a Model into a WritePlan. Its info is constexpr data and always
// linked, also for formats left out of the build. Formats are stateless: all methods are const and may run on
// any thread; one Probe belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/export.h"
#include "ballast/io.h"
#include "ballast/model.h"
#include "ballast/options.h"
#include "ballast/plan.h"
#include "ballast/report.h"

namespace ballast {

class Archive;

/// Bytes that mark a format, from the start of the file (offset >= 0).
struct Signature {
    std::uint32_t offset = 0;  ///< in bytes
    std::string_view bytes;    ///< compared as they are; static storage
};

/// What a format can do; every flag is positive.
struct Capabilities {
    bool read = false;           ///< open() works
    bool write = false;          ///< plan() works
    bool detect = false;         ///< takes part in detection and suggestions
    bool layers = false;         ///< holds layers, not only named tensors
    bool config = false;         ///< holds the model's architecture
    bool optimizer = false;      ///< holds optimizer state
    bool metrics = false;        ///< holds metric state
    bool assets = false;         ///< holds files of a model that are no tensors (vocabularies)
    bool needs_classes = false;  ///< writing needs layer classes (or keys of its own dialect)
    bool needs_order = false;    ///< writing needs the layer order
    bool discards = false;       ///< stores nothing (`null`): nothing is a loss
    bool stream = false;         ///< can be written to a pipe
    bool compression = false;    ///< SaveOptions::compression is understood
    bool shards = false;         ///< SaveOptions::max_shard_size is understood
};

/// The element types a flavour holds.
struct Flavor {
    std::string_view name;          ///< "" for formats with one flavour only
    std::span<const DType> dtypes;  ///< any order; static storage
};

/// What is known of a format without its code: constant data, which stay with all that the views refer to
/// until the end of the program.
struct FormatInfo {
    std::string_view id;                           ///< "weights_h5": in options, reports and JSON; stable
    std::span<const std::string_view> aliases;     ///< further names that options take
    std::span<const std::string_view> extensions;  ///< longest first: ".weights.h5"
    std::span<const Signature> signatures;  ///< any of them; empty when its start tells nothing (a zip)
    std::span<const std::string_view> companions;  ///< patterns of files that belong to it
    Location::Kind kind = Location::Kind::file;    ///< what a destination becomes
    Capabilities can;                              ///< also of a format left out of the build
    std::span<const Flavor> flavors;               ///< the first is the default
    std::string_view title;                        ///< one line for `ballast formats` and the README
    /// For a format of one file: the format that writes the same layout as a set, and the suffix its manifest
    /// has instead of this format's. set_format is empty when there is none; set_suffix is, too, where the
    /// name stays.
    ///@{
    std::string_view set_format, set_suffix;
    ///@}
    std::string_view meson_option;  ///< what to add to -Dformats when it was left out
};

/// How sure a probe is. `maybe` counts only where no format is certain.
enum class Confidence : std::uint8_t { no, maybe, certain };

/// The answer of a probe.
struct Match {
    Confidence confidence = Confidence::no;  ///< no: reason says what was looked for
    bool at_start = true;                    ///< by a signature at the start, which outranks one at the end
    std::string reason;                      ///< what was looked for (no) or found, for messages
};

/// One look at a file shared by all formats. What is parsed once for a probe is reused by the winner's
/// open(). For one thread.
class BALLAST_API Probe {
public:
    /// Opens nothing yet.
    Probe(Location location, OpenOptions options);
    /// Where the file, folder or prefix lies; formats of several files look around in its Fs.
    const Location& location() const noexcept { return location_; }
    /// As the caller of open() gave them.
    const OpenOptions& options() const noexcept { return options_; }
    /// The file's bytes; null for a directory or a prefix. Opened once.
    std::shared_ptr<const io::Source> source();
    /// Up to the first 4 KiB; empty for a directory or a prefix.
    std::span<const std::byte> head();
    /// The object of type T made by `make` (returning shared_ptr<T>, null allowed) the first time it is asked
    /// for. An Error thrown by `make` is kept and thrown again to everyone who asks.
    template <class T, class Make>
    std::shared_ptr<T> shared(Make make) {
        Slot& slot = slots_[std::type_index(typeid(T))];
        fill(slot, [&make]() -> std::shared_ptr<void> { return make(); });
        return std::static_pointer_cast<T>(slot.value);
    }

private:
    struct Slot {
        bool made = false;
        std::shared_ptr<void> value;
        std::exception_ptr failure;
    };
    /// In the library: callers may be compiled without exceptions.
    static void fill(Slot& slot, const std::function<std::shared_ptr<void>()>& make);
    Location location_;
    OpenOptions options_;
    std::shared_ptr<const io::Source> source_;
    std::vector<std::byte> head_;
    bool head_read_ = false;
    std::unordered_map<std::type_index, Slot> slots_;
};

/// Where a save goes; read-only for the format.
struct Target {
    Location location;  ///< its kind is the one that the format's info tells
    std::vector<std::string>
        existing;  ///< regular files in the target's folder, for formats of several files
    std::shared_ptr<const Archive> old;  ///< of this format, whose other files stay; null when none
};

/// One format's code. One object serves all threads.
class BALLAST_API Format {
public:
    virtual ~Format() = default;
    /// Always the same object, which the registry knows by its address.
    virtual const FormatInfo& info() const noexcept = 0;
    /// Cheap and without side effects. Damage is no reason for "no": when the file is ours but broken, say
    /// certain and let open() explain, or let the Error out.
    virtual Match probe(Probe& probe) const;
    /// Throws a typed Error; the default answers unsupported.
    virtual std::shared_ptr<Archive> open(Probe& probe) const;
    /// Lays the files out and reports what the format does not hold; the default answers unsupported. The
    /// engine has checked the dtypes against info().flavors before.
    virtual WritePlan plan(const Model& model, const Target& target, const SaveOptions& options,
                           Report& report) const;
};

}  // namespace ballast
