"""Drift of stacks by the AWS CLI and boto3: what was changed or deleted behind a stack's back is
told with its place, and no secret value is compared or told."""

import json

from harness import files_with
from test_stacks import Stacks

MADE = "made-c4nary-one"
CHANGED = "changed-c4nary-two"
GIVEN = "given-c4nary-three"

TEMPLATE = {
    "Parameters": {"Given": {"Type": "String", "NoEcho": True}},
    "Resources": {
        "Key": {"Type": "AWS::KMS::Key", "Properties": {
            "Description": "k", "EnableKeyRotation": True}},
        "Alias": {"Type": "AWS::KMS::Alias", "Properties": {
            "AliasName": "alias/app", "TargetKeyId": {"Ref": "Key"}}},
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {
            "Name": "s", "Description": "one", "Tags": [{"Key": "a", "Value": "b"}],
            "GenerateSecretString": {
                "SecretStringTemplate": json.dumps({"user": MADE}), "GenerateStringKey": "password"}}},
        "Other": {"Type": "AWS::SecretsManager::Secret", "Properties": {
            "Name": "other", "Description": {"Ref": "Given"}, "SecretString": {"Ref": "Given"}}},
    },
}


class Drifts(Stacks):
    profile = "aws"

    def setUp(self):
        super().setUp()
        body = self.write("app.json", json.dumps(TEMPLATE))
        self.server.aws(
            f"cloudformation create-stack --stack-name app --template-body {body} "
            f"--parameters ParameterKey=Given,ParameterValue={GIVEN} --tags Key=team,Value=a"
        )
        self.until("app", "CREATE_COMPLETE")
        self.generated = self.secrets().get_secret_value(SecretId="s")["SecretString"]

    def look(self):
        """Looks at the whole stack, as the CLI's documentation says."""
        begun = self.server.aws("cloudformation detect-stack-drift --stack-name app")
        look = begun["StackDriftDetectionId"]
        command = f"cloudformation describe-stack-drift-detection-status --stack-drift-detection-id {look}"
        self.eventually(
            lambda: self.server.aws(command)["DetectionStatus"] != "DETECTION_IN_PROGRESS", "the look"
        )
        found = self.server.aws(command)
        self.assertEqual(found["StackDriftDetectionId"], look)
        self.assertEqual(found["StackId"], self.stack("app")["StackId"])
        return found

    def drifts(self, *filters):
        """What was found, by logical id."""
        given = f"--stack-resource-drift-status-filters {' '.join(filters)}" if filters else ""
        told = self.server.aws(f"cloudformation describe-stack-resource-drifts --stack-name app {given}")
        self.tells_no_secret(json.dumps(told))
        return {drift["LogicalResourceId"]: drift for drift in told["StackResourceDrifts"]}

    def tells_no_secret(self, text):
        for value in (MADE, CHANGED, GIVEN, json.loads(self.generated)["password"], "SecretString"):
            self.assertNotIn(value, text)

    def differences(self, drift):
        return [
            (found["PropertyPath"], found["DifferenceType"], found["ExpectedValue"], found["ActualValue"])
            for found in drift["PropertyDifferences"]
        ]

    def test_what_nobody_touched_is_in_sync_whatever_the_values(self):
        self.assertEqual(self.stack("app")["DriftInformation"], {"StackDriftStatus": "NOT_CHECKED"})
        self.secrets().put_secret_value(SecretId="s", SecretString=CHANGED)
        self.secrets().update_secret(SecretId="other", SecretString=CHANGED, Description="anything")
        found = self.look()
        self.assertEqual(found["DetectionStatus"], "DETECTION_COMPLETE")
        self.assertEqual(found["StackDriftStatus"], "IN_SYNC")
        self.assertEqual(found["DriftedStackResourceCount"], 0)
        drifts = self.drifts()
        self.assertEqual(drifts.keys(), TEMPLATE["Resources"].keys())
        self.assertEqual({drift["StackResourceDriftStatus"] for drift in drifts.values()}, {"IN_SYNC"})
        self.assertEqual(json.loads(drifts["Secret"]["ExpectedProperties"]), {
            "Name": "s", "Description": "one", "Tags": [{"Key": "a", "Value": "b"}]})
        self.assertEqual(json.loads(drifts["Other"]["ExpectedProperties"]), {"Name": "other"})
        self.assertEqual(self.stack("app")["DriftInformation"]["StackDriftStatus"], "IN_SYNC")
        data = self.server.data_dir
        for value in (MADE, CHANGED):
            self.assertEqual(files_with(value, data), [])

    def test_what_was_changed_is_told_and_survives(self):
        self.secrets().update_secret(SecretId="s", Description="two")
        self.secrets().tag_resource(SecretId="s", Tags=[{"Key": "new", "Value": "n"}])
        key = self.keys().describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"]
        self.keys().disable_key_rotation(KeyId=key)
        found = self.look()
        self.assertEqual(found["StackDriftStatus"], "DRIFTED")
        self.assertEqual(found["DriftedStackResourceCount"], 2)
        self.server.kill9()
        self.server.start()
        modified = self.drifts("MODIFIED")
        self.assertEqual(modified.keys(), {"Secret", "Key"})
        self.assertEqual(self.drifts("IN_SYNC").keys(), {"Alias", "Other"})
        self.assertEqual(self.differences(modified["Secret"]), [
            ("/Description", "NOT_EQUAL", "one", "two"),
            ("/Tags/1", "ADD", "null", '{"Key":"new","Value":"n"}'),
        ])
        self.assertEqual(
            self.differences(modified["Key"]), [("/EnableKeyRotation", "NOT_EQUAL", "true", "false")]
        )
        # Once it is mended, one resource can be looked at by itself.
        self.secrets().update_secret(SecretId="s", Description="one")
        self.secrets().untag_resource(SecretId="s", TagKeys=["new"])
        stacks = self.server.client("cloudformation")
        drift = stacks.detect_stack_resource_drift(StackName="app", LogicalResourceId="Secret")
        drift = drift["StackResourceDrift"]
        self.assertEqual((drift["StackResourceDriftStatus"], drift["PropertyDifferences"]), ("IN_SYNC", []))
        self.assertEqual(self.drifts("MODIFIED").keys(), {"Key"})
        resource = stacks.describe_stack_resource(StackName="app", LogicalResourceId="Secret")
        told = resource["StackResourceDetail"]["DriftInformation"]
        self.assertEqual(told["StackResourceDriftStatus"], "IN_SYNC")

    def test_what_was_deleted_is_told(self):
        self.secrets().delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
        self.keys().delete_alias(AliasName="alias/app")
        found = self.look()
        self.assertEqual((found["StackDriftStatus"], found["DriftedStackResourceCount"]), ("DRIFTED", 2))
        deleted = self.drifts("DELETED")
        self.assertEqual(deleted.keys(), {"Secret", "Alias"})
        self.assertNotIn("ActualProperties", deleted["Secret"])

    def test_what_is_not_there_is_refused(self):
        self.assertIn("Resource None does not exist for stack app", self.cli_fails(
            "cloudformation detect-stack-resource-drift --stack-name app --logical-resource-id None"
        ))
        self.assertIn("does not exist", self.cli_fails(
            "cloudformation describe-stack-drift-detection-status --stack-drift-detection-id none"
        ))
