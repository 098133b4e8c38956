"""`regent check` on what Terraform itself writes: the plan of a wrong replica key, and of the right one,
which is then applied and whose replicas are in sync."""

import json
import subprocess

import harness
import terraform

KEYS = """
resource "aws_kms_key" "multi" {
  multi_region            = true
  deletion_window_in_days = 7
}

resource "aws_kms_key" "single" {
  deletion_window_in_days = 7
}

resource "aws_kms_replica_key" "west" {
  provider                = aws.west
  primary_key_arn         = aws_kms_key.multi.arn
  deletion_window_in_days = 7
}
"""

SECRET = """
resource "aws_secretsmanager_secret" "db" {
  name                    = "app/db"
  kms_key_id              = aws_kms_key.multi.arn
  recovery_window_in_days = 0

  replica {
    region     = "us-west-2"
    kms_key_id = %s
  }
}

resource "aws_secretsmanager_secret_version" "db" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = "hunter2"
}
"""


@terraform.needs_terraform
class Checked(terraform.Case, harness.Case):
    profile = "aws"

    def check(self, *arguments):
        done = subprocess.run(
            [harness.REGENT, "check", "--output", "json", *arguments],
            cwd=self.tf.directory, capture_output=True, text=True, timeout=60,
        )
        self.assertNotIn("hunter2", done.stdout + done.stderr)
        report = json.loads(done.stdout)
        return done.returncode, [(one["rule"], one["resource"]) for one in report["findings"]]

    def plan(self):
        self.tf.run("plan", "-out", "plan")
        (self.tf.directory / "plan.json").write_text(self.tf.run("show", "-json", "plan"))
        return self.check("plan.json")

    def test_a_key_of_the_wrong_region_is_found_in_the_plan_and_in_the_files(self):
        db = "aws_secretsmanager_secret.db"
        for key, in_the_files, in_the_plan in [
            ("aws_kms_key.single.arn", "RG012", "RG012"),
            ('"mrk-1234abcd12ab34cd56ef12345678990ab"', "RG001", "RG001"),
            # A plan does not show whether another Region is put into an ARN that is not there yet.
            ("aws_kms_key.multi.arn", "RG002", "RG100"),
        ]:
            self.tf.write(KEYS + SECRET % key)
            self.assertEqual(self.plan(), (int(in_the_plan != "RG100"), [(in_the_plan, db)]))
            self.assertEqual(self.check("main.tf"), (1, [(in_the_files, db)]))

    def test_a_good_plan_is_clean_and_its_replica_readable(self):
        good = KEYS + SECRET % "aws_kms_replica_key.west.arn"
        self.tf.write(good)
        self.assertEqual(self.plan(), (0, []))
        self.assertEqual(self.check("main.tf"), (0, []))
        self.tf.apply(good)
        self.in_sync("app/db", "us-west-2")
        # What exists is known by its ARN now, and found to be right by that.
        changed = good.replace('name                    = "app/db"', 'name = "app/db"\n description = "x"')
        self.tf.write(changed)
        self.assertEqual(self.plan(), (0, []))
        replaced = 'replace(aws_kms_key.multi.arn, "us-east-1", "us-west-2")'
        self.tf.write(KEYS + SECRET % replaced)
        self.assertEqual(self.plan(), (0, []))
        self.tf.write(KEYS + SECRET % "aws_kms_key.multi.arn")
        self.assertEqual(self.plan(), (1, [("RG002", "aws_secretsmanager_secret.db")]))
