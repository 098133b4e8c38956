"""The AWS SDK for JavaScript v3 with its defaults: retries, checksums, typed errors, paginators."""

import json
import os
import shutil
import subprocess
import unittest

import harness

MODULES = os.environ.get("REGENT_NODE_MODULES")


@unittest.skipIf(shutil.which("node") is None or not MODULES, "node or the SDK is not installed")
class JavaScript(harness.Case):
    def test_a_secrets_life(self):
        env = self.server.env()
        env.pop("AWS_MAX_ATTEMPTS")
        env.update(NODE_PATH=MODULES, AWS_REGION="us-east-1", NODE_NO_WARNINGS="1")
        done = subprocess.run(
            ["node", str(harness.ROOT / "tests/e2e/secrets_story.cjs")], env=env, text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=240,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = json.loads(done.stdout)
        self.assertEqual(seen["binary"], [0, 255, 7])
        self.assertEqual(seen["token"], 36)
        self.assertEqual(seen["stages"], [["AWSCURRENT", "AWSPENDING"], ["AWSPREVIOUS"]])
        self.assertEqual(
            seen["readOnly"],
            "InvalidParameterException: Operation not permitted on a replica secret. "
            "Call must be made in primary secret's region. (typed, 400)",
        )
        self.assertEqual(
            seen["absent"],
            "ResourceNotFoundException: Secrets Manager can't find the specified secret. (typed, 400)",
        )
        self.assertEqual(seen["listed"], [f"js/page/{number}" for number in range(7)])
        self.assertEqual(seen["versions"], 2)
        self.assertEqual(seen["batch"], [["1"], ["ResourceNotFoundException"]])
        self.assertTrue(seen["password"])
        self.assertEqual(seen["decrypted"], "hi")
        self.assertEqual(seen["window"], 30)
        self.assertTrue(seen["created"])
