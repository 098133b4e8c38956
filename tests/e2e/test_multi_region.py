"""Secrets that replicate under real multi-Region keys."""

import json

from botocore.exceptions import ClientError

from harness import ACCOUNT, REGIONS, Case

ON_REPLICA = (
    "Operation not permitted on a replica secret. Call must be made in primary secret's region."
)


class MultiRegion(Case):
    def replicated(self, *regions, name="db", **params):
        """A secret under a multi-Region key, in sync in these Regions. Returns the key's id."""
        regions = regions or ("us-west-2",)
        key = self.multi_region_key(*regions)
        params = {"SecretString": "one", **params}
        self.secrets().create_secret(
            Name=name, KmsKeyId=key, **params,
            AddReplicaRegions=[{"Region": region, "KmsKeyId": key} for region in regions],
        )
        for region in regions:
            self.in_sync(name, region)
        return key

    def same_in(self, region, name="db"):
        """Waits until the replica shows what the primary shows."""
        def shown(where):
            described = self.secrets(where).describe_secret(SecretId=name)
            shared = ("Description", "Tags", "VersionIdsToStages", "LastChangedDate")
            return {member: described.get(member) for member in shared}

        self.eventually(lambda: shown(region) == shown("us-east-1"), f"{name} alike in {region}")

    def test_the_cli_replicates_a_secret_under_a_multi_region_key(self):
        key = self.server.aws("kms create-key --multi-region")["KeyMetadata"]
        self.assertTrue(key["KeyId"].startswith("mrk-"))
        self.assertEqual(key["MultiRegionConfiguration"]["MultiRegionKeyType"], "PRIMARY")
        replica = self.server.aws(
            f"kms replicate-key --key-id {key['KeyId']} --replica-region us-west-2"
        )["ReplicaKeyMetadata"]
        self.assertEqual(replica["KeyId"], key["KeyId"])
        self.assertEqual(
            replica["Arn"], f"arn:aws:kms:us-west-2:{ACCOUNT}:key/{key['KeyId']}"
        )
        self.key_ready(key["KeyId"], "us-west-2")
        created = self.server.aws(
            f"secretsmanager create-secret --name db --secret-string one --kms-key-id "
            f"{key['KeyId']} --add-replica-regions Region=us-west-2,KmsKeyId={key['KeyId']}"
        )
        self.in_sync("db", "us-west-2")
        read = self.server.aws("secretsmanager get-secret-value --secret-id db", "us-west-2")
        self.assertEqual(read["SecretString"], "one")
        self.assertEqual(read["Name"], "db")
        self.assertEqual(read["VersionId"], created["VersionId"])
        self.assertEqual(read["VersionStages"], ["AWSCURRENT"])
        self.assertEqual(read["ARN"], created["ARN"].replace("us-east-1", "us-west-2"))
        described = self.server.aws(
            "secretsmanager describe-secret --secret-id db", "us-west-2"
        )
        self.assertEqual(described["PrimaryRegion"], "us-east-1")
        self.assertEqual(described["KmsKeyId"], key["KeyId"])
        self.assertFalse(described.get("ReplicationStatus"))
        text = self.cli_fails(
            "secretsmanager put-secret-value --secret-id db --secret-string two", "us-west-2"
        )
        self.assertEqual(
            text,
            "An error occurred (InvalidParameterException) when calling the PutSecretValue "
            f"operation: {ON_REPLICA}",
        )

    def test_a_replica_is_read_only(self):
        self.replicated()
        version = self.secrets().get_secret_value(SecretId="db")["VersionId"]
        west = self.secrets("us-west-2")
        for call, params in [
            (west.update_secret, {"Description": "x"}),
            (west.put_secret_value, {"SecretString": "x"}),
            (west.tag_resource, {"Tags": [{"Key": "k", "Value": "v"}]}),
            (west.untag_resource, {"TagKeys": ["k"]}),
            (west.delete_secret, {}),
            (west.delete_secret, {"ForceDeleteWithoutRecovery": True}),
            (west.restore_secret, {}),
            (
                west.update_secret_version_stage,
                {"VersionStage": "X", "MoveToVersionId": version},
            ),
            (
                west.replicate_secret_to_regions,
                {"AddReplicaRegions": [{"Region": "eu-west-1"}]},
            ),
            (
                west.remove_regions_from_replication,
                {"RemoveReplicaRegions": ["eu-west-1"]},
            ),
        ]:
            with self.subTest(call=call.__name__):
                message = self.fails("InvalidParameterException", call, SecretId="db", **params)
                self.assertEqual(message, ON_REPLICA)
        self.assertEqual(west.get_secret_value(SecretId="db")["SecretString"], "one")

    def test_everything_that_should_propagate_does(self):
        self.replicated("us-west-2", "eu-west-1", Description="d", Tags=[{"Key": "a", "Value": "1"}])
        east = self.secrets()

        def both():
            for region in ("us-west-2", "eu-west-1"):
                self.same_in(region)

        both()
        first = east.get_secret_value(SecretId="db")["VersionId"]
        east.put_secret_value(SecretId="db", SecretString="two")
        both()
        east.put_secret_value(SecretId="db", SecretBinary=b"\0\xff", VersionStages=["AWSPENDING"])
        both()
        pending = self.secrets("us-west-2").get_secret_value(
            SecretId="db", VersionStage="AWSPENDING"
        )
        self.assertEqual(pending["SecretBinary"], b"\0\xff")
        east.update_secret(SecretId="db", SecretString="three", Description="e")
        both()
        east.tag_resource(SecretId="db", Tags=[{"Key": "b", "Value": "2"}])
        both()
        east.untag_resource(SecretId="db", TagKeys=["a", "b"])
        both()
        current = east.get_secret_value(SecretId="db")["VersionId"]
        self.assertNotEqual(current, first)
        east.update_secret_version_stage(
            SecretId="db", VersionStage="AWSCURRENT", RemoveFromVersionId=current,
            MoveToVersionId=pending["VersionId"],
        )
        both()
        for region in REGIONS[:1] + ["us-west-2", "eu-west-1"]:
            read = self.secrets(region).get_secret_value(SecretId="db")
            self.assertEqual(read["SecretBinary"], b"\0\xff", region)
            read = self.secrets(region).get_secret_value(
                SecretId="db", VersionStage="AWSPREVIOUS"
            )
            self.assertEqual(read["SecretString"], "three", region)

    def test_list_secrets_finds_replicas_by_their_primary_region(self):
        self.replicated()
        west = self.secrets("us-west-2")
        west.create_secret(Name="local", SecretString="x")
        filters = [{"Key": "primary-region", "Values": ["us-east-1"]}]
        listed = west.list_secrets(Filters=filters)["SecretList"]
        self.assertEqual([entry["Name"] for entry in listed], ["db"])
        self.assertEqual(listed[0]["PrimaryRegion"], "us-east-1")
        self.assertEqual(len(west.list_secrets()["SecretList"]), 2)

    def test_removing_a_region_deletes_the_replica_there(self):
        self.replicated("us-west-2", "eu-west-1")
        removed = self.server.aws(
            "secretsmanager remove-regions-from-replication --secret-id db "
            "--remove-replica-regions us-west-2"
        )
        self.assertEqual([e["Region"] for e in removed["ReplicationStatus"]], ["eu-west-1"])
        west = self.secrets("us-west-2")
        self.eventually(
            lambda: not west.list_secrets(IncludePlannedDeletion=True)["SecretList"],
            "the replica's end",
        )
        self.fails("ResourceNotFoundException", west.get_secret_value, SecretId="db")
        self.in_sync("db", "eu-west-1")

    def test_a_primary_with_replicas_cannot_be_deleted(self):
        self.replicated("us-west-2", "eu-west-1")
        arn = self.secrets().describe_secret(SecretId="db")["ARN"]
        expected = (
            f"You can't delete secret {arn} that still has replica regions "
            "[eu-west-1, us-west-2]."
        )
        for flags in ("", " --force-delete-without-recovery"):
            text = self.cli_fails(f"secretsmanager delete-secret --secret-id db{flags}")
            self.assertEqual(
                text,
                "An error occurred (InvalidParameterException) when calling the DeleteSecret "
                f"operation: {expected}",
            )
        self.secrets().remove_regions_from_replication(
            SecretId="db", RemoveReplicaRegions=["us-west-2", "eu-west-1"]
        )
        self.secrets().delete_secret(SecretId="db")

    def test_a_stopped_replica_is_a_secret_of_its_own(self):
        self.replicated()
        before = self.secrets("us-west-2").describe_secret(SecretId="db")
        stopped = self.server.aws(
            "secretsmanager stop-replication-to-replica --secret-id db", "us-west-2"
        )
        self.assertEqual(stopped, {"ARN": before["ARN"]})
        west = self.secrets("us-west-2")
        version = west.put_secret_value(SecretId="db", SecretString="mine")["VersionId"]
        self.eventually(
            lambda: not self.secrets().describe_secret(SecretId="db").get("ReplicationStatus"),
            "the primary's list without the Region",
        )
        self.secrets().put_secret_value(SecretId="db", SecretString="theirs")
        read = west.get_secret_value(SecretId="db")
        self.assertEqual((read["SecretString"], read["VersionId"]), ("mine", version))
        west.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)

    def test_a_name_that_is_taken_in_the_replica_region(self):
        west = self.secrets("us-west-2")
        west.create_secret(Name="db", SecretString="mine")
        message = self.fails(
            "InvalidParameterException", self.secrets().create_secret, Name="db",
            SecretString="one", AddReplicaRegions=[{"Region": "us-west-2"}],
        )
        self.assertIn("Secret with this name already exists in this region", message)
        self.assertEqual(west.get_secret_value(SecretId="db")["SecretString"], "mine")
        self.secrets().create_secret(
            Name="db", SecretString="one", AddReplicaRegions=[{"Region": "us-west-2"}],
            ForceOverwriteReplicaSecret=True,
        )
        self.in_sync("db", "us-west-2")
        self.assertEqual(west.get_secret_value(SecretId="db")["SecretString"], "one")

    def test_without_a_key_the_replica_is_under_the_regions_own(self):
        created = self.secrets().create_secret(
            Name="db", SecretString="one", AddReplicaRegions=[{"Region": "us-west-2"}]
        )
        [entry] = created["ReplicationStatus"]
        self.assertEqual(entry["KmsKeyId"], "alias/aws/secretsmanager")
        self.in_sync("db", "us-west-2")
        read = self.secrets("us-west-2").get_secret_value(SecretId="db")
        self.assertEqual(read["SecretString"], "one")

    def test_a_disabled_key_closes_the_values_under_it_in_its_region_only(self):
        key = self.replicated()
        self.keys("us-west-2").disable_key(KeyId=key)
        message = self.fails(
            "DecryptionFailure", self.secrets("us-west-2").get_secret_value, SecretId="db"
        )
        self.assertIn(f"arn:aws:kms:us-west-2:{ACCOUNT}:key/{key} is disabled.", message)
        self.assertEqual(self.secrets().get_secret_value(SecretId="db")["SecretString"], "one")
        self.keys("us-west-2").enable_key(KeyId=key)
        read = self.secrets("us-west-2").get_secret_value(SecretId="db")
        self.assertEqual(read["SecretString"], "one")

    def test_what_a_key_encrypts_in_one_region_it_decrypts_in_every_other(self):
        key = self.multi_region_key("us-west-2", "eu-west-1")
        regions = ["us-east-1", "us-west-2", "eu-west-1"]
        context = {"purpose": "test"}
        for region in regions:
            sealed = self.keys(region).encrypt(
                KeyId=key, Plaintext=b"hello", EncryptionContext=context
            )["CiphertextBlob"]
            for other in regions:
                opened = self.keys(other).decrypt(
                    CiphertextBlob=sealed, EncryptionContext=context
                )
                self.assertEqual(opened["Plaintext"], b"hello")
                self.assertEqual(opened["KeyId"], f"arn:aws:kms:{other}:{ACCOUNT}:key/{key}")
                self.fails(
                    "InvalidCiphertextException", self.keys(other).decrypt,
                    CiphertextBlob=sealed,
                )

    def seen_of(self, key, region):
        """A key's state, its role, and where its primary is."""
        metadata = self.keys(region).describe_key(KeyId=key)["KeyMetadata"]
        config = metadata["MultiRegionConfiguration"]
        return metadata["KeyState"], config["MultiRegionKeyType"], config["PrimaryKey"]["Region"]

    def moved(self, key, to, *others):
        """Waits until the key in `to` is the primary, and everything about it is over."""
        for region, role in [(to, "PRIMARY"), *((other, "REPLICA") for other in others)]:
            self.eventually(
                lambda: self.seen_of(key, region) == ("Enabled", role, to), f"{role} in {region}"
            )

    def test_the_primary_region_of_a_key_can_be_moved(self):
        key = self.multi_region_key("us-west-2")
        self.keys().update_primary_region(KeyId=key, PrimaryRegion="us-west-2")
        self.moved(key, "us-west-2", "us-east-1")
        self.keys("us-west-2").replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
        self.key_ready(key, "eu-west-1")
        self.keys("us-west-2").update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")
        self.moved(key, "eu-west-1", "us-west-2", "us-east-1")

    def test_both_keys_are_updating_while_they_change_places(self):
        """A move over a slow link, there and back until both keys were caught at it."""
        key = self.multi_region_key("us-west-2")
        regions = ["us-east-1", "us-west-2"]
        self.server.regent("region", "delay", *regions, "1s")
        caught = {}

        def catch(region):
            kms = self.keys(region)
            found = kms.describe_key(KeyId=key)["KeyMetadata"]
            if found["KeyState"] != "Updating":
                return
            self.assertFalse(found["Enabled"])
            self.assertEqual(kms.encrypt(KeyId=key, Plaintext=b"x")["KeyId"], found["Arn"])
            try:
                kms.disable_key(KeyId=key)
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "KMSInvalidStateException")
                self.assertEqual(error.response["Error"]["Message"], f"{found['Arn']} is updating.")
                caught[region] = True
            else:
                # It was over in between.
                kms.enable_key(KeyId=key)

        def move():
            home, there = regions
            self.keys(home).update_primary_region(KeyId=key, PrimaryRegion=there)
            ends = {home: ("Enabled", "REPLICA", there), there: ("Enabled", "PRIMARY", there)}
            while any(self.seen_of(key, region) != end for region, end in ends.items()):
                for region in regions:
                    catch(region)
            regions.reverse()
            return len(caught) == 2

        self.eventually(move, "both keys Updating")

    def test_the_replica_key_decides_whether_it_becomes_the_primary(self):
        key = self.multi_region_key("us-west-2")
        there = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/{key}"
        west, promote = self.keys("us-west-2"), self.keys().update_primary_region
        move = {"KeyId": key, "PrimaryRegion": "us-west-2"}
        west.disable_key(KeyId=key)
        self.assertEqual(self.fails("DisabledException", promote, **move), f"{there} is disabled.")
        west.enable_key(KeyId=key)
        policy = json.loads(west.get_key_policy(KeyId=key)["Policy"])
        forbids = {
            "Effect": "Deny", "Principal": "*", "Action": "kms:UpdatePrimaryRegion", "Resource": "*",
        }
        denying = json.dumps({**policy, "Statement": [*policy["Statement"], forbids]})
        west.put_key_policy(KeyId=key, Policy=denying)
        message = self.fails("AccessDeniedException", promote, **move)
        self.assertIn(f"kms:UpdatePrimaryRegion on resource: {there}", message)
        west.put_key_policy(KeyId=key, Policy=json.dumps(policy))
        self.server.regent("region", "down", "us-west-2")
        self.assertIn(there, self.fails("KMSInternalException", promote, **move))
        self.assertEqual(self.seen_of(key, "us-east-1"), ("Enabled", "PRIMARY", "us-east-1"))
        self.server.regent("region", "up", "us-west-2")
        promote(**move)
        self.moved(key, "us-west-2", "us-east-1")

    def test_what_related_keys_share_and_what_each_has_of_its_own(self):
        """The ARN's Region, policy, grants, aliases, tags, description and state are each key's own."""
        east, west = self.keys(), self.keys("us-west-2")
        tag = [{"TagKey": "team", "TagValue": "red"}]
        key = east.create_key(MultiRegion=True, Description="first", Tags=tag)["KeyMetadata"]["KeyId"]
        policy = json.loads(east.get_key_policy(KeyId=key)["Policy"]) | {"Id": "own"}
        east.put_key_policy(KeyId=key, Policy=json.dumps(policy))
        east.create_alias(AliasName="alias/own", TargetKeyId=key)
        user = f"arn:aws:iam::{ACCOUNT}:user/x"
        east.create_grant(KeyId=key, GranteePrincipal=user, Operations=["Decrypt"])
        east.replicate_key(KeyId=key, ReplicaRegion="us-west-2")
        self.key_ready(key, "us-west-2")

        def seen(kms):
            found = kms.describe_key(KeyId=key)["KeyMetadata"]
            status = kms.get_key_rotation_status(KeyId=key)
            shared = {name: found[name] for name in (
                "KeyId", "KeySpec", "KeyUsage", "Origin", "CurrentKeyMaterialId", "MultiRegion",
            )} | {name: status.get(name) for name in ("KeyRotationEnabled", "RotationPeriodInDays")}
            own = {
                "Arn": found["Arn"], "Description": found["Description"], "State": found["KeyState"],
                "Policy": json.loads(kms.get_key_policy(KeyId=key)["Policy"])["Id"],
                "Tags": kms.list_resource_tags(KeyId=key)["Tags"],
                "Aliases": [a["AliasName"] for a in kms.list_aliases(KeyId=key)["Aliases"]],
                "Grants": len(kms.list_grants(KeyId=key)["Grants"]),
            }
            return shared, own

        def arn(region):
            return f"arn:aws:kms:{region}:{ACCOUNT}:key/{key}"

        first = {
            "Arn": arn("us-east-1"), "Description": "first", "State": "Enabled", "Policy": "own",
            "Tags": tag, "Aliases": ["alias/own"], "Grants": 1,
        }
        bare = {
            "Arn": arn("us-west-2"), "Description": "", "State": "Enabled",
            "Policy": "key-default-1", "Tags": [], "Aliases": [], "Grants": 0,
        }
        self.assertEqual((seen(east)[1], seen(west)[1]), (first, bare))
        # What either changes of its own, the other does not see; what is shared reaches the replica.
        west.update_key_description(KeyId=key, Description="second")
        west.disable_key(KeyId=key)
        east.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        east.rotate_key_on_demand(KeyId=key)
        east.untag_resource(KeyId=key, TagKeys=["team"])
        self.eventually(lambda: seen(east)[0] == seen(west)[0], "the shared properties")
        self.assertEqual(seen(east)[1], first | {"Tags": []})
        self.assertEqual(seen(west)[1], bare | {"Description": "second", "State": "Disabled"})
        # Each Region knows the ARN of its own key alone, and both know the id.
        west.enable_key(KeyId=key)
        for kms, own, other in ((east, "us-east-1", "us-west-2"), (west, "us-west-2", "us-east-1")):
            for name in (key, arn(own)):
                self.assertEqual(kms.encrypt(KeyId=name, Plaintext=b"x")["KeyId"], arn(own))
            text = self.fails("NotFoundException", kms.encrypt, KeyId=arn(other), Plaintext=b"x")
            self.assertEqual(text, f"Invalid arn {other}")
        text = self.fails(
            "NotFoundException", self.keys("eu-west-1").encrypt, KeyId=key, Plaintext=b"x"
        )
        self.assertEqual(text, f"Key '{arn('eu-west-1')}' does not exist")
