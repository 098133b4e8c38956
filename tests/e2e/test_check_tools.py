"""`regent check` as other programs use it: as a hook of pre-commit, as steps of GitHub Actions, and as a
source of reports. What is written here is judged by programs that nobody here wrote."""

import importlib.util
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import xml.etree.ElementTree

import harness
import sarif

CORPUS = harness.ROOT / "crates/guard/tests/corpus"
BAD = CORPUS / "bad/seed-update.yaml"
GOOD = CORPUS / "good/seed-create.yaml"


def absent(*modules):
    """Why a test is skipped, or nothing."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"{', '.join(missing)} is not installed" if missing else ""


class Folder(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="regent-tools-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        bin_directory = self.directory / "bin"
        bin_directory.mkdir()
        (bin_directory / "regent").symlink_to(pathlib.Path(harness.REGENT).resolve())
        self.env = dict(
            os.environ,
            PATH=f"{bin_directory}:{os.environ['PATH']}",
            HOME=str(self.directory),
            PRE_COMMIT_HOME=str(self.directory / "cache"),
            GIT_CONFIG_GLOBAL=str(self.directory / "gitconfig"),
            GIT_CONFIG_SYSTEM="/dev/null",
        )
        (self.directory / "gitconfig").write_text(
            "[user]\n name = x\n email = x@example.com\n[init]\n defaultBranch = main\n"
        )

    def run_in(self, folder, *command):
        return subprocess.run(
            command, cwd=folder, env=self.env, capture_output=True, text=True, timeout=300,
            stdin=subprocess.DEVNULL,
        )

    def done(self, folder, *command):
        done = self.run_in(folder, *command)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def check(self, *arguments):
        done = self.run_in(CORPUS, harness.REGENT, "check", *arguments)
        self.assertNotIn("hunter2", done.stdout + done.stderr)
        return done


@unittest.skipIf(absent("pre_commit"), absent("pre_commit"))
class PreCommit(Folder):
    def test_a_commit_with_a_bad_replica_is_refused_and_one_without_is_made(self):
        hooks, work = self.directory / "hooks", self.directory / "work"
        for folder in (hooks, work):
            folder.mkdir()
            self.done(folder, "git", "init", "-q")
        shutil.copy(harness.ROOT / ".pre-commit-hooks.yaml", hooks)
        self.done(hooks, "git", "add", ".")
        self.done(hooks, "git", "commit", "-qm", "hooks")
        self.done(hooks, "git", "tag", "v1")
        # JSON is YAML too.
        configuration = {"repos": [{"repo": str(hooks), "rev": "v1", "hooks": [{"id": "regent-check"}]}]}
        (work / ".pre-commit-config.yaml").write_text(json.dumps(configuration))
        self.done(work, sys.executable, "-m", "pre_commit", "install")
        shutil.copy(BAD, work / "stack.yaml")
        self.done(work, "git", "add", ".")
        refused = self.run_in(work, "git", "commit", "-m", "bad")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("RG001", refused.stdout + refused.stderr)
        self.assertIn("stack.yaml:10:21", refused.stdout + refused.stderr)
        shutil.copy(GOOD, work / "stack.yaml")
        self.done(work, "git", "add", ".")
        self.done(work, "git", "commit", "-m", "good")
        # What no template can be in does not run it.
        (work / "notes.txt").write_text("x")
        self.done(work, "git", "add", ".")
        skipped = self.run_in(work, "git", "commit", "-m", "notes")
        self.assertIn("Skipped", skipped.stdout + skipped.stderr)


class Actions(Folder):
    WORKFLOW = harness.ROOT / "docs/examples/github-actions.yml"

    @unittest.skipIf(absent("check_jsonschema"), absent("check_jsonschema"))
    def test_the_workflow_is_one(self):
        schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
        self.done(self.directory, *schema, str(self.WORKFLOW))
        wrong = self.directory / "wrong.yml"
        wrong.write_text(self.WORKFLOW.read_text().replace("runs-on:", "runs-in:"))
        self.assertNotEqual(self.run_in(self.directory, *schema, str(wrong)).returncode, 0)

    def test_its_steps_run(self):
        shutil.copy(BAD, self.directory / "stack.yaml")
        summary = self.directory / "summary"
        self.env |= {"GITHUB_STEP_SUMMARY": str(summary)}
        lines = [line.strip().removeprefix("- ") for line in self.WORKFLOW.read_text().splitlines()]
        steps = [line.removeprefix("run: ") for line in lines if line.startswith("run: regent")]
        codes = [self.run_in(self.directory, "bash", "-e", "-c", step) for step in steps]
        self.assertEqual([done.returncode for done in codes], [1, 0, 0])
        self.assertTrue(codes[0].stdout.startswith("::error file=stack.yaml,line=10,col=21,"))
        self.assertIn("| RG001", summary.read_text().replace("[RG001]", "RG001"))
        results = json.loads((self.directory / "regent.sarif").read_text())["runs"][0]["results"]
        self.assertEqual([one["ruleId"] for one in results], ["RG001"])


class Reports(Folder):
    def count(self):
        return len(json.loads(self.check("bad", "--output", "json").stdout)["findings"])

    @unittest.skipIf(absent("sarif_pydantic"), absent("sarif_pydantic"))
    def test_sarif_is_read(self):
        from sarif_pydantic import Sarif

        log = Sarif.model_validate_json(self.check("bad", "--output", "sarif").stdout)
        results = log.runs[0].results
        self.assertEqual(len(results), self.count())
        rules = {rule.id for rule in log.runs[0].tool.driver.rules}
        self.assertLessEqual({result.rule_id for result in results}, rules)

    @sarif.needs_schema
    def test_sarif_fits_its_schema(self):
        bad = self.check("bad", "--output", "sarif").stdout
        self.assertEqual(len(sarif.results(self, bad)), self.count())
        self.assertEqual(
            {one["level"] for one in sarif.results(self, self.check("good", "--output", "sarif").stdout)},
            {"note"},
        )
        # Nothing at all, and a place that no URI has as it is.
        empty = self.directory / "empty"
        empty.mkdir()
        self.assertEqual(sarif.results(self, self.check(str(empty), "--output", "sarif").stdout), [])
        odd = empty / "für 100%#?[1] <a>.yaml"
        shutil.copy(BAD, odd)
        [found] = sarif.results(self, self.check(str(odd), "--output", "sarif").stdout)
        uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        self.assertEqual(urllib.parse.unquote(uri), str(odd))
        self.assertRegex(uri, "^[A-Za-z0-9/._%-]+$")
        # The schema does refuse.
        self.assertIn("'bad' is not one of", sarif.refusal(bad.replace('"error"', '"bad"')))

    @unittest.skipIf(absent("junitparser"), absent("junitparser"))
    def test_junit_is_read(self):
        import junitparser

        for folder in ("bad", "good"):
            text = self.check(folder, "--output", "junit").stdout
            suites = junitparser.JUnitXml.fromroot(xml.etree.ElementTree.parse(io.StringIO(text)).getroot())
            results = [type(one).__name__ for suite in suites for case in suite for one in case.result]
            suite = next(iter(suites))
            self.assertEqual(results.count("Failure"), suite.failures)
            self.assertEqual(results.count("Skipped"), suite.skipped)
            self.assertEqual(sum(1 for suite in suites for _ in suite), suite.tests)
            self.assertEqual(bool(suite.failures), folder == "bad")

    def test_a_baseline_outlives_moved_lines_and_codes_tell_what_happened(self):
        stack = self.directory / "stack.yaml"
        shutil.copy(BAD, stack)
        check = lambda *arguments: self.run_in(self.directory, "regent", "check", *arguments).returncode
        self.assertEqual(check("."), 1)
        self.assertEqual(check(".", "--write-baseline", "known.json"), 0)
        stack.write_text("# one\n# two\n" + stack.read_text())
        self.assertEqual(check(".", "--baseline", "known.json"), 0)
        stack.write_text(stack.read_text().replace("mrk-", "mrq-"))
        self.assertEqual(check(".", "--baseline", "known.json"), 1)
        self.assertEqual(check(".", "--baseline", "stack.yaml"), 2)
        self.assertEqual(check("absent.yaml"), 7)
        self.assertEqual(check("--explain", "RG003"), 0)
        self.assertEqual(check("--explain", "RG999"), 2)
        (self.directory / ".regent-check.toml").write_text(
            '[[ignore]]\nrule = "RG001"\nreason = "an example"\n'
        )
        self.assertEqual(check("."), 0)
        (self.directory / ".regent-check.toml").write_text('[[ignore]]\nrule = "RG001"\nreason = ""\n')
        self.assertEqual(check("."), 2)
