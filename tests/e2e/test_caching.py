"""The AWS Secrets Manager caching library for Python. It keeps a value and asks DescribeSecret
whether another version has become current, so that VersionIdsToStages must be right."""

import unittest

import harness

try:
    from aws_secretsmanager_caching import InjectKeywordedSecretString, SecretCache, SecretCacheConfig
except ImportError:
    SecretCache = None


class Counting:
    """A client that counts what is asked of it."""

    def __init__(self, client):
        self.client = client
        self.calls = []
        self.meta = client.meta

    def __getattr__(self, name):
        def call(**params):
            self.calls.append(name)
            return getattr(self.client, name)(**params)

        return call


@unittest.skipIf(SecretCache is None, "aws_secretsmanager_caching is not installed")
class Caching(harness.Case):
    def cache(self, region="us-east-1"):
        client = Counting(self.secrets(region))
        return client, SecretCache(SecretCacheConfig(secret_refresh_interval=0), client)

    def test_a_value_is_kept_until_another_version_is_current(self):
        self.secrets().create_secret(Name="c", SecretString="one")
        client, cache = self.cache()
        for _ in range(3):
            self.assertEqual(cache.get_secret_string("c"), "one")
        self.assertEqual(client.calls.count("get_secret_value"), 1)
        self.assertGreater(client.calls.count("describe_secret"), 1)
        self.secrets().put_secret_value(SecretId="c", SecretString="two")
        self.assertEqual(cache.get_secret_string("c"), "two")
        self.assertEqual(client.calls.count("get_secret_value"), 2)
        self.assertEqual(cache.get_secret_string("c", "AWSPREVIOUS"), "one")

    def test_a_replica_follows_its_primary(self):
        key = self.multi_region_key("us-west-2")
        self.secrets().create_secret(
            Name="c", SecretString="one", KmsKeyId=key,
            AddReplicaRegions=[{"Region": "us-west-2", "KmsKeyId": key}],
        )
        self.in_sync("c", "us-west-2")
        _, cache = self.cache("us-west-2")
        self.assertEqual(cache.get_secret_string("c"), "one")
        self.secrets().put_secret_value(SecretId="c", SecretString="two")
        self.eventually(lambda: cache.get_secret_string("c") == "two", "the cached replica")

    def test_members_of_a_json_value_are_injected(self):
        self.secrets().create_secret(Name="c", SecretString='{"user": "u", "password": "p"}')
        _, cache = self.cache()

        @InjectKeywordedSecretString(secret_id="c", cache=cache, user="user", password="password")
        def login(user, password):
            return user, password

        self.assertEqual(login(), ("u", "p"))
