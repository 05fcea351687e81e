# SPDX-License-Identifier: Apache-2.0
"""Every model of tf_keras.applications, saved in the three whole forms of Keras 2, migrated, and judged by Keras 3.

    applications.py RESULTS.json [NAME…]      all of them, small ones first (tools/dev test applications)
    applications.py --some [--float64] NAME…  these, while memory lasts; prints their rows
    applications.py --table RESULTS.json      the table of docs/migration.md

Models that RESULTS.json has are not run again, so an interrupted run goes on.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 700 * 10**6  # bytes of weights
ENOUGH = 250 * 10**6  # bytes of weights after which another process goes on
TOLERANCE = 1e-4  # of the largest output
FORMS = ("h5", "keras", "saved_model")
# Small ones first. A model of tf_keras.applications that is missing here is an error.
NAMES = """MobileNetV3Small MobileNetV2 MobileNet EfficientNetB0 NASNetMobile RegNetX002 RegNetY002 RegNetX004 RegNetY004
    MobileNetV3Large RegNetX006 RegNetY006 EfficientNetB1 EfficientNetV2B0 EfficientNetV2B1 EfficientNetB2 DenseNet121 RegNetX008
    RegNetY008 EfficientNetV2B2 RegNetX016 RegNetY016 EfficientNetB3 DenseNet169 EfficientNetV2B3 RegNetX032 EfficientNetB4
    DenseNet201 RegNetY032 RegNetX040 RegNetY040 EfficientNetV2S Xception InceptionV3 ResNet50 ResNet50V2 ResNetRS50
    RegNetX064 ConvNeXtTiny EfficientNetB5 RegNetY064 RegNetX080 RegNetY080 EfficientNetB6 ResNet101 ResNet101V2 ResNetRS101
    RegNetX120 ConvNeXtSmall RegNetY120 RegNetX160 EfficientNetV2M InceptionResNetV2 ResNet152 ResNet152V2 EfficientNetB7
    RegNetY160 ResNetRS152 NASNetLarge ConvNeXtBase ResNetRS200 RegNetX320 EfficientNetV2L ResNetRS270 VGG16 VGG19 RegNetY320
    ResNetRS350 ResNetRS420 ConvNeXtLarge ConvNeXtXLarge""".split()
TOO_LARGE = {"ResNetRS420", "ConvNeXtLarge", "ConvNeXtXLarge"}
CALM = ("ResNetRS",)  # with full gain, the gates of their deep ones saturate and flip at a rounding step, in float32 and float64
FLATTENED = ("VGG",)  # their Dense layers follow the size of the image
# One of each family, in turn as one of the three forms.
SAMPLE = ("MobileNetV3Small", "EfficientNetB0", "RegNetY002", "MobileNetV2", "RegNetX002", "NASNetMobile", "MobileNet",
          "DenseNet121", "EfficientNetV2B0", "Xception", "ConvNeXtTiny", "ResNet50V2")


def image_of(name):
    """The size of a picture: the weights do not depend on it, the time does."""
    return 224 if name.startswith(FLATTENED) else 128 if "nception" in name or name == "Xception" else 96


class Source:
    """A model of Keras 2 with its own random value in every weight and statistic."""

    def __init__(self, name):
        import numpy as np
        from frameworks import fresh, tf_keras
        from model_walk import slots

        self.name = name
        size = image_of(name)
        fresh(tf_keras)
        self.model = getattr(tf_keras.applications, name)(weights=None, classifier_activation=None, input_shape=(size, size, 3))
        self.bytes = sum(int(np.prod(w.shape)) * w.dtype.size for w in self.model.weights)
        doubled = 2 if tf_keras.backend.floatx() == "float64" else 1
        assert self.bytes <= LIMIT * doubled, f"{name} has {self.bytes} bytes"
        randomise(self.model, len(name), 1.0 if name.startswith(CALM) else 1.6)
        self.weights = {key_of(slot): slot.value for slot in slots(self.model)}
        assert len(self.weights) == len(self.model.weights)
        largest = 255.0 if any(type(layer).__name__ == "Rescaling" for layer in self.model.layers) else 1.0
        self.input = np.random.default_rng(1).uniform(0.0, largest, (2, size, size, 3)).astype(tf_keras.backend.floatx())
        self.output = self.model(self.input, training=False).numpy()
        assert np.isfinite(self.output).all() and np.ptp(self.output) > 0, "an output that says nothing"

    def sensitivity(self):
        """How far the model's own output moves, relative to the largest, when every input moves by one rounding step."""
        import numpy as np

        moved = self.model(np.nextafter(self.input, self.input.dtype.type(np.inf)), training=False).numpy()
        return float(np.abs(moved - self.output).max() / np.abs(self.output).max())

    def save(self, form, folder):
        path = folder / ("old" if form == "saved_model" else f"old.{form}")
        self.model.save(str(path), **({"save_format": "tf", "save_traces": False} if form == "saved_model" else {}))
        return path

    def judge(self, path):
        """Keras 3 opens it without custom objects; every weight is bit-equal; the largest difference of an output."""
        import numpy as np
        from frameworks import fresh, keras
        from model_walk import same_bytes, slots

        fresh(keras)
        model = keras.models.load_model(str(path), compile=False)
        found = {key_of(slot): slot.value for slot in slots(model)}
        assert set(found) == set(self.weights), sorted(set(found) ^ set(self.weights))[:5]
        wrong = [key for key, value in found.items() if not same_bytes(value, self.weights[key])]
        assert not wrong, f"{len(wrong)} of {len(found)} weights differ: {wrong[:5]}"
        output = np.asarray(model(self.input, training=False))
        return float(np.abs(output.astype("f8") - self.output).max() / np.abs(self.output).max())


