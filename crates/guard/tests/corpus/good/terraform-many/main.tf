terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.0", configuration_aliases = [aws.replica] }
  }
}

variable "regions" {
  type    = map(object({ key = optional(string) }))
  default = { "us-west-2" = {}, "eu-west-1" = {} }
}

variable "enabled" {
  type    = bool
  default = true
}

variable "replica_key_arn" {
  type    = string
  default = null
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "west"
  region = "us-west-2"
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "app" {
  count        = var.enabled ? 1 : 0
  multi_region = true
  policy       = data.aws_iam_policy_document.key.json
}

moved {
  from = aws_kms_key.this
  to   = aws_kms_key.app
}

resource "aws_kms_replica_key" "app" {
  for_each        = var.regions
  provider        = aws.west
  primary_key_arn = one(aws_kms_key.app[*].arn)
}

resource "aws_secretsmanager_secret" "many" {
  for_each   = toset(["web", "batch"])
  name       = "app/${each.key}"
  kms_key_id = one(aws_kms_key.app[*].arn)

  dynamic "replica" {
    for_each = var.regions
    content {
      region     = replica.key
      kms_key_id = try(replica.value.key, aws_kms_replica_key.app[replica.key].arn)
    }
  }
}

resource "aws_secretsmanager_secret_version" "many" {
  for_each      = aws_secretsmanager_secret.many
  secret_id     = each.value.id
  secret_string = random_password.many[each.key].result
}

resource "aws_secretsmanager_secret" "one" {
  name = "one"

  replica {
    region     = "us-west-2"
    kms_key_id = var.replica_key_arn
  }
  replica {
    region     = "eu-west-1"
    kms_key_id = "arn:aws:kms:eu-west-1:${data.aws_caller_identity.current.account_id}:alias/app"
  }
  replica {
    region     = "ca-central-1"
    kms_key_id = module.keys["ca-central-1"].arn
  }

  lifecycle {
    ignore_changes = [replica]
  }
}

resource "aws_secretsmanager_secret_version" "one" {
  secret_id                = aws_secretsmanager_secret.one.arn
  secret_string_wo         = ephemeral.random_password.one.result
  secret_string_wo_version = 1
}

import {
  to = aws_secretsmanager_secret.taken
  id = "arn:aws:secretsmanager:us-east-1:123456789012:secret:taken-AbCdEf"
}

resource "aws_secretsmanager_secret" "taken" {
  name = "taken"
  replica {
    region     = "us-west-2"
    kms_key_id = "alias/aws/secretsmanager"
  }
}

module "keys" {
  for_each  = var.regions
  source    = "./modules/secret"
  providers = { aws = aws.west }
}
