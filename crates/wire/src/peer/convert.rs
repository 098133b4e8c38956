//! Messages to protobuf and back, field by field. Nothing is defaulted: what is missing is
//! malformed, so that a frame means one thing only.

use std::collections::BTreeMap;

use regent_core::ids::{AccountId, KeyArn, MaterialId, Scope, SecretArn, SecretName, SecretSuffix};
use regent_core::keys::model::{
    Holding, Install, KeySpec, KeyUsage, Origin, PendingId, Rotation, RotationKind,
};
use regent_core::ports::TransportKey;
use regent_core::records::Subject;
use regent_core::replication::change::{
    KeyState, MaterialState, Message, Outcome, SecretState, Stamp, ValueState, VersionState,
};
use regent_core::secrets::model::ValueKind;
use regent_core::secrets::policies::{Policies, ResourcePolicy};
use regent_core::tags::Tags;
use regent_core::time::Timestamp;

use super::problem::{failure_from_proto, failure_to_proto};
use super::rotation::{rotation, rotation_back};
use super::{Malformed, proto, question};

pub fn to_proto(message: &Message) -> proto::Body {
    use proto::Body;
    match message {
        Message::Hello { key, answer } => {
            Body::Hello(proto::Hello { key: key.0.to_vec(), answer: *answer })
        }
        Message::Secret(state) => Body::Secret(secret(state)),
        Message::SecretRemoved { account, name, suffix, at } => {
            Body::SecretRemoved(secret_at(*account, name, *suffix, *at))
        }
        Message::Detached { account, name, suffix, at } => {
            Body::Detached(secret_at(*account, name, *suffix, *at))
        }
        Message::Key(state) => Body::Key(key(state)),
        Message::KeyGone { account, id, at } => Body::KeyGone(proto::KeyAt {
            account: account.to_string(),
            id: id.to_string(),
            at: Some(stamp(*at)),
        }),
        Message::Accessed { account, name, suffix, day } => Body::Accessed(proto::Accessed {
            account: account.to_string(),
            name: name.to_string(),
            suffix: suffix.to_string(),
            day_ms: day.millis(),
        }),
        Message::PendingHeld { account, id, holding } => Body::PendingHeld(proto::PendingHeld {
            account: account.to_string(),
            id: id.to_string(),
            at: Some(stamp(holding.at)),
            material: holding.material.map(|held| proto::PendingId {
                material: held.material.0.to_vec(),
                since_ms: held.since.millis(),
            }),
        }),
        Message::Acknowledged { account, subject: of, at, outcome: what } => {
            Body::Acknowledged(proto::Acknowledged {
                account: account.to_string(),
                subject: Some(subject(of)),
                at: Some(stamp(*at)),
                outcome: Some(outcome(what)),
            })
        }
        Message::Ask { id, question } => {
            Body::Ask(proto::Ask { id: *id, question: Some(question::question(question)) })
        }
        Message::Answer { id, answer } => Body::Answer(question::answer(*id, answer)),
    }
}

pub fn from_proto(body: proto::Body) -> Result<Message, Malformed> {
    use proto::Body;
    Ok(match body {
        Body::Hello(hello) => {
            Message::Hello { key: TransportKey(hello.key.into()), answer: hello.answer }
        }
        Body::Secret(state) => Message::Secret(Box::new(secret_back(state)?)),
        Body::SecretRemoved(of) => {
            let (account, name, suffix, at) = secret_at_back(&of)?;
            Message::SecretRemoved { account, name, suffix, at }
        }
        Body::Detached(of) => {
            let (account, name, suffix, at) = secret_at_back(&of)?;
            Message::Detached { account, name, suffix, at }
        }
        Body::Key(state) => Message::Key(Box::new(key_back(state)?)),
        Body::KeyGone(of) => Message::KeyGone {
            account: parse(&of.account)?,
            id: parse(&of.id)?,
            at: stamp_back(of.at)?,
        },
        Body::Accessed(of) => Message::Accessed {
            account: parse(&of.account)?,
            name: parse(&of.name)?,
            suffix: parse(&of.suffix)?,
            day: day_back(of.day_ms)?,
        },
        Body::PendingHeld(of) => Message::PendingHeld {
            account: parse(&of.account)?,
            id: parse(&of.id)?,
            holding: Holding {
                at: stamp_back(of.at)?,
                material: of.material.map(pending_id_back).transpose()?,
            },
        },
        Body::Acknowledged(of) => Message::Acknowledged {
            account: parse(&of.account)?,
            subject: subject_back(&of.subject.ok_or(Malformed)?)?,
            at: stamp_back(of.at)?,
            outcome: outcome_back(of.outcome.ok_or(Malformed)?)?,
        },
        Body::Ask(ask) => {
            let question = question::question_back(ask.question.ok_or(Malformed)?)?;
            Message::Ask { id: ask.id, question }
        }
        Body::Answer(of) => Message::Answer { id: of.id, answer: question::answer_back(of)? },
    })
}

