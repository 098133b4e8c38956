"""KMS through Terraform's AWS provider: keys of several kinds, replica keys, aliases, grants,
policies, imported material; apply, an empty plan, updates, an empty plan again, destroy."""

import base64
import datetime
import json

import harness
import terraform


def primary(description="one", more="", tags='{ team = "a" }'):
    return f"""
resource "aws_kms_key" "multi" {{
  description             = "{description}"
  multi_region            = true
  deletion_window_in_days = 7
  tags                    = {tags}
  {more}
}}
"""


def replicas(west="two", enabled="true"):
    return f"""
resource "aws_kms_replica_key" "west" {{
  provider                = aws.west
  description             = "{west}"
  primary_key_arn         = aws_kms_key.multi.arn
  deletion_window_in_days = 7
  enabled                 = {enabled}
}}

resource "aws_kms_replica_key" "ireland" {{
  provider                = aws.ireland
  primary_key_arn         = aws_kms_key.multi.arn
  deletion_window_in_days = 7
}}
"""


def aliases(name="app/one"):
    return f"""
resource "aws_kms_alias" "home" {{
  name          = "alias/{name}"
  target_key_id = aws_kms_key.multi.key_id
}}

resource "aws_kms_alias" "west" {{
  provider      = aws.west
  name          = "alias/{name}"
  target_key_id = aws_kms_replica_key.west.key_id
}}
"""


def policy(sid):
    return f"""
resource "aws_kms_key_policy" "p" {{
  key_id = aws_kms_key.multi.id
  policy = jsonencode({{
    Version = "2012-10-17"
    Id      = "p"
    Statement = [{{
      Sid       = "{sid}"
      Effect    = "Allow"
      Principal = {{ AWS = "arn:aws:iam::123456789012:root" }}
      Action    = "kms:*"
      Resource  = "*"
    }}]
  }})
}}
"""


CIPHERTEXT = """
resource "aws_kms_ciphertext" "c" {
  key_id    = aws_kms_key.multi.key_id
  plaintext = "hello"
  context   = { purpose = "test" }
}
"""

GRANT = """
resource "aws_kms_grant" "g" {
  name              = "reader"
  key_id            = aws_kms_key.multi.key_id
  grantee_principal = "arn:aws:iam::123456789012:user/reader"
  operations        = ["Encrypt", "Decrypt", "DescribeKey"]
  constraints {
    encryption_context_equals = { purpose = "test" }
  }
}
"""

KINDS = """
resource "aws_kms_key" "sign" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 7
}

resource "aws_kms_key" "mac" {
  customer_master_key_spec = "HMAC_256"
  key_usage                = "GENERATE_VERIFY_MAC"
  deletion_window_in_days  = 7
}

resource "aws_kms_key" "rsa" {
  customer_master_key_spec = "RSA_2048"
  key_usage                = "ENCRYPT_DECRYPT"
  deletion_window_in_days  = 7
}

data "aws_kms_public_key" "sign" {
  key_id = aws_kms_key.sign.arn
}
"""


def external(material, valid_to="null"):
    return f"""
resource "aws_kms_external_key" "e" {{
  description             = "brought along"
  deletion_window_in_days = 7
  key_material_base64     = "{material}"
  enabled                 = true
  valid_to                = {valid_to}
}}
"""


# What each Region has besides the multi-Region key: label, Region, provider, and its related key.
PLACES = [
    ("home", "us-east-1", "aws", "aws_kms_key.multi"),
    ("west", "us-west-2", "aws.west", "aws_kms_replica_key.west"),
    ("ireland", "eu-west-1", "aws.ireland", "aws_kms_replica_key.ireland"),
]


