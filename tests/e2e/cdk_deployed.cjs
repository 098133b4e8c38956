// An app that is deployed: a multi-Region key, its alias and a secret that is replicated, and, given
// that key's ARN, its replica in another Region. With this synthesizer there is no bootstrap stack, and
// CDK hands templates over in its requests.
"use strict";

const cdk = require("aws-cdk-lib");
const kms = require("aws-cdk-lib/aws-kms");
const secretsmanager = require("aws-cdk-lib/aws-secretsmanager");

const { DESCRIPTION, PRIMARY, REPLICA_KEY, CDK_DEFAULT_ACCOUNT: account } = process.env;
const keyPolicy = {
  Version: "2012-10-17",
  Statement: [{
    Effect: "Allow", Action: "kms:*", Resource: "*",
    Principal: { AWS: `arn:aws:iam::${account}:root` },
  }],
};

const app = new cdk.App({ analyticsReporting: false });

function stackIn(name, region) {
  return new cdk.Stack(app, name, {
    synthesizer: new cdk.LegacyStackSynthesizer(),
    env: { account, region },
    tags: { team: "a" },
  });
}

const shop = stackIn("Shop", "us-east-1");
const key = new kms.CfnKey(shop, "Key", { multiRegion: true, description: DESCRIPTION, keyPolicy });
const imported = kms.Key.fromCfnKey(key);
imported.addAlias("alias/shop");
const secret = new secretsmanager.Secret(shop, "Password", {
  description: DESCRIPTION,
  encryptionKey: imported,
  replicaRegions: [{
    region: "us-east-2",
    encryptionKey: REPLICA_KEY ? kms.Key.fromKeyArn(shop, "ReplicaKey", REPLICA_KEY) : undefined,
  }],
  removalPolicy: cdk.RemovalPolicy.DESTROY,
});
new cdk.CfnOutput(shop, "Arn", { value: secret.secretArn });
new cdk.CfnOutput(shop, "KeyArn", { value: key.attrArn });

if (PRIMARY) {
  const copy = stackIn("Copy", "us-east-2");
  new kms.CfnReplicaKey(copy, "Key", { primaryKeyArn: PRIMARY, description: DESCRIPTION, keyPolicy });
  copy.addDependency(shop);
}
app.synth();
