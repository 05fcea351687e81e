# SPDX-License-Identifier: Apache-2.0
"""Damaged files through the tool itself: one in 200 of the mutations and cuts that the conformance suite tries in process.

Every run ends with one of the tool's exit codes, never a signal; a failed one leaves the destination as it was.
"""

import random

import pytest
import tool

MUTATIONS, CUTS, ONE_IN = 1000, 32 * 1024, 200
LARGEST = 32 * 1024
OLD = b"the old file, which must survive"
FILES = [
    "keras-3.15.1-dense.weights.h5", "keras-3.15.1-compiled-adam.weights.h5", "tf_keras-2.21.0-dense.weights.h5",
    "tf_keras-2.21.0-weights-only.h5", "tf_keras-2.21.0-whole-compiled.h5", "keras-3.15.1-whole-compiled.h5",
    "keras-3.15.1-zip-dense.keras",
    "safetensors-0.8.0-dtypes.safetensors", "safetensors-0.8.0-plain.safetensors",
]


def mutated(good, rng):
    data = bytearray(good)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        at = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        else:
            data[at : at + 8] = rng.randbytes(len(data[at : at + 8]))
    return bytes(data)


def broken(good):
    rng = random.Random(20260)
    for _ in range(MUTATIONS // ONE_IN):
        yield mutated(good, rng)
    for _ in range(min(CUTS, len(good)) // ONE_IN // 8):
        yield good[: rng.randrange(len(good))]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_gives_an_error_or_its_bytes(name, golden, tmp_path):
    good = (golden / name).read_bytes()
    assert len(good) <= LARGEST or name.startswith("keras-3.15.1-whole"), "a small file is meant"
    source = tmp_path / name
    destination = tmp_path / "out.safetensors"
    for data in broken(good):
        source.write_bytes(data)
        destination.write_bytes(OLD)
        done = tool.start("convert", "-f", "-q", "--no-fsync", source, destination)
        assert 0 <= done.code <= tool.REFUSED, done
        if done.code != tool.OK:
            assert "ballast:" in done.stderr, done
            assert destination.read_bytes() == OLD, done
        assert {entry.name for entry in tmp_path.iterdir()} == {name, destination.name}, done
        seen = tool.start("inspect", "--json", source)
        assert 0 <= seen.code <= tool.REFUSED, seen
