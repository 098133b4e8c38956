"""PROMISE R8, for each constraint of botocore's models of Secrets Manager and KMS: input that breaks
it is refused with an error of AWS's shape, and changes nothing in any Region.

The cases are made from the installed models when the test runs. Each operation of the table gets a
request that is valid, with real ids in it, and every member of that request's shape, however deep,
is then made wrong in every way that its shape names. An operation that is added to the table is
tested here without a line being written, unless what makes its request valid is not in the model;
that is said in `COMPLETED`.
"""

import base64
import http.client
import json
import re

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from harness import ACCOUNT, REGIONS, Case
from test_boto3_model import OPERATIONS, SAMPLES, model

TARGETS = {"secretsmanager": "secretsmanager", "kms": "TrentService"}
TOKEN = "01234567890123456789012345678901"
OTHER = "210987654321"
UNUSED_TOKEN = "a-token-that-no-version-has-00000"
CONSTRAINT = (
    r"Value (?:null |'[^']*' )?at '(?P<path>[^']+)' failed to satisfy constraint: "
    r"(?P<rule>Member must .+)"
)
# AWS: these members have checks of the service's own, after the model's, with texts of their own.
OWN_CHECKS = {
    ("secretsmanager", "Name"): {"ValidationException"},
    ("secretsmanager", "SecretId"): {"ValidationException"},
    ("secretsmanager", "SecretIdList"): {"ValidationException"},
    ("secretsmanager", "ClientRequestToken"): {
        "InvalidParameterException", "InvalidRequestException", "ValidationException",
    },
    # An empty value is no value.
    ("secretsmanager", "SecretString"): {"InvalidRequestException", "ValidationException"},
}
KEY_READS = (
    "DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "ListResourceTags",
)
# How deep a wrong value may be, for members that AWS would not look into.
DEEP = 10_000


class Wrong:
    """A value as JSON text that `json` would not write."""

    def __init__(self, text):
        self.text = text


def dump(value):
    """JSON text, with `Wrong` values as they are and blobs as base64."""
    if isinstance(value, Wrong):
        return value.text
    if isinstance(value, bytes):
        return json.dumps(base64.b64encode(value).decode())
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value)


def sized(length, shape, like="x"):
    """A text of this length that has the shape's pattern, if that is to be had by repeating."""
    pattern = shape.metadata.get("pattern")
    for unit in (like, "x", "a", "0", "A"):
        text = (unit * length)[:length]
        if pattern is None or re.fullmatch(pattern, text):
            return text
    return None


def breaks_pattern(shape):
    """A text of legal length that does not have the shape's pattern."""
    length = max(1, shape.metadata.get("min", 1))
    for unit in ("\u20ac", "\u0000", " ", "*", "!"):
        if not re.fullmatch(shape.metadata["pattern"], unit * length):
            return unit * length
    return None


def violations(shape):
    """(rule, value) for each way in which a value can be wrong that this shape names."""
    rules, kind = shape.metadata, shape.type_name
    least, most = rules.get("min", 0), rules.get("max")
    if kind == "string":
        if "enum" in rules:
            yield "enum", "no-such-value"
            yield "enum, by case", rules["enum"][0].swapcase()
        if least > 0:
            if (text := sized(least - 1, shape)) is not None or least == 1:
                yield "min", text or ""
        if most is not None and (text := sized(most + 1, shape)):
            yield "max", text
        if "pattern" in rules and (text := breaks_pattern(shape)):
            yield "pattern", text
    elif kind == "blob":
        if least > 0:
            yield "min", b""
        if most is not None:
            yield "max", b"x" * (most + 1)
        yield "base64", Wrong('"=not*base64="')
    elif kind in ("integer", "long"):
        if "min" in rules:
            yield "min", least - 1
        if most is not None:
            yield "max", most + 1
        yield "beyond 64 bits", Wrong("99999999999999999999999")
        yield "fraction", 1.5
    elif kind == "list":
        if least > 0:
            yield "min", []
        if most is not None:
            yield "max", None  # The valid value's first entry, repeated.


def wrong_types(shape):
    """A value of every JSON type but the shape's."""
    kind = shape.type_name
    legal = {
        "structure": {"object"}, "map": {"object"}, "list": {"array"}, "string": {"string"},
        "blob": {"string"}, "integer": {"number"}, "long": {"number"}, "timestamp": {"number"},
        "boolean": {"boolean"},
    }[kind]
    values = {"object": {}, "array": [], "string": "x", "number": 7, "boolean": True}
    return [(name, value) for name, value in values.items() if name not in legal]


