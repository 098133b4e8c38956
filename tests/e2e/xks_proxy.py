"""An external key store proxy for tests: AWS's XKS proxy API over HTTP or HTTPS, with keys in memory.

It verifies each request's signature with code of its own, encrypts with AES-GCM, and can be told to
fail. It keeps what it was asked, so that tests can see what leaves the server.
"""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.server
import json
import os
import ssl
import threading
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ACCESS_KEY = "ABCDEFGHIJKLMNOPQRST"
SECRET_KEY = "FYtE5EFA5FT0mCc3DrGUe2sti527BitkQ0Zr9MO9fvE"
PATH = "/tests/kms/xks/v1"


class Refused(Exception):
    def __init__(self, status, name):
        super().__init__(name)
        self.status, self.name = status, name


class Key:
    def __init__(self, spec="AES_256", usage=("ENCRYPT", "DECRYPT"), status="ENABLED"):
        self.cipher = AESGCM(os.urandom(32))
        self.spec, self.usage, self.status = spec, list(usage), status


class Proxy:
    """Serves until `stop`. Its attributes may be changed at any time."""

    def __init__(self, port=0, certificate=None, host="127.0.0.1"):
        self.keys = {"one": Key(), "two": Key()}
        self.credentials = {ACCESS_KEY: SECRET_KEY}
        self.managers = ["ACTIVE"]
        self.paths = [PATH]
        self.asked = []
        # Those that requests were signed for.
        self.regions = set()
        # Status and name of the error that answers everything, or a function of the parsed response.
        self.fails = None
        self.alters = None
        self.waits_s = 0
        # How many requests are being answered now, and how many were at most.
        self.busy = self.busiest = 0
        self.counting = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                if proxy.tls:
                    self.request = proxy.tls.wrap_socket(self.request, server_side=True)
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with proxy.counted():
                    time.sleep(proxy.waits_s)
                    try:
                        status, answer = 200, proxy.answer(self, body)
                    except Refused as refused:
                        status, answer = refused.status, {"errorName": refused.name}
                sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                # Who asked may have stopped waiting.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.reply(status, sent)

            def reply(self, status, sent):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        # Whoever breaks a handshake off is no error of the test.
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        self.endpoint = f"{'https' if certificate else 'http'}://{host}:{self.port}"
        self.present(certificate)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def present(self, certificate):
        """Encrypts from now on with a certificate and its key, which are in one file."""
        self.tls = certificate and ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if certificate:
            self.tls.load_cert_chain(certificate)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @contextlib.contextmanager
    def counted(self):
        with self.counting:
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        try:
            yield
        finally:
            with self.counting:
                self.busy -= 1

    def operations(self):
        """The KMS operations that led to requests, and what was asked."""
        return [(asked["requestMetadata"]["kmsOperation"], what) for what, asked in self.asked]

    def answer(self, request, body):
        if self.fails:
            raise Refused(*self.fails)
        self.authenticate(request, body)
        path = next((path for path in self.paths if request.path.startswith(path)), None)
        if path is None:
            raise Refused(404, "InvalidUriPathException")
        parts = request.path[len(path) + 1:].split("/")
        asked = json.loads(body)
        self.asked.append((parts[-1], asked))
        self.regions.add(request.headers["authorization"].split("/")[2])
        if parts == ["health"]:
            answer = self.health()
        else:
            _, name, what = parts
            if name not in self.keys:
                raise Refused(404, "KeyNotFoundException")
            answer = getattr(self, what)(self.keys[name], asked)
        return self.alters(answer) if self.alters else answer

    def authenticate(self, request, body):
        """Signature version 4, computed anew from the request."""
        try:
            scheme, rest = request.headers["authorization"].split(" ", 1)
            fields = dict(field.strip().split("=", 1) for field in rest.split(","))
            key, day, region, service, end = fields["Credential"].split("/")
            date = request.headers["x-amz-date"]
            secret = self.credentials[key]
        except (KeyError, ValueError):
            raise Refused(401, "AuthenticationFailedException") from None
        signed = fields["SignedHeaders"]
        headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed.split(";"))
        digest = hashlib.sha256(body).hexdigest()
        canonical = f"POST\n{request.path}\n\n{headers}\n{signed}\n{digest}"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{scheme}\n{date}\n{day}/{region}/{service}/{end}\n{hashed}"
        signing = b"AWS4" + secret.encode()
        for part in (day, region, service, end):
            signing = hmac.digest(signing, part.encode(), "sha256")
        expected = hmac.new(signing, text.encode(), "sha256").hexdigest()
        now = datetime.datetime.now(datetime.timezone.utc)
        sent = datetime.datetime.strptime(date + "+0000", "%Y%m%dT%H%M%SZ%z")
        fresh = abs(now - sent) < datetime.timedelta(minutes=5)
        right = (scheme, service, end) == ("AWS4-HMAC-SHA256", "kms-xks-proxy", "aws4_request")
        same = hmac.compare_digest(expected, fields["Signature"])
        if not (fresh and right and same and signed == "host;x-amz-date"):
            raise Refused(401, "AuthenticationFailedException")

    def health(self):
        details = [
            {"id": f"hsm-{number}", "model": "test", "healthStatus": status}
            for number, status in enumerate(self.managers)
        ]
        return {
            "xksProxyFleetSize": 1, "xksProxyVendor": "test", "xksProxyModel": "test",
            "ekmVendor": "test", "ekmFleetDetails": details,
        }

    def metadata(self, key, _):
        return {"keySpec": key.spec, "keyUsage": key.usage, "keyStatus": key.status}

    def usable(self, key, usage):
        if key.status != "ENABLED":
            raise Refused(400, "InvalidStateException")
        if usage not in key.usage:
            raise Refused(400, "InvalidKeyUsageException")

    def encrypt(self, key, asked):
        self.usable(key, "ENCRYPT")
        aad = base64.b64decode(asked["additionalAuthenticatedData"])
        metadata, iv = b"version=1", os.urandom(12)
        sealed = key.cipher.encrypt(
            iv, base64.b64decode(asked["plaintext"]), self.bound(aad, metadata)
        )
        text, tag = sealed[:-16], sealed[-16:]
        vouched = hashlib.sha256(aad + metadata + iv + text + tag).digest()
        encoded = {
            "ciphertext": text, "ciphertextMetadata": metadata, "initializationVector": iv,
            "authenticationTag": tag, "ciphertextDataIntegrityValue": vouched,
        }
        return {name: base64.b64encode(value).decode() for name, value in encoded.items()}

    def decrypt(self, key, asked):
        self.usable(key, "DECRYPT")
        part = lambda name: base64.b64decode(asked.get(name, ""))
        bound = self.bound(part("additionalAuthenticatedData"), part("ciphertextMetadata"))
        sealed = part("ciphertext") + part("authenticationTag")
        try:
            text = key.cipher.decrypt(part("initializationVector"), sealed, bound)
        except InvalidTag:
            raise Refused(400, "InvalidCiphertextException") from None
        return {"plaintext": base64.b64encode(text).decode()}

    def bound(self, aad, metadata):
        return len(aad).to_bytes(2, "big") + aad + bytes([len(metadata)]) + metadata
