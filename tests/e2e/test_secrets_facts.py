"""Secrets Manager's texts, limits and shapes, one after another, as AWS was seen or is documented to
answer."""

import json
import re

from harness import ACCOUNT, Case

OTHER = "222222222222"
INVALID_NAME = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
    "-/_+=.@!"
)
ABSENT = "Secrets Manager can't find the specified secret."
MARKED = "You can't perform this operation on the secret because it was marked for deletion."
TOKEN = "01234567890123456789012345678901"
SECOND = "11234567890123456789012345678901"


class Facts(Case):
    arguments = ("--ephemeral",)

    def secrets(self, region="us-east-1"):
        """What is out of bounds has to reach the server."""
        return super().secrets(region, parameter_validation=False)

    def create(self, name="s", **params):
        return self.secrets().create_secret(Name=name, **params)

    def says(self, code, text, call, **params):
        self.assertEqual(self.fails(code, call, **params), text)

    def described(self, id="s"):
        described = self.secrets().describe_secret(SecretId=id)
        return {name: value for name, value in described.items() if name != "ResponseMetadata"}

    def stages(self, id="s"):
        return {
            version: sorted(stages)
            for version, stages in self.described(id).get("VersionIdsToStages", {}).items()
        }


class Identifiers(Facts):
    def test_names_that_no_secret_has(self):
        secrets, policy = self.secrets(), {"ResourcePolicy": "{}"}
        tags = [{"Key": "a", "Value": "b"}]
        for name in ("a b", "a*", "a?", "a]", "a\\", "a$"):
            for call, params in (
                (secrets.create_secret, {"Name": name}), (secrets.delete_secret, {"SecretId": name}),
                (secrets.delete_secret, {"SecretId": name, "ForceDeleteWithoutRecovery": True}),
                (secrets.describe_secret, {"SecretId": name}),
                (secrets.get_secret_value, {"SecretId": name}),
                (secrets.list_secret_version_ids, {"SecretId": name}),
                (secrets.put_secret_value, {"SecretId": name, "SecretString": "v"}),
                (secrets.tag_resource, {"SecretId": name, "Tags": tags}),
                (secrets.untag_resource, {"SecretId": name, "TagKeys": ["a"]}),
                (secrets.update_secret, {"SecretId": name}),
                (secrets.validate_resource_policy, {"SecretId": name} | policy),
            ):
                with self.subTest(name=name, call=call.__name__):
                    self.says("ValidationException", INVALID_NAME, call, **params)

    def test_arns_whole_and_partial(self):
        arn = self.create("db/pw", SecretString="v")["ARN"]
        self.assertRegex(
            arn, f"^arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:db/pw-[A-Za-z0-9]{{6}}$"
        )
        for id in ("db/pw", arn, arn[:-7]):
            self.assertEqual(self.secrets().get_secret_value(SecretId=id)["ARN"], arn)
        elsewhere = arn.replace("us-east-1", "us-west-2")
        self.says("ResourceNotFoundException", ABSENT, self.secrets().describe_secret, SecretId=elsewhere)
        # What ends as a suffix does is read as one.
        hidden = self.create("app-secret", SecretString="v")["ARN"]
        self.says(
            "ResourceNotFoundException", ABSENT, self.secrets().describe_secret, SecretId=hidden[:-7]
        )
        self.assertEqual(self.described("app-secret")["ARN"], hidden)
        for name in ("x-a1b2", "x-a1b2c3-"):
            made = self.create(name, SecretString="v")["ARN"]
            self.assertEqual(self.described(made[:-7])["ARN"], made)

    def test_a_name_gets_another_suffix(self):
        first = self.create(SecretString="v")["ARN"]
        self.secrets().delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
        made = []
        self.eventually(lambda: made.append(self.try_create()) or made[-1], "the name to be free")
        self.assertNotEqual(made[-1]["ARN"], first)

    def try_create(self):
        try:
            return self.create(SecretString="v")
        except self.secrets().exceptions.InvalidRequestException:
            return None


