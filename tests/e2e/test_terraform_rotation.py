"""Rotation through Terraform's AWS provider: each kind of rule, a new value at once or a test only, an
update of each attribute, an empty plan after every apply, import, destroy. The function is a command
of this machine."""

import json
import os
import sys

import harness
import terraform
from rotation_world import HERE, ROTATOR

FUNCTIONS = ["arn:aws:lambda:us-east-1:123456789012:function:" + name for name in ("first", "second")]
ROTATION = "aws_secretsmanager_secret_rotation.r"

SECRET = """
resource "aws_secretsmanager_secret" "db" {
  name                    = "app/db"
  recovery_window_in_days = 0
  replica {
    region = "us-west-2"
  }
}

resource "aws_secretsmanager_secret_version" "v" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = "first"
  lifecycle {
    ignore_changes = [secret_string, version_stages]
  }
}
"""


def rotation(rules, function=FUNCTIONS[0], immediately=None):
    immediately = "" if immediately is None else f"rotate_immediately = {immediately}"
    return SECRET + f"""
resource "aws_secretsmanager_secret_rotation" "r" {{
  secret_id           = aws_secretsmanager_secret.db.id
  rotation_lambda_arn = "{function}"
  {immediately}
  rotation_rules {{
    {rules}
  }}
  depends_on = [aws_secretsmanager_secret_version.v]
}}

data "aws_secretsmanager_secret_rotation" "seen" {{
  secret_id  = aws_secretsmanager_secret.db.id
  depends_on = [aws_secretsmanager_secret_rotation.r]
}}
"""


@terraform.needs_terraform
class Rotation(terraform.Case, harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server()
        cls.addClassCleanup(cls.server.remove)
        command = [sys.executable, "-B", str(HERE / "rotation_of_a_value.py")]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
        config = cls.server.scratch / "regent.json"
        config.write_text(json.dumps({
            "access_keys": [ROTATOR],
            "functions": [
                {"arn": arn, "command": command, "access_key": ROTATOR["id"], "environment": environment}
                for arn in FUNCTIONS
            ],
        }))
        config.chmod(0o600)
        cls.server.args += ["--config", str(config)]
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)

    def described(self, region="us-east-1"):
        return self.secrets(region).describe_secret(SecretId="app/db")

    def value(self, region="us-east-1"):
        return self.secrets(region).get_secret_value(SecretId="app/db")["SecretString"]

    def is_settled(self):
        """No rotation and no test of one is under way."""
        pending = [stages for stages in self.described()["VersionIdsToStages"].values()
                   if "AWSPENDING" in stages and "AWSCURRENT" not in stages]
        return not pending

    def rotated(self, after=None):
        """Waits for the end of a rotation later than `after`."""
        def probe():
            last = self.described().get("LastRotatedDate")
            return last if last and last != after else None

        return self.eventually(probe, "the rotation's end")

    def test_a_rotation_through_its_life(self):
        state = self.applied(rotation("automatically_after_days = 30"))
        self.assertIs(state[ROTATION]["rotation_enabled"], True)
        self.assertIs(state["data." + ROTATION.replace(".r", ".seen")]["rotation_enabled"], True)
        last = self.rotated()
        first = self.value()
        self.assertNotEqual(first, "first")
        self.eventually(lambda: self.value("us-west-2") == first, "the replica's value")
        self.assertEqual(self.tf.drift(), "")
        self.assertEqual(self.described()["RotationRules"], {"AutomaticallyAfterDays": 30})
        # Every change rotates, as the provider's documentation says.
        for rules, function, expected in [
            ('automatically_after_days = 7\nduration = "3h"', FUNCTIONS[1],
             {"AutomaticallyAfterDays": 7, "Duration": "3h"}),
            ('schedule_expression = "rate(10 days)"\nduration = "2h"', FUNCTIONS[1],
             {"AutomaticallyAfterDays": 10, "Duration": "2h", "ScheduleExpression": "rate(10 days)"}),
        ]:
            with self.subTest(rules=rules, function=function):
                before = self.value()
                self.applied(rotation(rules, function))
                last = self.rotated(after=last)
                self.assertNotEqual(self.value(), before)
                self.assertEqual(self.described()["RotationRules"], expected)
                self.assertEqual(self.described()["RotationLambdaARN"], function)
                self.assertEqual(self.tf.drift(), "")
        # Without the resource rotation is off, and the value stays.
        kept = self.value()
        self.applied(SECRET)
        self.assertIs(self.described()["RotationEnabled"], False)
        self.assertEqual(self.value(), kept)
        self.destroyed()

    def test_a_rotation_that_waits_for_its_window(self):
        cron = 'schedule_expression = "cron(0 8 1 * ? *)"\nduration = "2h"'
        self.applied(rotation(cron, immediately="false"))
        self.eventually(self.is_settled, "the end of the test")
        described = self.described()
        self.assertIs(described["RotationEnabled"], True)
        self.assertEqual(
            described["RotationRules"], {"ScheduleExpression": "cron(0 8 1 * ? *)", "Duration": "2h"}
        )
        self.assertNotIn("LastRotatedDate", described)
        self.assertEqual((described["NextRotationDate"].day, described["NextRotationDate"].minute), (1, 59))
        self.assertEqual(self.value(), "first")
        self.applied(rotation("automatically_after_days = 90", immediately="false"))
        self.eventually(self.is_settled, "the end of the test")
        self.assertEqual(self.described()["RotationRules"], {"AutomaticallyAfterDays": 90})
        self.assertEqual(self.value(), "first")
        self.destroyed()

    def test_import_takes_over_a_rotation(self):
        self.applied(SECRET)
        arn = self.described()["ARN"]
        self.secrets().rotate_secret(
            SecretId=arn, RotationLambdaARN=FUNCTIONS[0],
            RotationRules={"ScheduleExpression": "rate(12 hours)", "Duration": "4h"},
        )
        last = self.rotated()
        rules = 'schedule_expression = "rate(12 hours)"\nduration = "4h"'
        self.tf.write(rotation(rules))
        self.tf.run("import", ROTATION, arn)
        # The provider's own attribute, known to no API.
        self.applied(rotation(rules))
        self.eventually(self.is_settled, "a rotation's end")
        self.assertEqual(self.described()["RotationLambdaARN"], FUNCTIONS[0])
        self.assertGreaterEqual(self.described()["LastRotatedDate"], last)
        self.destroyed()

    def test_what_is_refused_is_on_the_screen_and_changes_nothing(self):
        self.applied(SECRET)
        with self.assertRaises(terraform.Failed) as raised:
            self.tf.apply(rotation('schedule_expression = "rate(3 hours)"'))
        self.assertIn("no more often than every 4 hours", " ".join(str(raised.exception).split()))
        self.assertNotIn("RotationEnabled", self.described())
        self.assertEqual(self.value(), "first")
        self.destroyed()