def in_each_region(word, operations, day):
    """An alias, a grant, a ciphertext, a key policy and an external key in each of the Regions."""
    material = base64.b64encode(bytes(range(32))).decode()
    return "".join(f"""
resource "aws_kms_alias" "{label}" {{
  provider      = {provider}
  name          = "alias/{word}"
  target_key_id = {key}.key_id
}}

resource "aws_kms_grant" "{label}" {{
  provider           = {provider}
  name               = "{label}"
  key_id             = {key}.key_id
  grantee_principal  = "arn:aws:iam::123456789012:user/reader"
  retiring_principal = "arn:aws:iam::123456789012:user/admin"
  operations         = {operations}
  constraints {{
    encryption_context_subset = {{ purpose = "{word}" }}
  }}
}}

resource "aws_kms_ciphertext" "{label}" {{
  provider  = {provider}
  key_id    = {key}.key_id
  plaintext = "{word} in {label}"
}}

resource "aws_kms_key_policy" "{label}" {{
  provider = {provider}
  key_id   = {key}.key_id
  policy = jsonencode({{
    Version = "2012-10-17"
    Id      = "{word}"
    Statement = [{{
      Sid       = "{label}"
      Effect    = "Allow"
      Principal = {{ AWS = "arn:aws:iam::123456789012:root" }}
      Action    = "kms:*"
      Resource  = "*"
    }}]
  }})
}}

resource "aws_kms_external_key" "{label}" {{
  provider                = {provider}
  description             = "{word}"
  deletion_window_in_days = 7
  key_material_base64     = "{material}"
  enabled                 = true
  valid_to                = "{day}T00:00:00Z"
}}
""" for label, _, provider, key in PLACES)


