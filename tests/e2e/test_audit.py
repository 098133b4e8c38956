"""`regent audit` on real processes: every fault of a replica, made in a Regent that behaves as AWS does, is
found; nothing is found where all is well; and no output has a value in it."""

import http.client
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

import harness
import sarif
from harness import ACCOUNT, Case

EAST, WEST = "us-east-1", "us-west-2"
BOGUS = "mrk-1234abcd12ab34cd56ef12345678990aa"
CANARY = "canary-7f3a-value-of-a-secret"
FORMATS = ["text", "json", "sarif", "junit", "github", "markdown"]


def root(action):
    """A statement that allows the account something."""
    return {
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": action, "Resource": "*",
    }


def policy(*actions):
    return json.dumps({"Version": "2012-10-17", "Statement": [root(list(actions))]})


class Liar(http.server.ThreadingHTTPServer):
    """Stands before a server, passes everything on, and changes the answers that it is told to."""

    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", 0), Passing)
        self.behind = port
        # (operation, Region) to a function of the answer, which returns (status, answer).
        self.lies = {}
        # Operations that it answers itself.
        self.own = {}
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        # A client that was killed hears no answer.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
        if operation in self.server.own:
            answered = json.dumps(self.server.own[operation]).encode()
            return self.answer(200, "application/x-amz-json-1.1", answered)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        status, answered = answer.status, answer.read()
        region = self.headers["authorization"].split("/")[2]
        self.server.asked.append((operation, region, body))
        lie = self.server.lies.get((operation, region))
        if lie and status == 200:
            status, changed = lie(json.loads(answered))
            answered = json.dumps(changed).encode()
        self.answer(status, answer.headers["content-type"], answered)

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Auditing(Case):
    profile = "aws"
    maxDiff = None

    def audit(self, *args, code=None, endpoint=None, key="test"):
        """Runs an audit. Returns what it did; no output may have a value in it."""
        env = dict(self.server.env(), AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=key)
        if endpoint:
            env["AWS_ENDPOINT_URL"] = endpoint
        done = subprocess.run(
            [harness.REGENT, "audit", *args], env=env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=120,
        )
        self.assertNotIn(CANARY, done.stdout + done.stderr)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def report(self, *args, **options):
        return json.loads(self.audit("--output", "json", *args, **options).stdout)

    def found(self, *args, **options):
        """The findings as rule, Region and name, without what is told of the caller's rights."""
        findings = self.report(*args, **options)["findings"]
        places = {one["path"].partition("/")[0] for one in findings}
        self.assertLessEqual(places, {ACCOUNT})
        return {
            (one["rule"], one["path"].partition("/")[2], one["resource"]): one["message"]
            for one in findings
        }

    def create(self, name, region=EAST, value=CANARY, to=(), key=None):
        """A secret with replicas, each a Region and a key or None."""
        replicas = [
            {"Region": there, **({"KmsKeyId": its} if its else {})} for there, its in to
        ]
        params = {"SecretString": value} if value else {}
        if key:
            params["KmsKeyId"] = key
        if replicas:
            params["AddReplicaRegions"] = replicas
        return self.secrets(region).create_secret(Name=name, **params)["ARN"]

    def key(self, region=EAST, **params):
        return self.keys(region).create_key(**params)["KeyMetadata"]["Arn"]

    def replicated(self, name, key=None, to=WEST):
        arn = self.create(name, to=[(to, key)])
        self.assertEqual(self.settled(name, to)["Status"], "InSync")
        return arn

    def partition(self):
        self.server.regent("region", "partition", EAST, WEST)
        self.addCleanup(self.server.regent, "region", "heal")


