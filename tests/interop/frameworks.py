# SPDX-License-Identifier: Apache-2.0
"""Imports the two judges, Keras 3 and tf_keras (Keras 2), quietly and in one process."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # results that do not depend on the CPU's kernels
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402

tf.get_logger().setLevel("ERROR")

BY_NAME = {"keras": keras, "tf_keras": tf_keras}


def fresh(framework):
    """Starts automatic layer names again, so that two builds of one architecture agree."""
    framework.backend.clear_session()


def is_keras3(framework):
    return framework is keras
