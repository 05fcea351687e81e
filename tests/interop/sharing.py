# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: several processes share the test files of one run, and the run outlives a process that dies.

Each process collects everything and runs the files it claims first. What happens is written down test by test, so that
`run.py`, which starts the processes, knows what a dead one was doing. The frameworks are loaded once a process, not once
a file, and a fixture of the session lasts as long as its process.
"""

import faulthandler
import itertools
import json
import os
from pathlib import Path

import pytest


def claim(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        return True
    except FileExistsError:
        return False


class Sharing:
    """Folder: `claims/` with an empty file for each test file taken, `finished.json` with the tests not to run again,
    and for each process the journal and, where a test took too long, what it was doing then."""

    def __init__(self, folder, number, limit):
        self.folder = folder
        self.limit = limit
        self.journal = open(folder / f"journal-{number}.jsonl", "a", encoding="utf-8")
        self.stuck = open(folder / f"stuck-{number}.txt", "w", encoding="utf-8")
        self.finished = set(json.loads((folder / "finished.json").read_text(encoding="utf-8")))

    def note(self, **what):
        self.journal.write(json.dumps(what) + "\n")
        self.journal.flush()

    def claimed(self, items):
        """The tests of the files that this process gets, a file at a time."""
        for path, of_file in itertools.groupby(items, lambda item: item.path):
            if claim(self.folder / "claims" / path.name):
                yield from (item for item in of_file if item.nodeid not in self.finished)

    def pytest_collection_finish(self, session):
        self.note(collected=[item.nodeid for item in session.items])

    def pytest_runtestloop(self, session):
        if session.testsfailed:  # a file that cannot be imported
            raise session.Interrupted("errors during collection")
        mine = self.claimed(session.items)
        item = next(mine, None)
        while item:
            following = next(mine, None)
            self.note(begun=item.nodeid)
            faulthandler.dump_traceback_later(self.limit, exit=True, file=self.stuck)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            faulthandler.cancel_dump_traceback_later()
            self.note(ended=item.nodeid)
            item = following
        self.note(complete=True)
        return True

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            self.note(test=report.nodeid, outcome=report.outcome, seconds=round(report.duration, 2),
                      text=report.longreprtext if report.failed else "")

    def pytest_collectreport(self, report):
        if report.failed:
            self.note(test=report.nodeid, outcome="failed", seconds=0, text=report.longreprtext)


def pytest_configure(config):
    folder, number, limit = os.environ["BALLAST_SHARING"].split(":")
    config.pluginmanager.register(Sharing(Path(folder), number, float(limit)), "test files shared")
