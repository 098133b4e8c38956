variable "backup" {
  default = "us-west-2"
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "backup"
  region = var.backup
}

provider "aws" {
  alias  = "ireland"
  region = "eu-west-1"
}
