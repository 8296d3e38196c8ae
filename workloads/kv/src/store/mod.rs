//! The bounded-memory key-value store.
