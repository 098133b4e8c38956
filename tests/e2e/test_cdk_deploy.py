"""`cdk deploy`, `cdk diff` and `cdk destroy`, from npm, of an app whose stack has a key in several
Regions, an alias and a replicated secret."""

import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import ROOT, Case

MODULES = os.environ.get("REGENT_NODE_MODULES")
HAS_CDK = bool(MODULES) and all(
    (pathlib.Path(MODULES) / name).is_dir() for name in ("aws-cdk", "aws-cdk-lib")
)
# What docs/cloudformation.md says that CDK calls.
CALLS = {
    "GetCallerIdentity", "DescribeStacks", "GetTemplate", "CreateChangeSet", "DescribeChangeSet",
    "ExecuteChangeSet", "DeleteChangeSet", "DescribeStackEvents", "DeleteStack",
}


@unittest.skipIf(shutil.which("node") is None or not HAS_CDK, "node or CDK is not installed")
class Cdk(Case):
    profile = "aws"

    def cdk(self, command, synthesizer, description):
        env = self.server.env()
        env.update(
            NODE_PATH=MODULES, NODE_NO_WARNINGS="1", CI="true", DESCRIPTION=description,
            SYNTHESIZER=synthesizer, AWS_REGION="us-east-1", AWS_MAX_ATTEMPTS="3",
            CDK_DISABLE_CLI_TELEMETRY="true", HOME=str(self.server.scratch),
        )
        cli = pathlib.Path(MODULES) / "aws-cdk/bin/cdk"
        app = f"node {ROOT / 'tests/e2e/cdk_deployed.cjs'}"
        out = self.server.scratch / "cdk.out"
        done = subprocess.run(
            ["node", str(cli), *command, "--app", app, "--output", str(out), "--no-color",
             "--no-notices", "--no-version-reporting", "--no-asset-metadata"],
            cwd=self.server.scratch, env=env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=300,
        )
        told = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, told)
        return told

    def status(self):
        found = self.server.aws("cloudformation describe-stacks --stack-name Shop")
        return found["Stacks"][0]["StackStatus"]

    def test_deploy_diff_and_destroy(self):
        for synthesizer in ("bootstrapless", "legacy"):
            with self.subTest(synthesizer=synthesizer):
                deploy = ["deploy", "--require-approval", "never"]
                self.cdk(deploy, synthesizer, "one")
                self.assertEqual(self.status(), "CREATE_COMPLETE")
                (secret,) = self.secrets().list_secrets()["SecretList"]
                self.assertEqual(secret["Description"], "one")
                self.assertIn({"Key": "team", "Value": "a"}, secret["Tags"])
                diff = self.cdk(["diff", "--fail"], synthesizer, "one")
                self.assertIn("There were no differences", diff)
                again = self.cdk(deploy, synthesizer, "one")
                self.assertIn("(no changes)", again)

                diff = self.cdk(["diff"], synthesizer, "two")
                self.assertIn("Description", diff)
                self.cdk(deploy, synthesizer, "two")
                self.assertEqual(self.status(), "UPDATE_COMPLETE")
                (secret,) = self.secrets().list_secrets()["SecretList"]
                self.assertEqual(secret["Description"], "two")

                self.cdk(["destroy", "--force"], synthesizer, "two")
                self.assertIn("does not exist", self.cli_fails(
                    "cloudformation describe-stacks --stack-name Shop"))
                self.assertEqual(self.secrets().list_secrets()["SecretList"], [])
        log = (self.server.data_dir / "audit.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        asked = {call["eventName"] for call in calls if "aws-cdk" in call["userAgent"].lower()}
        self.assertLessEqual(asked, CALLS)
        self.assertLessEqual(CALLS - {"DeleteChangeSet"}, asked)
