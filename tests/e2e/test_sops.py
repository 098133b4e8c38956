"""sops, in the version that PyPI has: a file under a multi-Region key and its replica is read while
the primary Region is down, and a data key from one Region is opened in the other."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import harness

PLAIN = {"db": {"password": "hunter2 ☂", "port": 5432}}


@unittest.skipIf(shutil.which("sops") is None, "sops is not installed")
class Sops(harness.Case):
    def setUp(self):
        super().setUp()
        self.key = self.multi_region_key("us-west-2")
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.plain = self.folder / "plain.json"
        self.plain.write_text(json.dumps(PLAIN), encoding="utf-8")
        self.sealed = self.folder / "sealed.json"

    def arn(self, region):
        return f"arn:aws:kms:{region}:{harness.ACCOUNT}:key/{self.key}"

    def sops(self, arguments):
        return self.server.shell(f"cd {self.folder} && sops {arguments}")

    def encrypt(self, *regions):
        arns = ",".join(self.arn(region) for region in regions)
        self.sealed.write_text(self.sops(f"-e --kms {arns} plain.json"), encoding="utf-8")
        self.assertNotIn("hunter2", self.sealed.read_text(encoding="utf-8"))

    def down(self, region):
        self.server.regent("region", "down", region)
        self.addCleanup(self.server.regent, "region", "up", region)

    def test_a_file_is_read_by_the_replica_while_the_primary_is_down(self):
        self.encrypt("us-east-1", "us-west-2")
        self.down("us-east-1")
        self.assertEqual(json.loads(self.sops("-d sealed.json")), PLAIN)

    def test_a_file_that_only_the_lost_region_can_open_is_not_read(self):
        self.encrypt("us-east-1")
        self.down("us-east-1")
        with self.assertRaises(harness.CliError) as raised:
            self.sops("-d sealed.json")
        self.assertNotIn("hunter2", str(raised.exception))

    def test_a_data_key_of_the_outage_is_opened_by_the_primary(self):
        self.encrypt("us-west-2")
        document = json.loads(self.sealed.read_text(encoding="utf-8"))
        # One ciphertext serves in each Region that has the key, so only the ARN is exchanged.
        document["sops"]["kms"][0]["arn"] = self.arn("us-east-1")
        self.sealed.write_text(json.dumps(document), encoding="utf-8")
        self.down("us-west-2")
        self.assertEqual(json.loads(self.sops("-d sealed.json")), PLAIN)
