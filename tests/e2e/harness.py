"""What every end-to-end test stands on: a real server, the real AWS CLI, and boto3.

A test class gets one server process. Each test starts with every Region empty. Nothing here knows
what an operation should do; that is what the tests say.
"""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGENT = os.environ.get("REGENT_BIN", str(ROOT / "target" / "release" / "regent"))
REGIONS = ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"]
ACCOUNT = "123456789012"
# Long enough for a loaded machine of two cores; nothing waits for it in the good case.
PATIENCE_S = 60

SUFFIX = "[A-Za-z0-9]{6}"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?[+-]\d\d:\d\d"


class CliError(Exception):
    """A command that ended with another exit code than 0."""

    def __init__(self, done):
        super().__init__(f"exit code {done.returncode}: {done.stderr.strip()}")
        self.code = done.returncode
        self.stderr = done.stderr


class Server:
    """One `regent dev` process."""

    def __init__(self, *args, data_dir=None, profile="strict"):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="regent-e2e-"))
        self.data_dir = pathlib.Path(data_dir) if data_dir else self.scratch / "data"
        self.args = ["--profile", profile, *args]
        # A program that the server is run under.
        self.prefix = []
        self.outputs = []
        self.process = None
        self.clients = {}
        # The post was written with a CLI that prints times as ISO 8601.
        (self.scratch / "aws-config").write_text("[default]\ncli_timestamp_format = iso8601\n")

    def start(self):
        number = len(self.outputs) // 2
        out, err = self.scratch / f"stdout-{number}", self.scratch / f"stderr-{number}"
        self.outputs += [out, err]
        command = [*self.prefix, REGENT, "dev", "--port", "0", "--output", "json"]
        command += ["--data-dir", str(self.data_dir), *self.args]
        # Whoever asks from another thread waits for the new one.
        self.endpoint = None
        self.clients.clear()
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            env = {key: value for key, value in os.environ.items() if not key.startswith("REGENT_")}
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env
            )
        self.banner = self._await_banner(out, err)
        self.endpoint = self.banner["endpoint"]
        self.port = int(self.endpoint.rsplit(":", 1)[1])
        return self

    def _await_banner(self, out, err):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            text = out.read_text()
            if text.endswith("\n"):
                return json.loads(text)
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"no banner: {out.read_text()!r} {err.read_text()!r}")

    def kill9(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Stops as an operator does; the exit code must be 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise
            if code != 0:
                raise AssertionError(f"the server ended with exit code {code}")

    def remove(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def env(self, region="us-east-1"):
        env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        env.update(
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION=region,
            AWS_PAGER="",
            AWS_MAX_ATTEMPTS="1",
            AWS_EC2_METADATA_DISABLED="true",
            AWS_CONFIG_FILE=str(self.scratch / "aws-config"),
            AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            TZ="Europe/London",
        )
        return env

    def shell(self, command, region="us-east-1"):
        """Runs a line typed as a person types it. Returns what it printed."""
        done = subprocess.run(
            ["bash", "-c", command], env=self.env(region), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=240,
        )
        if done.returncode != 0:
            raise CliError(done)
        return done.stdout

    def aws(self, command, region="us-east-1"):
        """Runs `aws COMMAND` in a shell. Returns its JSON, or None if it printed nothing."""
        printed = self.shell(f"aws {command}", region)
        return json.loads(printed) if printed.strip() else None

    def regent(self, *args):
        """Runs another command of the binary against this server."""
        done = subprocess.run(
            [REGENT, *args], env=self.env(), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=60,
        )
        if done.returncode != 0:
            raise CliError(done)
        return done.stdout

    def links(self):
        """`regent region list --output json`, by (from, to)."""
        status = json.loads(self.regent("region", "list", "--output", "json"))
        return {(link["from"], link["to"]): link for link in status["links"]}

    def client(self, service, region="us-east-1", **options):
        """A boto3 client. Making one takes boto3 longer than most requests take, so they are kept."""
        name = (service, region, *sorted(options.items()))
        if name not in self.clients:
            self.clients[name] = self.new_client(service, region, **options)
        return self.clients[name]

    def new_client(
        self, service, region="us-east-1", key="test", secret="test", token=None, **config
    ):
        settings = dict(
            retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60,
            parameter_validation=True,
        )
        settings.update(config)
        return boto3.session.Session().client(
            service, region_name=region, endpoint_url=self.endpoint, aws_access_key_id=key,
            aws_secret_access_key=secret, aws_session_token=token, config=botocore.config.Config(**settings),
        )

    def reset(self):
        request = urllib.request.Request(
            f"{self.endpoint}/_regent/reset", method="POST", data=b"",
            headers={"x-regent-admin": "1"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            assert answer.status == 200


class Case(unittest.TestCase):
    """Tests against one server, which is emptied before each."""

    profile = "strict"
    arguments = ()

    @classmethod
    def setUpClass(cls):
        os.environ.pop("AWS_PROFILE", None)
        cls.server = Server(*cls.arguments, profile=cls.profile).start()
        cls.addClassCleanup(cls.server.remove)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.server.reset()

    def secrets(self, region="us-east-1", **config):
        return self.server.client("secretsmanager", region, **config)

    def keys(self, region="us-east-1", **config):
        return self.server.client("kms", region, **config)

    def fails(self, code, call, **params):
        """The call must fail with this code. Returns the message."""
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            call(**params)
        error = raised.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        return error.get("Message", "")

    def cli_fails(self, command, region="us-east-1"):
        """The CLI command must fail as a refused request does. Returns what it says."""
        with self.assertRaises(CliError) as raised:
            self.server.aws(command, region)
        # The CLI's exit code for an error that the service answered: version 2, version 1.
        self.assertIn(raised.exception.code, (254, 255), raised.exception.stderr)
        return raised.exception.stderr.strip()

    def eventually(self, probe, what="the condition"):
        """Waits until `probe` returns something true, and returns that."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = probe()
            if found:
                return found
            if time.monotonic() > deadline:
                self.fail(f"{what} did not come true in {PATIENCE_S} s")
            time.sleep(0.02)

    def replica(self, secret_id, replica_region, region="us-east-1"):
        """The entry of one replica in the primary's ReplicationStatus, or None."""
        described = self.secrets(region).describe_secret(SecretId=secret_id)
        entries = described.get("ReplicationStatus", [])
        return next((entry for entry in entries if entry["Region"] == replica_region), None)

    def settled(self, secret_id, replica_region, region="us-east-1"):
        """Waits until a replica has left InProgress, and returns its entry."""
        def probe():
            entry = self.replica(secret_id, replica_region, region)
            return entry if entry and entry["Status"] != "InProgress" else None

        return self.eventually(probe, f"replication of {secret_id} to {replica_region}")

    def in_sync(self, secret_id, replica_region, region="us-east-1"):
        entry = self.settled(secret_id, replica_region, region)
        self.assertEqual(entry["Status"], "InSync", entry)
        self.assertEqual(entry["StatusMessage"], "Replication succeeded")
        return entry

    def multi_region_key(self, *replica_regions, primary="us-east-1"):
        """A multi-Region key with a replica key in each of these Regions. Returns its id."""
        kms = self.keys(primary)
        key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        for region in replica_regions:
            kms.replicate_key(KeyId=key, ReplicaRegion=region)
            self.key_ready(key, region)
        return key

    def key_ready(self, key, region):
        def probe():
            try:
                metadata = self.keys(region).describe_key(KeyId=key)["KeyMetadata"]
            except botocore.exceptions.ClientError:
                return False
            return metadata["KeyState"] == "Enabled"

        self.eventually(probe, f"replica key {key} in {region}")

    def assert_nothing_created(self):
        for region in REGIONS:
            listed = self.secrets(region).list_secrets(IncludePlannedDeletion=True)
            self.assertEqual(listed["SecretList"], [], region)


def in_a_new_second():
    """Waits for the next second: `aws cloudformation deploy` names its change sets by it, and one
    of the same name is refused, as on AWS."""
    time.sleep(1 - time.time() % 1)


def with_users(case, users, roles=()):
    """Gives a test class a server that knows these users: name to account and identity policies.

    A user's name is its access key and its secret too. Roles are as the configuration has them.
    """
    config = tempfile.NamedTemporaryFile("w", suffix=".json")
    case.addClassCleanup(config.close)
    keys = [
        {"id": name, "secret": name, "account": account, "user": name, "policies": policies}
        for name, (account, policies) in users.items()
    ]
    json.dump({"access_keys": keys, "roles": list(roles)}, config)
    config.flush()
    os.chmod(config.name, 0o600)
    case.arguments = (*case.arguments, "--config", config.name)


def encodings(canary):
    """The forms in which a value could lie in a file without anybody having encrypted it."""
    raw = canary.encode()
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode(), canary.encode("utf-16-le")}
    # Base64 at each of the three alignments, without the characters that depend on neighbours.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        forms.add(encoded[4 if shift else 0 : -4])
    return forms


def files_with(canary, *roots):
    """The files below `roots` that hold the canary in any of its forms."""
    forms = encodings(canary)
    found = []
    for root in roots:
        root = pathlib.Path(root)
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if any(form in content for form in forms):
                    found.append(str(path))
    return found
