# SPDX-License-Identifier: Apache-2.0
"""Trains the demo network with tf_keras on scikit-learn's digits and saves it as Keras 2 did: one compiled whole-model .h5.

Run from anywhere, with the Python peers: tools/dev python tests/data/demo/train.py [OUT.h5]
Seeds and op determinism are fixed, so a run on the same machine and versions gives the same weights; another
processor may differ in the last bits. The file that is checked in was made by this script.
"""

import os
import pathlib
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tf_keras import layers


def data():
    """Images scaled to 0..1 and labels, as (train x, test x, train y, test y); one image in four is for testing."""
    digits = load_digits()
    images = (digits.images[..., None] / 16.0).astype(np.float32)
    return train_test_split(images, digits.target, test_size=0.25, random_state=7, stratify=digits.target)


def build():
    return tf_keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="stem"),
            layers.BatchNormalization(name="stem_norm"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="body"),
            layers.BatchNormalization(name="body_norm"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("digits.h5")
    tf_keras.utils.set_random_seed(20)
    tf.config.experimental.enable_op_determinism()
    train_x, test_x, train_y, test_y = data()
    model = build()
    model.compile(optimizer=tf_keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_x, train_y, batch_size=32, epochs=30, verbose=0)
    accuracy = model.evaluate(test_x, test_y, verbose=0)[1]
    print(f"test accuracy {accuracy:.4f} on {len(test_y)} images")
    if accuracy <= 0.9:
        sys.exit("the network did not learn: nothing saved")
    model.save(out, save_format="h5")
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
