# SPDX-License-Identifier: Apache-2.0
"""Runs the interop tests in several processes, and ends with `P passed, F failed, S skipped` whatever happens to them.

    run.py [--jobs N] [--test-limit SECONDS] [--limit SECONDS] [pytest's options and files]

The frameworks that judge sometimes die themselves (a segmentation fault in a convolution, say). The test that was running
then is run again in a new process; if that one dies too, or takes too long, the test has failed. Tests that the limit for
the whole run left over have failed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_DEATHS = 10  # of processes in one run
HERE = Path(__file__).resolve().parent


class Run:
    def __init__(self, folder, options):
        self.folder = folder
        self.options = options
        self.processes = {}  # number -> Popen
        self.started = 0
        self.deaths = {}  # test -> how many processes died in it
        self.outcomes = {}  # test -> (outcome, seconds, text)
        self.collected = []
        self.complete = set()  # numbers of processes that found nothing more to do
        (folder / "claims").mkdir()

    def start(self):
        (self.folder / "finished.json").write_text(json.dumps(sorted(self.outcomes)), encoding="utf-8")
        self.started += 1
        environment = dict(os.environ, BALLAST_SHARING=f"{self.folder}:{self.started}:{self.options.test_limit}",
                           PYTHONPATH=os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]))
        command = [sys.executable, "-X", "faulthandler", "-m", "pytest", "-q", "-q", "--no-summary", "-p", "no:cacheprovider",
                   "-p", "sharing", *self.options.rest]
        log = open(self.folder / f"log-{self.started}.txt", "w", encoding="utf-8")
        self.processes[self.started] = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT,
                                                        start_new_session=True)

    def read_journal(self, number):
        """Takes up what a process did; returns the test that it is in, if any, and the last one it began."""
        running, last = None, None
        path = self.folder / f"journal-{number}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:  # the last line of a process that died
                continue
            if "collected" in entry:
                self.collected = entry["collected"]
            elif "begun" in entry:
                running = last = entry["begun"]
            elif "ended" in entry:
                running = None
            elif "complete" in entry:
                self.complete.add(number)
            else:
                self.take(entry)
        return running, last

    def take(self, entry):
        before = self.outcomes.get(entry["test"])
        if before is None or entry["outcome"] != "passed":  # a teardown that fails
            self.outcomes[entry["test"]] = (entry["outcome"], entry["seconds"], entry["text"])

    def ended(self, number, code):
        """A process is gone. If it died, its test counts or gets another try, and a new process goes on."""
        running, last = self.read_journal(number)
        if number in self.complete:
            return
        print(f"a process ended with {code} in {running or last or 'its beginning'}:\n{self.words(number)}", flush=True)
        if last is None or self.started >= self.options.jobs + MOST_DEATHS:
            self.outcomes[f"process {number}"] = ("failed", 0, f"ended with {code} in {running or last or 'its beginning'}")
            return
        if running:
            self.deaths[running] = self.deaths.get(running, 0) + 1
            self.outcomes.pop(running, None)
            if self.deaths[running] > 1:
                self.outcomes[running] = ("failed", 0, f"its process ended with {code}, twice")
        self.release()
        self.start()

    def words(self, number):
        """The end of what a process said, and where it was stuck."""
        said = [self.folder / f"{kind}-{number}.txt" for kind in ("log", "stuck")]
        return "\n".join(path.read_text(encoding="utf-8", errors="replace")[:3000] for path in said if path.exists())

    def release(self):
        """Files of which something is left, and which no living process has, can be claimed again."""
        held = {Path(last.split("::")[0]).name for _, last in map(self.read_journal, self.processes) if last}
        left = {Path(test.split("::")[0]).name for test in self.collected if test not in self.outcomes}
        for name in left - held:
            (self.folder / "claims" / name).unlink(missing_ok=True)

    def wait(self):
        deadline = time.monotonic() + self.options.limit
        shown = set()
        while self.processes and time.monotonic() < deadline:
            time.sleep(1)
            for number, process in list(self.processes.items()):
                self.read_journal(number)
                if process.poll() is not None:
                    del self.processes[number]
                    self.ended(number, process.returncode)
            self.show(shown)
        for number in self.processes:
            print(f"process {number} is stopped after {self.options.limit:.0f} s in {self.read_journal(number)[0]}", flush=True)

    def stop(self):
        for process in self.processes.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def show(self, shown):
        """A line for each file that is done."""
        files = {}
        for test in self.collected:
            files.setdefault(test.split("::")[0], []).append(test)
        for file, tests in files.items():
            if file in shown or not all(test in self.outcomes for test in tests):
                continue
            shown.add(file)
            counts = [sum(self.outcomes[test][0] == kind for test in tests) for kind in ("passed", "failed", "skipped")]
            seconds = sum(self.outcomes[test][1] for test in tests)
            print(f"{Path(file).name}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped, {seconds:.0f} s", flush=True)

    def report(self):
        for test in self.collected:
            self.outcomes.setdefault(test, ("failed", 0, "it was not run to its end"))
        for test, (outcome, _, text) in self.outcomes.items():
            if outcome == "failed":
                print(f"FAILED {test}\n{text}\n")
        for test, count in self.deaths.items():
            print(f"{count} processes died in {test}; its last try has {self.outcomes[test][0]}")
        counts = [sum(outcome == kind for outcome, _, _ in self.outcomes.values()) for kind in ("passed", "failed", "skipped")]
        print(f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
        return 0 if counts[0] and not counts[1] else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--test-limit", type=float, default=1200, help="seconds that one test may take")
    parser.add_argument("--limit", type=float, default=3000, help="seconds that the whole run may take")
    options, options.rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="ballast-interop-") as folder:
        run = Run(Path(folder), options)
        try:
            for _ in range(max(1, options.jobs)):
                run.start()
            run.wait()
        finally:
            run.stop()
        return run.report()


if __name__ == "__main__":
    sys.exit(main())
