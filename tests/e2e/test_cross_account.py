"""Replication of secrets to another account, with boto3 as both accounts.

The account comes from the access key: twelve digits are the root of the account of that number. The
replica's account makes a key and a replica, the primary's account associates them, and either ends it.
"""

import json

from harness import ACCOUNT, Case, files_with, with_users

OTHER = "210987654321"
CANARY = "cross-account-canary-5b1f"
REPLICATED = "secretsmanager:AcceptCrossAccountReplication"


def statement(account, action, effect="Allow"):
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Accounts(Case):
    """What the two accounts make."""

    def theirs(self, service="secretsmanager", region="us-east-1"):
        return self.server.client(service, region, key=OTHER)

    def key(self, *more, **settings):
        """A key of the other account, whose policy has these statements besides its owner's."""
        text = policy(statement(OTHER, "kms:*"), *more)
        made = self.theirs("kms").create_key(Policy=text, **settings)
        return made["KeyMetadata"]["Arn"]

    def replica_of(self, primary, key, name="copy"):
        made = self.theirs().create_secret(Name=name, CrossAccountPrimaryARN=primary, KmsKeyId=key)
        self.assertEqual(set(made), {"ARN", "Name", "ResponseMetadata"})
        return made["ARN"]

    def pair(self, value="one"):
        """A primary with a value, an associated replica, and the replica's key."""
        primary = self.secrets().create_secret(Name="a", SecretString=value)["ARN"]
        key = self.key(statement(ACCOUNT, "kms:Encrypt"))
        replica = self.replica_of(primary, key)
        done = self.secrets().associate_cross_account_replica(
            SecretId="a", CrossAccountReplicaARN=replica
        )
        self.assertEqual(done["ReplicationStatus"], "InSync")
        return primary, replica, key

    def ours_shown(self):
        return self.secrets().describe_secret(SecretId="a").get("CrossAccountReplicas")

    def theirs_shown(self):
        return self.theirs().describe_secret(SecretId="copy").get("CrossAccountPrimary")


