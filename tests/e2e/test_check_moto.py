"""`regent check --live` against moto, which nobody here wrote: keys of templates are looked up where their replicas
will be, and what is wrong with them is found before the template is deployed.

What moto does otherwise than AWS, and what that leaves to the tests against Regent (test_check_live.py):

- It calls every replica InSync, also under a key that does not exist, so that nothing shows but what is checked before.
- It never asks a key policy whether a call is allowed, so that nobody is refused anything. A policy that shuts out
  Secrets Manager is read and judged all the same (RG212), because the check reads policies by itself.
- It knows no DryRun: Encrypt answers with a ciphertext, also under a key that is disabled. A dry run (RG220) finds
  nothing there.
- Its multi-Region keys have ids that AWS has not, `mrk-` and a UUID, which are RG001 before anybody is asked.
"""

import json
import os
import pathlib
import subprocess
import tempfile

import harness
from test_audit_moto import EAST, OWN, WEST, Moto

MRK = "mrk-1234abcd12ab34cd56ef1234567890ab"


class AgainstMoto(Moto):
    def check(self, *args, code):
        done = subprocess.run(
            [harness.REGENT, "check", "--output", "json", "--region", EAST, *args], env=self.env(),
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return {
            (one["rule"], one["resource"]): one["message"] for one in json.loads(done.stdout)["findings"]
        }

    def template(self, folder, secrets):
        """Secrets by name, each of (its own key or nothing, the key of its replica in the other Region)."""
        resources = {}
        for name, (own, key) in secrets.items():
            properties = {"GenerateSecretString": {}, "ReplicaRegions": [{"Region": WEST, "KmsKeyId": key}]}
            if own:
                properties["KmsKeyId"] = own
            resources[name] = {"Type": "AWS::SecretsManager::Secret", "Properties": properties}
        path = pathlib.Path(folder, "template.json")
        path.write_text(json.dumps({"Resources": resources}))
        return str(path)

    def key(self, kms, **params):
        return kms.create_key(**params)["KeyMetadata"]["KeyId"]

    def test_each_fault_of_a_key_is_found_before_it_is_deployed(self):
        east, west = self.client("kms"), self.client("kms", WEST)
        off, ending, shut = (self.key(west) for _ in range(3))
        west.disable_key(KeyId=off)
        west.schedule_key_deletion(KeyId=ending, PendingWindowInDays=7)
        only_reads = {
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWN}:root"},
                "Action": ["kms:Describe*", "kms:Get*", "kms:Put*"], "Resource": "*",
            }],
        }
        west.put_key_policy(KeyId=shut, PolicyName="default", Policy=json.dumps(only_reads))
        signing = self.key(west, KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")
        there_only = self.key(east)
        own_off = self.key(east)
        east.disable_key(KeyId=own_off)
        bad = {
            "Absent": (None, MRK), "NoAlias": (None, "alias/absent"), "Off": (None, off),
            "Ending": (None, ending), "Shut": (None, shut), "Signing": (None, signing),
            "ThereOnly": (None, there_only), "OwnOff": (own_off, "alias/aws/secretsmanager"),
        }
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(folder, bad)
            # The file shows nothing of it: each key may be good.
            offline = self.check(path, code=0)
            self.assertEqual({rule for rule, _ in offline}, {"RG101"})
            found = self.check(path, "--live", code=1)
        self.assertEqual(
            set(found),
            {
                ("RG219", "Absent"), ("RG219", "NoAlias"), ("RG210", "Off"), ("RG211", "Ending"),
                ("RG212", "Shut"), ("RG210", "Signing"), ("RG219", "ThereOnly"), ("RG210", "OwnOff"),
            },
        )
        self.assertIn("there is no alias/absent", found["RG219", "NoAlias"])

    def test_nothing_is_found_of_good_keys(self):
        east, west = self.client("kms"), self.client("kms", WEST)
        own, single, named = self.key(east), self.key(west), self.key(west)
        west.create_alias(AliasName="alias/app", TargetKeyId=named)
        good = {
            "Own": (own, single), "Single": (None, single), "Alias": (None, "alias/app"),
            "Arn": (None, f"arn:aws:kms:{WEST}:{OWN}:alias/app"), "Managed": (None, "alias/aws/secretsmanager"),
        }
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(folder, good)
            self.assertEqual(self.check(path, "--live", code=0), {})
            self.assertEqual(self.check(path, "--live", "--dry-run-kms", code=0), {})

    def test_an_id_of_another_form_than_those_of_aws_is_said_to_be_so(self):
        """Whoever changes this in moto is thanked, and the pair belongs into the test above."""
        multi = self.key(self.client("kms"), MultiRegion=True)
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(folder, {"Pair": (None, multi)})
            self.assertEqual(set(self.check(path, "--live", code=1)), {("RG001", "Pair")})

    def test_nobody_who_answers_is_no_good_key(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(folder, {"Db": (None, MRK)})
            environment = dict(self.env(), AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
            done = subprocess.run(
                [harness.REGENT, "check", "--output", "json", path, "--region", EAST, "--live", "--fail-on", "info"],
                env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
            )
        self.assertEqual(done.returncode, 7, done.stdout + done.stderr)
        self.assertNotIn("RG219", done.stdout)
