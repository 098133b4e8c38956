"""AWS's table of key states with boto3: every operation that names a key, in each state that a key can
have, with the code and the text of the answer.

The columns are those of AWS's table but two. A replica key is absent in its Region while it is created,
which has a test of its own; what is seen while the primary Region moves has its own too.
"""

import os

import botocore.exceptions

from harness import ACCOUNT, Case
from test_dry_run import CONTEXT, MODEL, REQUESTS, SPECS, Made
from test_imported_keys import FOR_GOOD, wrap
from xks_proxy import ACCESS_KEY, PATH, SECRET_KEY, Key, Proxy

REGION, REPLICA = "us-east-1", "us-west-2"
USER = f"arn:aws:iam::{ACCOUNT}:user/x"
STATES = [
    "Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable",
]
# What an answer says of the key, as AWS numbers it.
TEXTS = {
    ("DisabledException", "{key} is disabled."): "E1",
    ("KMSInvalidStateException", "{key} is pending deletion."): "E3",
    ("KMSInvalidStateException", "{key} is pending replica deletion."): "E3r",
    ("KMSInvalidStateException",
     "{key} is not pending deletion (or pending replica deletion)."): "E4",
    ("KMSInvalidStateException", "{key} is pending import."): "E5",
    ("UnsupportedOperationException",
     "{key} origin is EXTERNAL which is not valid for this operation."): "E6",
    ("UnsupportedOperationException",
     "{key} origin is AWS_KMS which is not valid for this operation."): "E9",
    ("UnsupportedOperationException",
     "{key} origin is EXTERNAL_KEY_STORE which is not valid for this operation."): "E9s",
    ("UnsupportedOperationException", "{key} is not a multi-region key."): "single",
    ("KMSInvalidStateException", "{key} is unavailable."): "E11",
}
USE = "ok E1 E3 E3r E5 E11"
# Of keys that no key store has.
PAIR_USE = "ok E1 E3 E3r E5 -"
CHANGE = "ok ok E3 E3r ok ok"
TOGGLE = "ok ok E3 E3r E5 ok"
ROTATION = "ok E1 E3 E3r E6 E9s"
ALWAYS = "ok ok ok ok ok ok"


def of_key(**params):
    return "symmetric", lambda made: dict(KeyId=made.key, **params)


# By operation, or by operation and side: the kind of key, the request, and AWS's row.
TABLE = {name: (*request, USE if request[0] == "symmetric" else PAIR_USE)
         for name, request in REQUESTS.items()}
