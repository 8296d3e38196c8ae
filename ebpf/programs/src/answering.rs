//! What the programs that answer requests have in common: finding requests among frames, and turning a request's
//! frame into its reply.

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_TX};
use aya_ebpf::programs::XdpContext;
use packet::{Datagram, datagram};
use steering::in_kernel::answer::{Envelope, Line, value_text_len, write_value};
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::item::Item;
use steering::in_kernel::response::{Response, len_of, write_response};
use steering::{Drop, layout, refused};

use crate::ctx::{Frame, resize};

/// What is to be returned for a frame, and the counter to be moved.
pub type Action = (u32, u32);

/// The counter of an outcome.
#[inline(always)]
#[must_use]
pub const fn counter(outcome: Outcome) -> u32 {
    layout::COUNTER_REDIRECTED + outcome as u32
}

/// A frame that is not ours.
pub const FOREIGN: Action = (XDP_PASS, layout::COUNTER_PASSED);

/// A frame that is ours but cannot be used.
#[inline(always)]
#[must_use]
pub const fn drop_for(reason: Drop) -> Action {
    (XDP_DROP, layout::COUNTER_DROPS + reason.index())
}

/// A request that ends here without a reply.
#[inline(always)]
#[must_use]
pub const fn discard(outcome: Outcome) -> Action {
    (XDP_DROP, counter(outcome))
}

/// What becomes of a frame: `serve` says it of a datagram to a port that `is_ours`.
#[inline(always)]
pub fn decide(
    ctx: &XdpContext,
    is_ours: impl Fn(u16) -> bool,
    serve: impl FnOnce(&XdpContext, &Datagram) -> Action,
) -> Action {
    match datagram(&Frame::new(ctx)) {
        Ok(datagram) if is_ours(datagram.dst_port) => serve(ctx, &datagram),
        Ok(_) => FOREIGN,
        Err(refusal) => refused(refusal, is_ours).map_or(FOREIGN, drop_for),
    }
}

/// Sends a line back in the place of the request.
#[inline(always)]
pub fn answer_line(ctx: &XdpContext, envelope: &Envelope, line: Line, outcome: Outcome) -> Action {
    answer(ctx, envelope, line.len(), outcome, |frame, at| {
        line.write(frame, at)
    })
}

/// Sends an item back in the place of the request; its key and its value may lie apart.
#[inline(always)]
pub fn answer_value(ctx: &XdpContext, envelope: &Envelope, key: &Item, value: &Item) -> Action {
    answer(
        ctx,
        envelope,
        value_text_len(value),
        Outcome::Hit,
        |frame, at| write_value(frame, at, key, value),
    )
}

/// Sends the response to a call back in the place of the call.
#[inline(always)]
pub fn answer_response(ctx: &XdpContext, envelope: &Envelope, response: &Response) -> Action {
    answer(
        ctx,
        envelope,
        len_of(response),
        Outcome::Hit,
        |frame, at| write_response(frame, at, response),
    )
}

#[inline(always)]
fn answer(
    ctx: &XdpContext,
    envelope: &Envelope,
    text_len: usize,
    outcome: Outcome,
    write_text: impl FnOnce(&mut Frame, usize) -> Option<()>,
) -> Action {
    let at = envelope.headers_len();
    let sealed = resize(ctx, at + text_len).and_then(|mut frame| {
        write_text(&mut frame, at)?;
        envelope.seal(&mut frame, text_len)
    });
    match sealed {
        Some(()) => (XDP_TX, counter(outcome)),
        None => discard(Outcome::NoHeadroom),
    }
}
