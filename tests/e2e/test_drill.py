"""`regent drill` on real processes: what is well passes, with and without an outage; what is not fails and
says why; the Region that was taken down is back whatever happens; and no output has a value in it."""

import http.client
import json
import os
import pathlib
import pty
import signal
import subprocess
import tempfile
import threading

import harness
from test_audit import BOGUS, CANARY, EAST, WEST, Auditing, Liar, Passing


class Way(Liar):
    """A way to a server that can be held at one call, with Regent's own paths on it."""

    def __init__(self, port):
        super().__init__(port)
        self.RequestHandlerClass = Waypoint
        self.held, self.go_on = threading.Event(), threading.Event()

    def hold(self, operation, region):
        def wait(answer):
            self.held.set()
            self.go_on.wait(harness.PATIENCE_S)
            return 200, answer

        self.lies[operation, region] = wait

    def handle_error(self, request, client_address):
        """Who is interrupted does not wait for its answer."""


class Waypoint(Passing):
    def do_GET(self):
        self.pass_on("GET", None)

    def do_POST(self):
        if self.path.startswith("/_regent"):
            self.pass_on("POST", self.rfile.read(int(self.headers["content-length"])))
        else:
            super().do_POST()

    def pass_on(self, method, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        connection.request(method, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        answered = answer.read()
        self.send_response(answer.status)
        self.send_header("content-length", str(len(answered)))
        self.end_headers()
        self.wfile.write(answered)


class Drilling(Auditing):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.addCleanup(self.server.regent, "region", "up", EAST)

    def command(self, *args):
        report = [] if {"--report", "--no-report"} & set(args) else ["--report", str(self.folder)]
        return [harness.REGENT, "drill", "--to", WEST, *report, *args]

    def environment(self, endpoint=None):
        env = self.server.env()
        if endpoint:
            env["AWS_ENDPOINT_URL"] = endpoint
        return env

    def drill(self, *args, code=None, endpoint=None):
        """Runs a drill. Neither what it prints nor what it keeps may have a value in it."""
        done = subprocess.run(
            self.command(*args), env=self.environment(endpoint), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=120,
        )
        self.no_values(done.stdout + done.stderr)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def no_values(self, printed):
        for form in harness.encodings(CANARY):
            self.assertNotIn(form, printed.encode())
        self.assertEqual(harness.files_with(CANARY, self.folder), [])

    def report(self, *args, code, **options):
        """The report, and its items by name as (verdict, reasons)."""
        report = json.loads(self.drill("--output", "json", *args, code=code, **options).stdout)
        names = {item["name"]: (item["verdict"], "; ".join(item["reasons"])) for item in report["items"]}
        return report, names

    def state(self, region=EAST):
        status = json.loads(self.server.regent("region", "list", "--output", "json"))
        return {entry["region"]: entry["state"] for entry in status["regions"]}[region]

    def healthy(self):
        """A set that is well: secrets under both kinds of keys, and keys of three kinds. Returns the names."""
        pair = self.multi_region_key(WEST)
        self.replicated("app/a", key=pair)
        self.replicated("app/b")
        names = {"app/a", "app/b", pair}
        for usage in [dict(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_256"), dict(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")]:
            key = self.keys().create_key(MultiRegion=True, **usage)["KeyMetadata"]["KeyId"]
            self.keys().replicate_key(KeyId=key, ReplicaRegion=WEST)
            self.key_ready(key, WEST)
            names.add(key)
        # What is not replicated to the backup is no part of it.
        self.create("alone")
        self.create("elsewhere", to=[("eu-west-1", None)])
        self.multi_region_key("eu-west-1")
        self.key()
        return names


class Drill(Drilling):
    def test_a_healthy_set_passes(self):
        names = self.healthy()
        before = self.changes()
        report, found = self.report(code=0)
        self.assertEqual(found, {name: ("pass", "") for name in names})
        self.assertEqual((report["verdict"], report["passed"]), ("pass", len(names)))
        self.assertEqual((report["from"], report["to"], report["account"]), (EAST, WEST, harness.ACCOUNT))
        self.assertEqual(report["recovery_point_ms"], 0)
        self.assertIsNotNone(report["recovery_time_ms"])
        self.assertIs(report["for_real"], False)
        # Nothing was changed, and the Region was up all the while.
        self.assertEqual(self.changes(), before)
        self.assertEqual(self.state(), "up")

    def changes(self):
        """What the audit log has of anything but reads and uses of keys."""
        log = (self.server.data_dir / "audit.log").read_text().splitlines()
        names = [json.loads(line)["eventName"] for line in log]
        reads = ("List", "Describe", "Get", "Encrypt", "Decrypt", "Sign", "Verify", "Generate")
        return [name for name in names if not name.startswith(reads)]

    def test_a_healthy_set_passes_for_real(self):
        names = self.healthy()
        before = len(self.changes())
        report, found = self.report("--for-real", "--yes", code=0)
        self.assertEqual(found, {name: ("pass", "") for name in names})
        self.assertIs(report["for_real"], True)
        self.assertGreaterEqual(report["outage_ms"], report["recovery_time_ms"])
        self.assertEqual(self.state(), "up")
        self.assertEqual(self.changes()[before:], ["RegionDown", "RegionUp"])
        self.assertEqual(self.secrets().get_secret_value(SecretId="app/a")["SecretString"], CANARY)

    def test_selections(self):
        self.healthy()
        self.secrets().tag_resource(SecretId="app/b", Tags=[{"Key": "stage", "Value": "prod"}])
        self.secrets().tag_resource(SecretId="alone", Tags=[{"Key": "stage", "Value": "production"}])
        _, found = self.report("--tag", "stage=prod", code=0)
        self.assertEqual(set(found), {"app/b"})
        _, found = self.report("--prefix", "app/", code=0)
        self.assertEqual(set(found), {"app/a", "app/b"})
        # What is named, and is not replicated, fails.
        _, found = self.report("--tag", "stage", "--secret", "app/a", code=1)
        self.assertEqual(found["app/a"][0], "pass")
        self.assertEqual(found["app/b"][0], "pass")
        self.assertEqual(found["alone"][0], "fail")
        self.assertIn("it is not replicated to us-west-2", found["alone"][1])
        _, found = self.report("--secret", "no-such", code=1)
        self.assertEqual(found["no-such"], ("fail", "there is none in us-east-1; there is none in us-west-2"))
        self.assertIn("nothing is selected", self.drill("--prefix", "nothing/", code=7).stderr)

    def test_the_seeds_secret_fails_with_the_reason(self):
        self.create("Seed", value=None, to=[(WEST, BOGUS)])
        self.assertEqual(self.settled("Seed", WEST)["Status"], "InSync")
        # Before its value comes, nothing but the drill shows it.
        _, found = self.report(code=1)
        self.assertEqual(found["Seed"][0], "fail")
        self.assertIn("it has no value yet, so that none was replicated", found["Seed"][1])
        self.secrets().put_secret_value(SecretId="Seed", SecretString=CANARY)
        self.eventually(lambda: self.replica("Seed", WEST)["Status"] == "Failed")
        report, found = self.report(code=1)
        self.assertEqual(found["Seed"][0], "fail")
        self.assertIn(f"replication failed: Invalid keyId '{BOGUS}'", found["Seed"][1])
        self.assertIn("there is none in us-west-2", found["Seed"][1])
        self.assertIsNone(report["recovery_time_ms"])
        self.assertIsNone(report["recovery_point_ms"])

    def test_a_stale_replica_has_a_recovery_point(self):
        self.replicated("db")
        self.partition()
        self.secrets().put_secret_value(SecretId="db", SecretString=CANARY + "2")
        for extra in [(), ("--for-real", "--yes")]:
            report, found = self.report(*extra, code=1)
            self.assertEqual(found["db"][0], "fail")
            self.assertIn("us-west-2 has the version", found["db"][1])
            self.assertGreater(report["recovery_point_ms"], 0)
            # It was readable all the same.
            self.assertIsNotNone(report["recovery_time_ms"])
            self.assertEqual(self.state(), "up")
        # Within what is allowed, it is good.
        report, found = self.report("--recovery-point", "1h", code=0)
        self.assertEqual(found["db"][0], "pass")
        self.assertGreater(report["recovery_point_ms"], 0)

    def test_keys_that_are_of_no_use_elsewhere(self):
        single, pair, disabled = self.key(), self.multi_region_key(WEST), self.multi_region_key(WEST)
        self.keys(WEST).disable_key(KeyId=disabled)
        lonely = self.multi_region_key()
        self.keys().create_alias(AliasName="alias/app", TargetKeyId=pair)
        self.keys(WEST).create_alias(AliasName="alias/app", TargetKeyId=disabled)
        keys = [single, pair, disabled, lonely, "alias/app"]
        report, found = self.report(*[part for key in keys for part in ("--key", key)], code=1)
        self.assertEqual(found[pair], ("pass", ""))
        self.assertEqual(found[single], ("fail", "it is a key of one Region, and us-west-2 can have none like it"))
        self.assertIn("its state in us-west-2 is Disabled", found[disabled][1])
        self.assertIn("there is none in us-west-2", found[lonely][1])
        self.assertIn("in us-west-2 this name has another key", found["alias/app"][1])
        self.assertEqual((report["passed"], report["failed"]), (1, 4))

    def test_reports_are_dated_and_kept(self):
        self.replicated("a_b")
        text = self.drill(code=0).stdout
        self.assertRegex(text, rf"Failover of {harness.ACCOUNT} from {EAST} to {WEST}, \d{{4}}-\d\d-\d\d \d\d:\d\d UTC")
        self.assertRegex(text, r"(?m)^pass +secret  a_b +0 s ")
        self.assertIn("PASS: 1 pass, 0 fail, 0 unknown", text)
        [kept] = self.folder.iterdir()
        self.assertRegex(kept.name, r"^regent-drill-\d{8}-\d{6}\.md$")
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        self.assertIn("| pass | secret | a\\_b | 0 s |", kept.read_text())
        path = self.folder / "last.json"
        markdown = self.drill("--output", "markdown", "--report", str(path), code=0).stdout
        self.assertIn("| pass | secret | a\\_b | 0 s |", markdown)
        self.assertEqual(json.loads(path.read_text())["verdict"], "pass")
        self.drill("--no-report", code=0)
        self.assertEqual(set(self.folder.iterdir()), {kept, path})

    def test_what_cannot_be_run(self):
        self.replicated("db")
        self.assertIn("the primary itself", self.drill("--from", WEST, code=2).stderr)
        self.assertIn("--yes", self.drill("--for-real", code=2).stderr)
        self.drill("--yes", code=2)
        # Nothing but Regent is taken down: this way has no paths of Regent's.
        other = Liar(self.server.port)
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        refused = self.drill("--for-real", "--yes", endpoint=other.endpoint, code=2).stderr
        self.assertIn("takes down a Region of `regent dev` and of nothing else", refused)
        self.assertEqual(other.asked, [])
        self.assertEqual(self.drill("--for-real", "--yes", "--from", "eu-central-1", code=2).stdout, "")
        self.server.regent("region", "down", EAST)
        self.assertIn("is down (503) already", self.drill("--for-real", "--yes", code=7).stderr)
        self.assertNotEqual(self.state(), "up")

    def test_an_interrupted_drill_brings_the_region_back(self):
        self.replicated("db")
        for end in [signal.SIGINT, signal.SIGTERM]:
            way = Way(self.server.port)
            way.hold("GetSecretValue", WEST)
            process = subprocess.Popen(
                self.command("--for-real", "--yes", "--no-report"),
                env=self.environment(way.endpoint), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            self.assertTrue(way.held.wait(harness.PATIENCE_S))
            self.assertNotEqual(self.state(), "up")
            process.send_signal(end)
            out, err = process.communicate(timeout=harness.PATIENCE_S)
            way.go_on.set()
            way.shutdown()
            way.server_close()
            self.assertEqual(process.returncode, 7, err)
            self.assertEqual(self.state(), "up")
            self.assertIn("us-east-1 is back", err)
            self.assertIn("interrupted", err)
            self.no_values(out + err)
            self.assertEqual(self.secrets().get_secret_value(SecretId="db")["SecretString"], CANARY)

    def test_it_asks_a_person_first(self):
        self.replicated("db")
        for answer, code in [("n\n", 7), ("y\n", 0)]:
            primary, secondary = pty.openpty()
            process = subprocess.Popen(
                self.command("--for-real"), env=self.environment(), stdin=secondary,
                stdout=subprocess.PIPE, stderr=secondary,
            )
            os.close(secondary)
            asked = b""
            while b"[y/N]" not in asked:
                asked += os.read(primary, 4096)
            self.assertIn(b"Take us-east-1 of", asked)
            self.assertEqual(self.state(), "up")
            os.write(primary, answer.encode())
            said = b""
            while True:
                try:
                    part = os.read(primary, 4096)
                except OSError:
                    break
                if not part:
                    break
                said += part
            process.stdout.read()
            self.assertEqual(process.wait(harness.PATIENCE_S), code)
            os.close(primary)
            self.assertEqual(b"us-east-1 is down" in said, code == 0)
            self.assertEqual(self.state(), "up")
