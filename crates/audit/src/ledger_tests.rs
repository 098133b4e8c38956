//! The ledger on rounds and looks that are made up here.

use super::*;

const ACCOUNT: &str = "111122223333";
const EAST: &str = "us-east-1";
const WEST: &str = "us-west-2";
const WARNINGS: Wanted<'_> = Wanted { least: Severity::Warning, baseline: None };

fn found(rule: &str, region: &str, name: &str, home: &str) -> Found {
    Found {
        rule: rule.to_owned(),
        path: format!("{ACCOUNT}/{region}"),
        resource: (!name.is_empty()).then(|| name.to_owned()),
        message: "why".to_owned(),
        key: Some("k".to_owned()),
        home: home.to_owned(),
    }
}

fn read(regions: &[&str]) -> BTreeSet<(String, String)> {
    regions.iter().map(|region| (ACCOUNT.to_owned(), (*region).to_owned())).collect()
}

struct World {
    ledger: Ledger,
    now_s: i64,
}

impl World {
    fn new() -> Self {
        Self { ledger: Ledger::new("l".to_owned()), now_s: 100 }
    }

    fn take(&mut self, found: &[Found], scope: &Scope<'_>) -> Vec<String> {
        self.now_s += 1;
        let changes = self.ledger.take(found, scope, &WARNINGS, self.now_s);
        let each = changes.iter().map(|change| {
            let Place { region, name, rule, .. } = &change.place;
            format!("{} {rule} {region} {name}", change.event.name())
        });
        each.collect()
    }

    fn round(&mut self, found: &[Found]) -> Vec<String> {
        let (read, except) = (read(&[EAST, WEST]), BTreeSet::new());
        self.take(found, &Scope::All { read: &read, except: &except })
    }

    fn round_of(&mut self, found: &[Found], regions: &[&str]) -> Vec<String> {
        let (read, except) = (read(regions), BTreeSet::new());
        self.take(found, &Scope::All { read: &read, except: &except })
    }

    fn look(&mut self, name: &str, found: &[Found]) -> Vec<String> {
        self.take(found, &Scope::Secret { account: ACCOUNT, home: EAST, name })
    }
}

const NOTHING: [String; 0] = [];

#[test]
fn a_change_is_told_once() {
    let mut world = World::new();
    let failed = found("RG201", WEST, "db", EAST);
    assert_eq!(world.round(std::slice::from_ref(&failed)), ["found RG201 us-west-2 db"]);
    // The same again, and with another text: nothing new.
    assert_eq!(world.round(std::slice::from_ref(&failed)), NOTHING);
    let other = Found { message: "because".to_owned(), ..failed.clone() };
    assert_eq!(world.round(&[other]), NOTHING);
    let (_, problem) = world.ledger.problems().first_key_value().unwrap();
    assert_eq!((problem.reason.as_str(), problem.since_s), ("because", 101));
    // What is not as bad as asked for.
    assert_eq!(world.round(&[failed, found("RG298", EAST, "x", EAST)]), NOTHING);
    assert_eq!(world.round(&[]), ["recovered RG201 us-west-2 db"]);
    assert_eq!(world.round(&[]), NOTHING);
}

#[test]
fn what_was_not_looked_at_is_not_over() {
    let failed = found("RG201", WEST, "db", EAST);
    let east_lost = found("RG299", EAST, "", "");
    let west_lost = found("RG299", WEST, "", "");
    let account_lost = found("RG299", "", "", "");
    let unreached = found("RG299", WHOLE, "", "");
    let unnamed = Found { path: "/".to_owned(), ..account_lost.clone() };
    let shut = |region: &str| found("RG298", region, "db", EAST);
    let other = found("RG298", WEST, "other", EAST);
    for (seen, regions, over) in [
        (vec![east_lost.clone()], vec![WEST], false),
        (vec![account_lost], vec![], false),
        (vec![unnamed], vec![], false),
        (vec![unreached], vec![], false),
        (vec![shut(EAST)], vec![EAST, WEST], false),
        (vec![shut(WEST)], vec![EAST, WEST], false),
        (vec![other], vec![EAST, WEST], true),
        // The primary's list says all of a replica that has failed.
        (vec![west_lost], vec![EAST], true),
    ] {
        let mut world = World::new();
        world.round(std::slice::from_ref(&failed));
        let changes = world.round_of(&seen, &regions);
        let told = changes.contains(&"recovered RG201 us-west-2 db".to_owned());
        assert_eq!(told, over, "{seen:?}");
        // Once it was looked at, it is.
        let still = world.round(&[]).contains(&"recovered RG201 us-west-2 db".to_owned());
        assert_eq!(still, !over);
    }
}

