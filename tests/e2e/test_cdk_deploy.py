"""`cdk deploy`, `cdk diff` and `cdk destroy`, from npm, of an app with a key in two Regions, an alias
and a replicated secret."""

import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import ACCOUNT, ROOT, Case, with_users

MODULES = os.environ.get("REGENT_NODE_MODULES")
HAS_CDK = bool(MODULES) and all(
    (pathlib.Path(MODULES) / name).is_dir() for name in ("aws-cdk", "aws-cdk-lib")
)
# What docs/cloudformation.md says that CDK calls, besides what a failure makes it ask.
CALLS = {
    "GetCallerIdentity", "DescribeStacks", "GetTemplate", "CreateChangeSet", "DescribeChangeSet",
    "ExecuteChangeSet", "DescribeStackEvents", "DeleteStack",
}
DEPLOYER = {
    "name": "deployer",
    "trust": {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "cloudformation.amazonaws.com"}}},
    "policies": [{"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": ["secretsmanager:*", "kms:*"], "Resource": "*"}}],
}
DEPLOY = ["deploy", "--all", "--require-approval", "never"]


@unittest.skipIf(shutil.which("node") is None or not HAS_CDK, "node or CDK is not installed")
class Cdk(Case):
    @classmethod
    def setUpClass(cls):
        with_users(cls, {}, [DEPLOYER])
        super().setUpClass()

    def cdk(self, *command, description, primary="", replica_key="", fails=False):
        env = self.server.env()
        env.update(
            NODE_PATH=MODULES, NODE_NO_WARNINGS="1", CI="true", DESCRIPTION=description,
            PRIMARY=primary, REPLICA_KEY=replica_key, AWS_REGION="us-east-1",
            AWS_MAX_ATTEMPTS="3", CDK_DISABLE_CLI_TELEMETRY="true", HOME=str(self.server.scratch),
        )
        cli = pathlib.Path(MODULES) / "aws-cdk/bin/cdk"
        app = f"node {ROOT / 'tests/e2e/cdk_deployed.cjs'}"
        done = subprocess.run(
            ["node", str(cli), *command, "--app", app, "--output", str(self.server.scratch / "cdk.out"),
             "--no-color", "--no-notices", "--no-version-reporting", "--no-asset-metadata"],
            cwd=self.server.scratch, env=env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=300,
        )
        told = done.stdout + done.stderr
        # A stack trace of CDK quotes whole files.
        self.assertEqual(done.returncode != 0, fails, told[-4000:])
        return told

    def stack(self, name="Shop", region="us-east-1"):
        found = self.server.aws(f"cloudformation describe-stacks --stack-name {name}", region)
        return found["Stacks"][0]

    def only_secret(self):
        (secret,) = self.secrets().list_secrets()["SecretList"]
        return secret

    def test_an_app_from_its_deployment_to_its_end(self):
        app = {"description": "one"}
        self.cdk(*DEPLOY, **app)
        stack = self.stack()
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        secret = self.only_secret()
        self.assertEqual(secret["Description"], "one")
        self.assertIn({"Key": "team", "Value": "a"}, secret["Tags"])
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.assertEqual(outputs["Arn"], secret["ARN"])
        replica = self.replica(secret["ARN"], "us-east-2")
        self.assertEqual(replica["Status"], "InSync")
        values = {
            self.secrets(region).get_secret_value(SecretId=secret["Name"])["SecretString"]
            for region in ("us-east-1", "us-east-2")
        }
        self.assertEqual(len(values), 1)

        # A key of one's own in another Region needs the ARN of its primary.
        app["primary"] = outputs["KeyArn"]
        self.cdk(*DEPLOY, **app)
        self.assertEqual(self.stack("Copy", "us-east-2")["StackStatus"], "CREATE_COMPLETE")
        kms = self.server.client("kms", "us-east-2")
        replica = kms.describe_key(KeyId=outputs["KeyArn"].rsplit("/", 1)[1])["KeyMetadata"]
        self.assertEqual(replica["MultiRegionConfiguration"]["MultiRegionKeyType"], "REPLICA")

        diff = self.cdk("diff", "--fail", **app)
        self.assertIn("There were no differences", diff)
        self.assertEqual(self.cdk(*DEPLOY, **app).count("(no changes)"), 2)

        app["description"] = "two"
        self.assertIn("Description", self.cdk("diff", "--fail", fails=True, **app))
        self.cdk(*DEPLOY, **app)
        self.assertEqual(self.stack()["StackStatus"], "UPDATE_COMPLETE")
        self.assertEqual(self.only_secret()["Description"], "two")

        self.cdk("destroy", "--all", "--force", **app)
        for region in ("us-east-1", "us-east-2"):
            stacks = self.server.aws("cloudformation describe-stacks", region)
            self.assertEqual(stacks["Stacks"], [])
        self.assertEqual(self.secrets().list_secrets()["SecretList"], [])

        log = (self.server.data_dir / "audit.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        calls = [call for call in calls if "aws-cdk" in call["userAgent"].lower()]
        self.assertLessEqual(CALLS, {call["eventName"] for call in calls})
        # Nothing that it asked for is not there.
        self.assertNotIn("InvalidAction", {call.get("errorCode") for call in calls})

    def test_a_role_deploys(self):
        role = f"arn:aws:iam::{ACCOUNT}:role/deployer"
        self.cdk(*DEPLOY, "--role-arn", role, description="one")
        self.assertEqual((self.stack()["StackStatus"], self.stack()["RoleARN"]), ("CREATE_COMPLETE", role))
        self.cdk(*DEPLOY, description="two")
        self.assertEqual(self.only_secret()["Description"], "two")
        told = self.cdk(*DEPLOY, "--role-arn", f"{role}s", description="three", fails=True)
        self.assertIn(f"Role {role}s is invalid or cannot be assumed", told)
        self.cdk("destroy", "--all", "--force", "--role-arn", role, description="two")
        self.assertEqual(self.secrets().list_secrets()["SecretList"], [])
        log = (self.server.data_dir / "audit.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        by = {
            call["userIdentity"]["arn"] for call in calls
            if call["userAgent"] == "cloudformation.amazonaws.com"
            and call["eventName"].endswith("Secret")
        }
        self.assertIn(f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/AWSCloudFormation", by)

    def test_a_wrong_replica_key_fails_the_deployment_with_the_reason(self):
        wrong = f"arn:aws:kms:us-east-2:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
        told = self.cdk(*DEPLOY, description="one", replica_key=wrong, fails=True)
        for part in ("us-east-2", wrong, "CREATE_FAILED"):
            self.assertIn(part, told)
        self.assertEqual(self.stack()["StackStatus"], "ROLLBACK_COMPLETE")
        self.assertEqual(self.secrets().list_secrets()["SecretList"], [])
        # Mended, it is deployed over what failed.
        self.cdk(*DEPLOY, description="one")
        self.assertEqual(self.stack()["StackStatus"], "CREATE_COMPLETE")
