//! Checked views of packet headers, for the kernel and user space alike.

#![no_std]
