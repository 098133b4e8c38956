//! Finding secrets by filters, in an order, page by page: ListSecrets and BatchGetSecretValue.
//!
//! What a page reads depends on what it returns, not on how many secrets the account has, wherever
//! an index knows the filter:
//! - by name, a filter on names is a range of the records' keys;
//! - by creation, a filter on tags or on the primary Region is a merge of the index's texts, each
//!   of which is in order of creation;
//! - in another order, or with several filters, there are two ways: all that one filter finds is
//!   gathered and sorted, which is cheap if it is little, or the order itself is walked, which is
//!   cheap if the filter finds much. They take turns, each with a budget that doubles, so that a
//!   page costs a few times what the cheaper way costs, however the secrets lie.
//!
//! There is an index for each order. Only keys are walked; a secret is read if it may be wanted.
//!
//! Filters on descriptions, on `all`, and negated ones have no index and only reject what is met.

use core::ops::ControlFlow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::ids::{Scope, SecretName};
use crate::ports::{Read, StoreFault};
use crate::records::{Facet, Key, Moment, Order, Prefix, Scan};
use crate::secrets::error::Error;
use crate::secrets::filter::{Filter, FilterKey, matches};
use crate::secrets::model::Secret;
use crate::secrets::page::{Fingerprint, PageToken};
use crate::time::Timestamp;
use crate::tx::Records;

/// Index entries that a walk reads at a time, at most.
const CHUNK_MAX: usize = 256;
/// Distinct texts that are merged.
const TEXTS_MAX: usize = 64;
/// What each way of finding a page may read in its first turn, for each secret of the page.
const BUDGET: usize = 4;

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
        let mut courses = None;
        for filter in &indexed {
            courses = page.courses(filter)?;
            if courses.is_some() {
                break;
            }
        }
        let alone = indexed.is_empty() || (indexed.len() == 1 && courses.is_some());
        let mut walk = Walk::new(page, &courses.unwrap_or_else(|| vec![self.order()]));
        if alone {
            // What is in order already and has no rival is read to the end.
            walk.reaches_end(usize::MAX)?;
            return Ok(walk.found);
        }
        let mut gatherings: Vec<_> =
            indexed.iter().map(|filter| Gathering::new(page, filter)).collect();
        let mut budget = BUDGET.saturating_mul(limit);
        loop {
            for gathering in &mut gatherings {
                if gathering.reaches_end(budget)? {
                    return gathering.select();
                }
            }
            if walk.reaches_end(budget)? {
                return Ok(walk.found);
            }
            budget = budget.saturating_mul(2);
        }
    }

    /// All secrets, in the order of the search.
    fn order(&self) -> Course {
        match self.sort {
            Sort::Created => Course::Created,
            Sort::Accessed => Course::Moment(Moment::Accessed),
            Sort::Changed => Course::Moment(Moment::Changed),
            Sort::Name => Course::Names("".into()),
        }
    }
}

/// A range of keys that are in one of the orders.
#[derive(Debug, Clone)]
enum Course {
    /// Secrets whose names begin so.
    Names(Box<str>),
    Created,
    Moment(Moment),
    /// Secrets with this text, by creation.
    Text(Facet, Box<str>),
}

impl Course {
    fn prefix(&self, scope: Scope) -> Prefix {
        match self.clone() {
            Self::Names(name) => Prefix::Secrets { scope, name },
            Self::Created => Prefix::SecretsByCreated { scope },
            Self::Moment(moment) => Prefix::SecretsByMoment { scope, moment },
            Self::Text(facet, text) => Prefix::FacetsOfText { scope, facet, text },
        }
    }

    fn key(&self, scope: Scope, (at, name): Place) -> Key {
        match self.clone() {
            Self::Names(_) => Key::Secret { scope, name },
            Self::Created => Key::SecretByCreated { scope, created: at, name },
            Self::Moment(moment) => Key::SecretByMoment { scope, moment, at, name },
            Self::Text(facet, text) => Key::SecretByFacet { scope, facet, text, created: at, name },
        }
    }
}

