"""Each condition key of KMS in users' identity policies: the right value allows, another denies.

For each row there are two users, who may do all of KMS under one condition on the row's key: one with
the value that the request has, and one with another value. What is asked of both is the same.
"""

import time

from harness import ACCOUNT, Case, with_users
from test_imported_keys import wrap

USER = f"arn:aws:iam::{ACCOUNT}:user/somebody"
CONTEXT = {"app": "shop"}
ANY, ALL = "ForAnyValue:StringEquals", "ForAllValues:StringEquals"
EQUALS, NUMBER, BOOL = "StringEquals", "NumericEquals", "Bool"
VALID_TO = int(time.time()) + 30 * 86_400


def encrypt(kms, made):
    kms.encrypt(KeyId=made.key, Plaintext=b"x", EncryptionContext=CONTEXT)


def create_grant(kms, made):
    kms.create_grant(
        KeyId=made.key, GranteePrincipal=USER, RetiringPrincipal=USER, Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": CONTEXT},
    )


def create_key(kms, made):
    kms.create_key(Origin="EXTERNAL", MultiRegion=True)


def create_tagged(kms, made):
    kms.create_key(Tags=[{"TagKey": "team", "TagValue": "red"}])


def describe(kms, made):
    kms.describe_key(KeyId=made.key)


