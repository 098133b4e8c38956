// An app of CDK as there are many: a database with a generated secret that is rotated, a service that reads it,
// a stack of keys in the Region of the replicas, and secrets that use them. All of it is good.
"use strict";

const { App, Duration, RemovalPolicy, Stack } = require("aws-cdk-lib");
const ec2 = require("aws-cdk-lib/aws-ec2");
const ecs = require("aws-cdk-lib/aws-ecs");
const iam = require("aws-cdk-lib/aws-iam");
const kms = require("aws-cdk-lib/aws-kms");
const rds = require("aws-cdk-lib/aws-rds");
const { HostedRotation, Secret } = require("aws-cdk-lib/aws-secretsmanager");

const account = "123456789012";
const mrk = "mrk-1234abcd12ab34cd56ef1234567890ab";
const arn = (region) => `arn:aws:kms:${region}:${account}:key/${mrk}`;
const app = new App({ outdir: process.argv[2] });

// The primary key was made by an earlier deployment; its replica key is this stack's.
const keys = new Stack(app, "Keys", { env: { account, region: "us-west-2" } });
const keyPolicy = new iam.PolicyDocument({
  statements: [
    new iam.PolicyStatement({
      principals: [new iam.AccountRootPrincipal()], actions: ["kms:*"], resources: ["*"],
    }),
  ],
});
new kms.CfnReplicaKey(keys, "Replica", { primaryKeyArn: arn("us-east-1"), keyPolicy });

// It names its zones, so that no account is asked for them.
class Zoned extends Stack {
  get availabilityZones() {
    return ["us-east-1a", "us-east-1b"];
  }
}

const data = new Zoned(app, "Data", { env: { account, region: "us-east-1" } });
const own = kms.Key.fromKeyArn(data, "Own", arn("us-east-1"));
const there = kms.Key.fromKeyArn(data, "There", arn("us-west-2"));
const vpc = new ec2.Vpc(data, "Vpc", { maxAzs: 2, natGateways: 0, restrictDefaultSecurityGroup: false });
const cluster = new rds.DatabaseCluster(data, "Db", {
  engine: rds.DatabaseClusterEngine.auroraPostgres({ version: rds.AuroraPostgresEngineVersion.VER_16_4 }),
  writer: rds.ClusterInstance.serverlessV2("writer"),
  vpc,
  vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
  credentials: rds.Credentials.fromGeneratedSecret("app", {
    encryptionKey: own, replicaRegions: [{ region: "us-west-2", encryptionKey: there }],
  }),
});
cluster.secret.addRotationSchedule("Rotation", {
  hostedRotation: HostedRotation.postgreSqlSingleUser({ vpc }), automaticallyAfter: Duration.days(30),
});
const api = new Secret(data, "Api", {
  encryptionKey: own, removalPolicy: RemovalPolicy.RETAIN,
  generateSecretString: { secretStringTemplate: '{"user":"api"}', generateStringKey: "password" },
});
api.addReplicaRegion("us-west-2", there);
api.addReplicaRegion("eu-west-1");
api.denyAccountRootDelete();
const task = new ecs.FargateTaskDefinition(data, "Task");
task.addContainer("app", {
  image: ecs.ContainerImage.fromRegistry("public.ecr.aws/docker/library/nginx:latest"),
  secrets: { DB: ecs.Secret.fromSecretsManager(cluster.secret, "password"), API: ecs.Secret.fromSecretsManager(api) },
});

// The same stack in any account and Region, under the account's own keys.
const any = new Stack(app, "Any");
const key = new kms.Key(any, "Key", { enableKeyRotation: true, multiRegion: true, alias: "app" });
new Secret(any, "Cookie", { encryptionKey: key, replicaRegions: [{ region: "eu-west-1" }] });

app.synth();
