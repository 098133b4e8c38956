provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "west"
  region = "us-west-2"
}

provider "aws" {
  alias  = "ireland"
  region = "eu-west-1"
}

resource "aws_kms_key" "app" {
  multi_region = true
}

resource "aws_kms_replica_key" "west" {
  provider        = aws.west
  primary_key_arn = aws_kms_key.app.arn
}

resource "aws_kms_replica_key" "ireland" {
  provider        = aws.ireland
  primary_key_arn = aws_kms_replica_key.west.arn
}
