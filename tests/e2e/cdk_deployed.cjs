// An app that is deployed: a multi-Region key, its alias, and a secret that is replicated. It needs
// no bootstrap stack: without one, CDK hands templates over in its requests.
"use strict";

const cdk = require("aws-cdk-lib");
const kms = require("aws-cdk-lib/aws-kms");
const secretsmanager = require("aws-cdk-lib/aws-secretsmanager");

const synthesizers = {
  bootstrapless: () => new cdk.BootstraplessSynthesizer(),
  legacy: () => new cdk.LegacyStackSynthesizer(),
};

const app = new cdk.App({ analyticsReporting: false });
const stack = new cdk.Stack(app, "Shop", {
  synthesizer: synthesizers[process.env.SYNTHESIZER](),
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: "us-east-1" },
  tags: { team: "a" },
});
const key = new kms.CfnKey(stack, "Key", {
  multiRegion: true,
  description: process.env.DESCRIPTION,
  keyPolicy: {
    Version: "2012-10-17",
    Statement: [{
      Effect: "Allow", Action: "kms:*", Resource: "*",
      Principal: { AWS: `arn:aws:iam::${stack.account}:root` },
    }],
  },
});
const imported = kms.Key.fromCfnKey(key);
imported.addAlias("alias/shop");
const secret = new secretsmanager.Secret(stack, "Password", {
  description: process.env.DESCRIPTION,
  encryptionKey: imported,
  replicaRegions: [{ region: "us-east-2" }],
  removalPolicy: cdk.RemovalPolicy.DESTROY,
});
new cdk.CfnOutput(stack, "Arn", { value: secret.secretArn });
app.synth();
