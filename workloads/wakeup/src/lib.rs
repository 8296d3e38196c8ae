//! Thread notification probes.
