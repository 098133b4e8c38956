"""Every operation of the table against botocore's model of it.

Derived from the two: an operation that is added to the table is tested here without a line being
written, and an operation that AWS adds makes the list in `xtask` stale.
"""

import base64
import json
import os
import pathlib
import tempfile

import botocore
import botocore.exceptions
import botocore.session

from harness import Case

OPERATIONS = json.loads(
    pathlib.Path(os.environ["REGENT_OPERATIONS"]).read_text()
    if "REGENT_OPERATIONS" in os.environ
    else '{"known": {}, "built": {}}'
)
# What a request may be refused with for its form alone.
FORM_CODES = {
    "ValidationException",
    "InvalidParameterException",
    "InvalidRequestException",
    "SerializationException",
    "MissingParameter",
    "ValidationError",
}
# Well-formed values where the shape alone does not say what is.
SAMPLES = {
    "ClientRequestToken": "01234567890123456789012345678901",
    "KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab",
    "DestinationKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab",
    "TargetKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab",
    "AliasName": "alias/x",
    "ReplicaRegion": "us-west-2",
    "PrimaryRegion": "us-west-2",
    "Policy": json.dumps({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"},
    }),
    "ResourcePolicy": json.dumps({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "123456789012"},
            "Action": "secretsmanager:*",
            "Resource": "*",
        },
    }),
    "CrossAccountReplicaARN": "arn:aws:secretsmanager:us-east-1:210987654321:secret:x-AbCdEf",
    "Region": "us-west-2",
    "GrantId": "0" * 64,
    "GranteePrincipal": "arn:aws:iam::123456789012:user/a",
}
MODELS = botocore.session.get_session()


def model(service):
    return MODELS.get_service_model(service)


def sample(shape, name="", depth=0):
    """A value of this shape that satisfies it."""
    if name in SAMPLES:
        return SAMPLES[name]
    kind = shape.type_name
    if kind == "structure":
        return {
            member: sample(inner, member, depth + 1)
            for member, inner in shape.members.items()
            # An empty structure within a request is rarely meant.
            if member in shape.required_members or (depth and not shape.required_members)
        }
    if kind == "list":
        name = "Region" if shape.member.name == "RegionType" else ""
        inner = sample(shape.member, name, depth + 1)
        return [inner] * max(1, shape.metadata.get("min", 1))
    if kind == "map":
        return {}
    if kind == "string":
        if shape.enum:
            return shape.enum[0]
        return "x" * max(1, shape.metadata.get("min", 1))
    if kind == "blob":
        return b"x"
    if kind in ("integer", "long"):
        return max(1, shape.metadata.get("min", 1))
    if kind == "boolean":
        return False
    raise AssertionError(f"no sample of a {kind}")


def violations(shape):
    """Values that this shape forbids, each with the constraint that it breaks."""
    rules = shape.metadata
    kind = shape.type_name
    if kind == "string":
        if shape.enum:
            yield "enum", "no-such-value"
        if rules.get("min", 0) > 0:
            yield "min", ""
        if "max" in rules:
            yield "max", "x" * (rules["max"] + 1)
    elif kind == "blob":
        if "max" in rules:
            yield "max", b"x" * (rules["max"] + 1)
    elif kind in ("integer", "long"):
        if "min" in rules:
            yield "min", rules["min"] - 1
        if "max" in rules:
            yield "max", rules["max"] + 1
    elif kind == "list":
        if rules.get("min", 0) > 0:
            yield "min", []
        if "max" in rules and rules["max"] <= 1000:
            yield "max", [sample(shape.member, depth=1)] * (rules["max"] + 1)


def wrong_type(shape):
    """A JSON value of another type than the shape's."""
    return {"structure": "x", "list": "x", "map": "x", "string": {}, "blob": 7}.get(
        shape.type_name, "x"
    )


