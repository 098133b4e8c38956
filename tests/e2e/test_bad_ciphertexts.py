"""Ciphertexts that are not what was encrypted: cut, altered, foreign, under another key or context.

Each is refused with AWS's error, and the answers tell nothing: whatever is wrong inside, code and text
are the same.
"""

import os

import botocore.exceptions

from harness import Case

PLAINTEXT = b"a plaintext that no answer may show"
INVALID = ("InvalidCiphertextException", "")
WRONG_KEY = (
    "IncorrectKeyException",
    "The key ID in the request does not identify a CMK that can perform this operation.",
)
INACCESSIBLE = (
    "AccessDeniedException",
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access.",
)
CONTEXT = {"app": "shop"}


class BadCiphertexts(Case):
    def answer(self, call, **params):
        """Code and text of an answer, which must be a refusal."""
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            call(**params)
        error = raised.exception.response["Error"]
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        return error["Code"], error.get("Message", "")

    def altered(self, blob, header=0):
        """The ciphertext cut, extended, and with one bit flipped: in each byte of its header, and in
        one of three behind it."""
        for length in [1, 2, 16, len(blob) // 2, len(blob) - 1]:
            yield f"{length} bytes", blob[:length]
        yield "one byte more", blob + b"\0"
        yield "without the first byte", blob[1:]
        yield "foreign", os.urandom(len(blob))
        for at in [*range(header), *range(header, len(blob), 3)]:
            flipped = bytearray(blob)
            flipped[at] ^= 1 << at % 8
            yield f"byte {at}", bytes(flipped)

    def test_symmetric(self):
        kms = self.keys()
        key, other = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
        blob = kms.encrypt(KeyId=key, Plaintext=PLAINTEXT, EncryptionContext=CONTEXT)[
            "CiphertextBlob"
        ]
        right = dict(CiphertextBlob=blob, EncryptionContext=CONTEXT)
        self.assertEqual(kms.decrypt(**right)["Plaintext"], PLAINTEXT)
        for context in ({}, {"app": "Shop"}, {"App": "shop"}, CONTEXT | {"more": "x"}):
            for more in ({}, {"KeyId": key}):
                wrong = {**right, **more, "EncryptionContext": context}
                self.assertEqual(self.answer(kms.decrypt, **wrong), INVALID, context)
        self.assertEqual(self.answer(kms.decrypt, **right, KeyId=other), WRONG_KEY)
        for what, bad in self.altered(blob, header=76):
            with self.subTest(what):
                wrong = right | {"CiphertextBlob": bad}
                # Without a key the ciphertext names one, which may be none or another's.
                self.no_key_of_ours(kms.decrypt, **wrong)
                self.assertIn(self.answer(kms.decrypt, **wrong, KeyId=key), (INVALID, WRONG_KEY))
                self.no_key_of_ours(
                    kms.re_encrypt, CiphertextBlob=bad, SourceEncryptionContext=CONTEXT,
                    DestinationKeyId=other,
                )
        # What is encrypted itself is altered from here on: no alteration is told from another.
        for at in range(len(blob) - len(PLAINTEXT) - 48, len(blob)):
            flipped = bytearray(blob)
            flipped[at] ^= 0x80
            for more in ({}, {"KeyId": key}):
                wrong = {**right, **more, "CiphertextBlob": bytes(flipped)}
                self.assertEqual(self.answer(kms.decrypt, **wrong), INVALID, at)
        log = (self.server.data_dir / "audit.log").read_bytes()
        self.assertIn(b"InvalidCiphertextException", log)
        self.assertNotIn(PLAINTEXT, log)

    def no_key_of_ours(self, call, **params):
        self.assertIn(self.answer(call, **params), (INVALID, INACCESSIBLE))

    def test_of_another_region_or_account(self):
        east, west = self.keys(), self.keys("us-west-2")
        key = east.create_key()["KeyMetadata"]["KeyId"]
        blob = east.encrypt(KeyId=key, Plaintext=PLAINTEXT)["CiphertextBlob"]
        self.assertEqual(self.answer(west.decrypt, CiphertextBlob=blob), INACCESSIBLE)
        stranger = self.server.client("kms", key="210987654321", secret="test")
        # Whether the key is there is told to nobody who neither names it nor may use it.
        self.assertEqual(self.answer(stranger.decrypt, CiphertextBlob=blob), INACCESSIBLE)
        own = stranger.create_key()["KeyMetadata"]["KeyId"]
        moved = dict(CiphertextBlob=blob, DestinationKeyId=own)
        self.assertEqual(self.answer(stranger.re_encrypt, **moved), INACCESSIBLE)
        arn = east.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
        code, text = self.answer(stranger.decrypt, CiphertextBlob=blob, KeyId=arn)
        self.assertEqual(code, "AccessDeniedException")
        self.assertIn(f"is not authorized to perform: kms:Decrypt on resource: {arn}", text)

    def test_rsa(self):
        kms = self.keys()
        key, other = (
            kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
            for _ in range(2)
        )
        for algorithm, foreign in (
            ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"), ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"),
        ):
            use = dict(KeyId=key, EncryptionAlgorithm=algorithm)
            blob = kms.encrypt(**use, Plaintext=PLAINTEXT)["CiphertextBlob"]
            opened = kms.decrypt(**use, CiphertextBlob=blob)
            self.assertEqual(opened["Plaintext"], PLAINTEXT)
            for change in ({"KeyId": other}, {"EncryptionAlgorithm": foreign}):
                wrong = {**use, **change, "CiphertextBlob": blob}
                self.assertEqual(self.answer(kms.decrypt, **wrong), INVALID, change)
            symmetric = kms.create_key()["KeyMetadata"]["KeyId"]
            sealed = kms.encrypt(KeyId=symmetric, Plaintext=PLAINTEXT)["CiphertextBlob"]
            for what, bad in [("symmetric", sealed), *self.altered(blob)]:
                with self.subTest(what, algorithm=algorithm):
                    answer = self.answer(kms.decrypt, **use, CiphertextBlob=bad)
                    self.assertEqual(answer, INVALID)
