//! Finding secrets by filters, in an order, page by page: ListSecrets and BatchGetSecretValue.
//!
//! What a page reads depends on what it returns, not on how many secrets the account has, wherever
//! an index knows the filter:
//! - by name, a filter on names is a range of the records themselves;
//! - by creation, a filter on tags or on the primary Region is a merge of the index's texts, each
//!   of which is in order of creation;
//! - in another order, or with several filters, what one filter finds is gathered if it is little,
//!   and sorted. If it is much, walking the order itself meets it often.
//!
//! Filters on descriptions, on `all`, and negated ones have no index and only reject what is met.

use core::ops::ControlFlow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::ids::{Scope, SecretName};
use crate::ports::{Read, StoreFault};
use crate::records::{Facet, Key, Order, Prefix, Record, Scan};
use crate::secrets::error::Error;
use crate::secrets::filter::{Filter, FilterKey, matches};
use crate::secrets::model::Secret;
use crate::secrets::page::{Fingerprint, PageToken};
use crate::time::Timestamp;
use crate::tx::Records;

/// Index entries of an unfiltered walk that are read at a time.
const CHUNK: usize = 256;
/// What one filter finds is gathered up to this many secrets. More of them are so dense, among a
/// hundred thousand, that a page of a hundred is met within some ten thousand.
const GATHERED_MAX: usize = 1024;
/// Distinct texts that are merged.
const TEXTS_MAX: usize = 64;

/// What is looked for, and in which order.
#[derive(Debug)]
pub struct Search {
    pub filters: Vec<Filter>,
    pub include_planned_deletion: bool,
    pub sort: Sort,
    pub order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Created,
    Accessed,
    Changed,
    Name,
}

/// What secrets are sorted by. The name settles what the time leaves open.
type Place = (Timestamp, SecretName);

/// Some secrets in their order, or that there are too many.
type Gathered = Option<Vec<Arc<Secret>>>;

impl Search {
    /// What a page token is bound to: everything but the size of the page.
    pub fn fingerprint(&self, operation: &str, scope: Scope) -> u64 {
        let deleted = if self.include_planned_deletion { "all" } else { "active" };
        let mut print = Fingerprint::new(operation)
            .and(scope.region.as_str())
            .and(scope.account.as_str())
            .and(deleted)
            .and(&format!("{:?} {:?}", self.sort, self.order));
        for filter in &self.filters {
            print = print.and(filter.key.as_str());
            for value in &filter.values {
                print = print.and("=").and(value);
            }
        }
        print.value()
    }

    /// Where the secret stands in the order.
    fn place(&self, secret: &Secret) -> Place {
        let at = match self.sort {
            Sort::Created => secret.created,
            Sort::Accessed => secret.last_accessed.unwrap_or_default(),
            Sort::Changed => secret.last_changed,
            Sort::Name => Timestamp::EPOCH,
        };
        (at, secret.name.clone())
    }

    /// One page of secrets, and where the next one begins if there is more. `query` is the
    /// fingerprint that tokens carry.
    pub fn page(
        &self,
        read: &dyn Read,
        scope: Scope,
        query: u64,
        after: Option<&PageToken>,
        size: usize,
    ) -> Result<(Vec<Arc<Secret>>, Option<PageToken>), Error> {
        let after = match PageToken::check(after, query)? {
            Some(token) => {
                let name = token.name.parse().map_err(|_| Error::InvalidNextToken)?;
                Some((token.at, name))
            }
            None => None,
        };
        let mut secrets = self.find(read, scope, after.as_ref(), size + 1)?;
        let more = secrets.len() > size;
        secrets.truncate(size);
        let next = secrets.last().filter(|_| more).map(|secret| {
            let (at, name) = self.place(secret);
            PageToken { query, at, name: name.as_str().into() }
        });
        Ok((secrets, next))
    }