class Model(Case):
    arguments = ("--ephemeral",)

    def setUp(self):
        # Nothing here changes anything that another test would see.
        pass

    def built(self):
        for service, names in OPERATIONS["built"].items():
            for name in names:
                yield service, model(service).operation_model(name)

    def call(self, service, operation, params, **options):
        options.setdefault("parameter_validation", False)
        client = self.server.client(service, **options)
        return client._make_api_call(operation.name, params)  # noqa: SLF001 - by the model's name

    def error(self, service, operation, params, **options):
        """The error's code and status, or None if the call succeeded."""
        try:
            self.call(service, operation, params, **options)
        except botocore.exceptions.ClientError as raised:
            answer = raised.response
            return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
        return None

    def test_the_tables_are_there(self):
        self.assertTrue(OPERATIONS["built"], "run by `cargo xtask e2e`")
        for service, names in OPERATIONS["built"].items():
            self.assertLessEqual(set(names), set(OPERATIONS["known"][service]))

    def test_the_list_of_all_operations_is_botocores(self):
        for service, names in OPERATIONS["known"].items():
            modelled = set(model(service).operation_names)
            # A newer botocore may know more; `xtask` is then behind, which is said, not failed.
            self.assertLessEqual(set(names), modelled, service)
            for name in sorted(modelled - set(names)):
                print(f"        {service}:{name} is in botocore {botocore.__version__} only")

    def test_a_required_parameter_that_is_missing_is_refused(self):
        for service, operation in self.built():
            shape = operation.input_shape
            for member in shape.required_members if shape else []:
                with self.subTest(operation=operation.name, member=member):
                    params = sample(shape)
                    del params[member]
                    error = self.error(service, operation, params)
                    self.assertIsNotNone(error)
                    self.assertIn(error[0], FORM_CODES)
                    self.assertEqual(error[1], 400)

    def test_a_broken_constraint_is_refused(self):
        for service, operation in self.built():
            shape = operation.input_shape
            for member, inner in shape.members.items() if shape else []:
                for rule, value in violations(inner):
                    with self.subTest(operation=operation.name, member=member, rule=rule):
                        error = self.error(service, operation, sample(shape) | {member: value})
                        self.assertIsNotNone(error, "accepted")
                        self.assertEqual(error[1], 400, error)
                        self.assertIn(error[0], self.codes(service, rule, operation, member))

    def codes(self, service, rule, operation, member):
        if (operation.name, member, rule) == ("PutSecretValue", "SecretString", "min"):
            # AWS: an empty value is no value, which is looked at after the secret.
            return {"ResourceNotFoundException"}
        # KMS has errors of its own for lengths that are quotas, and for what it does not support.
        extra = {"LimitExceededException", "UnsupportedOperationException", "TagException"}
        extra |= {"InvalidGrantTokenException", "InvalidMarkerException", "NotFoundException"}
        extra |= {"InvalidNextTokenException", "CustomKeyStoreNotFoundException"}
        return FORM_CODES | extra if service == "kms" or rule == "max" else FORM_CODES

    def test_a_value_of_the_wrong_type_is_refused(self):
        for service, operation in self.built():
            protocol = model(service).metadata["protocol"]
            shape = operation.input_shape
            if protocol != "json" or not shape:
                continue
            for member, inner in shape.members.items():
                with self.subTest(operation=operation.name, member=member):
                    params = {
                        key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
                        for key, value in sample(shape).items()
                    }
                    params[member] = wrong_type(inner)
                    error = self.raw_json(service, operation, params)
                    self.assertEqual(error["status"], 400, error)
                    self.assertIn(
                        error["__type"].rsplit("#", 1)[-1],
                        FORM_CODES | {"InvalidGrantTokenException"},
                    )

    def raw_json(self, service, operation, params):
        """Sends JSON that botocore would not make."""
        client = self.server.client(service)
        body = json.dumps(params).encode()

        def replace(request, **_):
            request.data = body
            request.headers["Content-Length"] = str(len(body))

        event = f"before-sign.{service.replace('secretsmanager', 'secrets-manager')}.{operation.name}"
        client.meta.events.register(event, replace)
        try:
            client._make_api_call(operation.name, sample(operation.input_shape))  # noqa: SLF001
        except botocore.exceptions.ClientError as raised:
            answer = raised.response
            return {
                "status": answer["ResponseMetadata"]["HTTPStatusCode"],
                "__type": answer["Error"]["Code"],
            }
        finally:
            client.meta.events.unregister(event, replace)
        return {"status": 200, "__type": "accepted"}

    def test_an_operation_that_is_not_built_is_unknown(self):
        for service, names in OPERATIONS["known"].items():
            protocol = model(service).metadata["protocol"]
            expected = "UnknownOperationException" if protocol == "json" else "InvalidAction"
            for name in sorted(set(names) - set(OPERATIONS["built"][service])):
                with self.subTest(service=service, operation=name):
                    operation = model(service).operation_model(name)
                    error = self.error(service, operation, {})
                    self.assertIsNotNone(error)
                    if operation.auth_type == "none":
                        # The client does not sign it, and nothing unsigned is looked at.
                        self.assertEqual(error[0], "MissingAuthenticationToken")
                        continue
                    self.assertEqual(error[0], expected)
                    self.assertIn(error[1], (400, 404))

    def test_every_operation_is_refused_without_a_valid_signature(self):
        unsigned = {"MissingAuthenticationTokenException", "MissingAuthenticationToken"}
        for service, operation in self.built():
            shape = operation.input_shape
            params = sample(shape) if shape else {}
            with self.subTest(operation=operation.name):
                error = self.error(service, operation, params, signature_version=botocore.UNSIGNED)
                self.assertIn(error[0], unsigned)
                error = self.error(service, operation, params, secret="wrong")
                self.assertIn(
                    error[0], {"InvalidSignatureException", "SignatureDoesNotMatch"}
                )
                error = self.error(service, operation, params, key="AKIAUNKNOWN")
                self.assertIn(
                    error[0],
                    {"UnrecognizedClientException", "InvalidClientTokenId"},
                )


