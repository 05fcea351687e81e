// SPDX-License-Identifier: Apache-2.0
// h5tree [--data DIR] FILE...: what our HDF5 reader makes of each file, as one JSON line a file, for the
// comparison with h5py in tests/interop. With --data the decoded bytes of all datasets go to DIR/<file
// name>.data. Names are hex.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/io.h"
#include "container/hdf5/read.h"
#include "filter/decode.h"

namespace {

using namespace ballast;

std::string hex(std::span<const std::byte> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte b : bytes) {
        text += digits[std::to_integer<unsigned>(b) >> 4];
        text += digits[std::to_integer<unsigned>(b) & 15];
    }
    return text;
}
std::string hex(std::string_view text) {
    return hex(std::as_bytes(std::span(text)));
}

std::string field(std::string_view key, std::string_view value) {
    return '"' + std::string(key) + "\":\"" + std::string(value) + '"';
}

std::string error_json(const Error& error) {
    std::string text = "{" + field("code", to_string(error.code())) + "," +
                       field("message", hex(error.message())) + "," + field("tensor", hex(error.tensor()));
    if (error.offset()) text += ",\"offset\":" + std::to_string(*error.offset());
    return text + "}";
}

std::string shape_json(const Shape& shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.rank(); ++i)
        text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
    return text + "]";
}

std::string list_json(const std::vector<std::string>& strings) {
    std::string text = "[";
    for (std::size_t i = 0; i < strings.size(); ++i) {
        text += (i == 0 ? "\"" : ",\"") + hex(strings[i]) + '"';
    }
    return text + "]";
}

std::string attribute_json(const hdf5::Attribute& attribute) {
    std::string text = "{" + field("name", hex(attribute.name)) + "," +
                       field("problem", hex(attribute.problem)) +
                       ",\"shape\":" + shape_json(attribute.shape) + ",";
    if (!attribute.is_string) {
        return text + field("dtype", to_string(attribute.dtype)) + "," +
               field("order", attribute.big_endian ? ">" : "<") + "," + field("bytes", hex(attribute.bytes)) +
               "}";
    }
    return text + "\"strings\":" + list_json(attribute.strings) + "}";
}

const char* kind_name(hdf5::ObjectKind kind) {
    static constexpr const char* names[] = {"group",    "dataset", "committed_type", "soft",
                                            "external", "other",   "unreadable"};
    return names[static_cast<std::size_t>(kind)];
}

std::string dataset_json(const hdf5::File& file, hdf5::ObjectId id, std::FILE* data, std::uint64_t& written) {
    const hdf5::Dataset& dataset = file.dataset(id);
    std::string text = "{" + field("dtype", to_string(dataset.dtype)) + "," +
                       field("type", hex(dataset.type_name)) + ",\"shape\":" + shape_json(dataset.shape) +
                       ",\"stored\":" + std::to_string(dataset.stored_bytes) +
                       ",\"big_endian\":" + (dataset.storage.big_endian ? "true" : "false");
    if (dataset.problem) {
        text += ",\"problem\":" + error_json(*dataset.problem);
        if (dataset.text == hdf5::Dataset::Text::none) return text + "}";
        try {
            return text + ",\"text\":" + list_json(hdf5::read_strings(file, id, Limits{})) + "}";
        } catch (const Error& error) {
            return text + ",\"error\":" + error_json(error) + "}";
        }
    }
    if (data != nullptr) {
        TensorInfo tensor;
        tensor.stored_name = file.path_of(id);
        tensor.dtype = dataset.dtype;
        tensor.shape = dataset.shape;
        tensor.storage = dataset.storage;
        try {
            // In pieces of an odd size, so that ranges beginning and ending within elements and chunks occur.
            std::vector<std::byte> piece(
                static_cast<std::size_t>(std::min<std::uint64_t>(100'003, tensor.byte_count())));
            text +=
                ",\"data\":" + std::to_string(written) + ",\"size\":" + std::to_string(tensor.byte_count());
            for (std::uint64_t at = 0; at < tensor.byte_count(); at += piece.size()) {
                const auto part = std::span(piece).first(static_cast<std::size_t>(
                    std::min<std::uint64_t>(piece.size(), tensor.byte_count() - at)));
                read_range(tensor, at, part);
                written += std::fwrite(part.data(), 1, part.size(), data);
            }
        } catch (const Error& error) {
            text += ",\"error\":" + error_json(error);
        }
    }
    return text + "}";
}

void print(const hdf5::File& file, std::FILE* data) {
    std::uint64_t written = 0;
    std::printf("{\"warnings\":[");
    for (std::size_t i = 0; i < file.warnings().size(); ++i) {
        std::printf("%s\"%s\"", i == 0 ? "" : ",", hex(file.warnings()[i]).c_str());
    }
    std::printf("],\"problems\":[");
    for (std::size_t i = 0; i < file.problems().size(); ++i) {
        std::printf("%s%s", i == 0 ? "" : ",", error_json(file.problems()[i]).c_str());
    }
    std::printf("],\"objects\":[");
    for (hdf5::ObjectId id = 0; id < file.objects().size(); ++id) {
        const hdf5::Object& object = file.object(id);
        const bool is_alias = object.alias_of != hdf5::no_object;
        std::string text = "{" + field("path", hex(file.path_of(id))) + "," +
                           field("kind", kind_name(object.kind)) + ",\"alias_of\":" +
                           (is_alias ? '"' + hex(file.path_of(object.alias_of)) + '"' : std::string("null")) +
                           ",\"target\":\"" + hex(file.link_target(id)) + "\",\"attributes\":[";
        const auto attributes = file.attributes(id);
        for (std::size_t i = 0; i < attributes.size(); ++i)
            text += (i == 0 ? "" : ",") + attribute_json(attributes[i]);
        text += ']';
        if (object.kind == hdf5::ObjectKind::dataset)
            text += ",\"dataset\":" + dataset_json(file, id, data, written);
        std::printf("%s%s}", id == 0 ? "" : ",", text.c_str());
    }
    std::printf("]}\n");
}

void show(const std::filesystem::path& path, const char* folder) {
    std::FILE* data = nullptr;
    if (folder != nullptr)
        data =
            std::fopen((std::filesystem::path(folder) / (path.filename().string() + ".data")).c_str(), "wb");
    try {
        const auto location = Location::for_reading(path);
        print(*hdf5::File::parse(location.fs->open(location.name), Limits{}), data);
    } catch (const Error& error) {
        std::printf("{\"error\":%s}\n", error_json(error).c_str());
    }
    if (data != nullptr) std::fclose(data);
}

}  // namespace

int main(int argc, char** argv) {
    const char* folder = nullptr;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else {
            show(argv[i], folder);
        }
    }
    return 0;
}