class Errors(Facts):
    def test_what_is_not_there(self):
        secrets = self.secrets()
        self.says("ResourceNotFoundException", ABSENT, secrets.get_secret_value, SecretId="none")
        self.create("empty")
        missing = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
        self.says("ResourceNotFoundException", missing, secrets.get_secret_value, SecretId="empty")
        version = self.create(SecretString="v")["VersionId"]
        self.says(
            "ResourceNotFoundException",
            f"Secrets Manager can't find the specified secret value for VersionId: {TOKEN}",
            secrets.get_secret_value, SecretId="s", VersionId=TOKEN,
        )
        self.says(
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
            secrets.get_secret_value, SecretId="s", VersionId=version, VersionStage="AWSPREVIOUS",
        )

    def test_what_is_marked_for_deletion(self):
        secrets = self.secrets()
        version = self.create(SecretString="v")["VersionId"]
        secrets.delete_secret(SecretId="s")
        tags = [{"Key": "a", "Value": "b"}]
        for call, params in (
            (secrets.get_secret_value, {}), (secrets.put_secret_value, {"SecretString": "w"}),
            (secrets.update_secret, {}), (secrets.tag_resource, {"Tags": tags}),
            (secrets.untag_resource, {"TagKeys": ["a"]}),
            (secrets.update_secret_version_stage, {"VersionStage": "x", "MoveToVersionId": version}),
            (secrets.rotate_secret, {}), (secrets.delete_secret, {}),
        ):
            with self.subTest(call=call.__name__):
                self.says("InvalidRequestException", MARKED, call, SecretId="s", **params)
        self.assertIn("DeletedDate", self.described())
        self.says(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for "
            "deletion.", secrets.create_secret, Name="s",
        )
        secrets.restore_secret(SecretId="s")
        self.assertNotIn("DeletedDate", self.described())
        self.assertEqual(secrets.get_secret_value(SecretId="s")["SecretString"], "v")

    def test_names_and_tokens_in_use(self):
        secrets = self.secrets()
        first = self.create(SecretString="v", ClientRequestToken=TOKEN)
        again = self.create(SecretString="v", ClientRequestToken=TOKEN)
        self.assertEqual((again["ARN"], again["VersionId"]), (first["ARN"], TOKEN))
        self.says(
            "ResourceExistsException", "The operation failed because the secret s already exists.",
            secrets.create_secret, Name="s", SecretString="v",
        )
        in_use = (
            f"You can't use ClientRequestToken {TOKEN} because that value is already in use for a "
            f"version of secret {first['ARN']}."
        )
        for call, params in (
            (secrets.create_secret, {"Name": "s"}), (secrets.put_secret_value, {"SecretId": "s"}),
            (secrets.update_secret, {"SecretId": "s"}),
        ):
            with self.subTest(call=call.__name__):
                self.says(
                    "ResourceExistsException", in_use, call, SecretString="w",
                    ClientRequestToken=TOKEN, **params,
                )
        self.assertEqual(
            secrets.put_secret_value(SecretId="s", SecretString="v", ClientRequestToken=TOKEN)["VersionId"],
            TOKEN,
        )

    def test_parameters_that_do_not_go_together(self):
        secrets = self.secrets()
        self.create(SecretString="v")
        both = (
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
        for call, params in (
            (secrets.create_secret, {"Name": "t"}), (secrets.put_secret_value, {"SecretId": "s"}),
            (secrets.update_secret, {"SecretId": "s"}),
        ):
            with self.subTest(call=call.__name__):
                self.says(
                    "InvalidParameterException", both, call, SecretString="v", SecretBinary=b"v", **params
                )
        self.says(
            "InvalidRequestException", "You must provide either SecretString or SecretBinary.",
            secrets.put_secret_value, SecretId="s",
        )
        self.says(
            "InvalidParameterException",
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
            secrets.delete_secret, SecretId="s", RecoveryWindowInDays=6,
        )
        self.says(
            "InvalidParameterException",
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            secrets.delete_secret, SecretId="s", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True,
        )
        self.assertEqual(self.names(), ["s"])

    def names(self):
        return [entry["Name"] for entry in self.secrets().list_secrets()["SecretList"]]

    def test_replicas(self):
        secrets = self.secrets()
        arn = self.create(
            SecretString="v", AddReplicaRegions=[{"Region": "us-west-2"}, {"Region": "eu-west-1"}]
        )["ARN"]
        for region in ("us-west-2", "eu-west-1"):
            self.in_sync("s", region)
        self.says(
            "InvalidParameterException",
            f"You can't delete secret {arn} that still has replica regions [eu-west-1, us-west-2].",
            secrets.delete_secret, SecretId="s",
        )
        there = self.secrets("us-west-2")
        for call, params in (
            (there.put_secret_value, {"SecretString": "w"}), (there.update_secret, {"Description": "d"}),
            (there.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}), (there.delete_secret, {}),
        ):
            with self.subTest(call=call.__name__):
                self.says(
                    "InvalidParameterException",
                    "Operation not permitted on a replica secret. Call must be made in primary secret's "
                    "region.", call, SecretId="s", **params,
                )

    def test_the_default_key_does_not_cross_accounts(self):
        arn = self.create(SecretString="v")["ARN"]
        policy = {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "secretsmanager:*", "Resource": "*",
        }}
        self.secrets().put_resource_policy(SecretId="s", ResourcePolicy=json.dumps(policy))
        theirs = self.server.client("secretsmanager", "us-east-1", key=OTHER)
        text = (
            "You can't access a secret from a different AWS account if you encrypt the secret with the "
            "default KMS service key."
        )
        self.says("InvalidRequestException", text, theirs.get_secret_value, SecretId=arn)
        self.says("InvalidRequestException", text, theirs.put_secret_value, SecretId=arn, SecretString="w")
        self.assertEqual(theirs.describe_secret(SecretId=arn)["Name"], "s")
        theirs.list_secret_version_ids(SecretId=arn)
        theirs.get_resource_policy(SecretId=arn)


