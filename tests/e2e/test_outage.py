"""A Region is lost and comes back, as an operator sees it."""

import base64
import json
import statistics
import time

import botocore.exceptions

from harness import CliError, Case


class Outage(Case):
    def replicated(self, name="db"):
        key = self.multi_region_key("us-west-2")
        self.secrets().create_secret(
            Name=name, SecretString="one", KmsKeyId=key,
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
        )
        self.in_sync(name, "us-west-2")
        return key

    def value(self, region, name="db"):
        return self.secrets(region).get_secret_value(SecretId=name)["SecretString"]

    def states(self):
        status = json.loads(self.server.regent("region", "list", "--output", "json"))
        return {entry["region"]: entry["state"] for entry in status["regions"]}

    def test_the_outage_story(self):
        key = self.replicated()
        self.server.aws("secretsmanager get-secret-value --secret-id db")
        self.server.regent("region", "down", "us-east-1")
        self.assertNotEqual(self.states()["us-east-1"], "up")

        text = self.cli_fails("secretsmanager get-secret-value --secret-id db")
        self.assertIn("(ServiceUnavailable)", text)
        read = self.server.aws("secretsmanager get-secret-value --secret-id db", "us-west-2")
        self.assertEqual(read["SecretString"], "one")

        sealed = self.server.shell(
            f"aws kms encrypt --key-id {key} --plaintext aGVsbG8= "
            "--query CiphertextBlob --output text",
            "us-west-2",
        ).strip()

        self.server.regent("region", "up", "us-east-1")
        self.assertEqual(self.states()["us-east-1"], "up")
        opened = self.keys().decrypt(CiphertextBlob=base64.b64decode(sealed))
        self.assertIn(opened["Plaintext"], (b"hello", b"aGVsbG8="))
        self.assertEqual(self.value("us-east-1"), "one")
        self.secrets().put_secret_value(SecretId="db", SecretString="two")
        self.in_sync("db", "us-west-2")
        self.assertEqual(self.value("us-west-2"), "two")

    def test_a_lost_region_can_reset_connections(self):
        self.replicated()
        self.server.regent("region", "down", "us-east-1", "--mode", "refused")
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            self.value("us-east-1")
        with self.assertRaises(CliError) as raised:
            self.server.aws("secretsmanager get-secret-value --secret-id db")
        self.assertRegex(raised.exception.stderr, "(?i)connection")
        self.assertEqual(self.value("us-west-2"), "one")
        self.server.regent("region", "up", "us-east-1")
        self.assertEqual(self.value("us-east-1"), "one")

    def test_the_other_regions_do_not_wait_for_it(self):
        key = self.replicated()
        self.server.regent("region", "partition", "us-east-1", "us-west-2")
        west = self.secrets("us-west-2")
        # One request has to ask the other Region, and waits for it in vain.
        started = time.perf_counter()
        self.fails(
            "InvalidParameterException", west.create_secret, Name="asks", SecretString="x",
            KmsKeyId=key, AddReplicaRegions=[{"Region": "us-east-1", "KmsKeyId": key}],
        )
        waited = time.perf_counter() - started
        self.server.regent("region", "down", "us-east-1")
        times = []
        for _ in range(40):
            started = time.perf_counter()
            self.value("us-west-2")
            times.append(time.perf_counter() - started)
        # A read that asked it too would take as long.
        self.assertLess(statistics.median(times), waited)
        self.server.regent("region", "heal")
        west.create_secret(
            Name="new", SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}]
        )
        self.in_sync("new", "eu-west-1", "us-west-2")

    def test_replication_catches_up_by_itself(self):
        self.replicated()
        self.server.regent("region", "partition", "us-east-1", "us-west-2")
        for number in range(5):
            self.secrets().put_secret_value(SecretId="db", SecretString=f"v{number}")
        entry = self.replica("db", "us-west-2")
        self.assertEqual(entry["Status"], "InProgress")
        self.assertEqual(self.value("us-west-2"), "one")
        pair = ("us-east-1", "us-west-2")
        waiting = self.eventually(
            lambda: (link := self.server.links()[pair])["lag_ms"] > 0 and link, "a lag"
        )
        self.assertEqual(waiting["backlog"], 1, "five states of one subject are one entry")
        self.assertNotEqual(waiting["state"], "up")
        self.eventually(
            lambda: self.server.links()[pair]["lag_ms"] > waiting["lag_ms"], "a growing lag"
        )
        self.assertEqual(self.server.links()[("us-east-1", "eu-west-1")]["state"], "up")
        table = self.server.regent("region", "list")
        for word in ("BACKLOG", "LAG", "us-west-2"):
            self.assertIn(word, table)

        self.server.regent("region", "heal")
        self.in_sync("db", "us-west-2")
        self.assertEqual(self.value("us-west-2"), "v4")
        healed = self.eventually(
            lambda: (link := self.server.links()[pair])["backlog"] == 0 and link, "no backlog"
        )
        self.assertEqual((healed["lag_ms"], healed["state"]), (0, "up"))

    def test_a_lost_replica_region_catches_up_when_it_is_back(self):
        self.replicated()
        self.server.regent("region", "down", "us-west-2")
        self.secrets().put_secret_value(SecretId="db", SecretString="two")
        self.secrets().tag_resource(SecretId="db", Tags=[{"Key": "k", "Value": "v"}])
        self.assertEqual(self.replica("db", "us-west-2")["Status"], "InProgress")
        self.server.regent("region", "up", "us-west-2")
        self.in_sync("db", "us-west-2")
        self.assertEqual(self.value("us-west-2"), "two")

    def test_a_slow_link_delays_replication_and_nothing_else(self):
        self.replicated()
        self.server.regent("region", "delay", "us-east-1", "us-west-2", "5s")
        # Had the answer waited for the link, the value would be there.
        self.secrets().put_secret_value(SecretId="db", SecretString="two")
        self.assertEqual(self.value("us-west-2"), "one")
        self.in_sync("db", "us-west-2")
        self.assertEqual(self.value("us-west-2"), "two")
        self.server.regent("region", "delay", "us-east-1", "us-west-2", "0ms")

    def test_a_reset_leaves_nothing_that_was_under_way(self):
        self.server.regent("region", "delay", "us-east-1", "us-west-2", "500ms")
        for number in range(3):
            self.secrets().create_secret(
                Name=f"s{number}", SecretString="x", AddReplicaRegions=[{"Region": "us-west-2"}]
            )
        self.server.reset()
        time.sleep(1)
        self.assert_nothing_created()
        self.assertEqual(self.server.links()[("us-east-1", "us-west-2")]["delay_ms"], 0)

    def test_a_promoted_replica_keeps_its_own_writes_when_the_primary_returns(self):
        self.replicated()
        self.server.regent("region", "down", "us-east-1")
        west = self.secrets("us-west-2")
        west.stop_replication_to_replica(SecretId="db")
        west.put_secret_value(SecretId="db", SecretString="written in the backup")
        self.server.regent("region", "up", "us-east-1")
        self.eventually(
            lambda: not self.secrets().describe_secret(SecretId="db").get("ReplicationStatus"),
            "the old primary fenced",
        )
        self.secrets().put_secret_value(SecretId="db", SecretString="written in the old primary")
        time.sleep(0.5)
        self.assertEqual(self.value("us-west-2"), "written in the backup")
        self.assertEqual(self.value("us-east-1"), "written in the old primary")

    def test_unknown_regions_and_servers_have_their_exit_codes(self):
        with self.assertRaises(CliError) as raised:
            self.server.regent("region", "down", "ap-south-1")
        self.assertEqual(raised.exception.code, 1)
        self.assertIn("no such Region", raised.exception.stderr)
        with self.assertRaises(CliError) as raised:
            self.server.regent("region", "list", "--endpoint", "http://127.0.0.1:1")
        self.assertEqual(raised.exception.code, 6)
