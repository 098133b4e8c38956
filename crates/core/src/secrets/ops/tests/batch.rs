//! BatchGetSecretValue: by list and by filter, with what went wrong beside what went well.

use super::*;
use crate::secrets::filter::{Filter, FilterKey};
use crate::secrets::ops::batch_get_secret_value::{Batch, Wanted};
use crate::secrets::page::PageToken;
use crate::secrets::touch;

fn listed(ids: &[&str]) -> BatchGetSecretValue {
    let ids = ids.iter().map(|text| id(text)).collect();
    BatchGetSecretValue { wanted: Wanted::Listed(ids), after: None }
}

fn found(value: &str, results_max: Option<usize>, after: Option<PageToken>) -> BatchGetSecretValue {
    let filters = vec![Filter { key: FilterKey::Name, values: vec![value.into()] }];
    BatchGetSecretValue { wanted: Wanted::Found { filters, results_max }, after }
}

fn values(batch: &Batch) -> Vec<&str> {
    let plaintexts = batch.values.iter().map(|value| value.plaintext.expose());
    plaintexts.map(|bytes| core::str::from_utf8(bytes).unwrap()).collect()
}

fn errors(batch: &Batch) -> Vec<(&str, &Error)> {
    batch.errors.iter().map(|unread| (&*unread.id, &unread.error)).collect()
}

#[test]
fn what_goes_wrong_with_one_leaves_the_others() {
    let mut world = World::new();
    for name in ["b", "a", "gone"] {
        world.command(create_with(name, &format!("of {name}"))).unwrap();
    }
    world.command(create("empty")).unwrap();
    world.command(delete("gone", None, false)).unwrap();
    let arn = secret(&world, "b").arn(world.scope()).to_string();
    let batch = world.query(listed(&["a", "none", &arn, "empty", "gone", "a"])).unwrap();
    assert_eq!(values(&batch), ["of a", "of b", "of a"]);
    let stage = StageLabel::current();
    let expected = [
        ("none", &Error::NotFound),
        ("empty", &Error::NoVersionAtStage { stage }),
        ("gone", &Error::MarkedForDeletion),
    ];
    assert_eq!(errors(&batch), expected);
    assert_eq!(batch.next, None);
}

#[test]
fn pages_of_what_a_filter_finds() {
    let mut world = World::new();
    for number in 0..25 {
        world.command(create_with(&format!("s{number:0>2}"), &number.to_string())).unwrap();
        world.pass_ms(1);
    }
    world.command(create("s-empty")).unwrap();
    world.command(delete("s03", None, false)).unwrap();
    let (mut all, mut failed, mut after, mut pages) = (Vec::new(), Vec::new(), None, 0);
    loop {
        let batch = world.query(found("s", Some(10), after)).unwrap();
        all.extend(values(&batch).into_iter().map(str::to_owned));
        failed.extend(batch.errors.iter().map(|unread| unread.id.to_string()));
        assert!(batch.values.len() + batch.errors.len() <= 10);
        pages += 1;
        after = batch.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..25).filter(|n| *n != 3).map(|n| n.to_string()).collect();
    assert_eq!((all, pages), (expected, 3));
    // What a filter found is named by its ARN.
    assert_eq!(failed, [secret(&world, "s-empty").arn(world.scope()).to_string()]);
    assert_eq!(values(&world.query(found("s", None, None)).unwrap()).len(), 20);
    let next = world.query(found("s", Some(1), None)).unwrap().next;
    let other = world.query(found("s0", Some(1), next.clone()));
    assert_eq!(other.unwrap_err(), Error::InvalidNextToken);
    let other = world.query(BatchGetSecretValue { after: next, ..listed(&["s00"]) });
    assert_eq!(other.unwrap_err(), Error::InvalidNextToken);
}

#[test]
fn each_secret_needs_a_permission_of_its_own() {
    let mut world = World::new();
    for name in ["a", "b"] {
        world.command(create_with(name, name)).unwrap();
    }
    let batch =
        r#"{"Effect":"Allow","Action":"secretsmanager:BatchGetSecretValue","Resource":"*"}"#;
    let list = r#"{"Effect":"Allow","Action":"secretsmanager:ListSecrets","Resource":"*"}"#;
    let one = r#"{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:a-*"}"#;
    become_user(&mut world, one);
    for refused in [listed(&["a"]), found("a", None, None)] {
        let Err(Error::Denied(denied)) = world.query(refused) else { panic!() };
        assert_eq!(denied.action, "secretsmanager:BatchGetSecretValue");
    }
    become_user(&mut world, &format!("{batch},{one}"));
    let read = world.query(listed(&["a", "b", "none"])).unwrap();
    assert_eq!(values(&read), ["a"]);
    // One that may not be read, there or not, is told in the same way.
    for unread in &read.errors {
        let Error::Denied(denied) = &unread.error else { panic!("{unread:?}") };
        assert_eq!(denied.action, "secretsmanager:GetSecretValue");
    }
    assert_eq!(read.errors.len(), 2);
    let Err(Error::Denied(denied)) = world.query(found("a", None, None)) else { panic!() };
    assert_eq!(denied.action, "secretsmanager:ListSecrets");
    become_user(&mut world, &format!("{batch},{list},{one}"));
    assert_eq!(values(&world.query(found("a", None, None)).unwrap()), ["a"]);
}

#[test]
fn every_read_is_noted() {
    let mut world = World::new();
    for name in ["a", "b"] {
        world.command(create_with(name, name)).unwrap();
    }
    let batch = world.query(listed(&["a", "b", "none"])).unwrap();
    let touches = <BatchGetSecretValue as crate::engine::Query>::touches(&batch);
    assert_eq!(touches.len(), 2);
    for noted in touches {
        world.edit(|cx, tx| touch(cx, tx, &noted)).unwrap();
    }
    for name in ["a", "b"] {
        assert_eq!(secret(&world, name).last_accessed, Some(world.now.day()));
    }
}
