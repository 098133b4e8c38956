//! One page of a list, and how it is cut.
//!
//! Where the next page begins is the last item of this one; how that becomes an opaque marker is
//! the wire's business.

/// Items in order, and whether more follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub truncated: bool,
}

impl<T> Page<T> {
    /// Cuts a page from one item more than it may hold, if there are that many.
    pub fn cut(mut items: Vec<T>, limit: usize) -> Self {
        let truncated = items.len() > limit;
        items.truncate(limit);
        Self { items, truncated }
    }

    /// The item that the next page begins after.
    pub fn resume(&self) -> Option<&T> {
        self.items.last().filter(|_| self.truncated)
    }
}
