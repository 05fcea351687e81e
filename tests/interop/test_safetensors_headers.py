# SPDX-License-Identifier: Apache-2.0
"""The verdict on safetensors headers, case by case and mutation by mutation, compared with the reference library."""

import json
import random
import struct

import pytest
import tool
from safetensors import SafetensorError, safe_open, serialize_file

ONE = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'


def entry(dtype="U8", shape=(1,), offsets=(0, 1), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def whole(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def raw(text):
    """A header with one tensor `a` of one byte, given by its entry's text."""
    return whole(b'{"a":' + text + b"}", b"x")


SAME = {
    "empty_file": b"",
    "seven_bytes": b"1234567",
    "no_header": struct.pack("<Q", 0),
    "header_cut": struct.pack("<Q", 100) + b"{}",
    "length_2_63": struct.pack("<Q", 1 << 63) + b"{}",
    "length_2_64": b"\xff" * 8 + b"{}",
    "no_tensors": whole({}),
    "list": whole([]),
    "spaces_around": whole(b" \n\t{} \r\n "),
    "nul_behind": whole(b"{}\0\0"),
    "text_behind": whole(b"{}x"),
    "bom": whole(b"\xef\xbb\xbf{}"),
    "not_utf8": whole(b'{"\xff":1}'),
    "overlong_utf8": raw(b'{"dtype":"U8","x":"\xc0\xaf","shape":[1],"data_offsets":[0,1]}'),
    "lone_surrogate": whole({"\ud800": entry()}, b"x"),
    "lone_low_surrogate": whole({"\udc00": entry()}, b"x"),
    "surrogate_pair": whole({"\U0001f600": entry()}, b"x"),
    "empty_name": whole({"": entry()}, b"x"),
    "hole_first": whole({"a": entry(offsets=(1, 2))}, b"xx"),
    "hole_between": whole({"a": entry(), "b": entry(offsets=(2, 3))}, b"xxx"),
    "overlap": whole({"a": entry(shape=[2], offsets=(0, 2)), "b": entry(shape=[2], offsets=(1, 3))}, b"xxx"),
    "same_bytes": whole({"a": entry(), "b": entry()}, b"x"),
    "bytes_behind": whole(ONE, b"xy"),
    "data_cut": whole(ONE),
    "reversed": whole({"a": entry(offsets=(1, 0))}, b"x"),
    "wrong_size": whole({"a": entry("U16", [2], (0, 2))}, b"xx"),
    "no_elements": whole({"b": entry(shape=[0], offsets=(0, 0)), "a": entry(shape=[3, 0], offsets=(0, 0)), "c": entry()}, b"x"),
    "scalar": whole({"a": entry(shape=[])}, b"x"),
    "overflow": whole({"a": entry("F64", [1 << 32, 1 << 32], (0, 0))}),
    "overflow_before_zero": whole({"a": entry(shape=[2**64 - 1, 2, 0], offsets=(0, 0))}),
    "zero_before_overflow": whole({"a": entry(shape=[0, 2**64 - 1, 2**64 - 1], offsets=(0, 0))}),
    "dimension_2_64": whole({"a": entry(shape=[2**64, 0], offsets=(0, 0))}),
    "negative": raw(b'{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}'),
    "minus_zero": whole(b'{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}'),
    "fraction": raw(b'{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}'),
    "exponent": raw(b'{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}'),
    "text_dimension": raw(b'{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}'),
    "one_offset": raw(b'{"dtype":"U8","shape":[1],"data_offsets":[1]}'),
    "three_offsets": raw(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}'),
    "no_dtype": raw(b'{"shape":[1],"data_offsets":[0,1]}'),
    "no_shape": raw(b'{"dtype":"U8","data_offsets":[0,1]}'),
    "null_shape": raw(b'{"dtype":"U8","shape":null,"data_offsets":[0,1]}'),
    "no_offsets": raw(b'{"dtype":"U8","shape":[1]}'),
    "unknown_dtype": raw(b'{"dtype":"U9","shape":[1],"data_offsets":[0,1]}'),
    "lower_case_dtype": raw(b'{"dtype":"u8","shape":[1],"data_offsets":[0,1]}'),
    "complex128": whole({"a": entry("C128", [1], (0, 16))}, b"x" * 16),
    "more_fields": raw(b'{"dtype":"U8","x":{"y":[1e3,null]},"shape":[1],"data_offsets":[0,1]}'),
    "dtype_twice": raw(b'{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}'),
    "nan_field": raw(b'{"dtype":"U8","x":NaN,"shape":[1],"data_offsets":[0,1]}'),
    "infinite_field": raw(b'{"dtype":"U8","x":-Infinity,"shape":[1],"data_offsets":[0,1]}'),
    "1e400": raw(b'{"dtype":"U8","x":1e400,"shape":[1],"data_offsets":[0,1]}'),
    "leading_zero": raw(b'{"dtype":"U8","shape":[01],"data_offsets":[0,1]}'),
    "comma_behind": raw(b'{"dtype":"U8","shape":[1,],"data_offsets":[0,1]}'),
    "comment": whole(b"/**/{}"),
    "metadata": whole({"__metadata__": {"a": "1", "\u00e9": ""}}),
    "metadata_empty": whole({"__metadata__": {}}),
    "metadata_null": whole({"__metadata__": None}),
    "metadata_list": whole({"__metadata__": []}),
    "metadata_number": whole({"__metadata__": {"a": 1}}),
    "metadata_object": whole({"__metadata__": {"a": {}}}),
    "metadata_is_a_tensor": whole({"__metadata__": entry()}, b"x"),
    "deep": raw(b'{"dtype":"U8","x":' + b"[" * 5000 + b"]" * 5000 + b',"shape":[1],"data_offsets":[0,1]}'),
}

WE_REFUSE = {
    "tensor_twice": whole(ONE[:-1] + b"," + ONE[1:], b"x"),
    "tensor_twice_escaped": whole(ONE[:-1] + b',"\\u0061":' + ONE[5:], b"x"),
    "metadata_key_twice": whole(b'{"__metadata__":{"a":"1","a":"2"}}'),
    "other_key_twice": raw(b'{"dtype":"U8","y":1,"y":2,"shape":[1],"data_offsets":[0,1]}'),
    "nul_in_name": whole({"a\0": entry()}, b"x"),
    "tensor_as_list": raw(b'["U8",[1],[0,1]]'),
    "rank_33": whole({"a": entry(shape=[1] * 33)}, b"x"),
    "deep_100": raw(b'{"dtype":"U8","x":' + b"[" * 100 + b"]" * 100 + b',"shape":[1],"data_offsets":[0,1]}'),
    **{f"dtype_{name}": whole({"a": entry(name, [4], (0, size))}, b"x" * size)
       for name, size in (("F4", 2), ("F6_E2M3", 3), ("F6_E3M2", 3), ("F8_E8M0", 4), ("F8_E4M3FNUZ", 4), ("F8_E5M2FNUZ", 4))},
}

SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4,
         "F32": 4, "C64": 8, "F64": 8, "I64": 8, "U64": 8}
LIBRARY_NAMES = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "I16": "int16",
                 "U16": "uint16", "F16": "float16", "BF16": "bfloat16", "I32": "int32", "U32": "uint32", "F32": "float32",
                 "C64": "complex64", "F64": "float64", "I64": "int64", "U64": "uint64"}