#[test]
fn a_region_that_is_read_again_has_recovered() {
    let mut world = World::new();
    let lost = found("RG299", EAST, "", "");
    assert_eq!(world.round_of(&[lost], &[WEST]), ["found RG299 us-east-1 "]);
    assert_eq!(world.round(&[]), ["recovered RG299 us-east-1 "]);
    let unreached = found("RG299", WHOLE, "", "");
    assert_eq!(world.round_of(&[unreached], &[]), ["found RG299 * "]);
    assert_eq!(world.round_of(&[], &[WEST]), ["recovered RG299 * "]);
    let account = Found { path: "/".to_owned(), ..found("RG299", "", "", "") };
    assert_eq!(world.round_of(&[account], &[]), ["found RG299  "]);
    assert_eq!(world.round(&[]), ["recovered RG299  "]);
}

#[test]
fn what_is_not_watched_any_more_is_withdrawn() {
    let mut world = World::new();
    world.round(&[found("RG201", WEST, "db", EAST), found("RG215", EAST, "a/", EAST)]);
    assert_eq!(world.round_of(&[], &[WEST]).len(), 2);
    let mut world = World::new();
    world.round(&[found("RG215", EAST, "a/", EAST)]);
    let (read, except) = (read(&[EAST]), BTreeSet::new());
    let scope = Scope::All { read: &read, except: &except };
    let changes =
        world.ledger.take(&[], &scope, &Wanted { least: Severity::Error, baseline: None }, 0);
    assert_eq!(changes.first().unwrap().event, Event::Withdrawn);
}

#[test]
fn a_look_at_one_secret_says_nothing_of_others() {
    let mut world = World::new();
    let all = [
        found("RG201", WEST, "db", EAST),
        found("RG201", WEST, "other", EAST),
        found("RG213", WEST, "db", WEST),
        found("RG215", EAST, "db", EAST),
        found("RG214", WEST, "db", WEST),
    ];
    assert_eq!(world.round(&all).len(), 5);
    assert_eq!(world.look("db", &[found("RG298", WEST, "db", EAST)]), NOTHING);
    let now = [found("RG202", WEST, "db", EAST)];
    assert_eq!(
        world.look("db", &now),
        ["recovered RG201 us-west-2 db", "found RG202 us-west-2 db"]
    );
    assert_eq!(world.look("db", &now), NOTHING);
}

#[test]
fn a_look_during_a_round_knows_better() {
    let mut world = World::new();
    let failed = found("RG201", WEST, "db", EAST);
    let (read, mut except) = (read(&[EAST, WEST]), BTreeSet::new());
    except.insert((ACCOUNT.to_owned(), EAST.to_owned(), "db".to_owned()));
    // The round read it before it failed.
    world.look("db", std::slice::from_ref(&failed));
    assert_eq!(world.take(&[], &Scope::All { read: &read, except: &except }), NOTHING);
    // The round read it before it was mended.
    world.look("db", &[]);
    let old = std::slice::from_ref(&failed);
    assert_eq!(world.take(old, &Scope::All { read: &read, except: &except }), NOTHING);
    assert!(world.ledger.problems().is_empty());
}

#[test]
fn a_restart_repeats_nothing_and_loses_nothing() {
    let mut world = World::new();
    let failed = [found("RG201", WEST, "db", EAST)];
    let (read, except) = (read(&[EAST, WEST]), BTreeSet::new());
    let scope = Scope::All { read: &read, except: &except };
    for notice in world.ledger.take(&failed, &scope, &WARNINGS, 7) {
        world.ledger.tell(notice);
    }
    let text = serde_json::to_string(&world.ledger).unwrap();
    let again: Ledger = serde_json::from_str(&text).unwrap();
    assert_eq!(again, world.ledger);
    world.ledger = again;
    assert_eq!(world.round(&failed), NOTHING);
    let first = world.ledger.first().unwrap().clone();
    assert_eq!((first.id.as_str(), first.at_s, first.event), ("l-0", 7, Event::Found));
    world.ledger.delivered("l-0");
    assert_eq!(world.ledger.first(), None);
    // An id is never given again.
    let over = world.ledger.take(&[], &scope, &WARNINGS, 8);
    assert_eq!(over.first().unwrap().id, "l-1");
    let old = text.replace("\"version\":1", "\"version\":2");
    assert!(serde_json::from_str::<Ledger>(&old).is_err());
}

