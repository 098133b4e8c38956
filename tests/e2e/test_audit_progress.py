"""How far an audit has come: shown to a person at a terminal and to nobody else, and kept in a file that a
`kill -9` leaves good."""

import json
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import threading
import time

import harness
from test_audit import BOGUS, EAST, WEST, Auditing, Liar


class Held(Auditing):
    """A server that holds an answer back until it is told to go on."""

    def setUp(self):
        super().setUp()
        self.liar = Liar(self.server.port)
        self.addCleanup(self.liar.server_close)
        self.addCleanup(self.liar.shutdown)
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.addCleanup(self.go_on.set)

    def hold(self, operation, region, number):
        """Holds the answer of that number."""
        calls = []

        def held(answer):
            calls.append(1)
            if len(calls) == number:
                self.reached.set()
                self.go_on.wait(harness.PATIENCE_S)
            return 200, answer

        self.liar.lies[operation, region] = held

    def start(self, *args, stderr):
        env = dict(self.server.env(), AWS_ENDPOINT_URL=self.liar.endpoint, TERM="xterm")
        child = subprocess.Popen(
            [harness.REGENT, *args], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=stderr, text=True,
        )
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child


class Shown(Held):
    def on_a_terminal(self, *args, wanted, code):
        """Runs a command whose stderr is a terminal, and lets it go on once that shows `wanted`."""
        terminal, side = os.openpty()
        self.addCleanup(os.close, terminal)
        child = self.start(*args, stderr=side)
        os.close(side)
        shown, deadline = "", time.monotonic() + harness.PATIENCE_S
        while wanted not in shown:
            ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
            self.assertTrue(ready, shown)
            shown += os.read(terminal, 65536).decode()
        self.go_on.set()
        printed = child.stdout.read()
        self.assertEqual(child.wait(harness.PATIENCE_S), code)
        self.assertNotIn("\x1b", printed)
        return json.loads(printed)

    def test_an_audit_shows_how_far_it_is_to_a_terminal_only(self):
        for number in range(3):
            self.create(f"s{number}")
        self.hold("ListSecrets", WEST, 1)
        args = ["audit", "--region", f"{EAST},{WEST}", "--output", "json"]
        report = self.on_a_terminal(*args, wanted="1 of 4 lists, 3 entries", code=0)
        self.assertEqual(report["secrets"], 3)
        self.liar.lies.clear()
        self.assertEqual(self.audit(*args[1:], code=0).stderr, "")

    def test_a_live_check_shows_how_many_keys_it_has_asked_for(self):
        replicas = [{"Region": region, "KmsKeyId": "alias/x"} for region in (WEST, "eu-west-1")]
        secret = {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"GenerateSecretString": {}, "ReplicaRegions": replicas},
        }
        self.hold("ListAliases", WEST, 1)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "template.json")
            path.write_text(json.dumps({"Resources": {"S": secret}}))
            args = ["check", str(path), "--live", "--output", "json"]
            report = self.on_a_terminal(*args, wanted="1 of 2 keys", code=1)
        self.assertEqual([one["rule"] for one in report["findings"]], ["RG219"] * 2)


class Killed(Held):
    def test_what_was_done_before_a_kill_is_not_done_again(self):
        for number in range(230):
            self.create(f"s{number:03}", to=[(WEST, BOGUS)] if number % 50 == 0 else ())
        for number in range(0, 230, 50):
            self.settled(f"s{number:03}", WEST)
        args = ["--region", f"{EAST},{WEST}"]
        whole = self.report(*args, code=1)
        # Two pages of three are done, and the third has been asked for.
        self.hold("ListSecrets", EAST, 3)
        with tempfile.TemporaryDirectory() as folder:
            state = pathlib.Path(folder, "state")
            args += ["--state", str(state)]
            child = self.start("audit", "--output", "json", *args, stderr=subprocess.DEVNULL)
            self.assertTrue(self.reached.wait(harness.PATIENCE_S))
            child.send_signal(signal.SIGKILL)
            child.wait()
            self.go_on.set()
            self.assertEqual(child.stdout.read(), "")
            before = self.described()
            self.assertEqual(len(before), 200)
            self.liar.asked.clear()
            # As if the kill had come in the middle of a line.
            with state.open("a") as file:
                file.write('{"account":"1234')
            again = self.report(*args, endpoint=self.liar.endpoint, code=1)
            self.assertFalse(state.exists())
        after = self.described()
        self.assertEqual((len(after), before & after), (30, set()))
        for name in ("findings", "table", "secrets"):
            self.assertEqual(again[name], whole[name])

    def described(self):
        asked = [body for operation, _, body in self.liar.asked if operation == "DescribeSecret"]
        self.assertEqual(len(asked), len(set(asked)))
        return set(asked)
