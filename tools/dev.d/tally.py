# SPDX-License-Identifier: Apache-2.0
"""Prints 'PASSED FAILED SKIPPED' cases of a run: tally.py TESTLOG.json.

A doctest program says its own numbers; a program that says none counts as one case. A program that ended badly
without naming a failed case (a crash, a sanitizer, a time-out) adds one failed case. A missing log counts nothing.
"""

import json
import re
import sys

CASES = re.compile(r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed(?:\s*\|\s*(\d+) skipped)?")
ENDED_WELL = {"OK", "EXPECTEDFAIL"}


def tally_meson(path):
    passed = failed = skipped = 0
    for line in open(path, encoding="utf-8"):
        test = json.loads(line)
        cases = CASES.findall(test.get("stdout") or "")
        well = test["result"] in ENDED_WELL
        if test["result"] == "SKIP":
            skipped += 1
            continue
        test_failed = sum(int(case[2]) for case in cases)
        passed += sum(int(case[1]) for case in cases) if cases else int(well)
        failed += test_failed if test_failed or well else 1
        skipped += sum(int(case[3] or 0) for case in cases)
    return passed, failed, skipped


def main():
    try:
        counts = tally_meson(sys.argv[1])
    except FileNotFoundError:
        counts = (0, 0, 0)
    print(*counts)


if __name__ == "__main__":
    main()