class CrossAccount(Accounts):
    def test_a_replica_waits_and_then_follows(self):
        primary = self.secrets().create_secret(Name="a", SecretString="one")["ARN"]
        key = self.key()
        replica = self.replica_of(primary, key)
        pending = {"PrimarySecretARN": primary, "ReplicationStatus": "Pending"}
        self.assertEqual(self.theirs_shown(), pending)
        self.fails("ResourceNotFoundException", self.theirs().get_secret_value, SecretId="copy")
        named = self.theirs().list_resource_policies(SecretId="copy")["ResourcePolicies"]
        self.assertEqual([entry["PolicyName"] for entry in named], ["cross-account-replication"])
        text = self.theirs().get_resource_policy(
            SecretId="copy", PolicyName="cross-account-replication"
        )["ResourcePolicy"]
        self.assertEqual(json.loads(text)["Statement"], [statement(ACCOUNT, REPLICATED)])

        # The keys are tried first: the replica's does not know the primary's account yet.
        associate = self.secrets().associate_cross_account_replica
        request = {"SecretId": "a", "CrossAccountReplicaARN": replica}
        message = self.fails("AccessDeniedException", associate, **request)
        self.assertEqual(message, "Access to KMS is not allowed")
        self.assertEqual((self.ours_shown(), self.theirs_shown()), (None, pending))
        self.theirs("kms").put_key_policy(
            KeyId=key,
            Policy=policy(statement(OTHER, "kms:*"), statement(ACCOUNT, "kms:Encrypt")),
        )
        done = associate(**request)
        del done["ResponseMetadata"]
        self.assertEqual(
            done,
            {"ARN": primary, "CrossAccountReplicaARN": replica, "ReplicationStatus": "InSync"},
        )

        token = "0" * 32
        self.secrets().put_secret_value(
            SecretId="a", SecretBinary=b"two", ClientRequestToken=token, VersionStages=["blue"]
        )
        self.secrets().update_secret(SecretId="a", SecretString="three", Description="d")
        got = self.theirs().get_secret_value
        self.assertEqual(got(SecretId="copy")["SecretString"], "three")
        self.assertEqual(got(SecretId="copy", VersionStage="AWSPREVIOUS")["SecretString"], "one")
        blue = got(SecretId=replica, VersionStage="blue")
        self.assertEqual((blue["SecretBinary"], blue["VersionId"]), (b"two", token))
        ours = self.secrets().describe_secret(SecretId="a")
        theirs = self.theirs().describe_secret(SecretId="copy")
        self.assertEqual(ours["VersionIdsToStages"], theirs["VersionIdsToStages"])
        self.assertEqual((theirs["Description"], theirs["KmsKeyId"]), ("d", key))
        versions = self.theirs().list_secret_version_ids(SecretId="copy")["Versions"]
        self.assertEqual({tuple(version["KmsKeyIds"]) for version in versions}, {(key,)})
        synced = {"ReplicationStatus": "InSync", "StatusMessage": "Replication succeeded"}
        self.assertEqual(ours["CrossAccountReplicas"], [{"ReplicaSecretARN": replica, **synced}])
        self.assertEqual(theirs["CrossAccountPrimary"], {"PrimarySecretARN": primary, **synced})
        # Neither account sees the other's secret by that.
        self.fails("AccessDeniedException", self.secrets().get_secret_value, SecretId=replica)
        self.fails("AccessDeniedException", self.theirs().get_secret_value, SecretId=primary)

    def test_the_replicas_account_keeps_the_say_over_all_but_the_values(self):
        primary, replica, key = self.pair()
        theirs = self.theirs()
        for call, params in (
            (theirs.put_secret_value, {"SecretString": "x"}),
            (theirs.update_secret, {"SecretString": "x"}),
            (theirs.replicate_secret_to_regions, {"AddReplicaRegions": [{"Region": "us-west-2"}]}),
            (theirs.delete_secret, {"ForceDeleteWithoutRecovery": True}),
        ):
            self.fails("InvalidParameterException", call, SecretId="copy", **params)
        theirs.tag_resource(SecretId="copy", Tags=[{"Key": "k", "Value": "v"}])
        deny = policy(statement(ACCOUNT, REPLICATED, "Deny"))
        theirs.put_resource_policy(SecretId="copy", ResourcePolicy=deny)
        self.secrets().put_secret_value(SecretId="a", SecretString="two")
        self.assertEqual(theirs.get_secret_value(SecretId="copy")["SecretString"], "two")
        self.assertEqual(
            theirs.describe_secret(SecretId="copy")["Tags"], [{"Key": "k", "Value": "v"}]
        )
        # To be associated again needs the replica's leave again.
        message = self.fails(
            "AccessDeniedException", self.secrets().associate_cross_account_replica,
            SecretId="a", CrossAccountReplicaARN=replica,
        )
        self.assertIn(f"not authorized to perform: {REPLICATED} on resource: {replica}", message)

    def test_what_cannot_be_given_fails_the_status(self):
        primary, replica, key = self.pair()
        self.theirs("kms").disable_key(KeyId=key)
        self.secrets().put_secret_value(SecretId="a", SecretString="two")
        self.theirs("kms").enable_key(KeyId=key)
        for shown in (self.ours_shown()[0], self.theirs_shown()):
            self.assertEqual(shown["ReplicationStatus"], "Failed")
            self.assertRegex(
                shown["StatusMessage"],
                "^Replication failed: Secrets Manager can't encrypt the secret value: "
                rf"{key} is disabled\. \(Service: AWSKMS; .*DisabledException",
            )
        self.assertEqual(self.theirs().get_secret_value(SecretId="copy")["SecretString"], "one")
        self.assertEqual(self.secrets().get_secret_value(SecretId="a")["SecretString"], "two")
        again = self.secrets().associate_cross_account_replica(
            SecretId="a", CrossAccountReplicaARN=replica
        )
        self.assertEqual(again["ReplicationStatus"], "InSync")
        self.assertEqual(self.theirs().get_secret_value(SecretId="copy")["SecretString"], "two")

    def test_a_primary_has_one_replica_of_its_own(self):
        primary, replica, key = self.pair()
        second = self.replica_of(primary, key, "second")
        associate = self.secrets().associate_cross_account_replica
        self.fails(
            "LimitExceededException", associate, SecretId="a", CrossAccountReplicaARN=second
        )
        self.secrets().create_secret(Name="b", SecretString="x")
        self.fails(
            "InvalidRequestException", associate, SecretId="b", CrossAccountReplicaARN=second
        )

    def test_either_account_ends_it(self):
        primary, replica, key = self.pair()
        request = {"SecretId": "a", "CrossAccountReplicaARN": replica}
        self.fails("InvalidParameterException", self.secrets().delete_secret, SecretId="a")
        done = self.secrets().disassociate_cross_account_replica(**request)
        self.assertEqual((done["ARN"], done["CrossAccountReplicaARN"]), (primary, replica))
        self.assertIsNone(self.ours_shown())
        self.assertEqual(self.theirs_shown()["ReplicationStatus"], "Detached")
        self.secrets().put_secret_value(SecretId="a", SecretString="two")
        self.assertEqual(self.theirs().get_secret_value(SecretId="copy")["SecretString"], "one")

        self.secrets().associate_cross_account_replica(**request)
        stopped = self.theirs().stop_replication_to_replica(SecretId="copy")
        self.assertEqual(stopped["ARN"], replica)
        self.assertIsNone(self.theirs_shown())
        self.assertEqual(
            self.theirs().list_resource_policies(SecretId="copy")["ResourcePolicies"], []
        )
        self.assertEqual(self.ours_shown()[0]["ReplicationStatus"], "Detached")
        self.secrets().put_secret_value(SecretId="a", SecretString="three")
        self.theirs().put_secret_value(SecretId="copy", SecretString="own")
        self.assertEqual(self.secrets().get_secret_value(SecretId="a")["SecretString"], "three")
        self.fails("InvalidParameterException", self.secrets().delete_secret, SecretId="a")
        self.secrets().disassociate_cross_account_replica(**request)
        self.secrets().delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)
        self.theirs().delete_secret(SecretId="copy", ForceDeleteWithoutRecovery=True)

    def test_a_replica_in_a_region_and_one_in_an_account(self):
        """A secret has both kinds of replicas; the other Region's hears nothing of the account."""
        primary, replica, key = self.pair()
        self.secrets().replicate_secret_to_regions(
            SecretId="a", AddReplicaRegions=[{"Region": "us-west-2"}]
        )
        self.secrets().put_secret_value(SecretId="a", SecretString="two")
        self.in_sync("a", "us-west-2")
        west = self.secrets("us-west-2")
        self.assertEqual(west.get_secret_value(SecretId="a")["SecretString"], "two")
        self.assertNotIn("CrossAccountReplicas", west.describe_secret(SecretId="a"))
        self.assertEqual(self.theirs().get_secret_value(SecretId="copy")["SecretString"], "two")

    def test_it_outlives_a_kill(self):
        primary, replica, key = self.pair(CANARY)
        self.server.kill9()
        self.server.start()
        self.assertEqual(self.theirs().get_secret_value(SecretId="copy")["SecretString"], CANARY)
        self.assertEqual(files_with(CANARY, self.server.data_dir, *self.server.outputs), [])
        self.secrets().put_secret_value(SecretId="a", SecretString="two")
        self.assertEqual(self.theirs().get_secret_value(SecretId="copy")["SecretString"], "two")


