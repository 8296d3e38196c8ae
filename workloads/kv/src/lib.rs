//! The key-value store and the systems under test.

pub mod protocol;
pub mod store;
