"""A rotation function as people write them for AWS Lambda: boto3 on one side, PostgreSQL on the other.

It rotates the password of a single database user. Nothing here knows what serves Secrets Manager:
boto3 finds that in its environment, or is told by whoever runs the handler. Run as a program, it
takes the event on standard input and answers with its exit code.
"""

import json
import os
import secrets
import subprocess
import sys

import boto3

PSQL = os.environ.get("PSQL", "psql")


def lambda_handler(event, _context, client=None):
    client = client or boto3.client("secretsmanager")
    arn, token = event["SecretId"], event["ClientRequestToken"]
    described = client.describe_secret(SecretId=arn)
    if not described.get("RotationEnabled"):
        raise ValueError("rotation is not enabled")
    stages = described["VersionIdsToStages"].get(token)
    if stages is None:
        raise ValueError("the version has no stage")
    if "AWSCURRENT" in stages:
        return
    if "AWSPENDING" not in stages:
        raise ValueError("the version is not pending")
    step = {
        "createSecret": create, "setSecret": set_password, "testSecret": test, "finishSecret": finish,
    }[event["Step"]]
    step(client, arn, token, event, described)


def value(client, arn, stage, token=None):
    version = {"VersionId": token} if token else {}
    found = client.get_secret_value(SecretId=arn, VersionStage=stage, **version)
    return json.loads(found["SecretString"])


def create(client, arn, token, event, _described):
    new = value(client, arn, "AWSCURRENT")
    try:
        value(client, arn, "AWSPENDING", token)
        return
    except client.exceptions.ResourceNotFoundException:
        pass
    new["password"] = secrets.token_urlsafe(24)
    client.put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(new),
        VersionStages=["AWSPENDING"], RotationToken=event["RotationToken"],
    )


def set_password(client, arn, token, _event, _described):
    pending = value(client, arn, "AWSPENDING", token)
    if works(pending):
        return
    current = value(client, arn, "AWSCURRENT")
    user, password = current["username"], pending["password"].replace("'", "''")
    query(current, f"ALTER USER \"{user}\" PASSWORD '{password}'")


def test(client, arn, token, _event, _described):
    # AWS tests a configuration with the current value under the pending label.
    query(value(client, arn, "AWSPENDING", token), "SELECT now()")


def finish(client, arn, token, _event, described):
    versions = described["VersionIdsToStages"].items()
    current = next((version for version, stages in versions if "AWSCURRENT" in stages), None)
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current,
    )


def query(login, sql):
    """Runs SQL as the user of a secret's value. No password is on a command line."""
    env = {
        "PGHOST": login["host"], "PGPORT": str(login["port"]), "PGDATABASE": login["dbname"],
        "PGUSER": login["username"], "PGPASSWORD": login["password"], "PGCONNECT_TIMEOUT": "10",
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C",
    }
    done = subprocess.run(
        [PSQL, "--no-psqlrc", "--quiet", "--tuples-only", "--set", "ON_ERROR_STOP=1"], input=sql,
        env=env, capture_output=True, text=True, timeout=30,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return done.stdout.strip()


def works(login):
    try:
        query(login, "SELECT 1")
    except RuntimeError:
        return False
    return True


if __name__ == "__main__":
    lambda_handler(json.load(sys.stdin), None)