class Audit(Auditing):
    def test_nothing_is_found_where_all_is_well(self):
        pair = self.multi_region_key(WEST)
        self.create("app/a", to=[(WEST, pair)], key=pair)
        self.create("app/b", to=[(WEST, None), ("eu-west-1", None)])
        self.create("alone")
        self.create("empty", value=None, to=[(WEST, pair)])
        for name in ["app/a", "app/b", "empty"]:
            self.settled(name, WEST)
        self.settled("app/b", "eu-west-1")
        report = self.report("--probe", code=0)
        self.assertEqual(report["findings"], [])
        # Every Region that there is, and no other.
        self.assertEqual(report["regions"], len(harness.REGIONS))
        rows = {row["region"]: row for row in report["table"]}
        east = {name: rows[EAST][name] for name in ("secrets", "replicated", "replicas", "in_sync")}
        self.assertEqual(east, {"secrets": 4, "replicated": 3, "replicas": 0, "in_sync": 0})
        west = {name: rows[WEST][name] for name in ("secrets", "replicas", "in_sync", "failed")}
        self.assertEqual(west, {"secrets": 0, "replicas": 3, "in_sync": 3, "failed": 0})
        cost = report["cost"]
        self.assertEqual((cost["secrets"], cost["replicas"], cost["keys"]), (4, 4, 2))
        self.assertEqual(cost["usd_a_month"], "5.20")

    def test_replicas_that_failed_say_why(self):
        west = self.keys(WEST)
        disabled, shut = self.key(WEST), self.key(WEST)
        west.disable_key(KeyId=disabled)
        west.put_key_policy(KeyId=shut, PolicyName="default", Policy=policy("kms:Describe*", "kms:Get*", "kms:Put*"))
        self.create("taken", region=WEST)
        for name, key in [("bogus", BOGUS), ("alias", "alias/absent"), ("disabled", disabled), ("shut", shut), ("taken", None)]:
            self.create(name, to=[(WEST, key)])
            self.assertEqual(self.settled(name, WEST)["Status"], "Failed")
        found = self.found("--region", f"{EAST},{WEST}", code=1)
        self.assertEqual(
            set(found),
            {
                ("RG201", WEST, "bogus"), ("RG201", WEST, "alias"), ("RG202", WEST, "disabled"),
                ("RG203", WEST, "shut"), ("RG204", WEST, "taken"),
            },
        )
        self.assertEqual(found["RG201", WEST, "bogus"], f"Invalid keyId '{BOGUS}'")
        self.assertEqual(found["RG202", WEST, "disabled"], f"{disabled} is disabled")
        # Once the key is well, what is left is to replicate again.
        west.enable_key(KeyId=disabled)
        found = self.found()
        self.assertEqual(
            found["RG202", WEST, "disabled"], f"{disabled} is disabled; the key can be used now"
        )

    def test_replicas_that_are_called_in_sync_and_will_not_be_readable(self):
        west = self.keys(WEST)
        disabled, pending, shut = (self.key(WEST) for _ in range(3))
        self.create("empty", value=None, to=[(WEST, BOGUS)])
        for name, key in [("disabled", disabled), ("pending", pending), ("shut", shut)]:
            self.replicated(name, key)
        self.assertEqual(self.settled("empty", WEST)["Status"], "InSync")
        west.disable_key(KeyId=disabled)
        west.schedule_key_deletion(KeyId=pending)
        west.put_key_policy(KeyId=shut, PolicyName="default", Policy=policy("kms:Describe*", "kms:Get*", "kms:Put*"))
        expected = {
            ("RG209", WEST, "empty"), ("RG210", WEST, "disabled"), ("RG211", WEST, "pending"),
            ("RG212", WEST, "shut"),
        }
        found = self.found(code=1)
        self.assertEqual(set(found), expected)
        self.assertIn("no value yet", found["RG209", WEST, "empty"])
        # To read is to know.
        probed = set(self.found("--probe", code=1))
        failed = {("RG216", WEST, name) for name in ("disabled", "pending", "shut")}
        self.assertEqual(probed, expected | failed)

    def test_replicas_and_primaries_that_have_parted(self):
        for name in ("gone", "promoted", "stranded"):
            self.replicated(name)
        self.partition()
        for name in ("gone", "promoted"):
            self.secrets(WEST).stop_replication_to_replica(SecretId=name)
        self.secrets(WEST).delete_secret(SecretId="gone", ForceDeleteWithoutRecovery=True)
        self.secrets().remove_regions_from_replication(
            SecretId="stranded", RemoveReplicaRegions=[WEST]
        )
        self.secrets().delete_secret(SecretId="stranded", ForceDeleteWithoutRecovery=True)
        self.create("late", to=[(WEST, None)])
        expected = {
            ("RG208", WEST, "gone"), ("RG217", WEST, "promoted"), ("RG213", WEST, "stranded"),
        }
        found = self.found(code=1)
        self.assertEqual(set(found), expected)
        self.assertEqual(found["RG213", WEST, "stranded"], f"there is no primary in {EAST} any more")
        # A replica whose primary's Region is not asked for is looked up all the same.
        self.assertEqual(set(self.found("--region", WEST, code=1)), {("RG213", WEST, "stranded")})
        # What takes longer than it may.
        late = self.found("--patience", "0s", code=1)
        self.assertEqual(set(late), expected | {("RG206", WEST, "late")})

    def test_secrets_that_will_be_missed_elsewhere(self):
        own = self.key()
        for name in ("prod/a", "prod/b", "prod/c"):
            self.create(name, to=[(WEST, None)], key=own if name == "prod/a" else None)
        for name in ("prod/d", "test/x", "test/y", "alone"):
            self.create(name)
        self.keys().disable_key(KeyId=self.key())
        for name in ("prod/a", "prod/b", "prod/c"):
            self.settled(name, WEST)
        found = self.found(code=1)
        self.assertEqual(set(found), {("RG214", EAST, "prod/a"), ("RG215", EAST, "prod/")})
        self.assertEqual(
            found["RG215", EAST, "prod/"],
            "1 of 4 are not replicated: prod/d; the others are in us-west-2",
        )
        # A key that nothing can be read with is told of the primary too.
        self.keys().disable_key(KeyId=own)
        self.assertIn(("RG210", EAST, "prod/a"), self.found())

    def test_what_a_region_says_against_its_primary(self):
        for name in ("same", "other"):
            self.replicated(name)
        liar = Liar(self.server.port)
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        self.assertEqual(self.found("--probe", endpoint=liar.endpoint, code=0), {})
        version = "00000000-0000-4000-8000-000000000001"

        def old_version(answer):
            if answer["Name"] == "other":
                answer["VersionIdsToStages"] = {version: ["AWSCURRENT"]}
            return 200, answer

        liar.lies["DescribeSecret", WEST] = old_version
        found = self.found(endpoint=liar.endpoint, code=1)
        self.assertEqual(set(found), {("RG207", WEST, "other")})
        self.assertIn(f"AWSCURRENT is {version} there", found["RG207", WEST, "other"])
        liar.lies.clear()

        def old_value(answer):
            if answer["Name"] == "other":
                answer["SecretString"] = CANARY + "-old"
            return 200, answer

        # An answer that is cut off is not shown either.
        liar.lies["GetSecretValue", WEST] = lambda answer: (200, [answer])
        found = self.found("--probe", endpoint=liar.endpoint, code=1)
        self.assertEqual(set(found), {("RG216", WEST, "other"), ("RG216", WEST, "same")})
        liar.lies["GetSecretValue", WEST] = old_value
        self.assertEqual(self.found(endpoint=liar.endpoint, code=0), {})
        found = self.found("--probe", endpoint=liar.endpoint, code=1)
        self.assertEqual(set(found), {("RG216", WEST, "other")})

    def test_a_baseline_and_every_output(self):
        self.create("a_b/c", to=[(WEST, BOGUS)])
        self.settled("a_b/c", WEST)
        wanted = {
            "text": "error RG201: Invalid keyId",
            "json": '"rule": "RG201"',
            "sarif": '"regent audit"',
            "junit": '<failure type="error" message="Invalid keyId',
            "github": "::error title=RG201 Replica failed%3A its key does not resolve::a_b/c in",
            "markdown": "| error | RG201 |",
        }
        for output in FORMATS:
            printed = self.audit("--output", output, "--probe", code=1).stdout
            self.assertIn(wanted[output], printed)
        text = self.audit().stdout
        self.assertRegex(text, rf"(?m)^{ACCOUNT}  {WEST} +0 +0 +0 +0 +1 +1$")
        self.assertIn("cost: $0.40 a month for 1 secrets and 0 replicas, $0.00 for 0 keys", text)
        with tempfile.TemporaryDirectory() as folder:
            known = f"{folder}/known.json"
            self.audit("--write-baseline", known, code=0)
            self.assertIn("1 more in the baseline", self.audit("--baseline", known, code=0).stdout)


