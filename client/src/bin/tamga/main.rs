//! tamga
fn main() {}
