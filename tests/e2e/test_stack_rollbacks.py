"""Ways back of stacks by the AWS CLI: cancelled updates, and failures that are rolled back later."""

import json

from test_stacks import Stacks


def template(description, *more):
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {
        "Name": "a", "Description": description}}
    return json.dumps({"Resources": {"A": secret, **dict(more)}})


BAD = ("Bad", {"Type": "AWS::KMS::Alias", "DependsOn": "A", "Properties": {
    "AliasName": "alias/x", "TargetKeyId": "alias/none"}})


class Failures(Stacks):
    profile = "aws"

    def described(self):
        return self.secrets().describe_secret(SecretId="a")["Description"]

    def made(self):
        body = self.write("one.json", template("one"))
        self.server.aws(f"cloudformation create-stack --stack-name app --template-body {body}")
        self.until("app", "CREATE_COMPLETE")

    def test_a_failed_update_is_left_and_rolled_back(self):
        self.made()
        body = self.write("two.json", template("two", BAD))
        self.server.aws(
            f"cloudformation update-stack --stack-name app --template-body {body} --disable-rollback"
        )
        self.until("app", "UPDATE_FAILED")
        self.assertEqual(self.described(), "two")
        self.server.kill9()
        self.server.start()
        self.server.aws("cloudformation rollback-stack --stack-name app")
        self.until("app", "UPDATE_ROLLBACK_COMPLETE")
        self.server.aws("cloudformation wait stack-rollback-complete --stack-name app")
        self.assertEqual(self.described(), "one")
        self.assertIn("can not be rolled back", self.cli_fails(
            "cloudformation rollback-stack --stack-name app"
        ))

    def test_a_failed_creation_is_mended_by_updates(self):
        stacks = self.server.client("cloudformation")
        name = {"StackName": "app"}
        stacks.create_stack(**name, TemplateBody=template("one", BAD), DisableRollback=True)
        self.until("app", "CREATE_FAILED")
        body = self.write("two.json", template("two"))
        update = f"cloudformation update-stack --stack-name app --template-body {body}"
        self.assertIn(
            "This stack is currently in a non-terminal [CREATE_FAILED] state. To update the stack from "
            "this state, please use the disable-rollback parameter with update-stack API.",
            self.cli_fails(update),
        )
        # The same again fails again, and is no refusal.
        stacks.update_stack(**name, UsePreviousTemplate=True, DisableRollback=True)
        self.until("app", "UPDATE_FAILED")
        self.server.kill9()
        self.server.start()
        self.server.aws(f"{update} --disable-rollback")
        self.until("app", "UPDATE_COMPLETE")
        self.assertEqual(self.described(), "two")

    def test_the_last_good_state_outlives_updates_and_crashes(self):
        """PROMISE R1: what a stack goes back to is durable, however many updates have failed since."""
        self.made()
        secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "new"}}
        for description in ("two", "three"):
            more = (BAD, ("New", secret))
            self.server.client("cloudformation").update_stack(
                StackName="app", TemplateBody=template(description, *more), DisableRollback=True,
            )
            self.until("app", "UPDATE_FAILED")
            self.server.kill9()
            self.server.start()
            self.assertEqual(self.described(), description)
        self.server.client("cloudformation").rollback_stack(StackName="app")
        self.server.kill9()
        self.server.start()
        self.until("app", "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(self.described(), "one")
        listed = self.secrets().list_secrets(IncludePlannedDeletion=False)["SecretList"]
        self.assertEqual([entry["Name"] for entry in listed], ["a"])

    def test_a_rollback_goes_on_past_what_is_gone(self):
        self.made()
        # The secret is deleted once the update is left failed, so that no rollback can lead it back.
        body = self.write("two.json", template("two", BAD))
        self.server.aws(
            f"cloudformation update-stack --stack-name app --template-body {body} --disable-rollback"
        )
        self.until("app", "UPDATE_FAILED")
        self.secrets().delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)
        self.server.aws("cloudformation rollback-stack --stack-name app")
        self.until("app", "UPDATE_ROLLBACK_FAILED")
        self.server.aws(
            "cloudformation continue-update-rollback --stack-name app --resources-to-skip A"
        )
        self.until("app", "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn(("A", "UPDATE_COMPLETE", ""), self.events("app"))


class Cancelled(Stacks):
    def test_an_update_that_waits_is_cancelled(self):
        body = self.write("one.json", template("one"))
        self.server.aws(f"cloudformation create-stack --stack-name app --template-body {body}")
        self.until("app", "CREATE_COMPLETE")
        # The other Region answers, and takes its time to be in sync.
        self.server.regent("region", "delay", "us-east-1", "us-east-2", "120s")
        self.addCleanup(self.server.reset)
        replicated = json.loads(template("two"))
        replicated["Resources"]["A"]["Properties"]["ReplicaRegions"] = [{"Region": "us-east-2"}]
        # Not by the CLI, which may take longer to start than the update has to wait.
        stacks = self.server.client("cloudformation")
        stacks.update_stack(StackName="app", TemplateBody=json.dumps(replicated))
        stacks.cancel_update_stack(StackName="app")
        self.until("app", "UPDATE_ROLLBACK_COMPLETE")
        described = self.secrets().describe_secret(SecretId="a")
        self.assertEqual(described["Description"], "one")
        self.assertNotIn("ReplicationStatus", described)
        self.assertIn("CancelUpdateStack cannot be called", self.cli_fails(
            "cloudformation cancel-update-stack --stack-name app"
        ))
