"""The post's two templates by the AWS CLI, in both profiles, and stacks through `kill -9`."""

import json
import random
import time
import unittest

from harness import PATIENCE_S, Case, Server

MRK = "mrk-1234abcd12ab34cd56ef12345678990ab"

# The post's templates, as they stand there.
SEED = """Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: MultiRegionTest
      Description: Test MultiRegionSecretWithMrk
      SecretString: TestString
"""
SEED_WITH_REPLICA = SEED + f"""      ReplicaRegions:
        - Region: us-east-2
          KmsKeyId: {MRK}
"""


class Stacks(Case):
    def write(self, name, text):
        path = self.server.scratch / name
        path.write_text(text)
        return f"file://{path}"

    def stack(self, name):
        return self.server.aws(f"cloudformation describe-stacks --stack-name {name}")["Stacks"][0]

    def until(self, name, status):
        return self.eventually(
            lambda: self.stack(name)["StackStatus"] == status, f"{status} of {name}"
        )

    def events(self, name):
        told = self.server.aws(f"cloudformation describe-stack-events --stack-name {name}")
        return [
            (event["LogicalResourceId"], event["ResourceStatus"],
             event.get("ResourceStatusReason", ""))
            for event in reversed(told["StackEvents"])
        ]

    def seed(self):
        body = self.write("one.yaml", SEED)
        self.server.aws(f"cloudformation create-stack --stack-name seed --template-body {body}")
        self.until("seed", "CREATE_COMPLETE")
        self.server.aws("cloudformation wait stack-create-complete --stack-name seed")
        body = self.write("two.yaml", SEED_WITH_REPLICA)
        self.server.aws(f"cloudformation update-stack --stack-name seed --template-body {body}")

    def delete_seed(self):
        arn = self.stack("seed")["StackId"]
        self.server.aws("cloudformation delete-stack --stack-name seed")
        self.until(arn, "DELETE_COMPLETE")
        self.server.aws("cloudformation wait stack-delete-complete --stack-name seed")
        self.assertIn("Stack with id seed does not exist", self.cli_fails(
            "cloudformation describe-stacks --stack-name seed"
        ))
        self.assertEqual(self.secrets().list_secrets()["SecretList"], [])


class AwsProfile(Stacks):
    profile = "aws"

    def test_the_update_is_complete_while_the_replica_fails(self):
        self.seed()
        self.until("seed", "UPDATE_COMPLETE")
        self.server.aws("cloudformation wait stack-update-complete --stack-name seed")
        entry = self.settled("MultiRegionTest", "us-east-2")
        self.assertEqual(entry["Status"], "Failed")
        self.assertIn(f"Invalid keyId '{MRK}'", entry["StatusMessage"])
        self.assertEqual(self.stack("seed")["StackStatus"], "UPDATE_COMPLETE")
        self.delete_seed()

    def test_json_with_parameters_outputs_and_every_type(self):
        template = {
            "Parameters": {"Value": {"Type": "String", "NoEcho": True}},
            "Resources": {
                "Key": {"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": True}},
                "Alias": {"Type": "AWS::KMS::Alias", "Properties": {
                    "AliasName": "alias/app", "TargetKeyId": {"Ref": "Key"}}},
                "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {
                    "SecretString": {"Ref": "Value"}, "KmsKeyId": {"Ref": "Alias"}}},
                "Policy": {"Type": "AWS::SecretsManager::ResourcePolicy", "Properties": {
                    "SecretId": {"Ref": "Secret"}, "ResourcePolicy": {
                        "Version": "2012-10-17", "Statement": [{
                            "Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
                            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
                            "Resource": "*"}]}}},
            },
            "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Secret", "Id"]}}},
        }
        body = self.write("app.json", json.dumps(template))
        self.server.aws(
            f"cloudformation create-stack --stack-name app --template-body {body} "
            "--parameters ParameterKey=Value,ParameterValue=hunter2 --tags Key=team,Value=a"
        )
        self.until("app", "CREATE_COMPLETE")
        stack = self.stack("app")
        self.assertEqual(
            stack["Parameters"], [{"ParameterKey": "Value", "ParameterValue": "****"}]
        )
        arn = stack["Outputs"][0]["OutputValue"]
        found = self.secrets().get_secret_value(SecretId=arn)
        self.assertEqual(found["SecretString"], "hunter2")
        self.assertRegex(found["Name"], "^Secret-[A-Za-z0-9]{12}$")
        described = self.secrets().describe_secret(SecretId=arn)
        self.assertEqual(described["KmsKeyId"], "alias/app")
        # AWS: a secret says where it comes from, in this order.
        self.assertEqual(
            [(tag["Key"], tag["Value"]) for tag in described["Tags"]],
            [
                ("aws:cloudformation:stack-name", "app"),
                ("aws:cloudformation:logical-id", "Secret"),
                ("aws:cloudformation:stack-id", stack["StackId"]),
                ("team", "a"),
            ],
        )
        refused = self.cli_fails(
            f"secretsmanager untag-resource --secret-id {arn} "
            "--tag-keys aws:cloudformation:stack-name"
        )
        self.assertIn("You can't modify system tags.", refused)
        listed = self.server.aws("cloudformation list-stack-resources --stack-name app")
        self.assertEqual(
            {entry["ResourceType"] for entry in listed["StackResourceSummaries"]},
            {"AWS::KMS::Key", "AWS::KMS::Alias", "AWS::SecretsManager::Secret",
             "AWS::SecretsManager::ResourcePolicy"},
        )
        # The CLI prints a JSON template as an object.
        body = self.server.aws("cloudformation get-template --stack-name app")["TemplateBody"]
        self.assertEqual(body, template)
        log = (self.server.data_dir / "audit.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        made = [
            call["eventName"] for call in calls
            if call["userAgent"] == "cloudformation.amazonaws.com"
        ]
        for name in ("CreateKey", "CreateAlias", "CreateSecret", "PutResourcePolicy"):
            self.assertIn(name, made)
        self.assertNotIn("hunter2", log)

    def test_what_regent_does_not_have_is_refused_by_name(self):
        body = self.write("other.yaml", "Resources: {B: {Type: 'AWS::S3::Bucket'}}")
        for command in ("create-stack --stack-name app", "validate-template"):
            told = self.cli_fails(f"cloudformation {command} --template-body {body}")
            self.assertIn("Unrecognized resource types: [AWS::S3::Bucket]", told)


