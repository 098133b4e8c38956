//! Frames between Regions: see `regent_fuzz::targets::frame`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regent_fuzz::targets::frame(data));
