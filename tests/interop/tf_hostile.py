# SPDX-License-Identifier: Apache-2.0
"""Malformed TensorFlow checkpoints, one case each, and what TensorFlow 2.21 makes of it.

`python tf_hostile.py` prints the table anew: it reads every case with TensorFlow in a process of its own (a fork of one that
has imported it), which may abort, or run into the alarm. A case is (name, index, data, TensorFlow's outcome); the outcomes:
abort (the process dies), stall (not done in twenty seconds, or more memory than 16 GiB), error (an exception),
misread (a value, or a list of tensors, that the bytes do not bear out), value (the right one).
"""

import os
import signal
import struct

import tf_forged as f

DATA = b"abcdefghijklmnop"
CRC = f.masked(DATA)
HUGE = (1 << 63) - 1
HEADER = f.item(b"", f.header())


def good(**changes):
    return f.entry(**{"dtype": f.FLOAT, "dims": [2, 2], "size": 16, "crc": CRC, **changes})


def one(entry, header=None):
    return f.table([(b"", f.header() if header is None else header), (b"t", entry)])


def raw(items, restarts=(0,), kind=0, crc=None):
    """A table of one data block of these items."""
    return f.table_of([(b"z", f.stored(f.block(items, restarts), kind, crc))])


def text(stored, dims, crc):
    return f.entry(f.STRING, dims, len(stored), crc=crc), stored


def encoded(strings, lengths=None, checksum=None):
    """A text tensor's bytes and checksum, as a bundle has them."""
    lengths = [len(s) for s in strings] if lengths is None else lengths
    words = f.fixed32(f.masked(b"".join(map(f.fixed32, lengths))) if checksum is None else checksum)
    body = b"".join(strings)
    return b"".join(map(f.varint, lengths)) + words + body, f.masked(b"".join(map(f.fixed32, lengths)) + words + body)


def sliced(slices, parts, dims=(2, 2)):
    """`slices` as listed; `parts`: of (slice, dims, offset, bytes)."""
    entries = [(b"", f.header()), (b"t", f.entry(f.FLOAT, dims, slices=slices))]
    entries += [(f.slice_key(b"t", s), f.entry(f.FLOAT, d, len(b), o, f.masked(b))) for s, d, o, b in parts]
    return f.table(sorted(entries))


TOP, BOTTOM = [(0, 1), None], [(1, 1), None]
HALVES = [(TOP, [1, 2], 0, DATA[:8]), (BOTTOM, [1, 2], 8, DATA[8:])]
GOOD = one(good())
WORDS, WORDS_CRC = encoded([b"one", b"", b"three"])
META, INDEX_BLOCK = len(GOOD) - 48, GOOD[-48:]


def with_footer(meta, index):
    return GOOD[:-48] + f.footer(meta, index)


def nested(depth):
    inner = b""
    for _ in range(depth):
        inner = f.field(2, inner)
        if len(inner) > 1 << 16:
            break
    return inner


def blocks_twice():
    """The index block names one data block twice."""
    data = f.stored(f.block([HEADER, f.item(b"t", good())]))
    index = f.block([f.item(b"t", f.handle(0, len(data) - 5)), f.item(b"u", f.handle(0, len(data) - 5))])
    meta = f.stored(f.block([]))
    return data + meta + f.stored(index) + f.footer(f.handle(len(data), 8), f.handle(len(data) + len(meta), len(index)))


def graph(message):
    stored, crc = encoded([message])
    entries = [(b"", f.header()), (b"_CHECKPOINTABLE_OBJECT_GRAPH", f.entry(f.STRING, [], len(stored), 16, crc)), (b"t", good())]
    return f.table(entries), DATA + stored


