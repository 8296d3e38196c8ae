//! The programs that answer requests themselves: what they reply, packet by packet.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[path = "support/replies.rs"]
mod replies;

#[path = "../../fixtures/build.rs"]
mod build;

use build::{PORT, Wrapping, binary, framed};
use loader::{KvDirect, NetCache, NetCacheConfig, ServerPorts};
use packet::datagram;
use replies::reply_body;
use steering::hash_bytes;
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::item;
use support::{NOWHERE, loaded};

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;

const PORTS: ServerPorts = ServerPorts::new(PORT, 1);

fn request(v6: bool, text: &[u8]) -> Vec<u8> {
    Wrapping {
        v6,
        ..Wrapping::default()
    }
    .frame(&framed(text))
}

/// The text of a reply to a request of memcached's.
fn reply_text(request: &[u8], reply: &[u8]) -> Vec<u8> {
    let asked = datagram(request).expect("a request");
    let header = request[asked.payload_at..].first_chunk();
    reply_body(request, reply, *header.expect("a frame header"))
}

/// What comes back for a request, in text; it must be sent back.
fn ask(program: &KvDirect, v6: bool, text: &[u8]) -> String {
    let frame = request(v6, text);
    let run = program.test_run(&frame, 1, NOWHERE).expect("test run");
    assert_eq!(run.verdict, XDP_TX, "{}", String::from_utf8_lossy(text));
    String::from_utf8(reply_text(&frame, &run.data)).expect("text")
}

#[test]
fn a_store_in_xdp_gets_what_was_set() {
    let Some(program) = loaded(KvDirect::load(PORTS, 400)) else {
        return;
    };
    let mut expected = 0;
    for v6 in [false, true] {
        for len in (0..=item::LONGEST_VALUE).step_by(7).chain([191, 192]) {
            let key = format!("{}key{len}", "k".repeat(len % 57));
            let value: String = (0..len)
                .map(|i| char::from(b'a' + (i % 26) as u8))
                .collect();
            let flags = len * 347;
            let get = format!("get {key}\r\n");
            if !v6 {
                assert_eq!(ask(&program, v6, get.as_bytes()), "END\r\n");
            }
            let set = format!("set {key} {flags} 0 {len}\r\n{value}\r\n");
            assert_eq!(ask(&program, v6, set.as_bytes()), "STORED\r\n");
            let found = format!("VALUE {key} {flags} {len}\r\n{value}\r\nEND\r\n");
            assert_eq!(ask(&program, v6, get.as_bytes()), found);
            let stored = program.value(key.as_bytes()).expect("the maps");
            assert_eq!(stored.as_deref(), Some(value.as_bytes()));
            expected += 1;
        }
    }
    let counters = program.counters().expect("counters");
    assert_eq!(counters.of(Outcome::Stored), expected);
    assert_eq!(counters.of(Outcome::Hit), expected);
    assert_eq!(counters.of(Outcome::Miss), expected / 2);
    assert_eq!(program.keys().expect("the map"), expected / 2);
}

#[test]
fn a_value_is_replaced_by_a_longer_and_a_shorter_one() {
    let Some(mut program) = loaded(KvDirect::load(PORTS, 2)) else {
        return;
    };
    program.preload(b"key", 7, b"preloaded").expect("room");
    assert!(program.preload(b"key", 7, b"again").is_err());
    for value in [
        "",
        "x",
        "a value of some length, more than three words",
        "short",
    ] {
        let before = program.value(b"key").expect("the maps");
        assert!(before.is_some());
        let set = format!("set key 0 0 {}\r\n{value}\r\n", value.len());
        assert_eq!(ask(&program, false, set.as_bytes()), "STORED\r\n");
        let found = format!("VALUE key 0 {}\r\n{value}\r\nEND\r\n", value.len());
        assert_eq!(ask(&program, false, b"get key\r\n"), found);
    }
}