class ReplicationRole(Accounts):
    """A role of the primary's account, which the association passes to Secrets Manager."""

    ROLE = f"arn:aws:iam::{ACCOUNT}:role/replication"
    SERVICE = {"Service": "secretsmanager.amazonaws.com"}

    @classmethod
    def setUpClass(cls):
        def allow(*actions, **more):
            one = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}
            return {"Version": "2012-10-17", "Statement": one}

        def trust(principal):
            one = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
            return {"Version": "2012-10-17", "Statement": one}

        keys = allow("kms:Decrypt", "kms:Encrypt")
        roles = [
            {"name": "replication", "trust": trust(cls.SERVICE), "policies": [keys]},
            {"name": "mute", "trust": trust(cls.SERVICE)},
            {"name": "human", "trust": trust({"AWS": ACCOUNT}), "policies": [keys]},
        ]
        # Who writes has no leave for the other account's key, which the role alone has.
        users = {
            "writer": (ACCOUNT, [allow("secretsmanager:PutSecretValue", "kms:GenerateDataKey")]),
            "idle": (ACCOUNT, [allow("secretsmanager:*", "kms:*")]),
        }
        with_users(cls, users, roles)
        super().setUpClass()

    def associate(self, replica, role, by=None):
        secrets = self.server.client("secretsmanager", key=by, secret=by) if by else self.secrets()
        return secrets.associate_cross_account_replica(
            SecretId="a", CrossAccountReplicaARN=replica, ReplicationRoleARN=role
        )

    def unassociated(self):
        primary = self.secrets().create_secret(Name="a", SecretString="one")["ARN"]
        key = self.key(statement(ACCOUNT, "kms:Encrypt"))
        return self.replica_of(primary, key), key

    def test_it_replicates_for_who_may_not_and_outlives_a_kill(self):
        replica, key = self.unassociated()
        self.assertEqual(self.associate(replica, self.ROLE)["ReplicationStatus"], "InSync")
        only = {**statement(ACCOUNT, "kms:Encrypt"), "Principal": {"AWS": self.ROLE}}
        self.theirs("kms").put_key_policy(KeyId=key, Policy=policy(statement(OTHER, "kms:*"), only))
        self.server.kill9()
        self.server.start()
        writer = self.server.client("secretsmanager", key="writer", secret="writer")
        writer.put_secret_value(SecretId="a", SecretString="two")
        self.assertEqual(self.theirs().get_secret_value(SecretId="copy")["SecretString"], "two")
        shown = self.ours_shown()[0]
        self.assertEqual((shown["ReplicationRoleARN"], shown["ReplicationStatus"]), (self.ROLE, "InSync"))
        self.assertNotIn("ReplicationRoleARN", self.theirs_shown())

    def test_what_is_refused(self):
        replica, key = self.unassociated()
        human = self.ROLE.replace("replication", "human")
        for role, code in [
            (f"arn:aws:iam::{ACCOUNT}:user/replication", "InvalidParameterException"),
            (self.ROLE.replace("replication", "none"), "InvalidRequestException"),
            (human, "InvalidRequestException"),
            (self.ROLE.replace("replication", "mute"), "AccessDeniedException"),
            (self.ROLE.replace(ACCOUNT, OTHER), "AccessDeniedException"),
        ]:
            self.fails(code, self.associate, replica=replica, role=role)
        message = self.fails(
            "AccessDeniedException", self.associate, replica=replica, role=self.ROLE, by="idle"
        )
        self.assertIn("iam:PassRole", message)
        self.assertIsNone(self.ours_shown())
        self.assertEqual(self.theirs_shown()["ReplicationStatus"], "Pending")
