"""External key stores over HTTPS: whom Regent trusts, and which proxies it talks to at all."""

import ipaddress
import json
import os
import pathlib
import socket
import subprocess
import tempfile

from harness import Case
from xks_proxy import ACCESS_KEY, PATH, SECRET_KEY, Proxy

UNREACHABLE = "XksProxyUriUnreachableException"
NO_TLS = "cannot establish a TLS connection to the external key store proxy"
NO_ONE = "cannot communicate with the external key store proxy"


class Certificates:
    """A certificate authority of openssl's, in a directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        for name in ("ca", "other-ca"):
            self.openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-addext", "keyUsage=critical,keyCertSign",
            )

    def openssl(self, *arguments):
        subprocess.run(
            ["openssl", *arguments], cwd=self.directory, check=True, capture_output=True, text=True
        )

    def path(self, name):
        return str(self.directory / name)

    def made(self, file, names="DNS:localhost,IP:127.0.0.1", authority="ca", dates=("-days", "2")):
        """A certificate for names, and its key, in one file."""
        (self.directory / "extensions").write_text(f"subjectAltName={names}\n")
        self.openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=localhost", "-keyout", f"{file}.key", "-out", f"{file}.csr",
        )
        self.openssl(
            "x509", "-req", "-in", f"{file}.csr", "-CA", f"{authority}.pem", "-CAkey",
            f"{authority}.key", "-CAcreateserial", "-extfile", "extensions", *dates, "-out",
            f"{file}.crt",
        )
        both = "".join(
            (self.directory / f"{file}.{part}").read_text() for part in ("crt", "key")
        )
        (self.directory / f"{file}.pem").write_text(both)
        return self.path(f"{file}.pem")


def members(proxy, endpoint=None):
    credential = {"AccessKeyId": ACCESS_KEY, "RawSecretAccessKey": SECRET_KEY}
    return {
        "CustomKeyStoreName": "store", "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": endpoint or proxy.endpoint,
        "XksProxyUriPath": PATH, "XksProxyAuthenticationCredential": credential,
    }


class Https(Case):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.certificates = Certificates(scratch.name)
        cls.right = cls.certificates.made("right")
        cls.proxy = Proxy(certificate=cls.right, host="localhost")
        cls.addClassCleanup(cls.proxy.stop)
        cls.plain = Proxy()
        cls.addClassCleanup(cls.plain.stop)
        cls.unlisted = Proxy(certificate=cls.right)
        cls.addClassCleanup(cls.unlisted.stop)
        cls.by_address = f"https://127.0.0.1:{cls.proxy.port}"
        listed = [
            {"endpoint": cls.proxy.endpoint, "ca_file": "ca.pem"},
            {"endpoint": cls.by_address},
            {"endpoint": cls.plain.endpoint},
        ]
        config = pathlib.Path(scratch.name) / "config.json"
        config.write_text(json.dumps({"key_store_proxies": listed}))
        cls.arguments = (*cls.arguments, "--config", str(config))
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.proxy.present(self.right)

    def refused(self, said, proxy=None, endpoint=None):
        asked = len(self.proxy.asked)
        text = self.fails(
            UNREACHABLE, self.keys().create_custom_key_store,
            **members(proxy or self.proxy, endpoint),
        )
        self.assertIn(said, text)
        self.assertEqual(len(self.proxy.asked), asked)

    def test_keys_work_through_an_encrypted_connection(self):
        kms = self.keys()
        store = kms.create_custom_key_store(**members(self.proxy))["CustomKeyStoreId"]
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        key = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="one")
        key = key["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        self.assertEqual(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        # The certificate runs out while the store is in use, and is replaced.
        self.proxy.present(self.certificates.made("late", dates=("-days", "-1")))
        text = self.fails("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
        self.assertIn(NO_TLS, text)
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        [entry] = kms.describe_custom_key_stores()["CustomKeyStores"]
        self.assertEqual(entry["ConnectionState"], "FAILED")
        self.assertEqual(entry["ConnectionErrorCode"], "XKS_PROXY_INVALID_TLS_CONFIGURATION")
        self.proxy.present(self.certificates.made("renewed"))
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        self.assertEqual(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")

    def test_certificates_that_are_not_accepted(self):
        made = self.certificates.made
        for name, certificate in [
            ("another authority", made("foreign", authority="other-ca")),
            ("another name", made("named", names="DNS:other.example,IP:127.0.0.2")),
            ("expired", made("expired", dates=("-days", "-1"))),
            ("of itself", self.itself()),
        ]:
            self.proxy.present(certificate)
            with self.subTest(name):
                self.refused(NO_TLS)
        self.proxy.present(None)
        with self.subTest("no TLS"):
            self.refused(NO_TLS)
        self.proxy.present(self.right)
        store = self.keys().create_custom_key_store(**members(self.proxy))
        self.assertIn("CustomKeyStoreId", store)

    def itself(self):
        self.certificates.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
            "-keyout", "self.key", "-out", "self.crt",
        )
        directory = self.certificates.directory
        both = (directory / "self.crt").read_text() + (directory / "self.key").read_text()
        (directory / "self.pem").write_text(both)
        return self.certificates.path("self.pem")

    def test_the_authority_of_one_proxy_is_not_trusted_of_another(self):
        # The same proxy and certificate under a name for which the system's authorities count.
        self.refused(NO_TLS, endpoint=self.by_address)

    def test_a_list_is_all_that_is_asked(self):
        self.refused(NO_ONE, self.unlisted)
        self.refused(NO_ONE, endpoint=f"http://localhost:{self.proxy.port}")
        self.refused(NO_ONE, endpoint=f"https://LOCALHOST:{self.proxy.port}")
        self.assertEqual(self.unlisted.asked, [])
        self.keys().create_custom_key_store(**members(self.plain))


def own_addresses():
    """The address of this machine in its private network, if it is in one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only asks for a route.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        address = probe.getsockname()[0]
    parsed = ipaddress.ip_address(address)
    return [address] if parsed.is_private and not parsed.is_loopback else []


class SystemAuthorities(Case):
    """The system's authorities, which are those of SSL_CERT_FILE here."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        certificates = Certificates(scratch.name)
        cls.proxy = Proxy(certificate=certificates.made("right"), host="localhost")
        cls.addClassCleanup(cls.proxy.stop)
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = certificates.path("ca.pem")
        try:
            super().setUpClass()
        finally:
            del os.environ["SSL_CERT_FILE"]
            if before is not None:
                os.environ["SSL_CERT_FILE"] = before

    def test_a_proxy_of_this_machine_needs_no_list(self):
        self.keys().create_custom_key_store(**members(self.proxy))
        self.assertEqual(len(self.proxy.asked), 1)

    def test_private_addresses_are_not_connected_to(self):
        # An address of this machine that is not loopback stands for a neighbour's.
        with socket.create_server(("0.0.0.0", 0)) as listener:
            listener.settimeout(0.5)
            for endpoint in [
                f"{scheme}://{host}:{listener.getsockname()[1]}"
                for scheme in ("http", "https")
                for host in ("0.0.0.0", *own_addresses())
            ]:
                with self.subTest(endpoint):
                    text = self.fails(
                        UNREACHABLE, self.keys().create_custom_key_store,
                        **members(self.proxy, endpoint),
                    )
                    self.assertIn(NO_ONE, text)
            self.assertRaises(TimeoutError, listener.accept)
