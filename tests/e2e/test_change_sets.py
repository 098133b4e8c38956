"""`aws cloudformation deploy`, which goes through change sets, in both profiles; and change sets by
boto3."""

import json

from harness import Case, in_a_new_second
from test_stacks import MRK, SEED, SEED_WITH_REPLICA

SEED_JSON = json.dumps({"Resources": {"Secret": {
    "Type": "AWS::SecretsManager::Secret",
    "Properties": {"Name": "MultiRegionTest", "Description": "Test MultiRegionSecretWithMrk",
                   "SecretString": "TestString"},
}}})
SEED_WITH_REPLICA_JSON = json.dumps({"Resources": {"Secret": {
    "Type": "AWS::SecretsManager::Secret",
    "Properties": {**json.loads(SEED_JSON)["Resources"]["Secret"]["Properties"],
                   "ReplicaRegions": [{"Region": "us-east-2", "KmsKeyId": MRK}]},
}}})


class Deploy(Case):
    def command(self, text, more):
        path = self.server.scratch / "template"
        path.write_text(text)
        in_a_new_second()
        return f"cloudformation deploy --stack-name seed --template-file {path} {more}"

    def deploy(self, text, more=""):
        return self.server.shell(f"aws {self.command(text, more)}")

    def deploy_fails(self, text, more=""):
        return self.cli_fails(self.command(text, more))

    def status(self):
        return self.server.aws("cloudformation describe-stacks --stack-name seed")["Stacks"][0]

    def remove(self):
        arn = self.status()["StackId"]
        self.server.aws("cloudformation delete-stack --stack-name seed")
        self.eventually(
            lambda: self.server.client("cloudformation").describe_stacks(StackName=arn)["Stacks"][0][
                "StackStatus"] == "DELETE_COMPLETE",
            "the deletion",
        )
        self.server.aws("cloudformation wait stack-delete-complete --stack-name seed")
        self.assertEqual(self.secrets().list_secrets()["SecretList"], [])


class AwsProfile(Deploy):
    profile = "aws"

    def test_the_posts_templates(self):
        told = self.deploy(SEED, "--tags team=a")
        self.assertIn("Successfully created/updated stack - seed", told)
        self.server.aws("cloudformation wait stack-exists --stack-name seed")
        stack = self.status()
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        self.assertIn(":changeSet/awscli-cloudformation-package-deploy-", stack["ChangeSetId"])
        self.assertEqual(stack["Tags"], [{"Key": "team", "Value": "a"}])

        # The same as JSON is no change.
        told = self.deploy(SEED_JSON, "--tags team=a --no-fail-on-empty-changeset")
        self.assertIn("No changes to deploy. Stack seed is up to date", told)
        told = self.deploy_fails(SEED, "--tags team=a --fail-on-empty-changeset")
        self.assertIn("No changes to deploy. Stack seed is up to date", told)

        self.deploy(SEED_WITH_REPLICA_JSON)
        self.assertEqual(self.status()["StackStatus"], "UPDATE_COMPLETE")
        entry = self.settled("MultiRegionTest", "us-east-2")
        self.assertEqual(entry["Status"], "Failed")
        self.remove()

    def test_a_change_set_by_boto3(self):
        client = self.server.client("cloudformation")
        template = {
            "Parameters": {"Text": {"Type": "String"}, "Value": {"Type": "String", "NoEcho": True}},
            "Resources": {"S": {"Type": "AWS::SecretsManager::Secret", "Properties": {
                "Description": {"Ref": "Text"}, "SecretString": {"Ref": "Value"}}}},
        }

        def create(name, kind, **parameters):
            return client.create_change_set(
                StackName="app", ChangeSetName=name, ChangeSetType=kind,
                TemplateBody=json.dumps(template), Description="what for",
                Parameters=[{"ParameterKey": key, "ParameterValue": value}
                            for key, value in parameters.items()],
            )["Id"]

        first = create("first", "CREATE", Text="one", Value="hunter2")
        client.get_waiter("change_set_create_complete").wait(ChangeSetName=first)
        client.execute_change_set(ChangeSetName=first)
        client.get_waiter("stack_create_complete").wait(
            StackName="app", WaiterConfig={"Delay": 1})
        create("second", "UPDATE", Text="two", Value="hunter3")
        # It is there after a crash, and so is what it leads to.
        self.server.kill9()
        self.server.start()
        client = self.server.client("cloudformation")
        told = client.describe_change_set(
            StackName="app", ChangeSetName="second", IncludePropertyValues=True)
        self.assertEqual((told["Status"], told["ExecutionStatus"]), ("CREATE_COMPLETE", "AVAILABLE"))
        self.assertEqual(told["Description"], "what for")
        (change,) = told["Changes"]
        change = change["ResourceChange"]
        self.assertEqual((change["Action"], change["Replacement"]), ("Modify", "False"))
        self.assertEqual(change["Scope"], ["Properties"])
        causes = [
            (detail["Target"]["Name"], detail["Target"]["AfterValue"], detail["Evaluation"],
             detail["ChangeSource"], detail.get("CausingEntity"))
            for detail in change["Details"]
        ]
        self.assertEqual(causes, [
            ("Description", "two", "Static", "ParameterReference", "Text"),
            ("Description", "two", "Dynamic", "DirectModification", None),
            ("SecretString", "****", "Static", "ParameterReference", "Value"),
            ("SecretString", "****", "Dynamic", "DirectModification", None),
        ])
        self.assertNotIn("hunter", json.dumps(told, default=str))
        listed = client.list_change_sets(StackName="app")["Summaries"]
        self.assertEqual({entry["ChangeSetName"] for entry in listed}, {"first", "second"})
        with self.assertRaises(client.exceptions.ChangeSetNotFoundException):
            client.describe_change_set(StackName="app", ChangeSetName="third")
        client.execute_change_set(StackName="app", ChangeSetName="second")
        client.get_waiter("stack_update_complete").wait(
            StackName="app", WaiterConfig={"Delay": 1})
        physical = change["PhysicalResourceId"]
        self.assertEqual(
            self.secrets().get_secret_value(SecretId=physical)["SecretString"], "hunter3")


class StrictProfile(Deploy):
    def test_the_posts_templates(self):
        self.deploy(SEED_JSON)
        told = self.deploy_fails(SEED_WITH_REPLICA)
        self.assertIn("Failed to create/update the stack", told)
        self.assertEqual(self.status()["StackStatus"], "UPDATE_ROLLBACK_COMPLETE")
        described = self.secrets().describe_secret(SecretId="MultiRegionTest")
        self.assertNotIn("ReplicationStatus", described)
        self.remove()
