"""Roles of stacks, by the AWS CLI, boto3 and Terraform: the role does the work, also when whoever
uses the stack may not pass it, and a stack whose role is lost says so."""

import json
import pathlib

import terraform
from harness import ACCOUNT, CliError, in_a_new_second, with_users
from test_stacks import Stacks

OTHER = "222222222222"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/deployer"
CAREFUL = f"arn:aws:iam::{ACCOUNT}:role/careful"
CLOSED = f"arn:aws:iam::{ACCOUNT}:role/closed"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/AWSCloudFormation"
LOST = f"Role {DEPLOYER} is invalid or cannot be assumed"


def allow(*actions, resource="*", **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(**principal):
    return policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})


def role(name, *actions, account=ACCOUNT, **principal):
    return {
        "name": name, "account": account, "policies": [policy(allow(*actions))],
        "trust": trust(**(principal or {"Service": "cloudformation.amazonaws.com"})),
    }


PASS = allow("iam:PassRole", resource=[DEPLOYER, CAREFUL, CLOSED], Condition={
    "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}})
USERS = {
    "dan": (ACCOUNT, [policy(allow("cloudformation:*"), PASS)]),
    "ops": (ACCOUNT, [policy(allow("cloudformation:*"))]),
}
ROLES = [
    role("deployer", "secretsmanager:*", "kms:*"),
    role("careful", "secretsmanager:Describe*"),
    role("closed", "*", AWS=ACCOUNT),
    role("deployer", "*", account=OTHER),
]


def template(description, *more):
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {
        "Name": "a", "Description": description}}
    return json.dumps({"Resources": {"A": secret, **dict(more)}})


def replicated(description):
    """Two secrets, of which the second is waited for until its replica is in sync."""
    second = {
        "Type": "AWS::SecretsManager::Secret", "DependsOn": "A", "Properties": {
            "Name": "b", "ReplicaRegions": [{"Region": "us-east-2"}]}}
    return template(description, ("B", second))


class WithRoles(Stacks):
    @classmethod
    def setUpClass(cls):
        with_users(cls, USERS, ROLES)
        cls.config = pathlib.Path(cls.arguments[-1])
        super().setUpClass()

    def stack(self, name):
        return self.stacks("test").describe_stacks(StackName=name)["Stacks"][0]

    def stacks(self, user):
        return self.server.client("cloudformation", key=user, secret=user)

    def aws(self, user, command):
        printed = self.server.shell(
            f"AWS_ACCESS_KEY_ID={user} AWS_SECRET_ACCESS_KEY={user} aws cloudformation {command}"
        )
        return json.loads(printed) if printed.strip().startswith("{") else None

    def restart_with(self, *names):
        """Starts the server again, after a crash, with the roles of these names alone."""
        config = json.loads(self.config.read_text())
        config["roles"] = [one for one in ROLES if one["name"] in names]
        self.server.kill9()
        self.config.write_text(json.dumps(config))
        self.server.start()

    def lose_the_role(self):
        self.addCleanup(self.have_the_role)
        self.restart_with("careful", "closed")

    def have_the_role(self):
        self.restart_with("careful", "closed", "deployer")

    def described(self):
        return self.secrets().describe_secret(SecretId="a")["Description"]

    def callers(self):
        """Who has called what for stacks, by the audit log."""
        log = (self.server.data_dir / "audit.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        return {
            (call["eventName"], call["userIdentity"]["type"], call["userIdentity"]["arn"])
            for call in calls if call["userAgent"] == "cloudformation.amazonaws.com"
        }


class Roles(WithRoles):
    profile = "aws"

    def test_the_role_does_the_work(self):
        body = self.write("one.json", template("one"))
        made = self.aws("dan", f"create-stack --stack-name app --template-body {body} --role-arn {DEPLOYER}")
        self.until("app", "CREATE_COMPLETE")
        self.assertEqual(self.stack("app")["RoleARN"], DEPLOYER)
        # Neither of the two users may do anything with secrets, nor the second pass a role.
        body = self.write("two.json", template("two"))
        self.aws("ops", f"update-stack --stack-name app --template-body {body}")
        self.until("app", "UPDATE_COMPLETE")
        self.assertEqual(self.described(), "two")
        self.assertEqual(self.stack("app")["RoleARN"], DEPLOYER)
        self.aws("ops", "delete-stack --stack-name app")
        self.until(made["StackId"], "DELETE_COMPLETE")
        by = self.callers()
        for call in ("CreateSecret", "UpdateSecret", "DeleteSecret"):
            self.assertIn((call, "AssumedRole", SESSION), by)
        self.assertEqual({arn for _, _, arn in by if arn.endswith(("/dan", "/ops"))}, set())

    def test_what_the_role_may_not_fails_the_stack(self):
        body = self.write("one.json", template("one"))
        self.server.aws(
            f"cloudformation create-stack --stack-name app --template-body {body} --role-arn {CAREFUL}"
        )
        self.until("app", "ROLLBACK_COMPLETE")
        session = SESSION.replace("deployer", "careful")
        self.assertIn(
            f"User: {session} is not authorized to perform: secretsmanager:CreateSecret",
            self.events("app")[2][2],
        )

    def test_deploy_keeps_the_role_in_the_change_set(self):
        body = str(self.write("one.json", template("one"))).removeprefix("file://")
        deploy = f"deploy --stack-name app --template-file {body}"
        with self.assertRaises(CliError) as raised:
            self.aws("ops", f"{deploy} --role-arn {DEPLOYER}")
        self.assertIn("not authorized to perform: iam:PassRole", raised.exception.stderr)
        self.aws("dan", f"{deploy} --role-arn {DEPLOYER}")
        self.assertEqual(self.stack("app")["StackStatus"], "CREATE_COMPLETE")
        self.assertEqual(self.stack("app")["RoleARN"], DEPLOYER)
        body = str(self.write("two.json", template("two"))).removeprefix("file://")
        in_a_new_second()
        self.aws("ops", f"deploy --stack-name app --template-file {body}")
        self.assertEqual(self.described(), "two")

    def test_a_change_set_is_executed_by_who_may_not_pass(self):
        body = template("one")
        self.stacks("dan").create_change_set(
            StackName="app", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=body,
            RoleARN=DEPLOYER,
        )
        self.assertNotIn("RoleARN", self.stack("app"))
        self.stacks("ops").execute_change_set(StackName="app", ChangeSetName="first")
        self.until("app", "CREATE_COMPLETE")
        self.assertEqual(self.stack("app")["RoleARN"], DEPLOYER)

    def test_roles_that_are_refused(self):
        body = template("one")
        for user, given, code, text in (
            ("ops", DEPLOYER, "AccessDenied", f"iam:PassRole on resource: {DEPLOYER}"),
            ("dan", CLOSED, "ValidationError", f"Role {CLOSED} is invalid or cannot be assumed"),
            ("test", f"{DEPLOYER}s", "ValidationError", f"Role {DEPLOYER}s is invalid or cannot be assumed"),
            ("test", DEPLOYER.replace(ACCOUNT, OTHER), "AccessDenied", "Cross-account pass role is not allowed."),
            ("test", f"arn:aws:iam::{ACCOUNT}:user/dan", "ValidationError",
             f"arn:aws:iam::{ACCOUNT}:user/dan is not a valid RoleARN"),
        ):
            for call, more in (
                ("create_stack", {}),
                ("create_change_set", {"ChangeSetName": "first", "ChangeSetType": "CREATE"}),
            ):
                with self.subTest(user=user, given=given, call=call):
                    call = getattr(self.stacks(user), call)
                    message = self.fails(code, call, StackName="app", TemplateBody=body, RoleARN=given, **more)
                    self.assertIn(text, message)
        self.assertEqual(self.stacks("test").describe_stacks()["Stacks"], [])

    def test_a_stack_whose_role_is_gone(self):
        self.stacks("dan").create_stack(StackName="app", TemplateBody=template("one"), RoleARN=DEPLOYER)
        self.until("app", "CREATE_COMPLETE")
        self.lose_the_role()
        for call, more in (
            ("update_stack", {"TemplateBody": template("two")}), ("delete_stack", {}),
            ("create_change_set", {"ChangeSetName": "next", "TemplateBody": template("two")}),
        ):
            with self.subTest(call=call):
                call = getattr(self.stacks("dan"), call)
                self.assertEqual(self.fails("ValidationError", call, StackName="app", **more), LOST)
        self.assertEqual(self.stack("app")["StackStatus"], "CREATE_COMPLETE")
        self.stacks("dan").delete_stack(StackName="app", RoleARN=CAREFUL)
        self.until("app", "DELETE_FAILED")
        self.have_the_role()
        arn = self.stack("app")["StackId"]
        self.stacks("dan").delete_stack(StackName="app", RoleARN=DEPLOYER)
        self.until(arn, "DELETE_COMPLETE")


class Crashed(WithRoles):
    """PROMISE R1 and R6: what goes on after a crash goes on as the role, or not at all."""

    def at(self, logical, status):
        found = self.stacks("dan").describe_stack_resources(StackName="app")["StackResources"]
        return (logical, status) in [
            (resource["LogicalResourceId"], resource["ResourceStatus"]) for resource in found
        ]

    def waiting(self):
        for region in ("us-east-2", "us-west-2"):
            self.server.regent("region", "delay", "us-east-1", region, "60s")

    def test_in_the_middle_of_an_operation(self):
        self.waiting()
        self.stacks("dan").create_stack(
            StackName="app", TemplateBody=replicated("one"), RoleARN=DEPLOYER,
        )
        self.eventually(lambda: self.at("A", "CREATE_COMPLETE"), "the first secret")
        self.have_the_role()
        self.until("app", "CREATE_COMPLETE")
        self.in_sync("b", "us-east-2")
        self.assertEqual({arn for _, _, arn in self.callers()}, {SESSION})

        self.waiting()
        body = replicated("two").replace('"us-east-2"', '"us-west-2"')
        self.stacks("ops").update_stack(StackName="app", TemplateBody=body)
        self.eventually(lambda: self.at("A", "UPDATE_COMPLETE"), "the first secret")
        self.lose_the_role()
        self.until("app", "UPDATE_ROLLBACK_FAILED")
        failed = [event for event in self.events("app") if event[1] == "UPDATE_FAILED"]
        self.assertEqual(failed, [("B", "UPDATE_FAILED", LOST), ("A", "UPDATE_FAILED", LOST)])
        self.have_the_role()
        self.stacks("ops").continue_update_rollback(StackName="app")
        self.until("app", "UPDATE_ROLLBACK_COMPLETE")
        self.assertEqual(self.described(), "one")


@terraform.needs_terraform
class Terraform(terraform.Case, Stacks):
    profile = "aws"

    @classmethod
    def setUpClass(cls):
        with_users(cls, USERS, ROLES)
        super().setUpClass()

    # A role that cannot be assumed is not tried here: the provider knows the words of that refusal,
    # takes them for IAM's delay and asks again for two minutes.
    def configuration(self, description):
        return f"""
resource "aws_cloudformation_stack" "app" {{
  name          = "app"
  iam_role_arn  = "{DEPLOYER}"
  template_body = jsonencode({template(description)})
}}
"""

    def test_a_stack_with_a_role(self):
        state = self.applied(self.configuration("one"))
        self.assertEqual(state["aws_cloudformation_stack.app"]["iam_role_arn"], DEPLOYER)
        self.assertEqual(self.stack("app")["RoleARN"], DEPLOYER)
        self.applied(self.configuration("two"))
        self.assertEqual(self.secrets().describe_secret(SecretId="a")["Description"], "two")
        self.destroyed()
        self.assert_nothing_created()
