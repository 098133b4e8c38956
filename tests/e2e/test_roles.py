"""Roles: assumed by boto3 and by the AWS CLI's profiles, and what their sessions may do."""

import json

from botocore.exceptions import ClientError
from harness import ACCOUNT, CliError, Case, files_with, with_users

OTHER = "222222222222"
READER = f"arn:aws:iam::{ACCOUNT}:role/reader"


def allow(*actions, **more):
    return {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more},
    }


def trust(principal, **more):
    return {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}, **more,
        },
    }


class Roles(Case):
    @classmethod
    def setUpClass(cls):
        users = {
            "ann": (ACCOUNT, [allow("sts:AssumeRole")]),
            "bob": (ACCOUNT, []),
            "eve": (OTHER, [allow("sts:AssumeRole")]),
        }
        external = {"StringEquals": {"sts:ExternalId": "tickets-7"}}
        roles = [
            {"name": "reader", "trust": trust(ACCOUNT), "policies": [
                allow("secretsmanager:Get*", "secretsmanager:Describe*", "kms:DescribeKey"),
            ]},
            {"name": "writer", "trust": trust(ACCOUNT), "policies": [
                allow("secretsmanager:*", "kms:*"),
            ]},
            {"name": "partner", "trust": trust(OTHER, Condition=external), "policies": [
                allow("secretsmanager:GetSecretValue"),
            ]},
            {"name": "bare", "trust": trust(ACCOUNT)},
        ]
        with_users(cls, users, roles)
        super().setUpClass()

    def assume(self, role, by="ann", **more):
        sts = self.server.client("sts", key=by, secret=by)
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        return sts.assume_role(RoleArn=arn, RoleSessionName="s@1", **more)

    def session(self, service, role, region="us-east-1", **more):
        return self.of(service, self.assume(role, **more), region)

    def of(self, service, assumed, region="us-east-1"):
        key = assumed["Credentials"]
        return self.server.new_client(
            service, region, key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"],
        )

    def denied(self, call, **arguments):
        return self.fails("AccessDeniedException", call, **arguments)

    def test_a_session_is_its_role_s(self):
        assumed = self.assume("reader")
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s@1"
        self.assertEqual(assumed["AssumedRoleUser"]["Arn"], arn)
        self.assertRegex(assumed["Credentials"]["AccessKeyId"], "^ASIA[A-Z2-7]{16}$")
        self.assertEqual(len(assumed["Credentials"]["SecretAccessKey"]), 40)
        identity = self.of("sts", assumed).get_caller_identity()
        self.assertEqual((identity["Account"], identity["Arn"]), (ACCOUNT, arn))
        self.assertEqual(identity["UserId"], assumed["AssumedRoleUser"]["AssumedRoleId"])
        self.assertRegex(identity["UserId"], "^AROA[A-Z2-7]{17}:s@1$")
        self.secrets().create_secret(Name="s", SecretString="v")
        secrets = self.of("secretsmanager", assumed)
        self.assertEqual(secrets.get_secret_value(SecretId="s")["SecretString"], "v")
        message = self.denied(secrets.create_secret, Name="t", SecretString="v")
        self.assertIn(f"User: {arn} is not authorized to perform: secretsmanager:CreateSecret", message)
        self.denied(self.session("secretsmanager", "bare").get_secret_value, SecretId="s")

    def test_who_may_not_assume_is_told_one_thing(self):
        for by, role in (("bob", "reader"), ("ann", "none"), ("eve", "reader"), ("ann", "partner")):
            with self.subTest(by=by, role=role):
                message = self.fails("AccessDenied", self.assume, role=role, by=by)
                account = OTHER if by == "eve" else ACCOUNT
                self.assertEqual(
                    message,
                    f"User: arn:aws:iam::{account}:user/{by} is not authorized to perform: "
                    f"sts:AssumeRole on resource: arn:aws:iam::{ACCOUNT}:role/{role}",
                )
        root = self.server.new_client("sts", key=ACCOUNT)
        message = self.fails(
            "AccessDenied", root.assume_role, RoleArn=READER, RoleSessionName="s-1",
        )
        self.assertEqual(message, "Roles may not be assumed by root accounts.")

    def test_another_account_assumes_with_its_external_id(self):
        self.fails("AccessDenied", self.assume, role="partner", by="eve")
        self.fails("AccessDenied", self.assume, role="partner", by="eve", ExternalId="tickets-8")
        self.secrets().create_secret(Name="s", SecretString="v")
        secrets = self.session("secretsmanager", "partner", by="eve", ExternalId="tickets-7")
        self.assertEqual(secrets.get_secret_value(SecretId="s")["SecretString"], "v")

    def test_half_a_session_is_none(self):
        assumed, other = self.assume("reader"), self.assume("reader")
        key = assumed["Credentials"]
        for id, secret, token, code in (
            (key["AccessKeyId"], key["SecretAccessKey"], None, "UnrecognizedClientException"),
            (key["AccessKeyId"], key["SecretAccessKey"], other["Credentials"]["SessionToken"],
             "UnrecognizedClientException"),
            (key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"][:-8],
             "UnrecognizedClientException"),
            (key["AccessKeyId"], "x" * 40, key["SessionToken"], "InvalidSignatureException"),
            ("ann", "ann", key["SessionToken"], "UnrecognizedClientException"),
        ):
            with self.subTest(id=id, token=token):
                client = self.server.new_client("secretsmanager", "us-east-1", id, secret, token)
                self.fails(code, client.list_secrets)

    def test_policies_and_grants_know_the_role(self):
        key = self.keys().create_key()["KeyMetadata"]["Arn"]
        encrypted = self.keys().encrypt(KeyId=key, Plaintext=b"v")["CiphertextBlob"]
        keys = self.session("kms", "reader")
        self.denied(keys.decrypt, CiphertextBlob=encrypted)
        self.keys().create_grant(KeyId=key, GranteePrincipal=READER, Operations=["Decrypt"])
        self.assertEqual(keys.decrypt(CiphertextBlob=encrypted)["Plaintext"], b"v")
        self.secrets().create_secret(Name="s", SecretString="v")
        bare = self.session("secretsmanager", "bare")
        policy = allow("secretsmanager:GetSecretValue", Principal={"AWS": READER.replace("reader", "bare")})
        self.secrets().put_resource_policy(SecretId="s", ResourcePolicy=json.dumps(policy))
        self.assertEqual(bare.get_secret_value(SecretId="s")["SecretString"], "v")

    def test_a_session_replicates(self):
        """PROMISE R3: the other Region decides for the session, by its role's policies."""
        key = self.keys().create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        self.keys().replicate_key(KeyId=key, ReplicaRegion="us-west-2")
        secrets = self.session("secretsmanager", "writer")
        replicas = [{"Region": "us-west-2", "KmsKeyId": key}]
        secrets.create_secret(Name="s", SecretString="v", KmsKeyId=key, AddReplicaRegions=replicas)
        self.in_sync("s", "us-west-2")
        there = self.session("secretsmanager", "reader", "us-west-2")
        self.assertEqual(there.describe_secret(SecretId="s")["Name"], "s")

    def test_a_session_outlives_the_server_and_is_written_nowhere(self):
        assumed = self.assume("reader")
        self.server.kill9()
        self.server.start()
        self.assertEqual(self.of("sts", assumed).get_caller_identity()["Account"], ACCOUNT)
        key = assumed["Credentials"]
        for canary in (key["SecretAccessKey"], key["SessionToken"]):
            self.assertEqual(files_with(canary, self.server.data_dir, *self.server.outputs), [])
        lines = map(json.loads, (self.server.data_dir / "audit.log").open())
        *_, record = (line for line in lines if line["eventName"] == "AssumeRole")
        told = {"roleArn": READER, "roleSessionName": "s@1"}
        self.assertEqual(record["requestParameters"], told)

    def test_a_profile_of_the_aws_cli(self):
        config = self.server.scratch / "aws-config"
        before = config.read_text()
        self.addCleanup(config.write_text, before)
        config.write_text(before + (
            "[profile ann]\naws_access_key_id = ann\naws_secret_access_key = ann\n"
            f"[profile reader]\nrole_arn = {READER}\nsource_profile = ann\n"
            "role_session_name = from-cli\nregion = us-east-1\n"
        ))
        # The CLI keeps sessions in its user's home, and would use those of another server.
        home = f"HOME={self.server.scratch}"
        unset = f"env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY {home} aws --profile reader"
        told = json.loads(self.server.shell(f"{unset} sts get-caller-identity"))
        self.assertEqual(told["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/from-cli")
        with self.assertRaises(CliError) as raised:
            self.server.shell(f"{unset} secretsmanager create-secret --name s")
        self.assertIn("AccessDeniedException", str(raised.exception))

    def test_what_is_not_built_is_refused_by_name(self):
        for member, value in (
            ("Policy", json.dumps(allow("*"))),
            ("Tags", [{"Key": "a", "Value": "b"}]),
            ("SourceIdentity", "ann"),
        ):
            with self.subTest(member=member), self.assertRaises(ClientError) as raised:
                self.assume("reader", **{member: value})
            error = raised.exception.response["Error"]
            self.assertEqual(error["Code"], "ValidationError")
            self.assertEqual(error["Message"], f"The parameter {member} is not supported.")
