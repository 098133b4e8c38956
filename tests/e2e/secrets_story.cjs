// A secret's life through the AWS SDK for JavaScript v3, as an application would have it. Prints
// one JSON object of what it saw. Endpoint, Region and credentials come from the environment.

const {
  SecretsManagerClient, CreateSecretCommand, GetSecretValueCommand, PutSecretValueCommand,
  DescribeSecretCommand, UpdateSecretVersionStageCommand, DeleteSecretCommand,
  ResourceNotFoundException, InvalidParameterException, paginateListSecrets,
  paginateListSecretVersionIds, BatchGetSecretValueCommand, GetRandomPasswordCommand,
} = require("@aws-sdk/client-secrets-manager");
const { KMSClient, CreateKeyCommand, ReplicateKeyCommand, DescribeKeyCommand, EncryptCommand,
  DecryptCommand } = require("@aws-sdk/client-kms");

const WEST = "us-west-2";

async function until(probe) {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = await probe();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("did not come true");
}

async function nameOf(promise) {
  try {
    await promise;
    return "no error";
  } catch (error) {
    const typed = error instanceof ResourceNotFoundException || error instanceof InvalidParameterException;
    return `${error.name}: ${error.message} (${typed ? "typed" : "untyped"}, ${error.$metadata.httpStatusCode})`;
  }
}

async function main() {
  const seen = {};
  const [secrets, west] = [new SecretsManagerClient({}), new SecretsManagerClient({ region: WEST })];
  const [kms, kmsWest] = [new KMSClient({}), new KMSClient({ region: WEST })];
  const key = (await kms.send(new CreateKeyCommand({ MultiRegion: true }))).KeyMetadata.KeyId;
  await kms.send(new ReplicateKeyCommand({ KeyId: key, ReplicaRegion: WEST }));
  await until(async () => {
    try {
      const { KeyMetadata } = await kmsWest.send(new DescribeKeyCommand({ KeyId: key }));
      return KeyMetadata.KeyState === "Enabled";
    } catch {
      return false;
    }
  });
  const made = await secrets.send(new CreateSecretCommand({
    Name: "js/db", KmsKeyId: key, SecretBinary: new Uint8Array([0, 255, 7]),
    AddReplicaRegions: [{ Region: WEST, KmsKeyId: key }],
  }));
  seen.token = made.VersionId.length;
  const read = await until(() => west.send(new GetSecretValueCommand({ SecretId: "js/db" })).catch(() => null));
  seen.binary = Array.from(read.SecretBinary);
  seen.created = read.CreatedDate instanceof Date && Math.abs(Date.now() - read.CreatedDate) < 3600e3;
  const put = await secrets.send(new PutSecretValueCommand({
    SecretId: "js/db", SecretString: "zwei \u{1F511}", VersionStages: ["AWSPENDING"],
  }));
  await secrets.send(new UpdateSecretVersionStageCommand({
    SecretId: "js/db", VersionStage: "AWSCURRENT", MoveToVersionId: put.VersionId,
    RemoveFromVersionId: made.VersionId,
  }));
  await until(async () => {
    const found = await west.send(new GetSecretValueCommand({ SecretId: "js/db" }));
    return found.VersionId === put.VersionId && found.SecretString === "zwei \u{1F511}";
  });
  const described = await secrets.send(new DescribeSecretCommand({ SecretId: "js/db" }));
  seen.stages = Object.values(described.VersionIdsToStages).map((stages) => stages.sort()).sort();
  seen.readOnly = await nameOf(west.send(new PutSecretValueCommand({ SecretId: "js/db", SecretString: "x" })));
  seen.absent = await nameOf(secrets.send(new GetSecretValueCommand({ SecretId: "js/absent" })));
  for (let number = 0; number < 7; number += 1) {
    await secrets.send(new CreateSecretCommand({ Name: `js/page/${number}`, SecretString: `${number}` }));
  }
  seen.listed = [];
  const filter = { Filters: [{ Key: "name", Values: ["js/page/"] }], SortBy: "name", SortOrder: "asc" };
  for await (const page of paginateListSecrets({ client: secrets, pageSize: 3 }, filter)) {
    seen.listed.push(...page.SecretList.map((secret) => secret.Name));
  }
  seen.versions = 0;
  for await (const page of paginateListSecretVersionIds({ client: secrets }, { SecretId: "js/db" })) {
    seen.versions += page.Versions.length;
  }
  const batch = await secrets.send(new BatchGetSecretValueCommand({ SecretIdList: ["js/page/1", "js/none"] }));
  seen.batch = [batch.SecretValues.map((value) => value.SecretString), batch.Errors.map((error) => error.ErrorCode)];
  const random = await secrets.send(new GetRandomPasswordCommand({ PasswordLength: 24, ExcludePunctuation: true }));
  seen.password = /^[A-Za-z0-9]{24}$/.test(random.RandomPassword);
  const { CiphertextBlob } = await kmsWest.send(new EncryptCommand({ KeyId: key, Plaintext: Buffer.from("hi") }));
  const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob }));
  seen.decrypted = Buffer.from(Plaintext).toString();
  const gone = await secrets.send(new DeleteSecretCommand({ SecretId: "js/page/0" }));
  seen.window = Math.round((gone.DeletionDate - Date.now()) / 86400e3);
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
