"""The post, replayed by the AWS CLI, in the profile that refuses what could never be read."""

from harness import ACCOUNT, REGIONS, Case

from test_seed_aws_profile import ABSENT_MRK, ABSENT_UUID, MRK_AA, MRK_AB


class SeedUnderTheStrictProfile(Case):
    def refused(self, text, region, key, reason):
        self.assertIn("(InvalidParameterException)", text)
        for part in (region, key, reason):
            self.assertIn(part, text)

    def test_a_secret_without_a_value_is_refused_too(self):
        text = self.cli_fails(
            "secretsmanager create-secret --name TestSecretMrkFailure "
            f"--add-replica-regions Region=us-west-2,KmsKeyId={MRK_AA}"
        )
        self.assertIn("when calling the CreateSecret operation", text)
        self.refused(text, "us-west-2", MRK_AA, f"Invalid keyId '{MRK_AA}'")
        for region in REGIONS:
            listed = self.server.aws("secretsmanager list-secrets", region)
            self.assertEqual(listed, {"SecretList": []})

    def test_replicating_later_is_refused_and_the_secret_stays_as_it_was(self):
        self.server.aws(
            "secretsmanager create-secret --name MultiRegionTest "
            "--description 'Test MultiRegionSecretWithMrk' --secret-string TestString"
        )
        before = self.server.aws("secretsmanager describe-secret --secret-id MultiRegionTest")
        text = self.cli_fails(
            "secretsmanager replicate-secret-to-regions --secret-id MultiRegionTest "
            f"--add-replica-regions Region=us-east-2,KmsKeyId={MRK_AB}"
        )
        self.refused(text, "us-east-2", MRK_AB, f"Invalid keyId '{MRK_AB}'")
        after = self.server.aws("secretsmanager describe-secret --secret-id MultiRegionTest")
        self.assertEqual(after, before)
        self.assertNotIn("ReplicationStatus", after)
        for region in REGIONS[1:]:
            self.assertEqual(self.secrets(region).list_secrets()["SecretList"], [])

    def test_any_string_is_not_accepted(self):
        text = self.cli_fails(
            "secretsmanager create-secret --name TestSecretMrkFailure4 "
            "--add-replica-regions Region=us-west-2,KmsKeyId=MyNameIsDylan$$$$"
        )
        self.refused(text, "us-west-2", "MyNameIsDylan", "Invalid keyId 'MyNameIsDylan")
        self.assert_nothing_created()

    def test_every_problem_of_a_key_is_named_and_nothing_is_created(self):
        west = f"arn:aws:kms:us-west-2:{ACCOUNT}"
        kms = self.keys("us-west-2")
        disabled, pending = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        kms.disable_key(KeyId=disabled)
        kms.schedule_key_deletion(KeyId=pending)
        east = self.keys().create_key()["KeyMetadata"]["Arn"]
        cases = [
            (MRK_AA, f"Invalid keyId '{MRK_AA}'"),
            (ABSENT_MRK, f"Key '{west}:key/{ABSENT_MRK}' does not exist"),
            (ABSENT_UUID, f"Key '{west}:key/{ABSENT_UUID}' does not exist"),
            ("alias/absent", f"Alias {west}:alias/absent is not found."),
            (east, "Invalid arn us-east-1"),
            (disabled, f"{disabled} is disabled."),
            (pending, f"{pending} is pending deletion."),
        ]
        for key, reason in cases:
            for value in ({}, {"SecretString": "v"}):
                with self.subTest(key=key, value=value):
                    message = self.fails(
                        "InvalidParameterException", self.secrets().create_secret, Name="s",
                        AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}], **value,
                    )
                    for part in ("us-west-2", key, reason):
                        self.assertIn(part, message)
                    self.assert_nothing_created()

    def test_one_bad_replica_among_good_ones_refuses_all(self):
        key = self.multi_region_key("us-west-2")
        message = self.fails(
            "InvalidParameterException", self.secrets().create_secret, Name="s",
            SecretString="v", KmsKeyId=key,
            AddReplicaRegions=[
                {"Region": "us-west-2", "KmsKeyId": key},
                {"Region": "eu-west-1", "KmsKeyId": key},
            ],
        )
        self.assertIn("eu-west-1", message)
        self.assert_nothing_created()

    def test_each_wrong_region_is_named_in_one_answer(self):
        wrong = {"us-west-2": "alias/none-here", "eu-west-1": "mrk-made-up"}
        message = self.fails(
            "InvalidParameterException", self.secrets().create_secret, Name="s", SecretString="v",
            AddReplicaRegions=[{"Region": region, "KmsKeyId": key} for region, key in wrong.items()],
        )
        for region, key in wrong.items():
            self.assertIn(f"Invalid replica region {region} with KMS key {key}. ", message)
        self.assertEqual(message.count("Error Code: NotFoundException"), 2)
        self.assert_nothing_created()

    def test_regions_that_cannot_be_replicas_are_refused(self):
        for regions, reason in (
            (["us-east-1"], "It is the secret's own Region."),
            (["us-west-2", "ap-south-1"], "There is no such Region here."),
            (["us-west-2", "us-west-2"], "The Region is named twice."),
        ):
            with self.subTest(regions=regions):
                message = self.fails(
                    "InvalidParameterException", self.secrets().create_secret, Name="s",
                    SecretString="v", AddReplicaRegions=[{"Region": name} for name in regions],
                )
                self.assertEqual(
                    message,
                    f"Invalid replica region {regions[-1]} with KMS key alias/aws/secretsmanager. "
                    f"{reason}",
                )
                self.assert_nothing_created()

    def test_a_secret_that_its_own_region_cannot_read_is_refused(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        self.secrets().create_secret(Name="s", SecretString="v", KmsKeyId=key)
        self.keys().disable_key(KeyId=key)
        message = self.fails(
            "InvalidParameterException", self.secrets().replicate_secret_to_regions,
            SecretId="s", AddReplicaRegions=[{"Region": "us-west-2"}],
        )
        arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}"
        self.assertIn("Invalid replica region us-west-2 with KMS key", message)
        self.assertIn(f"{arn} is disabled.", message)
        self.assertNotIn("ReplicationStatus", self.secrets().describe_secret(SecretId="s"))
        self.assertEqual(self.secrets("us-west-2").list_secrets()["SecretList"], [])
        self.keys().enable_key(KeyId=key)
        self.secrets().replicate_secret_to_regions(
            SecretId="s", AddReplicaRegions=[{"Region": "us-west-2"}]
        )
        self.in_sync("s", "us-west-2")

    def test_a_region_that_cannot_be_reached_is_a_refusal_that_says_so(self):
        self.server.regent("region", "down", "us-west-2")
        message = self.fails(
            "InvalidParameterException", self.secrets().create_secret, Name="s",
            SecretString="v", AddReplicaRegions=[{"Region": "us-west-2"}],
        )
        self.assertIn("us-west-2", message)
        self.assertIn("did not answer", message)
        self.server.regent("region", "up", "us-west-2")
        self.assert_nothing_created()

    def test_later_writes_are_never_refused_for_the_sake_of_a_replica(self):
        key = self.multi_region_key("us-west-2")
        self.secrets().create_secret(
            Name="s", SecretString="one", KmsKeyId=key,
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
        )
        self.in_sync("s", "us-west-2")
        self.keys("us-west-2").disable_key(KeyId=key)
        self.secrets().put_secret_value(SecretId="s", SecretString="two")
        entry = self.settled("s", "us-west-2")
        self.assertEqual(entry["Status"], "Failed")
        arn = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/{key}"
        self.assertIn(f"{arn} is disabled.", entry["StatusMessage"])
        value = self.secrets().get_secret_value(SecretId="s")
        self.assertEqual(value["SecretString"], "two")
