//! The program that gives out responses to calls: what it replies, call by call.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[path = "support/replies.rs"]
mod replies;

#[expect(dead_code, reason = "this target needs a part of what builds frames")]
#[path = "../../fixtures/build.rs"]
mod build;

use build::{PORT, Wrapping};
use loader::{Responses, ServerPorts};
use replies::reply_body;
use rustix::time::{ClockId, clock_gettime};
use steering::hash_bytes;
use steering::in_kernel::counters::Outcome;
use steering::in_kernel::response::{LONGEST_CALL, LONGEST_RESPONSE, response_of};
use steering::rpc::{HEAD_LEN, Kind, head, lengths};
use support::{NOWHERE, loaded};

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;

const PORTS: ServerPorts = ServerPorts::new(PORT, 1);
const SLOTS: u32 = 4;
const SECOND_NS: u64 = 1_000_000_000;

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * SECOND_NS + now.tv_nsec as u64
}

fn call(name: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    let lens: Vec<usize> = arguments.iter().map(|it| it.len()).collect();
    let (head, lengths) = (head(Kind::Call, 0x1234_5678), lengths(name.len(), &lens));
    [&head[..], &lengths, name, &arguments.concat()].concat()
}

fn frame(v6: bool, call: &[u8]) -> Vec<u8> {
    Wrapping {
        v6,
        ..Wrapping::default()
    }
    .frame(call)
}

/// Keeps a response as it is now, for so long.
fn keep(program: &mut Responses, slot: u32, call: &[u8], response: &[u8], key: &[u8], ttl_ns: u64) {
    let (own, all) = program.held.clocks(hash_bytes(key)).expect("clocks");
    let call = &call[HEAD_LEN..];
    let response = response_of(call, response, own + all, now_ns() + ttl_ns);
    let response = response.expect("within the limits");
    program.held.write(slot, response).expect("a slot");
    program.held.publish(hash_bytes(call), slot).expect("room");
}

