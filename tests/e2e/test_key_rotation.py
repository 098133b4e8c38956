"""Rotation of keys with boto3 and the AWS CLI: what changes, what stays readable, and where."""

import botocore.exceptions

from harness import Case

REPLICAS = ("us-west-2", "eu-west-1")


class KeyRotation(Case):
    def material(self, key, region="us-east-1"):
        described = self.keys(region).describe_key(KeyId=key)["KeyMetadata"]
        return described["CurrentKeyMaterialId"]

    def encrypt(self, key, region="us-east-1"):
        answer = self.keys(region).encrypt(KeyId=key, Plaintext=b"x")
        return answer["CiphertextBlob"]

    def decrypt(self, blob, region="us-east-1"):
        opened = self.keys(region).decrypt(CiphertextBlob=blob)
        self.assertEqual(opened["Plaintext"], b"x")
        return opened["KeyMaterialId"]

    def rotated(self, key, region):
        """Waits until a replica has the primary's newest material."""
        self.eventually(
            lambda: self.material(key, region) == self.material(key), f"rotation in {region}"
        )

    def test_the_setting(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        status = self.keys().get_key_rotation_status(KeyId=key)
        self.assertFalse(status["KeyRotationEnabled"])
        self.assertNotIn("NextRotationDate", status)
        self.keys().enable_key_rotation(KeyId=key)
        self.keys().enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
        created = self.keys().describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
        status = self.keys().get_key_rotation_status(KeyId=key)
        self.assertTrue(status["KeyRotationEnabled"])
        self.assertEqual(status["RotationPeriodInDays"], 180)
        self.assertEqual((status["NextRotationDate"] - created).days, 180)
        unchecked = self.keys(parameter_validation=False)
        for days in (89, 2561):
            self.fails(
                "ValidationException", unchecked.enable_key_rotation, KeyId=key,
                RotationPeriodInDays=days,
            )
        self.keys().disable_key(KeyId=key)
        self.fails("DisabledException", self.keys().disable_key_rotation, KeyId=key)
        self.fails("DisabledException", self.keys().rotate_key_on_demand, KeyId=key)
        self.keys().enable_key(KeyId=key)
        self.keys().disable_key_rotation(KeyId=key)
        status = self.keys().get_key_rotation_status(KeyId=key)
        self.assertFalse(status["KeyRotationEnabled"])

    def test_every_generation_stays_readable_through_kill_9(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        blobs = [(self.material(key), self.encrypt(key))]
        for _ in range(3):
            answer = self.keys().rotate_key_on_demand(KeyId=key)
            self.assertTrue(answer["KeyId"].endswith(f":key/{key}"))
            blobs.append((self.material(key), self.encrypt(key)))
        self.assertEqual(len({material for material, _ in blobs}), 4)
        self.server.kill9()
        self.server.start()
        for material, blob in blobs:
            self.assertEqual(self.decrypt(blob), material)
        moved = self.keys().re_encrypt(CiphertextBlob=blobs[0][1], DestinationKeyId=key)
        self.assertEqual(moved["SourceKeyMaterialId"], blobs[0][0])
        self.assertEqual(moved["DestinationKeyMaterialId"], blobs[3][0])
        pages = self.keys().get_paginator("list_key_rotations")
        for include, expected in [("ROTATIONS_ONLY", blobs[1:]), ("ALL_KEY_MATERIAL", blobs)]:
            found = [
                entry
                for page in pages.paginate(
                    KeyId=key, IncludeKeyMaterial=include, PaginationConfig={"PageSize": 2}
                )
                for entry in page["Rotations"]
            ]
            self.assertEqual(
                [entry["KeyMaterialId"] for entry in found],
                [material for material, _ in expected],
            )
            self.assertEqual(found[-1]["KeyMaterialState"], "CURRENT")
            self.assertEqual(found[-1]["RotationType"], "ON_DEMAND")
            states = {entry["KeyMaterialState"] for entry in found[:-1]}
            self.assertEqual(states, {"NON_CURRENT"})
        listed = self.server.aws(f"kms list-key-rotations --key-id {key}")["Rotations"]
        self.assertEqual(len(listed), 3)

    def test_related_keys_rotate_together(self):
        key = self.multi_region_key(*REPLICAS)
        blobs = [self.encrypt(key, region) for region in ("us-east-1", *REPLICAS)]
        self.keys().enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        self.keys().rotate_key_on_demand(KeyId=key)
        expected = self.keys().get_key_rotation_status(KeyId=key)
        for region in REPLICAS:
            self.rotated(key, region)
            status = self.keys(region).get_key_rotation_status(KeyId=key)
            for member in ("KeyRotationEnabled", "RotationPeriodInDays", "NextRotationDate"):
                self.assertEqual(status[member], expected[member])
            for call in ("enable_key_rotation", "disable_key_rotation", "rotate_key_on_demand"):
                text = self.fails(
                    "UnsupportedOperationException", getattr(self.keys(region), call), KeyId=key
                )
                self.assertIn("is not a multi-region primary key.", text)
        blobs += [self.encrypt(key, region) for region in ("us-east-1", *REPLICAS)]
        for region in ("us-east-1", *REPLICAS):
            self.assertEqual(len({self.decrypt(blob, region) for blob in blobs}), 2)

    def test_a_rotation_that_has_not_arrived_is_to_be_asked_for_again(self):
        key = self.multi_region_key("us-west-2")
        old = self.encrypt(key)
        self.server.regent("region", "partition", "us-east-1", "us-west-2")
        self.keys().rotate_key_on_demand(KeyId=key)
        new = self.encrypt(key)
        self.decrypt(old, "us-west-2")
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            self.decrypt(new, "us-west-2")
        answer = raised.exception.response
        self.assertEqual(answer["Error"]["Code"], "KeyUnavailableException")
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 500)
        # What the replica encrypts meanwhile is good everywhere.
        there = self.encrypt(key, "us-west-2")
        self.server.regent("region", "heal")
        self.rotated(key, "us-west-2")
        for region in ("us-east-1", "us-west-2"):
            for blob in (old, new, there):
                self.decrypt(blob, region)

    def test_rotation_goes_on_after_the_primary_moved(self):
        key = self.multi_region_key("us-west-2")
        self.keys().enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        blob = self.encrypt(key)
        self.keys().update_primary_region(KeyId=key, PrimaryRegion="us-west-2")

        def moved():
            found = self.keys("us-west-2").describe_key(KeyId=key)["KeyMetadata"]
            return found["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"

        self.eventually(moved, "a new primary")
        self.fails("UnsupportedOperationException", self.keys().rotate_key_on_demand, KeyId=key)
        before = self.material(key)
        self.keys("us-west-2").rotate_key_on_demand(KeyId=key)
        self.rotated(key, "us-west-2")
        self.assertNotEqual(self.material(key), before)
        new = self.encrypt(key, "us-west-2")
        for region in ("us-east-1", "us-west-2"):
            self.decrypt(blob, region)
            self.decrypt(new, region)
            status = self.keys(region).get_key_rotation_status(KeyId=key)
            self.assertEqual(status["RotationPeriodInDays"], 90)

    def test_a_secret_under_a_rotated_key_is_read_in_every_region(self):
        key = self.multi_region_key("us-west-2")
        self.secrets().create_secret(
            Name="db", SecretString="one", KmsKeyId=key,
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
        )
        self.in_sync("db", "us-west-2")
        self.keys().rotate_key_on_demand(KeyId=key)
        for region in ("us-east-1", "us-west-2"):
            value = self.secrets(region).get_secret_value(SecretId="db")
            self.assertEqual(value["SecretString"], "one")
        self.secrets().put_secret_value(SecretId="db", SecretString="two")
        self.in_sync("db", "us-west-2")
        value = self.secrets("us-west-2").get_secret_value(SecretId="db")
        self.assertEqual(value["SecretString"], "two")

    def test_the_managed_key_rotates_every_year(self):
        self.secrets().create_secret(Name="db", SecretString="x")
        alias = "alias/aws/secretsmanager"
        key = self.keys().describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
        status = self.keys().get_key_rotation_status(KeyId=key)
        self.assertTrue(status["KeyRotationEnabled"])
        self.assertEqual(status["RotationPeriodInDays"], 365)
        self.fails("AccessDeniedException", self.keys().disable_key_rotation, KeyId=key)
