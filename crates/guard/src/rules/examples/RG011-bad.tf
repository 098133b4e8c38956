provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "backup"
  region = "us-west-2"
}

resource "aws_kms_key" "app" {
  multi_region = true
}

resource "aws_kms_replica_key" "app" {
  provider        = aws.backup
  primary_key_arn = aws_kms_key.app.arn
}

resource "aws_secretsmanager_secret" "db" {
  name       = "app/db"
  kms_key_id = aws_kms_key.app.arn

  replica {
    region = "us-west-2"
  }
}
