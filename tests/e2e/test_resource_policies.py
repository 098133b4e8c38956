"""Resource policies of secrets, with boto3 and the AWS CLI, within an account and across accounts.

Whoever reads another account's secret needs that account's resource policy, its key's policy and
the own account's identity policies; each test of a refusal takes away one of them.
"""

import json
import shlex

from harness import ACCOUNT, Case, with_users

OTHER = "210987654321"
THIRD = "333344445555"
VERSION = "2012-10-17"
LOCKED_OUT = "Your requested changes will not allow you to manage this secret in the future."


def statement(principal, action, effect="Allow", **more):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **more}


def policy(*statements):
    return json.dumps({"Version": VERSION, "Statement": list(statements)})


def allow(principal, action, **more):
    return policy(statement(principal, action, **more))


def account(number):
    return {"AWS": f"arn:aws:iam::{number}:root"}


def user(name, number=ACCOUNT):
    return f"arn:aws:iam::{number}:user/{name}"


# Name, account, and what the user's own policies allow.
USERS = {
    "reader": (ACCOUNT, []),
    "keeper": (ACCOUNT, ["kms:*"]),
    "clerk": (ACCOUNT, ["secretsmanager:*"]),
    "delegate": (OTHER, ["secretsmanager:*", "kms:*"]),
    "bare": (OTHER, []),
    "keyless": (OTHER, ["secretsmanager:*"]),
    "abroad": (THIRD, ["secretsmanager:*", "kms:*"]),
}


