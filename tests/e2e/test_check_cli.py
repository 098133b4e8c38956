"""`regent check` on what the AWS CLI writes: templates of stacks that are there, packaged ones, and the
parameters of a stack."""

import json
import pathlib
import subprocess
import tempfile

import harness

EAST, WEST = "us-east-1", "us-west-2"
DIGITS = "1234abcd12ab34cd56ef1234567890ab"

# As a person writes it, with short forms that the CLI spells out when it packages.
TEMPLATE = """AWSTemplateFormatVersion: "2010-09-09"
Description: A secret for two Regions
Parameters:
  Stage: { Type: String, AllowedValues: [prod, test] }
  ReplicaKey: { Type: String, Default: "" }
Conditions:
  OwnKey: !Not [!Equals [!Ref ReplicaKey, ""]]
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      MultiRegion: true
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { AWS: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root" }
            Action: kms:*
            Resource: "*"
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: !Sub "${Stage}/db"
      KmsKeyId: !GetAtt Key.Arn
      GenerateSecretString: { PasswordLength: 24 }
      ReplicaRegions:
        - Region: us-west-2
          KmsKeyId: !If [OwnKey, !Ref ReplicaKey, alias/aws/secretsmanager]
"""


class Cli(harness.Case):
    profile = "aws"
    maxDiff = None

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "own.yaml").write_text(TEMPLATE)

    def aws(self, command):
        return self.server.shell(f"cd {self.folder} && aws {command}")

    def deployed(self, key):
        self.aws(
            "cloudformation deploy --template-file own.yaml --stack-name db "
            f"--parameter-overrides Stage=prod ReplicaKey={key}"
        )

    def check(self, *args):
        done = subprocess.run(
            [harness.REGENT, "check", "--output", "json", "--region", EAST, *args],
            cwd=self.folder, capture_output=True, text=True, timeout=60,
        )
        return done.returncode, [(one["rule"], one["resource"]) for one in json.loads(done.stdout)["findings"]]

    def packaged(self, *args):
        self.aws(f"cloudformation package --template-file own.yaml --s3-bucket none {' '.join(args)}")

    def test_what_is_bad_is_found_in_every_form_and_what_is_good_in_none(self):
        self.packaged("--output-template-file packaged.yaml")
        self.packaged("--use-json", "--output-template-file packaged.json")
        for key, found in [
            (f"mrk-{DIGITS}", (0, [("RG101", "Secret")])),
            # The seed's own: AWS takes it, and the stack is complete.
            (f"mrk-{DIGITS}9", (1, [("RG001", "Secret")])),
        ]:
            self.deployed(key)
            described = "describe-stacks --stack-name db --query 'Stacks[0].Parameters' > parameters"
            self.aws(f"cloudformation {described}")
            body = "get-template --stack-name db --query TemplateBody --output text > body.yaml"
            self.aws(f"cloudformation {body}")
            for name in ("own.yaml", "body.yaml", "packaged.yaml", "packaged.json"):
                with self.subTest(name, key=key):
                    self.assertEqual(self.check(name, "--parameters", "parameters"), found)

    def test_a_stack_that_was_written_in_json_is_printed_in_json(self):
        secret = {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Description": "x", "ReplicaRegions": [{"Region": WEST}]},
        }
        (self.folder / "own.json").write_text(json.dumps({"Resources": {"Secret": secret}}))
        self.aws("cloudformation deploy --template-file own.json --stack-name json")
        self.aws("cloudformation get-template --stack-name json --query TemplateBody > body.json")
        body = (self.folder / "body.json").read_text()
        (self.folder / "body.json").write_text(body.replace(WEST, EAST))
        self.assertEqual(self.check("body.json"), (1, [("RG006", "Secret")]))
