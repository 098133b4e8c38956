"""`regent watch` on real processes: a replica that fails is told to a webhook once and shown to Prometheus, its
recovery is told once, a restart repeats nothing, and a receiver that is away gets everything later."""

import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import queue
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import harness
from harness import ACCOUNT
from test_audit import BOGUS, CANARY, EAST, WEST, Auditing

SECRET = b"0123456789abcdef0123456789abcdef"
TOKEN = "token-of-events"


class Receiver(http.server.ThreadingHTTPServer):
    """Takes notices, or refuses them while it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taking)
        self.status = 200
        self.refused = 0
        # Notices that are taken and never answered, and how many attempts are refused before the next is taken.
        self.lose = 0
        self.refuse = []
        self.notices = queue.Queue()
        self.raw = []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook?of=me"


class Taking(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.raw.append(body)
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        digest = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        good = self.headers["webhook-signature"] == f"v1,{digest}"
        status = self.server.status if good else 401
        if good and self.server.refuse and self.server.refuse.pop(0):
            status = 503
        if status == 200:
            notice = json.loads(body)
            assert notice["id"] == self.headers["webhook-id"]
            self.server.notices.put(notice)
            if self.server.lose:
                self.server.lose -= 1
                self.close_connection = True
                return
        else:
            self.server.refused += 1
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("location", f"{self.server.url}&again")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Watching(Auditing):
    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.state = self.folder / "state"
        (self.folder / "secret").write_text("whsec_" + base64.b64encode(SECRET).decode())
        (self.folder / "token").write_text(TOKEN + "\n")
        self.runs = 0

    def tearDown(self):
        # Nothing that a watch writes or sends has a value in it.
        self.assertEqual(harness.files_with(CANARY, self.folder), [])
        self.assertFalse(any(CANARY.encode() in body for body in self.receiver.raw))

    def command(self, *args):
        return [
            harness.REGENT, "watch", "--region", f"{EAST},{WEST}", "--output", "json", "--state", str(self.state),
            "--webhook", self.receiver.url, "--webhook-secret-file", str(self.folder / "secret"), *args,
        ]

    def watch(self, *args, interval="1s"):
        """Starts a watch. Returns it, with `lines` of its output and `endpoint`."""
        self.runs += 1
        out, err = self.folder / f"out-{self.runs}", self.folder / f"err-{self.runs}"
        command = self.command(
            "--interval", interval, "--jitter", "0s", "--listen", "127.0.0.1:0",
            "--events-token-file", str(self.folder / "token"), *args,
        )
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            watch = subprocess.Popen(
                command, env=self.server.env(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
        self.addCleanup(lambda: watch.poll() is None and watch.kill())
        watch.lines = lambda: [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]
        watch.errors = err.read_text
        watch.endpoint = self.eventually(watch.lines, "a line of output")[0]["endpoint"]
        return watch

    def stop(self, watch, by=signal.SIGTERM):
        watch.send_signal(by)
        self.assertEqual(watch.wait(harness.PATIENCE_S), 0, watch.errors())

    def rounds(self, watch):
        return [line["round"] for line in watch.lines() if line["event"] == "round"]

    def more_rounds(self, watch, count=2):
        """Waits for rounds that begin from now on."""
        last = max(self.rounds(watch), default=0)
        self.eventually(lambda: max(self.rounds(watch), default=0) >= last + count + 1, "further rounds")

    def notice(self):
        return self.receiver.notices.get(timeout=harness.PATIENCE_S)

    def silent(self):
        self.assertEqual(list(self.receiver.notices.queue), [])

    def metrics(self, watch):
        """The samples, by name and labels as they are written."""
        with urllib.request.urlopen(f"{watch.endpoint}/metrics", timeout=harness.PATIENCE_S) as answer:
            text = answer.read().decode()
        self.assertNotIn(CANARY, text)
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def break_one(self, name):
        self.create(name, to=[(WEST, BOGUS)])
        self.assertEqual(self.settled(name, WEST)["Status"], "Failed")

    def mend(self, name):
        self.secrets().remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=[WEST])
        self.secrets().replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": WEST}])
        self.assertEqual(self.settled(name, WEST)["Status"], "InSync")

    def event(self, name, call="PutSecretValue", source="aws.secretsmanager"):
        return {
            "version": "0", "id": "1", "detail-type": "AWS API Call via CloudTrail", "source": source,
            "account": ACCOUNT, "time": "2026-01-01T00:00:00Z", "region": EAST, "resources": [],
            "detail": {"eventName": call, "requestParameters": {"secretId": name}},
        }


class Watch(Watching):
    def test_a_failure_and_its_recovery_are_told_once_each(self):
        self.break_one("db/password")
        watch = self.watch()
        found = self.notice()
        told = {name: found[name] for name in ("event", "account", "region", "primary_region", "secret", "key", "rule", "severity", "reason")}
        self.assertEqual(
            told,
            {
                "event": "found", "account": ACCOUNT, "region": WEST, "primary_region": EAST,
                "secret": "db/password", "key": BOGUS, "rule": "RG201", "severity": "error",
                "reason": f"Invalid keyId '{BOGUS}'",
            },
        )
        of = f'{{rule="RG201",severity="error",account="{ACCOUNT}",region="{WEST}"}}'
        at = f'account="{ACCOUNT}",region="{WEST}"'
        metrics = self.metrics(watch)
        self.assertEqual(metrics["regent_watch_findings" + of], 1)
        self.assertEqual(metrics[f'regent_watch_replicas{{{at},status="Failed"}}'], 1)
        self.assertEqual(metrics[f'regent_watch_secrets{{account="{ACCOUNT}",region="{EAST}"}}'], 1)
        self.assertGreater(metrics["regent_watch_calls_total"], 0)
        self.assertGreater(metrics["regent_watch_last_round_timestamp_seconds"], time.time() - 600)
        self.more_rounds(watch)
        self.silent()
        # A restart, by a signal and by surprise, repeats nothing.
        self.stop(watch)
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o600)
        watch = self.watch()
        self.more_rounds(watch)
        watch.kill()
        watch.wait()
        watch = self.watch()
        self.more_rounds(watch)
        self.silent()
        self.mend("db/password")
        recovered = self.notice()
        told = {name: recovered[name] for name in ("event", "secret", "region", "rule", "since")}
        self.assertEqual(
            told,
            {"event": "recovered", "secret": "db/password", "region": WEST, "rule": "RG201", "since": found["since"]},
        )
        self.assertNotEqual(recovered["id"], found["id"])
        self.more_rounds(watch)
        self.silent()
        metrics = self.metrics(watch)
        self.assertNotIn("regent_watch_findings" + of, metrics)
        self.assertEqual(metrics['regent_watch_notices_total{event="recovered"}'], 1)
        self.assertEqual(metrics["regent_watch_notices_waiting"], 0)
        self.stop(watch, by=signal.SIGINT)

    def test_a_receiver_that_is_away_gets_everything_later(self):
        self.receiver.status = 503
        self.break_one("db")
        watch = self.watch()
        self.eventually(lambda: self.receiver.refused, "an attempt")
        self.mend("db")
        self.eventually(lambda: self.metrics(watch)["regent_watch_notices_waiting"] == 2, "two notices")
        # What waits outlives the watch, and the receiver's absence stops no round.
        self.stop(watch)
        watch = self.watch()
        self.more_rounds(watch)
        self.silent()
        self.receiver.status = 200
        self.assertEqual([self.notice()["event"] for _ in range(2)], ["found", "recovered"])
        self.eventually(lambda: self.metrics(watch)["regent_watch_notices_waiting"] == 0, "an empty queue")
        self.assertGreater(self.metrics(watch)["regent_watch_notice_failures_total"], 0)
        self.silent()
        # The address may have a token in it.
        self.assertNotIn("of=me", watch.errors())
        self.stop(watch)

    def test_an_event_has_a_secret_looked_at_at_once(self):
        events = self.folder / "events"
        events.write_text(json.dumps(self.event("old")) + "\n")
        # The next round is hours away.
        watch = self.watch("--events-file", str(events), interval="5h")
        self.eventually(lambda: self.rounds(watch), "the first round")
        self.break_one("db")
        self.break_one("other")
        with events.open("a") as file:
            file.write("no event\n" + json.dumps(self.event("db")) + "\n")
        self.assertEqual((lambda one: (one["event"], one["secret"]))(self.notice()), ("found", "db"))
        self.silent()
        self.mend("db")
        self.post(watch, self.event("db", "ReplicateSecretToRegions"), 202)
        self.assertEqual((lambda one: (one["event"], one["secret"]))(self.notice()), ("recovered", "db"))
        self.assertEqual(self.rounds(watch), [1])
        metrics = self.metrics(watch)
        self.assertEqual(metrics['regent_watch_events_total{about="secret"}'], 2)
        self.assertEqual(metrics['regent_watch_events_total{about="unreadable"}'], 1)
        # A key's change is about every secret.
        self.post(watch, self.event("x", "DisableKey", "aws.kms"), 202)
        self.assertEqual(self.notice()["secret"], "other")
        self.assertEqual(self.rounds(watch)[-1], 2)
        self.post(watch, {"no": "event"}, 400)
        self.post(watch, self.event("db"), 401, token="another")
        self.stop(watch)

    def test_what_has_not_settled_when_it_is_looked_at_is_looked_at_again(self):
        watch = self.watch(interval="5h")
        self.eventually(lambda: self.rounds(watch), "the first round")
        self.server.regent("region", "partition", EAST, WEST)
        self.create("db", to=[(WEST, BOGUS)])
        self.post(watch, self.event("db"), 202)
        looks = lambda: self.metrics(watch)["regent_watch_looks_total"]
        self.eventually(lambda: looks() >= 1, "a look")
        self.silent()
        # No event and no round comes after this.
        self.server.regent("region", "heal")
        self.assertEqual(self.notice()["secret"], "db")
        self.assertEqual(self.rounds(watch), [1])
        self.assertGreaterEqual(looks(), 2)
        self.stop(watch)

    def post(self, watch, event, status, token=TOKEN):
        request = urllib.request.Request(
            f"{watch.endpoint}/events", method="POST", data=json.dumps(event).encode(),
            headers={"authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=harness.PATIENCE_S) as answer:
                found = answer.status
        except urllib.error.HTTPError as error:
            found = error.code
        self.assertEqual(found, status)

    def test_what_cannot_be_read_is_not_called_mended(self):
        self.break_one("db")
        watch = self.watch()
        self.assertEqual(self.notice()["secret"], "db")
        self.server.regent("region", "down", EAST)
        lost = self.notice()
        self.assertEqual((lost["event"], lost["rule"], lost["region"], lost["secret"]), ("found", "RG299", EAST, None))
        metrics = self.eventually(
            lambda: (lambda all: all['regent_watch_rounds_total{result="partial"}'] and all)(self.metrics(watch)),
            "a round that is counted",
        )
        self.assertGreater(metrics['regent_watch_rounds_total{result="whole"}'], 0)
        self.more_rounds(watch, 1)
        self.silent()
        self.server.regent("region", "up", EAST)
        back = self.notice()
        self.assertEqual((back["event"], back["rule"]), ("recovered", "RG299"))
        self.more_rounds(watch, 1)
        self.silent()
        self.stop(watch)

    def once(self, *args, key="test"):
        env = dict(self.server.env(), AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=key)
        done = subprocess.run(
            [*self.command("--once"), *args], env=env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=120,
        )
        self.assertNotIn(CANARY, done.stdout + done.stderr)
        return done.returncode

    def test_one_round_at_a_time(self):
        self.assertEqual(self.once(), 0)
        self.break_one("db")
        self.receiver.status = 500
        self.assertEqual(self.once(), 1)
        self.silent()
        self.receiver.status = 200
        self.assertEqual([self.once(), self.once()], [1, 1])
        self.assertEqual(self.notice()["event"], "found")
        self.silent()
        # Nobody can be asked: nothing is called mended, and it is told.
        self.assertEqual(self.once(key="nobody"), 7)
        self.assertEqual(self.notice()["rule"], "RG299")
        self.mend("db")
        self.assertEqual(self.once(), 0)
        events = {(one["event"], one["rule"]) for one in (self.notice(), self.notice())}
        self.assertEqual(events, {("recovered", "RG299"), ("recovered", "RG201")})
        self.silent()

    def test_a_notice_whose_answer_was_lost_is_told_again_under_its_id(self):
        self.break_one("db")
        self.receiver.lose = 1
        self.assertEqual(self.once(), 1)
        first, second = self.notice(), self.notice()
        self.assertEqual(first, second)
        self.silent()
        # It is known to be told then.
        self.assertEqual(self.once(), 1)
        self.silent()

    def test_a_failure_at_one_notice_is_none_at_the_next(self):
        for name in ("a", "b"):
            self.break_one(name)
        # Three failures at one notice are the end of a single round.
        self.receiver.refuse = [True, True, False, True, True, False]
        self.assertEqual(self.once(), 1)
        self.assertEqual({self.notice()["secret"] for _ in range(2)}, {"a", "b"})

    def test_without_a_receiver_nothing_waits_for_one(self):
        self.break_one("db")
        command = [harness.REGENT, "watch", "--once", "--region", f"{EAST},{WEST}", "--output", "json"]
        done = subprocess.run(
            [*command, "--state", str(self.state)], env=self.server.env(), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=120,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line["event"] for line in lines], ["found", "round"])
        self.assertEqual((lines[1]["problems"], lines[1]["waiting"]), (1, 0))
        # Whoever is there later is told of what changes later.
        self.assertEqual(self.once(), 1)
        self.silent()

    def test_a_redirection_is_no_delivery_and_is_not_followed(self):
        self.break_one("db")
        self.receiver.status = 307
        self.assertEqual(self.once(), 1)
        self.silent()
        # As often as it is tried, and never where it was sent.
        self.assertEqual(self.receiver.refused, 3)
        self.receiver.status = 200
        self.assertEqual(self.once(), 1)
        self.assertEqual(self.notice()["secret"], "db")

    def test_wrong_usage_has_its_codes(self):
        watch = self.watch(interval="5h")
        self.assertEqual(self.once(), 5)
        self.stop(watch)
        self.assertEqual(self.once("--webhook-secret-file", str(self.folder / "token")), 2)
        self.state.write_text("my notes")
        self.assertEqual(self.once(), 2)
        self.assertEqual(self.state.read_text(), "my notes")
