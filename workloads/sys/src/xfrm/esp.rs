//! Whether the kernel has ESP.
//!
//! XFRM and ESP are options of a kernel by themselves (CONFIG_XFRM_USER, CONFIG_INET_ESP), the latter often a module that is
//! loaded when the first association asks for it. No file tells; so one is added, in a namespace that is thrown away.

use std::io;
use std::net::Ipv4Addr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};

use super::message::new_state;
use super::{Association, change};
use crate::netlink::errno;
use crate::netns::Namespace;

/// One direction of a tunnel between two addresses for documentation (RFC 5737).
const TUNNEL: Association = Association {
    source: Ipv4Addr::new(192, 0, 2, 1),
    destination: Ipv4Addr::new(192, 0, 2, 2),
    spi: 0x1000,
    cipher: [0x5a; 16],
    integrity: None,
    replay_window: 0,
};

/// Why this kernel takes no association of ESP with AES-CBC, in its own words; `None` where it does.
///
/// # Errors
/// `PermissionDenied` without CAP_SYS_ADMIN and CAP_NET_ADMIN, and whatever else is no answer to the question.
pub fn esp_refusal() -> io::Result<Option<String>> {
    let added =
        Namespace::create()?.run(|| change(new_state(&TUNNEL), NLM_F_CREATE | NLM_F_EXCL))?;
    match added {
        Ok(()) => Ok(None),
        Err(error) => match errno(&error) {
            // Neither XFRM nor ESP, or no such cipher.
            Some(libc::EPROTONOSUPPORT | libc::ENOSYS) => Ok(Some(error.to_string())),
            Some(_) | None => Err(error),
        },
    }
}
