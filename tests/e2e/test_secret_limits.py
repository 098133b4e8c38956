"""What a secret may hold, how long it stays, and what its primary hears of its replicas' reads.

A quota that is exhausted refuses the request and changes nothing. Days pass by running the server
under `faketime`, which shifts its clock, and the CLI's with it.
"""

import datetime
import glob
import uuid

import botocore.exceptions

from harness import Case, CliError, Server


def token():
    return str(uuid.uuid4())


class Limits(Case):
    arguments = ("--ephemeral",)

    def state(self, name="s"):
        described = self.secrets().describe_secret(SecretId=name)
        versions = self.secrets().list_secret_version_ids(
            SecretId=name, IncludeDeprecated=True, MaxResults=100
        )
        return [
            {key: value for key, value in answer.items() if key != "ResponseMetadata"}
            for answer in (described, versions)
        ]

    def refused_without_effect(self, code, call, **params):
        before = self.state()
        message = self.fails(code, call, **params)
        self.assertEqual(self.state(), before)
        return message

    def test_the_bytes_of_a_value(self):
        secrets = self.secrets(parameter_validation=False)
        fits = {
            "string": {"SecretString": "x" * 65536},
            "bytes, not characters": {"SecretString": "é" * 32768},
            "binary": {"SecretBinary": bytes(range(256)) * 256},
        }
        for name, value in fits.items():
            with self.subTest(name):
                secrets.create_secret(Name="s", **value)
                read = secrets.get_secret_value(SecretId="s")
                self.assertEqual({key: read[key] for key in value}, value)
                secrets.put_secret_value(SecretId="s", **value)
                secrets.update_secret(SecretId="s", **value)
                (member, held), = value.items()
                over = {member: held + held[:1]}
                self.refused_without_effect(
                    "ValidationException", secrets.put_secret_value, SecretId="s", **over
                )
                self.refused_without_effect(
                    "ValidationException", secrets.update_secret, SecretId="s", **over
                )
                self.fails("ValidationException", secrets.create_secret, Name="t", **over)
                secrets.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
        self.assert_nothing_created()

    def test_the_number_and_length_of_tags(self):
        secrets = self.secrets(parameter_validation=False)
        tags = [{"Key": f"{number:0>128}", "Value": "v" * 256} for number in range(50)]
        more = {"Key": "more", "Value": ""}
        self.fails(
            "InvalidParameterException", secrets.create_secret, Name="s", Tags=[*tags, more]
        )
        self.assert_nothing_created()
        secrets.create_secret(Name="s", Tags=tags)
        self.assertEqual(len(secrets.describe_secret(SecretId="s")["Tags"]), 50)
        self.refused_without_effect(
            "InvalidParameterException", secrets.tag_resource, SecretId="s", Tags=[more]
        )
        secrets.tag_resource(SecretId="s", Tags=[tags[0] | {"Value": ""}])
        secrets.untag_resource(SecretId="s", TagKeys=[tags[1]["Key"]])
        secrets.tag_resource(SecretId="s", Tags=[more])
        for tag in ({"Key": "k" * 129}, {"Key": "k", "Value": "v" * 257}, {"Key": ""}):
            self.refused_without_effect(
                "ValidationException", secrets.tag_resource, SecretId="s", Tags=[tag]
            )

    def test_the_labels_of_all_versions_together(self):
        secrets = self.secrets()
        first, second = token(), token()
        secrets.create_secret(Name="s", ClientRequestToken=first, SecretString="1")
        labels = [f"{number}-{'l' * 200}" for number in range(18)]
        secrets.put_secret_value(
            SecretId="s", ClientRequestToken=second, SecretString="2", VersionStages=labels[:9]
        )
        for label in labels[9:]:
            secrets.update_secret_version_stage(
                SecretId="s", VersionStage=label, MoveToVersionId=first
            )
        move = dict(SecretId="s", VersionStage="twentieth", MoveToVersionId=second)
        secrets.update_secret_version_stage(**move)
        stages = secrets.describe_secret(SecretId="s")["VersionIdsToStages"]
        self.assertEqual(sum(map(len, stages.values())), 20)
        move["VersionStage"] = "one-more"
        self.refused_without_effect(
            "LimitExceededException", secrets.update_secret_version_stage, **move
        )
        # AWSPREVIOUS would be the one too many.
        self.refused_without_effect(
            "LimitExceededException", secrets.put_secret_value, SecretId="s", SecretString="3"
        )

    def test_the_number_of_versions(self):
        secrets = self.secrets()
        secrets.create_secret(Name="s", SecretString="0")
        for number in range(1, 100):
            secrets.put_secret_value(SecretId="s", SecretString=str(number))
        # None is older than a day, so none makes room.
        for call in (secrets.put_secret_value, secrets.update_secret):
            self.refused_without_effect(
                "LimitExceededException", call, SecretId="s", SecretString="100"
            )
        self.assertEqual(secrets.get_secret_value(SecretId="s")["SecretString"], "99")

    def test_the_primary_shows_when_a_replica_was_read(self):
        secrets = self.secrets()
        secrets.create_secret(
            Name="s", SecretString="v", AddReplicaRegions=[{"Region": "us-west-2"}]
        )
        entry = self.in_sync("s", "us-west-2")
        self.assertNotIn("LastAccessedDate", entry)
        changed = secrets.describe_secret(SecretId="s")["LastChangedDate"]
        for _ in range(3):
            self.secrets("us-west-2").get_secret_value(SecretId="s")
        read = self.eventually(
            lambda: self.replica("s", "us-west-2").get("LastAccessedDate"), "the day of the read"
        )
        read = read.astimezone(datetime.timezone.utc)
        self.assertEqual((read.hour, read.minute, read.second), (0, 0, 0))
        self.assertLess(datetime.datetime.now(datetime.timezone.utc) - read, datetime.timedelta(2))
        described = secrets.describe_secret(SecretId="s")
        self.assertEqual(described["LastChangedDate"], changed)
        self.assertNotIn("LastAccessedDate", described, "the primary itself was not read")
        self.in_sync("s", "us-west-2")


