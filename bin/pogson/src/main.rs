//! The `pogson` command.

fn main() {}
