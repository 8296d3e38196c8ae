//! Handing packets from one thread to another.
//!
//! In a server this is the software steering that its paper wants to avoid (ENCP'19 section 3.2: the thread
//! that receives a packet forwards it to the one that owns the data and then notifies that one):
//! K x K single-producer single-consumer rings ([`mesh`]) and one [`doorbell`] per thread. The
//! systems that steer elsewhere use it too, for the keys of a multi-get that live with other
//! owners and for requests that reached the wrong thread. So does a packet processor with one reader
//! ([`crate::packet::dispatch`]).
//!
//! Nothing is lost here: a full ring holds messages back in the sender's own backlog, and a
//! sender with a backlog stops receiving ([`mesh::Port::congested`]), so that pressure reaches the
//! socket or receive ring, where drops have a counter. It cannot deadlock, since a congested
//! thread goes on emptying its own inbound rings.

pub mod doorbell;
pub mod mesh;
