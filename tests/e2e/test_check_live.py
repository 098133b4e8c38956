"""`regent check --live`: the seed's story, found before it is deployed. Keys of templates are looked up where
their replicas will be, by few calls that only read; what may not be looked at is not called good."""

import json
import pathlib
import subprocess
import tempfile

import harness
import sarif
from harness import ACCOUNT
from test_audit import EAST, WEST, Auditing, Liar, policy, root

READING = {"GetCallerIdentity", "DescribeKey", "GetKeyPolicy", "ListAliases"}


class Live(Auditing):
    def check(self, *args, code, endpoint=None):
        env = self.server.env()
        if endpoint:
            env["AWS_ENDPOINT_URL"] = endpoint
        done = subprocess.run(
            [harness.REGENT, "check", "--output", "json", *args], env=env,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        findings = json.loads(done.stdout)["findings"]
        found = {(one["rule"], one["resource"]): one for one in findings}
        self.assertEqual(len(found), len(findings))
        return found

    def liar(self):
        liar = Liar(self.server.port)
        self.addCleanup(liar.server_close)
        self.addCleanup(liar.shutdown)
        return liar

    def template(self, folder, **keys):
        resources = {
            name: {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {
                    "GenerateSecretString": {},
                    "ReplicaRegions": [{"Region": WEST, "KmsKeyId": key}],
                },
            }
            for name, key in keys.items()
        }
        path = pathlib.Path(folder, "template.json")
        path.write_text(json.dumps({"Resources": resources}))
        return str(path)

    def test_keys_of_templates_are_looked_up_where_replicas_will_be(self):
        west = self.keys(WEST)
        off, ending, shut, fine = (self.key(WEST) for _ in range(4))
        west.disable_key(KeyId=off)
        west.schedule_key_deletion(KeyId=ending)
        west.put_key_policy(KeyId=shut, PolicyName="default", Policy=policy("kms:Describe*", "kms:Get*", "kms:Put*"))
        west.create_alias(AliasName="alias/app", TargetKeyId=fine)
        absent = "1234abcd-12ab-34cd-56ef-1234567890ab"
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(
                folder, Absent=absent, NoAlias="alias/other", Off=off, Ending=ending, Shut=shut,
                Fine=fine, Alias="alias/app",
            )
            # The file alone shows nothing of it.
            offline = self.check(path, "--region", EAST, code=0)
            self.assertEqual({rule for rule, _ in offline}, {"RG101"})
            found = self.check(path, "--region", EAST, "--live", code=1)
            self.assertEqual(
                set(found),
                {
                    ("RG219", "Absent"), ("RG219", "NoAlias"), ("RG210", "Off"), ("RG211", "Ending"),
                    ("RG212", "Shut"),
                },
            )
            absent = found["RG219", "Absent"]
            self.assertIn(f"in {WEST}: NotFoundException: ", absent["message"])
            self.assertEqual((absent["path"], absent["line"]), (path, 1))

    @sarif.needs_schema
    def test_sarif_describes_what_is_found_live(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(folder, Absent="alias/absent")
            command = [harness.REGENT, "check", path, "--region", EAST, "--live", "--output", "sarif"]
            done = subprocess.run(
                command, env=self.server.env(), capture_output=True, text=True, timeout=120
            )
        self.assertEqual([one["ruleId"] for one in sarif.results(self, done.stdout)], ["RG219"])

    def test_a_dry_run_says_whether_the_caller_may(self):
        fine, closed = self.key(WEST), self.key(WEST)
        statement = dict(root("kms:*"))
        refused = {
            "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "kms:Encrypt", "Resource": "*",
        }
        self.keys(WEST).put_key_policy(
            KeyId=closed, PolicyName="default",
            Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement, refused]}),
        )
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(folder, Fine=fine, Closed=closed)
            self.assertEqual(self.check(path, "--region", EAST, "--live", code=0), {})
            found = self.check(path, "--region", EAST, "--live", "--dry-run-kms", code=1)
            self.assertEqual(set(found), {("RG220", "Closed")})

    def test_aliases_are_listed_once_and_one_that_is_absent_has_a_neighbour(self):
        west = self.keys(WEST)
        keys = [self.key(WEST) for _ in range(3)]
        for number in range(120):
            west.create_alias(AliasName=f"alias/app-{number:03}", TargetKeyId=keys[number // 50])
        arn = f"arn:aws:kms:{WEST}:{ACCOUNT}:alias/app-007"
        liar = self.liar()
        with tempfile.TemporaryDirectory() as folder:
            path = self.template(
                folder, One="alias/app-000", Two="alias/app-049", Last="alias/app-119",
                Arn=arn, Near="alias/app-119x",
                Far="alias/payments",
            )
            found = self.check(path, "--region", EAST, "--live", code=1, endpoint=liar.endpoint)
        self.assertEqual(set(found), {("RG219", "Near"), ("RG219", "Far")})
        none = f"in {WEST}: there is no alias/"
        near = f"{none}app-119x; alias/app-119 is meant?"
        self.assertEqual(found["RG219", "Near"]["message"], near)
        self.assertEqual(found["RG219", "Far"]["message"], f"{none}payments")
        asked = [(operation, region) for operation, region, _ in liar.asked if operation]
        # Two pages, and each key once however many aliases it has.
        calls = ["ListAliases", "DescribeKey", "GetKeyPolicy"] * 2
        self.assertEqual(sorted(asked), sorted((operation, WEST) for operation in calls))

    def test_who_may_not_list_aliases_may_look_at_one_and_who_may_neither_knows_nothing(self):
        self.keys(WEST).create_alias(AliasName="alias/app", TargetKeyId=self.key(WEST))
        liar = self.liar()
        for code, status in [("AccessDeniedException", 400), ("ThrottlingException", 400)]:
            refused = lambda answer: (status, {"__type": code, "message": "not you"})
            with self.subTest(code), tempfile.TemporaryDirectory() as folder:
                path = self.template(folder, App="alias/app", Other="alias/other")
                arguments = [path, "--region", EAST, "--live"]
                liar.lies = {("ListAliases", WEST): refused}
                found = self.check(*arguments, code=1, endpoint=liar.endpoint)
                self.assertEqual(set(found), {("RG219", "Other")})
                self.assertIn("NotFoundException", found["RG219", "Other"]["message"])
                liar.lies["DescribeKey", WEST] = refused
                found = self.check(*arguments, "--fail-on", "info", code=1, endpoint=liar.endpoint)
                self.assertEqual(set(found), {("RG101", "App"), ("RG219", "Other")})
                message = found["RG101", "App"]["message"]
                self.assertIn(f"alias/app: {code}: not you; its aliases: {code}: not you", message)
                # A policy that may not be read may shut out whom it likes.
                liar.lies = {("GetKeyPolicy", WEST): refused}
                path = self.template(folder, App="alias/app")
                found = self.check(path, "--region", EAST, "--live", code=0, endpoint=liar.endpoint)
                self.assertEqual(set(found), {("RG101", "App")})

    def test_what_is_found_live_takes_the_place_of_what_the_file_left_open(self):
        resources = {"S": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {
                "KmsKeyId": "alias/own",
                "ReplicaRegions": [{"Region": WEST, "KmsKeyId": "alias/there"}],
            },
        }}
        liar = self.liar()
        self.keys(EAST).create_alias(AliasName="alias/own", TargetKeyId=self.key(EAST))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "template.json")
            path.write_text(json.dumps({"Resources": resources}, indent=1))
            arguments = [str(path), "--region", EAST]
            # Of two findings at one place, each is told; only the open one is answered.
            offline = self.check(*arguments, code=1)
            self.assertEqual(set(offline), {("RG010", "S"), ("RG101", "S")})
            found = self.check(*arguments, "--live", code=1, endpoint=liar.endpoint)
            self.assertEqual(set(found), {("RG010", "S"), ("RG219", "S")})
            places = {(one["line"], one["column"]) for one in [*offline.values(), *found.values()]}
            self.assertEqual(len(places), 1)
            self.assertEqual(found["RG010", "S"], offline["RG010", "S"])
            self.keys(WEST).create_alias(AliasName="alias/there", TargetKeyId=self.key(WEST))
            self.assertEqual(set(self.check(*arguments, "--live", code=1)), {("RG010", "S")})
            # The secret's own key is looked up too.
            self.keys(EAST).delete_alias(AliasName="alias/own")
            found = self.check(*arguments, "--live", code=1)
            self.assertEqual(set(found), {("RG010", "S"), ("RG219", "S")})
            self.assertIn(f"in {EAST}: there is no alias/own", found["RG219", "S"]["message"])
            self.keys(EAST).create_alias(AliasName="alias/own", TargetKeyId=self.key(EAST))
            # Whoever suppresses what is open is not told of its answer, and it is not asked.
            ignore = [{"Rule": "RG101", "Reason": "made by another stack"}]
            resources["S"]["Metadata"] = {"RegentIgnore": ignore}
            resources["S"]["Properties"]["ReplicaRegions"][0]["KmsKeyId"] = "alias/nowhere"
            path.write_text(json.dumps({"Resources": resources}, indent=1))
            liar.asked.clear()
            found = self.check(*arguments, "--live", code=1, endpoint=liar.endpoint)
            self.assertEqual(set(found), {("RG010", "S")})
            self.assertEqual({operation for operation, _, _ in liar.asked} & READING, set())
            # What is found live can be left out by its own rule for a whole tree.
            del resources["S"]["Metadata"]
            path.write_text(json.dumps({"Resources": resources}, indent=1))
            options = pathlib.Path(folder, "options.toml")
            options.write_text('[[ignore]]\nrule = "RG219"\nreason = "made by another stack"\n')
            found = self.check(*arguments, "--live", "--config", str(options), code=1)
            self.assertEqual(set(found), {("RG010", "S")})
