//! What every system must do, whatever its I/O: one conversation, with its accounts.

use std::time::Duration;

use kv::server::{Server, ServerCounters, Steerer};
use kv::systems::{SystemKind, Wakeup};

use super::client::{Client, KEYS, OWNERS, found, items, line, owner, statistic, value_lines};

const QUIET: Duration = Duration::from_secs(10);

/// Single gets whose handoffs are counted.
const GETS: usize = 600;

/// Loads, preloads and starts a server; all keys are stored.
pub(crate) fn started(mut server: Server) -> Server {
    server.attach().expect("attach");
    let report = server.preload().expect("preload");
    assert_eq!(
        (report.stored, report.refused, report.evicted),
        (u64::from(KEYS), 0, 0)
    );
    server.serve().expect("serve");
    server
}

/// Counters of a server that has come to rest.
pub(crate) fn counters(server: &Server) -> ServerCounters {
    server.quiesce(QUIET).expect("quiet");
    server.snapshot().expect("counters")
}

/// The whole conversation.
pub(crate) fn converse(server: &Server, client: &mut Client) {
    let system = server.config().system;
    let start = counters(server);
    gets(server, client, system);
    writes(client);
    several_keys(server, client, system);
    several_commands(client);
    all_keys(client);
    refuse(server, client);
    close_accounts(&counters(server).since(&start), client, system);
}

/// Every get is right, nothing is misrouted, and handoffs are those of the design, exactly.
fn gets(server: &Server, client: &mut Client, system: SystemKind) {
    let before = counters(server);
    let items = items();
    for (key, value) in items.iter().take(GETS) {
        assert_eq!(client.ask(key, &line("get", key)), found(key, value));
    }
    let delta = counters(server).since(&before).total();
    assert_eq!(delta.misroutes, 0);
    assert_eq!(delta.executed_get, GETS as u64);
    let owned = |by: u16| {
        items
            .iter()
            .take(GETS)
            .filter(|(key, _)| owner(key) == by)
            .count() as u64
    };
    match system {
        SystemKind::RssShared
        | SystemKind::MicaErew
        | SystemKind::Herd
        | SystemKind::MicaCrew
        | SystemKind::MicaCrcw
        | SystemKind::XdpSteered
        | SystemKind::SharedSomething
        | SystemKind::ReuseportEbpf
        | SystemKind::XdpPosix
        | SystemKind::XdpCpumap
        | SystemKind::ProgrammableRss => {
            assert_eq!(delta.handoffs, 0);
        }
        // Each is handed over by the dispatcher, or none is.
        SystemKind::Shenango => {
            let steering = server.config().dispatcher.map(|thread| thread.steering);
            let expected = [0, GETS][usize::from(steering == Some(Steerer::Software))];
            assert_eq!(delta.handoffs, expected as u64);
        }
        // One in a hundred is large, by the sizes seen so far.
        SystemKind::Minos => assert!(delta.handoffs * 20 <= GETS as u64, "{}", delta.handoffs),
        // One flow arrives at one owner: the keys of all others change threads, once each.
        SystemKind::Sphinx | SystemKind::Seastar => {
            let possible: Vec<_> = (0..OWNERS).map(|by| GETS as u64 - owned(by)).collect();
            assert!(
                possible.contains(&delta.handoffs),
                "{} not in {possible:?}",
                delta.handoffs
            );
            // An owner is woken at most once per handoff, and a spinning one never.
            match server.config().wakeup {
                Wakeup::Eventfd | Wakeup::Batched => {
                    assert!(delta.wakeups_sent > 0 && delta.wakeups_sent <= delta.handoffs);
                }
                Wakeup::Spin => assert_eq!(delta.wakeups_sent, 0),
            }
        }
        SystemKind::Synthetic => unreachable!("it keeps no store"),
    }
}

fn writes(client: &mut Client) {
    for n in 0..50 {
        let key = format!("written-{n}").into_bytes();
        let value = vec![b'a' + (n % 26) as u8; 1 + 20 * n];
        let mut set = line("set", &key);
        set.truncate(set.len() - 2);
        set.extend_from_slice(format!(" 0 0 {}\r\n", value.len()).as_bytes());
        set.extend_from_slice(&value);
        set.extend_from_slice(b"\r\n");
        assert_eq!(client.ask(&key, &set), b"STORED\r\n");
        assert_eq!(client.ask(&key, &line("get", &key)), found(&key, &value));
        assert_eq!(client.ask(&key, &line("delete", &key)), b"DELETED\r\n");
        assert_eq!(client.ask(&key, &line("get", &key)), b"END\r\n");
    }
    client.tell(b"silent", b"set silent 0 0 2 noreply\r\n41\r\n");
    assert_eq!(client.ask(b"silent", b"incr silent 1\r\n"), b"42\r\n");
    assert_eq!(client.ask(b"silent", b"mg silent v\r\n"), b"VA 2\r\n42\r\n");
    assert_eq!(
        client.ask(b"silent", &binary_get(b"silent"))[24 + 4..],
        *b"42"
    );
}

/// A binary get; its reply is 24 bytes of header, 4 of flags, and the value.
fn binary_get(key: &[u8]) -> Vec<u8> {
    let mut request = vec![0; 24];
    request[0] = 0x80;
    request[3] = key.len() as u8;
    request[11] = key.len() as u8;
    request.extend_from_slice(key);
    request
}

