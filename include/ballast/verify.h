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

/// What to check besides readability.
struct VerifyOptions {
    /// SHA-256 of every tensor and of all together. `backend_missing` in a build without Nettle.
    bool digests = false;
    bool values = false;          ///< look for NaN and infinities in floating tensors
    unsigned threads = 0;         ///< 0 = one a processor, at most 8
    OpenOptions open{};           ///< how to read it
    ProgressCallback progress{};  ///< decoded bytes of tensors and other parts
    CancelCallback cancel{};      ///< ends with `cancelled`
};

/// What reading one tensor gave.
struct VerifiedTensor {
    std::string name;              ///< canonical
    Part part = Part::weight;      ///< what it belongs to
    DType dtype = DType::float32;  ///< of its decoded elements
    Shape shape;                   ///< as stored
    bool read = false;             ///< all of its bytes; if not, a problem says why
    /// 64 hexadecimal digits: SHA-256 of the elements, row-major, little-endian, as numpy's tobytes() gives
    /// them. Empty when not asked for or not read.
    std::string digest;
    /// Elements; of complex tensors their parts. 0 when not looked for.
    ///@{
    std::uint64_t nan = 0, infinite = 0;
    ///@}
};

/// What verify() found.
struct VerifyReport {
    std::string path;  ///< as messages show it
    /// A format's id, and "weights", "model" or "tensors" (see Archive::kind()).
    ///@{
    std::string format, kind;
    ///@}
    std::vector<VerifiedTensor>
        tensors;              ///< in the order of the index; further names of a tensor, and text, left out
    std::uint64_t bytes = 0;  ///< of all tensors, decoded
    /// SHA-256 of the lines "NAME DTYPE (DIMS) DIGEST\n" sorted as bytes: of weights and loose tensors, and
    /// of what training keeps (optimizer and metrics). Equal for the same weights in another format, as long
    /// as their canonical names are equal. Empty when not asked for, for no tensors, or when one was not
    /// read.
    ///@{
    std::string weights_digest, state_digest;
    ///@}
    /// Of the structure, then of tensors in the order of the index, then of other parts; empty = nothing is
    /// wrong.
    std::vector<Error> problems;
    std::vector<std::string> warnings;  ///< what open() found odd, one sentence each
};

/// Reads all of a file that a load would need. What is wrong with single tensors and other parts is a problem
/// of the report. Errors: what open() throws, `cancelled`, `backend_missing`. Memory: a few MiB a thread,
/// whatever the tensors' sizes, except where chunks that must be decoded together are larger.
BALLAST_API VerifyReport verify(const Location& location, const VerifyOptions& options = {});
/// The same for a local path.
BALLAST_API VerifyReport verify(const std::filesystem::path& path, const VerifyOptions& options = {});

}  // namespace ballast
