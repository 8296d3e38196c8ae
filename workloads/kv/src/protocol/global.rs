//! Requests in which every shard takes part: flush_all and stats.
//!
//! Each owner applies the request to its own shard and hands back what it gathered; sums of
//! those are what the answer is written from. Only names that mean something here are reported.

use super::binary_exec::Response;
use super::request::{BinaryHead, Global, GlobalCommand, StatsGroup, Wire};
use super::sink::{Decimal, Sink};
use crate::store::{Counters, ITEM_LIMIT, Store, Usage, deadline};

/// What shards contribute to a global request. It is plain data and can be sent.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    counters: Counters,
    usage: Usage,
}

impl Gathered {
    /// Adds what another owner gathered for the same request.
    pub fn merge(&mut self, other: &Self) {
        self.counters.add(&other.counters);
        self.usage.add(&other.usage);
    }

    /// Sums of the shards' counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sums of what the shards hold.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }
}

/// What a server says of itself in its statistics.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerFacts<'a> {
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Unix time in seconds.
    pub now: u32,
    /// Threads that serve requests.
    pub threads: u32,
    /// Shards that take part in a global request. flush_all is counted once by each of them.
    pub shards: u32,
    /// Further statistics of this server, by name.
    pub extra: &'a [(&'static str, u64)],
}

impl Global {
    /// Does a shard's share of the request.
    pub fn apply(&self, shard: &mut impl Store, now: u32, gathered: &mut Gathered) {
        match self.command {
            GlobalCommand::Flush { exptime } => {
                shard.flush_all((exptime > 0).then(|| deadline(exptime, now)), now);
            }
            GlobalCommand::Stats(StatsGroup::Reset) => *shard.counters_mut() = Counters::default(),
            GlobalCommand::Stats(
                StatsGroup::General
                | StatsGroup::Settings
                | StatsGroup::Items
                | StatsGroup::Slabs
                | StatsGroup::Sizes,
            ) => {
                gathered.counters.add(shard.counters());
                gathered.usage.add(&shard.usage());
            }
        }
    }

    /// Whether it can change what a get finds.
    #[must_use]
    pub fn changes_items(&self) -> bool {
        match self.command {
            GlobalCommand::Flush { .. } => true,
            GlobalCommand::Stats(_) => false,
        }
    }

    /// Writes the reply, once all shards have done their share.
    pub fn answer(&self, gathered: &Gathered, facts: &ServerFacts<'_>, sink: &mut impl Sink) {
        if self.noreply {
            return;
        }
        let mut out = Out {
            wire: self.wire,
            sink,
        };
        match self.command {
            GlobalCommand::Flush { .. } => out.done("OK"),
            GlobalCommand::Stats(StatsGroup::Reset) => out.done("RESET"),
            GlobalCommand::Stats(StatsGroup::General) => {
                general(&mut out, gathered, facts);
                out.end();
            }
            GlobalCommand::Stats(StatsGroup::Settings) => {
                settings(&mut out, gathered, facts);
                out.end();
            }
            GlobalCommand::Stats(StatsGroup::Items) => {
                items(&mut out, gathered);
                out.end();
            }
            GlobalCommand::Stats(StatsGroup::Slabs) => {
                slabs(&mut out, gathered);
                out.end();
            }
            GlobalCommand::Stats(StatsGroup::Sizes) => {
                out.text("sizes_status", "disabled");
                out.end();
            }
        }
    }
}

/// Statistics on the wire.
struct Out<'a, S> {
    wire: Wire,
    sink: &'a mut S,
}

impl<S: Sink> Out<'_, S> {
    fn number(&mut self, name: &str, number: u64) {
        let mut digits = [0; Decimal::WIDTH];
        self.stat(name, Decimal::format(number, &mut digits));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.stat(name, text.as_bytes());
    }

    fn stat(&mut self, name: &str, value: &[u8]) {
        match self.wire {
            Wire::Ascii => {
                for part in [b"STAT ", name.as_bytes(), b" ", value, b"\r\n"] {
                    self.sink.put(part);
                }
            }
            Wire::Binary(head) => {
                Response {
                    key: name.as_bytes(),
                    value,
                    ..Default::default()
                }
                .put(head, self.sink);
            }
        }
    }

    fn end(&mut self) {
        match self.wire {
            Wire::Ascii => self.sink.put(b"END\r\n"),
            Wire::Binary(head) => empty(head, self.sink),
        }
    }

    fn done(&mut self, line: &str) {
        match self.wire {
            Wire::Ascii => {
                self.sink.put(line.as_bytes());
                self.sink.put(b"\r\n");
            }
            Wire::Binary(head) => empty(head, self.sink),
        }
    }
}