class Place:
    """A member of a request's shape, and the way to put a value there."""

    def __init__(self, steps, required):
        # (name or 0, the shape there) from the request inwards.
        self.steps, self.required = steps, required
        self.path = [step for step, _ in steps]
        self.shape = steps[-1][1]

    def __str__(self):
        return ".".join(map(str, self.path))

    def put(self, request, value, known):
        """The request with the value at this place; what is on the way there is made valid."""
        return put(request, self.steps, known, lambda node, step: node | {step: value}, value)

    def without(self, request, known):
        def remove(node, step):
            return {key: kept for key, kept in node.items() if key != step}

        return put(request, self.steps, known, remove)


def put(node, steps, known, change, value=None):
    (step, shape), *rest = steps
    if step == 0:
        return [put(node[0], rest, known, change, value) if rest else value]
    if not rest:
        return change(node, step)
    inner = node[step] if node.get(step) else sample(shape, step, known)
    return node | {step: put(inner, rest, known, change, value)}


def places(shape, steps=()):
    """Every member of a structure, and of the structures and lists in it."""
    if shape.type_name == "structure":
        for name, inner in shape.members.items():
            yield Place((*steps, (name, inner)), name in shape.required_members)
            yield from places(inner, (*steps, (name, inner)))
    elif shape.type_name == "list":
        inner = shape.member
        if inner.type_name != "structure":
            yield Place((*steps, (0, inner)), False)
        yield from places(inner, (*steps, (0, inner)))


def sample(shape, name, known):
    """A valid value, with what is known of the members of that name."""
    if name in known:
        return known[name]
    kind = shape.type_name
    if kind == "structure":
        # Where nothing is required of a part of a request, an empty one is rarely meant.
        wanted = shape.required_members or (set(shape.members) - LEFT_OUT if name else ())
        return {member: sample(shape.members[member], member, known) for member in wanted}
    if kind == "list":
        return [sample(shape.member, shape.member.name, known)]
    if kind == "map":
        return {"k": "v"}
    if kind == "string":
        least = max(1, shape.metadata.get("min", 1))
        return shape.enum[0] if "enum" in shape.metadata else "x" * least
    if kind == "blob":
        return b"x" * max(1, shape.metadata.get("min", 1))
    if kind in ("integer", "long"):
        return max(1, shape.metadata.get("min", 1))
    return {"boolean": False, "timestamp": 1_900_000_000}[kind]


class Request:
    """A valid request of one operation."""

    def __init__(self, service, operation, known):
        # A member of these names is another thing in each of the two services.
        other = {"Name", "Region"} if service == "kms" else set()
        self.known = {name: value for name, value in known.items() if name not in other}
        self.shape = operation.input_shape
        self.params = sample(self.shape, "", self.known) if self.shape else {}
        completed = COMPLETED.get((service, operation.name), {})
        self.params |= completed(known) if callable(completed) else completed
        if "ClientRequestToken" in self.members():
            self.params["ClientRequestToken"] = UNUSED_TOKEN
        self.text = dump(self.params)

    def places(self):
        return places(self.shape) if self.shape else ()

    def members(self):
        return list(self.shape.members) if self.shape else []

    def with_value(self, place, value):
        return dump(place.put(self.params_for(place), value, self.known))

    def without(self, place):
        return dump(place.without(self.params_for(place), self.known))

    def params_for(self, place):
        """The request's members, but for those that may not stand beside the place's."""
        beside = EXCLUSIVE.get(place.path[0], ())
        return {name: value for name, value in self.params.items() if name not in beside}


