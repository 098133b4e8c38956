"""What exists becomes a stack's, by the AWS CLI: change sets of the kind IMPORT."""

import json

from test_stacks import Stacks

TEMPLATE = {
    "Resources": {
        "Key": {"Type": "AWS::KMS::Key", "DeletionPolicy": "Retain", "Properties": {
            "Description": "k", "MultiRegion": True}},
        "Alias": {"Type": "AWS::KMS::Alias", "DeletionPolicy": "Retain", "Properties": {
            "AliasName": "alias/app", "TargetKeyId": {"Ref": "Key"}}},
        "Secret": {"Type": "AWS::SecretsManager::Secret", "DeletionPolicy": "Delete", "Properties": {
            "Name": "db", "Description": "one", "KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
            "ReplicaRegions": [{"Region": "us-west-2"}]}},
    },
}


class Imports(Stacks):
    def setUp(self):
        super().setUp()
        self.key = self.keys().create_key(Description="k", MultiRegion=True)["KeyMetadata"]
        self.keys().create_alias(AliasName="alias/app", TargetKeyId=self.key["KeyId"])
        made = self.secrets().create_secret(
            Name="db", Description="one", SecretString="value", KmsKeyId=self.key["Arn"],
            AddReplicaRegions=[{"Region": "us-west-2"}],
        )
        self.arn = made["ARN"]
        self.in_sync("db", "us-west-2")

    def prepare(self, template=TEMPLATE, secret=None):
        resources = [
            ("Key", "AWS::KMS::Key", {"KeyId": self.key["KeyId"]}),
            ("Alias", "AWS::KMS::Alias", {"AliasName": "alias/app"}),
            ("Secret", "AWS::SecretsManager::Secret", {"Id": secret or self.arn}),
        ]
        listed = [
            {"LogicalResourceId": logical, "ResourceType": type_name, "ResourceIdentifier": identifier}
            for logical, type_name, identifier in resources
        ]
        body = self.write("app.json", json.dumps(template))
        given = self.write("resources.json", json.dumps(listed))
        return (
            "cloudformation create-change-set --stack-name app --change-set-name adopt "
            f"--change-set-type IMPORT --template-body {body} --resources-to-import {given} "
            "--tags Key=team,Value=a"
        )

    def execute(self):
        of_set = "--stack-name app --change-set-name adopt"
        self.server.aws(f"cloudformation wait change-set-create-complete {of_set}")
        self.server.aws(f"cloudformation execute-change-set {of_set}")

    def test_what_exists_becomes_a_stack_and_has_not_drifted(self):
        summary = self.server.aws(
            f"cloudformation get-template-summary --template-body '{json.dumps(TEMPLATE)}'"
        )
        named = {
            entry["ResourceType"]: entry["ResourceIdentifiers"]
            for entry in summary["ResourceIdentifierSummaries"]
        }
        self.assertEqual(named, {
            "AWS::KMS::Key": ["KeyId"], "AWS::KMS::Alias": ["AliasName"],
            "AWS::SecretsManager::Secret": ["Id"],
        })
        self.server.aws(self.prepare())
        described = self.server.aws(
            "cloudformation describe-change-set --stack-name app --change-set-name adopt"
        )
        changes = [change["ResourceChange"] for change in described["Changes"]]
        self.assertEqual({change["Action"] for change in changes}, {"Import"})
        self.assertIn(self.arn, [change["PhysicalResourceId"] for change in changes])
        self.execute()
        self.server.aws("cloudformation wait stack-import-complete --stack-name app")
        begun = self.server.aws("cloudformation detect-stack-drift --stack-name app")
        look = begun["StackDriftDetectionId"]
        found = self.server.aws(
            "cloudformation describe-stack-drift-detection-status "
            f"--stack-drift-detection-id {look}"
        )
        self.assertEqual(found["StackDriftStatus"], "IN_SYNC", found)
        tags = self.secrets().describe_secret(SecretId="db")["Tags"]
        self.assertIn({"Key": "team", "Value": "a"}, tags)
        self.assertIn({"Key": "aws:cloudformation:logical-id", "Value": "Secret"}, tags)
        self.assertEqual(self.secrets().get_secret_value(SecretId="db")["SecretString"], "value")
        # It lives on as a stack, and ends as one.
        template = json.loads(json.dumps(TEMPLATE))
        template["Resources"]["Secret"]["Properties"]["Description"] = "two"
        body = self.write("app.json", json.dumps(template))
        self.server.aws(f"cloudformation update-stack --stack-name app --template-body {body}")
        self.until("app", "UPDATE_COMPLETE")
        self.assertEqual(self.secrets().describe_secret(SecretId="db")["Description"], "two")
        self.server.aws("cloudformation delete-stack --stack-name app")
        self.server.aws("cloudformation wait stack-delete-complete --stack-name app")
        self.assertEqual(self.secrets().list_secrets()["SecretList"], [])
        key = self.keys().describe_key(KeyId="alias/app")["KeyMetadata"]
        self.assertEqual((key["KeyId"], key["KeyState"]), (self.key["KeyId"], "Enabled"))

    def test_what_is_not_there_is_not_imported(self):
        template = json.loads(json.dumps(TEMPLATE))
        del template["Resources"]["Alias"]["DeletionPolicy"]
        text = self.cli_fails(self.prepare(template))
        self.assertIn(
            "The following resources to import [Alias] must have DeletionPolicy attribute specified "
            "in the template.", text,
        )
        self.server.aws(self.prepare(secret=self.arn[:-6] + "aaaaaa"))
        self.execute()
        self.until("app", "IMPORT_ROLLBACK_COMPLETE")
        reasons = [why for logical, status, why in self.events("app") if status == "IMPORT_FAILED"]
        self.assertEqual(len(reasons), 1)
        self.assertIn("was not found", reasons[0])
        # Nothing was tagged, and nothing goes with the stack.
        self.assertNotIn("Tags", self.secrets().describe_secret(SecretId="db"))
        self.assertEqual(self.keys().list_resource_tags(KeyId=self.key["KeyId"])["Tags"], [])
        self.server.aws("cloudformation delete-stack --stack-name app")
        self.server.aws("cloudformation wait stack-delete-complete --stack-name app")
        self.assertEqual(self.secrets().get_secret_value(SecretId="db")["SecretString"], "value")
