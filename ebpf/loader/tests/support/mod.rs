//! What the tests against the kernel share.

use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};

use loader::{Error, Steer, SteerConfig, SteerCounters, TestContext};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use steering::{Policy, Verdict};

/// First port of the server in all tests.
pub(crate) const PORT: u16 = 11211;

/// XDP actions, as the kernel numbers them.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;

/// No device: queue 0.
pub(crate) const NOWHERE: TestContext = TestContext {
    ifindex: 0,
    rx_queue: 0,
};

/// Says that a test cannot run here, or fails where every tier is demanded.
pub(crate) fn skip(reason: &dyn std::fmt::Display) {
    let demanded = std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS").is_some_and(|v| v == "1");
    assert!(
        !demanded,
        "STEERBENCH_REQUIRE_ALL_TIERS is set, but: {reason}"
    );
    // Not by println, which the test runner keeps to itself when a test passes.
    let test = std::thread::current();
    let line = format!("SKIPPED {}: {reason}\n", test.name().unwrap_or("a test"));
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error");
}

/// What loading gave, or `None` (said loudly) where this machine cannot load programs. A refusal by
/// the verifier is no reason to skip.
pub(crate) fn loaded<T>(result: loader::Result<T>) -> Option<T> {
    match result {
        Ok(loaded) => Some(loaded),
        Err(error @ (Error::NotPermitted | Error::BrokenKernel(_))) => {
            skip(&error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// An AF_XDP socket, unbound: enough for the map, and a test run delivers nothing.
pub(crate) fn xdp_socket() -> OwnedFd {
    let family = AddressFamily::from_raw(libc::AF_XDP as u16);
    socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None).expect("AF_XDP")
}

/// Owners among which the receive queue decides: two to a cluster, or all.
pub(crate) fn members(policy: Policy, owners: u32) -> u32 {
    match policy {
        Policy::Cluster => 2,
        Policy::Rss
        | Policy::Key
        | Policy::Port
        | Policy::FlowToeplitz
        | Policy::FlowMix
        | Policy::Token
        | Policy::Function
        | Policy::Argument(_)
        | Policy::Range(_)
        | Policy::ScansInTurn => owners,
    }
}

/// The steering program with a socket for every owner on every queue, read through its counters.
pub(crate) struct Rig {
    pub(crate) steer: Steer,
    _sockets: Vec<OwnedFd>,
    before: SteerCounters,
}

impl Rig {
    pub(crate) fn new(policy: Policy, queues: u32, owners: u32, ports: u16) -> Option<Self> {
        Self::of(&SteerConfig {
            policy,
            queues,
            owners,
            members: members(policy, owners),
            server_port: PORT,
            ports,
            hot_keys: 0,
        })
    }

    /// With the program of this configuration, on sockets that nobody reads.
    pub(crate) fn of(config: &SteerConfig) -> Option<Self> {
        let SteerConfig { queues, owners, .. } = *config;
        let mut steer = loaded(Steer::load(config))?;
        let mut sockets = Vec::new();
        for queue in 0..queues {
            for owner in 0..owners {
                let socket = xdp_socket();
                steer
                    .register(queue, owner, socket.as_fd())
                    .expect("in the mesh");
                sockets.push(socket);
            }
        }
        let before = steer.counters().expect("counters");
        Some(Self {
            steer,
            _sockets: sockets,
            before,
        })
    }

    /// The kernel's verdict over one frame, which must have moved exactly one counter.
    pub(crate) fn verdict(&mut self, frame: &[u8], context: TestContext) -> Verdict {
        let run = self.steer.test_run(frame, 1, context).expect("test run");
        assert_eq!(run.data, frame, "the program must not touch the frame");
        let after = self.steer.counters().expect("counters");
        let before = std::mem::replace(&mut self.before, after);
        let after = &self.before;
        assert_eq!(after.redirect_failed, before.redirect_failed);
        let mut moved = Vec::new();
        for (owner, (now, then)) in (0..).zip(after.redirected.iter().zip(&before.redirected)) {
            moved.extend((now > then).then_some((Verdict::Owner(owner), XDP_REDIRECT, now - then)));
        }
        let drops = after.drops.iter().zip(&before.drops);
        for ((reason, now), (_, then)) in drops {
            moved.extend((now > then).then_some((Verdict::Drop(*reason), XDP_DROP, now - then)));
        }
        let passed = after.passed - before.passed;
        moved.extend((passed > 0).then_some((Verdict::Pass, XDP_PASS, passed)));
        let &[(verdict, action, 1)] = moved.as_slice() else {
            panic!("counted {moved:?}")
        };
        assert_eq!(run.verdict, action, "{verdict:?}");
        verdict
    }
}