TABLE |= {
    "CancelKeyDeletion": (*of_key(), "E4 E4 ok ok E4 E4"),
    "CreateAlias": ("symmetric", lambda made: dict(
        AliasName="alias/new", TargetKeyId=made.key), CHANGE),
    "CreateGrant": (*REQUESTS["CreateGrant"], "ok E1 E3 E3r E5 ok"),
    "DeleteAlias": ("symmetric", lambda made: dict(AliasName=made.alias), ALWAYS),
    "DeleteImportedKeyMaterial": (*of_key(), "E9 E9 E9 E9 ok E9s"),
    "DescribeKey": (*of_key(), ALWAYS),
    "DisableKey": (*of_key(), TOGGLE),
    "DisableKeyRotation": (*of_key(), ROTATION),
    "EnableKey": (*of_key(), TOGGLE),
    "EnableKeyRotation": (*of_key(), ROTATION),
    "GenerateDataKeyPair": (*REQUESTS["GenerateDataKeyPair"], "ok E1 E3 E3r E5 E9s"),
    "GenerateDataKeyPairWithoutPlaintext": (
        *REQUESTS["GenerateDataKeyPairWithoutPlaintext"], "ok E1 E3 E3r E5 E9s"),
    "GetKeyLastUsage": (*of_key(), ALWAYS),
    "GetKeyPolicy": (*of_key(), ALWAYS),
    "GetKeyRotationStatus": (*of_key(), ALWAYS),
    "GetParametersForImport": (*of_key(
        WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"), "E9 E9 E9 E9 ok E9s"),
    "GetPublicKey": ("signing", lambda made: dict(KeyId=made.key), PAIR_USE),
    "ImportKeyMaterial": ("symmetric", lambda made: dict(
        KeyId=made.key, ExpirationModel=FOR_GOOD, **made.material), "E9 E9 E9 E9 ok E9s"),
    "ListAliases": (*of_key(), ALWAYS),
    "ListGrants": (*of_key(), ALWAYS),
    "ListKeyPolicies": (*of_key(), ALWAYS),
    "ListKeyRotations": (*of_key(), ALWAYS),
    "ListResourceTags": (*of_key(), ALWAYS),
    "PutKeyPolicy": ("symmetric", lambda made: dict(KeyId=made.key, Policy=made.policy), ALWAYS),
    "ReEncrypt to": ("symmetric", lambda made: dict(
        CiphertextBlob=made.other_blob, DestinationKeyId=made.key), USE),
    "ReEncrypt": ("symmetric", lambda made: dict(
        SourceKeyId=made.key, CiphertextBlob=made.blob, SourceEncryptionContext=CONTEXT,
        DestinationKeyId=made.other), USE),
    "ReplicateKey": (*of_key(ReplicaRegion="eu-west-1"), "ok E1 E3 E3r E5 single"),
    "RetireGrant": (*REQUESTS["RetireGrant"], ALWAYS),
    "RevokeGrant": (*REQUESTS["RevokeGrant"], ALWAYS),
    "RotateKeyOnDemand": (*of_key(), "ok E1 E3 E3r E5 E9s"),
    "ScheduleKeyDeletion": (*of_key(), CHANGE),
    "TagResource": (*of_key(Tags=[{"TagKey": "a", "TagValue": "b"}]), CHANGE),
    "UntagResource": (*of_key(TagKeys=["a"]), CHANGE),
    "UpdateAlias": ("symmetric", lambda made: dict(
        AliasName=made.alias, TargetKeyId=made.other), ALWAYS),
    "UpdateAlias to": ("symmetric", lambda made: dict(
        AliasName=made.other_alias, TargetKeyId=made.key), CHANGE),
    "UpdateKeyDescription": (*of_key(Description="d"), CHANGE),
    "UpdatePrimaryRegion": (*of_key(PrimaryRegion=REPLICA), "ok E1 E3 E3r E5 single"),
}
# Operations that name no key of the account's, or none that is there.
WITHOUT_A_KEY = {
    "ConnectCustomKeyStore", "CreateCustomKeyStore", "CreateKey", "DeleteCustomKeyStore",
    "DescribeCustomKeyStores", "DisconnectCustomKeyStore", "GenerateRandom", "ListKeys",
    "ListRetirableGrants", "UpdateCustomKeyStore",
}


def call(kms, operation):
    """The client's method of an operation."""
    return next(
        getattr(kms, method) for method, name in kms.meta.method_to_api_mapping.items()
        if name == operation
    )


class KeyStates(Case):
    def setUp(self):
        super().setUp()
        self.proxy = Proxy()
        self.addCleanup(self.proxy.stop)
        self.store = None
        self.count = 0

    def subject(self, state, kind):
        """A key in a state, with what the requests name."""
        kms = self.keys()
        spec, usage = SPECS[kind]
        about = dict(KeySpec=spec, KeyUsage=usage, Tags=[{"TagKey": "a", "TagValue": "b"}])
        if state == "Unavailable":
            made = self.in_store(about)
        elif state == "PendingImport":
            made = self.to_import(kind, about)
        else:
            made = Made(kms, kind, kms.create_key(MultiRegion=True, **about)["KeyMetadata"])
            made.material = dict(ImportToken=b"x", EncryptedKeyMaterial=b"x")
        self.surround(made)
        if state in ("Enabled", "Disabled", "PendingReplicaDeletion"):
            self.replicated(made.key)
        if state == "Disabled":
            kms.disable_key(KeyId=made.key)
        elif state in ("PendingDeletion", "PendingReplicaDeletion"):
            kms.schedule_key_deletion(KeyId=made.key)
        elif state == "PendingImport":
            kms.delete_imported_key_material(KeyId=made.key)
        elif state == "Unavailable":
            kms.disconnect_custom_key_store(CustomKeyStoreId=self.store)
        found = kms.describe_key(KeyId=made.key)["KeyMetadata"]
        self.assertEqual((found["KeyState"], found["Enabled"]), (state, state == "Enabled"))
        return made

    def surround(self, made):
        """An alias of the key, and another key with an alias and a ciphertext."""
        kms, self.count = self.keys(), self.count + 1
        made.policy = kms.get_key_policy(KeyId=made.key)["Policy"]
        made.other = kms.create_key()["KeyMetadata"]["Arn"]
        made.alias, made.other_alias = f"alias/{self.count}", f"alias/other-{self.count}"
        if kms.describe_key(KeyId=made.key)["KeyMetadata"]["KeySpec"] == "SYMMETRIC_DEFAULT":
            kms.create_alias(AliasName=made.alias, TargetKeyId=made.key)
            kms.create_alias(AliasName=made.other_alias, TargetKeyId=made.other)
        made.other_blob = kms.encrypt(KeyId=made.other, Plaintext=b"x")["CiphertextBlob"]

    def replicated(self, key):
        self.keys().replicate_key(KeyId=key, ReplicaRegion=REPLICA)
        self.key_ready(key.rsplit("/", 1)[1], REPLICA)

    def to_import(self, kind, about):
        """A key that has lost its material, or was never given any."""
        kms = self.keys()
        key = kms.create_key(MultiRegion=True, Origin="EXTERNAL", **about)["KeyMetadata"]
        algorithm = "RSAES_OAEP_SHA_256"
        if kind != "symmetric":
            made = Made.__new__(Made)
            made.key, made.grant = key["Arn"], None
            made.blob = made.capsule = made.signature = made.mac = made.peer = b"x"
            return made
        given = kms.get_parameters_for_import(
            KeyId=key["Arn"], WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048"
        )
        material = dict(
            ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=wrap(given["PublicKey"], algorithm, os.urandom(32)),
        )
        kms.import_key_material(KeyId=key["Arn"], ExpirationModel=FOR_GOOD, **material)
        made = Made(kms, kind, key)
        made.material = material
        return made

    def in_store(self, about):
        kms, name = self.keys(), f"external-{self.count}"
        self.proxy.keys[name] = Key()
        if self.store is None:
            self.store = kms.create_custom_key_store(
                CustomKeyStoreName="store", CustomKeyStoreType="EXTERNAL_KEY_STORE",
                XksProxyConnectivity="PUBLIC_ENDPOINT", XksProxyUriEndpoint=self.proxy.endpoint,
                XksProxyUriPath=PATH, XksProxyAuthenticationCredential={
                    "AccessKeyId": ACCESS_KEY, "RawSecretAccessKey": SECRET_KEY,
                },
            )["CustomKeyStoreId"]
        kms.connect_custom_key_store(CustomKeyStoreId=self.store)
        key = kms.create_key(
            Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=self.store, XksKeyId=name, **about
        )["KeyMetadata"]
        made = Made(kms, "symmetric", key)
        made.material = dict(ImportToken=b"x", EncryptedKeyMaterial=b"x")
        return made

    def answer(self, made, operation, request):
        """`ok`, AWS's number for the error, or what was said else."""
        try:
            call(self.keys(), operation)(**request(made))
        except botocore.exceptions.ClientError as error:
            said = error.response["Error"]
            text = said.get("Message", "").replace(made.key, "{key}")
            return TEXTS.get((said["Code"], text), f"{said['Code']}: {text}")
        return "ok"

    def test_the_table_has_every_operation(self):
        listed = {row.split(" ")[0] for row in TABLE}
        self.assertEqual(listed & WITHOUT_A_KEY, set())
        self.assertEqual(listed | WITHOUT_A_KEY, set(MODEL.operation_names))

    def column(self, state):
        """Each operation on a key in the state. One that fails leaves the key as it was."""
        expected, found, kept = {}, {}, {}
        for row, (kind, request, line) in sorted(TABLE.items()):
            expected[row] = line.split(" ")[STATES.index(state)]
            if expected[row] == "-":
                found[row] = "-"
                continue
            made = kept.pop(kind, None) or self.subject(state, kind)
            found[row] = self.answer(made, row.split(" ")[0], request)
            if found[row] != "ok":
                kept[kind] = made
            elif row == "CreateAlias":
                self.keys().delete_alias(AliasName="alias/new")
        self.assertEqual(found, expected)

    def test_enabled(self):
        self.column("Enabled")

    def test_disabled(self):
        self.column("Disabled")

    def test_pending_deletion(self):
        self.column("PendingDeletion")

    def test_pending_replica_deletion(self):
        self.column("PendingReplicaDeletion")

    def test_pending_import(self):
        self.column("PendingImport")

    def test_unavailable(self):
        self.column("Unavailable")

    def test_creating(self):
        """A Region hears of its replica key when it has it; the primary knows that it is on its way."""
        kms, there = self.keys(), self.keys(REPLICA)
        key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        self.server.regent("region", "partition", REGION, REPLICA)
        self.addCleanup(self.server.regent, "region", "heal")
        replica = kms.replicate_key(KeyId=key, ReplicaRegion=REPLICA)["ReplicaKeyMetadata"]
        self.assertEqual((replica["KeyState"], replica["Enabled"]), ("Creating", False))
        self.fails("NotFoundException", there.describe_key, KeyId=key)
        text = self.fails(
            "KMSInvalidStateException", kms.update_primary_region, KeyId=key, PrimaryRegion=REPLICA
        )
        self.assertEqual(text, f"{replica['Arn']} is creating.")
        text = self.fails(
            "AlreadyExistsException", kms.replicate_key, KeyId=key, ReplicaRegion=REPLICA
        )
        self.assertIn(replica["Arn"], text)
        self.server.regent("region", "heal")
        self.key_ready(key, REPLICA)
        kms.update_primary_region(KeyId=key, PrimaryRegion=REPLICA)
