//! GetCallerIdentity and AssumeRole, byte for byte.

use regent_core::policy::evaluate::PrincipalKind;

use crate::operations::{Outcome, find};
use crate::query_xml::Format;
use crate::service::Service;
use crate::testing::World;

fn ask(world: &World, format: Format) -> (&'static str, String) {
    let row = find(Service::Sts, "GetCallerIdentity").unwrap();
    let body = b"Action=GetCallerIdentity&Version=2011-06-15";
    match row.run(&world.cx(), &world.store, body, format) {
        Outcome::Answer { answer, .. } => {
            (answer.content_type, String::from_utf8(answer.body).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

fn flat(xml: &str) -> String {
    xml.lines().map(str::trim).collect()
}

#[test]
fn the_root_of_an_account() {
    let (content_type, body) = ask(&World::new(), Format::Xml);
    assert_eq!(content_type, "text/xml");
    assert_eq!(
        flat(&body),
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><UserId>111122223333</UserId><Account>111122223333</Account>\
         <Arn>arn:aws:iam::111122223333:root</Arn></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>07070707-0707-4707-8707-070707070707</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    );
}

/// AWS: needs no permission. A user without a policy asks in JSON.
#[test]
fn a_user_without_permissions() {
    let mut world = World::new();
    world.caller.kind = PrincipalKind::User;
    world.caller.arn = "arn:aws:iam::111122223333:user/a&b".into();
    world.caller.user_id = "AIDAEXAMPLE".into();
    let (content_type, body) = ask(&world, Format::Json);
    assert_eq!(content_type, "application/json");
    assert_eq!(
        body,
        r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"UserId":"AIDAEXAMPLE","Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/a&b"},"ResponseMetadata":{"RequestId":"07070707-0707-4707-8707-070707070707"}}}"#
    );
    assert!(
        ask(&world, Format::Xml).1.contains("<Arn>arn:aws:iam::111122223333:user/a&amp;b</Arn>")
    );
}

fn assume(world: &World, body: &str) -> (u16, String) {
    let row = find(Service::Sts, "AssumeRole").unwrap();
    let body = format!("Action=AssumeRole&Version=2011-06-15&{body}");
    let answer = match row.run(&world.cx(), &world.store, body.as_bytes(), Format::Xml) {
        Outcome::Answer { answer, .. } => answer,
        Outcome::Fault(fault) => fault.answer(Service::Sts, Format::Xml, "id"),
        other => panic!("{other:?}"),
    };
    (answer.status, flat(&String::from_utf8(answer.body).unwrap()))
}

fn assuming() -> World {
    let mut world = World::new();
    let trust = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::111122223333:user/ann"}}}"#;
    world.roles.add("arn:aws:iam::111122223333:role/reader", trust, &[]);
    world.caller.kind = PrincipalKind::User;
    world.caller.arn = "arn:aws:iam::111122223333:user/ann".into();
    world
}

const READER: &str = "RoleArn=arn:aws:iam::111122223333:role/reader&RoleSessionName=s-1";

#[test]
fn a_role_is_assumed() {
    let (status, body) = assume(&assuming(), READER);
    assert_eq!(status, 200);
    assert_eq!(
        body,
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:s-1</AssumedRoleId>\
         <Arn>arn:aws:sts::111122223333:assumed-role/reader/s-1</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>\
         <SecretAccessKey>secret of s-1</SecretAccessKey><SessionToken>token of s-1</SessionToken>\
         <Expiration>2023-11-14T23:13:20Z</Expiration></Credentials>\
         <PackedPolicySize>0</PackedPolicySize></AssumeRoleResult><ResponseMetadata>\
         <RequestId>07070707-0707-4707-8707-070707070707</RequestId></ResponseMetadata>\
         </AssumeRoleResponse>"
    );
}

/// AWS: what is wrong with a request is told with the same code; who may not is told nothing else.
#[test]
fn roles_that_are_not_assumed() {
    let mut world = assuming();
    let says = |world: &World, body: &str, status: u16, code: &str, text: &str| {
        let (found, xml) = assume(world, body);
        assert_eq!(found, status, "{body}: {xml}");
        let escaped = text.replace('\'', "&apos;").replace('<', "&lt;").replace('>', "&gt;");
        let shown = xml.contains(text) || xml.contains(&escaped);
        assert!(xml.contains(&format!("<Code>{code}</Code>")) && shown, "{body}: {xml}");
    };
    let denied = "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/none";
    says(&world, &READER.replace("reader", "none"), 403, "AccessDenied", denied);
    let invalid = "ValidationError";
    says(&world, &READER.replace("role/", "user/"), 400, invalid, "user/reader is invalid");
    for (from, to, path) in [
        (READER, "RoleSessionName=s-1", "roleArn"),
        ("s-1", "s", "roleSessionName"),
        ("s-1", "s%201", "roleSessionName"),
        ("&RoleSessionName=s-1", "", "roleSessionName"),
        ("s-1", "s-1&DurationSeconds=899", "durationSeconds"),
        ("s-1", "s-1&DurationSeconds=43201", "durationSeconds"),
        ("s-1", "s-1&ExternalId=x", "externalId"),
        ("s-1", "s-1&ExternalId=a%20b", "externalId"),
    ] {
        says(&world, &READER.replace(from, to), 400, invalid, path);
    }
    let longer = format!("{READER}&DurationSeconds=7201");
    says(&world, &longer, 400, invalid, "exceeds the MaxSessionDuration set for this role.");
    for member in [
        "Policy=%7B%7D",
        "PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess",
        "Tags.member.1.Key=a&Tags.member.1.Value=b",
        "TransitiveTagKeys.member.1=a",
        "SourceIdentity=ann",
        "SerialNumber=123456789",
        "TokenCode=123456",
    ] {
        let name = member.split(['=', '.']).next().unwrap();
        let text = format!("The parameter {name} is not supported.");
        says(&world, &format!("{READER}&{member}"), 400, invalid, &text);
    }
    world.caller.kind = PrincipalKind::Root;
    world.caller.arn = "arn:aws:iam::111122223333:user/ann".into();
    says(&world, READER, 403, "AccessDenied", "Roles may not be assumed by root accounts.");
}
