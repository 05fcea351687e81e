// SPDX-License-Identifier: Apache-2.0
// The tool's module with the HDF5 C library: hdf5_location() behind a table of C functions.
#include "module.h"

#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "ballast/hdf5.h"

namespace {

using namespace ballast;
using tool::Libhdf5Failure;

using Opened = std::shared_ptr<const io::Source>;

template <std::size_t Size>
void keep(char (&to)[Size], const std::string& text) {
    const std::size_t length = text.size() < Size ? text.size() : Size - 1;
    std::memcpy(to, text.data(), length);
    to[length] = '\0';
}

void keep(Libhdf5Failure& failure, const Error& error) {
    failure.code = static_cast<std::uint8_t>(error.code());
    keep(failure.message, error.message());
    keep(failure.tensor, error.tensor());
    keep(failure.hint, error.hint());
}

/// What `body` returns, or nothing and the failure.
template <class Body>
auto guarded(Libhdf5Failure& failure, Body body) noexcept -> decltype(body()) {
    try {
        return body();
    } catch (const Error& error) {
        keep(failure, error);
    } catch (const std::bad_alloc&) {
        failure = {static_cast<std::uint8_t>(ErrorCode::out_of_memory), "not enough memory", "", ""};
    } catch (const std::exception& error) {
        failure = {static_cast<std::uint8_t>(ErrorCode::internal), "", "", ""};
        keep(failure.message, error.what());
    }
    return {};
}

const io::Source& source_of(const void* source) {
    return **static_cast<const Opened*>(source);
}

void* open_file(const char* path, Libhdf5Failure* failure) {
    return guarded(*failure, [path] {
        const Location location = hdf5_location(std::filesystem::path(path));
        return new Opened(location.fs->open(location.name));
    });
}

std::uint64_t length_of(const void* source) {
    return source_of(source).size();
}

int read_at(const void* source, std::uint64_t offset, void* out, std::uint64_t length,
            Libhdf5Failure* failure) {
    return guarded(*failure, [=] {
        source_of(source).read_at(offset, {static_cast<std::byte*>(out), static_cast<std::size_t>(length)});
        return 1;
    });
}

void close_source(void* source) {
    delete static_cast<Opened*>(source);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const tool::Libhdf5Module ballast_libhdf5_v1;
const tool::Libhdf5Module ballast_libhdf5_v1 = {sizeof(tool::Libhdf5Module), open_file, length_of, read_at,
                                                close_source};
