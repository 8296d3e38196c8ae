//! What a system does to its namespace is undone, and what a machine cannot do is refused.

use slices::gateway::{Authentication, GatewayConfig, Secret};
use slices::pair::Side;
use slices::system::{Design, Error, ProcessorConfig, Routing, System, SystemConfig};
use sys::link;
use sys::sysctl;

use crate::chain::{Chain, ENDS, chain, config};
use crate::routed::told;

const SWITCHES: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];

fn forwarding(chain: &Chain) -> [String; 2] {
    chain.at_router(|| SWITCHES.map(|switch| sysctl::read(switch).unwrap()))
}

fn programs(chain: &Chain) -> usize {
    let attached = |end: &crate::chain::End| {
        let link = link::get(end.router_device).unwrap();
        link.xdp.is_some()
    };
    chain.at_router(|| ENDS.iter().filter(|end| attached(end)).count())
}

#[test]
fn forwarding_and_programs_are_as_the_design_wants_them_and_put_back() {
    for config in [
        config(Design::Netslice),
        config(Design::KernelForward),
        config(Design::XdpForward),
        config(Design::RawSocket),
        told(),
    ] {
        let design = config.design;
        let Some(chain) = chain(design) else { return };
        let forwards = design.is_in_kernel() || config.routing == Routing::Kernel;
        // The opposite of what it will be.
        let (before, during) = if forwards { ("0", "1") } else { ("1", "0") };
        chain.at_router(|| {
            for switch in SWITCHES {
                sysctl::write(switch, before).unwrap();
            }
        });
        let system = chain.running(&config);
        assert_eq!(forwarding(&chain), [during; 2], "{config:?}");
        let expected = if design.has_program() { 2 } else { 0 };
        assert_eq!(programs(&chain), expected, "{config:?}");
        // By a thread that is in another namespace.
        system.stop().unwrap();
        assert_eq!(forwarding(&chain), [before; 2], "{config:?}");
        assert_eq!(programs(&chain), 0, "{config:?}");
    }
}

#[test]
fn a_system_can_be_had_again_when_it_was_dropped_in_any_phase() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let config = config(Design::Netslice);
    drop(chain.at_router(|| System::load(&config).unwrap()));
    drop(chain.attached(&config));
    drop(chain.running(&config));
    chain.running(&config).stop().unwrap();
}

#[test]
fn devices_and_queues_that_are_not_there_are_refused_by_name() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let absent = SystemConfig {
        devices: ["router0".to_owned(), "router9".to_owned()],
        ..config(Design::RawSocket)
    };
    let refused = chain.at_router(|| System::load(&absent).unwrap_err().to_string());
    assert!(refused.contains("find the device router9"), "{refused}");
    let many = SystemConfig {
        workers: 3,
        k_peers: vec![0; 3],
        ..config(Design::Netslice)
    };
    let refused = chain.at_router(|| {
        let mut system = System::load(&many).unwrap();
        system.attach().unwrap_err().to_string()
    });
    assert!(
        refused.contains("router0 has 2 queues, 3 slices need as many"),
        "{refused}"
    );
}

/// A gateway of the kernel's is had, or refused with the kernel's reason and the remedy; either way nothing is left.
#[test]
fn the_kernels_ipsec_is_had_or_refused_with_the_reason() {
    let Some(chain) = chain(Design::KernelIpsec) else {
        return;
    };
    let config = SystemConfig {
        processor: ProcessorConfig::Ipsec(GatewayConfig {
            side: Side::Egress,
            local: [198, 19, 0, 1].into(),
            remote: [198, 19, 0, 2].into(),
            spi: 0x1000,
            secret: Secret([7; 32]),
            authentication: Authentication::HmacSha256,
            mtu: 1500,
        }),
        ..config(Design::KernelIpsec)
    };
    for _ in 0..2 {
        let loaded = chain.at_router(|| System::load(&config));
        match loaded {
            Ok(mut system) => {
                chain.at_router(|| system.attach().unwrap());
                system.stop().unwrap();
            }
            Err(Error::Refused { design, reason }) => {
                assert_eq!(design, "kernel_ipsec");
                assert!(
                    reason.contains("add the IPsec association 0x1000: "),
                    "{reason}"
                );
                assert!(reason.contains("CONFIG_INET_ESP"), "{reason}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}