pub(super) fn parse<T: core::str::FromStr>(text: &str) -> Result<T, Malformed> {
    text.parse().map_err(|_| Malformed)
}

fn stamp(at: Stamp) -> proto::Stamp {
    proto::Stamp { epoch: at.epoch, revision: at.revision }
}

/// Far beyond any real number, and far from an overflow when one is added.
const STAMP_MAX: u64 = 1 << 62;

fn stamp_back(at: Option<proto::Stamp>) -> Result<Stamp, Malformed> {
    let proto::Stamp { epoch, revision } = at.ok_or(Malformed)?;
    if epoch > STAMP_MAX || revision > STAMP_MAX {
        return Err(Malformed);
    }
    Ok(Stamp { epoch, revision })
}

fn day_back(day_ms: i64) -> Result<Timestamp, Malformed> {
    let day = Timestamp::from_millis(day_ms);
    if day_ms >= 0 && day == day.day() { Ok(day) } else { Err(Malformed) }
}

pub(super) fn arn(of: &SecretArn) -> proto::SecretArn {
    proto::SecretArn {
        region: of.scope.region.to_string(),
        account: of.scope.account.to_string(),
        name: of.name.to_string(),
        suffix: of.suffix.to_string(),
    }
}

pub(super) fn arn_back(of: Option<proto::SecretArn>) -> Result<SecretArn, Malformed> {
    let of = of.ok_or(Malformed)?;
    let scope = Scope { region: parse(&of.region)?, account: parse(&of.account)? };
    Ok(SecretArn { scope, name: parse(&of.name)?, suffix: parse(&of.suffix)? })
}

fn secret_at(
    account: AccountId,
    name: &SecretName,
    suffix: SecretSuffix,
    at: Stamp,
) -> proto::SecretAt {
    proto::SecretAt {
        account: account.to_string(),
        name: name.to_string(),
        suffix: suffix.to_string(),
        at: Some(stamp(at)),
    }
}

type SecretAt = (AccountId, SecretName, SecretSuffix, Stamp);

fn secret_at_back(of: &proto::SecretAt) -> Result<SecretAt, Malformed> {
    Ok((parse(&of.account)?, parse(&of.name)?, parse(&of.suffix)?, stamp_back(of.at)?))
}

fn tags(of: &Tags) -> proto::Tags {
    proto::Tags { tags: of.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect() }
}

fn tags_back(of: proto::Tags) -> Tags {
    of.tags.into_iter().map(|(k, v)| (k.into(), v.into())).collect()
}

fn secret(of: &SecretState) -> proto::SecretState {
    proto::SecretState {
        arn: Some(arn(&of.arn)),
        at: Some(stamp(of.at)),
        base: of.base.map(stamp),
        kms_key_id: of.kms_key_id.as_deref().map(str::to_owned),
        overwrite: of.overwrite,
        description: of.description.as_deref().map(str::to_owned),
        secret_type: of.secret_type.as_deref().map(str::to_owned),
        tags: of.tags.as_ref().map(tags),
        last_changed_ms: of.last_changed.millis(),
        stages: of.stages.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        versions: of.versions.iter().map(version).collect(),
        policies: of.policies.iter().map(|(k, v)| (k.to_string(), v.text().to_owned())).collect(),
        rotation: of.rotation.as_ref().map(|of| Box::new(rotation(of))),
    }
}

