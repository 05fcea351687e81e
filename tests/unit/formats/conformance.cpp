// SPDX-License-Identifier: Apache-2.0
// Models and files for the conformance suite, see conformance.h.
#include "conformance.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "ballast/registry.h"
#include "container/json/json.h"
#include "convert/transfer.h"
#include "model/config.h"
#include "model/model_tensors.h"
#include "support/memory_file.h"
#include "support/model_builder.h"
#include "support/scratch.h"

namespace ballast::test {
namespace {

constexpr std::size_t largest_seed = 32U << 10U;

/// The same suite runs over plugins: those of this folder join the formats built in.
[[maybe_unused]] const bool plugins_are_loaded = [] {
    const char* const folder = std::getenv("BALLAST_TEST_PLUGINS");
    return folder != nullptr && !Registry::load_folder(folder).empty();
}();

Tree layer(std::string_view class_name, Tree config) {
    Tree tree = Tree::object();
    tree.set("module", "keras.layers");
    tree.set("class_name", class_name);
    tree.set("config", std::move(config));
    tree.set("registered_name", Tree());
    return tree;
}

/// A size of shards that makes two or three files.
std::uint64_t half_of(const Model& model) {
    std::uint64_t total = 0, largest = 1;
    for (const ModelTensor& known : model_tensors(model)) {
        total += known.value->byte_count();
        largest = std::max(largest, known.value->byte_count());
    }
    return std::max(largest, total / 2 + 1);
}

/// Formats of whole models alone: they are never asked for weights only.
bool holds_whole_models(const FormatInfo& info) {
    return info.can.config && info.can.assets;
}

std::map<std::string, std::string> files_of(const Location& location) {
    std::map<std::string, std::string> files;
    for (const io::DirEntry& entry : location.fs->list(""))
        files.emplace(entry.name, text_of({location.fs, entry.name, Location::Kind::file}));
    return files;
}

/// A golden prefix: all files that share the name before its last suffix; opened by its index.
Seed prefix_seed(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    const std::string base = name.substr(0, std::min(name.rfind(".index"), name.rfind(".data-")));
    Seed seed{name, base + ".index", {}, name};
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
        const std::string member = entry.path().filename().string();
        if (member == seed.opened || member.starts_with(base + ".data-"))
            seed.files.emplace(member, read_file(entry.path()));
    }
    return seed;
}

/// A golden folder: one seed for each of its files; opened by the file that stands for it.
void add_folder(const std::filesystem::path& folder, std::string_view opened, std::vector<Seed>& seeds) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        if (entry.is_regular_file())
            files.emplace(entry.path().lexically_relative(folder).string(), read_file(entry.path()));
    for (const auto& file : files)
        seeds.push_back(
            {folder.filename().string() + ": " + file.first, std::string(opened), files, file.first});
}

/// A seed for each of the files.
void add_seeds(const Location& location, const std::string& name, std::vector<Seed>& seeds) {
    const auto files = files_of(location);
    for (const auto& file : files)
        if (file.first != "checkpoint")
            seeds.push_back({name + ": " + file.first, location.name, files, file.first});
}

}  // namespace

Tree dense_config(std::span<const std::string> layer_names) {
    Tree layers = Tree::array();
    layers.push_back(
        layer("InputLayer",
              json::parse(R"({"batch_shape": [null, 2], "dtype": "float32", "name": "in"})", {}, "test")));
    for (const std::string& name : layer_names) {
        Tree config = json::parse(R"({"trainable": true, "units": 3, "use_bias": true})", {}, "test");
        config.set("name", name);
        layers.push_back(layer("Dense", std::move(config)));
    }
    Tree config = Tree::object();
    config.set("name", "net");
    config.set("trainable", true);
    config.set("layers", std::move(layers));
    Tree model = Tree::object();
    model.set("module", "keras");
    model.set("class_name", "Sequential");
    model.set("config", std::move(config));
    model.set("registered_name", "Sequential");
    return model;
}

Model filled(Tree config, DType dtype, Shape (*shape)(std::size_t position)) {
    Model model = model_from_config(std::move(config));
    std::size_t position = 0;
    for (Layer& layer : model.layers) {
        for (Weight& weight : layer.weights) {
            weight.value = tensor("source/" + std::to_string(position), dtype, shape(position),
                                  static_cast<unsigned>(position + 1));
            ++position;
        }
    }
    return model;
}

Model small_model() {
    const std::vector<std::string> names = {"first", "second"};
    return filled(dense_config(names), DType::float32, small_shape);
}

