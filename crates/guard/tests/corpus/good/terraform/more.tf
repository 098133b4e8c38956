resource "aws_secretsmanager_secret" "many" {
  for_each = toset(["a", "b"])
  name     = each.key
  replica {
    region     = "us-west-2"
    kms_key_id = replace(aws_kms_key.app.arn, "us-east-1", "us-west-2")
  }
}

resource "aws_secretsmanager_secret_version" "many" {
  for_each      = aws_secretsmanager_secret.many
  secret_id     = each.value.id
  secret_string = random_password.db.result
}