class Policies(Case):
    arguments = ("--ephemeral",)

    @classmethod
    def setUpClass(cls):
        users = {
            name: (number, [
                {"Version": VERSION,
                 "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}
            ] if actions else [])
            for name, (number, actions) in USERS.items()
        }
        with_users(cls, users)
        super().setUpClass()

    def as_user(self, name, region="us-east-1"):
        return self.secrets(region, key=name, secret=name)

    def as_root(self, number, region="us-east-1"):
        return self.secrets(region, key=number)

    def create(self, name="s", **params):
        return self.secrets().create_secret(Name=name, SecretString="hidden", **params)["ARN"]

    def put(self, text, name="s", **params):
        return self.secrets().put_resource_policy(SecretId=name, ResourcePolicy=text, **params)

    def open_key(self, key, *numbers, region="us-east-1"):
        """Lets accounts use a key, besides its own."""
        principals = {"AWS": [f"arn:aws:iam::{number}:root" for number in (ACCOUNT, *numbers)]}
        self.keys(region).put_key_policy(KeyId=key, Policy=allow(principals, "kms:*"))

    def shared(self, *numbers):
        """A secret under a customer's key, and what lets other accounts read it."""
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        arn = self.create(KmsKeyId=key)
        self.open_key(key, *numbers)
        self.put(policy(*(statement(account(n), "secretsmanager:*") for n in numbers)))
        return arn, key

    def reads(self, client, secret_id):
        self.assertEqual(client.get_secret_value(SecretId=secret_id)["SecretString"], "hidden")

    def refused(self, client, secret_id, reason):
        message = self.fails(
            "AccessDeniedException", client.get_secret_value, SecretId=secret_id
        )
        self.assertIn(reason, message)
        self.assertNotIn("hidden", message)

    def test_a_policy_is_put_read_listed_and_deleted(self):
        arn = self.create()
        secrets = self.secrets()
        empty = secrets.get_resource_policy(SecretId="s")
        self.assertEqual((empty["ARN"], empty["Name"]), (arn, "s"))
        self.assertNotIn("ResourcePolicy", empty)
        self.assertEqual(secrets.list_resource_policies(SecretId="s")["ResourcePolicies"], [])
        # The text comes back as it was, spaces and order included.
        text = allow(account(ACCOUNT), "secretsmanager:GetSecretValue").replace(":", " :\n", 1)
        answer = self.put(text)
        self.assertEqual((answer["ARN"], answer["Name"]), (arn, "s"))
        for secret_id in ("s", arn, arn[:-7]):
            read = secrets.get_resource_policy(SecretId=secret_id)
            self.assertEqual(read["ResourcePolicy"], text)
        listed = secrets.list_resource_policies(SecretId="s")["ResourcePolicies"]
        self.assertEqual([entry["PolicyName"] for entry in listed], ["default"])
        for _ in range(2):
            self.assertEqual(secrets.delete_resource_policy(SecretId="s")["ARN"], arn)
        self.assertNotIn("ResourcePolicy", secrets.get_resource_policy(SecretId="s"))
        self.fails("ResourceNotFoundException", secrets.get_resource_policy, SecretId="none")

    def test_the_cli_manages_policies(self):
        arn = self.create()
        text = allow(account(ACCOUNT), "secretsmanager:GetSecretValue")
        option = f"--resource-policy {shlex.quote(text)}"
        put = self.server.aws(f"secretsmanager put-resource-policy --secret-id s {option}")
        self.assertEqual(put["ARN"], arn)
        read = self.server.aws("secretsmanager get-resource-policy --secret-id s")
        self.assertEqual(read["ResourcePolicy"], text)
        valid = self.server.aws(f"secretsmanager validate-resource-policy {option}")
        self.assertEqual(valid, {"PolicyValidationPassed": True, "ValidationErrors": []})
        public = f"--resource-policy {shlex.quote(allow('*', '*'))}"
        said = self.cli_fails(
            f"secretsmanager put-resource-policy --secret-id s --block-public-policy {public}"
        )
        self.assertIn("PublicPolicyException", said)
        self.server.aws("secretsmanager delete-resource-policy --secret-id s")
        read = self.server.aws("secretsmanager get-resource-policy --secret-id s")
        self.assertNotIn("ResourcePolicy", read)

    def test_what_is_wrong_is_told_and_not_attached(self):
        self.create()
        good = allow(account(ACCOUNT), "secretsmanager:*")
        self.put(good)
        malformed = "MalformedPolicyDocumentException"
        for text, said in [
            ("{", "This resource policy contains a syntax error."),
            ("{}", "This resource policy contains a syntax error."),
            (allow({"AWS": "nobody"}, "*"),
             "This resource policy contains an unsupported principal."),
            (allow({"Service": "nothing"}, "*"),
             "This resource policy contains an invalid service principal."),
            (allow("*", "*", effect="Deny"), LOCKED_OUT),
        ]:
            with self.subTest(text):
                put = self.secrets().put_resource_policy
                message = self.fails(malformed, put, SecretId="s", ResourcePolicy=text)
                self.assertEqual(message, said)
        read = self.secrets().get_resource_policy(SecretId="s")
        self.assertEqual(read["ResourcePolicy"], good)

    def test_validation_runs_each_check(self):
        self.create()
        for text, checks in [
            (allow(account(OTHER), "secretsmanager:*"), []),
            ("{}", ["SyntaxCheck"]),
            (allow({"AWS": "nobody"}, "*"), ["PrincipalCheck"]),
            (allow("*", "*"), ["PublicAccessCheck"]),
            (allow("*", "*", effect="Deny"), ["LockoutCheck"]),
        ]:
            for target in ({}, {"SecretId": "s"}):
                with self.subTest(text, **target):
                    answer = self.secrets().validate_resource_policy(
                        ResourcePolicy=text, **target
                    )
                    errors = answer["ValidationErrors"]
                    self.assertEqual([error["CheckName"] for error in errors], checks)
                    self.assertEqual(answer["PolicyValidationPassed"], not checks)
                    self.assertTrue(all(error["ErrorMessage"] for error in errors))
        self.assertNotIn("ResourcePolicy", self.secrets().get_resource_policy(SecretId="s"))

    def test_broad_access_is_blocked_if_asked(self):
        self.create()
        network = {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}}
        put = self.secrets().put_resource_policy
        for principal in ("*", {"AWS": "*"}):
            text = allow(principal, "secretsmanager:GetSecretValue")
            message = self.fails(
                "PublicPolicyException", put, SecretId="s", ResourcePolicy=text,
                BlockPublicPolicy=True,
            )
            self.assertEqual(
                message,
                "You can't attach a resource-based policy that allows broad access to the secret.",
            )
            self.put(text)
            self.put(text, BlockPublicPolicy=False)
        self.put(allow("*", "secretsmanager:*", **network), BlockPublicPolicy=True)
        self.put(allow(account(OTHER), "secretsmanager:*"), BlockPublicPolicy=True)

    def test_a_policy_alone_lets_a_user_of_the_account_in(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        arn, reader = self.create(KmsKeyId=key), self.as_user("reader")
        self.refused(reader, "s", "no identity-based policy allows")
        self.put(allow({"AWS": user("reader")}, "secretsmanager:GetSecretValue"))
        # The key's policy delegates to identity policies, and this user has none.
        self.assertEqual(
            self.fails("AccessDeniedException", reader.get_secret_value, SecretId="s"),
            "Access to KMS is not allowed",
        )
        users = {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", user("reader")]}
        self.keys().put_key_policy(KeyId=key, Policy=allow(users, "kms:*"))
        self.reads(reader, arn)
        self.reads(reader, "s")
        self.fails("AccessDeniedException", reader.describe_secret, SecretId="s")
        # To the account is not to its users: their own policies decide.
        self.put(allow(account(ACCOUNT), "secretsmanager:GetSecretValue"))
        self.refused(reader, "s", "no identity-based policy allows")

    def test_a_deny_stands_against_everything(self):
        self.create()
        self.put(policy(
            statement("*", "secretsmanager:GetSecretValue", "Deny"),
            statement(account(ACCOUNT), "secretsmanager:*"),
        ))
        self.refused(self.secrets(), "s", "with an explicit deny in a resource-based policy")
        self.secrets().describe_secret(SecretId="s")
        self.secrets().delete_resource_policy(SecretId="s")
        self.reads(self.secrets(), "s")

    def test_another_account_reads_and_writes_by_the_full_arn_only(self):
        arn, _ = self.shared(OTHER)
        for client in (self.as_root(OTHER), self.as_user("delegate")):
            self.reads(client, arn)
            self.assertEqual(client.describe_secret(SecretId=arn)["ARN"], arn)
            self.refused(client, arn[:-7], "no resource-based policy allows")
            self.fails("ResourceNotFoundException", client.get_secret_value, SecretId="s")
            listed = client.list_secrets()["SecretList"]
            self.assertEqual(listed, [])
        self.as_user("delegate").put_secret_value(SecretId=arn, SecretString="changed")
        value = self.secrets().get_secret_value(SecretId="s")["SecretString"]
        self.assertEqual(value, "changed")

    def test_each_missing_leave_refuses_another_account(self):
        arn, key = self.shared(OTHER)
        delegate = self.as_user("delegate")
        self.reads(delegate, arn)
        self.refused(self.as_user("bare"), arn, "no identity-based policy allows")
        self.refused(self.as_user("abroad"), arn, "no resource-based policy allows")
        no_key = "Access to KMS is not allowed"
        self.refused(self.as_user("keyless"), arn, no_key)
        self.open_key(key)
        self.refused(delegate, arn, no_key)
        self.open_key(key, OTHER)
        self.reads(delegate, arn)
        self.put(policy(
            statement(account(OTHER), "secretsmanager:*"),
            statement({"AWS": user("delegate", OTHER)}, "secretsmanager:GetSecretValue", "Deny"),
        ))
        self.refused(delegate, arn, "with an explicit deny in a resource-based policy")
        self.reads(self.as_root(OTHER), arn)
        self.secrets().delete_resource_policy(SecretId="s")
        self.refused(delegate, arn, "no resource-based policy allows")
        # What does not exist is refused no other way.
        self.refused(delegate, arn[:-6] + "AAAAAA", "no resource-based policy allows")

    def test_the_default_key_serves_its_own_account_only(self):
        arn = self.create()
        self.put(allow(account(OTHER), "secretsmanager:*"))
        other = self.as_root(OTHER)
        said = (
            "You can't access a secret from a different AWS account if you encrypt the secret "
            "with the default KMS service key."
        )
        for call, value in [
            (other.get_secret_value, {}), (other.put_secret_value, {"SecretString": "x"}),
        ]:
            message = self.fails("InvalidRequestException", call, SecretId=arn, **value)
            self.assertEqual(message, said)
        self.assertEqual(other.describe_secret(SecretId=arn)["ARN"], arn)
        other.tag_resource(SecretId=arn, Tags=[{"Key": "a", "Value": "b"}])

    def test_a_secret_under_another_accounts_key(self):
        """The other way round: this account's secret, that account's key."""
        kms = self.server.client("kms", key=OTHER)
        key = kms.create_key()["KeyMetadata"]["Arn"]
        create = self.secrets().create_secret
        refused = {"Name": "s", "SecretString": "hidden", "KmsKeyId": key}
        self.assertEqual(
            self.fails("AccessDeniedException", create, **refused), "Access to KMS is not allowed"
        )
        principals = {"AWS": [f"arn:aws:iam::{number}:root" for number in (OTHER, ACCOUNT)]}
        kms.put_key_policy(KeyId=key, Policy=allow(principals, "kms:*"))
        self.create(KmsKeyId=key)
        self.reads(self.secrets(), "s")
        self.assertEqual(self.secrets().describe_secret(SecretId="s")["KmsKeyId"], key)
        versions = self.secrets().list_secret_version_ids(SecretId="s")["Versions"]
        self.assertEqual([version["KmsKeyIds"] for version in versions], [[key]])
        # It moves to a key of its own and back, and is lost when the key's owner says so.
        own = self.keys().create_key()["KeyMetadata"]["Arn"]
        for moved in (own, key):
            self.secrets().update_secret(SecretId="s", KmsKeyId=moved)
            self.reads(self.secrets(), "s")
            versions = self.secrets().list_secret_version_ids(SecretId="s")["Versions"]
            self.assertEqual([version["KmsKeyIds"] for version in versions], [[moved]])
        kms.put_key_policy(KeyId=key, Policy=allow({"AWS": principals["AWS"][:1]}, "kms:*"))
        self.fails("AccessDeniedException", self.secrets().get_secret_value, SecretId="s")

    def test_where_secrets_are_replicated_to_is_for_policies_to_say(self):
        self.create()
        self.put(policy(
            statement("*", "secretsmanager:ReplicateSecretToRegions", "Deny", Condition={
                "ForAnyValue:StringEquals": {"secretsmanager:AddReplicaRegions": "eu-west-1"},
            }),
        ))
        replicate = self.secrets().replicate_secret_to_regions
        for regions in (["eu-west-1"], ["us-west-2", "eu-west-1"]):
            self.fails(
                "AccessDeniedException", replicate, SecretId="s",
                AddReplicaRegions=[{"Region": region} for region in regions],
            )
        replicate(SecretId="s", AddReplicaRegions=[{"Region": "us-west-2"}])
        self.in_sync("s", "us-west-2")

    def test_conditions_narrow_what_a_policy_gives(self):
        arn, _ = self.shared(OTHER)
        self.secrets().tag_resource(SecretId="s", Tags=[{"Key": "team", "Value": "red"}])
        self.secrets().put_secret_value(
            SecretId="s", SecretString="pending", VersionStages=["AWSPENDING"]
        )
        delegate = self.as_user("delegate")
        for condition, holds in [
            ({"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}, True),
            ({"StringEquals": {"secretsmanager:VersionStage": "AWSPENDING"}}, False),
            ({"StringEquals": {"secretsmanager:ResourceTag/team": "red"}}, True),
            ({"StringEquals": {"aws:ResourceTag/team": "blue"}}, False),
            ({"StringEquals": {"aws:ResourceTag/none": "x"}}, False),
            ({"StringEqualsIfExists": {"aws:ResourceTag/none": "x"}}, True),
            ({"Null": {"aws:ResourceTag/none": "true"}}, True),
            ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
            ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
            ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER}:user/del*"}}, True),
            ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER}:user/x*"}}, False),
            ({"StringEquals": {"aws:PrincipalAccount": OTHER}}, True),
            ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, False),
            ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
            ({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}, False),
            ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
            ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
            ({"Bool": {"aws:SecureTransport": "true"}}, False),
            ({"StringEquals": {"aws:NoSuchKey": "x"}}, False),
        ]:
            with self.subTest(condition):
                self.put(allow(account(OTHER), "secretsmanager:*", Condition=condition))
                if holds:
                    self.reads(delegate, arn)
                else:
                    self.refused(delegate, arn, "no resource-based policy allows")

    def test_a_replica_decides_by_the_primarys_policy_and_its_later_changes(self):
        key = self.multi_region_key("us-west-2")
        for region in ("us-east-1", "us-west-2"):
            self.open_key(key, OTHER, region=region)
        text = allow(account(OTHER), "secretsmanager:GetSecretValue")
        arn = self.create(
            KmsKeyId=key, AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}]
        )
        self.in_sync("s", "us-west-2")
        there = arn.replace("us-east-1", "us-west-2")
        delegate = self.as_user("delegate", "us-west-2")
        self.refused(delegate, there, "no resource-based policy allows")
        self.put(text)
        self.in_sync("s", "us-west-2")
        self.reads(delegate, there)
        replica = self.secrets("us-west-2")
        shown = replica.get_resource_policy(SecretId="s")
        self.assertEqual((shown["ARN"], shown["ResourcePolicy"]), (there, text))
        # By the ARN of its own Region only, and changed in the primary only.
        self.fails("AccessDeniedException", delegate.get_secret_value, SecretId=arn)
        for call, more in [
            (replica.put_resource_policy, {"ResourcePolicy": text}),
            (replica.delete_resource_policy, {}),
        ]:
            message = self.fails("InvalidParameterException", call, SecretId="s", **more)
            self.assertIn("Operation not permitted on a replica secret.", message)
        # Conditions are decided where the request is made.
        condition = {"Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}}
        self.put(allow(account(OTHER), "secretsmanager:GetSecretValue", **condition))
        self.in_sync("s", "us-west-2")
        self.refused(delegate, there, "no resource-based policy allows")
        self.reads(self.as_user("delegate"), arn)
        self.put(allow(account(OTHER), "secretsmanager:*", Condition={
            "StringEquals": {"secretsmanager:SecretPrimaryRegion": "us-east-1"},
        }))
        self.in_sync("s", "us-west-2")
        self.reads(delegate, there)
        self.secrets().delete_resource_policy(SecretId="s")
        self.in_sync("s", "us-west-2")
        self.refused(delegate, there, "no resource-based policy allows")

    def test_a_replicas_key_must_admit_the_caller_in_its_region(self):
        self.create()
        key = self.keys("us-west-2").create_key()["KeyMetadata"]["KeyId"]
        replica = {"Region": "us-west-2", "KmsKeyId": key}
        replicate = self.as_user("clerk").replicate_secret_to_regions
        message = self.fails(
            "InvalidParameterException", replicate, SecretId="s", AddReplicaRegions=[replica]
        )
        self.assertIn("Access to KMS is not allowed", message)
        self.assertIn("us-west-2", message)
        self.assertIsNone(self.replica("s", "us-west-2"))
        # The managed key admits everybody of the account, through the service.
        replicate(SecretId="s", AddReplicaRegions=[{"Region": "eu-west-1"}])
        self.in_sync("s", "eu-west-1")
        users = {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", user("clerk")]}
        self.keys("us-west-2").put_key_policy(KeyId=key, Policy=allow(users, "kms:*"))
        replicate(SecretId="s", AddReplicaRegions=[replica])
        self.in_sync("s", "us-west-2")

    def test_nobody_locks_itself_out(self):
        """A user who manages the secret by its policy alone keeps that right."""
        self.create()
        keeper = self.as_user("keeper")
        mine = statement({"AWS": user("keeper")}, "secretsmanager:*")
        self.put(policy(mine))
        put = keeper.put_resource_policy
        for text in (
            allow(account(OTHER), "secretsmanager:*"),
            policy(mine, statement("*", "secretsmanager:PutResourcePolicy", "Deny")),
            policy({**mine, "Action": "secretsmanager:GetResourcePolicy"}),
        ):
            message = self.fails(
                "MalformedPolicyDocumentException", put, SecretId="s", ResourcePolicy=text
            )
            self.assertEqual(message, LOCKED_OUT)
        put(SecretId="s", ResourcePolicy=policy(
            mine, statement("*", "secretsmanager:GetSecretValue", "Deny"),
        ))
        # Tags that would take the right to tag away are refused too.
        bound = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}}
        self.secrets().tag_resource(SecretId="s", Tags=[{"Key": "team", "Value": "red"}])
        self.put(policy({**mine, **bound}))
        self.fails(
            "AccessDeniedException", keeper.tag_resource, SecretId="s",
            Tags=[{"Key": "team", "Value": "blue"}],
        )
        self.fails(
            "AccessDeniedException", keeper.untag_resource, SecretId="s", TagKeys=["team"]
        )
        keeper.tag_resource(SecretId="s", Tags=[{"Key": "more", "Value": "x"}])
        tags = self.secrets().describe_secret(SecretId="s")["Tags"]
        self.assertEqual(
            sorted((tag["Key"], tag["Value"]) for tag in tags), [("more", "x"), ("team", "red")]
        )
