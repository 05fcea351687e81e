// SPDX-License-Identifier: Apache-2.0
// find_hazards(): looks at containers, not at formats, so that a file that nobody recognises is judged, too.
#include "ballast/hazards.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "analysis/hazards_config.h"
#include "analysis/hazards_graph.h"
#include "container/hdf5/read.h"
#include "container/json/json.h"
#include "container/proto/saved_model.h"
#include "container/zip/zip.h"
#include "model/migrate/migrate.h"

namespace ballast {
namespace {

using Level = Hazard::Level;
using SourcePtr = std::shared_ptr<const io::Source>;

constexpr std::string_view graph_file = "saved_model.pb", keras_file = "keras_metadata.pb";
constexpr unsigned deepest_archive = 4;

constexpr std::array rule_list = {
    HazardRule{rule::lambda, "Python bytecode in a config: loading the model runs it"},
    HazardRule{rule::gadget, "a function that does more than compute, called with the file's arguments"},
    HazardRule{rule::module,
               "a module of Python's own library or of another package that reaches the system"},
    HazardRule{rule::pickle, "a pickle, which can run anything when it is loaded"},
    HazardRule{rule::other_model, "another model that is loaded from a path the file names"},
    HazardRule{rule::file_reference, "a file or address that loading reads"},
    HazardRule{rule::path_name, "a name that leaves its folder when it is used as a path"},
    HazardRule{rule::unsafe_switch, "a setting that switches Keras' protection off"},
    HazardRule{rule::external_link, "HDF5 data that lie in another file"},
    HazardRule{rule::file_operation,
               "a TensorFlow operation that reads or writes files, or talks to a network"},
    HazardRule{rule::python_operation, "a TensorFlow operation that calls Python"},
    HazardRule{rule::hidden_archive,
               "an archive behind other bytes, which some readers open and others do not see"},
    HazardRule{rule::custom_object, "a class or function of the program that made the model"},
    HazardRule{rule::custom_operation, "an operation that TensorFlow itself does not have"},
};

class Finder {
public:
    Finder(HazardReport& report, const Limits& limits) : report_(report), limits_(limits) {}

    void look_at(const SourcePtr& source, const std::string& name, unsigned depth) {
        attempt(name, [&] {
            std::array<std::byte, 16> head{};
            const auto length =
                static_cast<std::size_t>(std::min<std::uint64_t>(source->size(), head.size()));
            source->read_at(0, std::span(head).first(length));
            if (zip::starts_like_zip(std::span(head).first(length))) {
                archive(source, name, depth);
            } else if (hdf5::File::recognise(*source)) {
                hdf5_file(source, name);
            } else if (known_as(name).ends_with(graph_file)) {
                graph(*source, name);
            } else if (known_as(name).ends_with(keras_file)) {
                keras_metadata(*source, name);
            } else {
                other(*source, name, std::span(head).first(length));
                hidden_archive(source, name, depth);
            }
        });
    }

    /// All files of a folder and of those in it.
    void folder(const io::Fs& fs) {
        std::vector<std::string> pending = {""};
        std::uint64_t entries = 0;
        while (!pending.empty()) {
            const std::string at = std::move(pending.back());
            pending.pop_back();
            for (const io::DirEntry& entry : fs.list(at)) {
                if (++entries > limits_.objects)
                    throw Error(ErrorCode::limit_exceeded, "more files than the limit objects");
                const std::string name = at.empty() ? entry.name : at + "/" + entry.name;
                if (entry.kind == io::FileKind::directory) pending.push_back(name);
                if (entry.kind == io::FileKind::symlink)
                    add(Level::trust, rule::external_link, name, "is a symbolic link, which is not followed");
                if (entry.kind == io::FileKind::regular)
                    attempt(name, [&] { look_at(fs.open(name), name, 0); });
            }
        }
    }

private:
    /// A part that cannot be read is a problem, and the rest is looked at all the same.
    template <class Look>
    void attempt(const std::string& name, Look look) {
        try {
            look();
        } catch (Error& error) {
            error.in(report_.path);
            if (!name.empty()) error.tensor(name);
            report_.problems.push_back(std::move(error));
        }
    }

    /// A part by its name, the file itself by its own.
    std::string_view known_as(std::string_view name) const { return name.empty() ? report_.path : name; }

    void add(Level level, std::string_view rule, std::string where, std::string text) {
        report_.hazards.push_back({level, rule, std::move(where), std::move(text)});
    }

