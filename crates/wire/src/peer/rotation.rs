//! What is configured of a secret's rotation, to protobuf and back.

use regent_core::secrets::rotation::Rotation;
use regent_core::secrets::rotation::schedule::{Given, Rules, Window};
use regent_core::time::Timestamp;

use super::{Malformed, proto};

pub fn rotation(of: &Rotation) -> proto::SecretRotation {
    let Given { after_days, expression, duration } = of.rules.given();
    let item = |(key, value): &(Box<str>, Box<str>)| proto::RotationItem {
        key: key.to_string(),
        value: value.to_string(),
    };
    proto::SecretRotation {
        enabled: of.enabled,
        function: of.function.as_deref().map(str::to_owned),
        after_days: *after_days,
        expression: expression.as_deref().map(str::to_owned),
        duration: duration.as_deref().map(str::to_owned),
        since_ms: of.since.millis(),
        metadata: of.metadata.iter().map(item).collect(),
        role: of.role.as_deref().map(str::to_owned),
        last_ms: of.last.map(Timestamp::millis),
        next: of.next.map(|window| proto::RotationWindow {
            start_ms: window.start.millis(),
            end_ms: window.end.millis(),
        }),
    }
}

pub fn rotation_back(of: proto::SecretRotation) -> Result<Rotation, Malformed> {
    let at = Timestamp::from_millis;
    let given = Given {
        after_days: of.after_days,
        expression: of.expression.map(Into::into),
        duration: of.duration.map(Into::into),
    };
    Ok(Rotation {
        enabled: of.enabled,
        function: of.function.map(Into::into),
        rules: Rules::new(given).map_err(|_| Malformed)?,
        since: at(of.since_ms),
        metadata: of.metadata.into_iter().map(|i| (i.key.into(), i.value.into())).collect(),
        role: of.role.map(Into::into),
        last: of.last_ms.map(at),
        next: of.next.map(|next| Window { start: at(next.start_ms), end: at(next.end_ms) }),
        run: None,
    })
}
