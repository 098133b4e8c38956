//! CloudFormation templates: see `regent_fuzz::targets::template`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regent_fuzz::targets::template(data));
