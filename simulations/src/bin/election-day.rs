//! The national election day.
fn main() {}
