"""The audit log's events that no request is: of secrets, deletion of versions and replication; of keys,
rotations, the end of imported material, and what related keys share.

AWS documents those of secrets as `AwsServiceEvent`, with the secret's ARN in `additionalEventData`, and
shows records of those of keys.
"""

import datetime
import json
import os

from harness import ACCOUNT, Case
from test_imported_keys import wrap


class Events(Case):
    profile = "aws"

    def setUp(self):
        super().setUp()
        self.first = len(self.lines())

    def lines(self):
        with open(self.server.data_dir / "audit.log") as log:
            return [json.loads(line) for line in log]

    def events(self):
        """What no request is."""
        return [line for line in self.lines()[self.first:] if "requestID" not in line]

    def told(self, *names):
        """Waits for events of these names, in this order, and returns them."""
        def probe():
            found = [event for event in self.events() if event["eventName"] in names]
            return found if len(found) >= len(names) else None

        found = self.eventually(probe, f"the events {names}")
        self.assertEqual([event["eventName"] for event in found], list(names))
        return found


class ServiceEvents(Events):
    def test_a_deletion_is_told_for_each_version(self):
        secrets = self.secrets()
        made = secrets.create_secret(Name="a", SecretString="one")
        arn, first = made["ARN"], made["VersionId"]
        second = secrets.put_secret_value(SecretId="a", SecretString="two")["VersionId"]
        secrets.delete_secret(SecretId="a")
        secrets.restore_secret(SecretId="a")
        secrets.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)
        each = [name for name in ("Start", "Cancel", "Start", "End") for _ in range(2)]
        found = self.told(*[f"{name}SecretVersionDelete" for name in each])
        for at in range(0, len(found), 2):
            pair = [event["additionalEventData"] for event in found[at:at + 2]]
            self.assertEqual([data["SecretId"] for data in pair], [arn, arn])
            self.assertEqual({data["SecretVersionId"] for data in pair}, {first, second})
        self.assertEqual(found[0]["eventSource"], "secretsmanager.amazonaws.com")
        self.assertEqual(found[0]["awsRegion"], "us-east-1")
        self.assertNotIn("requestID", found[0])

    def test_a_replication_is_told_with_its_end(self):
        secrets = self.secrets()
        arn = secrets.create_secret(
            Name="a", SecretString="one", AddReplicaRegions=[{"Region": "us-west-2"}]
        )["ARN"]
        found = self.told("ReplicationStarted", "ReplicationSucceeded")
        for event in found:
            data = {"SecretId": arn, "ReplicaRegion": "us-west-2"}
            self.assertEqual(event["additionalEventData"], data)
            self.assertNotIn("errorMessage", event)
        self.first = len(self.lines())
        secrets.replicate_secret_to_regions(
            SecretId="a", AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": "alias/none"}]
        )
        failed = self.told("ReplicationStarted", "ReplicationFailed")[1]
        shown = secrets.describe_secret(SecretId="a")["ReplicationStatus"][0]
        self.assertEqual(failed["errorMessage"], shown["StatusMessage"])
        self.assertIn("alias/none", failed["errorMessage"])


class KeyEvents(Events):
    def arn(self, key, region="us-east-1"):
        return f"arn:aws:kms:{region}:{ACCOUNT}:key/{key}"

    def is_of(self, event, key, region="us-east-1", kind="AwsServiceEvent"):
        """The event is one of KMS's own, of this key in this Region."""
        resource = {"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": self.arn(key, region)}
        self.assertEqual(event["resources"], [resource])
        self.assertEqual(event["userIdentity"], {"accountId": ACCOUNT, "invokedBy": "AWS Internal"})
        self.assertEqual(
            (event["eventSource"], event["eventType"], event["awsRegion"], event["readOnly"]),
            ("kms.amazonaws.com", kind, region, False),
        )

    def material(self, key):
        return self.keys().describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]

    def test_a_rotation_is_told_with_both_materials(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        before = self.material(key)
        self.keys().rotate_key_on_demand(KeyId=key)
        [event] = self.told("RotateKey")
        self.is_of(event, key)
        self.assertEqual(event["serviceEventDetails"], {
            "rotationType": "ON_DEMAND", "keyOrigin": "AWS_KMS", "keyId": key,
            "previousKeyMaterialId": before, "currentKeyMaterialId": self.material(key),
        })
        # Besides the request's own record.
        names = [line["eventName"] for line in self.lines()[self.first:]]
        self.assertEqual(names.count("RotateKeyOnDemand"), 1)

    def test_related_keys_tell_of_what_they_share(self):
        key = self.multi_region_key("us-west-2")
        made, shared = self.told("CreateKey", "SynchronizeMultiRegionKey")
        self.is_of(made, key, "us-west-2", "AwsApiCall")
        self.is_of(shared, key, kind="AwsApiCall")
        self.assertEqual(shared["responseElements"], {"keyId": self.arn(key)})
        self.first = len(self.lines())
        self.keys().rotate_key_on_demand(KeyId=key)
        rotated, shared = self.told("RotateKey", "SynchronizeMultiRegionKey")
        self.is_of(rotated, key)
        self.is_of(shared, key, kind="AwsApiCall")

    def test_the_end_of_imported_material_is_told(self):
        kms, algorithm = self.keys(), "RSAES_OAEP_SHA_256"
        key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        given = kms.get_parameters_for_import(
            KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048"
        )
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
        material = kms.import_key_material(
            KeyId=key, ImportToken=given["ImportToken"], ValidTo=soon,
            EncryptedKeyMaterial=wrap(given["PublicKey"], algorithm, os.urandom(32)),
        )["KeyMaterialId"]
        [event] = self.told("DeleteExpiredKeyMaterial")
        self.is_of(event, key)
        details = {"keyId": key, "keyMaterialId": material}
        self.assertEqual(event["serviceEventDetails"], details)
