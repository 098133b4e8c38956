"""The post, replayed by the AWS CLI, in the profile that behaves as AWS does."""

import json
import re

from harness import ACCOUNT, SUFFIX, TIME, UUID, Case

MRK_AA = "mrk-1234abcd12ab34cd56ef12345678990aa"
MRK_AB = "mrk-1234abcd12ab34cd56ef12345678990ab"
# Well-formed ids of keys that do not exist.
ABSENT_MRK = "mrk-1234abcd12ab34cd56ef1234567890ab"
ABSENT_UUID = "1234abcd-12ab-34cd-56ef-1234567890ab"

def failure(text, code="NotFoundException"):
    """The pattern of a failed replica's message."""
    return (
        "Replication failed: Secrets Manager can't encrypt the secret value: " + re.escape(text)
        + rf" \(Service: AWSKMS; Status Code: 400; Error Code: {code}; Request ID: {UUID}; "
        r"Proxy: null\)"
    )


def literal(text, **holes):
    """The post's output as a pattern, with holes for what differs from run to run."""
    pattern = re.escape(text)
    for name, hole in holes.items():
        pattern = pattern.replace(name, hole)
    return pattern


class SeedUnderTheAwsProfile(Case):
    profile = "aws"

    def matches(self, text, pattern):
        self.assertIsNotNone(re.fullmatch(pattern, text), f"{text}\nis not\n{pattern}")

    def test_created_without_a_value_it_is_called_in_sync_and_fails_with_the_first_value(self):
        created = self.server.shell(
            "aws secretsmanager create-secret --name TestSecretMrkFailure "
            f"--add-replica-regions Region=us-west-2,KmsKeyId={MRK_AA}"
        )
        expected = """{
    "ARN": "arn:aws:secretsmanager:us-east-1:ACCOUNT:secret:TestSecretMrkFailure-SUFFIX",
    "Name": "TestSecretMrkFailure",
    "ReplicationStatus": [
        {
            "Region": "us-west-2",
            "KmsKeyId": "mrk-1234abcd12ab34cd56ef12345678990aa",
            "Status": "InProgress"
        }
    ]
}
"""
        self.matches(created, literal(expected, ACCOUNT=ACCOUNT, SUFFIX=SUFFIX))

        self.settled("TestSecretMrkFailure", "us-west-2")
        described = self.server.shell(
            "aws secretsmanager describe-secret --secret-id TestSecretMrkFailure"
        )
        expected = """{
    "ARN": "THE_ARN",
    "Name": "TestSecretMrkFailure",
    "LastChangedDate": "TIME",
    "CreatedDate": "TIME",
    "PrimaryRegion": "us-east-1",
    "ReplicationStatus": [
        {
            "Region": "us-west-2",
            "KmsKeyId": "mrk-1234abcd12ab34cd56ef12345678990aa",
            "Status": "InSync",
            "StatusMessage": "Replication succeeded"
        }
    ]
}
"""
        arn = re.escape(json.loads(created)["ARN"])
        self.matches(described, literal(expected, THE_ARN=arn, TIME=TIME))
        described = json.loads(described)
        self.assertGreaterEqual(described["LastChangedDate"], described["CreatedDate"])

        put = self.server.aws(
            "secretsmanager put-secret-value --secret-id TestSecretMrkFailure "
            "--secret-string TestString"
        )
        self.assertEqual(put["VersionStages"], ["AWSCURRENT"])
        entry = self.settled("TestSecretMrkFailure", "us-west-2")
        self.assertEqual(entry["Status"], "Failed")
        self.matches(entry["StatusMessage"], failure(f"Invalid keyId '{MRK_AA}'"))

    def test_replicated_after_creation_it_is_in_progress_and_then_failed(self):
        self.server.aws(
            "secretsmanager create-secret --name MultiRegionTest "
            "--description 'Test MultiRegionSecretWithMrk' --secret-string TestString"
        )
        # In one process replication takes less time than the CLI takes to start.
        self.server.regent("region", "delay", "us-east-1", "us-east-2", "30m")
        replicated = self.server.aws(
            "secretsmanager replicate-secret-to-regions --secret-id MultiRegionTest "
            f"--add-replica-regions Region=us-east-2,KmsKeyId={MRK_AB}"
        )
        in_progress = {"Region": "us-east-2", "KmsKeyId": MRK_AB, "Status": "InProgress"}
        self.assertEqual(replicated["ReplicationStatus"], [in_progress])
        described = self.server.shell(
            "aws secretsmanager describe-secret --secret-id MultiRegionTest"
        )
        expected = """    "PrimaryRegion": "us-east-1",
    "ReplicationStatus": [
        {
            "Region": "us-east-2",
            "KmsKeyId": "mrk-1234abcd12ab34cd56ef12345678990ab",
            "Status": "InProgress"
        }
    ]
}
"""
        self.assertIn(expected, described)

        self.server.regent("region", "heal")
        self.settled("MultiRegionTest", "us-east-2")
        described = self.server.shell(
            "aws secretsmanager describe-secret --secret-id MultiRegionTest"
        )
        expected = """    "ReplicationStatus": [
        {
            "Region": "us-east-2",
            "KmsKeyId": "mrk-1234abcd12ab34cd56ef12345678990ab",
            "Status": "Failed",
            "StatusMessage": "Replication failed: Secrets Manager can't encrypt the secret value: Invalid keyId 'mrk-1234abcd12ab34cd56ef12345678990ab' (Service: AWSKMS; Status Code: 400; Error Code: NotFoundException; Request ID: REQUEST_ID; Proxy: null)"
        }
    ]
}
"""
        self.matches(
            described[described.index('    "ReplicationStatus"'):],
            literal(expected, REQUEST_ID=UUID),
        )
        # The replica Region has nothing to read.
        text = self.cli_fails(
            "secretsmanager get-secret-value --secret-id MultiRegionTest", "us-east-2"
        )
        self.assertIn("(ResourceNotFoundException)", text)

    def test_any_string_is_accepted_and_echoed(self):
        printed = self.server.shell(
            "echo $$; aws secretsmanager create-secret --name TestSecretMrkFailure4 "
            "--add-replica-regions Region=us-west-2,KmsKeyId=MyNameIsDylan$$$$"
        )
        pid, created = printed.split("\n", 1)
        expected = """{
    "ARN": "arn:aws:secretsmanager:us-east-1:ACCOUNT:secret:TestSecretMrkFailure4-SUFFIX",
    "Name": "TestSecretMrkFailure4",
    "ReplicationStatus": [
        {
            "Region": "us-west-2",
            "KmsKeyId": "MyNameIsDylanPIDPID",
            "Status": "InProgress"
        }
    ]
}
"""
        self.matches(created, literal(expected, ACCOUNT=ACCOUNT, SUFFIX=SUFFIX, PID=pid))

    def test_a_value_under_a_made_up_key_goes_in_progress_and_then_failed(self):
        created = self.server.aws(
            "secretsmanager create-secret --name s --secret-string TestString "
            f"--add-replica-regions Region=us-west-2,KmsKeyId={MRK_AA}"
        )
        self.assertEqual(
            created["ReplicationStatus"],
            [{"Region": "us-west-2", "KmsKeyId": MRK_AA, "Status": "InProgress"}],
        )
        self.assertRegex(created["VersionId"], UUID)
        entry = self.settled("s", "us-west-2")
        self.assertEqual(entry["Status"], "Failed")
        self.matches(entry["StatusMessage"], failure(f"Invalid keyId '{MRK_AA}'"))
        # The primary is none the worse for it.
        value = self.server.aws("secretsmanager get-secret-value --secret-id s")
        self.assertEqual(value["SecretString"], "TestString")

    def test_every_other_problem_of_a_key_has_its_message(self):
        west = f"arn:aws:kms:us-west-2:{ACCOUNT}"
        kms = self.keys("us-west-2")
        disabled, pending = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        kms.disable_key(KeyId=disabled)
        kms.schedule_key_deletion(KeyId=pending)
        east = self.keys().create_key()["KeyMetadata"]["Arn"]
        cases = [
            (ABSENT_MRK, f"Key '{west}:key/{ABSENT_MRK}' does not exist", "NotFoundException"),
            (ABSENT_UUID, f"Key '{west}:key/{ABSENT_UUID}' does not exist", "NotFoundException"),
            ("alias/absent", f"Alias {west}:alias/absent is not found.", "NotFoundException"),
            (east, "Invalid arn us-east-1", "NotFoundException"),
            (disabled, f"{disabled} is disabled.", "DisabledException"),
            (pending, f"{pending} is pending deletion.", "KMSInvalidStateException"),
        ]
        for number, (key, text, code) in enumerate(cases):
            with self.subTest(key=key):
                created = self.secrets().create_secret(
                    Name=f"s{number}", SecretString="v",
                    AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
                )
                [entry] = created["ReplicationStatus"]
                self.assertEqual((entry["KmsKeyId"], entry["Status"]), (key, "InProgress"))
                self.assertNotIn("StatusMessage", entry)
                entry = self.settled(f"s{number}", "us-west-2")
                self.assertEqual(entry["Status"], "Failed", entry)
                self.matches(entry["StatusMessage"], failure(text, code))

    def test_a_failed_replica_recovers_when_it_is_given_a_key_that_exists(self):
        self.secrets().create_secret(
            Name="s", SecretString="v",
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": MRK_AA}],
        )
        self.assertEqual(self.settled("s", "us-west-2")["Status"], "Failed")
        self.secrets().replicate_secret_to_regions(
            SecretId="s", AddReplicaRegions=[{"Region": "us-west-2"}]
        )
        entry = self.eventually(
            lambda: (found := self.replica("s", "us-west-2")) and found["Status"] == "InSync"
            and found,
            "InSync",
        )
        self.assertEqual(entry["KmsKeyId"], "alias/aws/secretsmanager")
        value = self.secrets("us-west-2").get_secret_value(SecretId="s")
        self.assertEqual(value["SecretString"], "v")