def reference_names(path):
    """The names the library finds; None when it refuses the file."""
    try:
        with safe_open(path, "np") as f:
            return sorted(f.keys())
    except SafetensorError:
        return None


def our_names(path):
    done = tool.start("inspect", path, "--json")
    if done.code == tool.OK:
        return sorted(tensor["stored_name"] for tensor in json.loads(done.stdout)["tensors"])
    assert done.code in (tool.DAMAGED, tool.REFUSED), done
    return None


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "case.safetensors"
        path.write_bytes(content)
        return path
    return write


@pytest.mark.parametrize("name", SAME)
def test_same_verdict(name, write):
    path = write(SAME[name])
    assert our_names(path) == reference_names(path)


@pytest.mark.parametrize("name", WE_REFUSE)
def test_we_are_stricter(name, write):
    path = write(WE_REFUSE[name])
    assert reference_names(path) is not None, "the page calls this an exception, but it is none"
    assert our_names(path) is None


@pytest.mark.parametrize("dtype", SIZES)
def test_same_verdict_on_every_dtype(dtype, write):
    size = SIZES[dtype]
    for wrong in (-1, 0, 1):
        length = max(0, 3 * size + wrong)
        path = write(whole({"a": entry(dtype, [3], (0, length))}, b"\1" * length))
        assert our_names(path) == reference_names(path)
        assert (our_names(path) is not None) == (wrong == 0)


def test_headers_of_100_million_bytes_and_more(write):
    for length, known in ((100_000_000, True), (100_000_001, False)):
        path = write(struct.pack("<Q", length) + b"{}" + b" " * (length - 2))
        assert (reference_names(path) is not None) == known
        assert our_names(path) == []


def test_mutated_headers(write):
    """Where the two disagree, it is for one of the reasons listed on the format's page."""
    rng = random.Random(11)
    good = whole({"__metadata__": {"k": "v"}, "b": entry("F32", [2, 3], (0, 24)), "a": entry("U8", [4], (24, 28)),
                  "z": entry("F64", [0], (28, 28))}, bytes(range(28)))
    length = struct.unpack("<Q", good[:8])[0]
    agreed = accepted = 0
    for _ in range(300):
        content = bytearray(good)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            at = rng.randrange(8 + length)
            content[at] = rng.choice((rng.randrange(256), rng.choice(b'{}[],:"0123456789 \\\x00')))
        path = write(bytes(content))
        ours, theirs = our_names(path), reference_names(path)
        accepted += theirs is not None
        if ours == theirs:
            agreed += 1
            continue
        header = bytes(content[8:8 + length])
        pairs = []
        json.loads(header, object_pairs_hook=lambda items: pairs.append([key for key, _ in items]) or dict(items))
        repeated = any(len(keys) != len(set(keys)) for keys in pairs)
        assert ours is None and (repeated or b"\\u0000" in header), header
    assert agreed > 250 and accepted > 0
