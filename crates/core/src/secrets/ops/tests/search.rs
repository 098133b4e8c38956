//! Searching secrets: the same as looking at every one of them, at the price of a page.

use core::cell::Cell;
use core::ops::ControlFlow;
use core::time::Duration;

use super::*;
use crate::engine;
use crate::ports::{Read, StoreFault, Stored};
use crate::records::{Order, Scan};
use crate::secrets::filter::{Filter, FilterKey, matches};
use crate::secrets::index;
use crate::secrets::page::PageToken;
use crate::secrets::search::{Search, Sort};
use crate::testing::{Store, is_index};
use crate::tx::Batch;
use proptest::prelude::*;

/// A store that counts the records that are read from it.
struct Counting<'a> {
    store: &'a Store,
    read: Cell<usize>,
}

impl Read for Counting<'_> {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        self.read.set(self.read.get() + 1);
        self.store.get(key)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        self.store.scan(scan, &mut |key, record| {
            self.read.set(self.read.get() + 1);
            visit(key, record)
        })
    }
}

fn filter(key: FilterKey, values: &[&str]) -> Filter {
    Filter { key, values: values.iter().map(|value| (*value).into()).collect() }
}

fn search(filters: Vec<Filter>, sort: Sort) -> Search {
    Search { filters, include_planned_deletion: false, sort, order: Order::Ascending }
}

/// Names of one page, where the next one begins, and how many records it took.
fn page(
    world: &World,
    search: Search,
    after: Option<PageToken>,
    size: usize,
) -> (Vec<String>, Option<PageToken>, usize) {
    let counting = Counting { store: &world.store, read: Cell::new(0) };
    let op = ListSecrets { search, results_max: Some(size), after };
    let listing = engine::query(op, &world.cx(), &counting).unwrap();
    let names = listing.secrets.iter().map(|secret| secret.name.to_string());
    (names.collect(), listing.next, counting.read.get())
}