class StrictProfile(Stacks):
    def test_a_wrong_key_fails_the_update_and_the_stack_is_as_before(self):
        self.seed()
        self.until("seed", "UPDATE_ROLLBACK_COMPLETE")
        (reason,) = [
            reason for logical, status, reason in self.events("seed")
            if (logical, status) == ("Secret", "UPDATE_FAILED")
        ]
        for part in ("us-east-2", MRK, f"Invalid keyId '{MRK}'"):
            self.assertIn(part, reason)
        described = self.secrets().describe_secret(SecretId="MultiRegionTest")
        self.assertNotIn("ReplicationStatus", described)
        self.assertEqual(self.secrets("us-east-2").list_secrets()["SecretList"], [])
        body = self.server.shell(
            "aws cloudformation get-template --stack-name seed --query TemplateBody --output text"
        )
        self.assertEqual(body.strip(), SEED.strip())
        self.delete_seed()

    def test_the_stack_waits_until_the_replica_is_in_sync(self):
        key = self.multi_region_key("us-east-2")
        text = SEED_WITH_REPLICA.replace(MRK, key)
        self.server.regent("region", "delay", "us-east-1", "us-east-2", "600ms")
        self.addCleanup(self.server.reset)
        # Not by the CLI, which starts for longer than the stack takes.
        stacks = self.server.client("cloudformation")
        stacks.create_stack(StackName="good", TemplateBody=text)
        seen = set()

        def probe():
            status = stacks.describe_stacks(StackName="good")["Stacks"][0]["StackStatus"]
            entry = self.replica("MultiRegionTest", "us-east-2") if status != "CREATE_FAILED" else None
            seen.add((status, entry["Status"]))
            return status == "CREATE_COMPLETE"

        self.eventually(lambda: self.secrets().list_secrets()["SecretList"], "the secret")
        self.eventually(probe, "the stack")
        self.assertNotIn(("CREATE_COMPLETE", "InProgress"), seen)
        self.assertIn(("CREATE_IN_PROGRESS", "InProgress"), seen)
        self.in_sync("MultiRegionTest", "us-east-2")


SECRETS = 240


