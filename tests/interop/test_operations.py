# SPDX-License-Identifier: Apache-2.0
"""Operations of Keras 3 in a functional model as functions of TensorFlow for tf_keras, all of those that the tables know."""

import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras

ops = keras.ops
KERNEL = np.ones((3, 3, 3, 2), "float32")
EYE = 9 * np.eye(4, dtype="float32")
SHAPES = {"values": (4, 3), "shapes": (4, 3), "algebra": (4, 3), "images": (8, 6, 3)}


def values(x):
    words = ops.argmax(x, axis=-1)
    plain = ["absolute", "negative", "exp", "expm1", "floor", "ceil", "sin", "cos", "tanh", "sign", "square", "round", "trunc", "exp2",
             "deg2rad", "rad2deg", "cbrt", "sinc", "signbit", "fabs", "isnan", "isinf", "isfinite", "isneginf", "isposinf", "real", "angle",
             "conj", "erf", "erfc", "relu", "relu6", "sigmoid", "softplus", "softsign", "silu", "log_sigmoid", "leaky_relu", "selu", "gelu",
             "softmax", "log_softmax", "hard_tanh", "ones_like", "zeros_like"]
    positive = ["log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal"]
    return [*(getattr(ops, name)(x) for name in plain if hasattr(ops, name)),
            *(getattr(ops, name)(ops.absolute(x)) for name in positive), ops.erfinv(ops.tanh(x)),
            ops.elu(x, 2.0), ops.clip(x, -0.5, 0.5), ops.clip(x, 0, 1), ops.cast(x, "int32"), ops.cast(x, "float16"),
            ops.saturate_cast(x * 100, "uint8"), ops.ones_like(x, dtype="int32"), ops.full_like(x, 3.0), 1 + x, 1 - x, 2 * x, 1 / (x + 9),
            x // 0.3, x % 0.3, x**2, ops.where(x > 0, x, 0), ops.where(x > 0, x, -x), ops.logaddexp(x, x * 2), ops.arctan2(x, x + 1),
            ops.isclose(x, ops.round(x), atol=0.3), ops.select([x > 1, x < 0], [x, -x], 0.0), ops.hypot(x, x * 2),
            ops.one_hot(words, 3), ops.one_hot(words, 3, dtype="int32"), ops.bitwise_not(words),
            ops.logical_or(x > 1, x < 0)]


def shapes(x):
    return [ops.argmax(x, axis=-1), ops.argmin(x, axis=1), ops.argsort(x, axis=1), ops.sort(x, axis=1), ops.amax(x, axis=1),
            ops.amin(x, axis=-1, keepdims=True), ops.average(x, axis=1), ops.average(x, axis=1, weights=ops.absolute(x) + 1.0),
            ops.count_nonzero(ops.round(x), axis=1), ops.diagonal(x, axis1=1, axis2=2), ops.diagonal(x, offset=1, axis1=1, axis2=2),
            ops.trace(x, axis1=1, axis2=2), ops.diff(x, axis=1), ops.diff(x, n=2, axis=1), ops.flip(x, axis=2), ops.flip(x, axis=(1, 2)),
            ops.moveaxis(x, 1, 2), ops.swapaxes(x, 1, 2), ops.rot90(x, axes=(1, 2)), ops.tril(x), ops.triu(x, 1), ops.roll(x, 1, axis=1),
            ops.pad(x, ((0, 0), (1, 2), (0, 1))), ops.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=2.0),
            ops.pad(x, ((0, 0), (1, 2), (0, 1)), mode="reflect"), *ops.split(x, 2, axis=1), *ops.split(x, [1, 3], axis=1), ops.ravel(x),
            ops.append(x, x, axis=1), ops.vstack([x, x]), ops.hstack([x, x]), ops.take(x, [0, 2], axis=1), ops.take(x, 1, axis=1),
            ops.take_along_axis(x, ops.argsort(x, axis=1), axis=1), ops.cumsum(x, axis=1), ops.cumsum(x), ops.cumprod(x, axis=-1),
            *ops.moments(x, axes=[1]), *ops.moments(x, axes=[1], keepdims=True), ops.size(x), x[:, 1:3, ::2], x[:, None, ..., 0],
            x[..., 0], ops.extract_sequences(x[..., 0], 2, 1), ops.segment_sum(x, np.array([0, 1]), 2),
            ops.segment_max(x, np.array([0, 1]), 2), ops.in_top_k(ops.argmax(x[:, 0], -1), x[:, 1], 1), *ops.top_k(x, 2),
            ops.ptp(x, axis=1) if hasattr(ops, "ptp") else x]


