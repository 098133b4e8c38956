"""Runs the end-to-end tests and prints how many passed.

`python run.py [FILTER]` runs the tests whose id contains FILTER. The tests that `skips.toml` lists
are expected to fail, each for the reason given there: one that passes, or that does not exist, is a
stale entry, and stale entries fail the run.
"""

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
    """Prints one line for each test as it ends."""

    def __init__(self, expected):
        super().__init__()
        self.expected = expected
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
            print(f"FAILED  {test}\n{text}", flush=True)

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
        print(f"{word:<7} {test.id()} ({took:.1f} s)", flush=True)
        if detail:
            print(detail, flush=True)


def shortened(text, lines=40):
    kept = text.rstrip().splitlines()
    return "\n".join(kept if len(kept) <= lines else ["…", *kept[-lines:]])


def main():
    sys.path.insert(0, str(HERE))
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    suite = unittest.defaultTestLoader.discover(str(HERE), pattern="test_*.py")
    everything = list(flatten(suite))
    listed = tomllib.loads((HERE / "skips.toml").read_text()).get("skip", [])
    expected = {entry["test"]: entry["reason"] for entry in listed}
    result = Result(expected)
    stale = sorted(expected.keys() - {test.id() for test in everything})
    for name in stale:
        result.fail(f"skips.toml lists {name}", "which does not exist")
    chosen = unittest.TestSuite(test for test in everything if wanted in test.id())
    chosen.run(result)
    counts = result.counts
    # Once more at the end: a log of many tests is often read from its tail, or cut in its middle.
    for name, text in result.failures_told:
        print(f"\nFAILED  {name}\n{shortened(text)}")
    if counts["passed"] + counts["failed"] + counts["skipped"] == 0:
        print(f"no test matches {wanted!r}")
        return 2
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
