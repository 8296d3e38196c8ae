//! Copies of other owners' hot items, at one owner.

use std::sync::Arc;

use super::KeyBytes;
use super::by_hash::ByHash;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Copies(ByHash<(KeyBytes, Arc<[u8]>)>);

impl Copies {
    /// The reply to a get of this key, if there is a copy of it.
    #[inline]
    pub(crate) fn reply(&self, hash: u64, key: &[u8]) -> Option<&Arc<[u8]>> {
        let (of, reply) = self.0.get(&hash)?;
        (**of == *key).then_some(reply)
    }

    /// Keeps a copy, in place of an older one.
    pub(crate) fn keep(&mut self, hash: u64, key: KeyBytes, reply: Arc<[u8]>) {
        self.0.insert(hash, (key, reply));
    }

    /// Throws a copy away.
    pub(crate) fn forget(&mut self, hash: u64) {
        self.0.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_of_the_same_hash_has_no_copy() {
        let mut copies = Copies::default();
        copies.keep(1, KeyBytes::from(*b"key"), Arc::from(*b"END\r\n"));
        assert!(copies.reply(1, b"key").is_some());
        assert!(copies.reply(1, b"yek").is_none());
        copies.forget(1);
        assert!(copies.reply(1, b"key").is_none());
    }
}
