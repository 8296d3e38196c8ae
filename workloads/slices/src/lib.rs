//! Packet processing in user space by spatial partitions of queues and CPUs, after NetSlices
//! (Marian, Lee, Weatherspoon, ANCS 2012).

pub mod placement;
pub mod slice;
