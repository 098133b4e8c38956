//! ListSecrets and ListSecretVersionIds: order, pages, tokens.

use super::*;
use crate::records::Order;
use crate::secrets::filter::{Filter, FilterKey};
use crate::secrets::ops::list_secrets::Sort;
use crate::secrets::page::PageToken;

fn list() -> ListSecrets {
    ListSecrets {
        include_planned_deletion: false,
        results_max: None,
        after: None,
        filters: Vec::new(),
        sort: Sort::Created,
        order: Order::Ascending,
    }
}

/// Names from all pages of this size.
fn pages(world: &World, size: usize, request: impl Fn() -> ListSecrets) -> Vec<String> {
    let mut names = Vec::new();
    let mut after: Option<PageToken> = None;
    loop {
        let page = ListSecrets { results_max: Some(size), after, ..request() };
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
            let found = pages(&world, size, || ListSecrets { sort, ..list() });
            assert_eq!(found, expected, "{sort:?} {size}");
            let order = Order::Descending;
            let mut found = pages(&world, size, || ListSecrets { sort, order, ..list() });
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
    assert_eq!(world.query(list()).unwrap().secrets.len(), 100);
    assert_eq!(pages(&world, 100, list).len(), 300);
    // One match beyond the first stretch of the index is found in the first page.
    let key = FilterKey::Name;
    let values = vec!["s299".into()];
    let request =
        || ListSecrets { filters: vec![Filter { key, values: values.clone() }], ..list() };
    assert_eq!(world.query(request()).unwrap().secrets.len(), 1);
}

#[test]
fn deleted_secrets_are_listed_on_request() {
    let mut world = world();
    world.command(delete("a", None, false)).unwrap();
    assert_eq!(pages(&world, 9, list), ["c", "b"]);
    let all = || ListSecrets { include_planned_deletion: true, ..list() };
    assert_eq!(pages(&world, 9, all), ["c", "a", "b"]);
    world.command(delete("c", None, true)).unwrap();
    assert_eq!(pages(&world, 9, all), ["a", "b"]);
}

#[test]
fn other_accounts_and_their_tokens_are_elsewhere() {
    let mut world = world();
    let next = world.query(ListSecrets { results_max: Some(1), ..list() }).unwrap().next;
    world.caller.account = "444455556666".parse().unwrap();
    assert!(world.query(list()).unwrap().secrets.is_empty());
    let foreign = world.query(ListSecrets { after: next, ..list() });
    assert_eq!(foreign.unwrap_err(), Error::InvalidNextToken);
}

#[test]
fn a_token_belongs_to_its_query() {
    let world = world();
    let first = || ListSecrets { results_max: Some(1), ..list() };
    let after = || world.query(first()).unwrap().next;
    let filter = |value: &str| Filter { key: FilterKey::Name, values: vec![value.into()] };
    let others = [
        ListSecrets { sort: Sort::Name, after: after(), ..list() },
        ListSecrets { order: Order::Descending, after: after(), ..list() },
        ListSecrets { include_planned_deletion: true, after: after(), ..list() },
        ListSecrets { filters: vec![filter("")], after: after(), ..list() },
    ];
    for other in others {
        assert_eq!(world.query(other).unwrap_err(), Error::InvalidNextToken);
    }
    let resized = ListSecrets { results_max: Some(9), after: after(), ..list() };
    assert_eq!(world.query(resized).unwrap().secrets.len(), 2);
    let forged = PageToken { name: " ".into(), ..after().unwrap() };
    let forged = world.query(ListSecrets { after: Some(forged), ..list() });
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
