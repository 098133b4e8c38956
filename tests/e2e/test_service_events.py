"""The audit log's events that no request is: deletion of versions, and replication.

AWS documents them as `AwsServiceEvent`, with the secret's ARN in `additionalEventData`.
"""

import json

from harness import Case


class ServiceEvents(Case):
    profile = "aws"

    def setUp(self):
        super().setUp()
        self.first = len(self.lines())

    def lines(self):
        with open(self.server.data_dir / "audit.log") as log:
            return [json.loads(line) for line in log]

    def events(self):
        lines = self.lines()[self.first:]
        return [line for line in lines if line["eventType"] == "AwsServiceEvent"]

    def told(self, *names):
        """Waits for events of these names, in this order, and returns them."""
        def probe():
            found = [event for event in self.events() if event["eventName"] in names]
            return found if len(found) >= len(names) else None

        found = self.eventually(probe, f"the events {names}")
        self.assertEqual([event["eventName"] for event in found], list(names))
        return found

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