    std::string text_of(const io::Source& source, std::uint64_t most) const {
        if (source.size() > most)
            throw Error(ErrorCode::limit_exceeded, "is larger than the limits allow for text");
        std::string text(static_cast<std::size_t>(source.size()), '\0');
        source.read_at(0, std::as_writable_bytes(std::span(text)));
        return text;
    }

    void archive(const SourcePtr& source, const std::string& name, unsigned depth) {
        if (depth >= deepest_archive)
            throw Error(ErrorCode::limit_exceeded, "archives in archives, deeper than any model has them");
        const auto directory = zip::read_directory(*source, limits_);
        for (const zip::Member& member : directory->members) {
            const std::string path = name.empty() ? member.name : name + "/" + member.name;
            if (leaves_folder(member.name))
                add(Level::danger, rule::path_name, path, "unpacking it would write outside of its folder");
            if (member.is_folder()) continue;
            // The structure is what counts: no need to read gigabytes of weights for their checksum.
            attempt(path, [&] {
                look_at(zip::open_member(source, member, limits_, zip::Check::none), path, depth + 1);
            });
        }
    }

    void hdf5_file(const SourcePtr& source, const std::string& name) {
        ++report_.parts;
        const auto file = hdf5::File::parse(source, limits_);
        const auto place = [&](hdf5::ObjectId id) {
            return (name.empty() ? "" : name + ": ") + "/" + file->path_of(id);
        };
        for (const hdf5::Object& object : file->objects()) {
            const hdf5::ObjectId id = file->id_of(object);
            if (object.kind == hdf5::ObjectKind::external_link)
                add(Level::danger, rule::external_link, place(id),
                    "links to " + std::string(file->link_target(id)));
            if (object.kind == hdf5::ObjectKind::dataset) dataset(file->dataset(id), place(id));
            if (leaves_folder(object.name) || object.name == "..")
                add(Level::danger, rule::path_name, place(id),
                    "the name leaves a folder when it is used as a path");
            for (const hdf5::Attribute& attribute : file->attributes(id))
                if (attribute.is_string)
                    attribute_text(attribute, place(id) + " attribute " + attribute.name);
        }
        for (const Error& problem : file->problems())
            report_.problems.push_back(problem);
    }

    void dataset(const hdf5::Dataset& dataset, const std::string& where) {
        if (dataset.problem && dataset.problem->code() == ErrorCode::external_reference)
            add(Level::danger, rule::external_link, where, "its data lie in another file");
    }

    /// Configs are attributes that hold a JSON object, whatever their name.
    void attribute_text(const hdf5::Attribute& attribute, const std::string& where) {
        for (const std::string& text : attribute.strings)
            if (text.starts_with('{')) config(text, where);
    }

    void config(std::string_view text, const std::string& where) {
        attempt(where, [&] {
            const Tree tree = json::parse(text, limits_, report_.path);
            ++report_.parts;
            judge_config(tree, where, report_.hazards);
            custom_classes(tree, where);
        });
    }

    /// A Keras 2 config says of a class its name alone: those that are not Keras' own are known by migrating
    /// it.
    void custom_classes(const Tree& tree, const std::string& where) {
        if (!tree["config"].is_object() && !tree["config"].is_array()) return;
        if (!tree["module"].is_null()) return;
        std::vector<std::string> classes;
        try {
            classes = migrate::migrate_to_keras3(tree, {.limits = limits_}).custom_objects;
        } catch (const Error&) {
            return;  // no config of a model
        }
        for (const std::string& name : classes) {
            // A package in the name has told it already.
            const bool said =
                std::any_of(report_.hazards.begin(), report_.hazards.end(), [&](const Hazard& hazard) {
                    return hazard.rule == rule::custom_object && hazard.text.ends_with(name);
                });
            if (!said) add(Level::trust, rule::custom_object, where, "needs the program's own " + name);
        }
    }

    void graph(const io::Source& source, const std::string& name) {
        const std::string text = text_of(source, limits_.metadata_bytes);
        ++report_.parts;
        judge_graph(GraphFile::saved_model, text, name, limits_, report_.hazards);
        // Before TensorFlow 2.5 the configs lie here.
        for (const proto::UserObject& user : proto::read_saved_model(text, limits_).users)
            if (user.metadata.starts_with('{'))
                config(user.metadata, name + ": object " + std::to_string(user.node));
    }

    void keras_metadata(const io::Source& source, const std::string& name) {
        const std::string text = text_of(source, limits_.metadata_bytes);
        for (const proto::UserObject& user : proto::read_keras_metadata(text, limits_))
            if (user.metadata.starts_with('{'))
                config(user.metadata, name + ": object " + std::to_string(user.node));
    }

