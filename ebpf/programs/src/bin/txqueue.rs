//! clsact egress: chooses the transmit queue as a NIC at the other end would choose its receive
//! queue. On veth the one is the other.

#![no_std]
#![no_main]

use aya_ebpf::bindings::TC_ACT_UNSPEC;
use aya_ebpf::macros::{classifier, map};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::TcContext;
use packet::datagram;
use programs::ctx::{Skb, set_queue};
use programs::{license, setting};
use steering::layout::{TX_BY_PORT, TX_BY_RSS};
use steering::rss::{
    INDIRECTION_LEN, KEY_LEN, KeyWords, Tuple, indirection_index, queue_of_port, toeplitz_words,
};

setting!(MODE: u32 = TX_BY_RSS);
setting!(KEY: KeyWords = [0; KEY_LEN / 4]);
setting!(BASE_PORT: u16 = 0);
setting!(QUEUES: u16 = 1);

#[map]
static INDIRECTION: Array<u64> = Array::with_max_entries(INDIRECTION_LEN as u32, 0);

#[inline(always)]
fn queue(ctx: &TcContext) -> Option<u16> {
    let view = Skb::new(ctx);
    let datagram = datagram(&view).ok()?;
    if MODE.load() == TX_BY_PORT {
        return Some(queue_of_port(
            datagram.dst_port,
            BASE_PORT.load(),
            QUEUES.load(),
        ));
    }
    let hash = toeplitz_words(&KEY.load(), &Tuple::of(&view, &datagram)?);
    INDIRECTION
        .get(indirection_index(hash) as u32)
        .map(|queue| *queue as u16)
}

#[classifier]
fn txqueue(ctx: TcContext) -> i32 {
    if let Some(queue) = queue(&ctx) {
        set_queue(&ctx, queue);
    }
    TC_ACT_UNSPEC
}

license!();
