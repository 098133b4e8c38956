"""Secrets through Terraform's AWS provider: apply, an empty plan, an update of each attribute, an
empty plan again, import, destroy; and a wrong replica key in both profiles."""

import json

import harness
import terraform

KEYS = """
resource "aws_kms_key" "multi" {
  description             = "primary"
  multi_region            = true
  deletion_window_in_days = 7
}

resource "aws_kms_replica_key" "west" {
  provider                = aws.west
  primary_key_arn         = aws_kms_key.multi.arn
  deletion_window_in_days = 7
}

resource "aws_kms_key" "other" {
  deletion_window_in_days = 7
}

resource "aws_kms_key" "ireland" {
  provider                = aws.ireland
  deletion_window_in_days = 7
}
"""


def secret(description="one", tags='{ team = "a" }', key="aws_kms_key.multi.arn", replicas="", more=""):
    return f"""
resource "aws_secretsmanager_secret" "db" {{
  name                    = "app/db"
  description             = "{description}"
  kms_key_id              = {key}
  recovery_window_in_days = 0
  tags                    = {tags}
  {replicas}
  {more}
}}
"""


def replica(region, key=None):
    key = f"kms_key_id = {key}" if key else ""
    return f'replica {{\n region = "{region}"\n {key}\n }}\n'


def version(value="first", stages=None, name="v"):
    stages = f"version_stages = {stages}" if stages else ""
    return f"""
resource "aws_secretsmanager_secret_version" "{name}" {{
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = "{value}"
  {stages}
}}
"""


READ = """
data "aws_secretsmanager_secret" "by_name" {
  name       = aws_secretsmanager_secret.db.name
  depends_on = [aws_secretsmanager_secret_version.v]
}

data "aws_secretsmanager_secret_version" "current" {
  secret_id  = aws_secretsmanager_secret.db.id
  depends_on = [aws_secretsmanager_secret_version.v]
}

data "aws_secretsmanager_secrets" "all" {
  filter {
    name   = "name"
    values = ["app/"]
  }
  depends_on = [aws_secretsmanager_secret_version.v]
}

data "aws_secretsmanager_random_password" "p" {
  password_length = 40
  exclude_numbers = true
}
"""

WEST = replica("us-west-2", "aws_kms_replica_key.west.arn")
IRELAND = replica("eu-west-1", "aws_kms_key.ireland.arn")


def policy(action):
    return f"""
resource "aws_secretsmanager_secret_policy" "p" {{
  secret_arn = aws_secretsmanager_secret.db.arn
  policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [{{
      Sid       = "Readers"
      Effect    = "Allow"
      Principal = {{ AWS = "arn:aws:iam::123456789012:root" }}
      Action    = "{action}"
      Resource  = "*"
    }}]
  }})
}}
"""


