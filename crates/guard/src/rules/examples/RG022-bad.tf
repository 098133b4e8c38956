resource "aws_secretsmanager_secret" "db" {
  name                           = "app/db"
  force_overwrite_replica_secret = true

  replica {
    region = "us-west-2"
  }
}
