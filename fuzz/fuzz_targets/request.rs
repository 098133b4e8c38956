//! Requests: see `regent_fuzz::targets::request`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regent_fuzz::targets::request(data));
