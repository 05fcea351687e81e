# SPDX-License-Identifier: Apache-2.0
"""The demo network written for Keras 3: the code that the converted weights are loaded into."""

import keras
from keras import layers


def build():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
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