#[test]
fn what_a_store_in_xdp_does_not_hold_is_refused_by_name() {
    let Some(program) = loaded(KvDirect::load(PORTS, 1)) else {
        return;
    };
    let (long_key, long_value) = ("k".repeat(65), "v".repeat(193));
    let too_large = "SERVER_ERROR object too large for cache\r\n";
    let full = "SERVER_ERROR out of memory storing object\r\n";
    for (text, answer) in [
        (format!("set {long_key} 0 0 1\r\nx\r\n"), "ERROR\r\n"),
        (format!("set k 0 0 193\r\n{long_value}\r\n"), too_large),
        ("set k 0 60 1\r\nx\r\n".to_owned(), too_large),
        ("set k 0 0 1\r\nx\r\n".to_owned(), "STORED\r\n"),
        ("set l 0 0 1\r\nx\r\n".to_owned(), full),
        ("set k 0 0 1\r\ny\r\n".to_owned(), "STORED\r\n"),
        (format!("get {long_key}\r\n"), "ERROR\r\n"),
        ("get k l\r\n".to_owned(), "ERROR\r\n"),
        ("get k\r\nget k\r\n".to_owned(), "ERROR\r\n"),
        ("delete k\r\n".to_owned(), "ERROR\r\n"),
        ("version\r\n".to_owned(), "ERROR\r\n"),
        ("set k 00 0 1\r\nx\r\n".to_owned(), "ERROR\r\n"),
        ("set k 0 0 2\r\nx\r\n".to_owned(), "ERROR\r\n"),
        ("set k 0 0 1\r\nxyz".to_owned(), "ERROR\r\n"),
        ("set k 100000 0 1\r\nx\r\n".to_owned(), "ERROR\r\n"),
        ("get k\r\n".to_owned(), "VALUE k 0 1\r\ny\r\nEND\r\n"),
    ] {
        assert_eq!(ask(&program, false, text.as_bytes()), answer, "{text:?}");
    }
    let run = |frame: &[u8]| program.test_run(frame, 1, NOWHERE).expect("run").verdict;
    assert_eq!(
        run(&request(false, b"set k 0 0 1 noreply\r\nz\r\n")),
        XDP_DROP
    );
    assert_eq!(
        program.value(b"k").expect("the maps").as_deref(),
        Some(&b"z"[..])
    );
    let tagged = Wrapping {
        tags: vec![0x8100],
        ..Wrapping::default()
    };
    assert_eq!(run(&tagged.frame(&framed(b"get k\r\n"))), XDP_DROP);
    assert_eq!(run(&request(false, b"get \r\n")), XDP_DROP);
    let foreign = Wrapping {
        dst_port: PORT + 1,
        ..Wrapping::default()
    };
    assert_eq!(run(&foreign.frame(&framed(b"get k\r\n"))), XDP_PASS);
    let binary = request(false, &binary(0, 0, b"k", 0));
    assert_eq!(run(&binary), XDP_TX);
    let counters = program.counters().expect("counters");
    let seen = [
        Outcome::Hit,
        Outcome::Miss,
        Outcome::Stored,
        Outcome::StoredQuietly,
        Outcome::NoRoom,
        Outcome::NotUnderstood,
        Outcome::Wrapped,
    ]
    .map(|outcome| counters.of(outcome));
    assert_eq!(seen, [1, 0, 2, 1, 3, 11, 1]);
    let empty_key = counters.drops[steering::Drop::EmptyKey.index() as usize];
    assert_eq!(
        (empty_key, counters.passed),
        ((steering::Drop::EmptyKey, 1), 1)
    );
}

fn cache(hot: u64) -> NetCacheConfig {
    NetCacheConfig {
        ports: PORTS,
        slots: 8,
        sample_shift: 0,
        hot,
    }
}

/// Puts a value into the cache as it is at the server now.
fn fill(cache: &mut NetCache, slot: u32, key: &[u8], value: &[u8]) {
    let hash = hash_bytes(key);
    let (own, all) = cache.held.clocks(hash).expect("clocks");
    let item = item::item_of(key, 0, value).expect("within the limits");
    cache.write(slot, item, own + all).expect("a slot");
    cache.held.publish(hash, slot).expect("room");
}

