#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tamga_fuzz::targets::run("table", bytes));
