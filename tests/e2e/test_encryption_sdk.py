"""The AWS Encryption SDK for Python with its multi-Region keyring: what is encrypted in one Region
is decrypted in another while the first one is down, and the reverse once it is back."""

import unittest

import harness

try:
    import aws_encryption_sdk
    from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
    from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
    from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
    from aws_cryptographic_material_providers.mpl.models import (
        CreateAwsKmsMrkKeyringInput,
        CreateAwsKmsMrkMultiKeyringInput,
    )
    from aws_cryptographic_material_providers.mpl.references import ClientSupplier
except ImportError:
    aws_encryption_sdk = None
    ClientSupplier = object

ACCOUNT_CONTEXT = {"purpose": "test", "tenant": "ä"}


class Clients(ClientSupplier):
    """Gives the keyring its KMS clients, by Region."""

    def __init__(self, server):
        self.server = server

    def get_client(self, param):
        return self.server.client("kms", param.region)


@unittest.skipIf(aws_encryption_sdk is None, "the AWS Encryption SDK is not installed")
class EncryptionSdk(harness.Case):
    def setUp(self):
        super().setUp()
        self.key = self.multi_region_key("us-west-2", "eu-west-1")
        self.sdk = aws_encryption_sdk.EncryptionSDKClient(
            commitment_policy=aws_encryption_sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
        )
        self.providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())

    def arn(self, region):
        return f"arn:aws:kms:{region}:{harness.ACCOUNT}:key/{self.key}"

    def keyring(self, region):
        """A keyring that knows the key in one Region."""
        wanted = CreateAwsKmsMrkKeyringInput(
            kms_key_id=self.arn(region), kms_client=self.keys(region)
        )
        return self.providers.create_aws_kms_mrk_keyring(wanted)

    def encrypt(self, keyring, text):
        sealed, _ = self.sdk.encrypt(
            source=text, keyring=keyring, encryption_context=ACCOUNT_CONTEXT
        )
        return sealed

    def decrypt(self, keyring, sealed):
        opened, _ = self.sdk.decrypt(
            source=sealed, keyring=keyring, encryption_context=ACCOUNT_CONTEXT
        )
        return opened

    def refused(self, keyring, sealed):
        """The keyring must find no data key that it can open."""
        with self.assertRaises(AWSEncryptionSDKClientError) as raised:
            self.decrypt(keyring, sealed)
        self.assertIn("decrypt", str(raised.exception).lower())

    def test_a_message_crosses_regions_while_one_is_down(self):
        text = b"kept readable" * 1000
        sealed = self.encrypt(self.keyring("us-east-1"), text)
        self.server.regent("region", "down", "us-east-1")
        self.addCleanup(self.server.regent, "region", "up", "us-east-1")
        self.assertEqual(self.decrypt(self.keyring("us-west-2"), sealed), text)
        meanwhile = self.encrypt(self.keyring("us-west-2"), b"written in the outage")
        self.refused(self.keyring("us-east-1"), meanwhile)
        self.server.regent("region", "up", "us-east-1")
        opened = self.decrypt(self.keyring("us-east-1"), meanwhile)
        self.assertEqual(opened, b"written in the outage")

    def test_a_multi_keyring_opens_with_whichever_key_is_in_reach(self):
        first, other = self.arn("us-east-1"), self.multi_region_key(primary="eu-west-1")
        wanted = CreateAwsKmsMrkMultiKeyringInput(
            generator=first, kms_key_ids=[f"arn:aws:kms:eu-west-1:{harness.ACCOUNT}:key/{other}"],
            client_supplier=Clients(self.server),
        )
        keyring = self.providers.create_aws_kms_mrk_multi_keyring(wanted)
        sealed = self.encrypt(keyring, b"for all")
        for region in ("us-east-1", "us-west-2"):
            self.assertEqual(self.decrypt(self.keyring(region), sealed), b"for all")
        self.server.regent("region", "down", "us-east-1")
        self.addCleanup(self.server.regent, "region", "up", "us-east-1")
        self.assertEqual(self.decrypt(keyring, sealed), b"for all")

    def test_a_message_of_another_key_does_not_open(self):
        sealed = self.encrypt(self.keyring("us-east-1"), b"x")
        self.key = self.multi_region_key("us-west-2")
        self.refused(self.keyring("us-west-2"), sealed)
