"""PROMISE R1: before a write is answered, its Region's log has been synced. Seen from outside, in
the system calls of the real binary: a kill of the process would not tell a sync from its absence."""

import re
import shutil
import time
import unittest

import harness

WRITES = 20
# A line of the trace: process, call, the file or socket of its descriptor, and the rest.
CALL = re.compile(r"^(\d+) +(\w+)\(\d+<([^>]*)>(.*)$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")


def finished(lines):
    """The calls in the order in which they ended: (call, file, rest of the line)."""
    under_way = {}
    for line in lines:
        if match := CALL.match(line):
            process, call, file, rest = match.groups()
            if rest.endswith("<unfinished ...>"):
                under_way[process] = (file, rest)
            else:
                yield call, file, rest
        elif match := RESUMED.match(line):
            process, call, end = match.groups()
            if process in under_way:
                file, rest = under_way.pop(process)
                yield call, file, rest + end


class Traced(harness.Server):
    """A server whose system calls are written down."""

    def __init__(self):
        super().__init__()
        self.trace = self.scratch / "trace"
        calls = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg,read,recvfrom"
        # With -D the server is the process that was started, and gets the signals.
        self.prefix = ["strace", "-D", "-f", "-y", "-s", "24", "-e", calls, "-o", str(self.trace)]


class Sync(unittest.TestCase):
    def setUp(self):
        self.assertIsNotNone(shutil.which("strace"), "strace is not installed")
        self.server = Traced()
        self.addCleanup(self.server.remove)
        self.server.start()
        self.client = self.server.client("secretsmanager")

    def whole_trace(self, process):
        """The trace's lines, once the tracer has written the last one."""
        deadline = time.monotonic() + harness.PATIENCE_S
        # Numbers of fewer than five digits are padded.
        last = re.compile(rf"^{process} +\+\+\+ exited")
        while True:
            lines = self.server.trace.read_text().splitlines()
            if any(last.match(line) for line in lines[-5:]):
                return lines
            self.assertLess(time.monotonic(), deadline, "the trace does not end")
            time.sleep(0.05)

    def test_no_write_is_answered_before_it_is_synced(self):
        # The first request of an account makes its key, in a commit of its own.
        self.client.create_secret(Name="first", SecretString="x")
        for number in range(WRITES):
            self.client.create_secret(Name=f"s{number}", SecretString="x")
        for number in range(WRITES):
            self.client.put_secret_value(SecretId=f"s{number}", SecretString="y")
        process = self.server.process.pid
        self.server.stop()
        lines = self.whole_trace(process)
        log = str(self.server.data_dir / "us-east-1.db-wal")
        written = synced = answers = 0
        # Of the request that is under way. What the Region writes by itself may come in between.
        is_written = is_synced = False
        for call, file, rest in finished(lines):
            is_socket = file.startswith(("socket:", "TCP:"))
            if file == log and call == "pwrite64":
                written += 1
                is_written = True
            elif file == log and call in ("fsync", "fdatasync"):
                self.assertIn("= 0", rest)
                synced += 1
                is_synced = is_written
            elif is_socket and '"POST /' in rest:
                is_written = is_synced = False
            elif is_socket and '"HTTP/1.1 200' in rest:
                answers += 1
                self.assertTrue(is_synced, f"answer {answers} came before the sync")
        self.assertGreater(written, 2 * WRITES)
        self.assertGreaterEqual(synced, 2 * WRITES)
        self.assertGreaterEqual(answers, 2 * WRITES + 1)
