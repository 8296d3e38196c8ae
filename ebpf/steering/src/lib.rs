//! The steering decision: request parsers, key hash, partition table, policies.

#![no_std]
