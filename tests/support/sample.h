// SPDX-License-Identifier: Apache-2.0
// Sample tensors over every kind of storage, and bytes to compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ballast/io.h"
#include "ballast/model.h"

namespace ballast::test {

using Bytes = std::vector<std::byte>;

/// Reproducible noise.
Bytes noise(std::size_t size, std::uint32_t seed);

/// A source over a copy of the bytes.
std::shared_ptr<const io::Source> source_of(Bytes bytes, std::string path = "sample");

/// A tensor at an offset of a source.
TensorRef stored_at(std::shared_ptr<const io::Source> source, std::uint64_t offset, DType dtype, Shape shape,
                    std::string name = "tensor");

/// A tensor in memory.
TensorRef inline_tensor(DType dtype, Shape shape, Bytes bytes, std::string name = "tensor");

/// float32 tensor in memory with these values.
TensorRef floats(Shape shape, const std::vector<float>& values);

/// All bytes of a file.
Bytes contents(const io::Fs& fs, const std::string& name);

/// A file of those bytes, put in place by the Fs' own means.
void put_file(io::Fs& fs, const std::string& name, const Bytes& bytes);

Bytes bytes_of(std::string_view text);

}  // namespace ballast::test
