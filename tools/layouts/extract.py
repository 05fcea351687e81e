# SPDX-License-Identifier: Apache-2.0
"""Writes src/model/layouts.json: what every built-in layer owns, as seen in the installed Keras and tf_keras.

Usage: extract.py [OUTPUT]      (run it with the Python that has keras, tf_keras and tensorflow)
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from generate import FRAMEWORKS
from merge import merge

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent.parent / "src" / "model" / "layouts.json"
WIDTH = 118


def probe(framework_id, *options):
    """What probe.py sees. Each framework in a process of its own: they share TensorFlow's global state."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, str(HERE / "probe.py"), framework_id, *options], env=environment,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"probe of {framework_id} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


def probe_all(*options):
    """{framework id: what its probe sees}; both at the same time."""
    with ThreadPoolExecutor(len(FRAMEWORKS)) as pool:
        return dict(zip(FRAMEWORKS, pool.map(lambda fid: probe(fid, *options), FRAMEWORKS)))


def problems(probes):
    """Classes that are neither covered by a recipe, nor proved weightless, nor excluded with a reason."""
    return [f"{fid}: {name}: {verdict}" for fid in FRAMEWORKS for name, verdict in probes[fid]["weightless"].items()
            if verdict != "weightless" and not verdict.startswith("excluded: ")]


def table_of(probes):
    """The text of the table."""
    found = problems(probes)
    if found:
        raise SystemExit("not covered:\n  " + "\n  ".join(found))
    return text_of(merge(probes, json.loads((HERE / "old_classes.json").read_text())))


def text_of(value):
    return pretty(value, 0) + "\n"


def pretty(value, depth):
    """JSON with whatever fits on a line on one line: a diff then shows one weight or sub-layer a line."""
    flat = json.dumps(value)
    pad = " " * depth
    if not value or not isinstance(value, (dict, list)) or (depth > 1 and len(pad) + len(flat) <= WIDTH):
        return flat
    if isinstance(value, dict):
        items = [f"{pad} {json.dumps(key)}: {pretty(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{pad}}}"
    return "[\n" + ",\n".join(f"{pad} {pretty(item, depth + 1)}" for item in value) + f"\n{pad}]"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else TABLE).write_text(table_of(probe_all()))