class Values(Facts):
    def test_a_secret_without_a_value(self):
        made = self.create(Description="")
        made.pop("ResponseMetadata")
        self.assertEqual(set(made), {"ARN", "Name"})
        described = self.described()
        for absent in (
            "VersionIdsToStages", "Description", "KmsKeyId", "Tags", "RotationEnabled", "PrimaryRegion",
            "ReplicationStatus", "LastAccessedDate", "DeletedDate",
        ):
            self.assertNotIn(absent, described)
        put = self.secrets().put_secret_value(
            SecretId="s", SecretString="v", VersionStages=["OWN"], ClientRequestToken=TOKEN
        )
        self.assertEqual(sorted(put["VersionStages"]), ["AWSCURRENT", "OWN"])

    def test_updates_merge(self):
        secrets = self.secrets()
        self.create(SecretString="v", Description="d")
        update = secrets.update_secret(SecretId="s")
        self.assertNotIn("VersionId", update)
        self.assertEqual(self.described()["Description"], "d")
        secrets.update_secret(SecretId="s", Description="")
        self.assertNotIn("Description", self.described())
        secrets.update_secret(SecretId="s", KmsKeyId="alias/aws/secretsmanager")
        self.assertEqual(self.described()["KmsKeyId"], "alias/aws/secretsmanager")
        secrets.update_secret(SecretId="s", KmsKeyId="")
        self.assertNotIn("KmsKeyId", self.described())
        self.assertIn("VersionId", secrets.update_secret(SecretId="s", SecretString="w"))

    def test_labels_move_as_in_the_worked_example(self):
        secrets = self.secrets()
        v1, v2, v3 = (str(n) + TOKEN[1:] for n in (1, 2, 3))
        put = lambda id, **more: secrets.put_secret_value(  # noqa: E731
            SecretId="s", SecretString=id, ClientRequestToken=id, **more
        )
        self.create(SecretString="v", ClientRequestToken=v1)
        put(v2, VersionStages=["AWSPENDING"])
        self.assertEqual(self.stages(), {v1: ["AWSCURRENT"], v2: ["AWSPENDING"]})
        text = (
            "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently "
            f"attached to version {v1}, so you must explicitly reference that version in "
            "RemoveFromVersionId."
        )
        move = lambda **params: secrets.update_secret_version_stage(  # noqa: E731
            SecretId="s", VersionStage="AWSCURRENT", **params
        )
        self.says("InvalidParameterException", text, move, MoveToVersionId=v2)
        self.says(
            "InvalidParameterException",
            "You can only move staging label AWSCURRENT to a different secret version. It can't be "
            "completely removed.", move, RemoveFromVersionId=v1,
        )
        move(MoveToVersionId=v2, RemoveFromVersionId=v1)
        self.assertEqual(self.stages(), {v1: ["AWSPREVIOUS"], v2: ["AWSCURRENT", "AWSPENDING"]})
        put(v3)
        self.assertEqual(self.stages(), {v2: ["AWSPREVIOUS"], v3: ["AWSCURRENT"]})
        listed = secrets.list_secret_version_ids(SecretId="s")["Versions"]
        self.assertEqual({entry["VersionId"] for entry in listed}, {v2, v3})
        self.assertEqual(listed[0]["KmsKeyIds"], ["DefaultEncryptionKey"])
        every = secrets.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"]
        [old] = [entry for entry in every if entry["VersionId"] == v1]
        self.assertNotIn("VersionStages", old)
        self.assertEqual(secrets.get_secret_value(SecretId="s", VersionId=v1)["SecretString"], "v")
        secrets.update_secret_version_stage(SecretId="s", VersionStage="AWSSOMETHING", MoveToVersionId=v1)
        self.assertEqual(self.stages()[v1], ["AWSSOMETHING"])

    def test_reads_are_told_by_the_day(self):
        self.create(SecretString="v")
        self.assertNotIn("LastAccessedDate", self.described())
        self.secrets().get_secret_value(SecretId="s")
        self.eventually(lambda: "LastAccessedDate" in self.described(), "the day of the last read")
        at = self.described()["LastAccessedDate"]
        self.assertEqual(at.timestamp() % 86400, 0)

    def test_tags(self):
        secrets = self.secrets()
        self.create(SecretString="v")
        secrets.untag_resource(SecretId="s", TagKeys=["none"])
        secrets.tag_resource(SecretId="s", Tags=[{"Key": "a", "Value": "1"}])
        secrets.tag_resource(SecretId="s", Tags=[{"Key": "a", "Value": "2"}, {"Key": "A", "Value": "3"}])
        tags = {tag["Key"]: tag["Value"] for tag in self.described()["Tags"]}
        self.assertEqual(tags, {"a": "2", "A": "3"})
        secrets.untag_resource(SecretId="s", TagKeys=["a", "A"])
        self.assertEqual(self.described()["Tags"], [])

    def test_forced_deletion(self):
        secrets = self.secrets()
        gone = secrets.delete_secret(SecretId="none", ForceDeleteWithoutRecovery=True)
        self.assertEqual(gone["Name"], "none")
        self.assertRegex(gone["ARN"], ":secret:none-[A-Za-z0-9]{6}$")
        self.says("ResourceNotFoundException", ABSENT, secrets.delete_secret, SecretId="none")
        self.create(SecretString="v")
        answer = secrets.delete_secret(SecretId="s")
        days = (answer["DeletionDate"] - self.described()["CreatedDate"]).total_seconds() / 86400
        self.assertEqual(round(days), 30)
        secrets.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
        self.eventually(self.is_gone, "the purge")

    def is_gone(self):
        try:
            self.described()
        except self.secrets().exceptions.ResourceNotFoundException:
            return True
        return False


