//! Whether the kernel has ESP, asked and looked up.

use std::process::Command;

use steerbench_sys::netns::Namespace;
use steerbench_sys::xfrm::esp_refusal;

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
