//! What the steering program costs, beside the bare reference.
//!
//! Time is what BPF_PROG_TEST_RUN reports: the program alone, redirect decided but not carried out.
//! The packets that the reference understands are run in turn by both programs, so that drift of the
//! machine hits both, and the middles of the times and of the pairwise ratios are printed; an empty
//! program's time (the cost of measuring) is printed too, and taken off for the net ratio. Then each
//! other shape of packet takes turns with the plain get of its key's length. Criterion's times come
//! last. README.md keeps a result.

#[path = "../../fixtures/build.rs"]
mod build;

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use build::{PORT, Wrapping, binary, framed};

use criterion::{BenchmarkId, Criterion};
use loader::{Error, Notes, Pass, Steer, SteerConfig, SteerOptions, TestContext, TestRun};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use steering::Policy;

const NOWHERE: TestContext = TestContext {
    ifindex: 0,
    rx_queue: 0,
};
/// Runs of a program in one measurement, at least.
const REPEAT: u32 = 2_000;
/// Pairs of measurements.
const PAIRS: usize = 401;
/// Pairs of measurements per other shape.
const SHAPE_PAIRS: usize = 101;

fn config() -> SteerConfig {
    SteerConfig {
        policy: Policy::Key,
        queues: 1,
        owners: 4,
        members: 4,
        server_port: PORT,
        ports: 1,
        hot_keys: 0,
    }
}

fn register(steer: &mut Steer) -> Vec<OwnedFd> {
    let family = AddressFamily::from_raw(libc::AF_XDP as u16);
    (0..config().owners)
        .map(|owner| {
            let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)
                .expect("AF_XDP sockets");
            steer
                .register(0, owner, socket.as_fd())
                .expect("in the mesh");
            socket
        })
        .collect()
}

fn get(key_len: usize) -> Vec<u8> {
    let key = "k".repeat(key_len);
    Wrapping::default().frame(&framed(format!("get {key}\r\n").as_bytes()))
}

/// Every other shape of packet, by name.
fn shapes() -> Vec<(String, Vec<u8>)> {
    let mut shapes = Vec::new();
    for len in [16, 64, 250] {
        let key = "k".repeat(len);
        let text = |command: &str, rest: &str| {
            Wrapping::default().frame(&framed(format!("{command} {key}{rest}\r\n").as_bytes()))
        };
        let plain = framed(format!("get {key}\r\n").as_bytes());
        let vlan = Wrapping {
            tags: vec![0x8100],
            ..Wrapping::default()
        };
        let options = Wrapping {
            options: 8,
            ..Wrapping::default()
        };
        let v6 = Wrapping {
            v6: true,
            ..Wrapping::default()
        };
        shapes.extend([
            (format!("ipv4 ascii get/{len}"), get(len)),
            (format!("ipv4 ascii set/{len}"), text("set", " 0 0 1\r\nx")),
            (format!("ipv4 ascii gat/{len}"), text("gat 60", "")),
            (format!("ipv4 meta mg/{len}"), text("mg", " v")),
            (
                format!("ipv4 binary get/{len}"),
                Wrapping::default().frame(&framed(&binary(0, 0, key.as_bytes(), 0))),
            ),
            (format!("ipv4 vlan get/{len}"), vlan.frame(&plain)),
            (format!("ipv4 options get/{len}"), options.frame(&plain)),
            (format!("ipv6 ascii get/{len}"), v6.frame(&plain)),
        ]);
    }
    shapes
}

/// The mean of the middle half: robust as a median, but finer than the kernel's whole nanoseconds.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let quarter = values.len() / 4;
    let half = &values[quarter..values.len() - quarter];
    half.iter().sum::<f64>() / half.len() as f64
}

/// Nanoseconds of one run. The kernel stops its watch while it lets others run, and rounds down.
fn nanos(run: loader::Result<TestRun>) -> f64 {
    run.expect("test run").duration.as_nanos() as f64 + 0.5
}

