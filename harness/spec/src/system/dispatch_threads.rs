//! `dispatch_threads`: one thread that reads, others that process and send.

use super::traits::Traits;
use crate::traffic::ProcessorKind;

pub(super) const TRAITS: Traits = Traits {
    name: "dispatch_threads",
    summary: "one thread reads packet sockets' rings and gives frames to worker threads by flow, which process and send them",
    paper: "a raw socket with worker threads: Marian, Lee, Weatherspoon, ANCS'12, sections 2 and 4 (user-space Click)",
    fidelity: "not Click, but its division of work: frames keep their order within a flow, and are copied once, out of \
               the reader's ring; `owners` counts the workers, and the reader is one thread more",
    // Its filter lets in nothing but IP.
    processors: &ProcessorKind::OF_IP,
    ..Traits::FORWARDER
};
