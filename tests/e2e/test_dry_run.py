"""DryRun on every operation of KMS that has it, which are those of botocore's model.

A dry run says what the request would come to, and does nothing: `DryRunOperationException` for what
would succeed, the ordinary error for what would not, and no trace in grants, state or last
use. An operation that botocore gives the member makes these tests fail until it has a request here.
"""

import json

import botocore.exceptions
import botocore.session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness import ACCOUNT, Case, with_users

MODEL = botocore.session.get_session().get_service_model("kms")
TEXT = "The request would have succeeded, but the DryRun option is set."
CONTEXT = {"app": "shop"}
# Key spec and usage, by the name that the table below gives the key.
SPECS = {
    "symmetric": ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    "signing": ("ECC_NIST_P256", "SIGN_VERIFY"),
    "mac": ("HMAC_256", "GENERATE_VERIFY_MAC"),
    "agreement": ("ECC_NIST_P256", "KEY_AGREEMENT"),
    "capsule": ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
}
# What each operation needs: the kind of key, and a request that succeeds with what `Made` has made.
REQUESTS = {
    "CreateGrant": ("symmetric", lambda made: dict(
        KeyId=made.key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/x", Operations=["Decrypt"],
    )),
    "Decapsulate": ("capsule", lambda made: dict(
        KeyId=made.key, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=made.capsule,
    )),
    "Decrypt": ("symmetric", lambda made: dict(
        KeyId=made.key, CiphertextBlob=made.blob, EncryptionContext=CONTEXT,
    )),
    "DeriveSharedSecret": ("agreement", lambda made: dict(
        KeyId=made.key, KeyAgreementAlgorithm="ECDH", PublicKey=made.peer,
    )),
    "Encapsulate": ("capsule", lambda made: dict(
        KeyId=made.key, EncapsulationAlgorithm="ML_KEM",
    )),
    "Encrypt": ("symmetric", lambda made: dict(KeyId=made.key, Plaintext=b"x")),
    "GenerateDataKey": ("symmetric", lambda made: dict(KeyId=made.key, KeySpec="AES_256")),
    "GenerateDataKeyPair": ("symmetric", lambda made: dict(
        KeyId=made.key, KeyPairSpec="ECC_NIST_P256",
    )),
    "GenerateDataKeyPairWithoutPlaintext": ("symmetric", lambda made: dict(
        KeyId=made.key, KeyPairSpec="ECC_NIST_P256",
    )),
    "GenerateDataKeyWithoutPlaintext": ("symmetric", lambda made: dict(
        KeyId=made.key, KeySpec="AES_256",
    )),
    "GenerateMac": ("mac", lambda made: dict(
        KeyId=made.key, Message=b"x", MacAlgorithm="HMAC_SHA_256",
    )),
    "ReEncrypt": ("symmetric", lambda made: dict(
        SourceKeyId=made.key, CiphertextBlob=made.blob, SourceEncryptionContext=CONTEXT,
        DestinationKeyId=made.key,
    )),
    "RetireGrant": ("symmetric", lambda made: dict(KeyId=made.key, GrantId=made.grant)),
    "RevokeGrant": ("symmetric", lambda made: dict(KeyId=made.key, GrantId=made.grant)),
    "Sign": ("signing", lambda made: dict(
        KeyId=made.key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256",
    )),
    "Verify": ("signing", lambda made: dict(
        KeyId=made.key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256", Signature=made.signature,
    )),
    "VerifyMac": ("mac", lambda made: dict(
        KeyId=made.key, Message=b"x", MacAlgorithm="HMAC_SHA_256", Mac=made.mac,
    )),
}
# The actions that an operation asks for, where they are not called as it is.
ACTIONS = {"ReEncrypt": ["kms:ReEncryptFrom", "kms:ReEncryptTo"]}
# What is wrong with a request although its key is right: the member, another value, the error.
SPOILT = [
    ("Decrypt", "CiphertextBlob", b"x" * 100, "InvalidCiphertextException"),
    ("Decrypt", "EncryptionContext", {"app": "other"}, "InvalidCiphertextException"),
    ("ReEncrypt", "CiphertextBlob", b"x" * 100, "InvalidCiphertextException"),
    ("ReEncrypt", "SourceEncryptionContext", {}, "InvalidCiphertextException"),
    ("ReEncrypt", "DestinationKeyId", "alias/none", "NotFoundException"),
    ("Verify", "Message", b"y", "KMSInvalidSignatureException"),
    ("VerifyMac", "Message", b"y", "KMSInvalidMacException"),
    ("Sign", "SigningAlgorithm", "ECDSA_SHA_384", "InvalidKeyUsageException"),
    ("GenerateMac", "MacAlgorithm", "HMAC_SHA_512", "InvalidKeyUsageException"),
    ("DeriveSharedSecret", "PublicKey", b"x", "ValidationException"),
    ("Decapsulate", "SharedSecretCiphertextBlob", b"x", "InvalidCiphertextException"),
    ("CreateGrant", "Operations", ["Sign"], "ValidationException"),
    ("RevokeGrant", "GrantId", "0" * 64, "NotFoundException"),
    ("RetireGrant", "GrantId", "0" * 64, "NotFoundException"),
]
DENIED = "AccessDeniedException"
# Grants go whatever the key's state is.
IN_ANY_STATE = {"RetireGrant", "RevokeGrant"}