/// The response that comes back to a call, if the program gives one; otherwise the call goes on untouched.
fn ask(program: &Responses, v6: bool, call: &[u8]) -> Option<Vec<u8>> {
    let frame = frame(v6, call);
    let run = program.test_run(&frame, 1, NOWHERE).expect("test run");
    match run.verdict {
        XDP_TX => {
            let head = head(Kind::Reply, 0x1234_5678);
            Some(reply_body(&frame, &run.data, head))
        }
        XDP_PASS => {
            assert_eq!(run.data, frame, "untouched");
            None
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_response_of_any_length_answers_a_call_of_any_length() {
    let Some(mut program) = loaded(Responses::load(PORTS, SLOTS)) else {
        return;
    };
    let mut asked = 0;
    let lens = (0..LONGEST_CALL - 20).step_by(13);
    let lens = lens.chain([LONGEST_CALL - 19, LONGEST_CALL - 18]);
    for (bytes, len) in lens.zip((1..=LONGEST_RESPONSE).rev().step_by(11).cycle()) {
        for v6 in [false, true] {
            let echo = call(b"echo", &[b"t", b"k", &vec![b'x'; bytes]]);
            let response: Vec<u8> = (0..len).map(|i| i as u8).collect();
            keep(&mut program, 1, &echo, &response, b"k", SECOND_NS);
            assert_eq!(
                ask(&program, v6, &echo).as_ref(),
                Some(&response),
                "{bytes}"
            );
            let longer = call(b"echo", &[b"t", b"k", &vec![b'x'; bytes + 1]]);
            assert_eq!(ask(&program, v6, &longer), None);
            let another = call(b"echo", &[b"t", b"l", &vec![b'x'; bytes]]);
            assert_eq!(ask(&program, v6, &another), None);
            let hash = hash_bytes(&echo[HEAD_LEN..]);
            program.held.withdraw(hash).expect("the index");
            asked += 1;
        }
    }
    let counters = program.counters().expect("counters");
    assert_eq!(counters.of(Outcome::Hit), asked);
    assert_eq!(counters.of(Outcome::GetPassed), 2 * asked);
    assert_eq!(program.held.hits().expect("the map"), [0, asked, 0, 0]);
}

#[test]
fn a_write_takes_responses_out_that_depend_on_its_key() {
    let Some(mut program) = loaded(Responses::load(PORTS, SLOTS)) else {
        return;
    };
    let get = call(b"get", &[b"tenant", b"key"]);
    let echo = call(b"echo", &[b"tenant", b"key", b"bytes"]);
    for (write, invalidates) in [
        (call(b"set", &[b"tenant", b"key", b"new"]), true),
        (call(b"add", &[b"other", b"key", &[0; 8]]), true),
        (call(b"unheard-of", &[b"t", b"k"]), true),
        (call(b"set", &[b"tenant", b"another", b"new"]), false),
        (call(b"scan", &[b"tenant", b"key", &[0, 1]]), false),
        (call(b"set", &[b"tenant"]), false),
        (call(b"set", &[b"tenant", b"", b"new"]), false),
        (call(b"get", &[b"tenant", b"key", b"more"]), false),
    ] {
        keep(&mut program, 0, &get, b"\0old", b"key", SECOND_NS);
        keep(&mut program, 1, &echo, b"\0bytes", b"key", SECOND_NS);
        assert_eq!(ask(&program, false, &get).as_deref(), Some(&b"\0old"[..]));
        assert_eq!(ask(&program, true, &write), None, "write-through");
        assert_eq!(ask(&program, false, &get).is_none(), invalidates);
        let computed = ask(&program, false, &echo);
        assert_eq!(computed.as_deref(), Some(&b"\0bytes"[..]), "no item's");
    }
    let counters = program.counters().expect("counters");
    let seen = [
        Outcome::Stale,
        Outcome::WritePassed,
        Outcome::OtherPassed,
        Outcome::ReadPassed,
    ]
    .map(|outcome| counters.of(outcome));
    assert_eq!(seen, [3, 3, 1, 3]);
}

#[test]
fn a_response_that_has_expired_is_given_out_no_more() {
    let Some(mut program) = loaded(Responses::load(PORTS, SLOTS)) else {
        return;
    };
    let spin = call(b"spin", &[b"t", b"k", &[0; 4]]);
    keep(&mut program, 3, &spin, b"\0", b"k", 0);
    assert_eq!(ask(&program, false, &spin), None);
    keep(&mut program, 3, &spin, b"\0", b"k", 100 * SECOND_NS);
    assert_eq!(ask(&program, false, &spin).as_deref(), Some(&b"\0"[..]));
    program
        .held
        .withdraw(hash_bytes(&spin[HEAD_LEN..]))
        .expect("the index");
    assert_eq!(ask(&program, false, &spin), None);
    let counters = program.counters().expect("counters");
    assert_eq!(
        [Outcome::Expired, Outcome::Hit, Outcome::GetPassed].map(|it| counters.of(it)),
        [1, 1, 2]
    );
}

#[test]
fn what_is_no_call_is_dropped_by_name_and_what_is_not_ours_passes() {
    let Some(program) = loaded(Responses::load(PORTS, SLOTS)) else {
        return;
    };
    let run = |frame: &[u8]| program.test_run(frame, 1, NOWHERE).expect("run").verdict;
    assert_eq!(
        run(&frame(false, b"\0\x01\0\0\0\x01\0\0get k\r\n........")),
        XDP_DROP
    );
    let spin = call(b"spin", &[b"t", b"k", &[0; 4]]);
    assert_eq!(run(&frame(true, &spin[..spin.len() - 1])), XDP_DROP);
    let foreign = Wrapping {
        dst_port: PORT + 1,
        ..Wrapping::default()
    };
    assert_eq!(run(&foreign.frame(&spin)), XDP_PASS);
    let counters = program.counters().expect("counters");
    let of = |reason: steering::Drop| counters.drops[reason.index() as usize].1;
    assert_eq!(
        (
            of(steering::Drop::BadRpcHeader),
            of(steering::Drop::Truncated),
            counters.passed
        ),
        (1, 1, 1)
    );
    assert_eq!(
        Responses::load(PORTS, 0)
            .err()
            .map(|it| it.to_string().contains("slot")),
        Some(true)
    );
}
