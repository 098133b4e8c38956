"""Grants on keys, with boto3 and the AWS CLI, for users whom no policy allows anything.

The key's account delegates to identity policies, as the default key policy does; the users of these
tests have none, so whatever they may do comes from a grant.
"""

from harness import ACCOUNT, Case, with_users

OPERATIONS = ["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"]


def user(name, account=ACCOUNT):
    return f"arn:aws:iam::{account}:user/{name}"


class Grants(Case):
    @classmethod
    def setUpClass(cls):
        with_users(cls, {
            "worker": (ACCOUNT, []), "other": (ACCOUNT, []), "stranger": ("210987654321", []),
        })
        super().setUpClass()

    def as_user(self, name, region="us-east-1"):
        return self.server.client("kms", region, key=name, secret=name)

    def key(self):
        return self.keys().create_key()["KeyMetadata"]["Arn"]

    def test_a_grant_allows_what_it_names_until_it_is_revoked(self):
        key, worker = self.key(), self.as_user("worker")
        text = self.fails("AccessDeniedException", worker.encrypt, KeyId=key, Plaintext=b"x")
        self.assertIn("kms:Encrypt", text)
        made = self.keys().create_grant(
            KeyId=key, GranteePrincipal=user("worker"), Operations=OPERATIONS
        )
        self.assertRegex(made["GrantId"], "^[0-9a-f]{64}$")
        blob = worker.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        opened = worker.decrypt(CiphertextBlob=blob, GrantTokens=[made["GrantToken"]])
        self.assertEqual(opened["Plaintext"], b"x")
        self.assertEqual(worker.describe_key(KeyId=key)["KeyMetadata"]["Arn"], key)
        self.fails("AccessDeniedException", worker.disable_key, KeyId=key)
        self.fails("AccessDeniedException", worker.list_grants, KeyId=key)
        self.fails(
            "AccessDeniedException", self.as_user("other").decrypt, CiphertextBlob=blob
        )
        self.keys().revoke_grant(KeyId=key, GrantId=made["GrantId"])
        self.fails("AccessDeniedException", worker.encrypt, KeyId=key, Plaintext=b"x")
        self.fails(
            "NotFoundException", self.keys().revoke_grant, KeyId=key, GrantId=made["GrantId"]
        )

    def test_a_grant_reaches_into_another_account_and_not_into_another_region(self):
        key = self.multi_region_key("us-west-2")
        east = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}"
        west = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/{key}"
        self.keys().create_grant(
            KeyId=key, GranteePrincipal=user("stranger", "210987654321"),
            Operations=["Encrypt", "Decrypt"],
        )
        stranger = self.as_user("stranger")
        blob = stranger.encrypt(KeyId=east, Plaintext=b"x")["CiphertextBlob"]
        self.assertEqual(stranger.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        # Grants are no shared property of related keys.
        self.assertEqual(self.keys("us-west-2").list_grants(KeyId=key)["Grants"], [])
        there = self.as_user("stranger", "us-west-2")
        self.fails("AccessDeniedException", there.encrypt, KeyId=west, Plaintext=b"x")

    def test_constraints_bind_the_encryption_context(self):
        key, worker = self.key(), self.as_user("worker")
        context = {"app": "shop", "env": "prod"}
        for kind, wrong in [
            ("EncryptionContextSubset", {"app": "shop"}),
            ("EncryptionContextEquals", {**context, "more": "x"}),
        ]:
            with self.subTest(kind):
                made = self.keys().create_grant(
                    KeyId=key, GranteePrincipal=user("worker"), Operations=["Encrypt"],
                    Constraints={kind: context},
                )
                worker.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
                for bad in [wrong, {}]:
                    self.fails(
                        "AccessDeniedException", worker.encrypt, KeyId=key, Plaintext=b"x",
                        EncryptionContext=bad,
                    )
                listed = self.keys().list_grants(KeyId=key, GrantId=made["GrantId"])["Grants"]
                self.assertEqual(listed[0]["Constraints"], {kind: context})
                self.keys().revoke_grant(KeyId=key, GrantId=made["GrantId"])
        text = self.fails(
            "ValidationException", self.keys().create_grant, KeyId=key,
            GranteePrincipal=user("worker"), Operations=["Encrypt"],
            Constraints={
                "EncryptionContextSubset": context, "EncryptionContextEquals": context,
            },
        )
        self.assertEqual(text, "More than one constraint supplied")

    def test_lists_filter_and_page_and_names_make_requests_repeatable(self):
        key = self.key()
        made = [
            self.keys().create_grant(
                KeyId=key, GranteePrincipal=user(name), Operations=["Decrypt"],
                RetiringPrincipal=user("other"), Name=f"{name}-{number}",
            )["GrantId"]
            for name in ("worker", "other") for number in range(3)
        ]
        self.assertEqual(len(set(made)), 6)
        again = self.keys().create_grant(
            KeyId=key, GranteePrincipal=user("worker"), Operations=["Decrypt"],
            RetiringPrincipal=user("other"), Name="worker-0",
        )
        self.assertEqual(again["GrantId"], made[0])
        pages = self.keys().get_paginator("list_grants")
        for filters, expected in [
            ({}, made), ({"GranteePrincipal": user("worker")}, made[:3]),
            ({"GrantId": made[4]}, made[4:5]),
        ]:
            with self.subTest(filters):
                found = [
                    page["Grants"]
                    for page in pages.paginate(
                        KeyId=key, PaginationConfig={"PageSize": 2}, **filters
                    )
                ]
                self.assertTrue(all(len(page) <= 2 for page in found))
                ids = [grant["GrantId"] for page in found for grant in page]
                self.assertEqual(sorted(ids), sorted(expected))
        retirable = self.keys().get_paginator("list_retirable_grants").paginate(
            RetiringPrincipal=user("other"), PaginationConfig={"PageSize": 4}
        )
        ids = [grant["GrantId"] for page in retirable for grant in page["Grants"]]
        self.assertEqual(sorted(ids), sorted(made))
        listed = self.keys().list_grants(KeyId=key, GrantId=made[0])["Grants"][0]
        self.assertEqual(listed["KeyId"], key)
        self.assertEqual(listed["Name"], "worker-0")
        self.assertEqual(listed["IssuingAccount"], f"arn:aws:iam::{ACCOUNT}:root")
        self.assertEqual(listed["RetiringPrincipal"], user("other"))

    def test_who_may_retire_a_grant(self):
        key = self.key()

        def grant(**params):
            return self.keys().create_grant(
                KeyId=key, GranteePrincipal=user("worker"), **params
            )

        made = grant(Operations=["Decrypt"], RetiringPrincipal=user("other"))
        worker, other = self.as_user("worker"), self.as_user("other")
        self.fails("AccessDeniedException", worker.retire_grant, GrantToken=made["GrantToken"])
        other.retire_grant(GrantToken=made["GrantToken"])
        self.fails(
            "InvalidGrantTokenException", self.keys().retire_grant,
            GrantToken=made["GrantToken"],
        )
        made = grant(Operations=["Decrypt", "RetireGrant"])
        self.fails(
            "DryRunOperationException", worker.retire_grant, KeyId=key,
            GrantId=made["GrantId"], DryRun=True,
        )
        worker.retire_grant(KeyId=key, GrantId=made["GrantId"])
        self.assertEqual(self.keys().list_grants(KeyId=key)["Grants"], [])

    def test_the_holder_of_a_grant_passes_on_no_more_than_it_has(self):
        key, worker = self.key(), self.as_user("worker")
        self.keys().create_grant(
            KeyId=key, GranteePrincipal=user("worker"), Operations=["Decrypt", "CreateGrant"]
        )
        self.fails(
            "AccessDeniedException", worker.create_grant, KeyId=key,
            GranteePrincipal=user("other"), Operations=["Decrypt", "Encrypt"],
        )
        blob = self.keys().encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        worker.create_grant(
            KeyId=key, GranteePrincipal=user("other"), Operations=["Decrypt"]
        )
        opened = self.as_user("other").decrypt(CiphertextBlob=blob)
        self.assertEqual(opened["Plaintext"], b"x")

    def test_grants_survive_kill_9_and_the_cli_manages_them(self):
        key = self.key()
        made = self.server.aws(
            f"kms create-grant --key-id {key} --grantee-principal {user('worker')} "
            "--operations Encrypt Decrypt --name from-the-cli"
        )
        self.server.kill9()
        self.server.start()
        listed = self.server.aws(f"kms list-grants --key-id {key}")["Grants"]
        self.assertEqual([grant["GrantId"] for grant in listed], [made["GrantId"]])
        self.as_user("worker").encrypt(KeyId=key, Plaintext=b"x")
        self.server.aws(f"kms revoke-grant --key-id {key} --grant-id {made['GrantId']}")
        self.assertEqual(self.server.aws(f"kms list-grants --key-id {key}")["Grants"], [])
