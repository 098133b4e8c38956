"""Rotation, from RotateSecret to the database: a function written against boto3 changes the password
of a real PostgreSQL user, through failures, crashes and outages."""

import datetime
import json
import secrets as entropy
import time
import unittest

import rotation_function
from harness import Case, Server, files_with
from rotation_world import COMMAND, FUNCTION, ROTATOR, STEPS, InvokeServer, Postgres, configuration


class Rotation(Case):
    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.stop)
        cls.server = Server()
        cls.addClassCleanup(cls.server.remove)
        cls.lambdas = InvokeServer(cls.server)
        cls.addClassCleanup(cls.lambdas.stop)
        config = configuration(cls.server.scratch, cls.lambdas.url)
        cls.server.args += ["--config", str(config)]
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        super().setUp()
        self.lambdas.failing.clear()
        self.lambdas.holding = None
        self.lambdas.release.set()
        self.log_start = self.audit_log().stat().st_size
        self.first = self.lambdas.events.__len__()

    def audit_log(self):
        return self.server.data_dir / "audit.log"

    def events(self):
        """The service's own events of rotations since the test began."""
        with open(self.audit_log(), "rb") as log:
            log.seek(self.log_start)
            lines = [json.loads(line) for line in log]
        events = [line for line in lines if line["eventType"] == "AwsServiceEvent"]
        return [event for event in events if "Rotation" in event["eventName"]]

    def new_secret(self, name="db", **params):
        self.old = self.postgres.new_user(name, "old-" + entropy.token_urlsafe(16))
        created = self.secrets().create_secret(Name=name, SecretString=json.dumps(self.old), **params)
        self.assertTrue(rotation_function.works(self.old))
        return created["ARN"]

    def login(self, name="db", region="us-east-1", **which):
        found = self.secrets(region).get_secret_value(SecretId=name, **which)
        return json.loads(found["SecretString"])

    def described(self, name="db", region="us-east-1"):
        return self.secrets(region).describe_secret(SecretId=name)

    def rotated(self, name="db", version=None):
        """Waits until a rotation has succeeded, and returns what DescribeSecret says then."""
        def probe():
            described = self.described(name)
            stages = described["VersionIdsToStages"].get(version, ["AWSCURRENT"])
            return described if described.get("LastRotatedDate") and "AWSCURRENT" in stages else None

        return self.eventually(probe, "the rotation's end")

    def assert_rotated(self, name="db"):
        """The old password does not work any more, and the new one does."""
        new = self.login(name)
        self.assertNotEqual(new["password"], self.old["password"])
        self.assertTrue(rotation_function.works(new), "the new password does not work")
        self.assertFalse(rotation_function.works(self.old), "the old password still works")
        self.assertEqual(self.login(name, VersionStage="AWSPREVIOUS"), self.old)
        return new

    def test_a_rotation_reaches_the_database_and_the_other_region(self):
        key = self.multi_region_key("us-west-2")
        arn = self.new_secret(
            KmsKeyId=key, AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}]
        )
        self.in_sync("db", "us-west-2")
        rules = "AutomaticallyAfterDays=30,Duration=3h"
        answer = self.server.aws(
            f"secretsmanager rotate-secret --secret-id db --rotation-lambda-arn {FUNCTION} "
            f"--rotation-rules {rules}"
        )
        self.assertEqual((answer["ARN"], answer["Name"]), (arn, "db"))
        version = answer["VersionId"]
        described = self.rotated(version=version)
        new = self.assert_rotated()
        self.assertEqual(self.lambdas.steps(self.first), STEPS)
        for event in self.lambdas.events[self.first:]:
            self.assertEqual(set(event), {"Step", "SecretId", "ClientRequestToken", "RotationToken"})
            self.assertEqual((event["SecretId"], event["ClientRequestToken"]), (arn, version))
        self.assertIs(described["RotationEnabled"], True)
        self.assertEqual(described["RotationLambdaARN"], FUNCTION)
        self.assertEqual(described["RotationRules"], {"AutomaticallyAfterDays": 30, "Duration": "3h"})
        last, next_date = described["LastRotatedDate"], described["NextRotationDate"]
        midnight = last.astimezone(datetime.timezone.utc).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        window = datetime.timedelta(days=30, hours=3, seconds=-1)
        self.assertEqual(next_date, midnight + window)
        # The replica has the new value, and shows what is configured where the secret is written.
        self.in_sync("db", "us-west-2")
        self.assertEqual(self.login(region="us-west-2"), new)
        replica = self.described(region="us-west-2")
        shown = ["RotationEnabled", "RotationLambdaARN", "RotationRules", "LastRotatedDate",
                 "NextRotationDate"]
        self.assertEqual({m: replica[m] for m in shown}, {m: described[m] for m in shown})
        listed = self.secrets().list_secrets()["SecretList"][0]
        self.assertEqual({m: listed[m] for m in shown}, {m: described[m] for m in shown})
        self.fails("InvalidParameterException", self.secrets("us-west-2").rotate_secret, SecretId="db")
        names = [(event["eventName"], event["additionalEventData"]["SecretId"]) for event in self.events()]
        self.assertEqual(names, [("RotationStarted", arn), ("RotationSucceeded", arn)])
        # PROMISE R7.
        for password in [self.old["password"], new["password"]]:
            self.assertEqual(files_with(password, self.server.data_dir, *self.server.outputs), [])

    def test_a_failure_at_each_step_leaves_the_current_value(self):
        for step in STEPS:
            with self.subTest(step=step):
                self.server.reset()
                self.log_start = self.audit_log().stat().st_size
                arn = self.new_secret()
                first = len(self.lambdas.events)
                # Twice, so that there is time to look between the attempts.
                self.lambdas.failing[:] = [step, step]
                version = self.secrets().rotate_secret(SecretId="db", RotationLambdaARN=FUNCTION)["VersionId"]
                failed = self.eventually(
                    lambda: [e for e in self.events() if e["eventName"] == "RotationFailed"], "a failure"
                )[0]
                message = f"Error when executing lambda {FUNCTION} during {step} step"
                self.assertEqual(failed["errorMessage"], message)
                self.assertEqual(failed["additionalEventData"]["SecretId"], arn)
                self.assertEqual(self.login(), self.old)
                # From setSecret on the database has the new password; before, it has the old one.
                changed = STEPS.index(step) > STEPS.index("setSecret")
                self.assertEqual(rotation_function.works(self.old), not changed)
                described = self.described()
                self.assertNotIn("LastRotatedDate", described)
                self.assertEqual(described["VersionIdsToStages"][version], ["AWSPENDING"])
                empty = step == "createSecret"
                if empty:
                    self.fails("ResourceNotFoundException", self.secrets().get_secret_value,
                               SecretId="db", VersionStage="AWSPENDING")
                else:
                    self.assertEqual(rotation_function.works(self.login(VersionStage="AWSPENDING")), changed)
                text = self.fails("InvalidRequestException", self.secrets().rotate_secret, SecretId="db")
                self.assertEqual(
                    text, "A previous rotation isn't complete. That rotation will be reattempted."
                )
                # And it is: all steps, from the first.
                self.rotated(version=version)
                self.assert_rotated()
                done = STEPS[: STEPS.index(step) + 1]
                self.assertEqual(self.lambdas.steps(first), [*done, *done, *STEPS])

    def test_kill9_in_each_step(self):
        for step in STEPS:
            with self.subTest(step=step):
                self.server.reset()
                self.new_secret()
                self.lambdas.hold(step)
                version = self.secrets().rotate_secret(SecretId="db", RotationLambdaARN=FUNCTION)["VersionId"]
                self.assertTrue(self.lambdas.held.wait(30), "the step was not begun")
                self.server.kill9()
                before = len(self.lambdas.events)
                self.server.start()
                self.rotated(version=version)
                # It went on where it was, and did nothing twice that had been answered.
                self.assertEqual(self.lambdas.steps(before), STEPS[STEPS.index(step):])
                self.assert_rotated()
                # The function that was left behind has nothing more to say.
                self.lambdas.release.set()
                time.sleep(0.2)
                self.assert_rotated()
                self.assertTrue(self.described()["RotationEnabled"])

    def test_a_local_command(self):
        arn = self.new_secret("by-command")
        version = self.secrets().rotate_secret(SecretId=arn, RotationLambdaARN=COMMAND)["VersionId"]
        self.rotated("by-command", version)
        self.assert_rotated("by-command")
        self.assertEqual(self.lambdas.steps(self.first), [])
        # The function is a client like any other, and the log names it.
        with open(self.audit_log()) as log:
            puts = [json.loads(line) for line in log if '"PutSecretValue"' in line]
        self.assertEqual(puts[-1]["userIdentity"]["accessKeyId"], ROTATOR["id"])

    def test_a_test_of_the_configuration_changes_nothing(self):
        self.new_secret()
        rules = {"ScheduleExpression": "cron(0 8 1 * ? *)", "Duration": "2h"}
        self.secrets().rotate_secret(
            SecretId="db", RotationLambdaARN=FUNCTION, RotationRules=rules, RotateImmediately=False
        )
        names = self.eventually(
            lambda: [e["eventName"] for e in self.events() if "Started" not in e["eventName"]],
            "the test's end",
        )
        self.assertEqual(names, ["TestRotationSucceeded"])
        self.assertEqual(self.lambdas.steps(self.first), ["testSecret"])
        described = self.described()
        self.assertIs(described["RotationEnabled"], True)
        self.assertEqual(described["RotationRules"], rules)
        self.assertNotIn("LastRotatedDate", described)
        next_date = described["NextRotationDate"].astimezone(datetime.timezone.utc)
        self.assertEqual((next_date.day, next_date.hour, next_date.second), (1, 9, 59))
        self.assertEqual(list(described["VersionIdsToStages"].values()), [["AWSCURRENT"]])
        self.assertEqual(self.login(), self.old)
        self.assertTrue(rotation_function.works(self.old))

    def test_another_value_abandons_a_rotation_and_cancelling_ends_one(self):
        self.new_secret()
        self.lambdas.hold("setSecret")
        version = self.secrets().rotate_secret(SecretId="db", RotationLambdaARN=FUNCTION)["VersionId"]
        self.assertTrue(self.lambdas.held.wait(30))
        self.secrets().put_secret_value(SecretId="db", SecretString=json.dumps(self.old))
        self.assertIn("RotationAbandoned", [event["eventName"] for event in self.events()])
        self.assertNotIn(version, self.described()["VersionIdsToStages"])
        self.lambdas.release.set()
        self.lambdas.hold("setSecret")
        version = self.secrets().rotate_secret(SecretId="db")["VersionId"]
        self.assertTrue(self.lambdas.held.wait(30))
        cancelled = self.server.aws("secretsmanager cancel-rotate-secret --secret-id db")
        self.assertEqual(cancelled["VersionId"], version)
        described = self.described()
        self.assertIs(described["RotationEnabled"], False)
        self.assertEqual(described["RotationLambdaARN"], FUNCTION)
        self.assertEqual(described["VersionIdsToStages"][version], ["AWSPENDING"])
        self.assertEqual(self.login(), self.old)

    def test_who_may_and_which_functions(self):
        self.new_secret()
        rotator = self.server.client("secretsmanager", key=ROTATOR["id"], secret=ROTATOR["secret"])
        self.fails("AccessDeniedException", rotator.rotate_secret, SecretId="db", RotationLambdaARN=FUNCTION)
        text = self.fails("InvalidRequestException", self.secrets().rotate_secret, SecretId="db")
        self.assertEqual(text, "No Lambda rotation function ARN is associated with this secret.")
        text = self.fails("AccessDeniedException", self.secrets().rotate_secret, SecretId="db",
                          RotationLambdaARN=FUNCTION + "-absent")
        self.assertEqual(text, "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
        self.assertNotIn("RotationEnabled", self.described())
        self.assertEqual(self.lambdas.steps(self.first), [])


if __name__ == "__main__":
    unittest.main()
