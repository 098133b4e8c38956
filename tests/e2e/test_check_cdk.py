"""`regent check` on what CDK itself writes: stacks, nested stacks and stages, each in the Region that its
manifest names."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness

MODULES = os.environ.get("REGENT_NODE_MODULES")
HAS_CDK = bool(MODULES) and all(
    (pathlib.Path(MODULES) / name).is_dir() for name in ("aws-cdk", "aws-cdk-lib")
)


@unittest.skipIf(shutil.which("node") is None or not HAS_CDK, "node or CDK is not installed")
class Cdk(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="regent-cdk-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def node(self, *command):
        env = dict(
            os.environ, NODE_PATH=MODULES, NODE_NO_WARNINGS="1", CDK_DISABLE_CLI_TELEMETRY="true",
            AWS_EC2_METADATA_DISABLED="true", HOME=str(self.directory),
        )
        done = subprocess.run(
            ["node", *command], cwd=self.directory, env=env, text=True, capture_output=True,
            stdin=subprocess.DEVNULL, timeout=300,
        )
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-4000:])
        return done.stdout

    def test_no_alarm_on_a_good_app_as_it_is_kept_and_as_it_is_printed(self):
        app = harness.ROOT / "tests/e2e/cdk_good.cjs"
        cli = pathlib.Path(MODULES) / "aws-cdk/bin/cdk"
        # The command prints YAML, and keeps JSON.
        printed = self.node(
            str(cli), "synth", "Data", "--app", f"node {app}", "--output", "cdk.out", "--no-notices",
        )
        (self.directory / "data.yaml").write_text(printed)
        for path, files in [("cdk.out", 3), ("data.yaml", 1)]:
            done = subprocess.run(
                [harness.REGENT, "check", "--output", "json", "--region", "us-east-1", path],
                cwd=self.directory, capture_output=True, text=True, timeout=60,
            )
            report = json.loads(done.stdout)
            self.assertEqual((done.returncode, report["files"]), (0, files), done.stdout)
            # Two replicas under keys of another Region, and nothing else that is not known.
            self.assertEqual([one["rule"] for one in report["findings"]], ["RG101"] * 2)
        # One digit more, and it is found in both.
        for path in [*(self.directory / "cdk.out").glob("*.template.json"), self.directory / "data.yaml"]:
            path.write_text(path.read_text().replace("90ab", "990ab"))
        done = subprocess.run(
            [harness.REGENT, "check", "--output", "json", "cdk.out", "data.yaml"],
            cwd=self.directory, capture_output=True, text=True, timeout=60,
        )
        wrong = {(one["path"], one["rule"]) for one in json.loads(done.stdout)["findings"]}
        data, keys = "cdk.out/Data.template.json", "cdk.out/Keys.template.json"
        self.assertEqual(wrong, {(path, "RG001") for path in (data, keys, "data.yaml")})

    def test_each_stack_is_checked_where_it_is_deployed(self):
        self.node(str(harness.ROOT / "tests/e2e/cdk_app.cjs"), "cdk.out")
        # As in a repository of CDK.
        (self.directory / ".gitignore").write_text("cdk.out\n")
        done = subprocess.run(
            [harness.REGENT, "check", "--output", "json", "cdk.out"],
            cwd=self.directory, capture_output=True, text=True, timeout=60,
        )
        self.assertNotIn("hunter2", done.stdout + done.stderr)
        report = json.loads(done.stdout)
        found = {
            (pathlib.PurePath(one["path"]).name.split(".")[0].rstrip("0123456789ABCDEF"), one["rule"])
            for one in report["findings"]
        }
        wanted = {("Any", "RG001"), ("ProdApp", "RG006"), ("Top", "RG101"), ("TopInner", "RG002")}
        self.assertEqual(found, wanted)
        self.assertEqual((done.returncode, report["files"], report["unreadable"]), (1, 4, 0))
