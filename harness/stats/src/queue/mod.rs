//! What queueing theory says a measurement must show.

mod fifo;
mod stall;
mod theory;

pub use fifo::{FifoQueue, sojourns_ns};
pub use stall::Stall;
pub use theory::{Mm, mg1_mean_wait};
