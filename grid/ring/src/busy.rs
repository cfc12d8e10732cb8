//! When a connection is worth a ring. Both sides count by themselves, so that these are wishes and not a part of the protocol.

/// Calls that moved bytes after which a connection counts as busy. To go over to rings costs about as much as eight calls by TCP: so
/// one that ends just then has lost a tenth.
pub const MESSAGES: u32 = 96;

/// Bytes after which it does.
pub const BYTES: u64 = 60_000;
