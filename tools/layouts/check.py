# SPDX-License-Identifier: Apache-2.0
"""Exit code 1 when src/model/layouts.json is not what the installed Keras and tf_keras show.

Fails as well when a class of keras.layers or tf_keras.layers that owns variables is neither covered nor excluded,
and when legacy files saved by the frameworks break the order rule of docs/layouts.md.
Usage: check.py      (run it with the Python that has keras, tf_keras and tensorflow)
"""

import difflib
import sys

from extract import TABLE, probe_all, table_of


def table_difference(probes):
    found = table_of(probes).splitlines(True)
    return list(difflib.unified_diff(TABLE.read_text().splitlines(True), found, "checked in", "installed", n=1))


def main():
    probes = probe_all("--orders")
    problems = table_difference(probes) + [line + "\n" for probe in probes.values() for line in probe["order_mistakes"]]
    sys.stdout.writelines(problems)
    if not problems:
        print(f"{TABLE.name} agrees with the installed frameworks")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