def sign(kms, made):
    kms.sign(KeyId=made.signing, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")


def generate_mac(kms, made):
    kms.generate_mac(KeyId=made.mac, Message=b"x", MacAlgorithm="HMAC_SHA_256")


def derive(kms, made):
    kms.derive_shared_secret(
        KeyId=made.agreement, KeyAgreementAlgorithm="ECDH", PublicKey=made.peer
    )


def encapsulate(kms, made):
    kms.encapsulate(KeyId=made.capsule, EncapsulationAlgorithm="ML_KEM")


def pair(kms, made):
    kms.generate_data_key_pair(KeyId=made.key, KeyPairSpec="ECC_NIST_P256")


def by_alias(kms, made):
    kms.encrypt(KeyId="alias/mine", Plaintext=b"x")


def re_encrypt(kms, made):
    kms.re_encrypt(CiphertextBlob=made.blob, DestinationKeyId=made.key)


def replicate(kms, made):
    kms.replicate_key(KeyId=made.multi, ReplicaRegion="us-west-2")


def promote(kms, made):
    kms.update_primary_region(KeyId=made.related, PrimaryRegion="us-west-2")


def schedule(kms, made):
    kms.schedule_key_deletion(KeyId=made.key, PendingWindowInDays=8)


def rotate_every(kms, made):
    kms.enable_key_rotation(KeyId=made.key, RotationPeriodInDays=100)


def put_policy(kms, made):
    kms.put_key_policy(
        KeyId=made.key, Policy=made.policy, BypassPolicyLockoutSafetyCheck=True
    )


def parameters(kms, made):
    kms.get_parameters_for_import(
        KeyId=made.external, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_3072"
    )


def import_for_good(kms, made):
    kms.import_key_material(**made.material, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")


def import_until(kms, made):
    kms.import_key_material(**made.material, ValidTo=VALID_TO)


# Key, operator, the request's value, another, and the request.
ROWS = [
    ("kms:CallerAccount", EQUALS, ACCOUNT, "210987654321", encrypt),
    ("kms:EncryptionAlgorithm", EQUALS, "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", encrypt),
    ("kms:EncryptionContext:app", EQUALS, "shop", "Shop", encrypt),
    ("kms:EncryptionContextKeys", ALL, "app", "other", encrypt),
    ("kms:KeyOrigin", EQUALS, "AWS_KMS", "EXTERNAL", encrypt),
    ("kms:KeySpec", EQUALS, "SYMMETRIC_DEFAULT", "RSA_2048", encrypt),
    ("kms:KeyUsage", EQUALS, "ENCRYPT_DECRYPT", "SIGN_VERIFY", encrypt),
    ("kms:MultiRegion", BOOL, "false", "true", encrypt),
    ("aws:ResourceTag/team", EQUALS, "red", "blue", encrypt),
    ("kms:MultiRegionKeyType", EQUALS, "PRIMARY", "REPLICA", replicate),
    ("kms:ReplicaRegion", EQUALS, "us-west-2", "eu-west-1", replicate),
    ("kms:PrimaryRegion", EQUALS, "us-west-2", "eu-west-1", promote),
    ("kms:KeySpec", EQUALS, "ECC_NIST_P256", "RSA_2048", sign),
    ("kms:KeyUsage", EQUALS, "SIGN_VERIFY", "ENCRYPT_DECRYPT", sign),
    ("kms:SigningAlgorithm", EQUALS, "ECDSA_SHA_256", "ECDSA_SHA_384", sign),
    ("kms:MessageType", EQUALS, "RAW", "DIGEST", sign),
    ("kms:MacAlgorithm", EQUALS, "HMAC_SHA_256", "HMAC_SHA_384", generate_mac),
    ("kms:KeyAgreementAlgorithm", EQUALS, "ECDH", "OTHER", derive),
    ("kms:EncapsulationAlgorithm", EQUALS, "ML_KEM", "OTHER", encapsulate),
    ("kms:DataKeyPairSpec", EQUALS, "ECC_NIST_P256", "RSA_2048", pair),
    ("kms:RequestAlias", EQUALS, "alias/mine", "alias/other", by_alias),
    ("kms:ResourceAliases", ANY, "alias/mine", "alias/other", describe),
    ("kms:ReEncryptOnSameKey", BOOL, "true", "false", re_encrypt),
    ("kms:GrantIsForAWSResource", BOOL, "false", "true", create_grant),
    ("kms:GrantOperations", ALL, "Decrypt", "Encrypt", create_grant),
    ("kms:GrantConstraintType", EQUALS, "EncryptionContextSubset", "EncryptionContextEquals",
     create_grant),
    ("kms:GranteePrincipal", EQUALS, USER, USER + "2", create_grant),
    ("kms:RetiringPrincipal", EQUALS, USER, USER + "2", create_grant),
    ("kms:KeyOrigin", EQUALS, "EXTERNAL", "AWS_KMS", create_key),
    ("kms:MultiRegion", BOOL, "true", "false", create_key),
    ("aws:RequestTag/team", EQUALS, "red", "blue", create_tagged),
    ("aws:TagKeys", ALL, "team", "other", create_tagged),
    ("kms:BypassPolicyLockoutSafetyCheck", BOOL, "true", "false", put_policy),
    ("kms:ScheduleKeyDeletionPendingWindowInDays", NUMBER, "8", "9", schedule),
    ("kms:RotationPeriodInDays", NUMBER, "100", "101", rotate_every),
    ("kms:WrappingAlgorithm", EQUALS, "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1", parameters),
    ("kms:WrappingKeySpec", EQUALS, "RSA_3072", "RSA_2048", parameters),
    ("kms:ExpirationModel", EQUALS, "KEY_MATERIAL_DOES_NOT_EXPIRE", "KEY_MATERIAL_EXPIRES",
     import_for_good),
    ("kms:ExpirationModel", EQUALS, "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE",
     import_until),
    ("kms:ValidTo", NUMBER, str(VALID_TO), str(VALID_TO + 1), import_until),
]


def users():
    """The users of each row, by its number and `right` or `wrong`."""
    # What replicating a key asks for in the other Region, under condition keys of its own.
    create = {"Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*"}
    for number, (key, operator, right, wrong, call) in enumerate(ROWS):
        for name, value in (("right", right), ("wrong", wrong)):
            condition = {operator: {key: value}}
            if operator == ALL:
                # Without a value, every one of none is equal.
                condition["Null"] = {key: "false"}
            allow = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition}
            statements = [allow, create] if call == replicate else [allow]
            yield f"{name}{number}", (ACCOUNT, [{"Version": "2012-10-17", "Statement": statements}])


class Conditions(Case):
    @classmethod
    def setUpClass(cls):
        with_users(cls, dict(users()))
        super().setUpClass()

    def setUp(self):
        super().setUp()
        kms = self.keys()

        def made(**members):
            return kms.create_key(**members)["KeyMetadata"]["KeyId"]

        self.key = made(Tags=[{"TagKey": "team", "TagValue": "red"}])
        kms.create_alias(AliasName="alias/mine", TargetKeyId=self.key)
        self.blob = kms.encrypt(KeyId=self.key, Plaintext=b"x")["CiphertextBlob"]
        self.policy = kms.get_key_policy(KeyId=self.key)["Policy"]
        self.signing = made(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        self.mac = made(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        self.agreement = made(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
        peer = made(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
        self.peer = kms.get_public_key(KeyId=peer)["PublicKey"]
        self.capsule = made(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")
        self.external = made(Origin="EXTERNAL")
        self.material = self.to_import(made(Origin="EXTERNAL"))
        self.multi = made(MultiRegion=True)
        self.related = self.multi_region_key("us-west-2")

    def to_import(self, key):
        algorithm = "RSAES_OAEP_SHA_256"
        given = self.keys().get_parameters_for_import(
            KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048"
        )
        sealed = wrap(given["PublicKey"], algorithm, bytes(32))
        return dict(KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=sealed)

    def test_each_key_decides(self):
        for number, (key, *_, call) in enumerate(ROWS):
            with self.subTest(f"{key} {call.__name__}"):
                denied = self.server.client("kms", key=f"wrong{number}", secret=f"wrong{number}")
                self.fails("AccessDeniedException", lambda: call(denied, self))
                allowed = self.server.client("kms", key=f"right{number}", secret=f"right{number}")
                call(allowed, self)
                if call in (replicate, schedule, promote):
                    # Each of these is done once to a key.
                    self.setUp()
