//! Namespaces themselves: unsharing, entering, naming, and that they end with their processes.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount};
use steerbench_sys::link::{self, Peer, VethSpec};
use steerbench_sys::netns::{self, Namespace};
use steerbench_sys::process::{Identity, die_with_parent_on_exec};
use steerbench_sys::{ethtool, napi};

use super::links::spec;

pub(crate) fn empty() {
    let machine = Namespace::current().unwrap();
    netns::unshare_here().unwrap();
    let here = Namespace::current().unwrap();
    assert_ne!(machine.inode().unwrap(), here.inode().unwrap());
    assert_eq!(
        Namespace::of_pid(std::process::id())
            .unwrap()
            .inode()
            .unwrap(),
        here.inode().unwrap()
    );
    let links = link::list().unwrap();
    assert_eq!(
        links
            .iter()
            .map(|link| (&*link.name, link.up))
            .collect::<Vec<_>>(),
        [("lo", false)]
    );
    let shown: Vec<_> = fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(shown, ["lo"]);
    link::set_up("lo").unwrap();
    std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .connect("127.0.0.1:9")
        .unwrap();
    let another = Namespace::create().unwrap();
    assert_ne!(another.inode().unwrap(), here.inode().unwrap());
    assert_eq!(
        Namespace::current().unwrap().inode().unwrap(),
        here.inode().unwrap()
    );
}

pub(crate) fn threads_refused() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let before = Namespace::current().unwrap().inode().unwrap();
    assert_eq!(
        netns::unshare_here().unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(Namespace::current().unwrap().inode().unwrap(), before);
    drop(stop);
    thread.join().unwrap().unwrap_err();
}

pub(crate) fn foreign_sysfs() {
    netns::unshare_here().unwrap();
    link::create_veth(&VethSpec {
        peer: "end",
        ..spec(1, Peer::Here)
    })
    .unwrap();
    link::set_up("server").unwrap();
    super::xdp::attach_pass("server");
    napi::set_threaded("server", true).unwrap();
    let other = Namespace::create().unwrap();
    other
        .run(|| {
            // The same name and number as in the namespace that /sys shows: a trap.
            link::create_veth(&VethSpec {
                peer: "end",
                mac: super::links::CLIENT_MAC,
                peer_mac: super::links::SERVER_MAC,
                ..spec(1, Peer::Here)
            })
            .unwrap();
            let error = napi::set_threaded("server", false).unwrap_err().to_string();
            assert!(error.contains("fresh_sysfs"), "{error}");
        })
        .unwrap();
    assert!(
        napi::is_threaded("server").unwrap(),
        "the trap was not stepped into"
    );
}

pub(crate) fn spawn() {
    netns::unshare_here().unwrap();
    let other = Namespace::create().unwrap();
    let here = Namespace::current().unwrap().inode().unwrap();
    let start = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        die_with_parent_on_exec(&mut command);
        other.spawn(command).unwrap()
    };
    // Asked for in a thread that ends at once: the child must not die with it.
    let mut child = std::thread::scope(|scope| {
        scope
            .spawn(|| start("sleep 0.3; readlink /proc/self/ns/net"))
            .join()
            .unwrap()
    });
    let mut shown = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut shown)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(shown.trim(), format!("net:[{}]", other.inode().unwrap()));
    let second = start("readlink /proc/self/ns/net")
        .wait_with_output()
        .unwrap();
    assert_eq!(String::from_utf8(second.stdout).unwrap(), shown);
    assert_eq!(Namespace::current().unwrap().inode().unwrap(), here);
    let error = other.spawn(Command::new("/no/such/program")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    // The starting thread went home, else the namespace would be held by one of our threads.
    let inside = steerbench_sys::account::threads_of(std::process::id()).unwrap();
    for tid in inside {
        let target = fs::read_link(format!("/proc/self/task/{tid}/ns/net")).unwrap();
        assert_eq!(target.to_str().unwrap(), format!("net:[{here}]"));
    }
}

/// The run that [`crash`] kills: it puts an agent into a namespace and holds nothing but descriptors.
pub(crate) fn doomed() {
    let space = Namespace::create().unwrap();
    link::create_veth(&spec(1, Peer::In(&space))).unwrap();
    let mut agent = Command::new("sleep");
    agent.arg("60").stdout(Stdio::null());
    die_with_parent_on_exec(&mut agent);
    println!("{}", space.spawn(agent).unwrap().id());
    std::thread::sleep(Duration::from_secs(60));
}

pub(crate) fn crash() {
    netns::unshare_here().unwrap();
    let me = std::env::current_exe().unwrap();
    let arguments = ["--case", super::DOOMED];
    let mut run = Command::new(me)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(run.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let agent = Identity::of(line.trim().parse().unwrap()).unwrap();
    assert!(agent.is_alive() && link::get("server").is_ok());
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(agent.wait(Duration::from_secs(5)).unwrap());
    // With the namespace goes the other end of the pair, hence ours too; the kernel takes its time.
    let deadline = Instant::now() + Duration::from_secs(10);
    while link::get("server").is_ok() {
        assert!(Instant::now() < deadline, "the namespace is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn named() {
    netns::unshare_here().unwrap();
    // In the mounts of this process only, so that no name appears on the machine.
    mount("none", "/run", "tmpfs", MountFlags::empty(), None).unwrap();
    assert_eq!(netns::names().unwrap(), [""; 0]);
    let space = Namespace::create().unwrap();
    let path = netns::bind_name(&space, "sb-test").unwrap();
    assert_eq!(path.to_str(), Some("/run/netns/sb-test"));
    assert_eq!(netns::names().unwrap(), ["sb-test"]);
    let taken = netns::bind_name(&space, "sb-test").unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    let inode = space.inode().unwrap();
    drop(space);
    assert_eq!(
        Namespace::of_name("sb-test").unwrap().inode().unwrap(),
        inode
    );
    let inside = ["netns", "exec", "sb-test", "readlink", "/proc/self/ns/net"];
    let shown = Command::new("ip").args(inside).output().unwrap();
    assert_eq!(
        String::from_utf8(shown.stdout).unwrap().trim(),
        format!("net:[{inode}]")
    );
    assert_eq!(
        ethtool::driver_info("server").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    netns::remove_name("sb-test").unwrap();
    assert_eq!(
        netns::remove_name("sb-test").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        Namespace::of_name("sb-test").unwrap_err().kind(),
        ErrorKind::NotFound
    );
}
