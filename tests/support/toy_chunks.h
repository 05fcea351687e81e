// SPDX-License-Identifier: Apache-2.0
// A toy format of chunks whose stored sizes are known only after encoding: proves reserve(), finish(),
// patches and tail files. NAME holds "TOYC", the number of chunks and the place of a table behind the chunks
// (both patched in at the end); each table row is offset, length, filter mask. NAME.crc, a tail file, holds
// the chunks' CRC-32C.
#pragma once

#include <memory>
#include <string>

#include "ballast/plan.h"

namespace ballast::test {

/// Deflate at a level, announced as HDF5's deflate filter.
std::shared_ptr<const ChunkCodec> deflate_codec(int level);

struct ToyTensor {
    TensorExpr value;
    Shape chunk_shape;
    std::shared_ptr<const ChunkCodec> codec;
};

/// The commit file is NAME.crc, so the set is one of two files.
WritePlan toy_plan(const std::string& name, const ToyTensor& tensor);

/// Reads what such a plan wrote. The shape is not in the file.
TensorRef toy_open(const io::Fs& fs, const std::string& name, DType dtype, const Shape& shape,
                   const Shape& chunk_shape, int level);

}  // namespace ballast::test