class Kill9(unittest.TestCase):
    """PROMISE R1: whatever a stack is doing when the process dies, it ends as if nothing had
    happened: nothing twice, and nothing left behind."""

    def setUp(self):
        self.server = Server(profile="aws")
        self.addCleanup(self.server.remove)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.random = random.Random(7)

    def stacks(self):
        return self.server.client("cloudformation")

    def template(self, description, bad=False):
        """Secrets in a chain, with names that nobody chooses: one made twice would be one more."""
        resources = {}
        for number in range(SECRETS):
            properties = {"Description": description, "GenerateSecretString": {}}
            resource = {"Type": "AWS::SecretsManager::Secret", "Properties": properties}
            if number:
                resource["DependsOn"] = f"S{number - 1}"
            resources[f"S{number}"] = resource
        if bad:
            resources["Bad"] = {
                "Type": "AWS::KMS::Alias", "DependsOn": f"S{SECRETS - 1}",
                "Properties": {"AliasName": "alias/x", "TargetKeyId": "alias/none"},
            }
        return json.dumps({"Resources": resources})

    def status(self, arn):
        return self.stacks().describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"]

    def through_kills(self, arn, end):
        """Kills the server again and again until the stack has come to an end. At least one kill
        must come right after the stack was seen under way."""
        deadline = time.monotonic() + PATIENCE_S
        interrupted = 0
        while True:
            status = self.status(arn)
            if not status.endswith("_IN_PROGRESS"):
                self.assertEqual(status, end)
                self.assertGreaterEqual(interrupted, 1, "it was never interrupted")
                return
            self.assertLess(time.monotonic(), deadline, status)
            time.sleep(self.random.uniform(0.0, 0.02))
            interrupted += 1
            self.server.kill9()
            self.server.start()

    def events(self, arn):
        pages = self.stacks().get_paginator("describe_stack_events").paginate(StackName=arn)
        return [
            (event["LogicalResourceId"], event["ResourceStatus"])
            for page in pages for event in page["StackEvents"]
        ]

    def secrets(self):
        pages = self.server.client("secretsmanager").get_paginator("list_secrets").paginate()
        return [entry for page in pages for entry in page["SecretList"]]

    def until_end(self, arn, end):
        deadline = time.monotonic() + PATIENCE_S
        while (status := self.status(arn)) != end:
            self.assertTrue(status.endswith("_IN_PROGRESS"), status)
            self.assertLess(time.monotonic(), deadline, status)
            time.sleep(0.02)

    def left_failed(self, arn):
        self.stacks().update_stack(
            StackName="app", TemplateBody=self.template("two", bad=True), DisableRollback=True,
        )
        self.until_end(arn, "UPDATE_FAILED")

    def as_before(self, count):
        found = self.secrets()
        self.assertEqual(len(found), count)
        self.assertEqual({entry["Description"] for entry in found}, {"one"})

    def test_ways_back_survive(self):
        made = self.stacks().create_stack(StackName="app", TemplateBody=self.template("one"))
        arn = made["StackId"]
        self.until_end(arn, "CREATE_COMPLETE")
        self.stacks().update_stack(StackName="app", TemplateBody=self.template("two"))
        self.stacks().cancel_update_stack(StackName="app")
        self.through_kills(arn, "UPDATE_ROLLBACK_COMPLETE")
        self.as_before(SECRETS)

        self.left_failed(arn)
        self.stacks().rollback_stack(StackName="app")
        self.through_kills(arn, "UPDATE_ROLLBACK_COMPLETE")
        self.as_before(SECRETS)

        # The rollback stops at a secret that somebody deletes, and goes on past it.
        self.left_failed(arn)
        middle = f"S{SECRETS // 2}"
        found = self.stacks().describe_stack_resource(StackName="app", LogicalResourceId=middle)
        gone = found["StackResourceDetail"]["PhysicalResourceId"]
        self.server.client("secretsmanager").delete_secret(
            SecretId=gone, ForceDeleteWithoutRecovery=True,
        )
        self.stacks().rollback_stack(StackName="app")
        self.until_end(arn, "UPDATE_ROLLBACK_FAILED")
        self.stacks().continue_update_rollback(StackName="app", ResourcesToSkip=[middle])
        self.through_kills(arn, "UPDATE_ROLLBACK_COMPLETE")
        self.as_before(SECRETS - 1)

    def test_a_stack_survives(self):
        made = self.stacks().create_stack(StackName="app", TemplateBody=self.template("one"))
        arn = made["StackId"]
        self.through_kills(arn, "CREATE_COMPLETE")
        self.assertEqual(len(self.secrets()), SECRETS)
        events = self.events(arn)
        for number in range(SECRETS):
            self.assertEqual(events.count((f"S{number}", "CREATE_COMPLETE")), 1)

        self.stacks().update_stack(StackName="app", TemplateBody=self.template("two", bad=True))
        self.through_kills(arn, "UPDATE_ROLLBACK_COMPLETE")
        found = self.secrets()
        self.assertEqual(len(found), SECRETS)
        self.assertEqual({entry["Description"] for entry in found}, {"one"})

        self.stacks().update_stack(StackName="app", TemplateBody=self.template("three"))
        self.through_kills(arn, "UPDATE_COMPLETE")
        self.assertEqual({entry["Description"] for entry in self.secrets()}, {"three"})

        self.stacks().delete_stack(StackName="app")
        self.through_kills(arn, "DELETE_COMPLETE")
        self.assertEqual(self.secrets(), [])
        events = self.events(arn)
        for number in range(SECRETS):
            self.assertEqual(events.count((f"S{number}", "DELETE_COMPLETE")), 1)