@terraform.needs_terraform
class Secrets(terraform.Case, harness.Case):
    def value(self, region="us-east-1", **params):
        return self.secrets(region).get_secret_value(SecretId="app/db", **params)

    def test_a_secret_with_replicas_through_its_life(self):
        state = self.applied(KEYS + secret(replicas=WEST + IRELAND) + version())
        arn = state["aws_secretsmanager_secret.db"]["arn"]
        self.in_sync("app/db", "us-west-2")
        self.in_sync("app/db", "eu-west-1")
        for region in ("us-west-2", "eu-west-1"):
            self.assertEqual(self.value(region)["SecretString"], "first")
        # Each attribute in turn, and what it must lead to.
        tags = '{ team = "b", stage = "prod" }'
        self.applied(KEYS + secret("two", tags, replicas=WEST + IRELAND) + version())
        found = self.secrets("us-west-2").describe_secret(SecretId="app/db")
        self.eventually(lambda: self.described("us-west-2")["Description"] == "two", "description")
        self.assertEqual(found["ARN"].rsplit("-", 1)[1], arn.rsplit("-", 1)[1])
        tagged = {tag["Key"]: tag["Value"] for tag in self.described("us-west-2")["Tags"]}
        self.assertEqual(tagged, {"team": "b", "stage": "prod"})
        self.applied(KEYS + secret("two", tags, replicas=WEST + IRELAND) + version("second"))
        self.assertEqual(self.value()["SecretString"], "second")
        self.eventually(lambda: self.value("eu-west-1")["SecretString"] == "second", "replica")
        self.applied(KEYS + secret("two", tags, replicas=WEST) + version("second"))
        self.eventually(lambda: self.is_absent("eu-west-1"), "the removed replica")
        other = "aws_kms_key.other.arn"
        state = self.applied(
            KEYS + secret("two", tags, key=other, replicas=WEST) + version("second")
        )
        self.assertEqual(self.described("us-east-1")["KmsKeyId"], state["aws_kms_key.other"]["arn"])
        # A replica's key: the provider removes the replica and adds it again at once.
        default = replica("us-west-2", '"alias/aws/secretsmanager"')
        self.applied(KEYS + secret("", "{}", key=other, replicas=default) + version("second"))
        self.in_sync("app/db", "us-west-2")
        self.assertEqual(self.replica_of("us-west-2")["KmsKeyId"], "alias/aws/secretsmanager")
        self.assertNotIn("Description", self.described("us-east-1"))
        self.destroyed()
        for region in harness.REGIONS:
            self.eventually(lambda region=region: self.is_absent(region), region)

    def described(self, region):
        return self.secrets(region).describe_secret(SecretId="app/db")

    def replica_of(self, region):
        status = self.described("us-east-1")["ReplicationStatus"]
        return next(entry for entry in status if entry["Region"] == region)

    def is_absent(self, region):
        try:
            return bool(self.described(region).get("DeletedDate"))
        except self.secrets(region).exceptions.ResourceNotFoundException:
            return True

    def test_versions_and_their_stages(self):
        body = KEYS + secret()
        self.applied(body + version("one", '["AWSCURRENT", "GREEN"]'))
        self.assertEqual(self.value(VersionStage="GREEN")["SecretString"], "one")
        self.applied(body + version("one", '["AWSCURRENT", "BLUE"]'))
        self.assertEqual(self.value(VersionStage="BLUE")["SecretString"], "one")
        self.fails("ResourceNotFoundException", self.value, VersionStage="GREEN")
        both = version("one", '["AWSCURRENT"]') + version("next", '["AWSPENDING"]', "pending")
        self.applied(body + both)
        self.assertEqual(self.value(VersionStage="AWSPENDING")["SecretString"], "next")
        self.assertEqual(self.value()["SecretString"], "one")
        self.destroyed()

    def test_data_sources_see_what_was_made(self):
        state = self.applied(KEYS + secret() + version() + READ)
        by_name = state["data.aws_secretsmanager_secret.by_name"]
        self.assertEqual(by_name["arn"], state["aws_secretsmanager_secret.db"]["arn"])
        self.assertEqual(by_name["tags"], {"team": "a"})
        current = state["data.aws_secretsmanager_secret_version.current"]
        self.assertEqual(current["secret_string"], "first")
        self.assertEqual(current["version_stages"], ["AWSCURRENT"])
        self.assertEqual(state["data.aws_secretsmanager_secrets.all"]["arns"], [by_name["arn"]])
        password = state["data.aws_secretsmanager_random_password.p"]["random_password"]
        self.assertEqual(len(password), 40)
        self.assertFalse(any(letter.isdigit() for letter in password))
        self.destroyed()

    def test_a_policy_is_kept_changed_and_taken_away(self):
        body = KEYS + secret(replicas=WEST) + version()
        self.applied(body + policy("secretsmanager:GetSecretValue"))
        self.applied(body + policy("secretsmanager:DescribeSecret"))
        kept = self.secrets().get_resource_policy(SecretId="app/db")["ResourcePolicy"]
        self.assertIn("secretsmanager:DescribeSecret", kept)
        self.assertIn("Readers", kept)
        self.applied(body)
        self.assertNotIn("ResourcePolicy", self.secrets().get_resource_policy(SecretId="app/db"))
        self.destroyed()

    def test_inline_policies_binary_values_versions_and_a_new_name(self):
        own = """policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:root" }
      Action    = "%s"
      Resource  = "*"
    }]
  })"""
        binary = """
resource "aws_secretsmanager_secret_version" "v" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_binary = base64encode("%s")
}

data "aws_secretsmanager_secret_versions" "all" {
  secret_id  = aws_secretsmanager_secret.db.id
  depends_on = [aws_secretsmanager_secret_version.v]
}
"""
        for action, value in (("secretsmanager:GetSecretValue", "one"), ("secretsmanager:DescribeSecret", "two")):
            state = self.applied(KEYS + secret(more=own % action) + binary % value)
            self.assertEqual(self.value()["SecretBinary"], value.encode())
            kept = self.secrets().get_resource_policy(SecretId="app/db")["ResourcePolicy"]
            self.assertEqual(json.loads(kept)["Statement"][0]["Action"], action)
        versions = state["data.aws_secretsmanager_secret_versions.all"]["versions"]
        stages = sorted(stage for version in versions for stage in version["version_stages"])
        self.assertEqual(stages, ["AWSCURRENT", "AWSPREVIOUS"])
        renamed = secret(more=own % "secretsmanager:DescribeSecret").replace("app/db", "app/renamed")
        self.applied(KEYS + renamed + binary % "two")
        self.assertTrue(self.is_absent("us-east-1"))
        found = self.secrets().get_secret_value(SecretId="app/renamed")
        self.assertEqual(found["SecretBinary"], b"two")
        self.destroyed()

    def test_a_policy_for_everyone_is_blocked_if_asked(self):
        narrow = policy("secretsmanager:GetSecretValue")
        blocking = narrow.replace("  secret_arn", "  block_public_policy = true\n  secret_arn", 1)
        everyone = blocking.replace('{ AWS = "arn:aws:iam::123456789012:root" }', '"*"')
        self.assertNotEqual(everyone, blocking)
        with self.assertRaises(terraform.Failed) as raised:
            self.tf.apply(KEYS + secret() + everyone)
        self.assertIn("broad access", " ".join(str(raised.exception).split()))
        self.assertNotIn("ResourcePolicy", self.secrets().get_resource_policy(SecretId="app/db"))
        self.applied(KEYS + secret() + blocking)
        self.applied(KEYS + secret() + narrow)
        self.destroyed()

    def test_import_takes_over_what_others_made(self):
        made = self.secrets().create_secret(Name="app/db", Description="one", SecretString="first",
                                            Tags=[{"Key": "team", "Value": "a"}])
        body = secret(key="null") + version()
        self.tf.write(body)
        self.tf.run("import", "aws_secretsmanager_secret.db", made["ARN"])
        ident = f"{made['ARN']}|{made['VersionId']}"
        self.tf.run("import", "aws_secretsmanager_secret_version.v", ident)
        # These two are the provider's own, and known to no API.
        self.tf.apply(body)
        self.assertEqual(self.tf.drift(), "")
        self.assertEqual(self.value()["VersionId"], made["VersionId"])
        self.destroyed()

    def test_an_ordinary_secret_in_the_way_is_overwritten_only_by_force(self):
        self.secrets("us-west-2").create_secret(Name="app/db", SecretString="other")
        with self.assertRaises(terraform.Failed) as raised:
            self.tf.apply(KEYS + secret(replicas=WEST) + version())
        self.assertIn("us-west-2", str(raised.exception))
        self.assertEqual(self.value("us-west-2")["SecretString"], "other")
        force = "force_overwrite_replica_secret = true"
        self.applied(KEYS + secret(replicas=WEST, more=force) + version())
        self.in_sync("app/db", "us-west-2")
        self.assertEqual(self.value("us-west-2")["SecretString"], "first")
        self.destroyed()

    def test_a_wrong_replica_key_fails_at_apply_with_the_reason_on_the_screen(self):
        bad = '"mrk-1234abcd12ab34cd56ef1234567890ab"'
        with self.assertRaises(terraform.Failed) as raised:
            self.tf.apply(KEYS + secret(replicas=replica("us-west-2", bad)) + version())
        shown = " ".join(str(raised.exception).split())
        self.assertIn("us-west-2", shown)
        self.assertIn("mrk-1234abcd12ab34cd56ef1234567890ab", shown)
        self.assertIn("does not exist", shown)
        self.assert_nothing_created()


@terraform.needs_terraform
class SecretsAsOnAws(terraform.Case, harness.Case):
    profile = "aws"

    def test_a_wrong_replica_key_passes_and_fails_out_of_sight(self):
        bad = '"mrk-1234abcd12ab34cd56ef12345678990aa"'
        self.tf.apply(secret(key="null", replicas=replica("us-west-2", bad)) + version())
        client = self.secrets()

        def failed():
            status = client.describe_secret(SecretId="app/db")["ReplicationStatus"]
            return status[0]["Status"] == "Failed"

        self.eventually(failed, "the failure that nobody sees")
        self.assertEqual(self.tf.drift(), "")
        self.tf.run("destroy", "-auto-approve")
