//! Lists and their pages.

use super::*;
use crate::keys::managed;
use crate::keys::ops::list_aliases::ListAliases;
use crate::keys::ops::list_keys::ListKeys;
use crate::keys::ops::list_resource_tags::ListResourceTags;
use crate::keys::ops::tag_resource::TagResource;

#[test]
fn keys_come_in_pages_with_the_managed_one() {
    let mut world = World::new();
    let mut ids: Vec<_> = (0..4).map(|_| create(&mut world).key.id).collect();
    let scope = world.scope();
    world.edit(|cx, tx| managed::ensure(cx, tx, scope)).unwrap();
    let list = |own, limit, after| world.query(ListKeys { own, limit, after }).unwrap();
    let all = list(true, 5, None);
    assert_eq!((all.items.len(), all.truncated, all.resume()), (5, false, None));
    assert!(ids.iter().all(|id| all.items.iter().any(|arn| arn.id == *id)));
    ids = all.items.iter().map(|arn| arn.id).collect();
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = list(true, 2, after);
        paged.extend(page.items.iter().map(|arn| arn.id));
        after = page.resume().map(|arn| arn.id);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, ids);
    assert_eq!(list(false, 5, None).items, []);
}

#[test]
fn aliases_of_all_keys_or_of_one() {
    let mut world = World::new();
    let (one, two) = (create(&mut world), create(&mut world));
    for (name, key) in [("alias/c", &one), ("alias/a", &one), ("alias/b", &two)] {
        create_alias(&mut world, name, key);
    }
    let list = |key: Option<&Found>, limit, after: Option<&str>| {
        let op = ListAliases {
            key: key.map(|found| named(found.key.id)),
            limit,
            after: after.map(|name| name.parse().unwrap()),
        };
        let page = world.query(op).unwrap();
        let names: Vec<_> = page.items.iter().map(|alias| alias.name.to_string()).collect();
        (names.join(" "), page.truncated)
    };
    assert_eq!(list(None, 3, None), ("alias/a alias/b alias/c".into(), false));
    assert_eq!(list(None, 2, None), ("alias/a alias/b".into(), true));
    assert_eq!(list(None, 2, Some("alias/b")), ("alias/c".into(), false));
    assert_eq!(list(Some(&one), 2, None), ("alias/a alias/c".into(), false));
    assert_eq!(list(Some(&one), 1, None), ("alias/a".into(), true));
    assert_eq!(list(Some(&one), 1, Some("alias/a")), ("alias/c".into(), false));
    assert_eq!(list(Some(&two), 9, None), ("alias/b".into(), false));
    let gone = named("mrk-1234abcd12ab34cd56ef1234567890ab");
    let refused = world.query(ListAliases { key: Some(gone), limit: 1, after: None });
    assert!(matches!(refused, Err(Error::Key(KeyProblem::Absent { .. }))));
}

#[test]
fn tags_come_in_pages() {
    let mut world = World::new();
    let made = create(&mut world);
    let tags = ["b", "a", "c"].map(|key| (key.into(), "v".into())).into();
    world.command(TagResource { key: named(made.key.id), tags }).unwrap();
    let list = |limit, after: Option<&str>| {
        let op = ListResourceTags { key: named(made.key.id), limit, after: after.map(Into::into) };
        let page = world.query(op).unwrap();
        (page.items.iter().map(|(key, _)| &**key).collect::<String>(), page.truncated)
    };
    assert_eq!(list(50, None), ("abc".into(), false));
    assert_eq!(list(2, None), ("ab".into(), true));
    assert_eq!(list(2, Some("b")), ("c".into(), false));
    assert_eq!(list(2, Some("bb")), ("c".into(), false));
}
