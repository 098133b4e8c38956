"""AWS::KMS::ReplicaKey by the AWS CLI: made across Regions, through `kill -9`, in both Regions' logs."""

import json
import random
import time

from harness import ACCOUNT
from test_stacks import Stacks

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Action": "kms:*", "Resource": "*",
    "Principal": {"AWS": "arn:aws:iam::%s:root" % ACCOUNT}}]})


def template(arn, **more):
    properties = {"PrimaryKeyArn": arn, "KeyPolicy": json.loads(POLICY), **more}
    return json.dumps({
        "Resources": {
            "Copy": {"Type": "AWS::KMS::ReplicaKey", "Properties": properties},
            "Alias": {"Type": "AWS::KMS::Alias", "Properties": {
                "AliasName": "alias/copy", "TargetKeyId": {"Ref": "Copy"}}},
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Copy", "Arn"]}}},
    })


class ReplicaKeys(Stacks):
    def primary(self, multi_region=True):
        made = self.keys("us-west-2").create_key(MultiRegion=multi_region)["KeyMetadata"]
        return made["Arn"], made["KeyId"]

    def create(self, name, text):
        body = self.write(f"{name}.json", text)
        self.server.aws(f"cloudformation create-stack --stack-name {name} --template-body {body}")

    def test_a_replica_is_made_used_and_deleted(self):
        arn, key = self.primary()
        self.create("copy", template(arn, Description="here"))
        self.until("copy", "CREATE_COMPLETE")
        (output,) = self.stack("copy")["Outputs"]
        self.assertEqual(output["OutputValue"], arn.replace("us-west-2", "us-east-1"))
        blob = self.keys("us-west-2").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        self.assertEqual(self.keys().decrypt(CiphertextBlob=blob, KeyId="alias/copy")["Plaintext"], b"x")
        log = (self.server.data_dir / "audit.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        (made,) = [
            call for call in calls
            if call["eventName"] == "ReplicateKey" and key in json.dumps(call["requestParameters"])
        ]
        self.assertEqual(made["awsRegion"], "us-west-2")
        self.assertEqual(made["userAgent"], "cloudformation.amazonaws.com")
        stack = self.stack("copy")["StackId"]
        self.server.aws("cloudformation delete-stack --stack-name copy")
        self.until(stack, "DELETE_COMPLETE")
        self.assertEqual(self.keys().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "PendingDeletion")

    def test_a_primary_of_one_region_fails_with_the_reason(self):
        arn, _ = self.primary(multi_region=False)
        self.create("single", template(arn))
        self.until("single", "ROLLBACK_COMPLETE")
        reasons = [why for logical, status, why in self.events("single") if status == "CREATE_FAILED"]
        self.assertIn(f"{arn} is not a multi-region key.", reasons[0])

    def test_a_primary_that_is_away_is_waited_for(self):
        arn, key = self.primary()
        self.server.regent("region", "down", "us-west-2")
        self.addCleanup(self.server.reset)
        self.create("away", template(arn))
        time.sleep(1)
        self.assertEqual(self.stack("away")["StackStatus"], "CREATE_IN_PROGRESS")
        self.server.regent("region", "up", "us-west-2")
        self.until("away", "CREATE_COMPLETE")
        self.assertEqual(self.keys().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled")


class Kill9(ReplicaKeys):
    """PROMISE R1: one replica, whenever the process dies."""

    test_a_replica_is_made_used_and_deleted = None
    test_a_primary_of_one_region_fails_with_the_reason = None
    test_a_primary_that_is_away_is_waited_for = None

    def test_stacks_survive(self):
        dice = random.Random(11)
        for number in range(4):
            arn, key = self.primary()
            self.create(f"s{number}", template(arn).replace("alias/copy", f"alias/copy{number}"))
            time.sleep(dice.uniform(0.0, 0.05))
            self.server.kill9()
            self.server.start()
            self.until(f"s{number}", "CREATE_COMPLETE")
            found = self.keys("us-west-2").describe_key(KeyId=key)["KeyMetadata"]
            replicas = found["MultiRegionConfiguration"]["ReplicaKeys"]
            self.assertEqual([replica["Region"] for replica in replicas], ["us-east-1"])
            stack = self.stack(f"s{number}")["StackId"]
            self.server.aws(f"cloudformation delete-stack --stack-name s{number}")
            time.sleep(dice.uniform(0.0, 0.03))
            self.server.kill9()
            self.server.start()
            self.until(stack, "DELETE_COMPLETE")
            state = self.keys().describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
            self.assertEqual(state, "PendingDeletion")
