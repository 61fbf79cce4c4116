//! Handlers.
fn main() {}
