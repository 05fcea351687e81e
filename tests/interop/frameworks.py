# SPDX-License-Identifier: Apache-2.0
"""Imports the two judges, Keras 3 and tf_keras (Keras 2), quietly and in one process."""

import gc
import logging
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # results that do not depend on the CPU's kernels
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tf.keras, which tf_keras' SpectralNormalization uses, must be tf_keras

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402

tf.get_logger().setLevel("ERROR")
logging.getLogger("absl").setLevel("ERROR")
gc.freeze()  # clear_session collects garbage each time; it need not look at the frameworks themselves

BY_NAME = {"keras": keras, "tf_keras": tf_keras}


def fresh(framework):
    """Starts automatic layer names again, so that two builds of one architecture agree."""
    framework.backend.clear_session()


def is_keras3(framework):
    return framework is keras
