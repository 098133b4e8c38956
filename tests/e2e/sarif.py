"""SARIF reports, judged by the schema that OASIS published, as an npm package of others brings it."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCHEMA = pathlib.Path(
    os.environ.get("REGENT_NODE_MODULES", "node_modules"),
    "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json",
)

needs_schema = unittest.skipUnless(
    SCHEMA.is_file() and importlib.util.find_spec("check_jsonschema"),
    "check_jsonschema or the npm package @microsoft/jest-sarif is not installed",
)


def refusal(text):
    """What the schema has against a report; empty if it is one."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        # A pattern of the schema is a regular expression only without Unicode's rules.
        done = subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--regex-variant", "nonunicode",
             "--schemafile", str(SCHEMA), file.name],
            capture_output=True, text=True, timeout=120,
        )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def results(test, text):
    """The results of a report that fits the schema, each of a rule that the report describes once."""
    test.assertEqual(refusal(text), "")
    run = json.loads(text)["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    test.assertEqual(len(rules), len(set(rules)))
    test.assertLessEqual({result["ruleId"] for result in run["results"]}, set(rules))
    return run["results"]
