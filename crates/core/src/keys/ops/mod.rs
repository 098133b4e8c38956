//! KMS operations, one file each.