fn compare(steer: &Steer, bare: &Steer, empty: &Pass) {
    println!(
        "IPv4 ASCII get, ns a run, middle of {PAIRS} interleaved rounds of {REPEAT} runs each"
    );
    println!("key_bytes  empty  bare   steer  ratio  ratio_net_of_empty");
    for len in [16, 64, 250] {
        let frame = get(len);
        let verdicts = [steer, bare].map(|p| p.test_run(&frame, 1, NOWHERE).expect("run").verdict);
        assert_eq!(verdicts, [4, 4], "both redirect");
        let run = |program: &Steer| nanos(program.test_run(&frame, REPEAT, NOWHERE));
        let mut rows: [Vec<f64>; 4] = Default::default();
        for round in 0..PAIRS {
            let nothing = nanos(empty.test_run(&frame, REPEAT, NOWHERE));
            // Who goes first alternates.
            let (a, b) = if round % 2 == 0 {
                let a = run(bare);
                (a, run(steer))
            } else {
                let b = run(steer);
                (run(bare), b)
            };
            rows.iter_mut()
                .zip([nothing, a, b, b / a])
                .for_each(|(row, value)| row.push(value));
        }
        let [empty, bare, steer, ratio] = rows.map(middle);
        let net = (steer - empty) / (bare - empty);
        println!("{len:>9}  {empty:>5.1}  {bare:>5.1}  {steer:>5.1}  {ratio:>5.3}  {net:>5.3}");
    }
}

/// What it costs to note the key in the packet's metadata: 16 bytes, by one call of a helper.
fn compare_noting(steer: &Steer, noting: &Steer) {
    println!("Noting the key beside steering alone, middle of {PAIRS} interleaved rounds");
    println!("key_bytes  steer  noting  more_ns");
    for len in [16, 64, 250] {
        let frame = get(len);
        let run = |program: &Steer| nanos(program.test_run(&frame, REPEAT, NOWHERE));
        let mut rows: [Vec<f64>; 3] = Default::default();
        for _ in 0..PAIRS {
            let (alone, noted) = (run(steer), run(noting));
            rows.iter_mut()
                .zip([alone, noted, noted - alone])
                .for_each(|(row, value)| row.push(value));
        }
        let [alone, noted, more] = rows.map(middle);
        println!("{len:>9}  {alone:>5.1}  {noted:>6.1}  {more:>7.1}");
    }
}

/// Every shape beside the plain get with a key of the same length.
fn compare_shapes(steer: &Steer) {
    println!("Other shapes beside the IPv4 ASCII get, middle of {SHAPE_PAIRS} interleaved rounds");
    println!("ns     ratio  shape");
    for (name, frame) in shapes() {
        let len = name.rsplit('/').next().and_then(|len| len.parse().ok());
        let plain = get(len.expect("a name ends in its key's length"));
        let run = |frame: &[u8]| nanos(steer.test_run(frame, REPEAT, NOWHERE));
        let (times, ratios) = (0..SHAPE_PAIRS)
            .map(|_| (run(&plain), run(&frame)))
            .map(|(plain, shape)| (shape, shape / plain))
            .unzip();
        println!("{:>5.1}  {:>5.3}  {name}", middle(times), middle(ratios));
    }
}

fn main() {
    let notes = SteerOptions {
        note: Some(Notes::default()),
        ..SteerOptions::default()
    };
    let loaded = (
        Steer::load(&config()),
        Steer::load_with(&config(), &notes),
        Steer::load_bare(&config()),
        Pass::load(),
    );
    let (mut steer, mut noting, mut bare, empty) = match loaded {
        (Ok(steer), Ok(noting), Ok(bare), Ok(empty)) => (steer, noting, bare, empty),
        (Err(error), ..) | (_, Err(error), ..) | (_, _, Err(error), _) | (.., Err(error)) => {
            assert!(matches!(error, Error::NotPermitted), "{error}");
            println!("SKIPPED: {error}");
            return;
        }
    };
    let _sockets = [&mut steer, &mut noting, &mut bare].map(register);
    compare(&steer, &bare, &empty);
    compare_noting(&steer, &noting);
    compare_shapes(&steer);

    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .without_plots()
        .configure_from_args();
    let mut group = criterion.benchmark_group("steer");
    for (name, frame) in shapes() {
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            &frame,
            |bencher, frame| {
                bencher.iter_custom(|iterations| {
                    let iterations = u32::try_from(iterations).unwrap_or(u32::MAX);
                    // Never a few runs only: the first ones after a system call find cold caches.
                    let repeat = iterations.max(REPEAT);
                    let run = steer.test_run(frame, repeat, NOWHERE).expect("run");
                    run.duration * iterations
                });
            },
        );
    }
    group.finish();
    criterion.final_summary();
}
