//! XDP: a cache of the responses to expensive calls (ENCP'19, section 3.2: "if processing a request needs a lot of
//! CPU cycles, caching the response at NIC level can be beneficial"). A call whose response is kept, has not
//! expired and depends on nothing that was written since is answered by XDP_TX; all else goes on to the server's own
//! program.
//!
//! Responses are written by user space alone, and never while the index names them: see `loader::held`. So
//! nothing is locked here.

#![no_std]
#![no_main]

use aya_ebpf::bindings::xdp_action::XDP_PASS;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::XdpContext;
use packet::Datagram;
use programs::answering::{Action, answer_response, counter, drop_for};
use programs::caching;
use programs::ctx::{Frame, count, find, now_ns};
use steering::in_kernel::answer::Envelope;
use steering::in_kernel::call::{CallEffect, call_effect};
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::response::{Call, Response, answers, clocks_of, has_expired};

caching!(serve);

#[map]
static RESPONSES: Array<Response> = Array::with_max_entries(1, 0);

/// The reply to a call whose response depends on the item of the key `about`, or on none; nothing where the server is
/// to answer.
#[inline(always)]
fn respond(ctx: &XdpContext, datagram: &Datagram, about: Option<u64>) -> Option<Action> {
    let frame = Frame::new(ctx);
    let envelope = Envelope::of_call(&frame, datagram)?;
    let call = Call::of(&frame, datagram.payload_at, datagram.payload_end())?;
    let slot = find(&INDEX, call.hash)? as u32;
    let response = RESPONSES.get(slot)?;
    if !answers(response, &frame, &call) {
        return None;
    }
    if let Some(key) = about
        && Some(clocks_of(response)) != clocks(key)
    {
        count(&COUNTERS, counter(Outcome::Stale));
        return None;
    }
    if has_expired(response, now_ns()) {
        count(&COUNTERS, counter(Outcome::Expired));
        return None;
    }
    count(&HITS, slot);
    Some(answer_response(ctx, &envelope, response))
}

/// A datagram of ours.
#[inline(always)]
fn serve(ctx: &XdpContext, datagram: &Datagram) -> Action {
    let effect = call_effect(
        &Frame::new(ctx),
        datagram.payload_at,
        datagram.payload_end(),
    );
    let effect = match effect {
        Ok(effect) => effect,
        Err(reason) => return drop_for(reason),
    };
    advance(effect.clock());
    let about = match effect {
        CallEffect::Computes => None,
        CallEffect::Reads(key) => Some(key),
        CallEffect::Unkept => return (XDP_PASS, counter(Outcome::ReadPassed)),
        CallEffect::Writes(_) => return (XDP_PASS, counter(Outcome::WritePassed)),
        CallEffect::Anything => return (XDP_PASS, counter(Outcome::OtherPassed)),
    };
    respond(ctx, datagram, about).unwrap_or((XDP_PASS, counter(Outcome::GetPassed)))
}

#[xdp]
fn responses(ctx: XdpContext) -> u32 {
    run(&ctx)
}
