//! The key-value store and the systems under test.
