//! Plans: which steps, in which order, and what each is known to be before the run.

#![allow(clippy::unwrap_used, reason = "tests unwrap")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use regent_cfn::plan::{Action, Plan, Schedule, Side, Step};
use regent_cfn::resolve::{Import, Outside, Resolution};
use support::{Read, World, read, read_with};

const DATABASE: &str = include_str!("golden/database.yaml");

/// An outside in which every resource exists, under an id made of its name.
#[derive(Debug)]
struct Made(BTreeMap<&'static str, &'static str>);

impl Outside for Made {
    fn reference(&self, resource: &str) -> Option<String> {
        let renamed = self.0.get(resource).copied();
        Some(renamed.map_or_else(|| format!("id-of-{resource}"), str::to_owned))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Option<String> {
        self.reference(resource).map(|id| format!("{id}.{attribute}"))
    }

    fn import(&self, name: &str) -> Import {
        World.import(name)
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        World.zones(region)
    }
}

fn made() -> Made {
    Made(BTreeMap::new())
}

fn plan(before: Option<&Read>, after: Option<&Read>) -> Result<Plan, String> {
    let outside = made();
    let text = |problem: regent_cfn::Located| problem.to_string();
    let was = before.map(Read::resolution).transpose().map_err(text)?;
    let is = after.map(Read::resolution).transpose().map_err(text)?;
    let was_graph = was.as_ref().map(Resolution::check).transpose().map_err(text)?;
    let is_graph = is.as_ref().map(Resolution::check).transpose().map_err(text)?;
    let before = was.as_ref().zip(was_graph.as_ref());
    let after = is.as_ref().zip(is_graph.as_ref());
    let before = before.map(|(resolution, graph)| Side { resolution, graph, outside: &outside });
    let after = after.map(|(resolution, graph)| Side { resolution, graph, outside: &outside });
    Plan::new(before, after).map_err(text)
}

fn shown(steps: &[Step]) -> String {
    let mut out = String::new();
    for (index, step) in steps.iter().enumerate() {
        let changed = |difference: &regent_cfn::schema::Difference| {
            let each = difference
                .changed
                .iter()
                .map(|x| format!("{}{}", x.property, if x.unknown { "?" } else { "" }));
            each.collect::<Vec<_>>().join(" ")
        };
        let action = match &step.action {
            Action::Create => "create".to_owned(),
            Action::Update(x) => format!("update {}", changed(x)),
            Action::Replace(x) => format!("replace {}", changed(x)),
            Action::Perhaps(x) => format!("perhaps {}", changed(x)),
            Action::Refuse(x, words) => format!("refuse {}: {words}", changed(x)),
            other => format!("{other:?}"),
        };
        let after: Vec<_> = step.after.iter().map(ToString::to_string).collect();
        writeln!(out, "{index} {} after [{}]: {action}", step.resource, after.join(" ")).unwrap();
    }
    out
}

fn both(plan: &Plan) -> String {
    format!("{}-- cleanup\n{}", shown(&plan.steps), shown(&plan.cleanup))
}

#[test]
fn a_stack_from_nothing_and_to_nothing() {
    let database = read(DATABASE).unwrap();
    insta::assert_snapshot!("create_database", both(&plan(None, Some(&database)).unwrap()));
    insta::assert_snapshot!("delete_database", both(&plan(Some(&database), None).unwrap()));
}

#[test]
fn the_seeds_update_is_one_in_place() {
    let before = read(include_str!("golden/seed-create.yaml")).unwrap();
    let after = read(include_str!("golden/seed-update.yaml")).unwrap();
    let there = plan(Some(&before), Some(&after)).unwrap();
    assert_eq!(both(&there), "0 Secret after []: update ReplicaRegions\n-- cleanup\n");
    let back = plan(Some(&after), Some(&before)).unwrap();
    assert_eq!(both(&back), "0 Secret after []: update ReplicaRegions\n-- cleanup\n");
}

#[test]
fn nothing_changes_nothing() {
    let database = read(DATABASE).unwrap();
    assert!(plan(Some(&database), Some(&database)).unwrap().is_empty());
    // Defaults written out, an order that does not count, and a policy as text.
    let same = DATABASE
        .replace("      MultiRegion: true\n", "      MultiRegion: true\n      Enabled: true\n")
        .replace("EnableKeyRotation: 'true'", "EnableKeyRotation: true");
    assert!(plan(Some(&database), Some(&read(&same).unwrap())).unwrap().is_empty());
    let policy = |policy: &str| {
        read(&format!(
            "Resources: {{K: {{Type: 'AWS::KMS::Key', Properties: {{KeyPolicy: {policy}}}}}}}"
        ))
        .unwrap()
    };
    let (object, text) = (policy("{a: [1], b: x}"), policy("'{\"b\": \"x\", \"a\": [1]}'"));
    assert!(plan(Some(&object), Some(&text)).unwrap().is_empty());
    let other = policy("'{\"b\": \"x\", \"a\": [2]}'");
    assert!(!plan(Some(&object), Some(&other)).unwrap().is_empty());
}

/// A replaced resource makes what refers to it uncertain, and leaves in the cleanup.
#[test]
fn replacement_goes_on_to_what_refers_to_it() {
    let before = read(DATABASE).unwrap();
    let after = read(&DATABASE.replace("'${Stage}/db'", "'${Stage}/db2'")).unwrap();
    insta::assert_snapshot!("rename_secret", both(&plan(Some(&before), Some(&after)).unwrap()));
    let test = read_with(DATABASE, &[("Stage", "test")]).unwrap();
    insta::assert_snapshot!("other_stage", both(&plan(Some(&before), Some(&test)).unwrap()));
}

#[test]
fn what_leaves_the_template_is_deleted_or_kept() {
    let before = read(
        "Resources:
  A: {Type: AWS::KMS::Key}
  B: {Type: AWS::KMS::Key, DependsOn: A}
  C: {Type: AWS::KMS::Key, DependsOn: B, DeletionPolicy: Retain}
  D: {Type: AWS::KMS::Key, DependsOn: C}
  E: {Type: AWS::KMS::Key}",
    );
    let after = read("Resources: {E: {Type: 'AWS::KMS::Key'}}");
    let plan = plan(Some(&before.unwrap()), Some(&after.unwrap())).unwrap();
    assert_eq!(
        both(&plan),
        "-- cleanup\n0 D after []: Delete\n1 C after [0]: Retain\n2 B after [1]: Delete\n\
         3 A after [2]: Delete\n"
    );
}

#[test]
fn updates_that_aws_refuses() {
    let key = |rest: &str| {
        read(&format!("Resources: {{K: {{Type: 'AWS::KMS::Key', Properties: {{{rest}}}}}}}"))
            .unwrap()
    };
    let plan_of = |a: &str, b: &str| plan(Some(&key(a)), Some(&key(b))).map(|plan| both(&plan));
    assert_eq!(
        plan_of("Description: a", "MultiRegion: true").unwrap(),
        "0 K after []: refuse Description MultiRegion: You cannot change the values of the \
         KeySpec, KeyUsage, Origin, or MultiRegion properties of an AWS::KMS::Key resource.\n\
         -- cleanup\n"
    );
    let other = read("Resources: {K: {Type: 'AWS::SecretsManager::Secret'}}").unwrap();
    assert_eq!(
        plan(Some(&key("")), Some(&other)).unwrap_err(),
        "Update of resource type is not permitted. The new template modifies resource type of \
         the following resources: [K]"
    );
}

/// What a step needs goes through resources that do not change.
#[test]
fn an_unchanged_resource_hands_on_what_it_waits_for() {
    let text = |description: &str, name: &str| {
        format!(
            "Resources:
  A: {{Type: AWS::KMS::Key, Properties: {{Description: {description}}}}}
  B: {{Type: AWS::KMS::Key, DependsOn: A}}
  C: {{Type: AWS::KMS::Key, DependsOn: B, Properties: {{Description: {name}}}}}"
        )
    };
    let (before, after) = (read(&text("a", "b")).unwrap(), read(&text("c", "d")).unwrap());
    assert_eq!(
        both(&plan(Some(&before), Some(&after)).unwrap()),
        "0 A after []: update Description\n1 C after [0]: update Description\n-- cleanup\n"
    );
}

#[test]
fn a_schedule_runs_what_is_free_together() {
    let text = "Resources:
  A: {Type: AWS::KMS::Key}
  B: {Type: AWS::KMS::Key}
  C: {Type: AWS::KMS::Key, DependsOn: [A, B]}
  D: {Type: AWS::KMS::Key, DependsOn: B}
  E: {Type: AWS::KMS::Key, DependsOn: C}";
    let plan = plan(None, Some(&read(text).unwrap())).unwrap();
    let names = |steps: Vec<usize>| {
        steps.iter().map(|at| plan.steps[*at].resource.as_str()).collect::<Vec<_>>().join("")
    };
    let at = |name: &str| plan.steps.iter().position(|step| step.resource == name).unwrap();
    let mut schedule = Schedule::new(&plan.steps);
    assert_eq!(names(schedule.begin()), "AB");
    assert_eq!(names(schedule.begin()), "");
    schedule.done(at("B"));
    assert_eq!(names(schedule.begin()), "D");
    schedule.failed(at("A"));
    assert_eq!(names(schedule.begin()), "");
    assert!(!schedule.is_over());
    schedule.done(at("D"));
    assert!(schedule.is_over() && !schedule.succeeded());

    let mut schedule = Schedule::new(&plan.steps);
    let mut order = String::new();
    loop {
        let ready = schedule.begin();
        if ready.is_empty() {
            break;
        }
        for step in ready {
            order.push_str(&plan.steps[step].resource);
            schedule.done(step);
        }
    }
    assert_eq!(order, "ABCDE");
    assert!(schedule.succeeded());
}
