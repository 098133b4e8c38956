"""The README's stories, pasted as they stand: what it shows is what happens.

Only two things differ from a reader's shell: `cargo` is a script that runs the binary under test,
and the port is one that is free.
"""

import os
import pathlib
import re
import socket
import subprocess
import tempfile
import unittest

from harness import REGENT, ROOT

CARGO = """#!/bin/sh
case "$1 $2 $3" in
"build --release ") exit 0 ;;
"run --release --") shift 3 ;;
*) echo "the README has a command that this test does not know: cargo $*" >&2; exit 64 ;;
esac
if [ "$1" = dev ]; then exec "$REGENT" "$@" --port PORT; fi
exec "$REGENT" "$@"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = (ROOT / "README.md").read_text()
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        # What is found before it is deployed, and after.
        guarded = [block for block in blocks if re.search("-- (check|audit)", block)]
        assert len(guarded) == 2, guarded
        cls.stories = blocks[:2] + guarded
        # What each says that it prints.
        cls.shown = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        # One after the other in one shell: the second goes on where the first ends.
        cls.printed = cls.paste("\n".join(cls.stories))

    @staticmethod
    def paste(script):
        """Runs lines in a shell, as somebody who pastes them. Returns each line, and after it what
        it printed."""
        port = free_port()
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            cargo = scratch / "cargo"
            cargo.write_text(CARGO.replace("PORT", port))
            cargo.chmod(0o755)
            # A reader is in a clone, whose files are named.
            (scratch / "crates").symlink_to(ROOT / "crates")
            env = {key: value for key, value in os.environ.items()
                   if not key.startswith(("AWS_", "REGENT_"))}
            env.update(
                PATH=f"{scratch}:{env['PATH']}", REGENT=REGENT, AWS_PAGER="",
                AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            )
            # The last server is the reader's to stop.
            done = subprocess.run(
                ["bash", "-v"], input=script.replace("4566", port) + "\nkill %%; wait\n",
                cwd=scratch, env=env, text=True, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=300,
            )
        return done.stdout

    def after(self, line, count=1):
        """What was printed between the `count`th line that begins so and the next command."""
        parts = re.split(rf"^{re.escape(line)}.*\n", self.printed, flags=re.MULTILINE)
        self.assertGreater(len(parts), count, f"{line!r} is not in {self.printed}")
        return re.split(r"^(?:aws|cargo|kill|KEY=|export) ", parts[count], flags=re.MULTILINE)[0]

    def test_the_silent_error(self):
        self.assertEqual(len(self.stories[0].splitlines()), 10, "it is called a story of ten lines")
        describe = "aws secretsmanager describe-secret"
        create = "aws secretsmanager create-secret"
        self.assertIn('"InProgress"', self.after(create))
        self.assertIn('"StatusMessage": "Replication succeeded"', self.after(describe))
        failed = self.after(describe, 2)
        self.assertIn(
            '"StatusMessage": "Replication failed: Secrets Manager can\'t encrypt the secret value: '
            "Invalid keyId 'mrk-1234abcd12ab34cd56ef12345678990aa' (Service: AWSKMS;", failed,
        )
        refused = self.after(create, 2)
        self.assertRegex(refused, "InvalidParameterException.*us-west-2.*Invalid keyId")
        self.assertRegex(self.after("aws secretsmanager list-secrets"), r'"SecretList": \[\]')

    def test_losing_a_region(self):
        read = self.after("aws secretsmanager get-secret-value")
        self.assertIn('"SecretString": "one"', read)
        self.assertIn("us-west-2", read)
        self.assertRegex(
            self.after("cargo run --release -- region down"), r"us-east-1 +down \(503\)"
        )
        # Version 1 of the CLI takes the text as it is, version 2 as base64.
        opened = self.after("aws kms decrypt")
        self.assertRegex(opened, '"Plaintext": "(aGVsbG8=|YUdWc2JHOD0=)"')
        self.assertRegex(self.after("cargo run --release -- region list"), r"LAG +BACKLOG")
        story = self.printed.split("aws secretsmanager list-secrets")[1].split("cargo run --release -- check")[0]
        self.assertNotIn("rror", story)

    def test_before_it_is_deployed(self):
        [shown] = [text for text in self.shown if "RG001" in text]
        self.assertIn(shown, self.after("cargo run --release -- check"))

    def test_after_it_is_deployed(self):
        [shown] = [text for text in self.shown if "RG201" in text]
        self.assertIn(shown, self.after("cargo run --release -- audit"))