/// Keys come back in the order in which they were asked for, whoever owns them, over as many
/// datagrams as it takes; only foreign keys change threads.
fn several_keys(server: &Server, client: &mut Client, system: SystemKind) {
    let items = items();
    let before = counters(server);
    let mut foreign = 0;
    for first in [0, 100, 200] {
        let chosen: Vec<_> = items[first..first + 40].iter().rev().collect();
        let mut request = b"get".to_vec();
        let mut expected = Vec::new();
        for (key, value) in &chosen {
            request.extend_from_slice(b" absent-");
            request.extend_from_slice(key);
            request.push(b' ');
            request.extend_from_slice(key);
            expected.extend(value_lines(key, value));
        }
        request.truncate(1300);
        let cut = request
            .iter()
            .rposition(|byte| *byte == b' ')
            .expect("a space");
        request.truncate(cut);
        let asked: Vec<Vec<u8>> = request[4..]
            .split(|byte| *byte == b' ')
            .map(<[u8]>::to_vec)
            .collect();
        expected.clear();
        for key in &asked {
            if let Some((_, value)) = chosen.iter().find(|(present, _)| present == key) {
                expected.extend(value_lines(key, value));
            }
        }
        expected.extend_from_slice(b"END\r\n");
        assert!(
            expected.len() > 1400,
            "the reply is meant to take several datagrams"
        );
        request.extend_from_slice(b"\r\n");
        assert_eq!(client.ask(&asked[0], &request), expected);
        let at_first = asked
            .iter()
            .filter(|key| owner(key) != owner(&asked[0]))
            .count() as u64;
        foreign += at_first;
    }
    let delta = counters(server).since(&before).total();
    assert_eq!((delta.executed_multi, delta.misroutes), (3, 0));
    match system {
        SystemKind::RssShared
        | SystemKind::Minos
        | SystemKind::MicaCrew
        | SystemKind::MicaCrcw
        | SystemKind::ProgrammableRss => {
            assert_eq!(delta.handoffs, 0);
        }
        // Addressed by the first key, so that exactly the other owner's (or cluster's) keys travel.
        SystemKind::MicaErew
        | SystemKind::Herd
        | SystemKind::XdpSteered
        | SystemKind::SharedSomething
        | SystemKind::ReuseportEbpf
        | SystemKind::XdpPosix
        | SystemKind::XdpCpumap => assert_eq!(delta.handoffs, foreign),
        SystemKind::Sphinx | SystemKind::Seastar | SystemKind::Shenango => {
            assert!(delta.handoffs > 0);
        }
        SystemKind::Synthetic => unreachable!("it keeps no store"),
    }
}

/// Commands in one datagram see one another's effects, whoever owns their keys.
fn several_commands(client: &mut Client) {
    let request =
        b"set one 0 0 1\r\n1\r\nset two 0 0 1\r\n2\r\nget one two\r\nincr one 8\r\nget one\r\n";
    let expected =
        b"STORED\r\nSTORED\r\nVALUE one 0 1\r\n1\r\nVALUE two 0 1\r\n2\r\nEND\r\n9\r\nVALUE one 0 1\r\n9\r\nEND\r\n";
    assert_eq!(client.ask(b"one", request), expected);
}

/// Commands about all keys reach all shards.
fn all_keys(client: &mut Client) {
    assert!(client.ask(b"", b"version\r\n").starts_with(b"VERSION 1.6"));
    assert_eq!(client.ask(b"", b"verbosity 1\r\n"), b"OK\r\n");
    assert_eq!(client.ask(b"", b"mn\r\n"), b"MN\r\n");
    let stats = client.ask(b"", b"stats\r\n");
    assert_eq!(statistic(&stats, "curr_items"), u64::from(KEYS) + 3);
    assert_eq!(client.ask(b"", b"flush_all\r\n"), b"OK\r\n");
    for (key, _) in items().iter().take(50) {
        assert_eq!(client.ask(key, &line("get", key)), b"END\r\n");
    }
}

/// What memcached does not know is answered; what is no request is dropped under its name and
/// disturbs nobody. XDP drops some of it before user space, under names of its own.
fn refuse(server: &Server, client: &mut Client) {
    let before = lost(&counters(server));
    let bad = 3;
    assert_eq!(client.ask(b"", b"nonsense\r\n"), b"ERROR\r\n");
    client.send_raw(b"\0\x01\0\0");
    client.send_raw(b"\0\x01\0\0\0\x02\0\0get x\r\n");
    client.send_raw(b"\0\x01\0\0\0\x01\0\0set x 0 0 100\r\nshort");
    assert_eq!(client.ask(b"", b"mn\r\n"), b"MN\r\n");
    // The reply may overtake datagrams that arrived at other threads.
    for _ in 0..100 {
        if lost(&counters(server)) - before == bad {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{bad} bad datagrams, counted {:?}", counters(server).drops);
}

/// Requests in all ledger lines together.
fn lost(counters: &ServerCounters) -> u64 {
    counters.drops.iter().map(|line| line.requests).sum()
}

/// Nothing was lost and nothing was counted twice.
fn close_accounts(delta: &ServerCounters, client: &Client, system: SystemKind) {
    let total = delta.total();
    assert_eq!(
        total.requests_executed + lost(delta),
        client.sent,
        "{:?}",
        delta.drops
    );
    assert_eq!(
        total.replies_sent + total.noreply_executed,
        total.requests_executed
    );
    assert!(
        total.reply_datagrams > total.replies_sent,
        "some replies took several datagrams"
    );
    assert_eq!(total.noreply_executed, 1);
    assert_eq!(total.misroutes, 0);
    assert_eq!(delta.io_total().received, total.requests_received);
    assert_eq!(delta.io_total().transmitted, total.reply_datagrams);
    if !system.hands_over() {
        assert_eq!((total.handoffs, total.wakeups_sent), (0, 0));
    }
}
