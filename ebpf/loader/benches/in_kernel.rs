//! What a request costs that is answered in the kernel, beside a bare reflector and the parse.
//!
//! Each run begins with a program that writes the request into the frame (the one before has left a reply
//! there) and goes on to the program under test; the time of going on to an empty program is taken off.
//! All programs take turns, so that drift of the machine hits all, and the middles of the rounds are
//! printed. The parse is the steering program: parse, hash, owner, decision, without the redirect itself.
//! Criterion's times come last, the restoring included.

#[expect(dead_code, reason = "this target needs a part of what builds frames")]
#[path = "../../fixtures/build.rs"]
mod build;

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use build::{PORT, Wrapping, framed};
use criterion::{BenchmarkId, Criterion};
use loader::{
    Error, KvDirect, NetCache, NetCacheConfig, Pass, Reflect, Renew, ServerPorts, Steer,
    SteerConfig, TestContext, XdpProgram,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use steering::in_kernel::item::item_of;
use steering::{Policy, hash_bytes};

const NOWHERE: TestContext = TestContext {
    ifindex: 0,
    rx_queue: 0,
};
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;
const XDP_REDIRECT: u32 = 4;
const PORTS: ServerPorts = ServerPorts::new(PORT, 1);
/// Runs of a program in one measurement.
const REPEAT: u32 = 2_000;
/// Rounds, in each of which every program is measured once.
const ROUNDS: usize = 201;

/// A program under test, behind the one that renews its request.
struct Case {
    name: &'static str,
    renew: Renew,
    frame: Vec<u8>,
    verdict: u32,
}

impl Case {
    fn new(
        name: &'static str,
        frame: Vec<u8>,
        program: &impl XdpProgram,
        verdict: u32,
    ) -> loader::Result<Self> {
        let mut renew = Renew::load(&frame)?;
        renew.before(program)?;
        Ok(Self {
            name,
            renew,
            frame,
            verdict,
        })
    }

    /// Nanoseconds of one run. The kernel rounds down.
    fn nanos(&self) -> f64 {
        let run = self.renew.test_run(&self.frame, REPEAT, NOWHERE);
        let run = run.expect("test run");
        assert_eq!(run.verdict, self.verdict, "{}", self.name);
        run.duration.as_nanos() as f64 + 0.5
    }
}

/// The programs, loaded once.
struct Programs {
    empty: Pass,
    reflect: Reflect,
    steer: Steer,
    cache: NetCache,
    store: KvDirect,
    _socket: OwnedFd,
}

fn load() -> loader::Result<Programs> {
    let mut steer = Steer::load(&SteerConfig {
        policy: Policy::Key,
        queues: 1,
        owners: 1,
        members: 1,
        server_port: PORT,
        ports: 1,
        hot_keys: 0,
    })?;
    let family = AddressFamily::from_raw(libc::AF_XDP as u16);
    let socket =
        socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None).expect("AF_XDP sockets");
    steer.register(0, 0, socket.as_fd())?;
    Ok(Programs {
        empty: Pass::load()?,
        reflect: Reflect::load(PORTS)?,
        steer,
        cache: NetCache::load(&NetCacheConfig {
            ports: PORTS,
            slots: 1 << 11,
            sample_shift: 2,
            hot: 1 << 40,
        })?,
        store: KvDirect::load(PORTS, 1 << 14)?,
        _socket: socket,
    })
}

fn frame(text: &str) -> Vec<u8> {
    Wrapping::default().frame(&framed(text.as_bytes()))
}

/// Every program with a key and a value of these lengths.
fn cases(programs: &mut Programs, key: usize, value: usize) -> loader::Result<Vec<Case>> {
    let (key, value) = ("k".repeat(key), "v".repeat(value));
    let hash = hash_bytes(key.as_bytes());
    let item = item_of(key.as_bytes(), 0, value.as_bytes()).expect("within the limits");
    let slot = value.len() as u32;
    programs.cache.write(slot, item, 0)?;
    programs.cache.held.publish(hash, slot)?;
    let get = frame(&format!("get {key}\r\n"));
    let absent = frame(&format!("get {}\r\n", "m".repeat(key.len())));
    let set = frame(&format!("set {key} 0 0 {}\r\n{value}\r\n", value.len()));
    let Programs {
        empty,
        reflect,
        steer,
        cache,
        store,
        ..
    } = programs;
    let filled = store.test_run(&set, 1, NOWHERE)?;
    assert_eq!(filled.verdict, XDP_TX, "stored");
    Ok(vec![
        Case::new("empty, get", get.clone(), empty, XDP_PASS)?,
        Case::new("empty, set", set.clone(), empty, XDP_PASS)?,
        Case::new("reflector", get.clone(), reflect, XDP_TX)?,
        Case::new("parse", get.clone(), steer, XDP_REDIRECT)?,
        Case::new("netcache hit", get.clone(), cache, XDP_TX)?,
        Case::new("netcache miss", absent, cache, XDP_PASS)?,
        Case::new("kv_direct get", get, store, XDP_TX)?,
        Case::new("kv_direct set", set, store, XDP_TX)?,
    ])
}

/// The mean of the middle half: robust as a median, but finer than the kernel's whole nanoseconds.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let quarter = values.len() / 4;
    let half = &values[quarter..values.len() - quarter];
    half.iter().sum::<f64>() / half.len() as f64
}

fn compare(cases: &[Case], key: usize, value: usize) {
    println!("IPv4, {key} B keys, {value} B values, ns a run, middle of {ROUNDS} rounds");
    let mut times = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter().zip(&mut times) {
            times.push(case.nanos());
        }
    }
    let (get, set) = (times[0].clone(), times[1].clone());
    let net = |times: &[f64], base: &[f64]| {
        let differences = times.iter().zip(base).map(|(time, base)| time - base);
        middle(differences.collect())
    };
    let nets: Vec<f64> = (cases.iter().zip(&times))
        .map(|(case, times)| match case.name.ends_with("set") {
            true => net(times, &set),
            false => net(times, &get),
        })
        .collect();
    let reference = nets[2] + nets[3];
    println!("{:<14}  net_ns  ratio_to_reflector_and_parse", "");
    for (case, net) in cases.iter().zip(&nets).skip(2) {
        println!("{:<14}  {net:>6.1}  {:>5.2}", case.name, net / reference);
    }
}

fn main() {
    let mut programs = match load() {
        Ok(programs) => programs,
        Err(error) => {
            assert!(matches!(error, Error::NotPermitted), "{error}");
            println!("SKIPPED: {error}");
            return;
        }
    };
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .without_plots()
        .configure_from_args();
    let mut group = criterion.benchmark_group("in_kernel");
    for (key, value) in [(8, 8), (16, 64), (64, 192)] {
        let cases = cases(&mut programs, key, value).expect("loaded before");
        compare(&cases, key, value);
        for case in &cases {
            let name = BenchmarkId::new(case.name, format!("{key}/{value}"));
            group.bench_with_input(name, case, |bencher, case| {
                bencher.iter_custom(|iterations| {
                    let iterations = u32::try_from(iterations).unwrap_or(u32::MAX);
                    let repeat = iterations.max(REPEAT);
                    let run = case.renew.test_run(&case.frame, repeat, NOWHERE);
                    run.expect("run").duration * iterations
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