std::string file_name(const FormatInfo& info) {
    return "x" + (info.extensions.empty() ? std::string(".out") : std::string(info.extensions.front()));
}

Location written(const Format& format, const Model& model, SaveOptions options, unsigned threads) {
    Location target{io::memory(), file_name(format.info()), format.info().kind};
    Report report;
    options.weights_only = !holds_whole_models(format.info());
    if (format.info().can.shards && options.max_shard_size == 0) options.max_shard_size = half_of(model);
    WriteOptions write;
    write.threads = threads;
    execute(format.plan(model, {target, {}, nullptr}, options, report), target.fs, write);
    // A prefix is opened by its index as well, which has a text of its own.
    if (target.kind == Location::Kind::prefix)
        return {target.fs, target.name + ".index", Location::Kind::file};
    return target;
}

std::vector<Seed> seeds(const Format& format, std::size_t at_most) {
    std::vector<Seed> found;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(BALLAST_TEST_DATA) / "golden")) {
        const bool folder = format.info().kind == Location::Kind::directory;
        if (folder ? !entry.is_directory() : !entry.is_regular_file()) continue;
        try {
            Probe probe(Location::for_reading(entry.path()), {});
            if (Registry::current().detect(probe).format != &format) continue;
        } catch (const Error&) {
            continue;
        }
        const std::string name = entry.path().filename().string();
        if (folder) {
            add_folder(entry.path(), format.info().companions.front(), found);
            continue;
        }
        if (format.info().kind == Location::Kind::prefix) {
            found.push_back(prefix_seed(entry.path()));
            continue;
        }
        found.push_back({name, name, {{name, read_file(entry.path())}}, name});
    }
    std::sort(found.begin(), found.end(), [](const Seed& a, const Seed& b) {
        return std::pair(a.files.at(a.changed).size(), a.name) <
               std::pair(b.files.at(b.changed).size(), b.name);
    });
    std::erase_if(found, [](const Seed& seed) { return seed.files.at(seed.changed).size() > largest_seed; });
    // What is written into a folder takes a model of its own kind, see tests/unit/tensorflow.
    const bool own = format.info().can.write && format.info().kind != Location::Kind::directory;
    const std::size_t golden = at_most - (own ? 1 : 0);
    // The smallest ones, and the largest one: it has more kinds of structure.
    if (found.size() > golden) {
        std::swap(found[golden - 1], found.back());
        found.resize(golden);
    }
    SaveOptions options;
    // In one data file: alone in one, the object graph would leave no byte that may change.
    if (format.info().kind == Location::Kind::prefix) options.max_shard_size = 1U << 20U;
    if (own) add_seeds(written(format, small_model(), options), "our own", found);
    return found;
}

std::shared_ptr<Archive> open_at(const Location& location, const Tree& config) {
    OpenOptions options;
    options.config = config;
    return open(location, options);
}

std::shared_ptr<Archive> open_bytes(const std::string& name, std::string_view bytes) {
    return open(memory_file(name, bytes));
}

Location place(const Seed& seed, const std::string& bytes, const std::string& opened) {
    const std::string name = opened.empty() ? seed.opened : opened;
    Location location = memory_file(name, seed.changed == seed.opened ? bytes : seed.files.at(seed.opened));
    for (const auto& [file, content] : seed.files) {
        if (file == seed.opened) continue;
        const std::string folder = file.substr(0, file.find('/'));
        if (folder != file && !location.fs->stat(folder)) location.fs->make_directory(folder);
        add_file(location, file, file == seed.changed ? bytes : content);
    }
    return location;
}

std::map<std::string, Value> values(const Archive& archive) {
    std::map<std::string, Value> result;
    for (std::size_t i = 0; i < archive.index().size(); ++i) {
        const TensorInfo& info = archive.index().tensors()[i];
        result.emplace(info.name, Value{info.dtype, info.shape, tensor_bytes(archive, i)});
    }
    return result;
}

std::map<std::string, Value> values(const Model& model) {
    std::map<std::string, Value> result;
    for (const ModelTensor& known : model_tensors(model))
        result.emplace(known.name,
                       Value{known.value->dtype(), known.value->shape(), inline_bytes(*known.value)});
    return result;
}

std::vector<const Format*> round_trip_formats() {
    std::vector<const Format*> formats;
    for (const Format* format : Registry::current().formats()) {
        const FormatInfo& info = format->info();
        if (info.can.read && info.can.write && info.kind != Location::Kind::directory)
            formats.push_back(format);
    }
    return formats;
}

}  // namespace ballast::test
