//! What a system that an XDP program serves alone can hold.

use crate::units::Bytes;

/// Limits of keys, values and requests. It answers `get` and `set` of one key in the classic text
/// protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest key.
    pub key: Bytes,
    /// The longest value.
    pub value: Bytes,
    /// Why the value can be no longer.
    pub reason: &'static str,
    /// Memory of a key, its value and its place in the index.
    pub per_key: Bytes,
}
