resource "aws_secretsmanager_secret" "db" {
  name = "app/db"

  replica {
    region = "us-west-2"
  }
}
