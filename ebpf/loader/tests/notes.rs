//! The notes of keys in packets' metadata: what the kernel writes is what user space computes.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
#[path = "../../fixtures/mod.rs"]
mod fixtures;

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
#[path = "support/requests.rs"]
mod requests;

use std::os::fd::{AsFd as _, OwnedFd};

use fixtures::build::{Wrapping, binary, framed};
use fixtures::table::fixtures;
use loader::{Notes, Steer, SteerConfig, SteerOptions};
use requests::{request, runner};
use steering::note::NOTE_LEN;
use steering::{
    Inputs, KeyNote, PartitionTable, Policy, Verdict, hash_bytes, slot_of, steer_noting,
};
use support::{NOWHERE, PORT, loaded, xdp_socket};

const OWNERS: u32 = 5;
const XDP_REDIRECT: u32 = 4;
/// The kernel wants at least a link header.
const SHORTEST: usize = 14;

/// The program that notes keys, a socket for each owner.
struct Noting {
    steer: Steer,
    _sockets: Vec<OwnedFd>,
}

impl Noting {
    fn new(policy: Policy, corrupt_slot: Option<u16>) -> Option<Self> {
        let config = SteerConfig {
            policy,
            queues: 1,
            owners: OWNERS,
            members: support::members(policy, OWNERS),
            server_port: PORT,
            ports: 1,
            hot_keys: 0,
        };
        let note = Some(Notes { corrupt_slot });
        let mut steer = loaded(Steer::load_with(
            &config,
            &SteerOptions {
                note,
                ..SteerOptions::default()
            },
        ))?;
        let sockets: Vec<_> = (0..OWNERS).map(|_| xdp_socket()).collect();
        for (owner, socket) in (0..).zip(&sockets) {
            steer.register(0, owner, socket.as_fd()).expect("a socket");
        }
        Some(Self {
            steer,
            _sockets: sockets,
        })
    }

    /// Whether the frame was redirected, and the note in front of it.
    fn run(&self, frame: &[u8]) -> (bool, Option<KeyNote>) {
        let run = self.steer.test_run(frame, 1, NOWHERE).expect("test run");
        let (metadata, data) = run.data.split_at(run.data.len() - frame.len());
        assert_eq!(data, frame, "the program must not touch the frame");
        let redirected = run.verdict == XDP_REDIRECT;
        let len = if redirected { NOTE_LEN } else { 0 };
        assert_eq!(metadata.len(), len, "words for each frame of an owner");
        let (words, _) = metadata.as_chunks::<8>();
        let words = words
            .first_chunk::<2>()
            .map(|words| words.map(u64::from_ne_bytes));
        let note = words.and_then(KeyNote::of_words);
        assert!(note.is_some() || words.is_none_or(|words| words == KeyNote::NO_NOTE));
        (redirected, note)
    }
}

/// What user space makes of the same frame.
fn expected(policy: Policy, frame: &[u8]) -> (bool, Option<KeyNote>) {
    let inputs = Inputs {
        policy,
        owners: OWNERS,
        members: support::members(policy, OWNERS),
        server_port: PORT,
        ports: 1,
        rx_queue: 0,
        hot: false,
        tick: 0,
    };
    let partitions = match policy {
        Policy::Cluster => OWNERS / support::members(policy, OWNERS),
        Policy::Key
        | Policy::Rss
        | Policy::Port
        | Policy::FlowToeplitz
        | Policy::FlowMix
        | Policy::Token
        | Policy::Function
        | Policy::Argument(_)
        | Policy::Range(_)
        | Policy::ScansInTurn => OWNERS,
    };
    let table = PartitionTable::even(partitions as u16);
    let mut noted = None;
    let verdict = steer_noting(frame, &table, &inputs, |note| noted = Some(note));
    match verdict {
        Verdict::Owner(_) => (true, noted),
        Verdict::Pass | Verdict::Drop(_) => (false, None),
    }
}

#[test]
fn every_fixture_gets_the_note_that_user_space_computes() {
    for policy in [Policy::Key, Policy::Cluster] {
        let Some(noting) = Noting::new(policy, None) else {
            return;
        };
        let mut noted = 0;
        for fixture in fixtures().into_iter().filter(|f| f.frame.len() >= SHORTEST) {
            let got = noting.run(&fixture.frame);
            assert_eq!(
                got,
                expected(policy, &fixture.frame),
                "{}",
                fixture.description
            );
            if let Some(note) = got.1 {
                let at = usize::from(note.at);
                let key = &fixture.frame[at..at + usize::from(note.len)];
                assert_eq!(note.hash, hash_bytes(key), "{}", fixture.description);
                noted += 1;
            }
        }
        assert!(noted > 50, "{noted} notes");
    }
}

#[test]
fn random_requests_are_noted_alike() {
    let Some(noting) = Noting::new(Policy::Key, None) else {
        return;
    };
    let result = runner(2000).run(&request(), |request| {
        let frame = Wrapping::default().frame(&framed(&request));
        proptest::prop_assert_eq!(noting.run(&frame), expected(Policy::Key, &frame));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_corrupted_slot_has_wrong_hashes_and_no_other() {
    let victim = slot_of(hash_bytes(b"key0"));
    let Some(noting) = Noting::new(Policy::Key, Some(victim)) else {
        return;
    };
    let mut wrong = 0;
    for number in 0..3000 {
        let key = format!("key{number}");
        let hash = hash_bytes(key.as_bytes());
        for request in [
            format!("get {key}\r\n").into_bytes(),
            binary(0, 0, key.as_bytes(), 0),
        ] {
            let frame = Wrapping::default().frame(&framed(&request));
            let (redirected, note) = noting.run(&frame);
            let note = note.expect("a note");
            assert!(redirected);
            assert_eq!(note.hash != hash, slot_of(hash) == victim, "{key}");
            assert_eq!(slot_of(note.hash), slot_of(hash), "{key}");
            wrong += u32::from(note.hash != hash);
        }
    }
    assert!(wrong >= 2, "key0 twice at least");
}

#[test]
fn the_program_that_only_steers_notes_nothing() {
    let Some(rig) = support::Rig::new(Policy::Key, 1, OWNERS, 1) else {
        return;
    };
    let frame = Wrapping::default().frame(&framed(b"get foo\r\n"));
    let run = rig.steer.test_run(&frame, 1, NOWHERE).expect("test run");
    assert_eq!((run.verdict, run.data), (XDP_REDIRECT, frame));
}

#[test]
fn a_policy_without_keys_has_nothing_to_note() {
    let config = SteerConfig {
        policy: Policy::Port,
        queues: 1,
        owners: 1,
        members: 1,
        server_port: PORT,
        ports: 1,
        hot_keys: 0,
    };
    let options = SteerOptions {
        note: Some(Notes::default()),
        ..SteerOptions::default()
    };
    let refused = Steer::load_with(&config, &options).err().expect("refused");
    let by_config = matches!(refused, loader::Error::BadConfig(_));
    assert!(by_config || loaded::<()>(Err(refused)).is_none());
}
