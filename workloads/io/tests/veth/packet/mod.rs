//! Packet sockets as I/O of packet processors: a sender, a forwarder with two ports, a receiver.

mod chain;
mod dispatching;
mod forwarding;
mod holding;
mod lengths;
mod losses;
mod pressure;
mod sharing;
mod tunnels;
