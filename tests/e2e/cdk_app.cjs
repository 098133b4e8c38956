// An app of CDK with a stack, a stack nested in it, a stage in another Region, and a stack that may be
// deployed anywhere. Writes its assembly into the folder that is given.
"use strict";

const { App, NestedStack, SecretValue, Stack, Stage } = require("aws-cdk-lib");
const { Key } = require("aws-cdk-lib/aws-kms");
const { CfnSecret, Secret } = require("aws-cdk-lib/aws-secretsmanager");

const account = "123456789012";
const mrk = "mrk-1234abcd12ab34cd56ef1234567890ab";
const app = new App({ outdir: process.argv[2] });

const replicated = (scope, region, key) => {
  const encryptionKey = key && Key.fromKeyArn(scope, "Key", key);
  return new Secret(scope, "Secret", { replicaRegions: [{ region, encryptionKey }] });
};

const top = new Stack(app, "Top", { env: { account, region: "us-east-1" } });
replicated(top, "us-west-2", `arn:aws:kms:us-west-2:${account}:key/${mrk}`);
const inner = new NestedStack(top, "Inner");
replicated(inner, "eu-west-1", `arn:aws:kms:us-east-1:${account}:key/${mrk}`);

const stage = new Stage(app, "Prod", { env: { account, region: "us-west-2" } });
new CfnSecret(new Stack(stage, "App"), "Own", {
  secretString: SecretValue.unsafePlainText("hunter2").unsafeUnwrap(),
  replicaRegions: [{ region: "us-west-2" }],
});

new CfnSecret(new Stack(app, "Any"), "Copied", {
  generateSecretString: {},
  replicaRegions: [{ region: "us-east-2", kmsKeyId: "mrk-1234abcd12ab34cd56ef12345678990ab" }],
});

app.synth();
