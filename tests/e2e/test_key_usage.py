"""GetKeyLastUsage with boto3: what was done last with a key, in which request, and where."""

import json

from harness import Case


class KeyUsage(Case):
    def last(self, key, operation, region="us-east-1"):
        """Waits until the key's last use is this operation, and returns it."""
        def probe():
            usage = self.keys(region).get_key_last_usage(KeyId=key)["KeyLastUsage"]
            return usage if usage.get("Operation") == operation else None

        return self.eventually(probe, f"{operation} as the last use")

    def test_the_last_use_is_shown_with_its_request(self):
        key = self.keys().create_key()["KeyMetadata"]
        usage = self.keys().get_key_last_usage(KeyId=key["KeyId"])
        self.assertEqual(usage["KeyLastUsage"], {})
        self.assertEqual(usage["KeyCreationDate"], key["CreationDate"])
        self.assertEqual(usage["TrackingStartDate"], key["CreationDate"])
        answer = self.keys().encrypt(KeyId=key["KeyId"], Plaintext=b"x")
        last = self.last(key["KeyId"], "Encrypt")
        request = answer["ResponseMetadata"]["RequestId"]
        self.assertEqual(last["KmsRequestId"], request)
        log = self.server.data_dir / "audit.log"
        records = [json.loads(line) for line in log.read_text().splitlines()]
        [record] = [record for record in records if record.get("requestID") == request]
        self.assertEqual(last["CloudTrailEventId"], record["eventID"])
        self.keys().decrypt(CiphertextBlob=answer["CiphertextBlob"])
        later = self.last(key["KeyId"], "Decrypt")
        self.assertGreaterEqual(later["Timestamp"], last["Timestamp"])
        self.server.stop()
        self.server.start()
        self.assertEqual(self.last(key["KeyId"], "Decrypt"), later)
        self.fails(
            "NotFoundException", self.keys().get_key_last_usage, KeyId="alias/none"
        )

    def test_secrets_manager_uses_keys_and_each_region_for_itself(self):
        key = self.multi_region_key("us-west-2")
        self.secrets().create_secret(
            Name="db", SecretString="x", KmsKeyId=key,
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
        )
        self.in_sync("db", "us-west-2")
        self.last(key, "GenerateDataKey")
        self.secrets("us-west-2").get_secret_value(SecretId="db")
        self.last(key, "Decrypt", "us-west-2")
        usage = self.keys().get_key_last_usage(KeyId=key)["KeyLastUsage"]
        self.assertEqual(usage["Operation"], "GenerateDataKey")
