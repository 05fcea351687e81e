# SPDX-License-Identifier: Apache-2.0
"""Reads the messages of version 1 object headers, so that files of two writers can be compared byte for byte."""

import pathlib
import struct

import h5py
from h5py import h5o

NIL, LINK, LAYOUT, ATTRIBUTE, CONTINUATION, SYMBOL_TABLE, MTIME = 0x00, 0x06, 0x08, 0x0C, 0x10, 0x11, 0x12
UNDEFINED = b"\xff" * 8


def pad8(size):
    return (size + 7) // 8 * 8


def messages(image, address):
    """(type, flags, body) of an object's messages, but for those that only place or date them."""
    version, _, count, references, size = struct.unpack_from("<BBHII", image, address)
    assert (version, references) == (1, 1)
    blocks, found, seen = [(address + 16, size)], [], 0
    while blocks:
        at, left = blocks.pop(0)
        while left >= 8:
            kind, length, flags = struct.unpack_from("<HHB", image, at)
            body = image[at + 8 : at + 8 + length]
            at, left, seen = at + 8 + length, left - 8 - length, seen + 1
            if kind == CONTINUATION:
                blocks.append(struct.unpack_from("<QQ", body))
            elif kind not in (NIL, MTIME):
                found.append((kind, flags, body))
    assert seen == count
    return found


def attribute_parts(body):
    """Name, type, space and data; of references to the global heap only the string's length."""
    version, name_size, type_size, space_size = struct.unpack_from("<BxHHH", body)
    assert version == 1
    parts, at = [], 8
    for size in (name_size, type_size, space_size):
        parts.append(body[at : at + size])
        at += pad8(size)
    data = body[at:]
    if parts[1][0] & 0x0F == 9:
        data = b"".join(data[i : i + 4] for i in range(0, len(data) - 15, 16))
    return (*parts, data)


def without_addresses(kind, body):
    if kind == ATTRIBUTE:
        return attribute_parts(body)
    if kind == SYMBOL_TABLE:
        return len(body)
    if kind == LAYOUT:
        version, layout_class = body[:2]
        assert (version, layout_class) == (3, 1)
        return body[:2], body[2:10] == UNDEFINED, body[10:18]
    return body


def comparable_headers(path):
    """{object name: its messages without addresses, sorted}."""
    image = pathlib.Path(path).read_bytes()
    headers = {}

    def add(name, item):
        found = messages(image, h5o.get_info(item.id).addr)
        headers[name] = sorted(((kind, flags, without_addresses(kind, body)) for kind, flags, body in found), key=repr)

    with h5py.File(path) as file:
        add("/", file)
        file.visititems(add)
    return headers


def holds_links(messages):
    """Whether the object is a group that keeps its links in messages instead of a symbol table."""
    return any(kind == LINK for kind, _, _ in messages)


def only_attributes(messages):
    return [message for message in messages if message[0] == ATTRIBUTE]
