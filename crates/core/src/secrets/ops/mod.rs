//! Secrets Manager operations, one file each.