class Unauthorized(Case):
    """PROMISE R6: a principal without policies may do nothing."""

    @classmethod
    def setUpClass(cls):
        config = tempfile.NamedTemporaryFile("w", suffix=".json")
        cls.addClassCleanup(config.close)
        key = {"id": "nobody", "secret": "nobody", "account": "123456789012"}
        json.dump({"access_keys": [key | {"user": "nobody", "policies": []}]}, config)
        config.flush()
        os.chmod(config.name, 0o600)
        cls.arguments = ("--ephemeral", "--config", config.name)
        super().setUpClass()

    def test_every_operation_is_refused_to_a_principal_without_policies(self):
        for service, names in OPERATIONS["built"].items():
            client = self.server.client(
                service, key="nobody", secret="nobody", parameter_validation=False
            )
            # AWS: GetCallerIdentity needs no permission.
            for name in [name for name in names if name != "GetCallerIdentity"]:
                with self.subTest(service=service, operation=name):
                    operation = model(service).operation_model(name)
                    params = sample(operation.input_shape) if operation.input_shape else {}
                    params.update(self.completed(service, name))
                    with self.assertRaises(botocore.exceptions.ClientError) as raised:
                        client._make_api_call(name, params)  # noqa: SLF001
                    code = raised.exception.response["Error"]["Code"]
                    query = model(service).metadata["protocol"] == "query"
                    self.assertEqual(code, "AccessDenied" if query else "AccessDeniedException")

    def completed(self, service, name):
        """What the service asks for although the model does not."""
        template = {"TemplateBody": json.dumps({"Resources": {"S": {"Type": "AWS::SecretsManager::Secret"}}})}
        return {
            ("cloudformation", "CreateChangeSet"): template,
            ("cloudformation", "CreateStack"): template,
            ("cloudformation", "DescribeStackResources"): {"StackName": "s"},
            ("cloudformation", "DeleteChangeSet"): {"StackName": "s"},
            ("cloudformation", "DescribeChangeSet"): {"StackName": "s"},
            ("cloudformation", "ExecuteChangeSet"): {"StackName": "s"},
            ("cloudformation", "GetTemplate"): {"StackName": "s"},
            ("cloudformation", "EstimateTemplateCost"): template,
            ("cloudformation", "SetStackPolicy"): {"StackPolicyBody": json.dumps({"Statement": []})},
            ("cloudformation", "GetTemplateSummary"): template,
            ("cloudformation", "UpdateStack"): template,
            ("cloudformation", "ValidateTemplate"): template,
            ("sts", "AssumeRole"): {"RoleArn": "arn:aws:iam::123456789012:role/r"},
            ("secretsmanager", "BatchGetSecretValue"): {"SecretIdList": ["x"]},
            ("secretsmanager", "PutSecretValue"): {"SecretString": "v"},
            ("secretsmanager", "UpdateSecretVersionStage"): {
                "MoveToVersionId": SAMPLES["ClientRequestToken"]
            },
            ("kms", "CreateCustomKeyStore"): {
                "CloudHsmClusterId": "cluster-" + "a" * 11, "KeyStorePassword": "password",
                "TrustAnchorCertificate": "certificate",
            },
            ("kms", "Decrypt"): {"CiphertextBlob": b"x", "KeyId": SAMPLES["KeyId"]},
            ("kms", "ReEncrypt"): {"CiphertextBlob": b"x"},
            ("kms", "GenerateDataKey"): {"KeySpec": "AES_256"},
            ("kms", "GenerateDataKeyWithoutPlaintext"): {"KeySpec": "AES_256"},
            ("kms", "GenerateRandom"): {"NumberOfBytes": 8},
            ("kms", "GetParametersForImport"): {"WrappingAlgorithm": "RSAES_OAEP_SHA_256"},
            ("kms", "ImportKeyMaterial"): {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"},
            ("kms", "CreateGrant"): {"GranteePrincipal": SAMPLES["GranteePrincipal"]},
            ("kms", "ListRetirableGrants"): {
                "RetiringPrincipal": SAMPLES["GranteePrincipal"]
            },
            ("kms", "RetireGrant"): {"KeyId": SAMPLES["KeyId"], "GrantId": SAMPLES["GrantId"]},
        }.get((service, name), {})