/// Where the secret stands that a key of a course is of.
fn place_of(key: Key) -> Option<Place> {
    match key {
        Key::Secret { name, .. } => Some((Timestamp::EPOCH, name)),
        Key::SecretByCreated { created: at, name, .. }
        | Key::SecretByMoment { at, name, .. }
        | Key::SecretByFacet { created: at, name, .. } => Some((at, name)),
        _ => None,
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

    /// What the filter finds, if its index is in the order of the search.
    fn courses(&self, filter: &Filter) -> Result<Option<Vec<Course>>, StoreFault> {
        Ok(match (self.search.sort, facet_of(filter.key)) {
            (Sort::Name, None) => {
                Some(starts(filter).into_iter().map(|start| Course::Names(start.into())).collect())
            }
            (Sort::Created, Some(facet)) => self
                .texts(facet, filter)?
                .map(|texts| texts.into_iter().map(|text| Course::Text(facet, text)).collect()),
            _ => None,
        })
    }

    /// The secret of an entry, if it is wanted. It may have moved since, or another one of the same
    /// name may have taken its place.
    fn at(&self, place: &Place) -> Result<Option<Arc<Secret>>, StoreFault> {
        let secret = self.read.secret(self.scope, &place.1)?;
        Ok(secret.filter(|secret| self.search.place(secret) == *place && self.wants(secret)))
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
                self.read.keys(&scan, &mut |key| {
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
}

/// Finding a page in the order of some courses, which are passed as one.
struct Walk<'a> {
    page: Page<'a>,
    merged: Vec<Entries>,
    passed: usize,
    found: Vec<Arc<Secret>>,
}

impl<'a> Walk<'a> {
    fn new(page: Page<'a>, courses: &[Course]) -> Self {
        let chunk = page.limit.div_ceil(courses.len().max(1)).clamp(4, CHUNK_MAX);
        let merged = courses.iter().map(|course| Entries::new(page, course, chunk)).collect();
        Self { page, merged, passed: 0, found: Vec::new() }
    }

    /// Goes on until the page is full or no more comes. False if that takes more than the budget:
    /// it goes on from there with another one.
    fn reaches_end(&mut self, budget: usize) -> Result<bool, StoreFault> {
        let Page { read, search, limit, .. } = self.page;
        while self.found.len() < limit {
            let mut first: Option<Place> = None;
            for entries in &mut self.merged {
                let Some(place) = entries.peek(read)? else { continue };
                let leads = first.as_ref().is_none_or(|first| match search.order {
                    Order::Ascending => place < first,
                    Order::Descending => place > first,
                });
                if leads {
                    first = Some(place.clone());
                }
            }
            let Some(first) = first else { break };
            if self.passed >= budget {
                return Ok(false);
            }
            self.passed += 1;
            // A secret may have several of the texts.
            for entries in &mut self.merged {
                if entries.peek(read)? == Some(&first) {
                    entries.next(read)?;
                }
            }
            self.found.extend(self.page.at(&first)?);
        }
        Ok(true)
    }
}

/// Finding a page among all that one filter finds.
struct Gathering<'a> {
    page: Page<'a>,
    /// What is still to be looked through, and where the first of it goes on.
    prefixes: VecDeque<Prefix>,
    after: Option<Key>,
    visited: usize,
    names: BTreeSet<SecretName>,
}

impl<'a> Gathering<'a> {
    fn new(page: Page<'a>, filter: &Filter) -> Self {
        let scope = page.scope;
        let prefix = |start: &str| match facet_of(filter.key) {
            None => Prefix::Secrets { scope, name: start.into() },
            Some(facet) => Prefix::Facets { scope, facet, start: start.into() },
        };
        let prefixes = starts(filter).into_iter().map(prefix).collect();
        Self { page, prefixes, after: None, visited: 0, names: BTreeSet::new() }
    }

    /// Goes on until the filter finds no more. False if that takes more than the budget: it goes on
    /// from there with another one.
    fn reaches_end(&mut self, budget: usize) -> Result<bool, StoreFault> {
        while let Some(prefix) = self.prefixes.front().cloned() {
            let scan = Scan { prefix, after: self.after.clone(), order: Order::Ascending };
            let mut spent = false;
            self.page.read.keys(&scan, &mut |key| {
                if self.visited >= budget {
                    spent = true;
                    return ControlFlow::Break(());
                }
                self.visited += 1;
                self.after = Some(key.clone());
                self.names.extend(place_of(key).map(|(_, name)| name));
                ControlFlow::Continue(())
            })?;
            if spent {
                return Ok(false);
            }
            self.prefixes.pop_front();
            self.after = None;
        }
        Ok(true)
    }

    /// The page of what was found.
    fn select(&self) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let mut best = Best::new(self.page);
        for name in &self.names {
            if let Some(secret) = self.page.read.secret(self.page.scope, name)? {
                best.offer(secret);
            }
        }
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

/// A walk over one course.
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
    fn new(page: Page<'_>, course: &Course, chunk: usize) -> Self {
        let after = page.after.map(|after| course.key(page.scope, after.clone()));
        Self {
            prefix: course.prefix(page.scope),
            after,
            order: page.search.order,
            chunk,
            read: VecDeque::new(),
            ended: false,
        }
    }

    fn peek(&mut self, read: &dyn Read) -> Result<Option<&Place>, StoreFault> {
        if self.read.is_empty() && !self.ended {
            let (prefix, after) = (self.prefix.clone(), self.after.clone());
            let scan = Scan { prefix, after, order: self.order };
            read.keys(&scan, &mut |key| {
                self.after = Some(key.clone());
                self.read.extend(place_of(key));
                if self.read.len() < self.chunk {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            self.ended = self.read.len() < self.chunk;
            // Whoever has come this far found little of what it wants.
            self.chunk = (2 * self.chunk).min(CHUNK_MAX);
        }
        Ok(self.read.front())
    }

    fn next(&mut self, read: &dyn Read) -> Result<Option<Place>, StoreFault> {
        self.peek(read)?;
        Ok(self.read.pop_front())
    }
}
