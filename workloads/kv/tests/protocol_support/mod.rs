//! Two peers for the same bytes: memcached itself, and the store behind the parsers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kv::protocol::{Dialect, ServerFacts, drain};
use kv::store::{Items, LogConfig, Shard, ShardConfig};

/// Without the thread that sorts memcached's items by use, which holds those that were read until it
/// comes to them: meanwhile a number that gets shorter is not padded.
const NO_MAINTAINER: &str = "no_lru_maintainer";
/// The line behind which a script pauses.
const PAUSE: &[u8] = b"mn\r\n";
/// How long it pauses at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A script in pieces that end behind a [`PAUSE`].
fn pieces(script: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = script;
    while let Some(at) = rest.windows(PAUSE.len()).position(|part| part == PAUSE) {
        let (piece, behind) = rest.split_at(at + PAUSE.len());
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

/// A memcached of its own on a loopback port, ended with the value.
pub(crate) struct Memcached {
    process: Child,
    address: SocketAddr,
}

impl Memcached {
    /// Starts one; `None`, said aloud, where memcached is not installed.
    pub(crate) fn start() -> Option<Self> {
        for _ in 0..5 {
            let port = free_port();
            let spawned = Command::new("memcached")
                .args([
                    "-u",
                    "nobody",
                    "-l",
                    "127.0.0.1",
                    "-U",
                    "0",
                    "-m",
                    "64",
                    "-t",
                    "1",
                    "-o",
                    NO_MAINTAINER,
                    "-p",
                ])
                .arg(port.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let process = match spawned {
                Ok(process) => process,
                Err(error) => {
                    eprintln!("SKIPPED: memcached cannot be started here ({error})");
                    return None;
                }
            };
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut memcached = Self { process, address };
            if memcached.answers() {
                return Some(memcached);
            }
        }
        panic!("memcached is installed but does not come up on a free port");
    }

    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            // Somebody else took the port in between.
            if !matches!(self.process.try_wait(), Ok(None)) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// Sends `script` on a connection of its own and returns all that comes back.
    ///
    /// Behind each `mn` it waits until that is answered: whether memcached pads a number that got shorter
    /// depends on whether an earlier reply still holds the item, and by then none does.
    pub(crate) fn play(&self, script: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).expect("connect to memcached");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("set a timeout");
        let mut writer = stream.try_clone().expect("clone the stream");
        let script = script.to_vec();
        let (answer, answers) = std::sync::mpsc::channel();
        let sender = std::thread::spawn(move || {
            for piece in pieces(&script) {
                // A peer that closes early makes this fail, which is then no fault.
                let _ = writer.write_all(piece);
                if piece.ends_with(PAUSE) {
                    // There is no answer where the line was taken for a value.
                    let _ = answers.recv_timeout(LONGEST_PAUSE);
                }
            }
            let _ = writer.shutdown(Shutdown::Write);
        });
        let mut reply = Vec::new();
        let mut part = [0; 65536];
        loop {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(n) => {
                    reply.extend_from_slice(&part[..n]);
                    if reply.ends_with(b"MN\r\n") {
                        // The sender may have ended.
                        let _ = answer.send(());
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("memcached does not answer: {error}"),
            }
        }
        sender.join().expect("the sender never panics");
        reply
    }
}

impl Drop for Memcached {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    listener.local_addr().expect("a bound address").port()
}

/// Unix time in seconds.
pub(crate) fn unix_now() -> u32 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    since.as_secs() as u32
}

/// The store behind the parsers, fed like a stream.
pub(crate) struct Store<M> {
    shard: Shard<M>,
    now: u32,
}

impl<M: Items> Store<M> {
    pub(crate) fn new(shard: Shard<M>) -> Self {
        Self {
            shard,
            now: unix_now(),
        }
    }

    /// Plays `script` as one connection, received in pieces of `piece` bytes.
    pub(crate) fn play(&mut self, script: &[u8], piece: usize) -> Vec<u8> {
        let facts = ServerFacts {
            shards: 1,
            threads: 1,
            ..ServerFacts::default()
        };
        let (mut buffer, mut reply, mut swallow) = (Vec::new(), Vec::new(), 0);
        let Some(first) = script.first() else {
            return reply;
        };
        let dialect = Dialect::of(*first);
        let mut needed = 0;
        for received in script.chunks(piece.max(1)) {
            buffer.extend_from_slice(received);
            let skip = swallow.min(buffer.len());
            buffer.drain(..skip);
            swallow -= skip;
            while swallow == 0 && buffer.len() >= needed.max(1) {
                let done = drain(
                    &mut self.shard,
                    dialect,
                    &buffer,
                    self.now,
                    &facts,
                    &mut reply,
                );
                buffer.drain(..done.consumed);
                if done.close {
                    return reply;
                }
                swallow = done.swallow;
                needed = done.needed;
                assert!(needed == 0 || needed > buffer.len(), "asks for what it has");
            }
        }
        reply
    }
}

/// Plays `script` to a fresh memcached, and to a fresh store of each engine once for each size of
/// piece, and compares what comes back.
///
/// memcached's clock ticks once a second, and a tick inside a script may show; so a difference
/// counts only when it comes back.
pub(crate) fn compare(script: &[u8], pieces: &[usize]) -> Result<(), String> {
    let mut last = Ok(());
    for _ in 0..3 {
        let Some(memcached) = Memcached::start() else {
            return Ok(());
        };
        let theirs = memcached.play(script);
        last = pieces.iter().try_for_each(|piece| {
            let slab = Shard::new(ShardConfig { bytes: 64 << 20 }).expect("64 MiB");
            let cache = Shard::log(LogConfig::cache(8 << 20)).expect("8 MiB");
            let store = Shard::log(LogConfig::store(8 << 20)).expect("8 MiB");
            let ours = [
                ("size classes", Store::new(slab).play(script, *piece)),
                ("cache log", Store::new(cache).play(script, *piece)),
                ("store log", Store::new(store).play(script, *piece)),
            ];
            ours.iter().try_for_each(|(engine, ours)| {
                if theirs == *ours {
                    Ok(())
                } else {
                    Err(format!("{engine}: {}", difference(script, &theirs, ours)))
                }
            })
        });
        if last.is_ok() {
            break;
        }
    }
    last
}

/// Both replies from a little before where they part.
fn difference(script: &[u8], theirs: &[u8], ours: &[u8]) -> String {
    let common = theirs.iter().zip(ours).take_while(|(a, b)| a == b).count();
    let part = |reply: &[u8]| {
        let end = reply.len().min(common + 200);
        reply[common.saturating_sub(200)..end]
            .escape_ascii()
            .to_string()
    };
    format!(
        "replies differ at byte {common}\nscript:    {}\nmemcached: {}\nstore:     {}",
        script[script.len().saturating_sub(8000)..].escape_ascii(),
        part(theirs),
        part(ours)
    )
}
