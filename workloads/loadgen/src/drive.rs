//! The loop of a client thread: receive, send what is due, expire, sleep.
//!
//! Each turn receives and sends a bounded batch, so that neither a flood of replies nor a backlog
//! of requests starves the other.

use std::io;

use sys::account::Usage;

use crate::Pacing;
use crate::engine::{Engine, Next};
use crate::trace::Witness;
use crate::transport::Transport;

const RECEIVE_BATCH: usize = 256;
const SEND_BATCH: usize = 64;

/// How long a transport may be silent before its last reply has come, once the server is at rest: a
/// thread in the packets' way may wait so long for its CPU.
const SILENCE_NS: u64 = 200_000_000;
/// How long to wait before a full transmit path is tried again, ns.
const RETRY_NS: u64 = 50_000;
/// How long to wait for frames that the far end has not taken yet.
const UNDER_WAY_NS: u64 = 1_000_000;

/// What a client thread reads time from.
pub(crate) trait Clock {
    /// CLOCK_MONOTONIC, ns.
    fn now_ns(&self) -> u64;
    /// What the calling thread used since it began.
    ///
    /// # Errors
    /// When /proc cannot be read.
    fn usage(&self) -> io::Result<Usage>;
}

/// Runs `engine` to its end; returns what the thread used in the measure phase.
///
/// # Errors
/// When the transport or the account fails.
pub(crate) fn drive(
    engine: &mut Engine<impl Witness>,
    transport: &mut impl Transport,
    clock: &impl Clock,
    pacing: Pacing,
) -> io::Result<Usage> {
    let (measure_start, measure_end) = (
        engine.phases().measure_start(),
        engine.phases().measure_end(),
    );
    let (mut at_start, mut at_end) = (None, None);
    loop {
        let received = transport.receive(RECEIVE_BATCH, &mut |flow, datagram| {
            engine.on_datagram(clock.now_ns(), flow, datagram);
        })?;
        let sent = engine.send_due(&mut || clock.now_ns(), transport, SEND_BATCH)?;
        let now_ns = clock.now_ns();
        if !transport.is_flushed() {
            engine.on_backlog(now_ns);
        }
        engine.expire(now_ns);
        if now_ns >= measure_start && at_start.is_none() {
            at_start = Some(clock.usage()?);
        }
        if now_ns >= measure_end && at_end.is_none() {
            at_end = Some(clock.usage()?);
        }
        match engine.next(now_ns) {
            // What is still on its way to the server may yet be answered.
            Next::Done if engine.lost() > 0 && transport.is_under_way() => {
                engine.on_backlog(now_ns);
                transport.wait(UNDER_WAY_NS)?;
            }
            Next::Done => break,
            Next::At(at_ns) => {
                let idle = received == 0 && sent == 0 && at_ns > now_ns;
                if idle && pacing == Pacing::Sleep {
                    transport.wait(at_ns - now_ns)?;
                }
            }
        }
    }
    Ok(at_end.unwrap_or_default() - at_start.unwrap_or_default())
}

/// Sends every request of `engine` as fast as the transport takes them, and returns when the far end
/// has them. Replies are left where they come in.
///
/// # Errors
/// When the transport fails.
pub(crate) fn load(
    engine: &mut Engine<impl Witness>,
    transport: &mut impl Transport,
    clock: &impl Clock,
) -> io::Result<()> {
    let deadline = engine.phases().deadline();
    loop {
        let sent = engine.send_due(&mut || clock.now_ns(), transport, SEND_BATCH)?;
        if !engine.has_more() && transport.is_flushed() && !transport.is_under_way() {
            return Ok(());
        }
        if sent > 0 {
            continue;
        }
        if clock.now_ns() >= deadline {
            return Ok(());
        }
        transport.flush()?;
        transport.wait(RETRY_NS)?;
    }
}

/// Takes the replies that came while nobody looked, where any are missing, and gives up on the rest.
///
/// # Errors
/// When the transport fails.
pub(crate) fn collect(
    engine: &mut Engine<impl Witness>,
    transport: &mut impl Transport,
    clock: &impl Clock,
) -> io::Result<()> {
    let mut heard_ns = clock.now_ns();
    while engine.missing() > 0 {
        let received = transport.receive(RECEIVE_BATCH, &mut |flow, datagram| {
            engine.on_datagram(clock.now_ns(), flow, datagram);
        })?;
        let now_ns = clock.now_ns();
        if received > 0 {
            heard_ns = now_ns;
        } else if now_ns >= heard_ns + SILENCE_NS {
            break;
        } else {
            transport.wait(heard_ns + SILENCE_NS - now_ns)?;
        }
    }
    engine.give_up();
    Ok(())
}