def key_of(slot):
    """By layer and role; Keras 3 allows no `/` in a name, and LayerScale's weight has no name of its own in Keras 2."""
    role = "gamma" if type(slot.owner).__name__ == "LayerScale" else slot.role
    return tuple(step.replace("/", "_") for step in slot.path) + (role,)


def randomise(model, seed, gain):
    """Values of the size of a good initialisation, so that deep models keep outputs that say something."""
    import numpy as np
    from model_walk import layer_paths, slots, to_array

    rng = np.random.default_rng(seed)
    for slot in slots(model):
        value = to_array(slot.variable)
        if value.dtype.kind in "iu":
            new = rng.integers(1, 1000, value.shape)
        elif any(word in key_of(slot)[-1] for word in ("variance", "gamma")):
            new = rng.uniform(0.6, 1.4, value.shape)
        elif value.ndim < 2:
            new = rng.uniform(-0.2, 0.2, value.shape)
        else:
            fan_in = np.prod(value.shape[:2] if "depthwise" in slot.variable.name else value.shape[:-1])
            new = rng.standard_normal(value.shape, "f4") * np.sqrt(gain / fan_in)
        slot.variable.assign(np.asarray(new).astype(value.dtype))
    for _, layer in layer_paths(model).values():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def migrated(source, form):
    """The largest difference of an output, relative to the largest output."""
    import tool

    with tempfile.TemporaryDirectory(prefix="ballast-applications-") as folder:
        old, new = source.save(form, Path(folder)), Path(folder) / "new.keras"
        tool.convert(old, new)
        return source.judge(new)


def one(name, forms=FORMS):
    """What became of a model: {"bytes", "weights", form: difference or text of the error}."""
    source = Source(name)
    row = {"bytes": source.bytes, "weights": len(source.weights)}
    for form in forms:
        begun = time.monotonic()
        try:
            row[form] = migrated(source, form)
        except BaseException as error:  # pytest's failures are no Exceptions
            row[form] = f"{type(error).__name__}: {str(error)[:400]}"
        row["seconds"] = round(row.get("seconds", 0) + time.monotonic() - begun, 1)
    if any(isinstance(row[form], float) and row[form] > TOLERANCE for form in forms):
        row["sensitivity"] = source.sensitivity()
    return row


def passed(row):
    """Within the tolerance in float32, or, where float32 itself rounds by more, in float64."""
    bound = [row.get("float64", row[form]) if isinstance(row[form], float) else row[form] for form in FORMS]
    return all(isinstance(value, float) and value <= TOLERANCE for value in bound)


def run_some(names, *options):
    """(name, row) of the next models from a process of its own, which gives its memory back."""
    process = subprocess.Popen([sys.executable, __file__, "--some", *options, *names], stdout=subprocess.PIPE, text=True)
    found = [tuple(json.loads(line)) for line in process.stdout if line.startswith("[")]
    if process.wait() != 0:
        found.append((names[len(found)], {form: f"exit code {process.returncode}" for form in FORMS}))
    return found


def some(names, forms):
    """Prints rows until the process has held enough."""
    held = 0
    for name in names:
        row = one(name, forms)
        print(json.dumps([name, row]), flush=True)
        held += row["bytes"]
        if held > ENOUGH:
            return


def run_all(results, names):
    rows = json.loads(results.read_text()) if results.exists() else {}
    wanted = [name for name in names if name not in TOO_LARGE]
    left = [name for name in wanted if name not in rows or not passed(rows[name])]
    while left:
        for name, row in run_some(left):
            if not passed(row) and all(isinstance(row[form], float) for form in FORMS):
                row["float64"] = run_some([name], "--float64")[0][1]["h5"]
            rows[name] = row
            left.remove(name)
            print(f"{name}: {'passed' if passed(row) else 'FAILED'} {row}", flush=True)
        results.write_text(json.dumps(rows, indent=1) + "\n")
    failed = [name for name in wanted if not passed(rows[name])]
    print(f"{len(wanted) - len(failed)} passed, {len(failed)} failed" + (f": {' '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def table(rows):
    """The rows as Markdown."""
    lines = ["| model | weights, MB | arrays | `.h5` | `.keras` | SavedModel |", "|---|---|---|---|---|---|"]
    for name in [name for name in NAMES if name in rows]:
        row = rows[name]
        shown = [f"{row[form]:.0e}" if isinstance(row[form], float) else "refused" for form in FORMS]
        if "float64" in row:
            shown[0] += f" (float64: {row['float64']:.0e}; own: {row['sensitivity']:.0e})"
        lines.append(f"| {name} | {row['bytes'] / 1e6:.0f} | {row['weights']} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main(arguments):
    if arguments[0] == "--table":
        print(table(json.loads(Path(arguments[1]).read_text())))
        return 0
    import frameworks

    if arguments[0] == "--some":
        double = arguments[1] == "--float64"
        if double:
            frameworks.tf_keras.backend.set_floatx("float64")
        some(arguments[2:] if double else arguments[1:], FORMS[:1] if double else FORMS)
        return 0
    there = {name for name in dir(frameworks.tf_keras.applications) if name[0].isupper()}
    assert there == set(NAMES), f"not the models of tf_keras.applications: {sorted(there ^ set(NAMES))}"
    return run_all(Path(arguments[0]), arguments[1:] or NAMES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