def cases():
    """name -> (index, data)"""
    table = {
        "good": one(good()),
        # Shapes.
        "a negative dimension": one(good(dims=[-1, 4])),
        "the smallest dimension": one(good(dims=[-HUGE - 1])),
        "2^62 x 4": one(good(dims=[1 << 62, 4])),
        "2^62 x 4 x 1": one(good(dims=[1 << 62, 4, 1])),
        "2^40 x 2^40": one(good(dims=[1 << 40, 1 << 40])),
        "overflow beside a zero": one(good(dims=[HUGE, HUGE, 0], size=0, crc=f.masked(b""))),
        "the largest dimension": one(good(dims=[HUGE])),
        "2^38 floats": one(good(dims=[1 << 38])),
        "2^38 floats of that size": one(good(dims=[1 << 38], size=1 << 40)),
        "2^45 floats of that size": one(good(dims=[1 << 45], size=1 << 47)),
        "255 dimensions": one(good(dims=[1] * 255)),
        "300 dimensions": one(good(dims=[1] * 300)),
        "unknown rank": one(f.field(1, 1) + f.field(2, f.field(3, 1)) + f.field(5, 16) + f.varint(6 << 3 | 5) + f.fixed32(CRC)),
        "no shape": one(good(dims=[])),
        "another shape": one(good(dims=[2, 3])),
        # Types.
        "type 0": one(good(dtype=0)),
        "type 20, a resource": one(good(dtype=20)),
        "type 99": one(good(dtype=99)),
        "type 999": one(good(dtype=999)),
        "type 2^31 - 1": one(good(dtype=2**31 - 1)),
        "a reference to float": one(good(dtype=101)),
        "another type's size": one(good(dtype=f.DOUBLE)),
        # Places.
        "data file 1 of 1": one(good(shard=1)),
        "data file -1": one(good(shard=-1)),
        "a negative offset": one(good(offset=-1)),
        "an offset past the end": one(good(offset=1)),
        "an offset of 2^60": one(good(offset=1 << 60)),
        "an offset that overflows": one(good(offset=HUGE)),
        "a negative size": one(good(size=-16)),
        "too small a size": one(good(size=15)),
        "no size": one(good(size=0)),
        "no checksum": one(good(crc=None)),
        "another checksum": one(good(crc=CRC ^ 1)),
        "overlapping tensors": f.table([(b"", f.header()), (b"t", good()), (b"u", f.entry(f.FLOAT, [1], 4, 4, f.masked(b"efgh")))]),
        # Entries that are no messages.
        "an entry of 0xff": one(b"\xff" * 12),
        "an entry that ends within a field": one(good()[:-2]),
        "an empty group": one(good() + b"\x0b\x0c"),
        "a group that does not end": one(good() + b"\x0b"),
        "a checksum as a varint": one(f.field(1, 1) + f.field(2, f.shape([2, 2])) + f.field(5, 16) + f.field(6, CRC)),
        "ten thousand messages in one another": one(good(more=f.field(99, nested(10_000)))),
        "a shape twice": one(f.field(2, f.shape([2, 2])) + good()),
        "an unknown field": one(good(more=f.field(99, 7))),
        # Headers.
        "no header": f.table([(b"t", good())]),
        "an empty header": one(good(), b""),
        "no data files": one(good(), f.header(0)),
        "a negative number of data files": one(good(), f.header(-1)),
        "2^31 - 1 data files": one(good(), f.header(2**31 - 1)),
        "byte order 2": one(good(), f.header(endianness=2)),
        "a version for newer readers": one(good(), f.header(version=b"\x08\x01\x10\x02")),
        "a header without a version": one(good(), f.header(version=None)),
        "a header that is no message": one(good(), b"\xff\xff\xff"),
        # Tables.
        "a key twice": raw([HEADER, f.item(b"t", good()), f.item(b"t", good(offset=4))]),
        "falling keys": raw([HEADER, f.item(b"t", good()), f.item(b"a", good())]),
        "shares more than there is": raw([HEADER, f.varint(9) + f.varint(1) + f.varint(2) + b"t\x08\x01"]),
        "a key of 4 GiB": raw([HEADER, b"\0\xff\xff\xff\xff\x0f\x01t"]),
        "a value of 4 GiB": raw([HEADER, b"\0\x01\xff\xff\xff\xff\x0ft"]),
        "lengths that wrap": raw([HEADER, b"\0" + f.varint(2**31) + f.varint(2**31 + 1) + b"t"]),
        "a block whose checksum is wrong": raw([HEADER, f.item(b"t", good())], crc=1),
        "no restarts": f.table_of([(b"z", f.stored(HEADER + f.item(b"t", good()) + f.fixed32(0)))]),
        "2^32 - 1 restarts": f.table_of([(b"z", f.stored(HEADER + f.item(b"t", good()) + f.fixed32(2**32 - 1)))]),
        "a restart outside of the block": raw([HEADER, f.item(b"t", good())], (0, 1 << 20)),
        "compression 2": raw([HEADER, f.item(b"t", good())], kind=2),
        "a Snappy block of 2^32 - 1 bytes": f.table_of([(b"z", f.stored(b"\xff\xff\xff\xff\x0f\0", 1))]),
        "a Snappy block of 2 GiB": f.table_of([(b"z", f.stored(f.varint(2**31 - 1) + b"\0\0", 1))]),
        "a Snappy block that copies from before it": f.table_of([(b"z", f.stored(b"\x08\x11\x40", 1))]),
        "a block twice": blocks_twice(),
        "a footer of 2^63": with_footer(f.handle(0, 8), f.handle(0, 1 << 63)),
        "a footer of 2^40": with_footer(f.handle(0, 8), f.handle(0, 1 << 40)),
        "a footer that wraps": with_footer(f.handle(0, 8), f.handle(2**64 - 8, 8)),
        "a footer without end": with_footer(b"\xff" * 40, b""),
        "another magic": GOOD[:-1] + b"\0",
        "a table of 47 bytes": GOOD[-47:],
        "an empty table": b"",
        # Slices.
        "slices": sliced([TOP, BOTTOM], HALVES),
        "slices that are not there": one(f.entry(f.FLOAT, [2, 2], slices=[TOP, BOTTOM])),
        "slices with a gap": sliced([TOP], HALVES[:1]),
        "a slice twice": sliced([TOP, TOP], HALVES),
        "overlapping slices": sliced([[(0, 2), None], BOTTOM], [([(0, 2), None], [2, 2], 0, DATA), HALVES[1]]),
        "a slice smaller than its extents": sliced([TOP, BOTTOM], [HALVES[0], (BOTTOM, [1, 1], 8, DATA[8:12])]),
        "a slice of another rank": sliced([[(0, 2)]], [([(0, 2)], [2], 0, DATA[:8])]),
        "a slice that begins at -1": sliced([[(-1, 3), None]], [([(-1, 3), None], [3, 2], 0, DATA)]),
        "a slice of length 2^62": sliced([[(0, 1 << 62), None]], [([(0, 1 << 62), None], [2, 2], 0, DATA)]),
        "a slice of a negative length": sliced([[(0, -1), None]], [([(0, -1), None], [2, 2], 0, DATA)]),
        # 48 MB of declarations: what is made of them must not be many times as much.
        "eight million slices that are not there": f.table([(b"", f.header())] + [
            (bytes([key]), f.entry(f.FLOAT, [2, 2]) + (f.field(7, f.field(1, b"") * 2)) * 1_000_000) for key in b"mnopqrst"]),
        "slices nobody lists": f.table(sorted([(b"", f.header()), (f.slice_key(b"t", TOP), good(dims=[1, 2], size=8, crc=f.masked(DATA[:8])))])),
    }
    found = {name: (index, DATA) for name, index in table.items()}
    for name, (entry, data) in {
        "text": text(WORDS, [3], WORDS_CRC),
        "2^33 strings": text(WORDS, [1 << 33], WORDS_CRC),
        "fewer strings than there are": text(WORDS, [2], WORDS_CRC),
        "a string of 2^40 bytes": text(*(lambda s, c: (s, [1], c))(*encoded([b"x"], [1 << 40]))),
        "a string past the end": text(*(lambda s, c: (s, [1], c))(*encoded([b"x"], [100]))),
        "lengths with another checksum": text(*(lambda s, c: (s, [1], c))(*encoded([b"x"], checksum=5))),
        "text without bytes": text(b"", [3], f.masked(b"")),
    }.items():
        found[name] = (one(entry), data)
    found["data that is cut"] = (one(good()), DATA[:-1])
    found["data that is flipped"] = (one(good()), b"X" + DATA[1:])
    found["no data at all"] = (one(good()), b"")
    node = f.field(1, f.field(1, 7) + f.field(2, b"x"))
    found["a graph with a node that is not there"] = graph(f.field(1, node))
    found["a graph of 0xff"] = graph(b"\xff" * 9)
    found["a graph with a cycle"] = graph(f.field(1, f.field(1, f.field(2, b"root"))))
    return found


