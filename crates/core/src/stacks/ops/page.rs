//! Pages of stacks, resources and events.

use core::ops::ControlFlow;

use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record, Scan};

/// Some of a range, and where the next page goes on.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The key of the last item, if there are more.
    pub next: Option<Key>,
}

pub(super) fn page<T>(
    read: &dyn Read,
    prefix: Prefix,
    after: Option<Key>,
    order: Order,
    limit: usize,
    mut pick: impl FnMut(&Key, Record) -> Option<T>,
) -> Result<Page<T>, StoreFault> {
    let mut page = Page { items: Vec::new(), next: None };
    let mut last = None;
    read.scan(&Scan { prefix, after, order }, &mut |key, record| {
        let Some(item) = pick(&key, record) else { return ControlFlow::Continue(()) };
        if page.items.len() == limit {
            page.next.clone_from(&last);
            return ControlFlow::Break(());
        }
        page.items.push(item);
        last = Some(key);
        ControlFlow::Continue(())
    })?;
    Ok(page)
}