/// A number below `count` that has nothing to do with `number`.
fn scattered(number: usize, count: usize) -> u64 {
    ((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % count as u64
}

/// An account with this many secrets, in five teams, created in another order than by name.
fn crowd(count: usize) -> World {
    let mut world = World::new();
    let first = {
        world.command(create("template")).unwrap();
        secret(&world, "template")
    };
    world.command(delete("template", None, true)).unwrap();
    let scope = world.scope();
    // One commit: the store of the tests looks at everything after each.
    world.edit(|_, tx| {
        for number in 0..count {
            let created = crate::time::Timestamp::from_millis(
                first.created.millis() + i64::try_from(number * 7919 % count).unwrap(),
            );
            let team = format!("t{}", number % 5);
            let tags = Tags::from([
                ("team".into(), team.into()),
                ("own".into(), format!("v{number:0>6}").into()),
            ]);
            let replicas =
                if number % 10 == 0 { vec!["us-west-2".parse().unwrap()] } else { vec![] };
            let secret = Secret {
                name: format!("{}/{number:0>6}", ["app", "db"][number % 2]).parse().unwrap(),
                created,
                last_changed: created.plus(Duration::from_millis(scattered(number, count))),
                last_accessed: Some(
                    created.day().plus_days(u32::try_from(scattered(number, 1000)).unwrap()),
                ),
                tags: Some(tags),
                role: Role::Primary { replicas },
                cross_account_replica: None,
                ..first.clone()
            };
            put_secret(tx, scope, secret).unwrap();
        }
    });
    world
}

const SORTS: [Sort; 4] = [Sort::Created, Sort::Accessed, Sort::Changed, Sort::Name];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

/// How many records each of the first pages took, and what they showed.
fn reads(world: &World, search: impl Fn() -> Search, size: usize, pages: usize) -> Vec<usize> {
    let (mut after, mut shown) = (None, std::collections::BTreeSet::new());
    let mut reads = Vec::new();
    for _ in 0..pages {
        let (names, next, read) = page(world, search(), after, size);
        assert!(names.into_iter().all(|name| shown.insert(name)), "{:?}", search());
        reads.push(read);
        if next.is_none() {
            break;
        }
        after = next;
    }
    reads
}

/// LIMIT: where an index has the order of the search, a filtered page reads what it returns, with
/// one more to know whether there is more, and not the account.
#[test]
fn a_filtered_page_reads_what_it_returns() {
    let (small, large) = (crowd(500), crowd(4000));
    let size = 20;
    // A page, its look ahead, an index entry for each, and what a merge reads ahead.
    let budget = 3 * (size + 1) + 20;
    let cases = [
        (filter(FilterKey::Name, &["app/"]), Sort::Name),
        (filter(FilterKey::Name, &["db/00001", "app/00002"]), Sort::Name),
        (filter(FilterKey::Name, &["app/00002", "app/", "app/0000"]), Sort::Name),
        (filter(FilterKey::TagKey, &["team"]), Sort::Created),
        (filter(FilterKey::TagValue, &["t3"]), Sort::Created),
        (filter(FilterKey::TagValue, &["t3", "t"]), Sort::Created),
        (filter(FilterKey::PrimaryRegion, &["us-"]), Sort::Created),
    ];
    let little = [
        filter(FilterKey::Name, &["app/00001"]),
        filter(FilterKey::TagValue, &["v000077"]),
        filter(FilterKey::Name, &["nothing"]),
        filter(FilterKey::TagKey, &["nothing"]),
    ];
    let little = little.into_iter().flat_map(|filter| SORTS.map(|sort| (filter.clone(), sort)));
    for (filter, sort) in cases.into_iter().chain(little) {
        for (order, world) in ORDERS.into_iter().flat_map(|o| [(o, &small), (o, &large)]) {
            let search = || Search { order, ..search(vec![filter.clone()], sort) };
            // The second page costs no more than the first.
            for read in reads(world, search, size, 2) {
                assert!(read <= budget, "{filter:?} {sort:?} {order:?}: {read} of {budget}");
            }
        }
    }
}

/// LIMIT: a page in whichever order, filtered or not, costs the same in an account of eight times as
/// many secrets, as long as the filter finds the same share of them.
#[test]
fn no_page_grows_with_the_account() {
    let (small, large) = (crowd(500), crowd(4000));
    let size = 10;
    let filters = [
        vec![],
        vec![filter(FilterKey::Name, &["app/"])],
        vec![filter(FilterKey::TagKey, &["team"])],
        vec![filter(FilterKey::TagValue, &["t3"])],
        vec![filter(FilterKey::PrimaryRegion, &["us-"])],
        vec![filter(FilterKey::TagValue, &["t3"]), filter(FilterKey::Name, &["db/"])],
    ];
    for (filters, sort) in filters.iter().flat_map(|f| SORTS.map(|sort| (f, sort))) {
        for order in ORDERS {
            let search = || Search { order, ..search(filters.clone(), sort) };
            let read = |world| reads(world, search, size, 3).into_iter().max().unwrap();
            // One secret in ten has a primary Region: the way to a page of ten is a hundred.
            let (few, many) = (read(&small), read(&large));
            let most =
                if filters.iter().any(|f| f.key == FilterKey::PrimaryRegion) { 3000 } else { 700 };
            assert!(many <= most, "{filters:?} {sort:?} {order:?}: {few} and {many}");
        }
    }
}

/// LIMIT: not one record more is read for a page because the account has fifty times as many secrets.
#[test]
fn a_filtered_page_reads_the_same_in_every_account() {
    let (small, large) = (crowd(100), crowd(5000));
    let in_order = [
        (filter(FilterKey::Name, &["app/"]), Sort::Name, 10),
        (filter(FilterKey::TagKey, &["team"]), Sort::Created, 10),
        (filter(FilterKey::TagValue, &["t3"]), Sort::Created, 5),
        (filter(FilterKey::PrimaryRegion, &["us-"]), Sort::Created, 2),
    ];
    let gathered = [
        filter(FilterKey::Name, &["app/00001"]),
        filter(FilterKey::Name, &["app/00001", "db/00002"]),
        filter(FilterKey::TagValue, &["v000077"]),
        filter(FilterKey::TagKey, &["nothing"]),
    ];
    let gathered = gathered.into_iter().flat_map(|f| SORTS.map(|sort| (f.clone(), sort, 20)));
    for (filter, sort, size) in in_order.into_iter().chain(gathered) {
        for order in ORDERS {
            let search = || Search { order, ..search(vec![filter.clone()], sort) };
            let read = |world| reads(world, search, size, 2);
            assert_eq!(read(&small), read(&large), "{filter:?} {sort:?} {order:?}");
        }
    }
}

/// What a filter finds may all lie at the far end of the order: then it is gathered.
#[test]
fn a_filter_that_finds_a_far_corner_reads_the_corner() {
    let mut world = crowd(4000);
    let scope = world.scope();
    let first = secret(&world, "app/000000");
    world.edit(|_, tx| {
        for number in 0..100 {
            let at = first.created.plus_days(1).plus(Duration::from_millis(number));
            let secret = Secret {
                name: format!("far/{number}").parse().unwrap(),
                created: at,
                last_changed: at,
                last_accessed: Some(at.day().plus_days(9)),
                tags: Some(Tags::from([("corner".into(), "far".into())])),
                ..first.clone()
            };
            put_secret(tx, scope, secret).unwrap();
        }
    });
    for filter in [filter(FilterKey::Name, &["far"]), filter(FilterKey::TagKey, &["corner"])] {
        for sort in SORTS {
            let (names, _, read) = page(&world, search(vec![filter.clone()], sort), None, 10);
            assert_eq!(names.len(), 10);
            // The budgets up to what the filter finds, for each of the two ways, and that itself.
            assert!(read < 800, "{filter:?} {sort:?}: {read}");
        }
    }
}

/// A filter that finds little is used first, whatever else is asked and in whichever order.
#[test]
fn the_rarest_filter_leads() {
    let world = crowd(4000);
    let filters = || {
        vec![
            filter(FilterKey::TagKey, &["team"]),
            filter(FilterKey::Name, &["app/00001"]),
            filter(FilterKey::Description, &["!x"]),
        ]
    };
    for sort in SORTS {
        let (names, _, read) = page(&world, search(filters(), sort), None, 100);
        assert_eq!(names.len(), 5, "{sort:?}");
        // One attempt on the index of everybody, and what the name finds.
        assert!(read < 4 * 101 + 20, "{sort:?}: {read}");
    }
}

/// By name and by creation, nothing that was there all the time is left out or shown twice,
/// whatever comes, goes and changes between the pages.
#[test]
fn pages_neither_skip_nor_repeat_under_changes() {
    for (key, values) in [(FilterKey::Name, ["s"]), (FilterKey::TagKey, ["k"])] {
        for (sort, order) in [
            (Sort::Name, Order::Ascending),
            (Sort::Name, Order::Descending),
            (Sort::Created, Order::Ascending),
            (Sort::Created, Order::Descending),
        ] {
            let mut world = World::new();
            let tagged = |name: &str| CreateSecret {
                tags: Some(vec![("k".into(), "v".into())]),
                ..create_with(name, "x")
            };
            for number in 0..20 {
                world.pass_ms(number % 3);
                world.command(tagged(&format!("s{:0>2}", number * 7 % 20))).unwrap();
            }
            let (mut shown, mut after, mut round) = (Vec::new(), None, 0);
            loop {
                let search = Search { order, ..search(vec![filter(key, &values)], sort) };
                let (names, next, _) = page(&world, search, after, 3);
                shown.extend(names);
                let Some(next) = next else { break };
                after = Some(next);
                round += 1;
                world.pass_ms(5);
                // The last one shown goes, another comes, a third changes and is read.
                let gone = shown.last().unwrap().clone();
                world.command(delete(&gone, None, true)).unwrap();
                world.command(tagged(&format!("s{}x", 10 + round))).unwrap();
                world.command(update_description(&format!("s{:0>2}", 19))).ok();
            }
            let mut kept: Vec<_> = shown.iter().filter(|name| !name.ends_with('x')).collect();
            kept.sort_unstable();
            let expected: Vec<_> = (0..20).map(|number| format!("s{number:0>2}")).collect();
            assert_eq!(kept, expected.iter().collect::<Vec<_>>(), "{key:?} {sort:?} {order:?}");
        }
    }
}

fn update_description(name: &str) -> UpdateSecret {
    UpdateSecret { description: Some("changed".into()), ..update(name) }
}

/// A store that an older version wrote, and one that was interrupted while it was indexed.
#[test]
fn a_store_without_indices_is_given_them() {
    let mut world = crowd(600);
    let whole: Vec<Key> = world.store.keys().filter(|key| is_index(key)).cloned().collect();
    let region = world.region;
    for kept in [0, 1] {
        let mut batch = Batch::default();
        let removed = whole.iter().skip(kept).map(|key| (key.clone(), None));
        batch.writes.extend(removed);
        batch.writes.insert(Key::Indexed { region }, None);
        world.store.commit(batch);
        for interrupted in [true, false] {
            let mut steps = Vec::new();
            let built = index::build(&world.store, region, |batch| {
                if interrupted && !steps.is_empty() {
                    return Err(StoreFault);
                }
                steps.push(batch);
                Ok(())
            });
            assert_eq!(built.is_err(), interrupted);
            for batch in steps {
                world.store.commit(batch);
            }
        }
        let found: Vec<Key> = world.store.keys().filter(|key| is_index(key)).cloned().collect();
        assert!(found == whole);
        // Once is enough.
        let again = index::build(&world.store, region, |_| Err(StoreFault));
        assert_eq!(again, Ok(()));
    }
}

#[derive(Debug, Clone)]
struct Question {
    filters: Vec<Filter>,
    sort: Sort,
    order: Order,
    size: usize,
    deleted: bool,
}

fn any_question() -> impl Strategy<Value = Question> {
    let key = proptest::sample::select(FilterKey::ALL.map(|(_, key)| key).to_vec());
    let value = prop_oneof!["!?[ab]{0,2}", "us-.?", "!us-", "[ab]\u{0}?"];
    let filter = (key, proptest::collection::vec(value, 1..3)).prop_map(|(key, values)| Filter {
        key,
        values: values.into_iter().map(String::into_boxed_str).collect(),
    });
    let sorts = [Sort::Created, Sort::Accessed, Sort::Changed, Sort::Name];
    let sort = proptest::sample::select(sorts.to_vec());
    let order = proptest::sample::select(vec![Order::Ascending, Order::Descending]);
    let filters = proptest::collection::vec(filter, 0..3);
    (filters, sort, order, 1..5_usize, any::<bool>()).prop_map(
        |(filters, sort, order, size, deleted)| Question { filters, sort, order, size, deleted },
    )
}

/// Tags that share beginnings, also over the bytes that keys escape.
fn any_secret() -> impl Strategy<Value = (String, Vec<(String, String)>, u8)> {
    let text = || "[ab\u{0}\u{1}\u{2}]{0,3}";
    ("[ab]{1,3}", proptest::collection::vec((text(), text()), 0..3), 0..4_u8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the plan, the pages are those of the naive search.
    #[test]
    fn every_search_is_the_naive_one(
        secrets in proptest::collection::vec(any_secret(), 0..12),
        question in any_question(),
    ) {
        let mut world = World::new();
        let mut names = std::collections::BTreeSet::new();
        for (name, tags, state) in secrets {
            if !names.insert(name.clone()) {
                continue;
            }
            world.pass_ms(i64::from(state % 2));
            let tags: Tags = tags.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
            world.command(CreateSecret { description: Some("ab b".into()), ..create(&name) }).unwrap();
            let day = world.now.day();
            edit(&mut world, &name, |secret| {
                secret.tags = Some(tags);
                secret.last_accessed = (state == 1).then_some(day);
            });
            match state {
                2 => { world.command(delete(&name, None, false)).unwrap(); }
                3 => make_replica(&mut world, &name, "us-west-2"),
                _ => {}
            }
        }
        let Question { filters, sort, order, size, deleted } = question;
        let mut expected: Vec<Secret> = names.iter().map(|name| secret(&world, name)).collect();
        expected.retain(|secret| {
            (deleted || secret.deletion.is_none()) && matches(&filters, secret, world.region)
        });
        expected.sort_by_key(|secret| {
            let at = match sort {
                Sort::Created => secret.created.millis(),
                Sort::Accessed => secret.last_accessed.unwrap_or_default().millis(),
                Sort::Changed => secret.last_changed.millis(),
                Sort::Name => 0,
            };
            (at, secret.name.clone())
        });
        if order == Order::Descending {
            expected.reverse();
        }
        let expected: Vec<_> = expected.iter().map(|secret| secret.name.to_string()).collect();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let filters = filters.clone();
            let search = Search { filters, include_planned_deletion: deleted, sort, order };
            let (names, next, _) = page(&world, search, after, size);
            found.extend(names);
            after = next;
            if after.is_none() {
                break;
            }
        }
        prop_assert_eq!(found, expected);
    }
}
