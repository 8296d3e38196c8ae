//! What a cache in the path believes that a datagram changes, beside what the store makes of it: every
//! item but those that it was told of is as it was.

use kv::protocol::{self, ServerFacts};
use kv::store::{Key, Shard, ShardConfig, StoreRequest, Stored};
use steering::hash::hash_bytes;
use steering::in_kernel::effect::{Effect, effect};

const NOW: u32 = 1_000_000;

/// Keys that requests name, in one of the ways in which they can be named (`a2V5` is base64 of the first).
const KEYS: [&[u8]; 4] = [b"key", b"other", b"a", b"a2V5"];

/// Flags, deadline and value of each key.
type Items = Vec<Option<(u32, u32, Vec<u8>)>>;

fn filled(shard: &mut Shard) {
    for key in KEYS {
        let key = Key::new(key).expect("a key");
        let request = StoreRequest {
            flags: 7,
            ..StoreRequest::set(key, b"12")
        };
        assert!(matches!(shard.store(&request, NOW), Stored::Stored { .. }));
    }
}

fn items(shard: &mut Shard) -> Items {
    let read = |key: &&[u8]| {
        let item = shard.get(Key::new(key).expect("a key"), NOW)?;
        Some((item.facts.flags, item.facts.deadline, item.value.to_vec()))
    };
    KEYS.iter().map(read).collect()
}

/// Executes the commands of a datagram as a server does.
fn execute(shard: &mut Shard, body: &[u8]) {
    let (mut at, mut replies) = (0, Vec::new());
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let Ok(request) = protocol::parse(rest) else {
            return;
        };
        let facts = ServerFacts::default();
        protocol::answer(shard, rest, &request, NOW, &facts, &mut replies);
        if request.close {
            return;
        }
        at += request.consumed + request.swallow;
    }
}

fn told(body: &[u8]) -> Option<Effect> {
    let datagram = [&[0, 1, 0, 0, 0, 1, 0, 0], body].concat();
    effect(datagram.as_slice(), 0, datagram.len()).ok()
}

/// What was believed, to see that not everything was taken for anything.
#[derive(Debug, Default)]
struct Told {
    reads: u32,
    writes: u32,
    changed: u32,
}

impl Told {
    fn check(&mut self, shard: &mut Shard, body: &[u8]) {
        let hash = match told(body) {
            None | Some(Effect::Anything) => return,
            Some(Effect::Get(_) | Effect::Reads) => {
                self.reads += 1;
                None
            }
            Some(Effect::Writes(hash)) => {
                self.writes += 1;
                Some(hash)
            }
        };
        let before = items(shard);
        execute(shard, body);
        let after = items(shard);
        if before == after {
            return;
        }
        for (key, (before, after)) in KEYS.iter().zip(before.iter().zip(&after)) {
            if hash != Some(hash_bytes(key)) {
                let text = String::from_utf8_lossy(body);
                assert_eq!(before, after, "{text:?} changed {key:?}, told {hash:?}");
            }
        }
        self.changed += 1;
        filled(shard);
    }
}

/// A request of the binary protocol.
fn binary(opcode: u8, extras: usize, key: &[u8], value: &[u8]) -> Vec<u8> {
    let body = (extras + key.len() + value.len()) as u32;
    let mut request = vec![0x80, opcode, 0, key.len() as u8, extras as u8, 0, 0, 0];
    request.extend(body.to_be_bytes());
    request.extend([0; 12]);
    request.extend(vec![0; extras]);
    request.extend(key);
    request.extend(value);
    request
}

fn requests() -> Vec<Vec<u8>> {
    let texts = [
        "get key\r\n",
        "get key other\r\n",
        "gets key\r\n",
        "gat 60 key\r\n",
        "gats 60 key other\r\n",
        "set key 0 0 1\r\nx\r\n",
        "set key 1 -1 14\r\ndelete other\r\n\r\n",
        "set key 1 0 14 noreply\r\ndelete other\r\n\r\n",
        "add key 1 60 0\r\n\r\n",
        "replace key 1 60 1\r\nx\r\n",
        "append key 0 0 14\r\ndelete other\r\n\r\n",
        "prepend key 0 0 1\r\nx\r\n",
        "cas key 0 0 14 1\r\ndelete other\r\n\r\n",
        "delete key\r\n",
        "delete key 0 noreply\r\n",
        "incr key 1\r\n",
        "decr key 5 noreply\r\n",
        "touch key 60\r\n",
        "mg key v T60\r\n",
        "mg a2V5 b T60\r\n",
        "mg key N60 v\r\n",
        "mg key v q\r\n",
        "ms key 14 T60 F3\r\ndelete other\r\n\r\n",
        "ms a2V5 14 b\r\ndelete other\r\n\r\n",
        "md key q\r\n",
        "md a2V5 b\r\n",
        "ma key D3\r\n",
        "ma a2V5 b\r\n",
        "me key\r\n",
        "mn\r\n",
        "stats\r\n",
        "version\r\n",
        "verbosity 1\r\n",
        "flush_all 9\r\n",
        "quit\r\n",
    ];
    let mut requests: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).into();
    for opcode in 0..0x26 {
        for (extras, value) in [
            (0, &b""[..]),
            (4, b""),
            (8, b"x"),
            (20, b""),
            (0, b"delete a\r\n"),
        ] {
            requests.push(binary(opcode, extras, b"key", value));
        }
    }
    requests
}

#[test]
fn nothing_changes_but_what_is_told() {
    let mut shard = Shard::new(ShardConfig { bytes: 4 << 20 }).expect("a shard");
    filled(&mut shard);
    let mut seen = Told::default();
    let bytes = b"\0\r\n 019-bTNkx\x04\x14\x80";
    for request in requests() {
        seen.check(&mut shard, &request);
        for behind in [
            &b"delete other\r\n"[..],
            b"mn\r\n",
            &binary(0x04, 0, b"other", b""),
        ] {
            seen.check(&mut shard, &[request.as_slice(), behind].concat());
        }
        for at in 0..request.len() {
            for byte in bytes {
                let mut changed = request.clone();
                changed[at] = *byte;
                seen.check(&mut shard, &changed);
                changed[at] = request[at];
                changed.insert(at, *byte);
                seen.check(&mut shard, &changed);
            }
            let mut shorter = request.clone();
            shorter.remove(at);
            seen.check(&mut shard, &shorter);
        }
    }
    let Told {
        reads,
        writes,
        changed,
    } = seen;
    assert!(
        reads > 1_000 && writes > 1_000 && changed > 1_000,
        "{reads} reads and {writes} writes told, {changed} changes"
    );
}
