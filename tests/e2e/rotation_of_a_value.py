"""The smallest rotation function: a new random value takes the place of the old one, and nothing else
has to be told. Run as a program, it takes the event on standard input and answers with its exit code.
"""

import json
import secrets
import sys

import boto3


def rotate(event):
    client = boto3.client("secretsmanager")
    arn, token = event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        client.put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString=secrets.token_urlsafe(24),
            VersionStages=["AWSPENDING"], RotationToken=event["RotationToken"],
        )
    elif event["Step"] == "testSecret":
        client.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
    elif event["Step"] == "finishSecret":
        current = client.get_secret_value(SecretId=arn)["VersionId"]
        client.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current,
        )


if __name__ == "__main__":
    rotate(json.load(sys.stdin))
