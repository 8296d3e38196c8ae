//! The key-value store and the systems under test.
//!
//! [`store`] keeps items, [`protocol`] speaks memcached, and neither knows of threads or packets.
//! [`server`] runs one of the [`systems`] over kernel sockets or AF_XDP; [`handoff`] is how its
//! threads pass requests to one another, the modules reply and tcp are how answers get into
//! frames, and the stream side for the field's clients.

pub use pktio::handoff;
pub mod protocol;
mod reply;
pub mod server;
pub mod store;
pub mod systems;
mod tcp;