class BadInput(Case):
    arguments = ("--ephemeral",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connection = http.client.HTTPConnection("127.0.0.1", cls.server.port, timeout=60)
        cls.addClassCleanup(cls.connection.close)

    def raw(self, service, operation, body, region="us-east-1", key="test"):
        """Sends a signed body as it is. Returns status, headers and the answer's text."""
        body = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{TARGETS[service]}.{operation}",
        }
        request = botocore.awsrequest.AWSRequest("POST", self.server.endpoint, headers, body)
        credentials = botocore.credentials.Credentials(key, "test")
        botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
        self.connection.request("POST", "/", body, dict(request.headers.items()))
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def call(self, service, operation, region="us-east-1", /, **params):
        return self.call_as("test", service, operation, region, **params)

    def call_as(self, access_key, service, operation, region, /, **params):
        status, _, text = self.raw(service, operation, dump(params), region, access_key)
        self.assertEqual(status, 200, f"{operation} {params}: {text}")
        return json.loads(text) if text else {}

    def prepare(self):
        """Fills the Regions with something to be changed. Returns the values of known members."""
        self.settle()
        self.server.reset()
        secrets, kms = "secretsmanager", "kms"
        key = self.call(kms, "CreateKey", MultiRegion=True)["KeyMetadata"]
        self.call(kms, "ReplicateKey", KeyId=key["KeyId"], ReplicaRegion="eu-west-1")
        self.call(kms, "CreateAlias", AliasName="alias/used", TargetKeyId=key["KeyId"])
        grant = self.call(
            kms, "CreateGrant", KeyId=key["KeyId"], Operations=["Decrypt"],
            GranteePrincipal="arn:aws:iam::123456789012:user/test",
        )
        sealed = self.call(kms, "Encrypt", KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        self.call(
            secrets, "CreateSecret", Name="s", ClientRequestToken=TOKEN, SecretString="v",
            Tags=[{"Key": "k", "Value": "v"}], AddReplicaRegions=[{"Region": "us-west-2"}],
        )
        policy = SAMPLES["ResourcePolicy"]
        self.call(secrets, "PutResourcePolicy", SecretId="s", ResourcePolicy=policy)
        self.in_sync("s", "us-west-2")
        replica = self.prepare_replica()
        return {
            **SAMPLES,
            "SecretId": "s", "SecretIdListType": "s", "SecretIdType": "s", "Name": "t",
            "ClientRequestToken": UNUSED_TOKEN, "SecretString": "w", "SecretBinary": b"w",
            "KeyId": key["KeyId"], "TargetKeyId": key["KeyId"], "DestinationKeyId": key["KeyId"],
            "SourceKeyId": key["KeyId"], "AliasName": "alias/new", "CiphertextBlob": sealed,
            "Region": "us-east-2", "RegionType": "us-west-2", "ReplicaRegion": "us-east-2",
            "PrimaryRegion": "eu-west-1", "VersionStage": "new", "TagKey": "k", "TagValue": "w",
            "CrossAccountReplicaARN": replica,
            "PolicyName": "default", "GranteePrincipal": "arn:aws:iam::123456789012:user/test",
            "RetiringPrincipal": "arn:aws:iam::123456789012:user/test",
            "KmsKeyId": "alias/used", "Duration": "2h", "ScheduleExpression": "rate(10 days)",
            "SourceArn": "arn:aws:s3:us-east-1:123456789012:bucket", "GrantId": grant["GrantId"],
            "GrantToken": grant["GrantToken"], "GrantTokenType": grant["GrantToken"],
            "AccessKeyId": "A" * 20, "RawSecretAccessKey": "x" * 43,
        }

    def settle(self):
        """Waits until what the last request replicates has arrived: it could come after a reset."""
        def done():
            _, _, text = self.raw("secretsmanager", "DescribeSecret", dump({"SecretId": "s"}))
            entries = json.loads(text).get("ReplicationStatus", [])
            return all(entry["Status"] != "InProgress" for entry in entries)

        self.eventually(done, "the end of all replication")

    def prepare_replica(self):
        """A secret of another account that may become a replica of `s`. Returns its ARN."""
        primary = self.call("secretsmanager", "DescribeSecret", SecretId="s")["ARN"]
        allow = [
            {"Effect": "Allow", "Principal": {"AWS": account}, "Action": action, "Resource": "*"}
            for account, action in ((OTHER, "kms:*"), (ACCOUNT, "kms:Encrypt"))
        ]
        key = self.call_as(
            OTHER, "kms", "CreateKey", "us-east-1", Policy=json.dumps({"Statement": allow})
        )["KeyMetadata"]["Arn"]
        return self.call_as(
            OTHER, "secretsmanager", "CreateSecret", "us-east-1", Name="copy", KmsKeyId=key,
            ClientRequestToken=TOKEN, CrossAccountPrimaryARN=primary,
        )["ARN"]

    def state(self):
        """Everything that can be seen of secrets and keys, in every Region."""
        secrets, kms = "secretsmanager", "kms"
        seen = {}
        for region in REGIONS:
            listed = self.call(secrets, "ListSecrets", region, IncludePlannedDeletion=True)
            for secret in listed["SecretList"]:
                arn = secret["ARN"]
                seen[region, arn] = secret, *(
                    self.call(secrets, operation, region, SecretId=arn, **options)
                    for operation, options in (
                        ("DescribeSecret", {}), ("GetResourcePolicy", {}),
                        ("ListSecretVersionIds", {"IncludeDeprecated": True}),
                    )
                )
            seen[region] = self.call(kms, "ListAliases", region)
            for key in self.call(kms, "ListKeys", region)["Keys"]:
                key = key["KeyId"]
                seen[region, key] = [
                    self.call(kms, operation, region, KeyId=key)
                    for operation in KEY_READS
                ]
        return seen

    def built(self):
        for service in TARGETS:
            for name in OPERATIONS["built"][service]:
                yield service, model(service).operation_model(name)

    def each(self):
        """Every operation with a valid request of it, in a world that is checked afterwards."""
        for service, operation in self.built():
            known = self.prepare()
            before = self.state()
            yield service, operation, Request(service, operation, known)
            with self.subTest(operation=operation.name, what="no effect"):
                self.assertEqual(self.state(), before)

    def refused(self, service, operation, body):
        """The request must be refused, as AWS refuses. Returns code and message."""
        status, headers, text = self.raw(service, operation.name, body)
        self.assertTrue(400 <= status < 500, f"{status} {text}")
        self.assertRegex(headers["x-amzn-RequestId"], "^[0-9a-f-]{36}$")
        self.assertEqual(headers["Content-Type"], "application/x-amz-json-1.1")
        answer = json.loads(text)
        self.assertLessEqual(set(answer), {"__type", "message", "Message"}, text)
        code = answer["__type"]
        message = answer.get("message", answer.get("Message", ""))
        if code == "ValidationException":
            self.assertIn("message", answer, "as the framework spells it")
        return code, message

    def refused_for(self, service, operation, place, rule, value, request):
        if rule == "max" and value is None:
            entry = sample(place.shape.member, place.shape.member.name, request.known)
            value = [entry] * (place.shape.metadata["max"] + 1)
        code, message = self.refused(service, operation, request.with_value(place, value))
        member = place.path[0]
        allowed = {"ValidationException"} | OWN_CHECKS.get((service, member), set())
        if rule in ("base64", "beyond 64 bits", "fraction"):
            allowed = {"SerializationException"}
        allowed |= DOMAIN_CODES.get((service, member), set())
        self.assertIn(code, allowed, message)
        if place.shape.metadata.get("sensitive") and isinstance(value, str) and len(value) > 9:
            self.assertNotIn(value[:9], message, "told what must not be told")
        if code == "ValidationException" and (service, member) not in OWN_CHECKS:
            self.is_about(place, message)

    def is_about(self, place, message):
        """The message names the member as AWS does, and its constraint."""
        self.assertRegex(message, r"^\d+ validation errors? detected: ")
        found = re.findall(CONSTRAINT, message.split(" detected: ", 1)[1])
        self.assertTrue(found, message)
        wanted = [
            f"{step + 1}.member" if isinstance(step, int) else step[0].lower() + step[1:]
            for step in place.path
        ]
        # A value in a list is at the list, with the constraint of what is in it.
        at_list = ".".join(wanted[:-1] if isinstance(place.path[-1], int) else wanted)
        paths = {path for path, _ in found}
        self.assertTrue({".".join(wanted), at_list} & paths, message)

    def test_a_missing_member_is_refused(self):
        for service, operation, request in self.each():
            for place in request.places():
                if not place.required:
                    continue
                for rule, body in (
                    ("missing", request.without(place)), ("null", request.with_value(place, None)),
                ):
                    with self.subTest(operation=operation.name, place=str(place), rule=rule):
                        code, message = self.refused(service, operation, body)
                        if code in DOMAIN_CODES.get((service, place.path[0]), set()):
                            continue
                        if place.path == ["ClientRequestToken"]:
                            self.assertIn(code, OWN_CHECKS[service, "ClientRequestToken"])
                            continue
                        self.assertEqual(code, "ValidationException", message)
                        self.is_about(place, message)
                        self.assertIn("Member must not be null", message)

    def test_a_broken_constraint_is_refused(self):
        for service, operation, request in self.each():
            for place in request.places():
                for rule, value in violations(place.shape):
                    with self.subTest(operation=operation.name, place=str(place), rule=rule):
                        self.refused_for(service, operation, place, rule, value, request)

    def test_a_value_of_another_type_is_refused(self):
        for service, operation, request in self.each():
            for place in request.places():
                for kind, value in wrong_types(place.shape):
                    with self.subTest(operation=operation.name, place=str(place), type=kind):
                        self.not_read(service, operation, place, request.with_value(place, value))

    def test_nesting_without_end_is_refused(self):
        towers = {
            "arrays": Wrong("[" * DEEP + "]" * DEEP),
            "objects": Wrong('{"a":' * DEEP + "1" + "}" * DEEP),
            "open": Wrong("[" * DEEP),
        }
        for service, operation, request in self.each():
            for name in (*request.members(), "NoSuchMember"):
                for kind, tower in towers.items():
                    with self.subTest(operation=operation.name, member=name, kind=kind):
                        body = dump(request.params | {name: tower})
                        code, message = self.refused(service, operation, body)
                        self.assertEqual(code, "SerializationException", message)

    def not_read(self, service, operation, place, body):
        """The body must be refused for its form, unless the place is refused whatever is in it."""
        code, message = self.refused(service, operation, body)
        allowed = DOMAIN_CODES.get((service, place.path[0]), set())
        self.assertIn(code, {"SerializationException"} | allowed, message)

    def test_a_member_given_twice_is_refused(self):
        for service, operation, request in self.each():
            for place in request.places():
                name = place.path[-1]
                value = dump(sample(place.shape, name, request.known))
                texts = [] if name == 0 else [f"{value},{json.dumps(name)}:{value}"]
                texts += ['{"k":"v","k":"w"}'] if place.shape.type_name == "map" else []
                for text in texts:
                    with self.subTest(operation=operation.name, place=str(place), text=text):
                        body = request.with_value(place, Wrong(text))
                        self.not_read(service, operation, place, body)

    def test_bodies_that_are_no_request_are_refused(self):
        for service, operation, request in self.each():
            text = request.text
            for name, body in {
                "array": f"[{text}]", "string": '"x"', "number": "7", "null": "null",
                "cut off": text[:-1], "two": text + text, "trailing comma": text[:-1] + ",}",
                "no quotes": "{a:1}", "not UTF-8": b'{"a":"\xff"}',
                "byte order mark": "\ufeff" + text, "control character": '{"a":"\n"}',
            }.items():
                with self.subTest(operation=operation.name, body=name):
                    code, message = self.refused(service, operation, body)
                    self.assertEqual(code, "SerializationException", message)
            for place in request.places():
                if place.shape.type_name == "string":
                    with self.subTest(operation=operation.name, place=str(place), body="surrogate"):
                        body = request.with_value(place, Wrong('"\\ud800"'))
                        self.not_read(service, operation, place, body)

    def test_an_unknown_member_and_null_are_as_nothing(self):
        """AWS ignores members that it does not know, and takes null for absence: the request is
        answered as it would be without them."""
        for service, operation in self.built():
            answers = []
            for extended in (False, True):
                request = Request(service, operation, self.prepare())
                body = request.text
                if extended:
                    absent = dict.fromkeys(request.members())
                    body = dump({"NoSuchMember": {"a": [1, None]}} | absent | request.params)
                status, _, text = self.raw(service, operation.name, body)
                answer = json.loads(text) if text else {}
                answers.append((status, sorted(answer), answer.get("__type")))
            with self.subTest(operation=operation.name):
                self.assertEqual(answers[0], answers[1])

    def test_the_valid_requests_are_valid(self):
        """What the other tests make wrong is right before: it may be refused for the state of the
        world, but not for its form."""
        for service, operation in self.built():
            request = Request(service, operation, self.prepare())
            with self.subTest(operation=operation.name):
                status, _, text = self.raw(service, operation.name, request.text)
                if status != 200:
                    code = json.loads(text)["__type"]
                    self.assertNotIn(code, {"ValidationException", "SerializationException"}, text)
                    self.assertNotIn((service, operation.name), ACCEPTED, text)

    def test_the_longest_and_the_shortest_are_accepted(self):
        """A value at its bound is not beyond it: it may be refused, but not for its length."""
        for service, operation in self.built():
            request = Request(service, operation, self.prepare())
            for place in request.places():
                rules, kind = place.shape.metadata, place.shape.type_name
                if kind not in ("string", "integer", "long") or "enum" in rules:
                    continue
                for bound in sorted({"min", "max"} & set(rules)):
                    value = sized(rules[bound], place.shape) if kind == "string" else rules[bound]
                    if value is None:
                        continue
                    with self.subTest(operation=operation.name, place=str(place), bound=bound):
                        body = request.with_value(place, value)
                        status, _, text = self.raw(service, operation.name, body)
                        if status == 200:
                            request = Request(service, operation, self.prepare())
                            continue
                        answer = json.loads(text)
                        message = answer.get("message", answer.get("Message", ""))
                        self.assertNotRegex(message, "Member must have (length|value)")
                        self.assertNotEqual(answer["__type"], "SerializationException")


# What makes a request valid that the model does not say, or the service asks for besides.
COMPLETED = {
    # Refused for its cluster, which is not there, and for no form.
    ("kms", "CreateCustomKeyStore"): {
        "CloudHsmClusterId": "cluster-" + "a" * 11, "KeyStorePassword": "password",
        "TrustAnchorCertificate": "certificate",
    },
    ("secretsmanager", "BatchGetSecretValue"): {"SecretIdList": ["s"]},
    ("secretsmanager", "PutSecretValue"): {"SecretString": "w"},
    ("secretsmanager", "UpdateSecret"): {"Description": "d"},
    ("secretsmanager", "UpdateSecretVersionStage"): {"MoveToVersionId": TOKEN},
    ("secretsmanager", "CreateSecret"): {"SecretString": "w"},
    ("kms", "CreateGrant"): lambda known: {"GranteePrincipal": known["GranteePrincipal"]},
    ("kms", "Decrypt"): lambda known: {"CiphertextBlob": known["CiphertextBlob"]},
    ("kms", "DeleteAlias"): {"AliasName": "alias/used"},
    ("kms", "GenerateDataKey"): {"KeySpec": "AES_256"},
    ("kms", "GenerateDataKeyWithoutPlaintext"): {"KeySpec": "AES_256"},
    ("kms", "GenerateRandom"): {"NumberOfBytes": 8},
    ("kms", "GetParametersForImport"): {"WrappingAlgorithm": "RSAES_OAEP_SHA_256"},
    ("kms", "ImportKeyMaterial"): {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"},
    ("kms", "ListRetirableGrants"): lambda known: {"RetiringPrincipal": known["RetiringPrincipal"]},
    ("kms", "ReEncrypt"): lambda known: {"CiphertextBlob": known["CiphertextBlob"]},
    ("kms", "RetireGrant"): lambda known: {"GrantToken": known["GrantToken"]},
    ("kms", "UpdateAlias"): {"AliasName": "alias/used"},
}
# Operations whose valid request must succeed, so that every refusal is for what was made wrong.
ACCEPTED = {
    *(("secretsmanager", name) for name in (
        "AssociateCrossAccountReplica", "BatchGetSecretValue", "CreateSecret",
        "DeleteResourcePolicy", "DescribeSecret",
        "GetRandomPassword", "GetResourcePolicy", "GetSecretValue", "ListResourcePolicies",
        "ListSecretVersionIds", "ListSecrets", "PutResourcePolicy", "PutSecretValue",
        "RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RestoreSecret",
        "TagResource", "UntagResource", "UpdateSecret", "UpdateSecretVersionStage",
        "ValidateResourcePolicy",
    )),
    *(("kms", name) for name in (
        "CreateAlias", "CreateGrant", "CreateKey", "Decrypt", "DeleteAlias", "DescribeKey",
        "DisableKey", "EnableKey", "Encrypt", "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext", "GenerateRandom", "GetKeyPolicy",
        "GetKeyRotationStatus", "ListAliases", "ListGrants", "ListKeyPolicies", "ListKeys",
        "ListResourceTags", "ListRetirableGrants", "PutKeyPolicy", "ReEncrypt", "ReplicateKey",
        "RetireGrant", "RevokeGrant", "ScheduleKeyDeletion", "TagResource", "UntagResource",
        "UpdateAlias", "UpdateKeyDescription", "UpdatePrimaryRegion",
    )),
}
# Members that a part of a request does not have unless they are what is tested.
LEFT_OUT = {"EncryptionContextSubset", "KmsKeyId", "SourceArn"}
# Members that may not stand beside this one.
EXCLUSIVE = {
    "Filters": ("SecretIdList",),
    "SecretBinary": ("SecretString",),
    "GranteeServicePrincipal": ("GranteePrincipal",),
    "RetiringServicePrincipal": ("RetiringPrincipal",),
}
# Members that the service refuses for a reason of its own, whatever is in them.
DOMAIN_CODES = {
    ("secretsmanager", "ReplicationRoleARN"): {"InvalidParameterException"},
    ("kms", "Recipient"): {"UnsupportedOperationException"},
    ("kms", "GrantTokens"): {"InvalidGrantTokenException"},
    ("secretsmanager", "Filters"): {"InvalidParameterException"},
}
