//! The words for conditions that no conversation here comes to: they take a proxy, wrapped material,
//! or more of something than a test should make.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use regent_core::ids::{AliasArn, MaterialId};
use regent_core::keys::error::{Error, GrantProblem, ImportProblem, RotationProblem};
use regent_core::keys::problem::KeyProblem;
use regent_core::keys::stores::StoreProblem;

use super::*;
use crate::kms::{fault, key_store};

/// Status and body of an error's answer.
fn answer(error: impl Into<Error>) -> String {
    let answer = fault::of_request(error.into()).answer(Service::Kms, Format::Xml, "");
    format!("{} {}\n", answer.status, String::from_utf8(answer.body).unwrap())
}

#[test]
fn errors_of_rare_conditions() {
    let scope = World::new().scope();
    let key = KeyArn { scope, id: MULTI.parse().unwrap() };
    let alias = AliasArn { scope, name: "alias/a".parse().unwrap() };
    let material = |byte| MaterialId([byte; 32]);
    let errors: [Error; 27] = [
        Error::AliasOfOtherKind,
        Error::AliasExists { alias },
        Error::TooManyAliases { key },
        Error::PolicyTooLong,
        Error::EncryptionContextTooLong,
        Error::TooManyTags,
        GrantProblem::Constraint { key }.into(),
        GrantProblem::ConstraintTooLong.into(),
        GrantProblem::TooMany { key }.into(),
        ImportProblem::TokenExpired.into(),
        ImportProblem::Material.into(),
        ImportProblem::NotSymmetric.into(),
        ImportProblem::OtherPending { key, given: material(1).into(), pending: material(2).into() }
            .into(),
        ImportProblem::NoMaterial { id: material(3) }.into(),
        RotationProblem::NothingPending { key }.into(),
        RotationProblem::TooMany { key }.into(),
        KeyProblem::PendingReplicaDeletion { key }.into(),
        KeyProblem::Denied { action: "kms:Decrypt".into(), key: "k".into() }.into(),
        StoreProblem::NameInUse.into(),
        StoreProblem::AddressInUse.into(),
        StoreProblem::TooMany.into(),
        StoreProblem::Failed.into(),
        StoreProblem::VpcServiceNotFound.into(),
        StoreProblem::NewKeyUnfit.into(),
        StoreProblem::NewKeyInUse.into(),
        StoreProblem::NotForItsKeys { key }.into(),
        Error::MaterialNotArrived { key },
    ];
    let answers: String = errors.into_iter().map(answer).collect();
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("errors_of_rare_conditions", answers);
    });
}

/// AWS: a condition has one text, and another code where a store is described, made or changed,
/// where a key is made, and where one is used.
#[test]
fn what_is_wrong_with_a_proxy() {
    let mut told = String::new();
    for problem in ProxyProblem::ALL.iter().copied() {
        let errors: [Error; 3] = [
            StoreProblem::Proxy(problem).into(),
            StoreProblem::NewKey(problem).into(),
            KeyProblem::Proxy { problem }.into(),
        ];
        let mut codes = vec![key_store::connection_error(problem).to_owned()];
        let mut texts = BTreeSet::new();
        for error in errors {
            let answer: Value = serde_json::from_str(&answer(error)[4..]).unwrap();
            codes.push(answer["__type"].as_str().unwrap().to_owned());
            texts.insert(answer["message"].as_str().unwrap().to_owned());
        }
        let texts: Vec<_> = texts.into_iter().collect();
        let (codes, texts) = (codes.join(" "), texts.join("\n  "));
        writeln!(told, "{problem:?}: {codes}\n  {texts}").unwrap();
    }
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("what_is_wrong_with_a_proxy", told);
    });
}
