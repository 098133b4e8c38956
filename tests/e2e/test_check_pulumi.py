"""`regent check` on what programs under Pulumi's own SDK register: the wrong key of a replica is found, the right
one is not, and what a preview does not tell is called unknown."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import harness
import pulumi_engine

PROGRAM = """
import pulumi
import pulumi_aws as aws

west = aws.Provider("west", region="us-west-2")
there = pulumi.ResourceOptions(provider=west)
key = aws.kms.Key("app", multi_region=True)
pair = aws.kms.ReplicaKey("app", primary_key_arn=key.arn, opts=there)
single = aws.kms.Key("single")
aws.kms.Alias("app", name="alias/app", target_key_id=key.key_id)
db = aws.secretsmanager.Secret(
    "db", name="app/db", kms_key_id=key.arn,
    replicas=[aws.secretsmanager.SecretReplicaArgs(region="us-west-2", kms_key_id=%s)],
)
aws.secretsmanager.SecretVersion("db", secret_id=db.id, secret_string=pulumi.Output.secret("hunter2"))
"""


@pulumi_engine.needs_pulumi
class Checked(unittest.TestCase):
    maxDiff = None

    def check(self, program):
        preview = pulumi_engine.preview(program)
        self.assertNotIn("hunter2", preview)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "preview.json")
            path.write_text(preview)
            done = subprocess.run(
                [harness.REGENT, "check", "--output", "json", str(path)], capture_output=True, text=True, timeout=60,
            )
        findings = json.loads(done.stdout)["findings"]
        return done.returncode, [one["rule"] for one in findings]

    def test_the_key_of_a_replica(self):
        for key, found in [
            ("pair.arn", (0, [])),
            ("pair.key_id", (0, [])),
            ("'mrk-1234abcd12ab34cd56ef12345678990ab'", (1, ["RG001"])),
            ("single.arn", (1, ["RG012"])),
            ("None", (1, ["RG011"])),
            # Whether it is the id, which is good, or the ARN, which is not, no preview tells.
            ("key.arn", (0, ["RG100"])),
            ("pulumi.Output.all(key.arn, pair.arn).apply(lambda both: both[1])", (0, ["RG100"])),
            ("pulumi.Output.secret('alias/aws/secretsmanager')", (0, ["RG100"])),
        ]:
            with self.subTest(key):
                self.assertEqual(self.check(PROGRAM % key), found)

    def test_where_a_secret_is(self):
        elsewhere = PROGRAM.replace('"db", name="app/db", ', '"db", name="app/db", opts=there, ')
        _, found = self.check(elsewhere % "pair.arn")
        self.assertIn("RG006", found)

    def test_a_rotation_of_a_replica(self):
        rotation = (
            'aws.secretsmanager.SecretRotation("db", secret_id=db.id, opts=there,\n'
            '    rotation_lambda_arn="arn:aws:lambda:us-west-2:123456789012:function:f",\n'
            '    rotation_rules={"automatically_after_days": 30})\n'
        )
        self.assertEqual(self.check(PROGRAM % "pair.arn" + rotation), (1, ["RG018"]))
