"""KMS's texts, limits and shapes, one after another, as AWS was seen or is documented to answer."""

import json

from harness import ACCOUNT, Case

REGION = "us-east-1"
ABSENT = "1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = "222222222222"
OWN_POLICY = json.dumps({"Statement": {
    "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": ACCOUNT},
}})
ALLOW = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}


def arn_of(id, region=REGION, account=ACCOUNT):
    return f"arn:aws:kms:{region}:{account}:key/{id}"


class Facts(Case):
    arguments = ("--ephemeral",)

    def keys(self, region=REGION):
        """What is out of bounds has to reach the server."""
        return super().keys(region, parameter_validation=False)

    def create(self, **params):
        return self.keys().create_key(**params)["KeyMetadata"]

    def listed(self, keys):
        """Without the key of Secrets Manager, which is there from the beginning."""
        managed = keys.describe_key(KeyId="alias/aws/secretsmanager")["KeyMetadata"]["KeyId"]
        return [entry for entry in keys.list_keys()["Keys"] if entry["KeyId"] != managed]

    def says(self, code, text, call, **params):
        self.assertEqual(self.fails(code, call, **params), text)


class Identifiers(Facts):
    def test_ids_that_lead_nowhere(self):
        describe = self.keys().describe_key
        for given in ("mrk-fake-key-id", "1234abcd12ab34cd56ef1234567890ab", "key_id", "x"):
            with self.subTest(given=given):
                self.says("NotFoundException", f"Invalid keyId '{given}'", describe, KeyId=given)
        absent = f"Key '{arn_of(ABSENT)}' does not exist"
        for given in (ABSENT, arn_of(ABSENT)):
            with self.subTest(given=given):
                self.says("NotFoundException", absent, describe, KeyId=given)
        elsewhere = arn_of(ABSENT, region="us-west-2")
        self.says("NotFoundException", "Invalid arn us-west-2", describe, KeyId=elsewhere)
        alias = f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/none is not found."
        for given in ("alias/none", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/none"):
            with self.subTest(given=given):
                self.says("NotFoundException", alias, describe, KeyId=given)

    def test_which_operations_take_an_alias(self):
        keys, id = self.keys(), self.create()["KeyId"]
        keys.create_alias(AliasName="alias/a", TargetKeyId=id)
        pair = self.create(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
        keys.create_alias(AliasName="alias/p", TargetKeyId=pair)
        for name in ("alias/a", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/a"):
            self.assertEqual(keys.describe_key(KeyId=name)["KeyMetadata"]["KeyId"], id)
            self.assertEqual(keys.encrypt(KeyId=name, Plaintext=b"x")["KeyId"], arn_of(id))
        self.assertEqual(keys.get_public_key(KeyId="alias/p")["KeyId"], arn_of(pair))
        for call, params in (
            (keys.schedule_key_deletion, {}), (keys.enable_key, {}), (keys.disable_key, {}),
            (keys.get_key_policy, {}), (keys.put_key_policy, {"Policy": OWN_POLICY}),
            (keys.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            (keys.create_grant, {
                "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:root", "Operations": ["Decrypt"],
            }),
            (keys.replicate_key, {"ReplicaRegion": "us-west-2"}), (keys.enable_key_rotation, {}),
            (keys.get_key_rotation_status, {}), (keys.get_key_last_usage, {}),
            (keys.update_key_description, {"Description": "d"}), (keys.list_resource_tags, {}),
        ):
            with self.subTest(call=call.__name__):
                self.says("NotFoundException", "Invalid keyId 'alias/a'", call, KeyId="alias/a", **params)

    def test_another_account_s_key_needs_its_arn(self):
        theirs = self.server.client("kms", REGION, key=OTHER)
        policy = {"Statement": [
            ALLOW | {"Principal": {"AWS": OTHER}}, ALLOW | {"Principal": {"AWS": ACCOUNT}},
        ]}
        id = theirs.create_key(Policy=json.dumps(policy))["KeyMetadata"]["KeyId"]
        theirs.create_alias(AliasName="alias/t", TargetKeyId=id)
        self.fails("NotFoundException", self.keys().encrypt, KeyId=id, Plaintext=b"x")
        for name in (arn_of(id, account=OTHER), f"arn:aws:kms:{REGION}:{OTHER}:alias/t"):
            with self.subTest(name=name):
                answer = self.keys().encrypt(KeyId=name, Plaintext=b"x")
                self.assertEqual(answer["KeyId"], arn_of(id, account=OTHER))

    def test_which_answers_have_the_arn(self):
        keys, made = self.keys(), self.create()
        id, arn = made["KeyId"], made["Arn"]
        self.assertEqual(arn, arn_of(id))
        self.assertEqual(self.listed(keys), [{"KeyId": id, "KeyArn": arn}])
        self.assertEqual(keys.rotate_key_on_demand(KeyId=id)["KeyId"], arn)
        self.assertEqual(keys.schedule_key_deletion(KeyId=id)["KeyId"], arn)
        self.assertEqual(keys.cancel_key_deletion(KeyId=id)["KeyId"], arn)
        self.assertEqual(keys.describe_key(KeyId=id)["KeyMetadata"]["KeyState"], "Disabled")


class Creation(Facts):
    def test_the_metadata_of_a_symmetric_key(self):
        made = self.create()
        self.assertRegex(made.pop("CurrentKeyMaterialId"), "^[0-9a-f]{64}$")
        made.pop("CreationDate")
        id = made["KeyId"]
        self.assertEqual(made, {
            "AWSAccountId": ACCOUNT, "Arn": arn_of(id), "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "Description": "", "Enabled": True, "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "KeyId": id, "KeyManager": "CUSTOMER", "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "MultiRegion": False,
            "Origin": "AWS_KMS",
        })

    def test_the_algorithms_of_each_spec(self):
        rsa_sign = [
            f"RSASSA_{kind}_SHA_{size}" for kind in ("PKCS1_V1_5", "PSS") for size in (256, 384, 512)
        ]
        encrypt = ("ENCRYPT_DECRYPT", "EncryptionAlgorithms")
        sign = ("SIGN_VERIFY", "SigningAlgorithms")
        agree = ("KEY_AGREEMENT", "KeyAgreementAlgorithms")
        oaep = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
        rows = [
            ("ECC_SECG_P256K1", *sign, ["ECDSA_SHA_256"]),
            ("ECC_NIST_EDWARDS25519", *sign, ["ED25519_SHA_512", "ED25519_PH_SHA_512"]),
        ]
        for bits in (2048, 3072, 4096):
            rows += [(f"RSA_{bits}", *encrypt, oaep), (f"RSA_{bits}", *sign, rsa_sign)]
        for curve, size in ((256, 256), (384, 384), (521, 512)):
            rows += [
                (f"ECC_NIST_P{curve}", *sign, [f"ECDSA_SHA_{size}"]),
                (f"ECC_NIST_P{curve}", *agree, ["ECDH"]),
            ]
        for size in (224, 256, 384, 512):
            row = (f"HMAC_{size}", "GENERATE_VERIFY_MAC", "MacAlgorithms", [f"HMAC_SHA_{size}"])
            rows.append(row)
        rows += [(f"ML_DSA_{level}", *sign, ["ML_DSA_SHAKE_256"]) for level in (44, 65, 87)]
        rows += [
            (f"ML_KEM_{size}", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", ["ML_KEM"])
            for size in (512, 768, 1024)
        ]
        for spec, usage, member, algorithms in rows:
            with self.subTest(spec=spec, usage=usage):
                made = self.create(KeySpec=spec, KeyUsage=usage)
                self.assertEqual(sorted(made[member]), sorted(algorithms))
                others = {
                    "EncryptionAlgorithms", "SigningAlgorithms", "MacAlgorithms",
                    "KeyAgreementAlgorithms", "EncapsulationAlgorithms",
                } - {member}
                self.assertEqual(others & set(made), set())
                self.assertNotIn("CurrentKeyMaterialId", made)
                self.assertEqual(made["CustomerMasterKeySpec"], spec)

    def test_what_cannot_be_created(self):
        create = self.keys().create_key
        self.says(
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            create, KeySpec="RSA_2048",
        )
        self.says(
            "ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048",
            create, KeySpec="RSA_2048", KeyUsage="KEY_AGREEMENT",
        )
        # AWS: a spec of the Regions in China.
        for usage in ("SIGN_VERIFY", "ENCRYPT_DECRYPT", "KEY_AGREEMENT"):
            self.fails("UnsupportedOperationException", create, KeySpec="SM2", KeyUsage=usage)
        for member in ("KeySpec", "KeyUsage"):
            text = self.fails("ValidationException", create, **{member: "x"})
            path = member[0].lower() + member[1:]
            self.assertRegex(text, f"^1 validation error detected: Value 'x' at '{path}' failed")
        self.assertEqual(self.listed(self.keys()), [])

    def test_the_policy_that_a_key_has_unless_told(self):
        id = self.create()["KeyId"]
        policy = self.keys().get_key_policy(KeyId=id)
        self.assertEqual(policy["PolicyName"], "default")
        self.assertEqual(json.loads(policy["Policy"]), {
            "Version": "2012-10-17", "Id": "key-default-1",
            "Statement": [{
                "Sid": "Enable IAM User Permissions", "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*",
                "Resource": "*",
            }],
        })
        self.assertEqual(self.keys().list_key_policies(KeyId=id)["PolicyNames"], ["default"])
        self.says(
            "NotFoundException", "No such policy exists", self.keys().get_key_policy, KeyId=id,
            PolicyName="other",
        )

    def test_tags_that_are_refused(self):
        create = self.keys().create_key
        tag = lambda key: {"TagKey": key, "TagValue": "v"}  # noqa: E731
        for tags, text in (
            ([tag("a"), tag("a")], "Duplicate tag keys"),
            ([tag(str(n)) for n in range(51)], "Too many tags"),
            ([tag("aws:a")], "Tags beginning with aws: are reserved"),
            ([tag("AWS:a")], "Tags beginning with aws: are reserved"),
        ):
            with self.subTest(text=text):
                self.says("TagException", text, create, Tags=tags)
        text = self.fails("ValidationException", create, Tags=[tag("a" * 129)])
        self.assertIn("at 'tags.1.member.tagKey' failed to satisfy constraint", text)
        text = self.fails(
            "ValidationException", create, Tags=[tag("a"), {"TagKey": "b", "TagValue": "v" * 257}],
        )
        self.assertIn("at 'tags.2.member.tagValue' failed to satisfy constraint", text)


class Lifecycle(Facts):
    def test_deletion_waits_seven_to_thirty_days(self):
        keys, id = self.keys(), self.create()["KeyId"]
        for days in (1, 6, 31, 365):
            with self.subTest(days=days):
                self.fails(
                    "ValidationException", keys.schedule_key_deletion, KeyId=id,
                    PendingWindowInDays=days,
                )
        answer = keys.schedule_key_deletion(KeyId=id)
        self.assertEqual((answer["KeyState"], answer["PendingWindowInDays"]), ("PendingDeletion", 30))
        waiting = answer["DeletionDate"] - keys.describe_key(KeyId=id)["KeyMetadata"]["CreationDate"]
        self.assertEqual(round(waiting.total_seconds() / 86400), 30)
        for call, params in (
            (keys.encrypt, {"Plaintext": b"x"}), (keys.enable_key, {}), (keys.disable_key, {}),
            (keys.update_key_description, {"Description": "d"}),
            (keys.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            (keys.schedule_key_deletion, {}), (keys.enable_key_rotation, {}),
        ):
            with self.subTest(call=call.__name__):
                text = f"{arn_of(id)} is pending deletion."
                self.says("KMSInvalidStateException", text, call, KeyId=id, **params)
        self.says(
            "KMSInvalidStateException", f"{arn_of(id)} is pending deletion.", keys.create_alias,
            AliasName="alias/x", TargetKeyId=id,
        )
        keys.cancel_key_deletion(KeyId=id)
        self.says(
            "KMSInvalidStateException",
            f"{arn_of(id)} is not pending deletion (or pending replica deletion).",
            keys.cancel_key_deletion, KeyId=id,
        )

    def test_a_disabled_key(self):
        keys, id = self.keys(), self.create()["KeyId"]
        keys.disable_key(KeyId=id)
        keys.disable_key(KeyId=id)
        disabled = f"{arn_of(id)} is disabled."
        for call, params in (
            (keys.encrypt, {"Plaintext": b"x"}), (keys.generate_data_key, {"KeySpec": "AES_256"}),
            (keys.enable_key_rotation, {}), (keys.rotate_key_on_demand, {}),
            (keys.create_grant, {
                "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:root", "Operations": ["Decrypt"],
            }),
        ):
            with self.subTest(call=call.__name__):
                self.says("DisabledException", disabled, call, KeyId=id, **params)
        for call, params in (
            (keys.update_key_description, {"Description": "d"}),
            (keys.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            (keys.list_grants, {}), (keys.get_key_policy, {}), (keys.enable_key, {}),
            (keys.enable_key, {}),
        ):
            call(KeyId=id, **params)

    def test_a_primary_waits_for_its_replicas(self):
        keys = self.keys()
        id = self.create(MultiRegion=True)["KeyId"]
        replica = keys.replicate_key(KeyId=id, ReplicaRegion="us-west-2")["ReplicaKeyMetadata"]
        self.assertEqual(
            (replica["Enabled"], replica["KeyState"], replica["Arn"]),
            (False, "Creating", arn_of(id, "us-west-2")),
        )
        self.assertNotIn("CurrentKeyMaterialId", replica)
        related = replica["MultiRegionConfiguration"]
        self.assertEqual(related["MultiRegionKeyType"], "REPLICA")
        self.assertEqual(related["PrimaryKey"], {"Arn": arn_of(id), "Region": REGION})
        listed = [{"Arn": arn_of(id, "us-west-2"), "Region": "us-west-2"}]
        self.assertEqual(related["ReplicaKeys"], listed)
        answer = keys.schedule_key_deletion(KeyId=id)
        self.assertEqual(answer["KeyState"], "PendingReplicaDeletion")
        self.assertNotIn("DeletionDate", answer)
        there = self.keys("us-west-2")
        self.eventually(
            lambda: there.describe_key(KeyId=id)["KeyMetadata"]["KeyState"] == "Enabled", "a replica",
        )
        self.says(
            "UnsupportedOperationException",
            f"{arn_of(id, 'us-west-2')} is not a multi-region primary key.",
            there.replicate_key, KeyId=id, ReplicaRegion="eu-west-1",
        )
        self.assertEqual(there.schedule_key_deletion(KeyId=id)["KeyState"], "PendingDeletion")


class Cryptography(Facts):
    def test_sizes_of_plaintexts(self):
        keys, id = self.keys(), self.create()["KeyId"]
        for plaintext, text in (
            (b"", "Member must have length greater than or equal to 1"),
            (b"x" * 4097, "Member must have length less than or equal to 4096"),
        ):
            said = self.fails("ValidationException", keys.encrypt, KeyId=id, Plaintext=plaintext)
            self.assertRegex(said, "at 'plaintext' failed to satisfy constraint: " + text)
        keys.encrypt(KeyId=id, Plaintext=b"x" * 4096)
        pair = self.create(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyId"]
        for algorithm, most in (("RSAES_OAEP_SHA_1", 214), ("RSAES_OAEP_SHA_256", 190)):
            with self.subTest(algorithm=algorithm):
                params = {"KeyId": pair, "EncryptionAlgorithm": algorithm}
                keys.encrypt(Plaintext=b"x" * most, **params)
                self.says(
                    "ValidationException",
                    f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than "
                    f"{most} bytes.",
                    keys.encrypt, Plaintext=b"x" * (most + 1), **params,
                )

    def test_decryption(self):
        keys, id, other = self.keys(), self.create()["KeyId"], self.create()["KeyId"]
        sealed = keys.encrypt(KeyId=id, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
        opened = keys.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})
        self.assertEqual((opened["KeyId"], opened["Plaintext"]), (arn_of(id), b"x"))
        self.assertEqual(opened["EncryptionAlgorithm"], "SYMMETRIC_DEFAULT")
        self.assertRegex(opened["KeyMaterialId"], "^[0-9a-f]{64}$")
        for params in ({}, {"EncryptionContext": {"A": "b"}}, {"EncryptionContext": {"a": "b", "c": "d"}}):
            with self.subTest(params=params):
                self.says(
                    "InvalidCiphertextException", "", keys.decrypt, CiphertextBlob=sealed, **params
                )
        self.says(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
            keys.decrypt, CiphertextBlob=sealed, KeyId=other, EncryptionContext={"a": "b"},
        )
        signer = self.create(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyId"]
        self.says(
            "InvalidKeyUsageException",
            f"{arn_of(signer)} key usage is SIGN_VERIFY which is not valid for Encrypt.",
            keys.encrypt, KeyId=signer, Plaintext=b"x",
        )
        self.fails("IncorrectKeyException", keys.decrypt, CiphertextBlob=sealed, KeyId=signer)

    def test_data_keys(self):
        keys, id = self.keys(), self.create()["KeyId"]
        for params in ({}, {"KeySpec": "AES_256", "NumberOfBytes": 8}):
            self.fails("ValidationException", keys.generate_data_key, KeyId=id, **params)
        for bytes in (0, 1025):
            self.fails("ValidationException", keys.generate_data_key, KeyId=id, NumberOfBytes=bytes)
        for params, length in (
            ({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024),
        ):
            made = keys.generate_data_key(KeyId=id, **params)
            self.assertEqual(len(made["Plaintext"]), length)
            self.assertEqual(made["KeyId"], arn_of(id))
            self.assertIn("KeyMaterialId", made)
        self.assertNotIn(
            "Plaintext", keys.generate_data_key_without_plaintext(KeyId=id, KeySpec="AES_256"),
        )
        long = {"a": "x" * 8192}
        self.fails(
            "ValidationException", keys.generate_data_key, KeyId=id, KeySpec="AES_256",
            EncryptionContext=long,
        )

    def test_re_encryption(self):
        keys, one, two = self.keys(), self.create()["KeyId"], self.create()["KeyId"]
        sealed = keys.encrypt(KeyId=one, Plaintext=b"x")["CiphertextBlob"]
        answer = keys.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=two)
        self.assertEqual((answer["SourceKeyId"], answer["KeyId"]), (arn_of(one), arn_of(two)))
        for member in ("SourceKeyMaterialId", "DestinationKeyMaterialId"):
            self.assertRegex(answer[member], "^[0-9a-f]{64}$")
        self.says(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
            keys.re_encrypt, CiphertextBlob=sealed, SourceKeyId=two, DestinationKeyId=two,
        )

    def test_signatures_and_macs(self):
        keys = self.keys()
        signer = self.create(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
        params = {"KeyId": signer, "SigningAlgorithm": "ECDSA_SHA_256"}
        self.says(
            "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256.",
            keys.sign, Message=b"x" * 31, MessageType="DIGEST", **params,
        )
        signature = keys.sign(Message=b"x", **params)["Signature"]
        self.says(
            "KMSInvalidSignatureException", "", keys.verify, Message=b"y", Signature=signature, **params,
        )
        mac = self.create(KeySpec="HMAC_224", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
        self.says(
            "InvalidKeyUsageException", "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224.",
            keys.generate_mac, KeyId=mac, Message=b"x", MacAlgorithm="HMAC_SHA_256",
        )
        self.says(
            "KMSInvalidMacException", "", keys.verify_mac, KeyId=mac, Message=b"x",
            MacAlgorithm="HMAC_SHA_224", Mac=b"x" * 28,
        )
        agreed = self.create(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"]
        self.says(
            "ValidationException", "", keys.derive_shared_secret, KeyId=agreed, PublicKey=b"x",
            KeyAgreementAlgorithm="ECDH",
        )

    def test_random_bytes(self):
        random = self.keys().generate_random
        self.says("ValidationException", "NumberOfBytes is required.", random)
        for number in (0, 1025):
            text = self.fails("ValidationException", random, NumberOfBytes=number)
            self.assertIn(f"1 validation error detected: Value '{number}' at 'numberOfBytes'", text)
        self.assertEqual(len(random(NumberOfBytes=1024)["Plaintext"]), 1024)


class RotationAndAliases(Facts):
    def test_rotation(self):
        keys, id = self.keys(), self.create()["KeyId"]
        status = keys.get_key_rotation_status(KeyId=id)
        self.assertEqual(
            {name for name in status if name != "ResponseMetadata"}, {"KeyId", "KeyRotationEnabled"},
        )
        for days in (89, 2561):
            self.fails("ValidationException", keys.enable_key_rotation, KeyId=id, RotationPeriodInDays=days)
        keys.enable_key_rotation(KeyId=id)
        status = keys.get_key_rotation_status(KeyId=id)
        self.assertEqual((status["KeyRotationEnabled"], status["RotationPeriodInDays"]), (True, 365))
        self.assertIn("NextRotationDate", status)
        pair = self.create(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyId"]
        self.assertFalse(keys.get_key_rotation_status(KeyId=pair)["KeyRotationEnabled"])
        self.fails("UnsupportedOperationException", keys.enable_key_rotation, KeyId=pair)
        self.says("UnsupportedOperationException", "", keys.rotate_key_on_demand, KeyId=pair)
        self.assertEqual(keys.list_key_rotations(KeyId=id)["Rotations"], [])
        [first] = keys.list_key_rotations(KeyId=id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        self.assertEqual(first["KeyMaterialState"], "CURRENT")
        before = keys.describe_key(KeyId=id)["KeyMetadata"]["CurrentKeyMaterialId"]
        keys.rotate_key_on_demand(KeyId=id)
        self.eventually(
            lambda: keys.describe_key(KeyId=id)["KeyMetadata"]["CurrentKeyMaterialId"] != before,
            "other material",
        )
        [rotation] = keys.list_key_rotations(KeyId=id)["Rotations"]
        self.assertEqual(rotation["RotationType"], "ON_DEMAND")

    def test_on_demand_rotations_are_limited(self):
        keys, id = self.keys(), self.create()["KeyId"]
        for _ in range(25):
            keys.rotate_key_on_demand(KeyId=id)
        self.says(
            "LimitExceededException",
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
            f"rotations can be performed for this key: {arn_of(id)}",
            keys.rotate_key_on_demand, KeyId=id,
        )

    def test_aliases(self):
        keys, id = self.keys(), self.create()["KeyId"]
        self.says(
            "ValidationException",
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
            keys.create_alias, AliasName="a", TargetKeyId=id,
        )
        self.says(
            "NotAuthorizedException", "", keys.create_alias, AliasName="alias/aws/x", TargetKeyId=id,
        )
        keys.create_alias(AliasName="alias/a", TargetKeyId=id)
        alias = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/a"
        self.says(
            "AlreadyExistsException", f"An alias with the name {alias} already exists",
            keys.create_alias, AliasName="alias/a", TargetKeyId=id,
        )
        self.says(
            "ValidationException", "Aliases must refer to keys. Not aliases", keys.create_alias,
            AliasName="alias/b", TargetKeyId="alias/a",
        )
        absent = f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/none is not found."
        self.says("NotFoundException", absent, keys.delete_alias, AliasName="alias/none")
        [entry] = keys.list_aliases(KeyId=id)["Aliases"]
        self.assertEqual((entry["AliasName"], entry["AliasArn"], entry["TargetKeyId"]), ("alias/a", alias, id))
        self.assertIn("CreationDate", entry)
        self.assertIn("LastUpdatedDate", entry)
        # AWS: an alias stays with keys of one type and usage.
        for spec, usage in (
            ("ECC_NIST_P256", "SIGN_VERIFY"), ("RSA_2048", "ENCRYPT_DECRYPT"),
            ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ):
            other = self.create(KeySpec=spec, KeyUsage=usage)["KeyId"]
            with self.subTest(spec=spec):
                self.fails(
                    "ValidationException", keys.update_alias, AliasName="alias/a", TargetKeyId=other
                )
        alike = self.create()["KeyId"]
        keys.update_alias(AliasName="alias/a", TargetKeyId=alike)
        self.assertEqual(keys.describe_key(KeyId="alias/a")["KeyMetadata"]["KeyId"], alike)


class GrantsAndLists(Facts):
    def test_grants(self):
        keys, id = self.keys(), self.create()["KeyId"]
        params = {
            "KeyId": id, "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/a", "Operations": ["Decrypt"],
        }
        made = keys.create_grant(Name="n", **params)
        self.assertRegex(made["GrantId"], "^[0-9a-f]{64}$")
        self.assertTrue(made["GrantToken"])
        self.assertEqual(keys.create_grant(Name="n", **params)["GrantId"], made["GrantId"])
        self.says(
            "ValidationException", "More than one constraint supplied", keys.create_grant,
            Constraints={"EncryptionContextSubset": {"a": "b"}, "EncryptionContextEquals": {"a": "b"}},
            **params,
        )
        [grant] = keys.list_grants(KeyId=id)["Grants"]
        self.assertEqual(grant["IssuingAccount"], f"arn:aws:iam::{ACCOUNT}:root")
        self.fails("NotFoundException", keys.revoke_grant, KeyId=id, GrantId="0" * 64)
        self.fails("InvalidGrantIdException", keys.revoke_grant, KeyId=id, GrantId="x")

    def pages(self, call, member, size, limit="Limit", **params):
        """Every entry, in pages of this size, each page but the last being full."""
        found, marker = [], {}
        while True:
            page = call(**{limit: size}, **marker, **params)
            self.assertIn("Truncated", page)
            found += page[member]
            if not page["Truncated"]:
                self.assertNotIn("NextMarker", page)
                return found
            self.assertEqual(len(page[member]), size)
            marker = {"Marker": page["NextMarker"]}

    def test_every_list_is_paged(self):
        keys = self.keys()
        ids = [self.create()["KeyId"] for _ in range(5)]
        id = ids[0]
        listed = self.pages(keys.list_keys, "Keys", 2)
        managed = keys.describe_key(KeyId="alias/aws/secretsmanager")["KeyMetadata"]["KeyId"]
        self.assertEqual(sorted(entry["KeyId"] for entry in listed), sorted([managed, *ids]))
        for number in range(5):
            keys.create_alias(AliasName=f"alias/{number}", TargetKeyId=id)
            keys.create_grant(
                KeyId=id, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/a", Operations=["Decrypt"],
                RetiringPrincipal=f"arn:aws:iam::{ACCOUNT}:user/r", Name=str(number),
            )
            keys.tag_resource(KeyId=id, Tags=[{"TagKey": str(number), "TagValue": "v"}])
            keys.rotate_key_on_demand(KeyId=id)
        aliases = self.pages(keys.list_aliases, "Aliases", 2, KeyId=id)
        self.assertEqual(sorted(a["AliasName"] for a in aliases), [f"alias/{n}" for n in range(5)])
        grants = self.pages(keys.list_grants, "Grants", 2, KeyId=id)
        self.assertEqual(len({grant["GrantId"] for grant in grants}), 5)
        retirable = self.pages(
            keys.list_retirable_grants, "Grants", 2,
            RetiringPrincipal=f"arn:aws:iam::{ACCOUNT}:user/r",
        )
        self.assertEqual(len({grant["GrantId"] for grant in retirable}), 5)
        tags = self.pages(keys.list_resource_tags, "Tags", 2, KeyId=id)
        self.assertEqual(sorted(tag["TagKey"] for tag in tags), list("01234"))
        rotations = self.pages(keys.list_key_rotations, "Rotations", 2, KeyId=id)
        self.assertEqual(len({entry["KeyMaterialId"] for entry in rotations}), 5)
        everything = self.pages(
            keys.list_key_rotations, "Rotations", 2, KeyId=id, IncludeKeyMaterial="ALL_KEY_MATERIAL"
        )
        self.assertEqual(len({entry["KeyMaterialId"] for entry in everything}), 6)
        self.assertEqual(everything[1:], rotations)
        self.assertEqual(self.pages(keys.list_key_policies, "PolicyNames", 1, KeyId=id), ["default"])
        self.assertEqual(self.pages(keys.describe_custom_key_stores, "CustomKeyStores", 1), [])

    def test_what_no_list_takes(self):
        keys, id = self.keys(), self.create()["KeyId"]
        for call, params in (
            (keys.list_keys, {}), (keys.list_aliases, {}), (keys.list_grants, {"KeyId": id}),
            (keys.list_resource_tags, {"KeyId": id}), (keys.list_key_policies, {"KeyId": id}),
            (keys.list_key_rotations, {"KeyId": id}),
            (keys.list_retirable_grants, {"RetiringPrincipal": f"arn:aws:iam::{ACCOUNT}:root"}),
            (keys.describe_custom_key_stores, {}),
        ):
            with self.subTest(call=call.__name__):
                call(Limit=1000, **params)
                for limit, bound in ((0, "greater than or equal to 1"), (1001, "less than or equal to 1000")):
                    self.says(
                        "ValidationException",
                        f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
                        f"constraint: Member must have value {bound}",
                        call, Limit=limit, **params,
                    )
                for marker in ("bm9uc2Vuc2U=", "é", "x" * 1024):
                    self.fails("InvalidMarkerException", call, Marker=marker, **params)
                for marker in ("", "x" * 1025):
                    text = self.fails("ValidationException", call, Marker=marker, **params)
                    self.assertIn("at 'marker' failed to satisfy constraint", text)

    def test_how_long_a_page_is_unless_told(self):
        keys, ids = self.keys(), [self.create()["KeyId"] for _ in range(101)]
        listed = keys.list_keys()
        self.assertEqual((len(listed["Keys"]), listed["Truncated"]), (100, True))
        self.assertEqual(len(keys.list_keys(Marker=listed["NextMarker"])["Keys"]), 2)
        for number in range(101):
            keys.create_alias(AliasName=f"alias/{number}", TargetKeyId=ids[number])
            keys.create_grant(
                KeyId=ids[0], GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/a",
                Operations=["Decrypt"], RetiringPrincipal=f"arn:aws:iam::{ACCOUNT}:user/r",
                Name=str(number),
            )
        tags = [{"TagKey": str(n), "TagValue": "v"} for n in range(50)]
        keys.tag_resource(KeyId=ids[0], Tags=tags)
        self.assertEqual(len(keys.list_resource_tags(KeyId=ids[0])["Tags"]), 50)
        retiring = {"RetiringPrincipal": f"arn:aws:iam::{ACCOUNT}:user/r"}
        for call, member, params in (
            (keys.list_aliases, "Aliases", {}), (keys.list_grants, "Grants", {"KeyId": ids[0]}),
            (keys.list_retirable_grants, "Grants", retiring),
        ):
            # AWS: 50 unless told, and 100 whatever is told.
            for limit, length in (({}, 50), ({"Limit": 100}, 100), ({"Limit": 1000}, 100)):
                with self.subTest(call=call.__name__, limit=limit):
                    page = call(**limit, **params)
                    self.assertEqual((len(page[member]), page["Truncated"]), (length, True))

    def test_the_last_use(self):
        keys, id = self.keys(), self.create()["KeyId"]
        usage = keys.get_key_last_usage(KeyId=id)
        self.assertEqual(usage.get("KeyLastUsage", {}), {})
        self.assertIn("TrackingStartDate", usage)
        self.assertIn("KeyCreationDate", usage)
        keys.encrypt(KeyId=id, Plaintext=b"x")
        self.eventually(
            lambda: keys.get_key_last_usage(KeyId=id)["KeyLastUsage"].get("Operation") == "Encrypt",
            "the last use",
        )

    def test_the_managed_key_of_secrets_manager(self):
        self.secrets().create_secret(Name="s", SecretString="v")
        made = self.keys().describe_key(KeyId="alias/aws/secretsmanager")["KeyMetadata"]
        self.assertEqual(made["KeyManager"], "AWS")
        self.assertEqual(
            made["Description"],
            "Default key that protects my Secrets Manager data when no other key is defined",
        )
        self.assertTrue(self.keys().get_key_rotation_status(KeyId=made["KeyId"])["KeyRotationEnabled"])


