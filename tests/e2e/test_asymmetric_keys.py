"""Asymmetric and HMAC keys, checked by others: OpenSSL and Python's `cryptography`.

Public keys that they read, signatures that they verify, ciphertexts and shared secrets that they
make. Nothing here trusts Regent's word for its own cryptography.
"""

import base64
import hashlib
import pathlib
import shutil
import subprocess
import tempfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

import ed25519ph
import harness
from test_seed_aws_profile import failure

MESSAGE = b"signed in one place, verified in another"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
RSA = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES = {
    "ECC_NIST_P256": (ec.SECP256R1, "256"),
    "ECC_NIST_P384": (ec.SECP384R1, "384"),
    "ECC_NIST_P521": (ec.SECP521R1, "512"),
    "ECC_SECG_P256K1": (ec.SECP256K1, "256"),
}
ML_DSA = {
    "ML_DSA_44": mldsa.MLDSA44PublicKey,
    "ML_DSA_65": mldsa.MLDSA65PublicKey,
    "ML_DSA_87": mldsa.MLDSA87PublicKey,
}
ML_KEM = {"ML_KEM_768": mlkem.MLKEM768PublicKey, "ML_KEM_1024": mlkem.MLKEM1024PublicKey}


class Asymmetric(harness.Case):
    def create(self, spec, usage="SIGN_VERIFY", **more):
        """A new key's id, and its public key as `cryptography` reads it."""
        made = self.keys().create_key(KeySpec=spec, KeyUsage=usage, **more)["KeyMetadata"]
        self.assertEqual((made["KeySpec"], made["KeyUsage"]), (spec, usage))
        return made["KeyId"], serialization.load_der_public_key(self.public(made["KeyId"]))

    def public(self, key, region="us-east-1"):
        """The public key as Regent gives it, which is the encoding that OpenSSL gives too."""
        der = self.keys(region).get_public_key(KeyId=key)["PublicKey"]
        read = serialization.load_der_public_key(der)
        again = read.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.assertEqual(der, again)
        return der

    def sign(self, key, algorithm, message=MESSAGE, region="us-east-1", **more):
        signed = self.keys(region).sign(
            KeyId=key, Message=message, SigningAlgorithm=algorithm, **more
        )
        self.assertEqual(signed["SigningAlgorithm"], algorithm)
        return signed["Signature"]

    def verify(self, key, algorithm, signature, message=MESSAGE, region="us-east-1", **more):
        return self.keys(region).verify(
            KeyId=key, Message=message, Signature=signature, SigningAlgorithm=algorithm, **more
        )["SignatureValid"]

    def openssl(self, *arguments, **files):
        """Runs OpenSSL with files in place of the arguments of their names."""
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="regent-openssl-"))
        self.addCleanup(shutil.rmtree, scratch)
        for name, content in files.items():
            (scratch / name).write_bytes(content)
        done = subprocess.run(
            ["openssl", *(str(scratch / a) if a in files else a for a in arguments)],
            capture_output=True,
        )
        return done.returncode == 0, done.stdout

    def only_this(self, check, signature):
        """The signature is right, and is not once a bit of it is another one."""
        check(signature)
        for at in (3, len(signature) // 2, len(signature) - 1):
            altered = bytearray(signature)
            altered[at] ^= 4
            with self.assertRaises(InvalidSignature):
                check(bytes(altered))


class Signatures(Asymmetric):
    def test_rsa(self):
        for spec, bits in RSA.items():
            key, public = self.create(spec)
            self.assertIsInstance(public, rsa.RSAPublicKey)
            self.assertEqual((public.key_size, public.public_numbers().e), (bits, 65537))
            for name, algorithm in HASHES.items():
                # AWS: the salt is as long as the digest.
                pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
                digest = hashlib.new(f"sha{name}", MESSAGE).digest()
                for prefix, pad in (("PSS", pss), ("PKCS1_V1_5", padding.PKCS1v15())):
                    kind = f"RSASSA_{prefix}_SHA_{name}"
                    with self.subTest(spec=spec, algorithm=kind):
                        signature = self.sign(key, kind)
                        self.only_this(
                            lambda s: public.verify(s, MESSAGE, pad, algorithm), signature
                        )
                        public.verify(
                            self.sign(key, kind, digest, MessageType="DIGEST"), digest, pad,
                            Prehashed(algorithm),
                        )
                        self.assertTrue(self.verify(key, kind, signature))
                        self.assertTrue(
                            self.verify(key, kind, signature, digest, MessageType="DIGEST")
                        )
                        self.fails(
                            "KMSInvalidSignatureException", self.verify, key=key, algorithm=kind,
                            signature=signature, message=b"another",
                        )

    def test_elliptic_curves(self):
        for spec, (curve, name) in CURVES.items():
            with self.subTest(spec=spec):
                key, public = self.create(spec)
                self.assertIsInstance(public.curve, curve)
                algorithm, kind = HASHES[name], f"ECDSA_SHA_{name}"
                signature = self.sign(key, kind)
                self.only_this(
                    lambda s: public.verify(s, MESSAGE, ec.ECDSA(algorithm)), signature
                )
                digest = hashlib.new(f"sha{name}", MESSAGE).digest()
                public.verify(
                    self.sign(key, kind, digest, MessageType="DIGEST"), digest,
                    ec.ECDSA(Prehashed(algorithm)),
                )
                self.assertTrue(self.verify(key, kind, signature))

    def test_ed25519(self):
        key, public = self.create("ECC_NIST_EDWARDS25519")
        self.assertIsInstance(public, ed25519.Ed25519PublicKey)
        signature = self.sign(key, "ED25519_SHA_512")
        self.only_this(lambda s: public.verify(s, MESSAGE), signature)
        self.assertTrue(self.verify(key, "ED25519_SHA_512", signature))
        digest = hashlib.sha512(MESSAGE).digest()
        prehashed = self.sign(key, "ED25519_PH_SHA_512", digest, MessageType="DIGEST")
        with self.assertRaises(InvalidSignature):
            public.verify(prehashed, digest)
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.assertTrue(ed25519ph.verifies(raw, digest, prehashed))
        self.assertFalse(ed25519ph.verifies(raw, hashlib.sha512(b"x").digest(), prehashed))
        self.assertFalse(ed25519ph.verifies(raw, digest, signature))
        valid = self.verify(key, "ED25519_PH_SHA_512", prehashed, digest, MessageType="DIGEST")
        self.assertTrue(valid)

    def test_ml_dsa(self):
        kind = "ML_DSA_SHAKE_256"
        for spec, expected in ML_DSA.items():
            with self.subTest(spec=spec):
                key, public = self.create(spec)
                self.assertIsInstance(public, expected)
                signature = self.sign(key, kind)
                self.only_this(lambda s: public.verify(s, MESSAGE), signature)
                # A representative that was made elsewhere, of more than KMS takes itself.
                long = MESSAGE * 1000
                hasher = mldsa.MLDSAMuHasher(public)
                hasher.update(long)
                mu = hasher.finalize()
                external = self.sign(key, kind, mu, MessageType="EXTERNAL_MU")
                self.only_this(lambda s: public.verify(s, long), external)
                self.assertTrue(self.verify(key, kind, external, mu, MessageType="EXTERNAL_MU"))
                self.assertTrue(self.verify(key, kind, signature))

    def test_openssl_reads_keys_and_verifies(self):
        for spec, kind, digest, options in (
            ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", "-sha256", ()),
            ("RSA_2048", "RSASSA_PSS_SHA_384", "-sha384",
             ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")),
            ("ECC_NIST_P256", "ECDSA_SHA_256", "-sha256", ()),
            ("ECC_NIST_P521", "ECDSA_SHA_512", "-sha512", ()),
            ("ECC_SECG_P256K1", "ECDSA_SHA_256", "-sha256", ()),
        ):
            with self.subTest(algorithm=kind):
                key, _ = self.create(spec)
                public, signature = self.public(key), self.sign(key, kind)

                def verified(message):
                    return self.openssl(
                        "dgst", digest, "-verify", "public", "-keyform", "DER", *options,
                        "-signature", "signature", "message",
                        public=public, signature=signature, message=message,
                    )

                self.assertEqual(verified(MESSAGE)[0], True)
                self.assertEqual(verified(MESSAGE + b".")[0], False)
        key, _ = self.create("ECC_NIST_EDWARDS25519")
        done, _ = self.openssl(
            "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "public", "-rawin",
            "-sigfile", "signature", "-in", "message", public=self.public(key),
            signature=self.sign(key, "ED25519_SHA_512"), message=MESSAGE,
        )
        self.assertTrue(done)

    def test_the_command_line(self):
        key, public = self.create("ECC_NIST_P384")
        scratch = pathlib.Path(self.server.scratch)
        (scratch / "message").write_bytes(MESSAGE)
        about = f"--key-id {key} --signing-algorithm ECDSA_SHA_384"
        signed = self.server.aws(f"kms sign {about} --message fileb://{scratch}/message")
        signature = base64.b64decode(signed["Signature"])
        public.verify(signature, MESSAGE, ec.ECDSA(hashes.SHA384()))
        (scratch / "signature").write_bytes(signature)
        about += f" --signature fileb://{scratch}/signature"
        valid = self.server.aws(f"kms verify {about} --message fileb://{scratch}/message")
        self.assertTrue(valid["SignatureValid"])
        (scratch / "message").write_bytes(b"another")
        text = self.cli_fails(f"kms verify {about} --message fileb://{scratch}/message")
        self.assertIn("(KMSInvalidSignatureException)", text)


class Encryption(Asymmetric):
    def oaep(self, algorithm):
        return padding.OAEP(padding.MGF1(algorithm), algorithm, None)

    def test_what_others_encrypt_for_a_key_is_decrypted(self):
        kinds = (("RSAES_OAEP_SHA_1", hashes.SHA1()), ("RSAES_OAEP_SHA_256", hashes.SHA256()))
        for spec in RSA:
            key, public = self.create(spec, "ENCRYPT_DECRYPT")
            for kind, algorithm in kinds:
                with self.subTest(spec=spec, algorithm=kind):
                    longest = b"x" * (RSA[spec] // 8 - 2 * algorithm.digest_size - 2)
                    blob = public.encrypt(longest, self.oaep(algorithm))
                    open_it = dict(KeyId=key, EncryptionAlgorithm=kind)
                    opened = self.keys().decrypt(CiphertextBlob=blob, **open_it)
                    self.assertEqual(opened["Plaintext"], longest)
                    self.assertNotIn("KeyMaterialId", opened)
                    own = self.keys().encrypt(Plaintext=b"own", **open_it)["CiphertextBlob"]
                    opened = self.keys().decrypt(CiphertextBlob=own, **open_it)
                    self.assertEqual(opened["Plaintext"], b"own")
                    text = self.fails(
                        "ValidationException", self.keys().encrypt, Plaintext=longest + b"x",
                        **open_it,
                    )
                    self.assertIn(f"cannot encrypt data larger than {len(longest)} bytes", text)
                    for bad in (blob[:-1], blob[1:], bytes([blob[0] ^ 1]) + blob[1:], b"x" * 256):
                        text = self.fails(
                            "InvalidCiphertextException", self.keys().decrypt,
                            CiphertextBlob=bad, **open_it,
                        )
                        self.assertEqual(text, "")

    def test_openssl_encrypts_for_a_key(self):
        key, _ = self.create("RSA_2048", "ENCRYPT_DECRYPT")
        done, blob = self.openssl(
            "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "public", "-in", "text",
            "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256",
            public=self.public(key), text=b"hello",
        )
        self.assertTrue(done)
        opened = self.keys().decrypt(
            KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256"
        )
        self.assertEqual(opened["Plaintext"], b"hello")

    def test_shared_secrets(self):
        for spec, (curve, _) in CURVES.items():
            if spec == "ECC_SECG_P256K1":
                continue
            with self.subTest(spec=spec):
                key, public = self.create(spec, "KEY_AGREEMENT")
                own = ec.generate_private_key(curve())
                der = own.public_key().public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                )
                derive = dict(KeyId=key, KeyAgreementAlgorithm="ECDH")
                derived = self.keys().derive_shared_secret(PublicKey=der, **derive)
                self.assertEqual(derived["SharedSecret"], own.exchange(ec.ECDH(), public))
                self.assertEqual(derived["KeyOrigin"], "AWS_KMS")
                for bad in (der[:-1], der[:-1] + bytes([der[-1] ^ 1]), b"x"):
                    self.fails(
                        "ValidationException", self.keys().derive_shared_secret, PublicKey=bad,
                        **derive,
                    )
        self.fails(
            "ValidationException", self.keys().create_key, KeySpec="ECC_SECG_P256K1",
            KeyUsage="KEY_AGREEMENT",
        )

    def test_encapsulated_secrets(self):
        for spec in ("ML_KEM_512", *ML_KEM):
            with self.subTest(spec=spec):
                kem = dict(EncapsulationAlgorithm="ML_KEM")
                made = self.keys().create_key(KeySpec=spec, KeyUsage="ENCAPSULATE_DECAPSULATE")
                kem["KeyId"] = made["KeyMetadata"]["KeyId"]
                sent = self.keys().encapsulate(**kem)
                capsule = sent["SharedSecretCiphertextBlob"]
                opened = self.keys().decapsulate(SharedSecretCiphertextBlob=capsule, **kem)
                self.assertEqual(opened["SharedSecret"], sent["SharedSecret"])
                self.fails(
                    "InvalidCiphertextException", self.keys().decapsulate,
                    SharedSecretCiphertextBlob=capsule[1:], **kem,
                )
                if spec in ML_KEM:
                    public = serialization.load_der_public_key(self.public(kem["KeyId"]))
                    self.assertIsInstance(public, ML_KEM[spec])
                    secret, capsule = public.encapsulate()
                    opened = self.keys().decapsulate(SharedSecretCiphertextBlob=capsule, **kem)
                    self.assertEqual(opened["SharedSecret"], secret)

    def test_data_key_pairs(self):
        key = self.keys().create_key()["KeyMetadata"]["KeyId"]
        context = {"purpose": "pairs"}
        for spec in (*RSA, *CURVES, "ECC_NIST_EDWARDS25519"):
            with self.subTest(spec=spec):
                made = self.keys().generate_data_key_pair(
                    KeyId=key, KeyPairSpec=spec, EncryptionContext=context
                )
                private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
                public = private.public_key().public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                )
                self.assertEqual(public, made["PublicKey"])
                done, text = self.openssl(
                    "pkey", "-inform", "DER", "-in", "private", "-pubout", "-outform", "DER",
                    private=made["PrivateKeyPlaintext"],
                )
                self.assertEqual((done, text), (True, made["PublicKey"]))
                bare = self.keys().generate_data_key_pair_without_plaintext(
                    KeyId=key, KeyPairSpec=spec, EncryptionContext=context
                )
                self.assertNotIn("PrivateKeyPlaintext", bare)
                for pair in (made, bare):
                    opened = self.keys().decrypt(
                        CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext=context
                    )["Plaintext"]
                    read = serialization.load_der_private_key(opened, None).public_key()
                    self.assertEqual(
                        read.public_bytes(
                            serialization.Encoding.DER,
                            serialization.PublicFormat.SubjectPublicKeyInfo,
                        ),
                        pair["PublicKey"],
                    )


class Regions(Asymmetric):
    def replicated(self, spec, usage):
        key = self.keys().create_key(KeySpec=spec, KeyUsage=usage, MultiRegion=True)
        key = key["KeyMetadata"]["KeyId"]
        self.keys().replicate_key(KeyId=key, ReplicaRegion="us-west-2")
        self.key_ready(key, "us-west-2")
        return key

    def test_related_keys_are_one_pair_in_each_region(self):
        west = self.keys("us-west-2")
        signs = self.replicated("ECC_NIST_P256", "SIGN_VERIFY")
        opens = self.replicated("RSA_2048", "ENCRYPT_DECRYPT")
        macs = self.replicated("HMAC_384", "GENERATE_VERIFY_MAC")
        kem = self.replicated("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
        for key in (signs, opens, kem):
            der = self.keys().get_public_key(KeyId=key)["PublicKey"]
            self.assertEqual(der, west.get_public_key(KeyId=key)["PublicKey"])
        signature = self.sign(signs, "ECDSA_SHA_256")
        oaep = dict(KeyId=opens, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        blob = self.keys().encrypt(Plaintext=b"hello", **oaep)["CiphertextBlob"]
        hmac = dict(KeyId=macs, Message=MESSAGE, MacAlgorithm="HMAC_SHA_384")
        mac = self.keys().generate_mac(**hmac)["Mac"]
        self.assertEqual(len(mac), 48)
        sent = self.keys().encapsulate(KeyId=kem, EncapsulationAlgorithm="ML_KEM")
        # The replicas are enough when the primary's Region is lost.
        self.server.regent("region", "down", "us-east-1")
        self.addCleanup(self.server.regent, "region", "up", "us-east-1")
        self.assertTrue(self.verify(signs, "ECDSA_SHA_256", signature, region="us-west-2"))
        self.assertEqual(west.decrypt(CiphertextBlob=blob, **oaep)["Plaintext"], b"hello")
        self.assertTrue(west.verify_mac(Mac=mac, **hmac)["MacValid"])
        self.assertEqual(west.generate_mac(**hmac)["Mac"], mac)
        opened = west.decapsulate(
            KeyId=kem, EncapsulationAlgorithm="ML_KEM",
            SharedSecretCiphertextBlob=sent["SharedSecretCiphertextBlob"],
        )
        self.assertEqual(opened["SharedSecret"], sent["SharedSecret"])
        public = serialization.load_der_public_key(self.public(signs, "us-west-2"))
        signature = self.sign(signs, "ECDSA_SHA_256", region="us-west-2")
        public.verify(signature, MESSAGE, ec.ECDSA(hashes.SHA256()))

    def test_keys_are_the_same_after_a_restart(self):
        key, public = self.create("ML_DSA_44")
        signature = self.sign(key, "ML_DSA_SHAKE_256")
        self.server.kill9()
        self.server.start()
        self.assertTrue(self.verify(key, "ML_DSA_SHAKE_256", signature))
        public.verify(self.sign(key, "ML_DSA_SHAKE_256"), MESSAGE)

    def test_a_mac_is_of_one_key_and_message(self):
        one, two = (
            self.keys().create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
            ["KeyMetadata"]["KeyId"] for _ in range(2)
        )
        hmac = dict(Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")
        mac = self.keys().generate_mac(KeyId=one, **hmac)["Mac"]
        self.assertTrue(self.keys().verify_mac(KeyId=one, Mac=mac, **hmac)["MacValid"])
        self.fails(
            "KMSInvalidMacException", self.keys().verify_mac, KeyId=two, Mac=mac, **hmac
        )
        self.fails(
            "KMSInvalidMacException", self.keys().verify_mac, KeyId=one, Mac=mac,
            **{**hmac, "Message": b"another"},
        )


# What a key for something else is called when a secret is to be under it.
WRONG = (
    ("RSA_2048", "SIGN_VERIFY"),
    ("HMAC_256", "GENERATE_VERIFY_MAC"),
    ("ECC_NIST_P256", "KEY_AGREEMENT"),
    ("RSA_2048", "ENCRYPT_DECRYPT"),
)


class WrongKeysOfSecrets(harness.Case):
    def wrong(self, region):
        for spec, usage in WRONG:
            key = self.keys(region).create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
            text = f"{key} key usage is {usage} which is not valid for GenerateDataKey."
            yield key, text

    def test_a_secret_is_not_created_under_one(self):
        for key, text in self.wrong("us-east-1"):
            with self.subTest(key=key):
                said = self.fails(
                    "EncryptionFailure", self.secrets().create_secret, Name="s", SecretString="v",
                    KmsKeyId=key,
                )
                self.assertIn(text, said)
        self.assert_nothing_created()

    def test_strict_refuses_one_for_a_replica(self):
        for key, text in self.wrong("us-west-2"):
            with self.subTest(key=key):
                said = self.fails(
                    "InvalidParameterException", self.secrets().create_secret, Name="s",
                    SecretString="v",
                    AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
                )
                self.assertIn(text, said)
                self.assertIn("us-west-2", said)
        self.assert_nothing_created()


class WrongKeysOfReplicas(WrongKeysOfSecrets):
    """The same keys in the profile that accepts them first, as AWS does."""

    profile = "aws"
    test_strict_refuses_one_for_a_replica = None

    def test_a_replica_fails_with_the_reason(self):
        for number, (key, text) in enumerate(self.wrong("us-west-2")):
            with self.subTest(key=key):
                created = self.secrets().create_secret(
                    Name=f"s{number}", SecretString="v",
                    AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
                )
                self.assertEqual(created["ReplicationStatus"][0]["Status"], "InProgress")
                entry = self.settled(f"s{number}", "us-west-2")
                self.assertEqual(entry["Status"], "Failed")
                self.assertRegex(
                    entry["StatusMessage"], failure(text, "InvalidKeyUsageException") + "$"
                )
                value = self.secrets().get_secret_value(SecretId=f"s{number}")
                self.assertEqual(value["SecretString"], "v")
