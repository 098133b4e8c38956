locals {
  copied = "mrk-1234abcd12ab34cd56ef12345678990ab"
  prefix = "arn:aws:kms:us-east-1"
}

resource "aws_kms_key" "single" {
  policy = jsonencode({
    Statement = [{
      Effect    = "Allow"
      Action    = ["kms:Describe*", "kms:Put*"]
      Principal = { AWS = "arn:aws:iam::123456789012:role/admin" }
    }]
  })
}

resource "aws_kms_key" "multi" {
  multi_region = true
}

resource "aws_kms_alias" "multi" {
  name          = "alias/app"
  target_key_id = aws_kms_key.multi.key_id
}

resource "aws_kms_replica_key" "backup" {
  provider        = aws.backup
  primary_key_arn = aws_kms_key.single.arn
}

resource "aws_secretsmanager_secret" "db" {
  name       = "app/db"
  kms_key_id = aws_kms_key.single.arn

  replica {
    region     = var.backup
    kms_key_id = aws_kms_key.single.arn
  }
  replica {
    region     = "us-east-2"
    kms_key_id = local.copied
  }
  replica {
    region     = "ap-south-1"
    kms_key_id = aws_kms_key.multi.arn
  }
  replica {
    region     = "eu-west-1"
    kms_key_id = "${local.prefix}:123456789012:alias/app"
  }
  replica {
    region     = "us-east-1"
    kms_key_id = replace(aws_kms_key.multi.arn, "us-east-1", "us-east-2")
  }
}

resource "aws_secretsmanager_secret" "web" {
  name = "app/web"
  replica {
    region     = "eu-west-1"
    kms_key_id = aws_kms_alias.multi.name # regent: ignore RG004 the alias is made there by hand
  }
}

resource "aws_secretsmanager_secret_rotation" "web" {
  provider            = aws.backup
  secret_id           = aws_secretsmanager_secret.web.id
  rotation_lambda_arn = "arn:aws:lambda:us-west-2:123456789012:function:rotate"
}

resource "aws_secretsmanager_secret_version" "db" {
  secret_id = aws_secretsmanager_secret.db.id
  secret_string = "hunter2"
}