#[test]
fn a_cache_answers_until_the_key_is_written() {
    let Some(mut program) = loaded(NetCache::load(&cache(1 << 40))) else {
        return;
    };
    fill(&mut program, 3, b"key", b"value");
    let get = request(true, b"get key\r\n");
    let hit = |program: &NetCache| {
        let run = program.test_run(&get, 1, NOWHERE).expect("test run");
        match run.verdict {
            XDP_TX => {
                let text = reply_text(&get, &run.data);
                assert_eq!(text, b"VALUE key 0 5\r\nvalue\r\nEND\r\n");
                true
            }
            XDP_PASS => {
                assert_eq!(run.data, get, "untouched");
                false
            }
            other => panic!("{other}"),
        }
    };
    assert!(hit(&program));
    for (write, invalidates) in [
        (&b"get other\r\n"[..], false),
        (b"set another 0 0 1\r\nx\r\n", false),
        (b"delete another\r\n", false),
        (b"set key 0 0 1\r\nx\r\n", true),
        (b"set key 0 0 1 noreply\r\nx\r\n", true),
        (b"delete key\r\n", true),
        (b"incr key 1\r\n", true),
        (b"flush_all\r\n", true),
        (b"get a\r\nset key 0 0 1\r\nx\r\n", true),
        (&binary(1, 8, b"key", 1), true),
        (b"get a key\r\n", false),
        (b"gets key\r\n", false),
        (b"mg key v\r\n", false),
        (b"incr another 1\r\n", false),
        (b"md another\r\n", false),
        (b"ms key 1 q\r\nx\r\n", true),
        (&binary(0x14, 0, b"key", 0), true),
        (&binary(0x14, 0, b"another", 0), false),
        (&binary(0x09, 0, b"key", 0), false),
    ] {
        let frame = request(false, write);
        let run = program.test_run(&frame, 1, NOWHERE).expect("test run");
        assert_eq!(
            (run.verdict, &run.data),
            (XDP_PASS, &frame),
            "write-through"
        );
        assert_eq!(
            hit(&program),
            !invalidates,
            "{}",
            String::from_utf8_lossy(write)
        );
        fill(&mut program, 3, b"key", b"value");
        assert!(hit(&program));
    }
    program
        .held
        .withdraw(hash_bytes(b"key"))
        .expect("the index");
    program
        .held
        .withdraw(hash_bytes(b"key"))
        .expect("not an error");
    assert!(!hit(&program));
    let counters = program.counters().expect("counters");
    assert_eq!(counters.of(Outcome::Hit), 30);
    assert_eq!(
        (counters.of(Outcome::Stale), counters.of(Outcome::GetPassed)),
        (9, 11)
    );
    assert_eq!(
        (
            counters.of(Outcome::WritePassed),
            counters.of(Outcome::OtherPassed)
        ),
        (12, 2)
    );
    assert_eq!(
        program.held.hits().expect("the map"),
        [0, 0, 0, 30, 0, 0, 0, 0]
    );
    program.clear_statistics().expect("the maps");
    assert_eq!(program.held.hits().expect("the map"), [0; 8]);
}

#[test]
fn a_hot_key_is_reported_once_an_interval() {
    let Some(mut program) = loaded(NetCache::load(&cache(5))) else {
        return;
    };
    let asked = |program: &NetCache, key: &str, times: usize| {
        let frame = request(false, format!("get {key}\r\n").as_bytes());
        for _ in 0..times {
            program.test_run(&frame, 1, NOWHERE).expect("test run");
        }
    };
    let long = "k".repeat(64);
    for _ in 0..2 {
        asked(&program, "cold", 4);
        asked(&program, "hot", 4);
        assert_eq!(program.hot_keys(), []);
        asked(&program, "hot", 7);
        asked(&program, &long, 5);
        asked(&program, &format!("{long}k"), 50);
        let keys = program.hot_keys();
        let seen: Vec<_> = keys.iter().map(|hot| hot.key.as_slice()).collect();
        assert_eq!(seen, [b"hot".as_slice(), long.as_bytes()]);
        assert!(
            keys.iter()
                .all(|hot| hot.hash == hash_bytes(&hot.key) && hot.estimate == 5)
        );
        program.clear_statistics().expect("the maps");
    }
}