class ListsAndPasswords(Facts):
    def test_filters(self):
        for name, description in (
            ("Prod/db", "a secret"), ("prod/db", "an Secret"), ("testing1/one-two", "asecret"),
        ):
            self.create(name, SecretString="v", Description=description)
        self.create("MyTestPhrase", SecretString="v", Tags=[{"Key": "Team", "Value": "Blue"}])

        def found(*filters):
            filters = [{"Key": key, "Values": list(values)} for key, *values in filters]
            listed = self.secrets().list_secrets(Filters=filters)["SecretList"]
            return sorted(entry["Name"] for entry in listed)

        for filters, names in (
            ([("name", "prod")], ["prod/db"]), ([("name", "Prod", "prod")], ["Prod/db", "prod/db"]),
            ([("name", "testing1 one")], []), ([("name", "!prod", )], ["MyTestPhrase", "Prod/db", "testing1/one-two"]),
            ([("description", "a secret")], ["Prod/db", "prod/db"]),
            ([("tag-key", "Te")], ["MyTestPhrase"]), ([("tag-key", "te")], []),
            ([("tag-value", "Bl")], ["MyTestPhrase"]), ([("all", "test")], ["MyTestPhrase", "testing1/one-two"]),
            ([("all", "phrase")], ["MyTestPhrase"]), ([("all", "blue")], ["MyTestPhrase"]),
            ([("name", "prod"), ("description", "an")], ["prod/db"]),
            ([("name", "prod"), ("name", "Prod")], []),
        ):
            with self.subTest(filters=filters):
                self.assertEqual(found(*filters), names)
        text = self.fails(
            "ValidationException", self.secrets().list_secrets, Filters=[{"Key": "x", "Values": ["a"]}]
        )
        self.assertIn("at 'filters.1.member.key' failed to satisfy constraint", text)

    def test_batches(self):
        batch = self.secrets().batch_get_secret_value
        either = "Either 'SecretIdList' or 'Filters' must be provided, but not both."
        filters = [{"Key": "name", "Values": ["s"]}]
        self.says("InvalidParameterException", either, batch)
        self.says("InvalidParameterException", either, batch, SecretIdList=["s"], Filters=filters)
        self.says(
            "InvalidParameterException",
            "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
            batch, SecretIdList=["s"], MaxResults=1,
        )
        self.create(SecretString="v")
        answer = batch(SecretIdList=["s", "none"])
        self.assertEqual([value["SecretString"] for value in answer["SecretValues"]], ["v"])
        self.assertEqual(answer["Errors"], [
            {"SecretId": "none", "ErrorCode": "ResourceNotFoundException", "Message": ABSENT},
        ])

    def test_passwords(self):
        password = self.secrets().get_random_password
        self.assertEqual(len(password()["RandomPassword"]), 32)
        for params, pattern in (
            ({"PasswordLength": 4096}, r"[!-~]{4096}"),
            ({"ExcludePunctuation": True, "ExcludeUppercase": True}, "[a-z0-9]{32}"),
            ({"ExcludeLowercase": True, "ExcludeNumbers": True}, r"[^a-z0-9 ]{32}"),
            ({"ExcludeCharacters": "abc"}, "[^abc]{32}"),
        ):
            with self.subTest(params=params):
                self.assertIsNotNone(re.fullmatch(pattern, password(**params)["RandomPassword"]))
        one_type = {f"Exclude{kind}": True for kind in ("Numbers", "Punctuation", "Uppercase")}
        for params, text in (
            ({"PasswordLength": 3}, "Password length is too short based on the required types."),
            ({"ExcludeCharacters": "0123456789"}, "All characters of the desired type have been excluded"),
            (
                one_type | {
                    "ExcludeCharacters": "abcdefghijklmnopqrstuvwxyz", "RequireEachIncludedType": False,
                },
                "All characters have been excluded from selection",
            ),
        ):
            with self.subTest(text=text):
                self.says("InvalidParameterException", text, password, **params)
        password(PasswordLength=1, RequireEachIncludedType=False)

    def test_resource_policies(self):
        secrets = self.secrets()
        self.create(SecretString="v")
        self.assertNotIn("ResourcePolicy", secrets.get_resource_policy(SecretId="s"))
        public = json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
        }})
        self.says(
            "PublicPolicyException",
            "You can't attach a resource-based policy that allows broad access to the secret.",
            secrets.put_resource_policy, SecretId="s", ResourcePolicy=public, BlockPublicPolicy=True,
        )
        self.says(
            "MalformedPolicyDocumentException", "This resource policy contains a syntax error.",
            secrets.put_resource_policy, SecretId="s", ResourcePolicy="{",
        )
        secrets.put_resource_policy(SecretId="s", ResourcePolicy=public)
        self.assertEqual(
            json.loads(secrets.get_resource_policy(SecretId="s")["ResourcePolicy"]), json.loads(public)
        )
        for _ in range(2):
            secrets.delete_resource_policy(SecretId="s")

    def test_rotation_that_cannot_be(self):
        secrets = self.secrets()
        self.create(SecretString="v")
        self.says(
            "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.",
            secrets.rotate_secret, SecretId="s",
        )
        self.says(
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
            "grants access to the principal secretsmanager.amazonaws.com.",
            secrets.rotate_secret, SecretId="s",
            RotationLambdaARN=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:none",
        )
        described = self.described()
        for absent in ("RotationEnabled", "RotationLambdaARN", "RotationRules"):
            self.assertNotIn(absent, described)