def algebra(x):
    square = x[:, :3] + EYE[:3, :3]
    symmetric = ops.matmul(x, ops.swapaxes(x, 1, 2)) + EYE
    return [symmetric, ops.matmul(x, KERNEL[0, 0]), ops.dot(x, KERNEL[0, 0]), ops.tensordot(x, KERNEL[0, 0], axes=1), ops.vdot(x, x),
            ops.inner(x[0], x[1]), ops.outer(x[0, 0], x[1, 0]), ops.cross(x, x[:, ::-1]), ops.det(square), ops.inv(square),
            ops.solve(square, x[:, 1:]), ops.solve_triangular(ops.tril(square), x[:, 1:], lower=True), ops.cholesky(symmetric),
            ops.eigh(symmetric)[0], *ops.slogdet(square), ops.logdet(symmetric), *ops.qr(x), ops.norm(x, axis=-1),
            ops.norm(x, ord=1, axis=-1, keepdims=True)]


def images(x):
    image = ops.image
    return [ops.average_pool(x, 2, 2), ops.average_pool(x, (3, 2), (1, 2), padding="same"), ops.max_pool(x, 2),
            ops.max_pool(x, 3, 2, padding="same"), ops.conv(x, KERNEL, padding="same"), ops.conv(x, KERNEL, strides=(2, 2)),
            ops.conv(x, KERNEL, dilation_rate=2), image.resize(x, (4, 4)), image.resize(x, (16, 9), interpolation="nearest"),
            image.resize(x, (4, 4), interpolation="bicubic", antialias=True), image.resize(x, (5, 5), interpolation="lanczos3"),
            image.rgb_to_grayscale(x), image.rgb_to_hsv(ops.sigmoid(x)), image.hsv_to_rgb(ops.sigmoid(x)), image.extract_patches(x, (2, 2)),
            image.extract_patches(x, (3, 2), (1, 2), padding="same"), image.extract_patches(x, (2, 2), (1, 1), dilation_rate=2),
            image.pad_images(x, 1, 2, target_height=12, target_width=10), image.crop_images(x, 1, 2, target_height=4, target_width=3),
            image.sobel_edges(x), ops.depth_to_space(ops.concatenate([x, x, x, x], axis=-1), 2), ops.space_to_depth(x, 2)]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("group", [values, shapes, algebra, images], ids=lambda group: group.__name__)
def test_operations_for_tf_keras(group, suffix, tmp_path):
    fresh(keras)
    shape = SHAPES[group.__name__]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, group(inputs))
    model.save(tmp_path / "a.keras")
    tool.convert(tmp_path / "a.keras", tmp_path / f"b{suffix}", "--flavor", "tf_keras")
    given = np.random.default_rng(2).normal(size=(2, *shape)).astype("float32")
    loaded = tf_keras.models.load_model(tmp_path / f"b{suffix}", compile=False)(given)
    for tensor, ours, theirs in zip(model.outputs, loaded, model(given), strict=True):
        assert ours.dtype == theirs.dtype, tensor
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=str(tensor))


@pytest.mark.parametrize("make, text", [
    (lambda x: ops.roll(x, 2), "argument axis"), (lambda x: ops.argmax(x, axis=1, keepdims=True), "argument keepdims"),
    (lambda x: ops.median(x, axis=1), "no function of Keras 2"), (lambda x: ops.cast(x, "int32") * 0.5, "different types"),
    (lambda x: ops.cast(x, "float16") + x, "different types")])
def test_operations_that_tf_keras_does_not_have(make, text, tmp_path):
    fresh(keras)
    inputs = keras.Input((4, 3), batch_size=2)
    keras.Model(inputs, make(inputs)).save(tmp_path / "a.keras")
    done = tool.convert(tmp_path / "a.keras", tmp_path / "b.keras", "--flavor", "tf_keras", expect=tool.REFUSED)
    assert text in done.stderr and not (tmp_path / "b.keras").exists()