    /// A zip archive is known by its end: Python opens one behind any other bytes.
    void hidden_archive(const SourcePtr& source, const std::string& name, unsigned depth) {
        constexpr std::uint64_t record = 22, comment = 65535;
        const std::uint64_t length = std::min(source->size(), record + comment);
        if (length < record) return;
        std::string tail(static_cast<std::size_t>(length), '\0');
        source->read_at(source->size() - length, std::as_writable_bytes(std::span(tail)));
        const std::size_t end = tail.rfind("PK\5\6");
        if (end == tail.npos || end + record > tail.size()) return;
        const auto number = [&](std::size_t at) {
            std::uint64_t value = 0;
            for (std::size_t i = 4; i-- > 0;)
                value = value << 8 | static_cast<unsigned char>(tail[end + at + i]);
            return value;
        };
        const std::uint64_t at = source->size() - length + end, whole = number(12) + number(16);
        if (whole > at) return;
        add(Level::danger, rule::hidden_archive, name,
            "is a zip archive behind other bytes, which Python opens");
        if (whole < at)
            archive(io::window(source, at - whole, source->size() - (at - whole), source->path()), name,
                    depth + 1);
    }

    /// A file that is one graph; what is none is no problem, for many files end in .pb.
    void frozen_graph(const io::Source& source, const std::string& name) {
        const std::string text = text_of(source, limits_.metadata_bytes);
        std::vector<Hazard> found;
        judge_graph(GraphFile::frozen, text, name, limits_, found);
        ++report_.parts;
        report_.hazards.insert(report_.hazards.end(), found.begin(), found.end());
    }

    /// YAML can name Python objects that loading makes.
    void yaml(const io::Source& source, const std::string& name) {
        ++report_.parts;
        if (text_of(source, limits_.json_bytes).find("!!python/") != std::string::npos)
            add(Level::danger, rule::pickle, name, "YAML with Python objects, which loading makes");
    }

    /// JSON, YAML, graphs, numpy arrays of Python objects, and pickles.
    void other(const io::Source& source, const std::string& name, std::span<const std::byte> head) {
        const std::string_view start(reinterpret_cast<const char*>(head.data()), head.size());
        const std::string_view file = known_as(name);
        if (file.ends_with(".json") || start.starts_with('{'))
            return config(text_of(source, limits_.json_bytes), name.empty() ? "config" : name);
        if (start.starts_with("\x93NUMPY")) return numpy_array(source, name);
        if (file.ends_with(".yaml") || file.ends_with(".yml")) return yaml(source, name);
        if (file.ends_with(".pbtxt")) throw Error(ErrorCode::unsupported, "graphs in text form are not read");
        if (file.ends_with(".pb") && !file.ends_with("fingerprint.pb")) return frozen_graph(source, name);
        const bool pickled = start.size() > 1 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5;
        if (pickled && source.size() > 2) {
            std::byte last{};
            source.read_at(source.size() - 1, std::span(&last, 1));
            if (last == std::byte{'.'})
                add(Level::danger, rule::pickle, name,
                    "is a Python pickle, which can run anything when it is loaded");
        }
    }

    void numpy_array(const io::Source& source, const std::string& name) {
        ++report_.parts;
        std::string header(static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 4096)), '\0');
        source.read_at(0, std::as_writable_bytes(std::span(header)));
        const std::size_t descr = header.find("'descr'");
        const std::string_view type = std::string_view(header).substr(std::min(descr, header.size()), 64);
        if (type.find("O'") != type.npos)
            add(Level::danger, rule::pickle, name, "an array of Python objects, stored as a pickle");
    }

    HazardReport& report_;
    const Limits& limits_;
};

}  // namespace

HazardReport find_hazards(const Location& location, const OpenOptions& options) {
    HazardReport report;
    report.path = location.display();
    Finder finder(report, options.limits);
    if (location.kind == Location::Kind::directory)
        finder.folder(*location.fs);
    else if (location.kind == Location::Kind::file)
        finder.look_at(location.fs->open(location.name), "", 0);
    // A checkpoint prefix holds tensors and an object graph: nothing in it is called by name.
    return report;
}

HazardReport find_hazards(const std::filesystem::path& path, const OpenOptions& options) {
    return find_hazards(Location::for_reading(path), options);
}

std::span<const HazardRule> hazard_rules() noexcept {
    return rule_list;
}

}  // namespace ballast
