// SPDX-License-Identifier: Apache-2.0
#include "container/hdf5/parse_dense.h"
#include "ballast/error.h"
namespace ballast::hdf5 {
void for_each_dense(Metadata&, std::uint64_t heap, std::uint64_t, format::Tree2Type, const DenseVisitor&) {
    throw Error(ErrorCode::unsupported, "HDF5: dense storage of links or attributes is not supported").at(heap);
}
}
