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

MODULE = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "name" {}
variable "key" {}
variable "replicas" {
  type = map(string)
}

resource "aws_secretsmanager_secret" "this" {
  name                    = var.name
  kms_key_id              = var.key
  recovery_window_in_days = 0

  dynamic "replica" {
    for_each = var.replicas
    content {
      region     = replica.key
      kms_key_id = replica.value
    }
  }
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = "hunter2"
}
"""

# As it is written for several Regions: a key of which each has a replica, under one alias everywhere, and secrets
# that name it in every way there is.
MANY = """
data "aws_caller_identity" "own" {}

data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.own.account_id}:root"]
    }
  }
}

locals {
  secrets = { db = "app/db", api = "app/api" }
  there   = replace(aws_kms_key.app.arn, "us-east-1", "us-west-2")
}

resource "aws_kms_key" "app" {
  multi_region            = true
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_replica_key" "west" {
  provider                = aws.west
  primary_key_arn         = aws_kms_key.app.arn
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_replica_key" "ireland" {
  provider                = aws.ireland
  primary_key_arn         = aws_kms_key.app.arn
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "app" {
  name          = "alias/app"
  target_key_id = aws_kms_key.app.key_id
}

resource "aws_kms_alias" "west" {
  provider      = aws.west
  name          = aws_kms_alias.app.name
  target_key_id = aws_kms_replica_key.west.key_id
}

module "secret" {
  source   = "./secret"
  for_each = local.secrets
  name     = each.value
  key      = aws_kms_key.app.arn
  replicas = {
    "us-west-2" = aws_kms_replica_key.west.arn
    "eu-west-1" = aws_kms_replica_key.ireland.arn
  }
}

resource "aws_secretsmanager_secret" "other" {
  for_each = {
    id     = aws_kms_replica_key.west.key_id
    same   = aws_kms_key.app.key_id
    made   = local.there
    alias  = "alias/app"
    name   = aws_kms_alias.app.name
    either = aws_kms_key.app.multi_region ? local.there : null
  }
  name                    = "other/${each.key}"
  kms_key_id              = aws_kms_alias.app.arn
  recovery_window_in_days = 0

  replica {
    region     = "us-west-2"
    kms_key_id = each.value
  }

  depends_on = [aws_kms_alias.west]
}

resource "aws_secretsmanager_secret_version" "other" {
  for_each      = aws_secretsmanager_secret.other
  secret_id     = each.value.id
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

    def test_no_alarm_on_what_several_regions_are_given(self):
        module = self.tf.directory / "secret"
        module.mkdir()
        (module / "main.tf").write_text(MODULE)
        self.tf.write(MANY)
        self.tf.run("init")
        # What is not known is told, at the level of info.
        for found in (self.plan(), self.check(".")):
            self.assertEqual((found[0], {rule for rule, _ in found[1]} - {"RG100", "RG101"}), (0, set()), found)
        self.tf.apply(MANY)
        names = ["app/db", "app/api"] + [
            f"other/{name}" for name in ("id", "same", "made", "alias", "name", "either")
        ]
        for name in names:
            self.in_sync(name, "us-west-2")
        self.in_sync("app/db", "eu-west-1")
        # Of what is there, all is known but that the alias of one Region is not that of the other.
        self.tf.write(MANY + '\nresource "aws_secretsmanager_secret" "more" {}\n')
        self.assertEqual(self.plan(), (0, []))

    def test_keys_that_go_are_found_in_the_plan(self):
        old = KEYS + SECRET.replace("aws_kms_key.multi.arn", "aws_kms_key.single.arn") % "aws_kms_replica_key.west.arn"
        state = self.tf.apply(old) and self.tf.state()
        db, arn = "aws_secretsmanager_secret.db", state["aws_kms_key.single"]["arn"]
        single = 'resource "aws_kms_key" "single" {\n  deletion_window_in_days = 7\n}\n'
        self.assertIn(single, old)
        # Still named after it is gone, and taken off it while it goes.
        without = old.replace(single, "")
        self.tf.write(without.replace("aws_kms_key.single.arn", f'"{arn}"'))
        self.assertEqual(self.plan(), (1, [("RG026", db)]))
        self.tf.write(without.replace("aws_kms_key.single.arn", "aws_kms_key.multi.arn"))
        self.assertEqual(self.plan(), (1, [("RG027", db)]))
        # Replaced, which deletes the old one before the secret is taken off it.
        self.tf.write(old.replace(single, single.replace("}", '  customer_master_key_spec = "HMAC_256"\n  key_usage = "GENERATE_VERIFY_MAC"\n}')))
        self.assertIn(("RG027", db), self.plan()[1])
        # In two steps, each is good.
        self.tf.write(old.replace("kms_key_id              = aws_kms_key.single.arn", "kms_key_id              = aws_kms_key.multi.arn"))
        self.assertEqual(self.plan(), (0, []))
        self.tf.run("apply", "plan")
        self.tf.write(without.replace("aws_kms_key.single.arn", "aws_kms_key.multi.arn"))
        self.assertEqual(self.plan(), (0, []))

    def test_a_key_that_is_looked_up_is_known_with_its_state(self):
        west = self.keys("us-west-2")
        key = west.create_key()["KeyMetadata"]["KeyId"]
        west.create_alias(AliasName="alias/there", TargetKeyId=key)
        found = 'data "aws_kms_key" "there" {\n  provider = aws.west\n  key_id = "alias/there"\n}\n'
        for named in ("data.aws_kms_key.there.arn", '"alias/there"'):
            self.tf.write(found + SECRET.replace("aws_kms_key.multi.arn", "null") % named)
            db = "aws_secretsmanager_secret.db"
            self.assertEqual(self.plan(), (0, []))
            west.disable_key(KeyId=key)
            self.assertEqual(self.plan(), (1, [("RG015", db)]))
            west.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
            self.assertEqual(self.plan(), (1, [("RG026", db)]))
            west.cancel_key_deletion(KeyId=key)
            west.enable_key(KeyId=key)
