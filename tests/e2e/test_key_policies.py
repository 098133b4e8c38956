"""Key policies and their conditions: for principals, for Secrets Manager, for other accounts."""

import json

from harness import ACCOUNT, Case, with_users

OTHER = "210987654321"
KMS_DENIED = "Access to KMS is not allowed"


def statement(effect="Allow", principal="*", action="kms:*", **condition):
    made = {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}
    return made | ({"Condition": condition} if condition else {})


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def of_account(account):
    return {"AWS": f"arn:aws:iam::{account}:root"}


def through_secrets_manager(effect, region="us-east-1", action="kms:*"):
    host = f"secretsmanager.{region}.amazonaws.com"
    return statement(effect, action=action, StringEquals={"kms:ViaService": host})


def identity(action, resource="*", **condition):
    made = {"Effect": "Allow", "Action": action, "Resource": resource}
    made |= {"Condition": condition} if condition else {}
    return {"Version": "2012-10-17", "Statement": [made]}


class KeyPolicies(Case):
    @classmethod
    def setUpClass(cls):
        by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/mine"}}
        with_users(cls, {
            "reader": (ACCOUNT, [identity("secretsmanager:*")]),
            "aliased": (ACCOUNT, [identity("kms:DescribeKey", **by_alias)]),
            "stranger": (OTHER, [identity(["kms:*", "secretsmanager:*"])]),
            "limited": (OTHER, [identity("kms:Decrypt")]),
        })
        super().setUpClass()

    def as_user(self, name, service="kms", region="us-east-1"):
        return self.server.client(service, region, key=name, secret=name)

    def set_policy(self, key, *statements, region="us-east-1"):
        self.keys(region).put_key_policy(
            KeyId=key, Policy=policy(statement(principal=of_account(ACCOUNT)), *statements)
        )

    def test_a_key_policy_that_forbids_the_service_forbids_secrets(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        self.secrets().create_secret(Name="db", SecretString="x", KmsKeyId=key)
        # Direct use stays allowed.
        self.set_policy(key, through_secrets_manager("Deny"))
        blob = self.keys().encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        self.assertEqual(self.keys().decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        for call, params in [
            (self.secrets().get_secret_value, {"SecretId": "db"}),
            (self.secrets().put_secret_value, {"SecretId": "db", "SecretString": "y"}),
            (self.secrets().update_secret, {"SecretId": "db", "SecretString": "y"}),
            (
                self.secrets().create_secret,
                {"Name": "new", "SecretString": "x", "KmsKeyId": key},
            ),
        ]:
            with self.subTest(call.__name__):
                self.assertEqual(self.fails("AccessDeniedException", call, **params), KMS_DENIED)
        # What does not touch the value does not touch the key.
        self.secrets().describe_secret(SecretId="db")
        self.set_policy(key, through_secrets_manager("Deny", action="kms:GenerateDataKey"))
        value = self.secrets().get_secret_value(SecretId="db")
        self.assertEqual(value["SecretString"], "x")
        text = self.fails(
            "AccessDeniedException", self.secrets().put_secret_value, SecretId="db",
            SecretString="y",
        )
        self.assertEqual(text, KMS_DENIED)

    def test_a_reader_needs_the_key_too(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        self.secrets().create_secret(Name="db", SecretString="x", KmsKeyId=key)
        reader = self.as_user("reader", "secretsmanager")
        text = self.fails("AccessDeniedException", reader.get_secret_value, SecretId="db")
        self.assertEqual(text, KMS_DENIED)
        user = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/reader"}
        host = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
        self.set_policy(key, statement(principal=user, StringEquals=host))
        value = reader.get_secret_value(SecretId="db")
        self.assertEqual(value["SecretString"], "x")
        # Through the service only.
        self.fails(
            "AccessDeniedException", self.as_user("reader").encrypt, KeyId=key, Plaintext=b"x"
        )

    def test_replication_needs_the_replicas_key(self):
        key = self.multi_region_key("us-west-2")
        self.secrets().create_secret(
            Name="db", SecretString="x", KmsKeyId=key,
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
        )
        self.in_sync("db", "us-west-2")
        self.set_policy(
            key, through_secrets_manager("Deny", "us-west-2"), region="us-west-2"
        )
        text = self.fails(
            "AccessDeniedException", self.secrets("us-west-2").get_secret_value, SecretId="db"
        )
        self.assertEqual(text, KMS_DENIED)
        self.secrets().put_secret_value(SecretId="db", SecretString="y")
        entry = self.settled("db", "us-west-2")
        self.assertEqual(entry["Status"], "Failed")
        self.assertIn(KMS_DENIED, entry["StatusMessage"])

    def test_replication_is_refused_at_once_where_the_key_forbids_the_service(self):
        key = self.multi_region_key("us-west-2")
        self.set_policy(key, through_secrets_manager("Deny", "us-west-2"), region="us-west-2")
        self.secrets().create_secret(Name="db", SecretString="x", KmsKeyId=key)
        replicas = [{"Region": "us-west-2", "KmsKeyId": key}]
        text = self.fails(
            "InvalidParameterException", self.secrets().replicate_secret_to_regions,
            SecretId="db", AddReplicaRegions=replicas,
        )
        self.assertIn("us-west-2", text)
        self.fails(
            "InvalidParameterException", self.secrets().create_secret, Name="new",
            SecretString="x", KmsKeyId=key, AddReplicaRegions=replicas,
        )
        # The key of the primary's Region forbids only its own.
        self.set_policy(key, through_secrets_manager("Deny", "us-west-2"))
        self.set_policy(key, region="us-west-2")
        self.secrets().replicate_secret_to_regions(SecretId="db", AddReplicaRegions=replicas)
        self.in_sync("db", "us-west-2")

    def test_conditions_on_how_a_key_is_managed(self):
        key = self.multi_region_key()
        user = f"arn:aws:iam::{ACCOUNT}:user/reader"
        subset = {"EncryptionContextSubset": {"app": "shop"}}
        self.set_policy(
            key,
            statement("Deny", action="kms:ScheduleKeyDeletion", NumericLessThan={
                "kms:ScheduleKeyDeletionPendingWindowInDays": "14",
            }),
            statement("Deny", action="kms:ReplicateKey", StringNotEquals={
                "kms:ReplicaRegion": "us-west-2",
            }),
            statement("Deny", action="kms:PutKeyPolicy", Bool={
                "kms:BypassPolicyLockoutSafetyCheck": "true",
            }),
            statement("Deny", action="kms:CreateGrant", **{
                "ForAnyValue:StringNotEquals": {"kms:GrantOperations": "Decrypt"},
            }),
            statement("Deny", action="kms:CreateGrant", StringNotEquals={
                "kms:GrantConstraintType": "EncryptionContextSubset",
            }),
            statement("Deny", action="kms:TagResource", **{
                "ForAnyValue:StringEquals": {"aws:TagKeys": "owner"},
            }),
        )
        kms, denied = self.keys(), "AccessDeniedException"
        self.fails(denied, kms.replicate_key, KeyId=key, ReplicaRegion="eu-west-1")
        kms.replicate_key(KeyId=key, ReplicaRegion="us-west-2")
        grant = dict(KeyId=key, GranteePrincipal=user, Constraints=subset)
        self.fails(denied, kms.create_grant, **grant, Operations=["Decrypt", "Encrypt"])
        self.fails(denied, kms.create_grant, **grant | {
            "Operations": ["Decrypt"], "Constraints": {"EncryptionContextEquals": {"app": "shop"}},
        })
        kms.create_grant(**grant, Operations=["Decrypt"])
        owner = [{"TagKey": "owner", "TagValue": "me"}]
        self.fails(denied, kms.tag_resource, KeyId=key, Tags=owner)
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "app", "TagValue": "shop"}])
        held = kms.get_key_policy(KeyId=key)["Policy"]
        self.fails(
            denied, kms.put_key_policy, KeyId=key, Policy=held,
            BypassPolicyLockoutSafetyCheck=True,
        )
        self.fails(denied, kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=13)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=14)

    def test_a_key_of_another_account_is_used_by_its_arn(self):
        key = self.keys().create_key()["KeyMetadata"]
        arn, stranger = key["Arn"], self.as_user("stranger")
        self.fails("AccessDeniedException", stranger.encrypt, KeyId=arn, Plaintext=b"x")
        self.set_policy(key["KeyId"], statement(principal=of_account(OTHER)))
        blob = stranger.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
        self.assertEqual(stranger.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        self.assertEqual(self.keys().decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        # Both sides must allow it, and a bare id is one of the own account.
        limited = self.as_user("limited")
        self.fails("AccessDeniedException", limited.encrypt, KeyId=arn, Plaintext=b"x")
        self.assertEqual(limited.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        self.fails("NotFoundException", stranger.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
        self.fails("AccessDeniedException", stranger.schedule_key_deletion, KeyId=arn)
        # A secret under it.
        secrets = self.as_user("stranger", "secretsmanager")
        secrets.create_secret(Name="theirs", SecretString="x", KmsKeyId=arn)
        value = secrets.get_secret_value(SecretId="theirs")
        self.assertEqual(value["SecretString"], "x")
        self.set_policy(key["KeyId"])
        text = self.fails("AccessDeniedException", secrets.get_secret_value, SecretId="theirs")
        self.assertEqual(text, KMS_DENIED)

    def test_conditions_on_the_request_and_on_aliases(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        self.set_policy(
            key,
            statement("Deny", action="kms:EnableKeyRotation", NumericGreaterThan={
                "kms:RotationPeriodInDays": "180",
            }),
            statement("Deny", action="kms:Encrypt", Null={
                "kms:EncryptionContext:app": "true",
            }),
        )
        self.keys().enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
        self.fails(
            "AccessDeniedException", self.keys().enable_key_rotation, KeyId=key,
            RotationPeriodInDays=181,
        )
        self.fails("AccessDeniedException", self.keys().encrypt, KeyId=key, Plaintext=b"x")
        self.keys().encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"app": "shop"})
        aliased = self.as_user("aliased")
        self.fails("AccessDeniedException", aliased.describe_key, KeyId=key)
        self.keys().create_alias(AliasName="alias/mine", TargetKeyId=key)
        aliased.describe_key(KeyId=key)

    def test_nobody_locks_themselves_out_unawares(self):
        nobody = policy(statement(principal=of_account(OTHER)))
        expected = "The new key policy will not allow you to update the key policy in the future."
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        self.fails("MalformedPolicyDocumentException", self.keys().create_key, Policy=nobody)
        text = self.fails(
            "MalformedPolicyDocumentException", self.keys().put_key_policy, KeyId=key,
            Policy=nobody,
        )
        self.assertEqual(text, expected)
        multi = self.multi_region_key()
        text = self.fails(
            "MalformedPolicyDocumentException", self.keys().replicate_key, KeyId=multi,
            ReplicaRegion="us-west-2", Policy=nobody,
        )
        self.assertEqual(text, expected)
        self.keys().put_key_policy(
            KeyId=key, Policy=nobody, BypassPolicyLockoutSafetyCheck=True
        )
        self.fails("AccessDeniedException", self.keys().describe_key, KeyId=key)


class ReplicasProvenLater(Case):
    """The `aws` profile finds out when it replicates."""

    profile = "aws"

    def test_a_replica_under_a_key_that_forbids_the_service_fails(self):
        key = self.multi_region_key("us-west-2")
        forbidding = policy(
            statement(principal=of_account(ACCOUNT)), through_secrets_manager("Deny", "us-west-2")
        )
        self.keys("us-west-2").put_key_policy(KeyId=key, Policy=forbidding)
        self.secrets().create_secret(
            Name="db", SecretString="x", KmsKeyId=key,
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
        )
        entry = self.settled("db", "us-west-2")
        self.assertEqual(entry["Status"], "Failed")
        self.assertIn(KMS_DENIED, entry["StatusMessage"])
