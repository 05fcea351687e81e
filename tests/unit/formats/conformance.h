// SPDX-License-Identifier: Apache-2.0
// What the conformance suite needs: models that every format can write, files of every format, and comparing.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ballast/archive.h"
#include "ballast/format.h"
#include "ballast/model.h"

namespace ballast::test {

/// A Keras 3 config of a Sequential of Dense layers (kernel and bias) with these names.
Tree dense_config(std::span<const std::string> layer_names);

/// The model of a config with a value for each weight: `shape` by position among the weights, bytes that tell
/// every tensor from every other.
Model filled(Tree config, DType dtype, Shape (*shape)(std::size_t position));
inline Shape small_shape(std::size_t position) {
    return position % 2 == 0 ? Shape{2, 3} : Shape{3};
}
/// Two Dense layers of float32.
Model small_model();

/// "x" and the format's suffix.
std::string file_name(const FormatInfo& info);
/// The file (or set) a format writes for a model's weights (configs stay behind, but for formats of whole
/// models), in a file system of its own. A format of sets makes several files.
Location written(const Format& format, const Model& model, SaveOptions options = {}, unsigned threads = 1);

/// A small file (up to 32 KiB) of the format: a golden one of a real framework, or one that it writes itself;
/// of a set, one file among the others.
struct Seed {
    std::string name;
    std::string opened;                        ///< the file to open: the manifest of a set
    std::map<std::string, std::string> files;  ///< by name
    std::string changed;                       ///< the file of these that a test may break
};
std::vector<Seed> seeds(const Format& format, std::size_t at_most);

/// Opens a file as the library does. `config` helps formats that keep none.
std::shared_ptr<Archive> open_at(const Location& location, const Tree& config = {});
std::shared_ptr<Archive> open_bytes(const std::string& name, std::string_view bytes);
/// The seed's files with `bytes` for the one that changes, under the name `opened` or its own.
Location place(const Seed& seed, const std::string& bytes, const std::string& opened = {});

/// Tensors by canonical name, with all that must survive.
struct Value {
    DType dtype = DType::float32;
    Shape shape;
    std::string bytes;
    friend bool operator==(const Value&, const Value&) = default;
};
std::map<std::string, Value> values(const Archive& archive);
std::map<std::string, Value> values(const Model& model);

/// Formats of the build that can both write and read, in table order.
std::vector<const Format*> round_trip_formats();

}  // namespace ballast::test
