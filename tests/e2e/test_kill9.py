"""PROMISE R1 and R7 with the real binary: `kill -9` under load loses nothing, and no value is
anywhere but in the answers."""

import random
import secrets as entropy
import threading
import time
import unittest

import botocore.exceptions

from harness import Server, files_with

ROUNDS = 4
WRITERS = 4


# LIMIT: values that are put into one secret, which has at most 100 versions.
VALUES_PER_SECRET = 80


def name_of(writer, number):
    """The secret that a writer's value of this number is put into."""
    return f"{writer}-{number // VALUES_PER_SECRET}"


class Writer(threading.Thread):
    """Writes numbered values until the server is gone, and remembers the last one that was
    acknowledged."""

    def __init__(self, server, writer, key, canary, number):
        super().__init__(daemon=True)
        self.client = server.new_client("secretsmanager")
        self.writer = writer
        self.key = key
        self.canary = canary
        self.first = self.tried = self.acknowledged = number
        self.unexpected = None

    def run(self):
        try:
            while True:
                self.tried += 1
                self.write(self.tried)
                self.acknowledged = self.tried
        except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError):
            pass
        except Exception as error:  # noqa: BLE001 - told to the test
            self.unexpected = error

    def write(self, number):
        name, value = name_of(self.writer, number), f"{self.canary}:{number}"
        try:
            self.client.put_secret_value(SecretId=name, SecretString=value)
        except self.client.exceptions.ResourceNotFoundException:
            self.client.create_secret(
                Name=name, SecretString=value, KmsKeyId=self.key,
                AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": self.key}],
            )


class Kill9(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.remove)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.canary = "canary" + entropy.token_hex(24)

    def restart(self):
        self.server.kill9()
        self.server.start()

    def number(self, name, region="us-east-1"):
        """The number of the value that a secret has, or None if it is not there."""
        client = self.server.client("secretsmanager", region)
        try:
            value = client.get_secret_value(SecretId=name)["SecretString"]
        except client.exceptions.ResourceNotFoundException:
            return None
        canary, _, number = value.partition(":")
        self.assertEqual(canary, self.canary)
        return int(number)

    def found(self, writer):
        """The last value of a writer that the server has."""
        found = self.number(name_of(writer.writer, writer.tried))
        if found is None:
            found = self.number(name_of(writer.writer, writer.acknowledged))
        return writer.first if found is None else found

    def test_no_acknowledged_write_is_lost(self):
        kms = self.server.client("kms")
        key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        kms.replicate_key(KeyId=key, ReplicaRegion="us-west-2")
        numbers = {f"s{number}": -1 for number in range(WRITERS)}
        acknowledged = 0
        for _ in range(ROUNDS):
            writers = [
                Writer(self.server, name, key, self.canary, last) for name, last in numbers.items()
            ]
            for writer in writers:
                writer.start()
            # Enough for every writer to be in the middle of something.
            deadline = time.monotonic() + 30
            while sum(w.acknowledged - w.first for w in writers) < 20:
                self.assertLess(time.monotonic(), deadline, "the writers write nothing")
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.3))
            self.restart()
            for writer in writers:
                writer.join(60)
                self.assertFalse(writer.is_alive())
                self.assertIsNone(writer.unexpected)
                found = self.found(writer)
                # The last write may have been made without its answer having arrived.
                self.assertIn(found, range(writer.acknowledged, writer.tried + 1), writer.writer)
                acknowledged += writer.acknowledged - writer.first
                numbers[writer.writer] = found
        self.assertGreater(acknowledged, 20 * ROUNDS - 1)
        self.replicas_follow(numbers)
        self.assert_no_plaintext()

    def replicas_follow(self, numbers):
        deadline = time.monotonic() + 30
        for writer, number in numbers.items():
            while self.number(name_of(writer, number), "us-west-2") != number:
                self.assertLess(time.monotonic(), deadline, f"{writer} does not catch up")
                time.sleep(0.05)

    def assert_no_plaintext(self):
        """Also once the server has stopped, when everything that it would write is written."""
        places = [self.server.data_dir, *self.server.outputs]
        self.assertEqual(files_with(self.canary, *places), [])
        self.server.stop()
        self.assertEqual(files_with(self.canary, *places), [])
        self.assertGreater((self.server.data_dir / "audit.log").stat().st_size, 1000)

    def test_no_plaintext_in_any_file_after_every_way_in(self):
        """Values come in by each operation, succeed and fail, as strings and as bytes."""
        self.server.stop()
        self.server.args += ["--log", "trace"]
        self.server.start()
        client = self.server.client("secretsmanager")
        canary = self.canary
        client.create_secret(Name="a", SecretString=canary)
        client.create_secret(Name="b", SecretBinary=canary.encode())
        client.put_secret_value(SecretId="a", SecretString=canary + "2")
        client.update_secret(SecretId="b", SecretString=canary)
        raw = self.server.new_client("secretsmanager", parameter_validation=False)
        for call, params in [
            (raw.create_secret, {"Name": "a", "SecretString": canary}),
            (raw.create_secret, {"Name": "bad name", "SecretString": canary}),
            (raw.create_secret, {"Name": "c", "SecretString": canary, "SecretBinary": b"x"}),
            (raw.create_secret, {"Name": "c", "SecretString": canary, "KmsKeyId": "absent"}),
            (raw.put_secret_value, {"SecretId": "absent", "SecretString": canary}),
            (raw.put_secret_value, {"SecretId": "a", "SecretString": canary * 2000}),
            (raw.update_secret, {"SecretId": "absent", "SecretBinary": canary.encode()}),
        ]:
            with self.assertRaises(botocore.exceptions.ClientError) as raised:
                call(**params)
            self.assertNotIn(canary, str(raised.exception))
        self.assertEqual(client.get_secret_value(SecretId="a")["SecretString"], canary + "2")
        kms = self.server.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=canary.encode())["CiphertextBlob"]
        opened = kms.decrypt(CiphertextBlob=blob)["Plaintext"]
        self.assertEqual(opened, canary.encode())
        self.assert_no_plaintext()

    def test_the_root_key_is_its_owners_only_and_the_directory_is_one_servers(self):
        mode = (self.server.data_dir / "root.key").stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)
        second = Server(data_dir=self.server.data_dir)
        self.addCleanup(second.remove)
        with self.assertRaises(AssertionError) as raised:
            second.start()
        self.assertEqual(second.process.wait(), 5)
        self.assertIn("in use by another process", str(raised.exception))
