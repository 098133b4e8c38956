//! Questions and answers to protobuf and back.

use regent_core::ids::{KeyArn, Scope};
use regent_core::replication::change::{Answer, Asker, Question};

use super::convert::{arn, arn_back, install, install_back, parse};
use super::problem::{failure_from_proto, failure_to_proto};
use super::{Malformed, proto};

pub fn question(of: &Question) -> proto::Question {
    match of {
        Question::CanHold { arn: of, kms_key_id, overwrite, caller } => {
            proto::Question::CanHold(proto::CanHold {
                arn: Some(arn(of)),
                kms_key_id: kms_key_id.as_deref().map(str::to_owned),
                overwrite: *overwrite,
                caller: caller.arn.to_string(),
                user_id: caller.user_id.to_string(),
                user_name: caller.user_name.as_deref().map(str::to_owned),
                policies: caller.policies.iter().map(ToString::to_string).collect(),
            })
        }
        Question::CanBePrimary { key, caller } => {
            proto::Question::CanBePrimary(proto::CanBePrimary {
                region: key.scope.region.to_string(),
                account: key.scope.account.to_string(),
                id: key.id.to_string(),
                caller: Some(asker(caller)),
            })
        }
        Question::Replicate { key, token, install: of, caller } => {
            proto::Question::Replicate(proto::Replicate {
                wish: Some(wish(key, token, caller)),
                install: Some(install(of)),
            })
        }
        Question::Withdraw { key, token, caller } => {
            proto::Question::Withdraw(wish(key, token, caller))
        }
    }
}

pub fn question_back(of: proto::Question) -> Result<Question, Malformed> {
    Ok(match of {
        proto::Question::CanHold(of) => Question::CanHold {
            arn: arn_back(of.arn)?,
            kms_key_id: of.kms_key_id.map(Into::into),
            overwrite: of.overwrite,
            caller: Asker {
                arn: of.caller.into(),
                user_id: of.user_id.into(),
                user_name: of.user_name.map(Into::into),
                policies: of.policies.into_iter().map(Into::into).collect(),
            },
        },
        proto::Question::CanBePrimary(of) => Question::CanBePrimary {
            key: key(&of.region, &of.account, &of.id)?,
            caller: asker_back(of.caller)?,
        },
        proto::Question::Replicate(of) => {
            let (key, token, caller) = wish_back(of.wish.ok_or(Malformed)?)?;
            let install = Box::new(install_back(of.install.ok_or(Malformed)?)?);
            Question::Replicate { key, token, install, caller }
        }
        proto::Question::Withdraw(of) => {
            let (key, token, caller) = wish_back(of)?;
            Question::Withdraw { key, token, caller }
        }
    })
}

fn wish(key: &KeyArn, token: &str, caller: &Asker) -> proto::Wish {
    proto::Wish {
        region: key.scope.region.to_string(),
        account: key.scope.account.to_string(),
        id: key.id.to_string(),
        token: token.to_owned(),
        caller: Some(asker(caller)),
    }
}

fn asker(caller: &Asker) -> proto::Asker {
    proto::Asker {
        arn: caller.arn.to_string(),
        user_id: caller.user_id.to_string(),
        user_name: caller.user_name.as_deref().map(str::to_owned),
        policies: caller.policies.iter().map(ToString::to_string).collect(),
    }
}

fn asker_back(of: Option<proto::Asker>) -> Result<Asker, Malformed> {
    let caller = of.ok_or(Malformed)?;
    Ok(Asker {
        arn: caller.arn.into(),
        user_id: caller.user_id.into(),
        user_name: caller.user_name.map(Into::into),
        policies: caller.policies.into_iter().map(Into::into).collect(),
    })
}

fn key(region: &str, account: &str, id: &str) -> Result<KeyArn, Malformed> {
    let scope = Scope { region: parse(region)?, account: parse(account)? };
    Ok(KeyArn { scope, id: parse(id)? })
}

fn wish_back(of: proto::Wish) -> Result<(KeyArn, Box<str>, Asker), Malformed> {
    let key = key(&of.region, &of.account, &of.id)?;
    Ok((key, of.token.into(), asker_back(of.caller)?))
}

pub fn answer(id: u64, answer: &Answer) -> proto::Answer {
    let mut proto = proto::Answer { id, ..proto::Answer::default() };
    match answer {
        Answer::Yes => {}
        Answer::No(failure) => proto.no = Some(failure_to_proto(failure)),
        Answer::Refused { code, text } => {
            proto.refused = Some(proto::Refused { code: code.to_string(), text: text.to_string() });
        }
        Answer::Unreachable => proto.unreachable = true,
    }
    proto
}

pub fn answer_back(of: proto::Answer) -> Result<Answer, Malformed> {
    Ok(match (of.no, of.refused, of.unreachable) {
        (None, None, false) => Answer::Yes,
        (Some(failure), None, false) => Answer::No(failure_from_proto(failure)?),
        (None, Some(of), false) => Answer::Refused { code: of.code.into(), text: of.text.into() },
        (None, None, true) => Answer::Unreachable,
        _ => return Err(Malformed),
    })
}
