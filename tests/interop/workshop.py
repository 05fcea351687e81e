# SPDX-License-Identifier: Apache-2.0
"""Makes source models and their files once a session, and targets with other weights for every judgement."""

import json
import zlib
from functools import cached_property

from architectures import predict
from compare import assert_all_differ
from frameworks import BY_NAME, keras
from model_walk import layer_paths, legacy_order, record_v3, slots
from randomise import randomise

SOURCE_SEED = 101  # targets count up from here


class Source:
    """One architecture in one framework with random weights, and the files that framework writes of it."""

    def __init__(self, architecture, framework_name, folder):
        self.architecture = architecture
        self.framework_name = framework_name
        self.framework = BY_NAME[framework_name]
        self.folder = folder
        self.model = architecture.build(self.framework)
        randomise(self.model, zlib.crc32(architecture.name.encode()))
        self.values = {slot.key: slot.value for slot in slots(self.model)}
        assert len(self.values) == len(slots(self.model)), "two weights of one layer and role"
        self.predictions = predict(self.model)

    def path(self, suffix):
        return self.folder / f"{self.architecture.name}-{self.framework_name}{suffix}"

    @cached_property
    def v3(self):
        """A `.weights.h5`, and in `stored` what the framework put where."""
        path = self.path(".weights.h5")
        self.stored = record_v3(self.model, str(path))
        return path

    @cached_property
    def weights_only(self):
        path = self.path("-weights.h5")
        self.model.save_weights(str(path))  # tf_keras only; Keras 3 has no such writer
        return path

    @cached_property
    def whole(self):
        path = self.path("-whole.h5")
        self.model.save(str(path))
        return path

    @cached_property
    def keras_zip(self):
        path = self.path(".keras")
        self.model.save(str(path))
        return path

    @cached_property
    def config(self):
        path = self.path(".json")
        path.write_text(self.model.to_json(), encoding="utf-8")
        return path

    @cached_property
    def layers(self):
        return layer_paths(self.model)

    @cached_property
    def legacy(self):
        return legacy_order(self.model)


class Workshop:
    def __init__(self, folder):
        self.folder = folder
        self.sources = {}
        self.targets = {}
        self.seed = SOURCE_SEED

    def source(self, architecture, framework_name):
        key = (architecture.name, framework_name)
        if key not in self.sources:
            self.sources[key] = Source(architecture, framework_name, self.folder)
        return self.sources[key]

    def target(self, source, framework_name):
        """A model of the same architecture with other weights everywhere.

        Building takes most of the time, so each target is built once and gets new random weights for every load.
        """
        self.seed += 1
        key = (source.architecture.name, framework_name)
        if key not in self.targets:
            self.targets[key] = source.architecture.build(BY_NAME[framework_name])
        model = self.targets[key]
        randomise(model, self.seed)
        assert_all_differ(model, source.values)
        return model


def load(model, path, **options):
    """load_weights, with a word on skipped optimizers kept quiet: what is asked for here are the weights."""
    if is_keras3_target(model):
        model.load_weights(str(path), **options)
    else:
        status = model.load_weights(str(path), **options)
        assert status is None  # a status object would mean the TensorFlow format was taken


def is_keras3_target(model):
    return isinstance(model, keras.Layer)


def reordered_config(text, reorder):
    """The same architecture with every `layers` list reordered in place, which Functional configs allow."""
    config = json.loads(text)

    def visit(node):
        if isinstance(node, dict):
            if "layers" in node and "output_layers" in node:
                reorder(node["layers"])
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(config)
    return json.dumps(config)


