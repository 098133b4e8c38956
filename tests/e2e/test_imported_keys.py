"""Imported key material: wrapped by Python's `cryptography`, imported, used, expired, deleted and
imported again, in one Region and in several; and HMACs compared with Python's own."""

import datetime
import hashlib
import hmac
import os

import botocore.exceptions
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

import harness

MESSAGE = b"a message"
FOR_GOOD = "KEY_MATERIAL_DOES_NOT_EXPIRE"
HASHES = {"1": hashes.SHA1(), "256": hashes.SHA256()}
ALGORITHMS = [
    f"{kind}_SHA_{name}" for kind in ("RSAES_OAEP", "RSA_AES_KEY_WRAP") for name in HASHES
]


def pkcs8(private):
    return private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def wrap(public, algorithm, material):
    """The material as KMS's documentation says to wrap it."""
    kind, _, name = algorithm.rpartition("_SHA_")
    oaep = padding.OAEP(padding.MGF1(HASHES[name]), HASHES[name], None)
    public = serialization.load_der_public_key(public)
    if kind == "RSAES_OAEP":
        return public.encrypt(material, oaep)
    key = os.urandom(32)
    return public.encrypt(key, oaep) + keywrap.aes_key_wrap_with_padding(key, material)


class Imported(harness.Case):
    def external(self, region="us-east-1", **more):
        made = self.keys(region).create_key(Origin="EXTERNAL", **more)["KeyMetadata"]
        self.assertEqual((made["KeyState"], made["Enabled"]), ("PendingImport", False))
        self.assertNotIn("ExpirationModel", made)
        return made["KeyId"]

    def described(self, key, region="us-east-1"):
        return self.keys(region).describe_key(KeyId=key)["KeyMetadata"]

    def request(
        self, key, material, algorithm="RSA_AES_KEY_WRAP_SHA_256", spec="RSA_2048",
        region="us-east-1", **more,
    ):
        given = self.keys(region).get_parameters_for_import(
            KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec
        )
        self.assertEqual(given["KeyId"], self.described(key, region)["Arn"])
        left = given["ParametersValidTo"] - datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(abs(left.total_seconds() - 86_400), 600)
        model = {} if "ValidTo" in more else {"ExpirationModel": FOR_GOOD}
        return dict(
            KeyId=key, ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=wrap(given["PublicKey"], algorithm, material), **model, **more,
        )

    def imported(self, key, material, region="us-east-1", **more):
        request = self.request(key, material, region=region, **more)
        return self.keys(region).import_key_material(**request)

    def refuses(self, code, key, material, region="us-east-1", **more):
        request = self.request(key, material, region=region, **more)
        return self.fails(code, self.keys(region).import_key_material, **request)


