"""Runs the end-to-end tests and prints how many passed.

`python run.py [FILTER]` runs the tests whose id contains FILTER. The tests that `skips.toml` lists
are expected to fail, each for the reason given there: one that passes, or that does not exist, is a
stale entry, and stale entries fail the run.

Classes of tests run side by side, `--jobs` of them at once, each in a process: a class has servers
of its own, and much of what the clients do is to wait.
"""

import argparse
import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import sys
import time
import tomllib
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


class Result(unittest.TestResult):
    """Prints one line for each test as it ends. `turn` is held meanwhile."""

    def __init__(self, expected, turn):
        super().__init__()
        self.expected = expected
        self.turn = turn
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.failures_told = []

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.outcome = None
        self.subtests = []

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.subtests.append((subtest, error))

    def addSuccess(self, test):
        self.outcome = ("ok", None)

    def addSkip(self, test, reason):
        """What a test needs is not on this machine."""
        self.outcome = ("skipped", f"        {reason}")

    def addFailure(self, test, error):
        self.outcome = ("FAILED", self._exc_info_to_string(error, test))

    def addError(self, test, error):
        text = self._exc_info_to_string(error, test)
        if isinstance(test, unittest.TestCase):
            self.outcome = ("FAILED", text)
        else:
            # A fixture of a class or module: there is no test to blame, and none was run.
            self.fail(str(test), text)
            self.tell(f"FAILED  {test}\n{text}")

    def tell(self, text):
        with self.turn:
            print(text, flush=True)

    def fail(self, name, text):
        self.counts["failed"] += 1
        self.failures_told.append((name, text))

    def stopTest(self, test):
        super().stopTest(test)
        if self.subtests:
            texts = [f"{sub}\n{self._exc_info_to_string(err, test)}" for sub, err in self.subtests]
            self.outcome = ("FAILED", "\n".join(texts))
        word, detail = self.outcome or ("FAILED", "no outcome")
        reason = self.expected.get(test.id())
        if reason is not None and word != "skipped":
            if word == "FAILED":
                word, detail = "skipped", f"        {reason}"
            else:
                word, detail = "FAILED", "it passes: remove it from skips.toml"
        if word == "FAILED":
            self.fail(test.id(), detail)
        else:
            self.counts["passed" if word == "ok" else "skipped"] += 1
        took = time.monotonic() - self.started
        line = f"{word:<7} {test.id()} ({took:.1f} s)"
        self.tell(f"{line}\n{detail}" if detail else line)


def shortened(text, lines=40):
    kept = text.rstrip().splitlines()
    return "\n".join(kept if len(kept) <= lines else ["…", *kept[-lines:]])


def discovered():
    """Every test, by the class it is in."""
    sys.path.insert(0, str(HERE))
    suite = unittest.defaultTestLoader.discover(str(HERE), pattern="test_*.py")
    classes = {}
    for test in flatten(suite):
        classes.setdefault(f"{type(test).__module__}.{type(test).__qualname__}", []).append(test)
    return classes


# What a worker's process knows, from its start on.
worker = {}


def start_worker(expected, wanted, turn):
    worker.update(classes=discovered(), expected=expected, wanted=wanted, turn=turn)


def run_class(name):
    """Runs the chosen tests of a class. Returns the counts and what failed."""
    result = Result(worker["expected"], worker["turn"])
    unittest.TestSuite(chosen(worker["classes"][name], worker["wanted"])).run(result)
    return result.counts, result.failures_told


def chosen(tests, wanted):
    return [test for test in tests if wanted in test.id()]


def longest_first(name):
    """What waits for a client's own pauses comes first, lest one such class runs alone at the end."""
    return not any(word in name for word in ("terraform", "cdk", "change_sets", "stack", "check_cli"))


def run_all(names, jobs, expected, wanted):
    """The outcome of each class, as it ends."""
    context = multiprocessing.get_context("spawn")
    if jobs == 1 or len(names) == 1:
        # In this process, where a debugger can be.
        start_worker(expected, wanted, contextlib.nullcontext())
        yield from map(run_class, names)
        return
    pool = concurrent.futures.ProcessPoolExecutor(
        jobs, mp_context=context, initializer=start_worker, initargs=(expected, wanted, context.Lock())
    )
    with pool:
        running = {pool.submit(run_class, name): name for name in names}
        for ended in concurrent.futures.as_completed(running):
            try:
                yield ended.result()
            except concurrent.futures.BrokenExecutor as error:
                lost = f"the process that ran it is gone: {error}"
                yield {"passed": 0, "failed": 1, "skipped": 0}, [(running[ended], lost)]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("filter", nargs="?", default="", help="only tests whose id contains this")
    parser.add_argument(
        "--jobs", type=int, default=(os.cpu_count() or 1) + 1, metavar="N",
        help="classes that run at once (default: one more than there are processors)",
    )
    given = parser.parse_args()
    if given.jobs < 1:
        parser.error("--jobs: at least 1")
    return given


def main():
    given = arguments()
    classes = discovered()
    listed = tomllib.loads((HERE / "skips.toml").read_text()).get("skip", [])
    expected = {entry["test"]: entry["reason"] for entry in listed}
    known = {test.id() for tests in classes.values() for test in tests}
    failed = [
        (f"skips.toml lists {name}", "which does not exist") for name in sorted(expected.keys() - known)
    ]
    counts = {"passed": 0, "failed": len(failed), "skipped": 0}
    names = [name for name, tests in classes.items() if chosen(tests, given.filter)]
    names.sort(key=longest_first)
    for outcome, failures in run_all(names, given.jobs, expected, given.filter):
        failed += failures
        for word, number in outcome.items():
            counts[word] += number
    # Once more at the end: a log of many tests is often read from its tail, or cut in its middle.
    for name, text in failed:
        print(f"\nFAILED  {name}\n{shortened(text)}")
    if sum(counts.values()) == 0:
        print(f"no test matches {given.filter!r}")
        return 2
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