    /// The next secrets after a place, `limit` at most.
    fn find(
        &self,
        read: &dyn Read,
        scope: Scope,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let page = Page { search: self, read, scope, after, limit };
        let indexed: Vec<&Filter> = self.filters.iter().filter(|f| is_indexed(f)).collect();
        if let [only] = indexed.as_slice()
            && let Some(found) = page.in_order(only)?
        {
            return Ok(found);
        }
        for filter in &indexed {
            if let Some(found) = page.gather(filter)? {
                return Ok(page.select(found));
            }
        }
        for filter in &indexed {
            if let Some(found) = page.in_order(filter)? {
                return Ok(found);
            }
        }
        match self.sort {
            Sort::Name => page.by_name(BTreeSet::from([""])),
            Sort::Created => page.by_created(),
            Sort::Accessed | Sort::Changed => page.by_selection(),
        }
    }
}

/// Whether an index knows all that the filter finds.
fn is_indexed(filter: &Filter) -> bool {
    let known = filter.key == FilterKey::Name || facet_of(filter.key).is_some();
    known && filter.values.iter().all(|value| !value.is_empty() && !value.starts_with('!'))
}

fn facet_of(key: FilterKey) -> Option<Facet> {
    match key {
        FilterKey::TagKey => Some(Facet::TagKey),
        FilterKey::TagValue => Some(Facet::TagValue),
        FilterKey::PrimaryRegion => Some(Facet::PrimaryRegion),
        FilterKey::Name | FilterKey::Description | FilterKey::OwningService | FilterKey::All => {
            None
        }
    }
}

/// The values of a filter, without those that another one is the beginning of.
fn starts(filter: &Filter) -> BTreeSet<&str> {
    let mut starts = BTreeSet::new();
    for value in filter.values.iter().map(|value| &**value).collect::<BTreeSet<_>>() {
        // Sorted, so what begins this one came before it.
        if !starts.iter().any(|start| value.starts_with(start)) {
            starts.insert(value);
        }
    }
    starts
}

/// One page of a search.
#[derive(Clone, Copy)]
struct Page<'a> {
    search: &'a Search,
    read: &'a dyn Read,
    scope: Scope,
    after: Option<&'a Place>,
    limit: usize,
}