class OneRegion(Imported):
    def test_each_wrapping(self):
        for algorithm in ALGORITHMS:
            for spec in ("RSA_2048", "RSA_3072", "RSA_4096"):
                with self.subTest(algorithm=algorithm, spec=spec):
                    key = self.external()
                    made = self.imported(key, os.urandom(32), algorithm=algorithm, spec=spec)
                    found = self.described(key)
                    self.assertEqual(found["KeyState"], "Enabled")
                    self.assertEqual(found["ExpirationModel"], FOR_GOOD)
                    self.assertEqual(found["CurrentKeyMaterialId"], made["KeyMaterialId"])

    def test_hmacs_are_those_of_python(self):
        for name, lengths in (("224", (28, 128)), ("256", (32, 65, 128)), ("384", (48, 128)),
                              ("512", (64, 128))):
            for length in lengths:
                with self.subTest(name=name, length=length):
                    key = self.external(KeySpec=f"HMAC_{name}", KeyUsage="GENERATE_VERIFY_MAC")
                    material = os.urandom(length)
                    made = self.imported(key, material, algorithm="RSAES_OAEP_SHA_256")
                    self.assertNotIn("KeyMaterialId", made)
                    mac = self.keys().generate_mac(
                        KeyId=key, Message=MESSAGE, MacAlgorithm=f"HMAC_SHA_{name}"
                    )["Mac"]
                    own = hmac.digest(material, MESSAGE, getattr(hashlib, f"sha{name}"))
                    self.assertEqual(mac, own)
                    other = os.urandom(length)
                    self.refuses("IncorrectKeyMaterialException", key, other)

    def test_private_keys(self):
        for spec, private in (
            ("RSA_2048", rsa.generate_private_key(65537, 2048)),
            ("RSA_3072", rsa.generate_private_key(65537, 3072)),
            ("RSA_4096", rsa.generate_private_key(65537, 4096)),
            ("ECC_NIST_P256", ec.generate_private_key(ec.SECP256R1())),
            ("ECC_NIST_P384", ec.generate_private_key(ec.SECP384R1())),
            ("ECC_NIST_P521", ec.generate_private_key(ec.SECP521R1())),
            ("ECC_SECG_P256K1", ec.generate_private_key(ec.SECP256K1())),
            ("ECC_NIST_EDWARDS25519", ed25519.Ed25519PrivateKey.generate()),
        ):
            with self.subTest(spec=spec):
                key = self.external(KeySpec=spec, KeyUsage="SIGN_VERIFY")
                self.refuses("IncorrectKeyMaterialException", key, os.urandom(64))
                self.imported(key, pkcs8(private))
                public = private.public_key().public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                )
                self.assertEqual(self.keys().get_public_key(KeyId=key)["PublicKey"], public)
        # What was signed with the key where it came from is valid here.
        signature = private.sign(MESSAGE)
        verified = self.keys().verify(
            KeyId=key, Message=MESSAGE, Signature=signature, SigningAlgorithm="ED25519_SHA_512"
        )
        self.assertTrue(verified["SignatureValid"])
        text = self.fails(
            "UnsupportedOperationException", self.keys().get_parameters_for_import,
            KeyId=self.external(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
            WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096",
        )
        self.assertIn("RSA_2048", text)

    def test_deleted_and_imported_again(self):
        key, material = self.external(), os.urandom(32)
        made = self.imported(key, material)
        blob = self.keys().encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
        deleted = self.keys().delete_imported_key_material(KeyId=key)
        self.assertEqual(deleted["KeyMaterialId"], made["KeyMaterialId"])
        found = self.described(key)
        self.assertEqual((found["KeyState"], found["Enabled"]), ("PendingImport", False))
        self.assertEqual(found["CurrentKeyMaterialId"], made["KeyMaterialId"])
        text = self.fails("KMSInvalidStateException", self.keys().decrypt, CiphertextBlob=blob)
        self.assertIn("pending import", text)
        self.refuses("IncorrectKeyMaterialException", key, os.urandom(32))
        self.imported(key, material)
        self.assertEqual(self.keys().decrypt(CiphertextBlob=blob)["Plaintext"], b"hello")

    def test_expired_material_goes_at_its_time_and_over_a_restart(self):
        key, material = self.external(), os.urandom(32)
        now = datetime.datetime.now(datetime.timezone.utc)
        for wrong in (now - datetime.timedelta(days=1), now + datetime.timedelta(days=366)):
            self.refuses("ValidationException", key, material, ValidTo=wrong)
        # In time for the import and for one encryption, whose wrapping key takes its time to make.
        request = self.request(key, material, ValidTo=now)
        valid_to = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
        self.keys().import_key_material(**request | {"ValidTo": valid_to})
        found = self.described(key)
        self.assertEqual(found["ExpirationModel"], "KEY_MATERIAL_EXPIRES")
        self.assertLess(abs((found["ValidTo"] - valid_to).total_seconds()), 0.01)
        blob = self.keys().encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
        self.server.kill9()
        self.server.start()
        self.eventually(lambda: self.described(key)["KeyState"] == "PendingImport", "expiry")
        self.assertGreaterEqual(datetime.datetime.now(datetime.timezone.utc), valid_to)
        self.assertNotIn("ExpirationModel", self.described(key))
        self.imported(key, material)
        self.assertEqual(self.keys().decrypt(CiphertextBlob=blob)["Plaintext"], b"hello")

    def test_rotation_to_further_material(self):
        key, one = self.external(), os.urandom(32)
        first = self.imported(key, one, KeyMaterialDescription="one")["KeyMaterialId"]
        old = self.keys().encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
        text = self.fails(
            "KMSInvalidStateException", self.keys().rotate_key_on_demand, KeyId=key
        )
        self.assertIn("No available key material pending rotation", text)
        new = dict(ImportType="NEW_KEY_MATERIAL")
        second = self.imported(key, os.urandom(32), **new)["KeyMaterialId"]
        text = self.refuses("KMSInvalidStateException", key, os.urandom(32), **new)
        self.assertIn(f"another key material (id: {second}) is pending rotation", text)
        self.assertEqual(self.described(key)["CurrentKeyMaterialId"], first)

        def listed():
            rotations = self.keys().list_key_rotations(
                KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL"
            )["Rotations"]
            return [(entry["KeyMaterialId"], entry["KeyMaterialState"]) for entry in rotations]

        self.assertEqual(listed(), [(first, "CURRENT"), (second, "PENDING_ROTATION")])
        self.keys().rotate_key_on_demand(KeyId=key)
        self.assertEqual(self.described(key)["CurrentKeyMaterialId"], second)
        # The key expires with whatever of its materials does first.
        self.assertEqual(self.described(key)["ExpirationModel"], FOR_GOOD)
        valid_to = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=9)
        self.imported(key, one, ValidTo=valid_to)
        found = self.described(key)
        self.assertEqual(found["ExpirationModel"], "KEY_MATERIAL_EXPIRES")
        self.assertLess(abs((found["ValidTo"] - valid_to).total_seconds()), 0.01)
        self.assertEqual(listed(), [(first, "NON_CURRENT"), (second, "CURRENT")])
        opened = self.keys().decrypt(CiphertextBlob=old)
        self.assertEqual((opened["Plaintext"], opened["KeyMaterialId"]), (b"old", first))

    def test_requests_that_are_refused(self):
        kms, key = self.keys(), self.external()
        request = self.request(key, os.urandom(32))
        other = self.external()
        made_here = kms.create_key()["KeyMetadata"]
        for code, change in (
            ("InvalidImportTokenException", {"KeyId": other}),
            ("InvalidImportTokenException", {"ImportToken": b"x" * 100}),
            ("InvalidCiphertextException", {"EncryptedKeyMaterial": b"x" * 300}),
            ("ValidationException", {"ExpirationModel": "KEY_MATERIAL_EXPIRES"}),
            ("ValidationException", {"ValidTo": datetime.datetime(2030, 1, 1)}),
            ("UnsupportedOperationException", {"KeyId": made_here["KeyId"]}),
        ):
            with self.subTest(change=change):
                self.fails(code, kms.import_key_material, **{**request, **change})
        text = self.fails(
            "UnsupportedOperationException", kms.get_parameters_for_import,
            KeyId=made_here["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256",
            WrappingKeySpec="RSA_2048",
        )
        arn = made_here["Arn"]
        self.assertEqual(text, f"{arn} origin is AWS_KMS which is not valid for this operation.")
        # The token is good for any number of imports.
        kms.import_key_material(**request)
        kms.import_key_material(**request)


class SeveralRegions(Imported):
    def test_each_region_is_given_the_same_material(self):
        key, material = self.external(MultiRegion=True), os.urandom(32)
        self.fails(
            "KMSInvalidStateException", self.keys().replicate_key, KeyId=key,
            ReplicaRegion="us-west-2",
        )
        made = self.imported(key, material)
        self.keys().replicate_key(KeyId=key, ReplicaRegion="us-west-2")

        def waiting():
            try:
                return self.described(key, "us-west-2")["KeyState"] == "PendingImport"
            except botocore.exceptions.ClientError:
                return False

        self.eventually(waiting, "the replica key")
        blob = self.keys().encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
        west = self.keys("us-west-2")
        self.fails("KMSInvalidStateException", west.decrypt, CiphertextBlob=blob)
        self.refuses("IncorrectKeyMaterialException", key, os.urandom(32), region="us-west-2")
        again = self.imported(key, material, region="us-west-2")
        self.assertEqual(again["KeyMaterialId"], made["KeyMaterialId"])
        self.assertEqual(west.decrypt(CiphertextBlob=blob)["Plaintext"], b"hello")
        # What one Region loses, the other keeps: also after the primary has told of a change.
        self.keys().delete_imported_key_material(KeyId=key)
        self.assertEqual(west.decrypt(CiphertextBlob=blob)["Plaintext"], b"hello")
        self.imported(key, material)
        self.keys().replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
        self.eventually(
            lambda: len(
                self.described(key, "us-west-2")["MultiRegionConfiguration"]["ReplicaKeys"]
            ) == 2,
            "the second replica",
        )
        self.assertEqual(west.decrypt(CiphertextBlob=blob)["Plaintext"], b"hello")

    def rotations(self, key, region):
        listed = self.keys(region).list_key_rotations(
            KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL"
        )["Rotations"]
        return [
            (entry["KeyMaterialId"], entry["KeyMaterialState"], entry["ImportState"])
            for entry in listed
        ]

    def everywhere(self, key, regions, expected):
        """Waits until each of the Regions lists these generations."""
        for region in regions:
            self.eventually(
                lambda region=region: self.rotations(key, region) == expected,
                f"{expected} in {region}",
            )

    def test_the_key_rotates_once_every_region_holds_the_new_material(self):
        """AWS: new material into the primary, the same into each replica, then the rotation."""
        regions = ["us-east-1", "us-west-2", "eu-west-1"]
        key, one, two = self.external(MultiRegion=True), os.urandom(32), os.urandom(32)
        first = self.imported(key, one)["KeyMaterialId"]
        for region in regions[1:]:
            self.keys().replicate_key(KeyId=key, ReplicaRegion=region)
            self.everywhere(key, [region], [(first, "CURRENT", "PENDING_IMPORT")])
            self.imported(key, one, region=region)
        old = self.keys("eu-west-1").encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
        new = dict(ImportType="NEW_KEY_MATERIAL")
        text = self.refuses("UnsupportedOperationException", key, two, "us-west-2", **new)
        self.assertIn("is not a multi-region primary key", text)
        second = self.imported(key, two, **new)["KeyMaterialId"]
        waiting = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
        current = (first, "CURRENT", "IMPORTED")
        self.everywhere(key, regions[:1], [current, (second, waiting, "IMPORTED")])
        self.everywhere(key, regions[1:], [current, (second, waiting, "PENDING_IMPORT")])
        rotate = dict(call=self.keys().rotate_key_on_demand, KeyId=key)
        text = self.fails("KMSInvalidStateException", **rotate)
        self.assertIn("No available key material pending rotation", text)
        self.refuses("IncorrectKeyMaterialException", key, os.urandom(32), "us-west-2")
        existing = dict(ImportType="EXISTING_KEY_MATERIAL", KeyMaterialId=second)
        self.imported(key, two, region="us-west-2", **existing)
        self.fails("KMSInvalidStateException", **rotate)
        # While a Region is down, what was imported there before is not forgotten.
        self.server.regent("region", "down", "us-west-2")
        self.imported(key, two, region="eu-west-1", **existing)
        ready = [current, (second, "PENDING_ROTATION", "IMPORTED")]
        self.everywhere(key, ["us-east-1", "eu-west-1"], ready)
        self.keys().rotate_key_on_demand(KeyId=key)
        rotated = [(first, "NON_CURRENT", "IMPORTED"), (second, "CURRENT", "IMPORTED")]
        self.everywhere(key, ["us-east-1", "eu-west-1"], rotated)
        fresh = self.keys().encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
        self.server.regent("region", "up", "us-west-2")
        self.everywhere(key, regions, rotated)
        for region in regions:
            self.assertEqual(self.described(key, region)["CurrentKeyMaterialId"], second)
            for blob, plaintext, material in ((old, b"old", first), (fresh, b"new", second)):
                opened = self.keys(region).decrypt(CiphertextBlob=blob)
                self.assertEqual(
                    (opened["Plaintext"], opened["KeyMaterialId"]), (plaintext, material)
                )
        # Over a restart too; and a Region that loses material waits for it alone.
        self.server.stop()
        self.server.start()
        self.everywhere(key, regions, rotated)
        self.keys("eu-west-1").delete_imported_key_material(KeyId=key, KeyMaterialId=first)
        self.assertEqual(self.described(key, "eu-west-1")["KeyState"], "PendingImport")
        self.assertEqual(self.keys().decrypt(CiphertextBlob=old)["Plaintext"], b"old")

    def test_material_that_the_primary_withdraws_is_gone_everywhere(self):
        key, one, two = self.external(MultiRegion=True), os.urandom(32), os.urandom(32)
        first = self.imported(key, one)["KeyMaterialId"]
        self.keys().replicate_key(KeyId=key, ReplicaRegion="us-west-2")
        self.everywhere(key, ["us-west-2"], [(first, "CURRENT", "PENDING_IMPORT")])
        self.imported(key, one, region="us-west-2")
        current = (first, "CURRENT", "IMPORTED")
        second = self.imported(key, two, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
        waiting = (second, "PENDING_MULTI_REGION_IMPORT_AND_ROTATION", "PENDING_IMPORT")
        self.everywhere(key, ["us-west-2"], [current, waiting])
        self.imported(key, two, region="us-west-2")
        regions = ["us-east-1", "us-west-2"]
        self.everywhere(key, regions, [current, (second, "PENDING_ROTATION", "IMPORTED")])
        # What a replica loses is its own affair, and keeps the key from being rotated.
        self.keys("us-west-2").delete_imported_key_material(KeyId=key, KeyMaterialId=second)
        self.everywhere(key, ["us-west-2"], [current, waiting])
        self.everywhere(key, ["us-east-1"], [current, (*waiting[:2], "IMPORTED")])
        self.fails(
            "KMSInvalidStateException", self.keys().rotate_key_on_demand, KeyId=key
        )
        self.imported(key, two, region="us-west-2")
        self.everywhere(key, regions, [current, (second, "PENDING_ROTATION", "IMPORTED")])
        self.keys().delete_imported_key_material(KeyId=key, KeyMaterialId=second)
        self.everywhere(key, regions, [current])
        for region in regions:
            self.assertEqual(self.described(key, region)["KeyState"], "Enabled")

    def test_no_material_crosses_a_region(self):
        """A secret replicated under such a key is readable where the material was imported."""
        key, material = self.external(MultiRegion=True), os.urandom(32)
        self.imported(key, material)
        self.keys().replicate_key(KeyId=key, ReplicaRegion="us-west-2")
        replica = dict(AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}], KmsKeyId=key)

        def refused():
            try:
                self.secrets().create_secret(Name="s", SecretString="v", **replica)
            except botocore.exceptions.ClientError as error:
                return "pending import" in str(error)
            return self.fail("a secret was replicated under a key without material")

        self.eventually(refused, "the replica key to be there, and to wait")
        self.imported(key, material, region="us-west-2")
        self.secrets().create_secret(Name="s", SecretString="v", **replica)
        self.in_sync("s", "us-west-2")
        value = self.secrets("us-west-2").get_secret_value(SecretId="s")
        self.assertEqual(value["SecretString"], "v")
