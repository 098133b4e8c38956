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
HAS_CDK = bool(MODULES) and (pathlib.Path(MODULES) / "aws-cdk-lib").is_dir()


@unittest.skipIf(shutil.which("node") is None or not HAS_CDK, "node or CDK is not installed")
class Cdk(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="regent-cdk-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def test_each_stack_is_checked_where_it_is_deployed(self):
        app = harness.ROOT / "tests/e2e/cdk_app.cjs"
        env = dict(os.environ, NODE_PATH=MODULES, NODE_NO_WARNINGS="1")
        subprocess.run(
            ["node", str(app), "cdk.out"], cwd=self.directory, env=env, check=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=300,
        )
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
