# SPDX-License-Identifier: Apache-2.0
"""Exit code 1 when src/model/layouts.json is not what the installed Keras and tf_keras show.

Fails as well when a class of keras.layers or tf_keras.layers that owns variables is neither covered nor excluded.
Usage: check.py      (run it with the Python that has keras, tf_keras and tensorflow)
"""

import difflib
import sys

from extract import TABLE, extract


def main():
    checked_in = TABLE.read_text()
    found = extract()
    if checked_in == found:
        print(f"{TABLE.name} agrees with the installed frameworks")
        return 0
    sys.stdout.writelines(difflib.unified_diff(checked_in.splitlines(True), found.splitlines(True),
                                               "checked in", "installed", n=1))
    return 1


if __name__ == "__main__":
    sys.exit(main())
