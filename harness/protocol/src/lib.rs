//! Messages and phases between coordinator and agents.
