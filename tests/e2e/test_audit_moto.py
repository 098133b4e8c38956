"""`regent audit` against moto, which nobody here wrote: the same faults where moto has them, over several
accounts by roles, and the same silence where all is well."""

import json
import logging
import os
import subprocess
import unittest
import urllib.request

import boto3
from moto.server import ThreadedMotoServer

import harness

EAST, WEST = "us-east-1", "us-west-2"
OWN, OTHER = "123456789012", "111122223333"
ROLES = [f"arn:aws:iam::{account}:role/auditor" for account in (OWN, OTHER)]
CANARY = "canary-91c0-value-of-a-secret"


class Moto(unittest.TestCase):
    """A server of moto's, empty before each test."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        cls.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        host, port = cls.server.get_host_and_port()
        cls.endpoint = f"http://{host}:{port}"

    def setUp(self):
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=harness.PATIENCE_S).close()

    def client(self, service, region=EAST, account=None):
        keys = dict(aws_access_key_id="test", aws_secret_access_key="test")
        if account:
            sts = boto3.client("sts", EAST, endpoint_url=self.endpoint, **keys)
            role = f"arn:aws:iam::{account}:role/maker"
            given = sts.assume_role(RoleArn=role, RoleSessionName="maker")["Credentials"]
            keys = dict(
                aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )
        return boto3.client(service, region, endpoint_url=self.endpoint, **keys)

    def env(self):
        env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        env.update(
            AWS_ENDPOINT_URL=self.endpoint, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test",
            AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            AWS_EC2_METADATA_DISABLED="true",
        )
        return env


class AgainstMoto(Moto):
    def audit(self, *args, code):
        done = subprocess.run(
            [harness.REGENT, "audit", "--output", "json", *args], env=self.env(), capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=120,
        )
        self.assertNotIn(CANARY, done.stdout + done.stderr)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def create(self, client, name, to=(), **params):
        replicas = {"AddReplicaRegions": [{"Region": region} for region in to]} if to else {}
        client.create_secret(Name=name, SecretString=CANARY, **replicas, **params)

    def test_faults_are_found_and_nothing_else(self):
        east = self.client("secretsmanager")
        kms = self.client("kms")
        disabled, pending, good = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3))
        for name in ("app/a", "app/b", "app/c"):
            self.create(east, name, [WEST])
        self.create(east, "app/late")
        self.create(self.client("secretsmanager", WEST), "taken")
        self.create(east, "taken", [WEST])
        for name, key in [("off", disabled), ("ending", pending), ("fine", good)]:
            self.create(east, name, KmsKeyId=key)
        kms.disable_key(KeyId=disabled)
        kms.schedule_key_deletion(KeyId=pending, PendingWindowInDays=7)
        report = self.audit("--region", f"{EAST},{WEST},eu-west-1", "--probe", code=1)
        found = {(one["rule"], one["path"], one["resource"]) for one in report["findings"]}
        self.assertEqual(
            found,
            {
                ("RG204", f"{OWN}/{WEST}", "taken"), ("RG210", f"{OWN}/{EAST}", "off"),
                ("RG211", f"{OWN}/{EAST}", "ending"), ("RG215", f"{OWN}/{EAST}", "app/"),
            },
        )
        self.assertEqual((report["regions"], report["unreadable"]), (3, 0))

    def test_every_account_of_a_list_of_roles(self):
        self.create(self.client("secretsmanager"), "here", [WEST])
        there = self.client("secretsmanager", account=OTHER)
        self.create(there, "there", [WEST])
        kms = self.client("kms", account=OTHER)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        self.create(there, "off", KmsKeyId=key)
        kms.disable_key(KeyId=key)
        roles = [argument for role in ROLES for argument in ("--role-arn", role)]
        report = self.audit("--region", f"{EAST},{WEST},eu-west-1", *roles, code=1)
        found = {(one["rule"], one["path"], one["resource"]) for one in report["findings"]}
        self.assertEqual(found, {("RG210", f"{OTHER}/{EAST}", "off")})
        rows = {(row["account"], row["region"]): row for row in report["table"]}
        self.assertEqual(rows[OWN, EAST]["secrets"], 1)
        self.assertEqual(rows[OTHER, EAST]["secrets"], 2)
        self.assertEqual(rows[OTHER, WEST]["in_sync"], 1)
        self.assertEqual(report["regions"], 2 * 3)

    def test_every_account_of_an_organisation(self):
        organizations = self.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        made = [
            organizations.create_account(Email=f"{name}@example.org", AccountName=name)
            for name in ("one", "two", "closed")
        ]
        one, two, closed = (each["CreateAccountStatus"]["AccountId"] for each in made)
        organizations.close_account(AccountId=closed)
        for account in (OWN, one, two, closed):
            client = self.client("secretsmanager", account=None if account == OWN else account)
            self.create(client, f"of/{account}", [WEST])
        report = self.audit("--region", f"{EAST},{WEST}", "--organization-role", "auditor", code=0)
        self.assertEqual(report["findings"], [])
        secrets = {row["account"] for row in report["table"] if row["secrets"] == 1}
        self.assertEqual(secrets, {OWN, one, two})