class Days(Case):
    """What is to happen in days happens although the server was restarted in between."""

    @classmethod
    def setUpClass(cls):
        # Each test has a server of its own.
        pass

    def setUp(self):
        self.server = Server().start()
        self.addCleanup(self.server.remove)
        self.addCleanup(self.server.stop)

    def restart(self, days):
        """Starts the server anew, so many days from now."""
        self.server.stop()
        # The program of that name stays in front of what it runs, and would get its signals.
        library, = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        shifted = ["env", f"LD_PRELOAD={library}", f"FAKETIME=+{days}d"]
        self.server.prefix = shifted if days else []
        self.server.start()

    def is_gone(self, name, days):
        """Whether there is no such secret, asked with a clock of so many days from now."""
        try:
            self.server.shell(
                f"faketime -f +{days}d aws secretsmanager describe-secret --secret-id {name}"
            )
        except CliError as error:
            self.assertIn("ResourceNotFoundException", error.stderr)
            return True
        return False

    def test_a_deletion_is_carried_out_after_a_restart(self):
        secrets = self.secrets()
        first = {}
        for name, days in (("soon", 7), ("later", 30)):
            first[name] = secrets.create_secret(Name=name, SecretString="v")["ARN"]
            secrets.delete_secret(SecretId=name, RecoveryWindowInDays=days)
        self.restart(days=6)
        self.assertFalse(self.is_gone("soon", days=6))
        self.restart(days=8)
        self.eventually(lambda: self.is_gone("soon", days=8), "the deletion")
        self.assertFalse(self.is_gone("later", days=8))
        # The same file under the real clock again: what is gone is gone, the rest comes back.
        self.restart(days=0)
        secrets = self.secrets()
        self.fails("ResourceNotFoundException", secrets.restore_secret, SecretId="soon")
        self.assertIn("DeletedDate", secrets.describe_secret(SecretId="later"))
        self.assertEqual(secrets.restore_secret(SecretId="later")["ARN"], first["later"])
        self.assertEqual(secrets.get_secret_value(SecretId="later")["SecretString"], "v")
        again = secrets.create_secret(Name="soon", SecretString="w")["ARN"]
        self.assertNotEqual(again, first["soon"])
        self.restart(days=31)
        self.assertFalse(self.is_gone("later", days=31), "the deletion was withdrawn")

    def test_old_versions_make_room_after_a_day(self):
        secrets = self.secrets()
        secrets.create_secret(Name="s", SecretString="0")
        ids = [
            secrets.put_secret_value(SecretId="s", SecretString=str(number))["VersionId"]
            for number in range(1, 100)
        ]
        self.restart(days=2)
        put = "put-secret-value --secret-id s --secret-string new"
        self.server.shell(f"faketime -f +2d aws secretsmanager {put}")
        self.restart(days=0)
        secrets = self.secrets()
        # The first two values had no label; the older one made room.
        listed = secrets.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"]
        self.assertEqual(len(listed), 100)
        self.assertLessEqual(set(ids), {version["VersionId"] for version in listed})
        with self.assertRaises(botocore.exceptions.ClientError):
            secrets.put_secret_value(SecretId="s", SecretString="101")
