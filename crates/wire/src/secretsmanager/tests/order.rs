//! Which of several mistakes in one request is told: every combination of them, for each operation
//! on one secret.
//!
//! AWS: the shape, the name, the token, the permission, the existence, the deletion mark, the
//! replica, and the parameters last.

use regent_core::policy::evaluate::PrincipalKind;

use super::*;

/// An operation, and what may be wrong with a request for it.
struct Case {
    operation: &'static str,
    /// Members that are right, without the id and the token.
    right: &'static str,
    /// Members that only the operation itself can refuse, and a part of what it says.
    wrong: Option<(&'static str, &'static str)>,
    has_token: bool,
    /// Whether it is refused for a secret that is marked for deletion, and for a replica.
    needs_active: bool,
    needs_primary: bool,
}

const fn case(operation: &'static str, right: &'static str) -> Case {
    let (has_token, needs_active, needs_primary) = (false, true, true);
    Case { operation, right, wrong: None, has_token, needs_active, needs_primary }
}

const BOTH: &str = r#","SecretString":"x","SecretBinary":"eA==""#;
const BOTH_TEXT: &str = "You can't specify both a binary secret value and a string secret value";
const POLICY: &str = r#","ResourcePolicy":"{\"Statement\":[]}""#;
const ROTATES: &str =
    r#","RotationLambdaARN":"arn:aws:lambda:us-east-1:111122223333:function:rotate""#;
const RULES: &str = r#","RotationRules":{"AutomaticallyAfterDays":7,"ScheduleExpression":"rate(7 days)"},"RotationLambdaARN":"arn:aws:lambda:us-east-1:111122223333:function:rotate""#;

fn cases() -> Vec<Case> {
    let token = |case: Case| Case { has_token: true, ..case };
    let wrong = |case: Case, members, text| Case { wrong: Some((members, text)), ..case };
    let reads = |case: Case| Case { needs_primary: false, ..case };
    let any = |case: Case| Case { needs_active: false, needs_primary: false, ..case };
    vec![
        any(case("DescribeSecret", "")),
        any(case("ListSecretVersionIds", "")),
        reads(case("GetSecretValue", "")),
        reads(case("GetResourcePolicy", "")),
        reads(case("ListResourcePolicies", "")),
        token(wrong(case("PutSecretValue", r#","SecretString":"x""#), BOTH, BOTH_TEXT)),
        token(wrong(case("UpdateSecret", r#","Description":"x""#), BOTH, BOTH_TEXT)),
        token(wrong(case("RotateSecret", ROTATES), RULES, "You cannot specify both rotation")),
        case("CancelRotateSecret", ""),
        case("DeleteResourcePolicy", ""),
        case("UntagResource", r#","TagKeys":["k"]"#),
        wrong(case("DeleteSecret", ""), r#","RecoveryWindowInDays":6"#, "RecoveryWindowInDays"),
        wrong(
            case("TagResource", r#","Tags":[{"Key":"k","Value":"v"}]"#),
            r#","Tags":[{"Key":"aws:k","Value":"v"}]"#,
            "aws: prefixed tag key names",
        ),
        wrong(
            case("UpdateSecretVersionStage", r#","VersionStage":"A""#),
            r#","VersionStage":"A""#,
            "You must specify MoveToVersionId",
        ),
        wrong(
            case("ReplicateSecretToRegions", r#","AddReplicaRegions":[{"Region":"eu-west-1"}]"#),
            r#","AddReplicaRegions":[{"Region":"us-east-1"}]"#,
            "Invalid replica region",
        ),
        wrong(
            case("PutResourcePolicy", POLICY),
            r#","ResourcePolicy":"{""#,
            "This resource policy contains a syntax error.",
        ),
    ]
}

/// The kinds of ids, and what is told of each, in the order in which it is looked at: before the
/// token, or after the permission.
const EMPTY: (&str, &str) = ("", "Member must have length greater than or equal to 1");
const STRANGE: (&str, &str) = ("a b", "Invalid name. Must be a valid name");
const ABSENT: (&str, &str) = ("absent", "Secrets Manager can't find the specified secret.");
const MARKED: (&str, &str) = ("marked", "because it was marked for deletion.");
const COPY: (&str, &str) = ("copy", "Operation not permitted on a replica secret.");
const NO_TOKEN: &str = "You must provide a ClientRequestToken value.";
const DENIED: &str = "is not authorized to perform: secretsmanager:";

impl Case {
    /// What is told first. Nothing if nothing is wrong, which is not this test's subject.
    fn told(&self, id: &str, token: bool, denied: bool, wrong: bool) -> Option<&'static str> {
        let early = [EMPTY, STRANGE].into_iter().find(|(early, _)| *early == id);
        let late = match id {
            "absent" => Some(ABSENT.1),
            "marked" if self.needs_active => Some(MARKED.1),
            "copy" if self.needs_primary => Some(COPY.1),
            _ => None,
        };
        early
            .map(|(_, text)| text)
            .or((self.has_token && !token).then_some(NO_TOKEN))
            .or(denied.then_some(DENIED))
            .or(late)
            .or(self.wrong.filter(|_| wrong).map(|(_, text)| text))
    }
}

fn world() -> Talk {
    let mut talk = Talk::new();
    talk.world.functions.insert(FUNCTION.into());
    for text in ["live", "marked", "copy"] {
        talk.say("CreateSecret", &name(text, T1, r#","SecretString":"x""#));
    }
    talk.say("DeleteSecret", &id("marked", ""));
    let (scope, mut copy) = (talk.world.scope(), talk.secret("copy"));
    copy.role = Role::Replica { primary: "eu-west-1".parse().unwrap() };
    talk.world.edit(|_, tx| put_secret(tx, scope, copy)).unwrap();
    talk
}

#[test]
fn the_first_mistake_is_told_and_nothing_is_changed() {
    let mut told = 0;
    for case in cases() {
        for (ident, token, denied, wrong) in combinations() {
            if wrong && case.wrong.is_none() {
                continue;
            }
            let Some(expected) = case.told(ident, token, denied, wrong) else { continue };
            let mut talk = world();
            if denied {
                talk.world.caller.kind = PrincipalKind::User;
                talk.world.caller.arn = "arn:aws:iam::111122223333:user/ann".into();
            }
            let before = talk.world.committed;
            let members = case.wrong.filter(|_| wrong).map_or(case.right, |(members, _)| members);
            let token =
                if token { format!(r#","ClientRequestToken":"{T2}""#) } else { String::new() };
            let body = id(ident, &format!("{token}{members}"));
            let answer = talk.say(case.operation, &body);
            assert!(answer.contains(expected), "{} {body}: {answer}", case.operation);
            assert_eq!(talk.world.committed, before, "{} {body}", case.operation);
            told += 1;
        }
    }
    assert!(told > 400, "{told}");
}

fn combinations() -> impl Iterator<Item = (&'static str, bool, bool, bool)> {
    let ids = [EMPTY.0, STRANGE.0, ABSENT.0, MARKED.0, COPY.0, "live"];
    ids.into_iter().flat_map(|id| (0..8).map(move |n| (id, n & 1 == 0, n & 2 != 0, n & 4 != 0)))
}