fn secret_back(of: proto::SecretState) -> Result<SecretState, Malformed> {
    let mut stages = BTreeMap::new();
    for (label, id) in &of.stages {
        stages.insert(parse(label)?, parse(id)?);
    }
    Ok(SecretState {
        arn: arn_back(of.arn)?,
        at: stamp_back(of.at)?,
        base: of.base.map(|base| stamp_back(Some(base))).transpose()?,
        kms_key_id: of.kms_key_id.map(Into::into),
        overwrite: of.overwrite,
        description: of.description.map(Into::into),
        secret_type: of.secret_type.map(Into::into),
        tags: of.tags.map(tags_back),
        policies: policies_back(&of.policies)?,
        last_changed: Timestamp::from_millis(of.last_changed_ms),
        stages,
        rotation: of.rotation.map(|of| rotation_back(*of)).transpose()?,
        versions: of.versions.into_iter().map(version_back).collect::<Result<_, _>>()?,
    })
}

/// A policy that is not understood must not be held as if there were none.
fn policies_back(of: &BTreeMap<String, String>) -> Result<Policies, Malformed> {
    let pair = |(name, text): (&String, &String)| {
        let policy = ResourcePolicy::parse(text).map_err(|_| Malformed)?;
        Ok((parse(name)?, policy))
    };
    of.iter().map(pair).collect()
}

fn version(of: &VersionState) -> proto::VersionState {
    proto::VersionState {
        id: of.id.to_string(),
        created_ms: of.created.millis(),
        changed: of.changed,
        value: of.value.as_ref().map(|value| proto::ValueState {
            kind: match value.kind {
                ValueKind::String => 1,
                ValueKind::Binary => 2,
            },
            sealed: value.sealed.to_vec(),
            data_key: value.data_key.to_vec(),
        }),
    }
}

fn version_back(of: proto::VersionState) -> Result<VersionState, Malformed> {
    let value = |value: proto::ValueState| {
        let kind = match value.kind {
            1 => ValueKind::String,
            2 => ValueKind::Binary,
            _ => return Err(Malformed),
        };
        let (sealed, data_key) = (value.sealed.into(), value.data_key.into());
        Ok(ValueState { kind, sealed, data_key })
    };
    Ok(VersionState {
        id: parse(&of.id)?,
        created: Timestamp::from_millis(of.created_ms),
        changed: of.changed,
        value: of.value.map(value).transpose()?,
    })
}

fn pending_id_back(of: proto::PendingId) -> Result<PendingId, Malformed> {
    let material = MaterialId(of.material.try_into().map_err(|_| Malformed)?);
    Ok(PendingId { material, since: Timestamp::from_millis(of.since_ms) })
}

fn material(of: &MaterialState) -> proto::MaterialState {
    proto::MaterialState {
        id: of.id.0.to_vec(),
        created_ms: of.created.millis(),
        sealed: of.sealed.as_deref().unwrap_or_default().to_vec(),
        public: of.public.as_deref().map(<[u8]>::to_vec),
        rotated: RotationKind::code(of.rotated),
    }
}

fn key(of: &KeyState) -> proto::KeyState {
    proto::KeyState {
        region: of.arn.scope.region.to_string(),
        account: of.arn.scope.account.to_string(),
        id: of.arn.id.to_string(),
        at: Some(stamp(of.at)),
        primary: of.primary.to_string(),
        replicas: of.replicas.iter().map(ToString::to_string).collect(),
        spec: of.spec.code(),
        usage: of.usage.code(),
        origin: of.origin.code(),
        materials: of.materials.iter().map(material).collect(),
        pending: of.pending.as_ref().map(material),
        pending_everywhere: of.pending_everywhere,
        rotation: of.rotation.map(|rotation| proto::Rotation {
            period_days: rotation.period_days,
            next_ms: rotation.next.millis(),
        }),
        install: of.install.as_ref().map(install),
    }
}

pub(super) fn install(of: &Install) -> proto::Install {
    proto::Install {
        policy: of.policy.to_string(),
        description: of.description.to_string(),
        tags: Some(tags(&of.tags)),
    }
}

pub(super) fn install_back(of: proto::Install) -> Result<Install, Malformed> {
    Ok(Install {
        policy: of.policy.into(),
        description: of.description.into(),
        tags: tags_back(of.tags.ok_or(Malformed)?),
    })
}

