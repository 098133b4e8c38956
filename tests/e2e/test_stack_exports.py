"""Exports and imports by the AWS CLI: listed, kept while they are in use, and free afterwards."""

import json

from test_stacks import Stacks


def secret(**properties):
    return {"Type": "AWS::SecretsManager::Secret", "Properties": properties}


EXPORTER = {
    "Resources": {"Shared": secret(Name="shared", SecretString="v")},
    "Outputs": {"Arn": {"Value": {"Ref": "Shared"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-Arn"}}}},
}
IMPORTER = {
    "Resources": {"Copy": secret(Name="copy", SecretString={"Fn::ImportValue": "out-Arn"})},
}


class Exports(Stacks):
    profile = "aws"

    def create(self, name, template):
        body = self.write(f"{name}.json", json.dumps(template))
        self.server.aws(f"cloudformation create-stack --stack-name {name} --template-body {body}")

    def test_an_export_is_kept_while_it_is_in_use(self):
        self.create("in", IMPORTER)
        self.until("in", "ROLLBACK_COMPLETE")
        self.assertIn(
            ("in", "ROLLBACK_IN_PROGRESS", "No export named out-Arn found. Rollback requested by user."),
            self.events("in"),
        )
        self.server.aws("cloudformation delete-stack --stack-name in")
        self.create("out", EXPORTER)
        self.until("out", "CREATE_COMPLETE")
        (export,) = self.server.aws("cloudformation list-exports")["Exports"]
        stack = self.stack("out")
        self.assertEqual(export["ExportingStackId"], stack["StackId"])
        self.assertEqual(export["Name"], "out-Arn")
        self.assertEqual(stack["Outputs"][0]["ExportName"], "out-Arn")
        self.eventually(lambda: self.gone("in"), "the end of the stack that was rolled back")
        self.create("in", IMPORTER)
        self.until("in", "CREATE_COMPLETE")
        value = self.secrets().get_secret_value(SecretId="copy")["SecretString"]
        self.assertEqual(value, export["Value"])
        listed = self.server.aws("cloudformation list-imports --export-name out-Arn")
        self.assertEqual(listed["Imports"], ["in"])

        self.server.aws("cloudformation delete-stack --stack-name out")
        why = "Export out-Arn cannot be deleted as it is in use by in"
        self.eventually(lambda: ("out", "CREATE_COMPLETE", why) in self.events("out"), why)
        self.assertEqual(self.secrets().get_secret_value(SecretId="shared")["SecretString"], "v")

        self.server.aws("cloudformation delete-stack --stack-name in")
        self.eventually(lambda: self.gone("in"), "the end of the importer")
        self.assertIn("is not imported by any stack", self.cli_fails(
            "cloudformation list-imports --export-name out-Arn"
        ))
        self.server.aws("cloudformation delete-stack --stack-name out")
        self.eventually(lambda: self.gone("out"), "the end of the exporter")
        self.assertEqual(self.server.aws("cloudformation list-exports")["Exports"], [])

    def gone(self, name):
        stacks = self.server.aws("cloudformation describe-stacks")["Stacks"]
        return name not in [stack["StackName"] for stack in stacks]