# ---- the judge -------------------------------------------------------------------------------------------------------


def right_value(name):
    """What the bytes bear out, of cases that are right in the end."""
    return [b"one", b"", b"three"] if name == "text" else DATA


def in_child(action):
    """The outcome of an action in a fork: its text, or how the process ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            import faulthandler
            import resource

            faulthandler.disable()
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            signal.alarm(20)  # on a busy machine the slowest of the others takes three
            os.write(writer, action().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return "stall" if os.WTERMSIG(status) == signal.SIGALRM else "abort"
    return said or "abort"


def tensorflow_outcome(name, prefix):
    import tensorflow as tf

    def read():
        try:
            reader = tf.train.load_checkpoint(prefix)
            found = {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
            value = found.get("t")
            value = value.tolist() if name == "text" else value.tobytes()
            known = {"t", "_CHECKPOINTABLE_OBJECT_GRAPH"}
            return "value" if value == right_value(name) and set(found) <= known else "misread"
        except MemoryError:
            return "stall"
        except Exception as error:  # whatever it is, it is one
            return "stall" if "exhausted" in str(error).lower() or "bad_alloc" in str(error) else "error"

    return in_child(read)


def write_case(folder, index, data):
    prefix = os.path.join(folder, "p")
    for suffix, content in ((".index", index), (".data-00000-of-00001", data)):
        with open(prefix + suffix, "wb") as out:
            out.write(content)
    return prefix


def main():
    import tempfile

    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    import tensorflow  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        for name, (index, data) in cases().items():
            print(f"    {name!r}: {tensorflow_outcome(name, write_case(folder, index, data))!r},", flush=True)


if __name__ == "__main__":
    main()
