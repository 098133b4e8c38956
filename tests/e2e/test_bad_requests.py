"""PROMISE R8 on raw sockets: whatever is sent, the answer is a well-formed AWS error or the end of
that connection, and the server goes on."""

import datetime
import hashlib
import hmac
import json
import random
import re
import socket

from harness import Case

JSON = "application/x-amz-json-1.1"


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class BadRequests(Case):
    # A half-sent request is given up after this time.
    arguments = ("--ephemeral", "--receive-timeout", "2")

    def tearDown(self):
        self.assertEqual(self.ask("ListSecrets", "{}")[0], 200, "the server is usable")
        self.assertIsNone(self.server.process.poll(), "the server runs")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=30)

    def exchange(self, request):
        """Sends bytes and returns everything that comes back before the server closes."""
        with self.connect() as connection:
            try:
                connection.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return self.rest(connection)

    def rest(self, connection):
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received

    def signed(self, operation, body, *, now=None, region="us-east-1", service="secretsmanager",
               secret="test", key="test", extra="", **replaced):
        """The bytes of a signed request; `replaced` names headers to send other than as signed."""
        body = body.encode() if isinstance(body, str) else body
        now = now or datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        headers = {
            "content-type": JSON,
            "host": f"127.0.0.1:{self.server.port}",
            "x-amz-date": stamp,
            "x-amz-target": f"secretsmanager.{operation}",
        }
        names = ";".join(sorted(headers))
        canonical = "\n".join(
            ["POST", "/", "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names,
             hashlib.sha256(body).hexdigest()]
        )
        scope = f"{day}/{region}/{service}/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        derived = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            derived = sign(derived, part)
        signature = sign(derived, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        headers["content-length"] = str(len(body))
        headers["connection"] = "close"
        for name, value in replaced.items():
            headers[name.replace("_", "-")] = value
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        return f"POST / HTTP/1.1\r\n{head}{extra}\r\n".encode() + body

    def parse(self, answer):
        """Status and body. The answer must be of an AWS service."""
        self.assertRegex(answer, rb"^HTTP/1\.1 \d{3} ", answer[:200])
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head.lower(), body

    def ask(self, operation, body, **options):
        return self.parse(self.exchange(self.signed(operation, body, **options)))

    def refused(self, answer, code, status=400):
        found, head, body = self.parse(answer)
        self.assertEqual(found, status, answer)
        self.assertIn(b"x-amzn-requestid: ", head)
        self.assertIn(b"application/x-amz-json-1.1", head)
        self.assertEqual(json.loads(body)["__type"].rsplit("#", 1)[-1], code, answer)
        return json.loads(body)

    def test_signatures_that_are_not_right(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        cases = {
            "none": (dict(authorization=None), "MissingAuthenticationTokenException"),
            "wrong secret": (dict(secret="wrong"), "InvalidSignatureException"),
            "unknown key": (dict(key="AKIAUNKNOWN"), "UnrecognizedClientException"),
            "expired": (dict(now=now - hour), "InvalidSignatureException"),
            "from the future": (dict(now=now + hour), "InvalidSignatureException"),
            "unknown Region": (dict(region="mars-north-1"), "InvalidSignatureException"),
            "another service": (dict(service="kms"), "InvalidSignatureException"),
            "another date": (dict(x_amz_date="20200101T000000Z"), "InvalidSignatureException"),
            "no date": (dict(x_amz_date=None), "IncompleteSignatureException"),
            "malformed": (dict(authorization="AWS4-HMAC-SHA256 x"), "IncompleteSignatureException"),
            "another host": (dict(host="localhost"), "InvalidSignatureException"),
            "other algorithm": (
                dict(authorization="Basic dGVzdDp0ZXN0"), "MissingAuthenticationTokenException",
            ),
        }
        for name, (options, code) in cases.items():
            with self.subTest(name):
                answer = self.exchange(self.signed("ListSecrets", "{}", **options))
                found, _, body = self.parse(answer)
                self.assertEqual(found, 400, answer)
                self.assertEqual(json.loads(body)["__type"].rsplit("#", 1)[-1], code, answer)

    def test_a_body_that_was_changed_after_signing(self):
        request = self.signed("ListSecrets", '{"MaxResults":1}').replace(b":1}", b":2}")
        self.refused(self.exchange(request), "InvalidSignatureException")

    def test_malformed_bodies(self):
        deep = '{"Name":' + "[" * 100_000 + "]" * 100_000 + "}"
        for body in [
            b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"Name":"\xff"}', b"{}{}",
            b'{"Name":"a","Name":"b"', deep.encode(), b'{"Name":1e999999}', b'{"Name":"\\ud800"}',
        ]:
            with self.subTest(body=body[:40]):
                found, _, answer = self.ask("CreateSecret", body)
                self.assertEqual(found, 400, answer)
                self.assertRegex(
                    json.loads(answer)["__type"],
                    "SerializationException|ValidationException|InvalidRequestException",
                )

    def test_oversized_bodies(self):
        body = json.dumps({"Name": "s", "SecretString": "x" * 65537})
        found, _, answer = self.ask("CreateSecret", body)
        self.assertEqual(found, 400, answer)
        huge = b'{"Name":"' + b"x" * (3 << 20) + b'"}'
        found, _, answer = self.ask("CreateSecret", huge)
        self.assertIn(found, (400, 413))
        self.assertIn("__type", json.loads(answer))

    def test_a_length_that_nobody_could_send(self):
        request = self.signed("ListSecrets", "{}", content_length=str(1 << 60))
        answer = self.exchange(request)
        found, _, _ = self.parse(answer)
        self.assertTrue(400 <= found < 500, answer)

    def test_heads_that_are_not_http(self):
        for request in [
            b"\r\n\r\n", b"\0" * 4096, b"GET\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0",
            b"POST / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nhost\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"POST / HTTP/1.1\r\nx: " + b"y" * (1 << 20) + b"\r\n\r\n",
        ]:
            with self.subTest(request=request[:40]):
                found, _, body = self.parse(self.exchange(request))
                self.assertIn(found, (400, 408, 431))
                self.assertIn("__type", json.loads(body))

    def test_paths_methods_and_targets_that_do_not_exist(self):
        port = self.server.port
        for line in ["GET /../ HTTP/1.1", "POST /x HTTP/1.1", "DELETE / HTTP/1.1", "PUT / HTTP/1.1",
                     "POST /%2e%2e/ HTTP/1.1", "POST // HTTP/1.1", "OPTIONS * HTTP/1.1"]:
            with self.subTest(line):
                request = f"{line}\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
                found, _, _ = self.parse(self.exchange(request.encode()))
                self.assertTrue(400 <= found < 500)
        self.refused(
            self.exchange(self.signed("NoSuchOperation", "{}")), "UnknownOperationException"
        )
        self.refused(
            self.exchange(self.signed("ListSecrets", "{}", x_amz_target="nonsense")),
            "UnknownOperationException",
        )

    def test_a_name_that_a_web_page_could_use(self):
        request = self.signed("ListSecrets", "{}", host="evil.example")
        found, head, _ = self.parse(self.exchange(request))
        self.assertEqual(found, 403)
        self.assertNotIn(b"access-control-allow-origin", head)

    def test_half_sent_requests_end_and_hold_nothing_up(self):
        request = self.signed("ListSecrets", "{}" + " " * 1000)
        connections = []
        for length in (1, 20, request.index(b"\r\n\r\n"), len(request) - 500, len(request) - 1):
            connection = self.connect()
            connection.sendall(request[:length])
            connections.append(connection)
        self.assertEqual(self.ask("ListSecrets", "{}")[0], 200)
        for connection in connections:
            with connection:
                self.refused(self.rest(connection), "RequestTimeoutException", 408)
        # The client goes away in the middle.
        for length in range(1, len(request), 97):
            with self.connect() as connection:
                connection.sendall(request[:length])

    def test_a_refusal_leaves_the_connection_usable(self):
        bad = self.signed("ListSecrets", "{", connection="keep-alive")
        good = self.signed("ListSecrets", "{}")
        with self.connect() as connection:
            connection.sendall(bad + good)
            answers = self.rest(connection)
        statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)
        self.assertEqual(statuses, [b"400", b"200"])

    def test_many_mutated_requests(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        body = json.dumps({"Name": "s", "ClientRequestToken": "0" * 32, "SecretString": "v"})
        for number in range(300):
            request = bytearray(self.signed("CreateSecret", body))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(request))
                match chance.randrange(3):
                    case 0:
                        request[at] = chance.randrange(256)
                    case 1:
                        del request[at : at + chance.randrange(1, 20)]
                    case _:
                        request[at:at] = bytes(chance.randrange(256) for _ in range(5))
            # What is missing is never sent: the other half of the connection is closed.
            with self.connect() as connection:
                connection.sendall(bytes(request))
                connection.shutdown(socket.SHUT_WR)
                answer = self.rest(connection)
            with self.subTest(seed=seed, number=number):
                self.assertNotRegex(answer, rb"^HTTP/1\.1 5")
