// SPDX-License-Identifier: Apache-2.0
// Sample tensors and files.
#include "support/sample.h"

#include <cstring>
#include <random>

namespace ballast::test {
namespace {

TensorInfo describe(DType dtype, Shape shape, std::string name) {
    TensorInfo info;
    info.dtype = dtype;
    info.shape = std::move(shape);
    info.stored_name = info.name = std::move(name);
    info.stored_bytes = info.byte_count();
    return info;
}

}  // namespace

Bytes noise(std::size_t size, std::uint32_t seed) {
    std::mt19937 random(seed);
    Bytes bytes(size);
    for (std::byte& byte : bytes)
        byte = static_cast<std::byte>(random());
    return bytes;
}

std::shared_ptr<const io::Source> source_of(Bytes bytes, std::string path) {
    const auto owner = std::make_shared<const Bytes>(std::move(bytes));
    return io::memory_source(owner, *owner, std::move(path));
}

TensorRef stored_at(std::shared_ptr<const io::Source> source, std::uint64_t offset, DType dtype, Shape shape,
                    std::string name) {
    TensorInfo info = describe(dtype, std::move(shape), std::move(name));
    info.storage.layout = Extent{std::move(source), offset, info.byte_count()};
    return std::make_shared<const TensorInfo>(std::move(info));
}

TensorRef inline_tensor(DType dtype, Shape shape, Bytes bytes, std::string name) {
    TensorInfo info = describe(dtype, std::move(shape), std::move(name));
    const auto owner = std::make_shared<const Bytes>(std::move(bytes));
    info.storage.layout = InlineBytes{owner, *owner};
    return std::make_shared<const TensorInfo>(std::move(info));
}

TensorRef floats(Shape shape, const std::vector<float>& values) {
    Bytes bytes(values.size() * sizeof(float));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return inline_tensor(DType::float32, std::move(shape), std::move(bytes));
}

Bytes contents(const io::Fs& fs, const std::string& name) {
    const auto source = fs.open(name);
    Bytes bytes(source->size());
    source->read_at(0, bytes);
    return bytes;
}

void put_file(io::Fs& fs, const std::string& name, const Bytes& bytes) {
    const auto file = fs.create_temporary(name);
    file->write_at(0, bytes);
    file->close();
    fs.rename(file->name(), name, io::Replace::always);
}

Bytes bytes_of(std::string_view text) {
    Bytes bytes(text.size());
    if (!bytes.empty()) std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

}  // namespace ballast::test
