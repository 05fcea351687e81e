# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's checkpoint files made byte by byte, right or wrong: tables, bundles, and files of version 1."""

import struct

MAGIC = bytes.fromhex("57fb808b247547db")
FLOAT, DOUBLE, INT32, STRING, INT64 = 1, 2, 3, 7, 9


def _crc_table():
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        rows.append(byte)
    return rows


_ROWS = _crc_table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = _ROWS[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fixed32(value):
    return struct.pack("<I", value & 0xFFFFFFFF)


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


# ---- protocol buffers ------------------------------------------------------------------------------------------------


def field(tag, value):
    """A number as a varint (left out when 0), anything else as bytes."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value) if value else b""
    return varint(tag << 3 | 2) + varint(len(value)) + value


def shape(dims):
    return b"".join(field(2, field(1, dim)) for dim in dims)


def extents(extent):
    """Of (start, length) pairs, None where a dimension is whole."""
    return b"".join(field(1, b"" if e is None else field(1, e[0]) + varint(2 << 3) + varint(e[1])) for e in extent)


def header(shards=1, endianness=0, version=b"\x08\x01"):
    return field(1, shards) + field(2, endianness) + (b"" if version is None else field(3, version))


def entry(dtype, dims, size=0, offset=0, crc=None, shard=0, slices=(), more=b""):
    checksum = b"" if crc is None else varint(6 << 3 | 5) + fixed32(crc)
    return (field(1, dtype) + field(2, shape(dims)) + field(3, shard) + field(4, offset) + field(5, size) + checksum
            + b"".join(field(7, extents(s)) for s in slices) + more)


# ---- the table -------------------------------------------------------------------------------------------------------


def item(key, value, shared=0):
    return varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value


def block(items, restarts=(0,)):
    return b"".join(items) + b"".join(map(fixed32, restarts)) + fixed32(len(restarts))


def stored(contents, kind=0, crc=None):
    contents += bytes([kind])
    return contents + fixed32(masked(contents) if crc is None else crc)


def snappy(contents):
    """Compressed, after a fashion: runs of literals of at most 60 bytes, and copies where one repeats the last."""
    out, last = varint(len(contents)), None
    for at in range(0, len(contents), 60):
        part = contents[at:at + 60]
        out += bytes([len(part) - 1 << 2 | 2, 60, 0]) if part == last else bytes([len(part) - 1 << 2]) + part
        last = part
    return out


def handle(offset, size):
    return varint(offset) + varint(size)


def footer(meta, index):
    return (meta + index).ljust(40, b"\0") + MAGIC


def table_of(blocks):
    """Of blocks with their trailers, each with its key in the index."""
    out, index = b"", []
    for last, contents in blocks:
        index.append(item(last, handle(len(out), len(contents) - 5)))
        out += contents
    meta = handle(len(out), 8)
    out += stored(block([]))
    contents = block(index)
    at = handle(len(out), len(contents))
    return out + stored(contents) + footer(meta, at)


def table(entries):
    """Of keys and values in order, in one block that shares nothing."""
    return table_of([(entries[-1][0], stored(block([item(*e) for e in entries])))])


# ---- keys of slices, version 1 ---------------------------------------------------------------------------------------


def _number(value):
    digits = value.to_bytes(8, "big").lstrip(b"\0")
    return bytes([len(digits)]) + digits


def _signed(value):
    length = 1
    while not -(1 << 7 * length - 1) <= value < 1 << 7 * length - 1:
        length += 1
    bits = bytearray(value.to_bytes(length, "big", signed=True))
    for bit in range(length):
        bits[bit // 8] ^= 0x80 >> bit % 8
    return bytes(bits)


def slice_key(name, extent):
    text = name.replace(b"\0", b"\0\xff").replace(b"\xff", b"\xff\0") if b"\0" in name or b"\xff" in name else name
    parts = (_signed(0) + _signed(-1) if e is None else _signed(e[0]) + _signed(e[1]) for e in extent)
    return b"\0" + text + b"\0\1" + _number(len(extent)) + b"".join(parts)


def v1_meta(tensors, version=b"\x08\x01"):
    """Of (name, dims, dtype, slices)."""
    listed = b"".join(field(1, field(1, name) + field(2, shape(dims)) + field(3, dtype)
                            + b"".join(field(4, extents(s)) for s in slices)) for name, dims, dtype, slices in tensors)
    return field(1, listed + field(2, version))


def v1_slice(name, extent, values):
    return slice_key(name, extent), field(2, field(1, name) + field(2, extents(extent)) + field(3, values))