class Report(Auditing):
    @sarif.needs_schema
    def test_sarif_fits_its_schema(self):
        self.create("app/db", to=[(WEST, BOGUS)])
        self.settled("app/db", WEST)
        self.server.regent("region", "down", "us-east-2")
        self.addCleanup(self.server.regent, "region", "up", "us-east-2")
        args = ["--region", f"{EAST},{WEST},us-east-2", "--output", "sarif"]
        found = sarif.results(self, self.audit(*args, code=7).stdout)
        self.assertEqual({one["ruleId"] for one in found}, {"RG201", "RG299"})
        self.assertEqual(sarif.results(self, self.audit("--region", "eu-west-1", *args[2:], code=0).stdout), [])

    def test_the_report_in_html_needs_nothing_else(self):
        self.create("db", to=[(WEST, BOGUS)])
        self.settled("db", WEST)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "report.html")
            self.audit("--html", str(path), "--probe", code=1)
            report = path.read_text()
        self.assertNotIn(CANARY, report)
        self.assertIn("Invalid keyId &#39;" + BOGUS, report)
        self.assertIn("0 in sync, 0 in progress, 1 failed", report)
        for part in ("<script", "http:", "https:", "url(", "<link", "<img"):
            self.assertNotIn(part, report)


class Interrupted(Auditing):
    def test_an_audit_goes_on_where_it_was(self):
        for number in range(140):
            self.create(f"s{number:03}")
        self.create("bad", to=[(WEST, BOGUS)])
        self.settled("bad", WEST)
        whole = self.report("--region", EAST, code=1)
        liar = Liar(self.server.port)
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        pages = []

        def second_page_fails(answer):
            pages.append(answer)
            if len(pages) == 2:
                return 500, {"__type": "InternalServiceError", "Message": "not now"}
            return 200, answer

        liar.lies["ListSecrets", EAST] = second_page_fails
        with tempfile.TemporaryDirectory() as folder:
            state = pathlib.Path(folder, "state")
            args = ["--region", EAST, "--state", str(state)]
            done = self.audit("--output", "json", *args, endpoint=liar.endpoint, code=7)
            lost = json.loads(done.stdout)
            self.assertIn("RG299", [one["rule"] for one in lost["findings"]])
            self.assertNotIn(CANARY, state.read_text())
            self.assertEqual(state.stat().st_mode & 0o777, 0o600)
            liar.asked.clear()
            again = self.report(*args, endpoint=liar.endpoint, code=1)
            self.assertFalse(state.exists())
        described = [body for operation, _, body in liar.asked if operation == "DescribeSecret"]
        self.assertLessEqual(len(described), 45)
        for name in ("findings", "table", "secrets"):
            self.assertEqual(again[name], whole[name])

    def test_the_state_of_another_audit_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            state = pathlib.Path(folder, "state")
            state.write_text("my notes\n")
            done = self.audit("--region", EAST, "--state", str(state), code=2)
            self.assertIn("no state that an audit wrote", done.stderr)
            self.assertEqual(state.read_text(), "my notes\n")

    def test_a_region_that_is_down_is_told(self):
        self.create("bad", to=[("us-east-2", BOGUS)])
        self.settled("bad", "us-east-2")
        self.server.regent("region", "down", WEST)
        self.addCleanup(self.server.regent, "region", "up", WEST)
        found = self.found("--region", f"{EAST},us-east-2,{WEST}", code=7)
        self.assertEqual(set(found), {("RG201", "us-east-2", "bad"), ("RG299", WEST, None)})

    def test_an_organisation_is_read_as_far_as_its_role_is_there(self):
        liar = Liar(self.server.port)
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        states = {ACCOUNT: "ACTIVE", "111122223333": "ACTIVE", "444455556666": "CLOSED"}
        liar.own["ListAccounts"] = {
            "Accounts": [{"Id": account, "State": state} for account, state in states.items()]
        }
        self.replicated("here")
        args = ["--region", f"{EAST},{WEST}", "--organization-role", "auditor"]
        report = self.report(*args, endpoint=liar.endpoint, code=7)
        found = {(one["rule"], one["path"]): one["message"] for one in report["findings"]}
        self.assertEqual(set(found), {("RG299", "111122223333/*")})
        role = "arn:aws:iam::111122223333:role/auditor"
        self.assertRegex(found["RG299", "111122223333/*"], f"^{role}: AccessDenied: ")
        self.assertEqual({row["account"] for row in report["table"]}, {ACCOUNT})
        self.assertEqual(sum(row["replicas"] for row in report["table"]), 1)
        refused = self.audit(*args, code=7)
        self.assertIn("regent: the accounts of the organisation: UnknownOperation", refused.stderr)
        self.audit(*args, "--role-arn", role, code=2)

    def test_nobody_is_told_anything_without_credentials(self):
        done = self.audit("--region", EAST, key="nobody", code=7)
        self.assertIn("no credentials", done.stderr)
        self.assertEqual(done.stdout, "")


class Rights(Auditing):
    @classmethod
    def setUpClass(cls):
        harness.with_users(cls, {
            "test": (ACCOUNT, [{"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "*", "Resource": "*"}]}]),
            "lister": (ACCOUNT, [{"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": ["secretsmanager:ListSecrets", "secretsmanager:DescribeSecret"], "Resource": "*"}]}]),
        })
        super().setUpClass()

    def test_what_may_not_be_looked_at_is_not_known(self):
        key = self.key(WEST)
        self.replicated("s", key)
        found = self.found("--probe", "--region", f"{EAST},{WEST}", key="lister", code=0)
        self.assertEqual({rule for rule, _, _ in found}, {"RG298"})
        self.assertIn(("RG298", WEST, "s"), found)
        self.audit("--fail-on", "info", key="lister", code=1)
