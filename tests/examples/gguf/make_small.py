#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes small.gguf and small.json with the reference's library (pip install gguf==0.19.0): make_small.py FOLDER

The JSON says what the library itself reads back: types, shapes in numpy's order, and the values as float32.
"""
import json
import pathlib
import sys

import gguf
import numpy
from gguf import quants


def main():
    folder = pathlib.Path(sys.argv[1])
    random = numpy.random.default_rng(7)
    writer = gguf.GGUFWriter(folder / "small.gguf", "sample")
    writer.add_name("a small model")
    writer.add_block_count(2)
    writer.add_float32("sample.scale", 0.5)
    writer.add_bool("sample.tied", True)
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "caf\u00e9", "\u5c42"])
    writer.add_array("sample.sizes", [1, 2, 3])
    values = random.standard_normal((3, 64)).astype(numpy.float32)
    writer.add_tensor("token_embd.weight", values)
    writer.add_tensor("blk.0.norm.weight", values[0, :5].astype(numpy.float16))
    writer.add_tensor("blk.0.steps", numpy.arange(-3, 3, dtype=numpy.int8).reshape(2, 3))
    writer.add_tensor("blk.0.big", numpy.array([[1.5], [-2.25]], dtype=numpy.float64))
    writer.add_tensor("blk.1.q8.weight", quants.quantize(values, gguf.GGMLQuantizationType.Q8_0),
                      raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.1.q4.weight", quants.quantize(values, gguf.GGMLQuantizationType.Q4_0),
                      raw_dtype=gguf.GGMLQuantizationType.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    tensors = {}
    for tensor in gguf.GGUFReader(folder / "small.gguf").tensors:
        blocks = tensor.data.dtype == numpy.uint8
        plain = quants.dequantize(tensor.data, tensor.tensor_type) if blocks else tensor.data
        tensors[tensor.name] = {"type": tensor.tensor_type.name, "shape": [int(n) for n in reversed(tensor.shape)],
                                "values": [float(value) for value in plain.astype(numpy.float32).ravel()]}
    (folder / "small.json").write_text(json.dumps(tensors, indent=0) + "\n")


main()