fn empty(head: BinaryHead, sink: &mut impl Sink) {
    Response::default().put(head, sink);
}

fn general<S: Sink>(out: &mut Out<'_, S>, gathered: &Gathered, facts: &ServerFacts<'_>) {
    let (c, usage) = (&gathered.counters, &gathered.usage);
    out.number("pid", u64::from(std::process::id()));
    out.number("uptime", facts.uptime_s);
    out.number("time", u64::from(facts.now));
    out.text("version", super::VERSION);
    out.number("pointer_size", u64::from(usize::BITS));
    let lines = [
        ("cmd_get", c.get_hits + c.get_misses),
        ("cmd_set", c.cmd_set),
        ("cmd_flush", c.cmd_flush / u64::from(facts.shards.max(1))),
        ("cmd_touch", c.touch_hits + c.touch_misses),
        ("cmd_meta", c.cmd_meta),
        ("get_hits", c.get_hits),
        ("get_misses", c.get_misses),
        ("get_expired", c.get_expired),
        ("get_flushed", c.get_flushed),
        ("delete_misses", c.delete_misses),
        ("delete_hits", c.delete_hits),
        ("incr_misses", c.incr_misses),
        ("incr_hits", c.incr_hits),
        ("decr_misses", c.decr_misses),
        ("decr_hits", c.decr_hits),
        ("cas_misses", c.cas_misses),
        ("cas_hits", c.cas_hits),
        ("cas_badval", c.cas_badval),
        ("touch_hits", c.touch_hits),
        ("touch_misses", c.touch_misses),
        ("store_too_large", c.store_too_large),
        ("store_no_memory", c.store_no_memory),
        ("limit_maxbytes", usage.limit_maxbytes),
        ("threads", u64::from(facts.threads)),
        ("slabs_moved", c.slabs_moved),
        ("bytes", usage.bytes),
        ("curr_items", usage.curr_items),
        ("total_items", c.total_items),
        ("evictions", c.evictions),
        ("reclaimed", c.reclaimed),
    ];
    for (name, number) in lines.iter().chain(facts.extra) {
        out.number(name, *number);
    }
}

fn settings<S: Sink>(out: &mut Out<'_, S>, gathered: &Gathered, facts: &ServerFacts<'_>) {
    out.number("maxbytes", gathered.usage.limit_maxbytes);
    out.text("evictions", "on");
    out.number("num_threads", u64::from(facts.threads));
    out.number("item_size_max", ITEM_LIMIT as u64);
    out.text("cas_enabled", "yes");
    out.text("flush_enabled", "yes");
    out.text("auth_enabled_sasl", "no");
    out.text("binding_protocol", "auto-negotiate");
}

fn items<S: Sink>(out: &mut Out<'_, S>, gathered: &Gathered) {
    for class in gathered
        .usage
        .classes
        .iter()
        .filter(|class| class.used_slots() > 0)
    {
        out.number(
            &format!("items:{}:number", class.class),
            class.used_slots() as u64,
        );
    }
}

fn slabs<S: Sink>(out: &mut Out<'_, S>, gathered: &Gathered) {
    for class in &gathered.usage.classes {
        let total = class.pages * class.slots_per_page;
        for (name, number) in [
            ("chunk_size", class.slot_bytes),
            ("chunks_per_page", class.slots_per_page),
            ("total_pages", class.pages),
            ("total_chunks", total),
            ("used_chunks", class.used_slots()),
            ("free_chunks", class.free_slots),
        ] {
            out.number(&format!("{}:{name}", class.class), number as u64);
        }
    }
    out.number("active_slabs", gathered.usage.classes.len() as u64);
    out.number("total_malloced", gathered.usage.limit_maxbytes);
}
