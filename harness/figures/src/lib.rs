//! Figures from recorded results.
