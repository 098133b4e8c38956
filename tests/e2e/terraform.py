"""Terraform with the AWS provider, as a person runs it: configuration files, `apply`, `plan`,
`import`, `destroy`. Nothing here knows what a resource should look like; that is what the tests say.

The provider comes from a mirror on this machine. Neither is in a package registry, so a machine
without them skips these tests and says so.
"""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

VERSION = "5.100.0"

PROVIDERS = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "%s"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "west"
  region = "us-west-2"
}

provider "aws" {
  alias  = "ireland"
  region = "eu-west-1"
}
""" % VERSION


class Failed(Exception):
    """A command that ended with a failure. Its text is what the user saw."""


@functools.cache
def mirror():
    """The directory that holds the provider, laid out as a filesystem mirror, or None."""
    tail = pathlib.PurePath("registry.terraform.io", "hashicorp", "aws", VERSION)
    given = os.environ.get("TF_PLUGIN_MIRROR")
    if given:
        return given if (pathlib.Path(given) / tail).is_dir() else None
    search = ["find", "/", "-xdev", "-type", "d", "-path", f"*/{tail}", "-not", "-path", "*/.terraform/*"]
    found = subprocess.run(search, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    for line in found.splitlines():
        return line.removesuffix(f"/{tail}")
    return None


def needs_terraform(case):
    absent = shutil.which("terraform") is None or mirror() is None
    return unittest.skipIf(absent, f"terraform or its AWS provider {VERSION} is not installed")(case)


class Workspace:
    """A directory with a configuration and its state."""

    def __init__(self, server):
        self.server = server
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="regent-tf-"))
        (self.directory / "cli.tfrc").write_text(
            'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' % mirror()
        )
        self.write("")
        self.run("init")

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def write(self, configuration):
        (self.directory / "main.tf").write_text(PROVIDERS + configuration)

    def start(self, *args):
        env = self.server.env()
        env.update(
            TF_CLI_CONFIG_FILE=str(self.directory / "cli.tfrc"), TF_IN_AUTOMATION="1", TF_INPUT="0",
            CHECKPOINT_DISABLE="1", AWS_MAX_ATTEMPTS="3",
        )
        return subprocess.run(
            ["terraform", args[0], "-no-color", *args[1:]], cwd=self.directory,
            env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600,
        )

    def run(self, *args):
        done = self.start(*args)
        if done.returncode != 0:
            raise Failed(f"terraform {args[0]}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def apply(self, configuration):
        self.write(configuration)
        return self.run("apply", "-auto-approve")

    def drift(self):
        """What another plan would change; empty if nothing."""
        done = self.start("plan", "-detailed-exitcode")
        if done.returncode == 0:
            return ""
        return f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"

    def state(self):
        """The values of each resource and data source, by address."""
        shown = json.loads(self.run("show", "-json"))
        resources = shown.get("values", {}).get("root_module", {}).get("resources", [])
        return {resource["address"]: resource["values"] for resource in resources}


class Case(unittest.TestCase):
    """Adds a workspace, and what tests say about it, to a case that has a server."""

    maxDiff = None

    def setUp(self):
        super().setUp()
        self.tf = Workspace(self.server)
        self.addCleanup(self.tf.remove)

    def applied(self, configuration):
        """Applies, and proves that another plan is empty. Returns the state."""
        self.tf.apply(configuration)
        self.assertEqual(self.tf.drift(), "")
        return self.tf.state()

    def destroyed(self):
        self.tf.run("destroy", "-auto-approve")
        self.assertEqual(self.tf.state(), {})
