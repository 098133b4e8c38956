//! ListSecrets and ListSecretVersionIds: order, pages, tokens.

use super::*;
use crate::records::Order;
use crate::secrets::filter::{Filter, FilterKey};
use crate::secrets::page::PageToken;
use crate::secrets::search::{Search, Sort};

fn search() -> Search {
    Search {
        filters: Vec::new(),
        include_planned_deletion: false,
        sort: Sort::Created,
        order: Order::Ascending,
    }
}

fn list(search: Search) -> ListSecrets {
    ListSecrets { search, results_max: None, after: None }
}

fn filter(key: FilterKey, values: &[&str]) -> Filter {
    Filter { key, values: values.iter().map(|value| (*value).into()).collect() }
}

/// Names from all pages of this size.
fn pages(world: &World, size: usize, search: impl Fn() -> Search) -> Vec<String> {
    let mut names = Vec::new();
    let mut after: Option<PageToken> = None;
    loop {
        let page = ListSecrets { results_max: Some(size), after, search: search() };
        let listing = world.query(page).unwrap();
        assert!(listing.secrets.len() <= size);
        names.extend(listing.secrets.iter().map(|secret| secret.name.to_string()));
        match listing.next {
            Some(next) => after = Some(next),
            None => return names,
        }
    }
}

/// Created in the order `c`, `a`, `b`; changed in the order `a`, `b`, `c`; `b` was read.
fn world() -> World {
    let mut world = World::new();
    for name in ["c", "a", "b"] {
        world.pass_ms(10);
        world.command(create(name)).unwrap();
    }
    world.pass_ms(10);
    world.command(UpdateSecret { description: Some("d".into()), ..update("c") }).unwrap();
    let now = world.now;
    edit(&mut world, "b", |secret| secret.last_accessed = Some(now));
    world
}

#[test]
fn every_order_in_pages_of_every_size() {
    let world = world();
    let cases = [
        (Sort::Created, ["c", "a", "b"]),
        (Sort::Name, ["a", "b", "c"]),
        (Sort::Changed, ["a", "b", "c"]),
        (Sort::Accessed, ["a", "c", "b"]),
    ];
    for (sort, expected) in cases {
        for size in 1..=4 {
            let found = pages(&world, size, || Search { sort, ..search() });
            assert_eq!(found, expected, "{sort:?} {size}");
            let order = Order::Descending;
            let mut found = pages(&world, size, || Search { sort, order, ..search() });
            found.reverse();
            assert_eq!(found, expected, "{sort:?} descending {size}");
        }
    }
}

#[test]
fn many_secrets_by_creation() {
    let mut world = World::new();
    for number in 0..300 {
        world.command(create(&format!("s{number:0>3}"))).unwrap();
    }
    assert_eq!(world.query(list(search())).unwrap().secrets.len(), 100);
    assert_eq!(pages(&world, 100, search).len(), 300);
    // One match beyond the first stretch of the index is found in the first page.
    let filters =
        vec![filter(FilterKey::Name, &["!s0", "s299"]), filter(FilterKey::Name, &["!s1"])];
    let request = Search { filters, ..search() };
    assert_eq!(world.query(list(request)).unwrap().secrets.len(), 100);
}

#[test]
fn deleted_secrets_are_listed_on_request() {
    let mut world = world();
    world.command(delete("a", None, false)).unwrap();
    assert_eq!(pages(&world, 9, search), ["c", "b"]);
    let all = || Search { include_planned_deletion: true, ..search() };
    assert_eq!(pages(&world, 9, all), ["c", "a", "b"]);
    world.command(delete("c", None, true)).unwrap();
    assert_eq!(pages(&world, 9, all), ["a", "b"]);
}

#[test]
fn other_accounts_and_their_tokens_are_elsewhere() {
    let mut world = world();
    let next = world.query(ListSecrets { results_max: Some(1), ..list(search()) }).unwrap().next;
    world.caller.account = "444455556666".parse().unwrap();
    assert!(world.query(list(search())).unwrap().secrets.is_empty());
    let foreign = world.query(ListSecrets { after: next, ..list(search()) });
    assert_eq!(foreign.unwrap_err(), Error::InvalidNextToken);
}

#[test]
fn a_token_belongs_to_its_query() {
    let world = world();
    let first = || ListSecrets { results_max: Some(1), ..list(search()) };
    let after = || world.query(first()).unwrap().next;
    let others = [
        Search { sort: Sort::Name, ..search() },
        Search { order: Order::Descending, ..search() },
        Search { include_planned_deletion: true, ..search() },
        Search { filters: vec![filter(FilterKey::Name, &[""])], ..search() },
    ];
    for other in others {
        let other = ListSecrets { after: after(), ..list(other) };
        assert_eq!(world.query(other).unwrap_err(), Error::InvalidNextToken);
    }
    let resized = ListSecrets { results_max: Some(9), after: after(), ..list(search()) };
    assert_eq!(world.query(resized).unwrap().secrets.len(), 2);
    let forged = PageToken { name: " ".into(), ..after().unwrap() };
    let forged = world.query(ListSecrets { after: Some(forged), ..list(search()) });
    assert_eq!(forged.unwrap_err(), Error::InvalidNextToken);
}

#[test]
fn versions_in_pages() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    for number in 2..=4 {
        world.command(put("a", number, "x", &[])).unwrap();
    }
    let page = |after, include_deprecated, size| {
        let results_max = Some(size);
        let secret = id("a");
        world.query(ListSecretVersionIds { secret, results_max, after, include_deprecated })
    };
    let ids = |versions: &list_secret_version_ids::Versions| -> Vec<_> {
        versions.versions.iter().map(|version| version.id.clone()).collect()
    };
    assert_eq!(ids(&page(None, false, 100).unwrap()), [token(3), token(4)]);
    let first = page(None, true, 3).unwrap();
    assert_eq!(ids(&first), [token(1), token(2), token(3)]);
    let second = page(first.next.clone(), true, 3).unwrap();
    assert_eq!((ids(&second), second.next), (vec![token(4)], None));
    assert_eq!(page(first.next, false, 3).unwrap_err(), Error::InvalidNextToken);
}
