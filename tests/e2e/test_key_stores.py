"""Custom key stores with boto3: an external key store behind a proxy that speaks AWS's XKS API."""

import base64
import time

from harness import ACCOUNT, Case, files_with
from xks_proxy import ACCESS_KEY, PATH, SECRET_KEY, Key, Proxy

CLUSTER = "cluster-2a3b4c5d6e7f"


class KeyStores(Case):
    def setUp(self):
        super().setUp()
        self.proxy = Proxy()
        self.addCleanup(self.proxy.stop)

    def members(self, name="store", **changed):
        credential = {"AccessKeyId": ACCESS_KEY, "RawSecretAccessKey": SECRET_KEY}
        return {
            "CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
            "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": self.proxy.endpoint,
            "XksProxyUriPath": PATH, "XksProxyAuthenticationCredential": credential,
        } | changed

    def store(self, **changed):
        """A connected key store. Returns its id."""
        store = self.keys().create_custom_key_store(**self.members(**changed))["CustomKeyStoreId"]
        self.keys().connect_custom_key_store(CustomKeyStoreId=store)
        return store

    def key(self, store, external="one"):
        made = self.keys().create_key(
            Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId=external
        )
        return made["KeyMetadata"]

    def described(self, store):
        [entry] = self.keys().describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"]
        return entry

    def test_a_store_from_its_making_to_its_end(self):
        kms = self.keys()
        store = kms.create_custom_key_store(**self.members())["CustomKeyStoreId"]
        self.assertRegex(store, "^cks-[0-9a-f]{17}$")
        entry = self.described(store)
        self.assertEqual(entry["ConnectionState"], "DISCONNECTED")
        self.assertEqual(entry["CustomKeyStoreType"], "EXTERNAL_KEY_STORE")
        self.assertEqual(entry["XksProxyConfiguration"], {
            "Connectivity": "PUBLIC_ENDPOINT", "AccessKeyId": ACCESS_KEY,
            "UriEndpoint": self.proxy.endpoint, "UriPath": PATH,
        })
        state = "CustomKeyStoreInvalidStateException"
        self.fails(state, self.key, store=store)
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        self.assertEqual(self.described(store)["ConnectionState"], "CONNECTED")
        key = self.key(store)
        self.assertEqual(key["CustomKeyStoreId"], store)
        self.assertEqual(key["XksKeyConfiguration"], {"Id": "one"})
        self.assertEqual((key["Origin"], key["KeyState"]), ("EXTERNAL_KEY_STORE", "Enabled"))
        self.fails("CustomKeyStoreHasCMKsException", kms.delete_custom_key_store,
                   CustomKeyStoreId=store)
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        self.assertEqual(described["KeyState"], "Unavailable")
        text = self.fails("KMSInvalidStateException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
        self.assertEqual(text, f"{key['Arn']} is unavailable.")
        self.proxy.paths.append("/second/kms/xks/v1")
        empty = self.store(name="empty", XksProxyUriPath="/second/kms/xks/v1")
        self.fails(state, kms.delete_custom_key_store, CustomKeyStoreId=empty)
        kms.disconnect_custom_key_store(CustomKeyStoreId=empty)
        kms.delete_custom_key_store(CustomKeyStoreId=empty)
        for call in (
            kms.delete_custom_key_store, kms.connect_custom_key_store,
            kms.disconnect_custom_key_store, kms.describe_custom_key_stores,
        ):
            self.fails("CustomKeyStoreNotFoundException", call, CustomKeyStoreId=empty)

    def test_cryptography_goes_through_the_proxy_and_back(self):
        kms, store = self.keys(), self.store()
        key, other = self.key(store)["KeyId"], self.key(store, "two")["KeyId"]
        context = {"app": "shop"}
        blob = kms.encrypt(KeyId=key, Plaintext=b"x" * 4096, EncryptionContext=context)
        blob = blob["CiphertextBlob"]
        opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        self.assertEqual(opened["Plaintext"], b"x" * 4096)
        self.fails("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob)
        data = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
        again = kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"]
        self.assertEqual(again, data["Plaintext"])
        wrapped = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=7)
        self.assertEqual(len(kms.decrypt(CiphertextBlob=wrapped["CiphertextBlob"])["Plaintext"]), 7)
        moved = kms.re_encrypt(
            CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=other
        )
        self.assertEqual(
            kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"], b"x" * 4096
        )
        self.assertIn(("ReEncrypt", "decrypt"), self.proxy.operations())
        self.assertIn(("ReEncrypt", "encrypt"), self.proxy.operations())
        metadata = self.proxy.asked[-1][1]["requestMetadata"]
        self.assertEqual(metadata["awsPrincipalArn"], f"arn:aws:iam::{ACCOUNT}:user/test")
        self.assertTrue(metadata["kmsKeyArn"].endswith(other))
        self.assertEqual(self.proxy.regions, {"us-east-1"})
        # Altered anywhere, it does not open.
        for at in (60, 100, 130, len(blob) - 1):
            broken = bytearray(blob)
            broken[at] ^= 1
            with self.assertRaises(kms.exceptions.ClientError):
                kms.decrypt(CiphertextBlob=bytes(broken), EncryptionContext=context)
        # What these keys cannot do.
        for call, params in [
            (kms.enable_key_rotation, {}),
            (kms.rotate_key_on_demand, {}),
            (kms.generate_data_key_pair, {"KeyPairSpec": "ECC_NIST_P256"}),
        ]:
            self.fails("UnsupportedOperationException", call, KeyId=key, **params)

    def test_the_proxy_sees_no_plaintext_and_files_hold_no_credential(self):
        kms, store = self.keys(), self.store()
        key = self.key(store)["KeyId"]
        canary = b"CANARY-plaintext-0123456789"
        blob = kms.encrypt(KeyId=key, Plaintext=canary)["CiphertextBlob"]
        kms.decrypt(CiphertextBlob=blob)
        [asked] = [asked for what, asked in self.proxy.asked if what == "encrypt"]
        self.assertNotIn(canary, base64.b64decode(asked["plaintext"]))
        self.server.stop()
        self.addCleanup(self.server.start)
        self.assertEqual(files_with(SECRET_KEY, self.server.data_dir), [])

    def test_secrets_under_a_key_of_a_store(self):
        store = self.store()
        key = self.key(store)["Arn"]
        secrets = self.secrets()
        secrets.create_secret(
            Name="db", SecretString="one", KmsKeyId=key, AddReplicaRegions=[{"Region": "us-west-2"}]
        )
        self.in_sync("db", "us-west-2")
        self.assertEqual(secrets.get_secret_value(SecretId="db")["SecretString"], "one")
        replica = self.secrets("us-west-2").get_secret_value(SecretId="db")
        self.assertEqual(replica["SecretString"], "one")
        via = {asked["requestMetadata"].get("kmsViaService") for what, asked in self.proxy.asked
               if what == "decrypt"}
        self.assertEqual(via, {"secretsmanager.us-east-1.amazonaws.com"})
        batch = secrets.batch_get_secret_value(SecretIdList=["db"])
        self.assertEqual(batch["SecretValues"][0]["SecretString"], "one")
        self.keys().disconnect_custom_key_store(CustomKeyStoreId=store)
        text = self.fails("DecryptionFailure", secrets.get_secret_value, SecretId="db")
        self.assertIn(" is unavailable.", text)
        text = self.fails(
            "EncryptionFailure", secrets.put_secret_value, SecretId="db", SecretString="two"
        )
        self.assertIn(" is unavailable.", text)
        # Other Regions have keys of their own.
        replica = self.secrets("us-west-2").get_secret_value(SecretId="db")
        self.assertEqual(replica["SecretString"], "one")
        self.keys().connect_custom_key_store(CustomKeyStoreId=store)
        self.assertEqual(secrets.get_secret_value(SecretId="db")["SecretString"], "one")

    def many(self, key, **replica):
        """Twelve secrets under a key, and one under the default key, with replicas."""
        names = [f"a{number:02}" for number in range(12)]
        regions = [{"Region": "us-west-2"}]
        for name in names:
            self.secrets().create_secret(
                Name=name, SecretString="one", KmsKeyId=key,
                AddReplicaRegions=[regions[0] | replica],
            )
        self.secrets().create_secret(Name="plain", SecretString="one", AddReplicaRegions=regions)
        for name in [*names, "plain"]:
            self.in_sync(name, "us-west-2")
        return names

    def catches_up(self, names):
        """A Region that was down hears of everything, and no secret waits for another's proxy."""
        self.server.regent("region", "down", "us-west-2")
        for name in [*names, "plain"]:
            self.secrets().put_secret_value(SecretId=name, SecretString="two")
        self.proxy.waits_s, self.proxy.busiest = 0.8, 0
        self.server.regent("region", "up", "us-west-2")
        self.in_sync("plain", "us-west-2")
        self.eventually(lambda: self.proxy.busiest >= 6, "six of them asking at the same time")
        # Each may have been too slow; the next change brings them there.
        self.proxy.waits_s = 0
        for name in names:
            self.secrets().put_secret_value(SecretId=name, SecretString="three")
            self.in_sync(name, "us-west-2")
            replica = self.secrets("us-west-2").get_secret_value(SecretId=name)
            self.assertEqual(replica["SecretString"], "three")

    def test_a_slow_proxy_of_the_primary_delays_no_other_secret(self):
        self.catches_up(self.many(self.key(self.store())["Arn"]))

    def test_a_slow_proxy_of_the_replica_delays_no_other_secret(self):
        west = self.keys("us-west-2")
        store = west.create_custom_key_store(**self.members())["CustomKeyStoreId"]
        west.connect_custom_key_store(CustomKeyStoreId=store)
        key = west.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="one")
        key = key["KeyMetadata"]["Arn"]
        own = self.keys().create_key()["KeyMetadata"]["Arn"]
        self.catches_up(self.many(own, KmsKeyId=key))
        # It is the Region of the key that asks.
        self.assertEqual(self.proxy.regions, {"us-west-2"})

    def test_a_reset_while_proxies_are_asked(self):
        names = self.many(self.key(self.store())["Arn"])
        self.server.regent("region", "down", "us-west-2")
        for name in names:
            self.secrets().put_secret_value(SecretId=name, SecretString="two")
        self.proxy.waits_s = 0.9
        self.server.regent("region", "up", "us-west-2")
        self.eventually(lambda: self.proxy.busy, "a request")
        self.server.reset()
        self.eventually(lambda: not self.proxy.busy, "answers to what was asked by then")
        asked = len(self.proxy.asked)
        # Nothing of the twelve goes on: their Region is empty, and what they had asked is void.
        time.sleep(1.5)
        for region in ("us-east-1", "us-west-2"):
            self.assertEqual(self.secrets(region).list_secrets()["SecretList"], [])
        self.assertEqual(len(self.proxy.asked), asked)

    def test_stores_and_keys_survive_kill_9(self):
        kms, store = self.keys(), self.store()
        key = self.key(store)["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        self.server.kill9()
        self.server.start()
        self.assertEqual(self.keys().decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        self.assertEqual(self.described(store)["ConnectionState"], "CONNECTED")

    def test_what_a_proxy_says_becomes_kms_errors(self):
        kms, store = self.keys(), self.store()
        key = self.key(store)["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        state = "KMSInvalidStateException"
        for fails, said in [
            ((400, "InvalidStateException"), "is not enabled in the external key manager"),
            ((400, "InvalidCiphertextException"), "is corrupted, missing, or otherwise invalid"),
            ((400, "InvalidKeyUsageException"), "does not support the requested operation"),
            ((401, "AuthenticationFailedException"), "it could not authenticate AWS KMS"),
            ((403, "AccessDeniedException"), "denied access to the operation"),
            ((404, "KeyNotFoundException"), "was not found in its external key manager"),
            ((404, "InvalidUriPathException"), "because of an invalid URI path"),
            ((429, "ThrottlingException"), "due to a very high request rate"),
            ((501, "UnsupportedOperationException"), "does not support the requested operation"),
            ((503, "DependencyTimeoutException"), "in the time allotted"),
            ((500, "InternalException"), "cannot communicate with the external key manager"),
            ((400, "ValidationException"), "cannot interpret the response"),
            ((500, "Whatever"), "cannot interpret the response"),
        ]:
            self.proxy.fails = fails
            with self.subTest(fails):
                for call, params in [
                    (kms.decrypt, {"CiphertextBlob": blob}),
                    (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
                ]:
                    self.assertIn(said, self.fails(state, call, **params))
        self.proxy.fails = None
        self.proxy.alters = lambda answer: answer | {"ciphertextDataIntegrityValue": "AAAA"}
        text = self.fails(state, kms.encrypt, KeyId=key, Plaintext=b"x")
        self.assertIn("cannot interpret the response", text)
        self.proxy.alters = lambda _: b"<html>"
        self.fails(state, kms.decrypt, CiphertextBlob=blob)
        self.proxy.alters, self.proxy.waits_s = None, 1.5
        text = self.fails(state, kms.decrypt, CiphertextBlob=blob)
        self.assertIn("did not respond in time", text)
        self.proxy.waits_s = 0
        self.assertEqual(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        port = self.proxy.port
        self.proxy.stop()
        text = self.fails(state, kms.decrypt, CiphertextBlob=blob)
        self.assertIn("cannot communicate with the external key store proxy", text)
        keys = self.proxy.keys
        self.proxy = Proxy(port)
        self.proxy.keys = keys
        self.addCleanup(self.proxy.stop)
        self.assertEqual(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")

    def test_stores_that_cannot_be_made_or_connected(self):
        kms = self.keys()
        make = kms.create_custom_key_store
        wrong = {"AccessKeyId": ACCESS_KEY, "RawSecretAccessKey": SECRET_KEY[::-1]}
        self.fails(
            "XksProxyIncorrectAuthenticationCredentialException", make,
            **self.members(XksProxyAuthenticationCredential=wrong),
        )
        self.fails(
            "XksProxyInvalidConfigurationException", make,
            **self.members(XksProxyUriPath="/other/kms/xks/v1"),
        )
        unreachable = "XksProxyUriUnreachableException"
        self.fails(unreachable, make, **self.members(XksProxyUriEndpoint="http://127.0.0.1:1"))
        self.fails(unreachable, make, **self.members(XksProxyUriEndpoint="https://127.0.0.1:1"))
        self.proxy.managers = ["UNAVAILABLE"]
        self.fails(unreachable, make, **self.members())
        self.proxy.managers = []
        self.fails("XksProxyInvalidResponseException", make, **self.members())
        self.proxy.managers = ["DEGRADED", "UNAVAILABLE"]
        store = make(**self.members())["CustomKeyStoreId"]
        self.fails("CustomKeyStoreNameInUseException", make, **self.members())
        self.fails("XksProxyUriInUseException", make, **self.members(name="other"))
        self.fails(
            "XksProxyVpcEndpointServiceNotFoundException", make,
            **self.members(
                XksProxyConnectivity="VPC_ENDPOINT_SERVICE",
                XksProxyVpcEndpointServiceName="com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d",
            ),
        )
        self.fails(
            "CloudHsmClusterNotFoundException", make, CustomKeyStoreName="hsm",
            CloudHsmClusterId=CLUSTER, KeyStorePassword="kmsPswd", TrustAnchorCertificate="cert",
        )
        self.fails("ValidationException", make, CustomKeyStoreName="hsm")
        self.fails("ValidationException", make, **self.members(CloudHsmClusterId=CLUSTER))
        # The request to connect succeeds; the state tells.
        for fails, code in [
            ((401, "AuthenticationFailedException"), "INVALID_CREDENTIALS"),
            ((503, "DependencyTimeoutException"), "XKS_PROXY_TIMED_OUT"),
            ((500, "InternalException"), "XKS_PROXY_INVALID_RESPONSE"),
        ]:
            self.proxy.fails = fails
            kms.connect_custom_key_store(CustomKeyStoreId=store)
            entry = self.described(store)
            self.assertEqual(entry["ConnectionState"], "FAILED")
            self.assertEqual(entry["ConnectionErrorCode"], code)
            self.fails(
                "CustomKeyStoreInvalidStateException", kms.connect_custom_key_store,
                CustomKeyStoreId=store,
            )
            kms.disconnect_custom_key_store(CustomKeyStoreId=store)

    def test_external_keys_that_cannot_be_used(self):
        kms, store = self.keys(), self.store()
        self.proxy.keys |= {
            "rsa": Key(spec="RSA_2048"), "off": Key(status="DISABLED"),
            "half": Key(usage=["ENCRYPT"]),
        }
        for name in ("rsa", "off", "half"):
            self.fails("XksKeyInvalidConfigurationException", self.key, store=store, external=name)
        for name in ("none", ".", ".."):
            self.fails("XksKeyNotFoundException", self.key, store=store, external=name)
        self.key(store)
        self.fails("XksKeyAlreadyInUseException", self.key, store=store)
        create = kms.create_key
        self.fails("CustomKeyStoreNotFoundException", create, Origin="EXTERNAL_KEY_STORE",
                   CustomKeyStoreId="cks-00000000000000000", XksKeyId="two")
        for members in [
            {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store},
            {"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "two"},
            {"CustomKeyStoreId": store, "XksKeyId": "two"},
            {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store, "XksKeyId": "two",
             "MultiRegion": True},
            {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store, "XksKeyId": "two",
             "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        ]:
            self.fails("ValidationException", create, **members)

    def test_a_store_is_changed(self):
        kms, store = self.keys(), self.store()
        key = self.key(store)["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        update = lambda **members: kms.update_custom_key_store(CustomKeyStoreId=store, **members)
        update(NewCustomKeyStoreName="renamed")
        [entry] = kms.describe_custom_key_stores(CustomKeyStoreName="renamed")["CustomKeyStores"]
        self.assertEqual(entry["CustomKeyStoreId"], store)
        # A credential is rotated while the store is connected; an unknown one is refused.
        fresh = {"AccessKeyId": ACCESS_KEY[::-1], "RawSecretAccessKey": SECRET_KEY[::-1]}
        self.fails(
            "XksProxyIncorrectAuthenticationCredentialException", update,
            XksProxyAuthenticationCredential=fresh,
        )
        self.proxy.credentials[ACCESS_KEY[::-1]] = SECRET_KEY[::-1]
        update(XksProxyAuthenticationCredential=fresh)
        del self.proxy.credentials[ACCESS_KEY]
        self.assertEqual(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        # The endpoint changes only while the store is not.
        second = Proxy()
        self.addCleanup(second.stop)
        second.keys, second.credentials = self.proxy.keys, self.proxy.credentials
        self.fails("CustomKeyStoreInvalidStateException", update, XksProxyUriEndpoint=second.endpoint)
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        update(XksProxyUriEndpoint=second.endpoint)
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        self.assertEqual(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        self.assertEqual(second.operations()[-1], ("Decrypt", "decrypt"))
        self.fails("ValidationException", update)

    def test_lists_page_and_the_cli_shows_them(self):
        made = []
        for number in range(3):
            path = f"/tests{number}/kms/xks/v1"
            self.proxy.paths.append(path)
            members = self.members(name=f"store {number}", XksProxyUriPath=path)
            made.append(self.keys().create_custom_key_store(**members)["CustomKeyStoreId"])
        pages = self.keys().get_paginator("describe_custom_key_stores")
        pages = list(pages.paginate(PaginationConfig={"PageSize": 2}))
        self.assertEqual([len(page["CustomKeyStores"]) for page in pages], [2, 1])
        listed = [entry["CustomKeyStoreId"] for page in pages for entry in page["CustomKeyStores"]]
        self.assertEqual(listed, sorted(made))
        shown = self.server.aws("kms describe-custom-key-stores --custom-key-store-name 'store 1'")
        self.assertEqual(shown["CustomKeyStores"][0]["CustomKeyStoreId"], made[1])
        self.server.aws(f"kms connect-custom-key-store --custom-key-store-id {made[1]}")
        # Each Region has its own.
        other = self.keys("us-west-2").describe_custom_key_stores()
        self.assertEqual(other["CustomKeyStores"], [])
