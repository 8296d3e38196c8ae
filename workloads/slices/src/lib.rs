//! Packet processing in user space by spatial partitions of queues and CPUs, after NetSlices
//! (Marian, Lee, Weatherspoon, ANCS 2012).

#[cfg(test)]
mod chunk;
pub mod gateway;
pub mod inspect;
pub mod ipsec;
pub mod maelstrom;
#[cfg(test)]
mod memory;
pub mod pair;
pub mod placement;
pub mod proxy;
#[cfg(test)]
mod rig;
pub mod router;
pub mod slice;
pub mod system;
