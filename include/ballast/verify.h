// SPDX-License-Identifier: Apache-2.0
// verify(): reads every byte of a file that a load would need, and says what is wrong with it.
//
//   const ballast::VerifyReport report = ballast::verify("run/epoch_12.weights.json");
//   for (const ballast::Error& problem : report.problems) …
//
// Structure, sizes, compressed chunks, the checksums a container keeps (zip, TensorFlow's tables and bundles,
// HDF5's fletcher32) and the members of a set are checked. HDF5 and safetensors keep no checksum of plain
// tensors: a digest that was taken when the file was good tells whether it still is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ballast/dtype.h"
#include "ballast/error.h"
#include "ballast/export.h"
#include "ballast/index.h"
#include "ballast/io.h"
#include "ballast/options.h"
#include "ballast/tensor.h"

namespace ballast {

struct VerifyOptions {
    /// SHA-256 of every tensor and of all together. `backend_missing` in a build without Nettle.
    bool digests = false;
    bool values = false;   ///< look for NaN and infinities in floating tensors
    unsigned threads = 0;  ///< 0 = one a processor, at most 8
    OpenOptions open{};
    ProgressCallback progress{};
    CancelCallback cancel{};
};

/// What reading one tensor gave.
struct VerifiedTensor {
    std::string name;  ///< canonical
    Part part = Part::weight;
    DType dtype = DType::float32;
    Shape shape;
    bool read = false;  ///< all of its bytes; if not, a problem of the report says why
    /// 64 hexadecimal digits: SHA-256 of the elements, row-major, little-endian, as numpy's tobytes() gives
    /// them. Empty when not asked for or not read.
    std::string digest;
    std::uint64_t nan = 0, infinite = 0;  ///< elements; 0 when not looked for
};

struct VerifyReport {
    std::string path;
    std::string format, kind;             ///< an id; "weights", "model", "tensors"
    std::vector<VerifiedTensor> tensors;  ///< in the order of the index; further names of a tensor left out
    std::uint64_t bytes = 0;              ///< of all tensors, decoded
    /// SHA-256 of the lines "NAME DTYPE (DIMS) DIGEST\n" sorted as bytes: of weights and loose tensors, and
    /// of what training keeps (optimizer and metrics). Equal for the same weights in another format, as long
    /// as their canonical names are equal. Empty when not asked for, for no tensors, or when one was not
    /// read.
    std::string weights_digest, state_digest;
    std::vector<Error> problems;  ///< in the order of the index; empty = nothing is wrong
    std::vector<std::string> warnings;
};

/// Errors: what open() throws, `cancelled`, `backend_missing`. What is wrong with single tensors and other
/// parts is a problem of the report. Memory: a few MiB a thread, whatever the tensors' sizes, except where
/// chunks that must be decoded together are larger.
BALLAST_API VerifyReport verify(const Location& location, const VerifyOptions& options = {});
BALLAST_API VerifyReport verify(const std::filesystem::path& path, const VerifyOptions& options = {});

}  // namespace ballast