impl Page<'_> {
    fn wants(&self, secret: &Secret) -> bool {
        (self.search.include_planned_deletion || secret.deletion.is_none())
            && matches(&self.search.filters, secret, self.scope.region)
    }

    fn is_behind(&self, place: &Place) -> bool {
        self.after.is_some_and(|after| match self.search.order {
            Order::Ascending => place <= after,
            Order::Descending => place >= after,
        })
    }

    /// The page, if the filter's index is in the order of the search.
    fn in_order(&self, filter: &Filter) -> Result<Gathered, StoreFault> {
        match (self.search.sort, facet_of(filter.key)) {
            (Sort::Name, None) => self.by_name(starts(filter)).map(Some),
            (Sort::Created, Some(facet)) => match self.texts(facet, filter)? {
                Some(texts) => self.by_texts(facet, texts).map(Some),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The page, by name, of the secrets whose names have one of these beginnings.
    fn by_name(&self, starts: BTreeSet<&str>) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let mut starts: VecDeque<&str> = starts.into_iter().collect();
        let after =
            self.after.map(|(_, name)| Key::Secret { scope: self.scope, name: name.clone() });
        let mut found = Vec::new();
        // No beginning begins another, so the ranges follow one another as their beginnings do.
        while let Some(start) = match self.search.order {
            Order::Ascending => starts.pop_front(),
            Order::Descending => starts.pop_back(),
        } {
            let prefix = Prefix::Secrets { scope: self.scope, name: start.into() };
            let scan = Scan { prefix, after: after.clone(), order: self.search.order };
            self.read.scan(&scan, &mut |_, record| {
                if let Record::Secret(secret) = record
                    && self.wants(&secret)
                {
                    found.push(secret);
                }
                if found.len() < self.limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            if found.len() >= self.limit {
                break;
            }
        }
        Ok(found)
    }

    /// The page, by creation, of all secrets.
    fn by_created(&self) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let scope = self.scope;
        let prefix = Prefix::SecretsByCreated { scope };
        let after = self.after.cloned();
        let after = after.map(|(created, name)| Key::SecretByCreated { scope, created, name });
        let mut entries = Entries::new(prefix, after, self.search.order, CHUNK);
        let mut found = Vec::new();
        while found.len() < self.limit
            && let Some(place) = entries.next(self.read)?
        {
            found.extend(self.at(&place)?);
        }
        Ok(found)
    }

    /// The page, by creation, of the secrets that have one of these texts.
    fn by_texts(&self, facet: Facet, texts: Vec<Box<str>>) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let chunk = self.limit.div_ceil(texts.len().max(1)).clamp(4, CHUNK);
        let scope = self.scope;
        let mut merged: Vec<_> = texts
            .into_iter()
            .map(|text| {
                let after = self.after.cloned().map(|(created, name)| Key::SecretByFacet {
                    scope,
                    facet,
                    text: text.clone(),
                    created,
                    name,
                });
                let prefix = Prefix::FacetsOfText { scope, facet, text };
                Entries::new(prefix, after, self.search.order, chunk)
            })
            .collect();
        let mut found = Vec::new();
        while found.len() < self.limit {
            let mut first: Option<Place> = None;
            for entries in &mut merged {
                let Some(place) = entries.peek(self.read)? else { continue };
                let leads = first.as_ref().is_none_or(|first| match self.search.order {
                    Order::Ascending => place < first,
                    Order::Descending => place > first,
                });
                if leads {
                    first = Some(place.clone());
                }
            }
            let Some(first) = first else { break };
            // A secret may have several of the texts.
            for entries in &mut merged {
                if entries.peek(self.read)? == Some(&first) {
                    entries.next(self.read)?;
                }
            }
            found.extend(self.at(&first)?);
        }
        Ok(found)
    }

    /// The secret of an entry by creation, if it is wanted. Another one of the same name may have
    /// taken its place since.
    fn at(&self, (created, name): &Place) -> Result<Option<Arc<Secret>>, StoreFault> {
        let secret = self.read.secret(self.scope, name)?;
        Ok(secret.filter(|secret| secret.created == *created && self.wants(secret)))
    }

    /// The distinct texts that a filter finds, unless there are too many to be merged.
    fn texts(&self, facet: Facet, filter: &Filter) -> Result<Option<Vec<Box<str>>>, StoreFault> {
        let scope = self.scope;
        let mut texts: Vec<Box<str>> = Vec::new();
        for start in starts(filter) {
            let mut after = None;
            loop {
                let prefix = Prefix::Facets { scope, facet, start: start.into() };
                let scan = Scan { prefix, after, order: Order::Ascending };
                let mut next = None;
                self.read.scan(&scan, &mut |key, _| {
                    next = Some(key);
                    ControlFlow::Break(())
                })?;
                let Some(Key::SecretByFacet { text, name, .. }) = next else { break };
                if texts.len() == TEXTS_MAX {
                    return Ok(None);
                }
                texts.push(text.clone());
                // Beyond every entry of this text: nothing is created that late.
                let created = Timestamp::from_millis(i64::MAX);
                after = Some(Key::SecretByFacet { scope, facet, text, created, name });
            }
        }
        Ok(Some(texts))
    }

    /// All that one filter finds, unless it is much.
    fn gather(&self, filter: &Filter) -> Result<Gathered, StoreFault> {
        let mut found: BTreeMap<SecretName, Option<Arc<Secret>>> = BTreeMap::new();
        let mut visited = 0;
        for start in starts(filter) {
            let start = Box::from(start);
            let prefix = match facet_of(filter.key) {
                None => Prefix::Secrets { scope: self.scope, name: start },
                Some(facet) => Prefix::Facets { scope: self.scope, facet, start },
            };
            self.read.scan(&Scan::all(prefix), &mut |key, record| {
                visited += 1;
                match (key, record) {
                    (Key::Secret { name, .. }, Record::Secret(secret)) => {
                        found.insert(name, Some(secret));
                    }
                    (Key::SecretByFacet { name, .. }, _) => {
                        found.entry(name).or_default();
                    }
                    _ => {}
                }
                if visited > GATHERED_MAX {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            if visited > GATHERED_MAX {
                return Ok(None);
            }
        }
        let mut secrets = Vec::with_capacity(found.len());
        for (name, secret) in found {
            let secret = match secret {
                Some(secret) => Some(secret),
                None => self.read.secret(self.scope, &name)?,
            };
            secrets.extend(secret);
        }
        Ok(Some(secrets))
    }

    /// The page of what was gathered.
    fn select(&self, secrets: Vec<Arc<Secret>>) -> Vec<Arc<Secret>> {
        let mut best = Best::new(*self);
        for secret in secrets {
            best.offer(secret);
        }
        best.finish()
    }

    /// The page in an order that no index has: every secret is looked at, a page is held.
    fn by_selection(&self) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let mut best = Best::new(*self);
        let prefix = Prefix::Secrets { scope: self.scope, name: "".into() };
        self.read.scan(&Scan::all(prefix), &mut |_, record| {
            if let Record::Secret(secret) = record {
                best.offer(secret);
            }
            ControlFlow::Continue(())
        })?;
        Ok(best.finish())
    }
}

/// The first secrets in the order of a page, of those that were offered.
struct Best<'a> {
    page: Page<'a>,
    found: BTreeMap<Place, Arc<Secret>>,
}

impl<'a> Best<'a> {
    fn new(page: Page<'a>) -> Self {
        Self { page, found: BTreeMap::new() }
    }

    fn offer(&mut self, secret: Arc<Secret>) {
        let place = self.page.search.place(&secret);
        if !self.page.is_behind(&place) && self.page.wants(&secret) {
            self.found.insert(place, secret);
        }
        if self.found.len() > self.page.limit {
            match self.page.search.order {
                Order::Ascending => self.found.pop_last(),
                Order::Descending => self.found.pop_first(),
            };
        }
    }

    fn finish(self) -> Vec<Arc<Secret>> {
        let mut found: Vec<_> = self.found.into_values().collect();
        if self.page.search.order == Order::Descending {
            found.reverse();
        }
        found
    }
}

/// A walk over index entries in order of creation.
///
/// The entries are followed between steps, not within one: a store may hold a lock.
struct Entries {
    prefix: Prefix,
    after: Option<Key>,
    order: Order,
    chunk: usize,
    read: VecDeque<Place>,
    ended: bool,
}

impl Entries {
    fn new(prefix: Prefix, after: Option<Key>, order: Order, chunk: usize) -> Self {
        Self { prefix, after, order, chunk, read: VecDeque::new(), ended: false }
    }

    fn peek(&mut self, read: &dyn Read) -> Result<Option<&Place>, StoreFault> {
        if self.read.is_empty() && !self.ended {
            let (prefix, after) = (self.prefix.clone(), self.after.clone());
            let scan = Scan { prefix, after, order: self.order };
            read.scan(&scan, &mut |key, _| {
                self.after = Some(key.clone());
                if let Key::SecretByCreated { created, name, .. }
                | Key::SecretByFacet { created, name, .. } = key
                {
                    self.read.push_back((created, name));
                }
                if self.read.len() < self.chunk {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            self.ended = self.read.len() < self.chunk;
        }
        Ok(self.read.front())
    }

    fn next(&mut self, read: &dyn Read) -> Result<Option<Place>, StoreFault> {
        self.peek(read)?;
        Ok(self.read.pop_front())
    }
}
