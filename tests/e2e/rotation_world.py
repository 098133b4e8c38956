"""What rotation is tested with: a PostgreSQL cluster, a server that invokes the function as Lambda's
runtime interface emulator does, and a configuration that names both.
"""

import http.server
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import rotation_function
from harness import PATIENCE_S

HERE = pathlib.Path(__file__).resolve().parent
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:rotate-postgres"
COMMAND = "arn:aws:lambda:us-east-1:123456789012:function:rotate-by-command"
# What the function may do, and nothing else: it calls back as a client like any other.
ROTATOR = {
    "id": "AKIAROTATOR", "secret": "rotators-secret", "user": "rotator",
    "policies": [{
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow", "Resource": "*",
            "Action": [
                "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
                # For values under a customer managed key.
                "kms:Decrypt", "kms:GenerateDataKey",
            ],
        },
    }],
}
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]


def binaries():
    """Where Debian keeps PostgreSQL's programs, newest first."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    if on_path:
        return pathlib.Path(on_path).parent
    raise AssertionError("PostgreSQL is not installed; `cargo xtask e2e` installs it")


class Postgres:
    """A cluster of its own below a scratch directory, without TCP, run as the postgres user."""

    def __init__(self):
        self.bin = binaries()
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="regent-pg-", dir="/tmp"))
        self.data = self.scratch / "data"
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        password = self.scratch / "password"
        password.write_text("owner\n")
        if os.getuid() == 0:
            for path in [self.scratch, password]:
                shutil.chown(path, "postgres", "postgres")
        self.scratch.chmod(0o755)
        self.run("initdb", "-D", self.data, "-U", "owner", "--pwfile", password,
                 "--auth", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale", "C")
        options = f"-c listen_addresses= -c unix_socket_directories={self.scratch} -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", self.scratch / "log", "-w", "start")

    def run(self, program, *args):
        command = [str(self.bin / program), *map(str, args)]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120,
        )
        if done.returncode != 0:
            raise AssertionError(f"{program}: {done.stdout}")

    def login(self, user, password):
        return {
            "engine": "postgres", "host": str(self.scratch), "port": 5432, "dbname": "postgres",
            "username": user, "password": password,
        }

    def new_user(self, user, password):
        """A user with this password. Returns its login, as a secret's value."""
        owner = self.login("owner", "owner")
        rotation_function.query(owner, f'DROP USER IF EXISTS "{user}"')
        rotation_function.query(owner, f"CREATE USER \"{user}\" PASSWORD '{password}'")
        return self.login(user, password)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.scratch, ignore_errors=True)


class InvokeServer:
    """Serves Invoke. It can fail steps, and hold one until it is let go."""

    def __init__(self, server):
        # Whom the function calls back; its endpoint may change when the server is started again.
        self.server = server
        self.events = []
        # Steps that fail, each as often as it is listed.
        self.failing = []
        self.holding = None
        self.held = threading.Event()
        self.release = threading.Event()
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                error = outer.invoke(self.path, body)
                answer = b"null" if error is None else json.dumps(error).encode()
                try:
                    self.send_response(200)
                    if error is not None:
                        self.send_header("X-Amz-Function-Error", "Unhandled")
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # Whoever asked was killed.

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def invoke(self, path, body):
        """The function's error, or None."""
        try:
            event = json.loads(body)
            assert path == "/2015-03-31/functions/rotate-postgres/invocations", path
            with self.lock:
                self.events.append(event)
                fails = event["Step"] in self.failing
                if fails:
                    self.failing.remove(event["Step"])
                holds = event["Step"] == self.holding
                if holds:
                    self.holding = None
            if fails:
                raise RuntimeError("the function fails, as it was told to")
            if holds:
                self.held.set()
                self.release.wait(PATIENCE_S)
            # A server that has just been started invokes before it has told the test where it is.
            deadline = time.monotonic() + PATIENCE_S
            while self.server.endpoint is None and time.monotonic() < deadline:
                time.sleep(0.01)
            client = self.server.client(
                "secretsmanager", "us-east-1", key=ROTATOR["id"], secret=ROTATOR["secret"]
            )
            rotation_function.lambda_handler(event, None, client)
        except Exception as error:  # noqa: BLE001 - Lambda answers with whatever the handler raised
            return {"errorMessage": str(error), "errorType": type(error).__name__}
        return None

    def hold(self, step):
        self.held.clear()
        self.release.clear()
        self.holding = step

    def steps(self, since=0):
        return [event["Step"] for event in self.events[since:]]

    def stop(self):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


def configuration(directory, url):
    """Writes the server's configuration: the function's user, and both kinds of functions."""
    path = pathlib.Path(directory) / "regent.json"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    path.write_text(json.dumps({
        "access_keys": [ROTATOR],
        "functions": [
            {"arn": FUNCTION, "url": url, "timeout_s": PATIENCE_S},
            {
                "arn": COMMAND, "timeout_s": PATIENCE_S, "access_key": ROTATOR["id"],
                "command": [sys.executable, "-B", str(HERE / "rotation_function.py")],
                "environment": environment,
            },
        ],
    }))
    path.chmod(0o600)
    return path
