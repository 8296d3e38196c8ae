//! The result schema and its store.