@terraform.needs_terraform
class Keys(terraform.Case, harness.Case):
    def described(self, key, region="us-east-1"):
        return self.keys(region).describe_key(KeyId=key)["KeyMetadata"]

    def test_a_multi_region_key_in_three_regions(self):
        state = self.applied(primary() + replicas() + aliases() + CIPHERTEXT)
        key = state["aws_kms_key.multi"]["key_id"]
        for address in ("aws_kms_replica_key.west", "aws_kms_replica_key.ireland"):
            self.assertEqual(state[address]["key_id"], key)
        blob = base64.b64decode(state["aws_kms_ciphertext.c"]["ciphertext_blob"])
        for region in ("us-east-1", "us-west-2", "eu-west-1"):
            opened = self.keys(region).decrypt(
                CiphertextBlob=blob, EncryptionContext={"purpose": "test"}
            )
            self.assertEqual(opened["Plaintext"], b"hello")
        changed = primary("changed", tags='{ team = "b", x = "" }')
        self.applied(changed + replicas("also changed") + aliases("app/two") + CIPHERTEXT)
        self.assertEqual(self.described(key)["Description"], "changed")
        self.assertEqual(self.described("alias/app/two", "us-west-2")["Description"], "also changed")
        self.fails("NotFoundException", self.keys().describe_key, KeyId="alias/app/one")
        self.applied(changed + replicas("also changed", "false") + aliases("app/two") + CIPHERTEXT)
        self.assertEqual(self.described(key, "us-west-2")["KeyState"], "Disabled")
        self.assertEqual(self.described(key)["KeyState"], "Enabled")
        self.destroyed()
        self.assertEqual(self.described(key, "us-west-2")["KeyState"], "PendingDeletion")
        self.assertEqual(self.described(key)["KeyState"], "PendingReplicaDeletion")

    def test_a_policy_and_its_change(self):
        state = self.applied(primary() + policy("First"))
        self.applied(primary() + policy("Second"))
        key = state["aws_kms_key.multi"]["key_id"]
        kept = self.keys().get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        self.assertIn("Second", kept)
        self.destroyed()

    def test_rotation_is_switched(self):
        on = "enable_key_rotation = true\n  rotation_period_in_days = 120"
        state = self.applied(primary(more=on) + replicas())
        key = state["aws_kms_key.multi"]["key_id"]
        for region in ("us-east-1", "us-west-2"):
            status = self.keys(region).get_key_rotation_status(KeyId=key)
            self.assertTrue(status["KeyRotationEnabled"], region)
            self.assertEqual(status["RotationPeriodInDays"], 120)
        self.applied(primary() + replicas())
        self.assertFalse(self.keys().get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])
        self.destroyed()

    def test_a_grant(self):
        state = self.applied(primary() + GRANT)
        key = state["aws_kms_key.multi"]["key_id"]
        grants = self.keys().list_grants(KeyId=key)["Grants"]
        self.assertEqual([grant["Name"] for grant in grants], ["reader"])
        self.assertEqual(grants[0]["GrantId"], state["aws_kms_grant.g"]["grant_id"])
        self.applied(primary())
        self.assertEqual(self.keys().list_grants(KeyId=key)["Grants"], [])
        self.destroyed()

    def test_keys_of_other_kinds(self):
        state = self.applied(KINDS)
        shown = state["data.aws_kms_public_key.sign"]
        self.assertEqual(shown["signing_algorithms"], ["ECDSA_SHA_256"])
        self.assertIn("BEGIN PUBLIC KEY", shown["public_key_pem"])
        self.assertEqual(state["aws_kms_key.mac"]["customer_master_key_spec"], "HMAC_256")
        self.destroyed()

    def test_imported_material(self):
        material = base64.b64encode(bytes(range(32))).decode()
        state = self.applied(external(material))
        key = state["aws_kms_external_key.e"]["id"]
        self.assertEqual(self.described(key)["Origin"], "EXTERNAL")
        self.assertEqual(self.described(key)["KeyState"], "Enabled")
        # AWS: at most 365 days from now.
        day = datetime.date.today() + datetime.timedelta(days=300)
        self.applied(external(material, f'"{day}T00:00:00Z"'))
        self.assertEqual(self.described(key)["ExpirationModel"], "KEY_MATERIAL_EXPIRES")
        self.destroyed()

    def test_each_resource_in_three_regions_from_its_making_to_its_end(self):
        def day(days):
            # AWS: at most 365 days from now.
            return datetime.date.today() + datetime.timedelta(days=days)

        def round(word, operations, days):
            every = primary(word) + replicas(word) + in_each_region(word, operations, day(days))
            state = self.applied(every)
            key = state["aws_kms_key.multi"]["key_id"]
            for label, region, _, _ in PLACES:
                with self.subTest(word=word, region=region):
                    self.looked_at(state, key, label, region, word, operations, day(days))
            return state

        first = round("one", '["Decrypt"]', 200)
        second = round("two", '["Decrypt", "Encrypt"]', 300)
        for label, *_ in PLACES:
            # The same external key lives on, with the same material.
            address = f"aws_kms_external_key.{label}"
            self.assertEqual(first[address]["id"], second[address]["id"])
        self.destroyed()
        key = second["aws_kms_key.multi"]["key_id"]
        for label, region, _, _ in PLACES:
            kms = self.keys(region)
            self.assertEqual(kms.list_grants(KeyId=key)["Grants"], [])
            self.fails("NotFoundException", kms.describe_key, KeyId="alias/two")
            gone = ["PendingReplicaDeletion"] if region == "us-east-1" else ["PendingDeletion"]
            external = second[f"aws_kms_external_key.{label}"]["id"]
            self.assertEqual([self.described(key, region)["KeyState"]], gone)
            self.assertEqual(self.described(external, region)["KeyState"], "PendingDeletion")

    def looked_at(self, state, key, label, region, word, operations, day):
        """The Region has what the configuration says, and only its own."""
        kms = self.keys(region)
        self.assertEqual(kms.describe_key(KeyId=f"alias/{word}")["KeyMetadata"]["KeyId"], key)
        [alias] = kms.list_aliases(KeyId=key)["Aliases"]
        self.assertEqual(alias["AliasName"], f"alias/{word}")
        [grant] = kms.list_grants(KeyId=key)["Grants"]
        self.assertEqual(grant["Name"], label)
        self.assertEqual(sorted(grant["Operations"]), sorted(json.loads(operations)))
        self.assertEqual(grant["Constraints"], {"EncryptionContextSubset": {"purpose": word}})
        blob = base64.b64decode(state[f"aws_kms_ciphertext.{label}"]["ciphertext_blob"])
        for _, other, _, _ in PLACES:
            opened = self.keys(other).decrypt(CiphertextBlob=blob)["Plaintext"]
            self.assertEqual(opened.decode(), f"{word} in {label}")
        policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
        self.assertEqual((policy["Id"], policy["Statement"][0]["Sid"]), (word, label))
        external = self.described(state[f"aws_kms_external_key.{label}"]["id"], region)
        self.assertEqual(
            (external["Description"], external["KeyState"], external["ValidTo"].date()),
            (word, "Enabled", day),
        )
