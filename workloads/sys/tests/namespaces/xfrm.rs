//! The kernel's IPsec: policies come and go, an association is had or refused with the kernel's reason, and whether there is
//! ESP is asked and looked up.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::process::Command;

use steerbench_sys::netns::{self, Namespace};
use steerbench_sys::xfrm::{self, Association, Direction, Policy, esp_refusal};

const ENDS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(198, 18, 128, 1),
    Ipv4Addr::new(198, 18, 128, 2),
];

pub(crate) fn policies() {
    netns::unshare_here().unwrap();
    let policy = |direction| Policy {
        direction,
        device: 1,
        source: ENDS[0],
        destination: ENDS[1],
        spi: 0x1000,
    };
    for policy in [Direction::Out, Direction::Forward].map(policy) {
        xfrm::add_policy(&policy).unwrap();
        let again = xfrm::add_policy(&policy).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");
        xfrm::remove_policy(&policy).unwrap();
        let gone = xfrm::remove_policy(&policy).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    }
}

/// A kernel without ESP says so of the first association.
pub(crate) fn association() {
    netns::unshare_here().unwrap();
    for integrity in [None, Some([9; 32])] {
        let association = Association {
            source: ENDS[0],
            destination: ENDS[1],
            spi: 0x1000,
            cipher: [7; 16],
            integrity,
            replay_window: 32,
        };
        match xfrm::add_association(&association) {
            Ok(()) => {
                let again = xfrm::add_association(&association).unwrap_err();
                assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");
                xfrm::remove_association(&association).unwrap();
            }
            Err(error) => {
                let told = error.to_string();
                assert!(
                    told.starts_with("add the IPsec association 0x1000: "),
                    "{told}"
                );
                println!("SKIPPED: this kernel has no ESP: {told}");
            }
        }
    }
}

/// What a state that is added says of ESP is what the kernel was built with, where it tells.
pub(crate) fn esp() {
    let here = Namespace::current().and_then(|it| it.inode()).unwrap();
    let refusal = esp_refusal().unwrap();
    assert_eq!(
        Namespace::current().and_then(|it| it.inode()).unwrap(),
        here
    );
    let config = Command::new("zcat").arg("/proc/config.gz").output();
    let Some(config) = config.ok().filter(|output| output.status.success()) else {
        println!("    this kernel does not tell how it was built; asked, it says {refusal:?}");
        return;
    };
    let config = String::from_utf8_lossy(&config.stdout).into_owned();
    let built_in = config.lines().any(|line| line == "CONFIG_INET_ESP=y");
    let module = config.lines().any(|line| line == "CONFIG_INET_ESP=m");
    assert!(module || refusal.is_none() == built_in, "{refusal:?}");
}
