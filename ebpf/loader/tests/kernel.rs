//! quick
mod support;
use loader::*;
use steering::Policy;
#[test]
fn loads() {
    if !support::kernel_tier() { return; }
    for policy in [Policy::Rss, Policy::Key, Policy::Port] {
        let s = Steer::load(&SteerConfig { policy, queues: 2, owners: 4, server_port: 11211, ports: 4 });
        match s { Ok(s) => println!("{policy:?} {:?}", s.provenance().unwrap()), Err(e) => { let t = e.to_string(); println!("{policy:?} FAIL {} ... {}", &t[..t.len().min(3000)], &t[t.len().saturating_sub(3000)..]) } }
    }
    let p = |n: &str, r: loader::Result<Provenance>| match r { Ok(v) => println!("{n} {v:?}"), Err(e) => { let t = e.to_string(); println!("{n} FAIL {}", &t[t.len().saturating_sub(3000)..]) } };
    p("receive", Receive::load(2, ClientFilter { server_port: 11211, ports: 1 }).and_then(|x| x.provenance()));
    p("pass", Pass::load().and_then(|x| x.provenance()));
    p("reflect", Reflect::load(&ReflectConfig { server_port: 1, ports: 1 }).and_then(|x| x.provenance()));
    p("loss", Lossy::load(&LossyConfig { frames: 3, first_port: 1, ports: 1 }).and_then(|x| x.provenance()));
    p("txport", TxQueue::load(&TxQueueConfig::Port { base: 11211, queues: 2 }).and_then(|x| x.provenance()));
    p("txrss", TxQueue::load(&TxQueueConfig::Rss { key: steering::rss::DEFAULT_KEY, indirection: steering::rss::Indirection::even(2) }).and_then(|x| x.provenance()));
}
