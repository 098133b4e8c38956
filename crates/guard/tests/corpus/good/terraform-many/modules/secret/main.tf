variable "replica_regions" {
  type    = list(string)
  default = []
}

variable "kms_key_id" {
  type    = string
  default = null
}

variable "value" {
  type      = string
  sensitive = true
}

resource "aws_secretsmanager_secret" "this" {
  name_prefix = "app-"
  kms_key_id  = var.kms_key_id

  dynamic "replica" {
    for_each = var.replica_regions
    content {
      region = replica.value
    }
  }
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = var.value
}