#[test]
fn what_comes_and_goes_while_nobody_listens_is_told_in_short() {
    let mut world = World::new();
    let failed = [found("RG201", WEST, "db", EAST)];
    let (read, except) = (read(&[EAST, WEST]), BTreeSet::new());
    let scope = Scope::All { read: &read, except: &except };
    let events = |ledger: &Ledger| -> Vec<Event> {
        ledger.waiting.iter().map(|notice| notice.event).collect()
    };
    let turn = |world: &mut World, found: &[Found]| {
        for notice in world.ledger.take(found, &scope, &WARNINGS, 7) {
            world.ledger.tell(notice);
        }
    };
    turn(&mut world, &failed);
    turn(&mut world, &[]);
    assert_eq!(events(&world.ledger), [Event::Found, Event::Recovered]);
    // Found again: it has not been away.
    for _ in 0..5 {
        turn(&mut world, &failed);
        assert_eq!(events(&world.ledger), [Event::Found]);
        turn(&mut world, &[]);
        assert_eq!(events(&world.ledger), [Event::Found, Event::Recovered]);
    }
    // The first may have been delivered already, and is not taken back.
    world.ledger.delivered("l-0");
    assert_eq!(events(&world.ledger), [Event::Recovered]);
    turn(&mut world, &failed);
    assert_eq!(events(&world.ledger), [Event::Recovered, Event::Found]);
    // What is found elsewhere undoes nothing.
    turn(&mut world, &[]);
    turn(&mut world, &[found("RG201", WEST, "other", EAST)]);
    let all = [Event::Recovered, Event::Found, Event::Recovered, Event::Found];
    assert_eq!(events(&world.ledger), all);
}

#[test]
fn what_a_baseline_knows_is_not_told() {
    let text = format!(
        r#"{{"findings": [
            {{"rule": "RG201", "path": "{ACCOUNT}/{WEST}", "resource": "a", "message": "another reason"}},
            {{"rule": "RG299", "path": "{ACCOUNT}/{WEST}", "message": "down"}}
        ]}}"#
    );
    let baseline = Baseline::parse(&text).unwrap();
    let wanted = Wanted { baseline: Some(&baseline), ..WARNINGS };
    let (read, except) = (read(&[EAST, WEST]), BTreeSet::new());
    let scope = Scope::All { read: &read, except: &except };
    let known = found("RG201", WEST, "a", EAST);
    // What was told before it was known is withdrawn: it is not over.
    let mut world = World::new();
    assert_eq!(world.round(std::slice::from_ref(&known)), ["found RG201 us-west-2 a"]);
    let over = world.ledger.take(std::slice::from_ref(&known), &scope, &wanted, 200);
    assert_eq!(over.iter().map(|one| one.event).collect::<Vec<_>>(), [Event::Withdrawn]);
    // Another rule, Region or secret is told, and so is what could not be read.
    let all = [
        known,
        found("RG202", WEST, "a", EAST),
        found("RG201", EAST, "a", EAST),
        found("RG201", WEST, "b", EAST),
        found("RG299", WEST, "", WEST),
    ];
    let told = world.ledger.take(&all, &scope, &wanted, 201);
    let told: Vec<_> = told.iter().map(|one| one.place.rule.as_str()).collect();
    assert_eq!(told, ["RG201", "RG299", "RG202", "RG201"]);
}

#[test]
fn a_look_that_may_not_see_the_primary_proves_nothing() {
    let problem = found("RG207", WEST, "db", EAST);
    let closed = found("RG298", EAST, "db", EAST);
    let mut world = World::new();
    assert_eq!(world.look("db", &[problem]), ["found RG207 us-west-2 db"]);
    assert_eq!(world.look("db", &[closed]), NOTHING);
    assert_eq!(world.look("db", &[]), ["recovered RG207 us-west-2 db"]);
}

#[test]
fn a_reason_is_bounded() {
    let long = Found { message: "é".repeat(3000), ..found("RG201", WEST, "db", EAST) };
    let mut world = World::new();
    world.round(&[long]);
    let reasons = world.ledger.problems().values().map(|one| one.reason.chars().count());
    assert_eq!(reasons.collect::<Vec<_>>(), [2000]);
}

#[test]
fn what_undoes_a_recovery_is_not_its_first_finding() {
    let mut ledger = Ledger::new("l".to_owned());
    let place = |name: &str| Place {
        account: ACCOUNT.to_owned(),
        region: WEST.to_owned(),
        name: name.to_owned(),
        rule: "RG201".to_owned(),
    };
    let problem =
        || Problem { home: EAST.to_owned(), key: None, reason: "why".to_owned(), since_s: 1 };
    for (event, name) in [
        (Event::Found, "other"),
        (Event::Found, "db"),
        (Event::Recovered, "db"),
        (Event::Found, "db"),
    ] {
        let notice = ledger.notice(event, place(name), problem(), 1);
        ledger.tell(notice);
    }
    let left: Vec<_> =
        ledger.waiting.iter().map(|one| (one.event, one.place.name.as_str())).collect();
    assert_eq!(left, [(Event::Found, "other"), (Event::Found, "db")]);
}
