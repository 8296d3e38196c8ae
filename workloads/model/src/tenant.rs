//! Tenants: keys belong to tenants, where requests name both.

/// Number of tenants.
const TENANTS: u32 = 64;

/// The name of the tenant to whom the key of this id belongs: ids are dealt to 64 tenants in turn.
#[must_use]
pub const fn tenant_of(id: u32) -> [u8; 9] {
    let number = (id % TENANTS) as u8;
    let mut name = *b"tenant-00";
    name[7] += number / 10;
    name[8] += number % 10;
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_have_keys_in_turn() {
        assert_eq!(tenant_of(0), *b"tenant-00");
        assert_eq!(tenant_of(63), *b"tenant-63");
        assert_eq!(tenant_of(64), tenant_of(0));
        assert_eq!(tenant_of(u32::MAX), tenant_of(63));
    }
}
