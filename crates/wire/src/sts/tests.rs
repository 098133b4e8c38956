//! GetCallerIdentity, byte for byte.

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
