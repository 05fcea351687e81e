# SPDX-License-Identifier: Apache-2.0
"""One of the two real frameworks behind one face: its layer classes, its save walk, its variables."""

import inspect
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tf_keras refers to itself through tf.keras in places
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np


class Framework:
    """`id` is "keras3" or "tf_keras". `classes` maps every public layer name, aliases included, to its class."""

    def __init__(self, framework_id):
        self.id = framework_id
        self.is_keras3 = framework_id == "keras3"
        if self.is_keras3:
            import keras
            from keras.src.saving import saving_lib
        else:
            import tf_keras as keras
            from tf_keras.src.saving import saving_lib
        self.keras = keras
        self.saving_lib = saving_lib
        self.version = keras.__version__
        self.layers = keras.layers
        self.base = keras.layers.Layer
        self.classes = self._find_classes()

    def _find_classes(self):
        found = {}
        for module in self._public_modules():
            for name in sorted(dir(module)):
                self._add(found, name, getattr(module, name))
        if not self.is_keras3:
            from tf_keras.src.layers import serialization

            serialization.populate_deserializable_objects()
            for name, value in sorted(serialization.LOCAL.ALL_OBJECTS.items()):
                self._add(found, name, value)
        for name, value in self._private_classes().items():
            self._add(found, name, value)
        return found

    def _add(self, found, name, value):
        if inspect.isclass(value) and issubclass(value, self.base) and not self._is_metric(value):
            found.setdefault(name, value)
            found.setdefault(value.__name__, value)

    def _is_metric(self, value):
        return not self.is_keras3 and issubclass(value, self.keras.metrics.Metric)

    def _public_modules(self):
        modules = [self.keras.layers]
        if not self.is_keras3:
            from tf_keras import experimental
            from tf_keras.layers import experimental as layers_experimental

            modules += [layers_experimental, layers_experimental.preprocessing, experimental]
        return modules

    def _private_classes(self):
        """Classes that are not exported but appear in files: as sub-layers, or as the model itself."""
        if self.is_keras3:
            from keras.src.layers.rnn.conv_lstm import ConvLSTMCell
            from keras.src.legacy import layers as legacy
            from keras.src.models.functional import Functional

            old = {name: getattr(legacy, name) for name in dir(legacy)}
            return {**old, "ConvLSTMCell": ConvLSTMCell, "Functional": Functional,
                    "Sequential": self.keras.Sequential, "Model": self.keras.Model}
        from tf_keras.src.layers.rnn.base_conv_lstm import ConvLSTMCell

        return {"ConvLSTMCell": ConvLSTMCell}

    def clear_names(self):
        """Automatic layer names start anew ("lstm_cell", not "lstm_cell_7")."""
        if self.is_keras3:
            self.keras.backend.clear_session(free_memory=False)  # collecting garbage takes most of the time
        else:
            self.keras.backend.clear_session()

    def snake_case(self, name):
        if self.is_keras3:
            from keras.src.utils.naming import to_snake_case
        else:
            from tf_keras.src.utils.generic_utils import to_snake_case
        return to_snake_case(name)

    def own_variables(self, layer):
        """The layer's own variables in the order its v3 store numbers them."""
        if self.is_keras3:
            return list(layer._trainable_variables) + list(layer._non_trainable_variables)
        return list(layer._trainable_weights) + list(layer._non_trainable_weights)

    def is_trainable(self, layer, variable):
        """By nature, whether or not the layer is frozen. (Low-rank adaptation freezes the kernel for good.)"""
        listed = layer._trainable_variables if self.is_keras3 else layer._trainable_weights
        return any(variable is other for other in listed) and (variable.trainable or not layer.trainable)

    def parted_variables(self, layer):
        """Own variables by nature, trainable ones and others, each as created."""
        variables = self.own_variables(layer)
        return ([v for v in variables if self.is_trainable(layer, v)],
                [v for v in variables if not self.is_trainable(layer, v)])

    @staticmethod
    def variable_name(variable):
        return variable.name.split("/")[-1].removesuffix(":0")

    @staticmethod
    def array(variable):
        return np.array(variable.numpy() if hasattr(variable, "numpy") else variable)

    @staticmethod
    def dtype(variable):
        return str(getattr(variable.dtype, "name", variable.dtype))

    @staticmethod
    def with_sub_layers(layer):
        return list(layer._flatten_layers())

    def walk(self, layer):
        """[(path, {dataset name: array})] in the order the framework's own v3 writer visits the objects."""
        visited = []
        array = self.array

        low_rank = [part for part in self.with_sub_layers(layer) if getattr(part, "lora_enabled", False)]

        class Recorder(self.saving_lib.NpzIOStore if self.is_keras3 else object):
            def __init__(self):
                pass

            def make(self, path, metadata=None):
                store = {}
                visited.append((path, store))
                return store

        for part in low_rank:
            part.lora_enabled = False  # else the stored kernel is a sum, which is none of the variables
        self.saving_lib._save_state(layer, Recorder(), None, "", set())
        for part in low_rank:
            part.lora_enabled = True
        return [(path, {key: array(value) for key, value in store.items()}) for path, store in visited]

    @staticmethod
    def legacy_weights(layer):
        """The flattened list that a legacy .h5 stores for a top-level layer."""
        return list(layer.trainable_weights) + list(layer.non_trainable_weights)

    def graph_edges(self, layer):
        """{id of a variable or sub-layer: attribute in the TF object graph}."""
        edges = {}
        try:
            children = layer._trackable_children()
        except Exception:
            return edges
        for name, child in children.items():
            edges.setdefault(id(child), name)
            for value in (getattr(child, "_value", None),):
                if value is not None:
                    edges.setdefault(id(value), name)
        return edges

    def default_of(self, cls, key):
        """(True, default) of a constructor argument, searched along the bases; (False, None) if there is none."""
        for base in cls.__mro__:
            if "__init__" not in vars(base):
                continue
            parameter = inspect.signature(base.__init__).parameters.get(key)
            if parameter is not None and parameter.default is not inspect.Parameter.empty:
                return True, parameter.default
        return False, None
