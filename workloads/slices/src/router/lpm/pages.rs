//! Numbers in pages that are shared until one of their owners writes.

use std::sync::Arc;

/// Numbers of a page: 64 KiB.
pub(super) const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 14;

/// An array whose clone costs one reference a page; after that, the first write to a page copies it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    pages: Vec<Arc<[u32; PAGE]>>,
}

impl Pages {
    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.pages.len() * PAGE
    }

    /// Appends a page of zeros.
    pub(super) fn grow(&mut self) {
        self.pages.push(Arc::new([0; PAGE]));
    }

    /// The number at `index`, which must be below [`len`](Self::len).
    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> u32 {
        self.pages[index >> PAGE_BITS][index & (PAGE - 1)]
    }

    /// Changes the number at `index`, which must be below [`len`](Self::len).
    pub(super) fn set(&mut self, index: usize, value: u32) {
        Arc::make_mut(&mut self.pages[index >> PAGE_BITS])[index & (PAGE - 1)] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_keeps_what_was_and_shares_what_stays() {
        let mut pages = Pages::default();
        pages.grow();
        pages.grow();
        pages.set(PAGE, 7);
        let before = pages.clone();
        pages.set(PAGE + 1, 8);
        assert_eq!((before.get(PAGE), before.get(PAGE + 1)), (7, 0));
        assert_eq!((pages.get(PAGE), pages.get(PAGE + 1)), (7, 8));
        assert!(Arc::ptr_eq(&pages.pages[0], &before.pages[0]));
        assert!(!Arc::ptr_eq(&pages.pages[1], &before.pages[1]));
    }
}