fn key_back(of: proto::KeyState) -> Result<KeyState, Malformed> {
    // What a key store holds has no related keys.
    let origin = Origin::of_code(of.origin)
        .filter(|origin| *origin != Origin::ExternalKeyStore)
        .ok_or(Malformed)?;
    let material = |material: proto::MaterialState| {
        let id = material.id.as_slice().try_into().map_err(|_| Malformed)?;
        let created = Timestamp::from_millis(material.created_ms);
        let sealed = (!material.sealed.is_empty()).then(|| material.sealed.into());
        // Only imported material does not travel.
        if sealed.is_some() != (origin == Origin::AwsKms) {
            return Err(Malformed);
        }
        let public = material.public.map(Into::into);
        let rotated = RotationKind::of_code(material.rotated).ok_or(Malformed)?;
        Ok(MaterialState { id: MaterialId(id), created, rotated, sealed, public })
    };
    let imported = origin == Origin::External;
    if (of.materials.is_empty() || of.pending.is_some()) && !imported {
        return Err(Malformed);
    }
    if of.pending_everywhere && of.pending.is_none() {
        return Err(Malformed);
    }
    let scope = Scope { region: parse(&of.region)?, account: parse(&of.account)? };
    Ok(KeyState {
        arn: KeyArn { scope, id: parse(&of.id)? },
        at: stamp_back(of.at)?,
        primary: parse(&of.primary)?,
        replicas: of.replicas.iter().map(|region| parse(region)).collect::<Result<_, _>>()?,
        spec: KeySpec::of_code(of.spec).ok_or(Malformed)?,
        usage: KeyUsage::of_code(of.usage).ok_or(Malformed)?,
        origin,
        materials: of.materials.into_iter().map(material).collect::<Result<_, Malformed>>()?,
        pending: of.pending.map(material).transpose()?,
        pending_everywhere: of.pending_everywhere,
        rotation: of.rotation.map(|rotation| Rotation {
            period_days: rotation.period_days,
            next: Timestamp::from_millis(rotation.next_ms),
        }),
        install: of.install.map(install_back).transpose()?,
    })
}

fn subject(of: &Subject) -> proto::Subject {
    let secret = |kind, name: &SecretName, suffix: &SecretSuffix| proto::Subject {
        kind,
        name: name.to_string(),
        suffix: suffix.to_string(),
    };
    let key = |kind, name: String| proto::Subject { kind, name, suffix: String::new() };
    match of {
        Subject::Secret { name, suffix } => secret(1, name, suffix),
        Subject::Detached { name, suffix } => secret(2, name, suffix),
        Subject::Key { id } => key(3, id.to_string()),
        Subject::KeyGone { id } => key(4, id.to_string()),
        Subject::Accessed { name, suffix } => secret(5, name, suffix),
        Subject::PendingHeld { id } => key(6, id.to_string()),
    }
}

fn subject_back(of: &proto::Subject) -> Result<Subject, Malformed> {
    Ok(match of.kind {
        1 => Subject::Secret { name: parse(&of.name)?, suffix: parse(&of.suffix)? },
        2 => Subject::Detached { name: parse(&of.name)?, suffix: parse(&of.suffix)? },
        3 => Subject::Key { id: parse(&of.name)? },
        4 => Subject::KeyGone { id: parse(&of.name)? },
        5 => Subject::Accessed { name: parse(&of.name)?, suffix: parse(&of.suffix)? },
        6 => Subject::PendingHeld { id: parse(&of.name)? },
        _ => return Err(Malformed),
    })
}

fn outcome(of: &Outcome) -> proto::Outcome {
    match of {
        Outcome::Applied => proto::Outcome::Applied(proto::Empty {}),
        Outcome::Failed(failure) => proto::Outcome::Failed(failure_to_proto(failure)),
        Outcome::Lacking => proto::Outcome::Lacking(proto::Empty {}),
        Outcome::NameTaken { epoch } => proto::Outcome::NameTaken(*epoch),
        Outcome::Fenced { at } => proto::Outcome::Fenced(stamp(*at)),
    }
}

fn outcome_back(of: proto::Outcome) -> Result<Outcome, Malformed> {
    Ok(match of {
        proto::Outcome::Applied(_) => Outcome::Applied,
        proto::Outcome::Failed(failure) => Outcome::Failed(failure_from_proto(failure)?),
        proto::Outcome::Lacking(_) => Outcome::Lacking,
        proto::Outcome::NameTaken(epoch) if epoch <= STAMP_MAX => Outcome::NameTaken { epoch },
        proto::Outcome::NameTaken(_) => return Err(Malformed),
        proto::Outcome::Fenced(at) => Outcome::Fenced { at: stamp_back(Some(at))? },
    })
}