def actions(operation):
    return ACTIONS.get(operation, [f"kms:{operation}"])


def allowed(name):
    statement = {"Effect": "Allow", "Action": actions(name), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": statement}


class Made:
    """A key with everything that a request may name."""

    def __init__(self, kms, kind, key=None):
        spec, usage = SPECS[kind]
        made = key or kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        self.key = made["Arn"]
        self.blob = self.capsule = self.signature = self.mac = b"x"
        self.peer = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        operation = {"symmetric": "Decrypt", "mac": "VerifyMac"}.get(kind, "DescribeKey")
        self.grant = kms.create_grant(
            KeyId=self.key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/x",
            Operations=[operation],
        )["GrantId"]
        if kind == "symmetric":
            self.blob = kms.encrypt(
                KeyId=self.key, Plaintext=b"x", EncryptionContext=CONTEXT
            )["CiphertextBlob"]
        elif kind == "signing":
            self.signature = kms.sign(
                KeyId=self.key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256"
            )["Signature"]
        elif kind == "mac":
            self.mac = kms.generate_mac(
                KeyId=self.key, Message=b"x", MacAlgorithm="HMAC_SHA_256"
            )["Mac"]
        elif kind == "capsule":
            self.capsule = kms.encapsulate(
                KeyId=self.key, EncapsulationAlgorithm="ML_KEM"
            )["SharedSecretCiphertextBlob"]


class DryRun(Case):
    @classmethod
    def setUpClass(cls):
        users = {f"only_{name}": (ACCOUNT, [allowed(name)]) for name in REQUESTS}
        with_users(cls, users | {"nobody": (ACCOUNT, [])})
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.made = {kind: Made(self.keys(), kind) for kind in SPECS}

    def request(self, name, made=None):
        kind, params = REQUESTS[name]
        return params(made or self.made[kind])

    def answer(self, name, params, user=None, dry=True):
        """The code, text and status of the answer; `None` for a success."""
        who = dict(key=user, secret=user) if user else {}
        client = self.server.client("kms", **who)
        try:
            client._make_api_call(name, params | ({"DryRun": True} if dry else {}))  # noqa: SLF001
        except botocore.exceptions.ClientError as raised:
            error, meta = raised.response["Error"], raised.response["ResponseMetadata"]
            return error["Code"], error.get("Message", ""), meta["HTTPStatusCode"]
        return None

    def would_succeed(self, name, params, user=None):
        expected = ("DryRunOperationException", TEXT, 400)
        self.assertEqual(self.answer(name, params, user), expected)

    def would_fail(self, name, params, code=None):
        """The dry run fails as the request does, which is asked afterwards."""
        dry = self.answer(name, params)
        self.assertEqual(dry, self.answer(name, params, dry=False))
        self.assertIsNotNone(dry)
        self.assertEqual(dry[0], code or dry[0], dry)
        self.assertNotEqual(dry[0], "DryRunOperationException")
        return dry

    def state(self):
        """Everything of the keys that a request might have changed."""
        kms = self.keys()
        listed = {}
        for kind, made in self.made.items():
            grants = kms.list_grants(KeyId=made.key)["Grants"]
            metadata = kms.describe_key(KeyId=made.key)["KeyMetadata"]
            listed[kind] = (grants, metadata, kms.list_aliases(KeyId=made.key)["Aliases"])
        return kms.list_keys()["Keys"], listed

    def uses(self):
        kms = self.keys()
        kinds = self.made.items()
        return {k: kms.get_key_last_usage(KeyId=made.key)["KeyLastUsage"] for k, made in kinds}

    def settle(self):
        """Uses are written some time after the request: this waits for a use made now."""
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        self.keys().encrypt(KeyId=key, Plaintext=b"x")

        def noted():
            return self.keys().get_key_last_usage(KeyId=key)["KeyLastUsage"]

        self.eventually(noted, "the witness's use")

    def test_the_table_is_botocores(self):
        names = {
            name for name in MODEL.operation_names
            if (shape := MODEL.operation_model(name).input_shape) and "DryRun" in shape.members
        }
        self.assertEqual(set(REQUESTS), names)
        self.assertEqual({name for name, *_ in SPOILT} - names, set())

    def test_what_would_succeed_says_so_and_leaves_no_trace(self):
        self.settle()
        before, uses = self.state(), self.uses()
        for name in REQUESTS:
            with self.subTest(operation=name):
                self.would_succeed(name, self.request(name))
        self.settle()
        self.assertEqual(self.uses(), uses)
        keys, listed = self.state()
        self.assertEqual(listed, before[1])
        witnesses = [key for key in keys if key not in before[0]]
        self.assertEqual(len(witnesses), 1)
        # The table is of requests that do succeed, each on a key of its own.
        for name in REQUESTS:
            with self.subTest(operation=name):
                made = Made(self.keys(), REQUESTS[name][0])
                self.assertIsNone(self.answer(name, self.request(name, made), dry=False))

    def test_false_is_no_dry_run(self):
        for name in REQUESTS:
            with self.subTest(operation=name):
                made = Made(self.keys(), REQUESTS[name][0])
                request = self.request(name, made) | {"DryRun": False}
                self.assertIsNone(self.answer(name, request, dry=False))

    def test_each_asks_for_its_own_permission_and_no_other(self):
        for name in REQUESTS:
            with self.subTest(operation=name):
                request = self.request(name)
                self.would_succeed(name, request, f"only_{name}")
                for other in ["nobody", *(f"only_{other}" for other in REQUESTS if other != name)]:
                    code, text, status = self.answer(name, request, other)
                    self.assertEqual((code, status), (DENIED, 400), other)
                    self.assertTrue(any(f"{action} " in text for action in actions(name)), text)
                    self.assertEqual(self.answer(name, request, other, dry=False)[:1], (DENIED,))

    def test_a_key_that_cannot_be_used_is_told_as_without_it(self):
        kms = self.keys()
        changes = [
            ("DisabledException", "disable_key", {}),
            ("KMSInvalidStateException", "schedule_key_deletion", {"PendingWindowInDays": 7}),
        ]
        for code, change, more in changes:
            for made in self.made.values():
                getattr(kms, change)(KeyId=made.key, **more)
            for name in REQUESTS:
                with self.subTest(operation=name):
                    if name in IN_ANY_STATE:
                        self.would_succeed(name, self.request(name))
                    else:
                        self.would_fail(name, self.request(name), code)

    def test_a_key_of_another_usage_is_told_as_without_it(self):
        for name in REQUESTS:
            with self.subTest(operation=name):
                right = REQUESTS[name][0]
                for kind in set(SPECS) - {right}:
                    made = Made(self.keys(), kind)
                    # What is to be opened is the right key's; only the key named is another.
                    made.blob = self.made["symmetric"].blob
                    made.capsule = self.made["capsule"].capsule
                    if name in IN_ANY_STATE:
                        self.would_succeed(name, self.request(name, made))
                    else:
                        self.would_fail(name, self.request(name, made))

    def test_an_absent_key_is_told_as_without_it(self):
        class Absent:
            key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
            blob, grant = self.made["symmetric"].blob, self.made["symmetric"].grant
            capsule = signature = mac = peer = b"x"

        for name in REQUESTS:
            with self.subTest(operation=name):
                self.would_fail(name, self.request(name, Absent), "NotFoundException")

    def test_a_request_that_is_wrong_in_itself_is_told_as_without_it(self):
        for name, member, value, code in SPOILT:
            with self.subTest(operation=name, member=member):
                self.would_fail(name, self.request(name) | {member: value}, code)

    def test_a_ciphertext_can_be_left_out_and_only_then(self):
        ignored = {"DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
        for name in ("Decrypt", "ReEncrypt"):
            with self.subTest(operation=name):
                request = self.request(name)
                without = {key: value for key, value in request.items() if key != "CiphertextBlob"}
                self.would_succeed(name, without | ignored)
                self.would_succeed(name, request | ignored | {"CiphertextBlob": b"x"})
                code, _, status = self.answer(name, without | ignored, "nobody")
                self.assertEqual((code, status), (DENIED, 400))
                for wrong in (without, without | {"DryRunModifiers": ["OTHER"]}):
                    self.assertEqual(self.answer(name, wrong)[0], "ValidationException")
                refused = self.answer(name, request | ignored, dry=False)
                self.assertEqual(refused[0], "ValidationException")

    def test_the_audit_log_has_the_dry_run_as_what_it_was(self):
        name = "GenerateDataKey"
        client = self.keys()
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            client.generate_data_key(**self.request(name), DryRun=True)
        request = raised.exception.response["ResponseMetadata"]["RequestId"]
        log = (self.server.data_dir / "audit.log").read_text().splitlines()
        [record] = [line for line in map(json.loads, log) if line.get("requestID") == request]
        self.assertEqual(record["eventName"], name)
        self.assertEqual(record["errorCode"], "DryRunOperationException")
        self.assertEqual(record["requestParameters"]["dryRun"], True)
        self.assertIsNone(record.get("responseElements"))
