//! From a `SecretId` to a secret.
//!
//! A name resolves in the caller's account and this Region only. An ARN may leave out the suffix,
//! unless the name itself looks as if it had one. Whether the secret exists is part of the
//! [`Target`], not an error, so that nothing is told before authorization (promise R6).

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{
    AccountId, Malformed, Region, RequestId, Scope, SecretArn, SecretName, SecretSuffix, VersionId,
};
use crate::limits;
use crate::policy::authorized::Demand;
use crate::policy::document::Policy;
use crate::policy::evaluate::ResourceMode;
use crate::ports::{Read, StoreFault};
use crate::records::{Due, Key};
use crate::secrets::cross_account::LinkFlaw;
use crate::secrets::error::Error;
use crate::secrets::model::{Role, Secret};
use crate::tx::Records;

/// A `SecretId` as given, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretId {
    given: Box<str>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Name(SecretName),
    /// A complete ARN.
    Arn(SecretArn),
    /// An ARN without the suffix.
    PartialArn {
        scope: Scope,
        name: SecretName,
    },
    /// Well-formed, and longer than any secret's name.
    Nowhere,
}

impl SecretId {
    /// Parses a name or an ARN. Anything with a character that no name has is malformed.
    pub fn parse(given: &str) -> Result<Self, Malformed> {
        let form = match given.strip_prefix("arn:") {
            Some(rest) => parse_arn(rest)?,
            None => name_of(given)?.map_or(Form::Nowhere, Form::Name),
        };
        Ok(Self { given: given.into(), form })
    }

    /// The id of a secret that is there.
    pub fn of(arn: SecretArn) -> Self {
        Self { given: arn.to_string().into(), form: Form::Arn(arn) }
    }

    /// The complete ARN, if it is one.
    pub fn arn(&self) -> Option<&SecretArn> {
        match &self.form {
            Form::Arn(arn) => Some(arn),
            _ => None,
        }
    }

    /// As the request has it.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// The name that the secret would have.
    pub fn name(&self) -> Option<SecretName> {
        match &self.form {
            Form::Name(name) | Form::PartialArn { name, .. } => Some(name.clone()),
            Form::Arn(arn) => Some(arn.name.clone()),
            Form::Nowhere => None,
        }
    }
}

fn parse_arn(rest: &str) -> Result<Form, Malformed> {
    let malformed = Malformed("secret id");
    let mut fields = rest.splitn(6, ':');
    let mut field = || fields.next().ok_or(malformed);
    let (partition, service) = (field()?, field()?);
    let region: Region = field()?.parse()?;
    let account: AccountId = field()?.parse()?;
    let (kind, resource) = (field()?, field()?);
    if partition != region.partition() || service != "secretsmanager" || kind != "secret" {
        return Err(malformed);
    }
    let scope = Scope { region, account };
    // AWS: a hyphen and six characters at the end are the suffix, also when they belong to the name.
    if let Some((name, suffix)) = resource.rsplit_once('-')
        && let Ok(suffix) = suffix.parse()
    {
        let found = name_of(name)?;
        return Ok(found.map_or(Form::Nowhere, |name| Form::Arn(SecretArn { scope, name, suffix })));
    }
    let found = name_of(resource)?;
    Ok(found.map_or(Form::Nowhere, |name| Form::PartialArn { scope, name }))
}

/// The name, or nothing if it is too long to be one.
fn name_of(text: &str) -> Result<Option<SecretName>, Malformed> {
    match text.parse() {
        Ok(name) => Ok(Some(name)),
        // The bound is in bytes and legal characters have one each, so the rest need not be cut.
        Err(_) if text.len() > limits::SECRET_NAME_LEN_MAX && legal(text) => Ok(None),
        Err(malformed) => Err(malformed),
    }
}

fn legal(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&b))
}

/// What a `SecretId` names, found or not.
#[derive(Debug, Clone)]
pub struct Target {
    given: Box<str>,
    owner: AccountId,
    pub found: Option<Found>,
}

impl Target {
    /// Looks up what `id` names for this caller in this Region.
    pub fn find(cx: &Cx<'_>, read: &dyn Read, id: &SecretId) -> Result<Self, StoreFault> {
        let (scope, name, suffix) = match &id.form {
            Form::Name(name) => (cx.scope(), Some(name), None),
            Form::Arn(arn) => (arn.scope, Some(&arn.name), Some(arn.suffix)),
            // AWS: another account's secret is named by its complete ARN only.
            Form::PartialArn { scope, .. } if scope.account != cx.caller.account => {
                (*scope, None, None)
            }
            Form::PartialArn { scope, name } => (*scope, Some(name), None),
            Form::Nowhere => (cx.scope(), None, None),
        };
        let secret = match name.filter(|_| scope.region == cx.region) {
            Some(name) => read.secret(scope, name)?,
            None => None,
        };
        let secret = secret.filter(|secret| suffix.is_none_or(|suffix| suffix == secret.suffix));
        let found = secret.map(|secret| Found { scope, secret });
        Ok(Self { given: id.given.clone(), owner: scope.account, found })
    }

    /// The demand to do `action` to the target.
    ///
    /// AWS: the resource is the secret's ARN; of a secret that is not there, what was given.
    pub fn demand(&self, action: &'static str) -> Demand {
        let Some(found) = &self.found else {
            return Demand::on(action, self.given.to_string(), self.owner);
        };
        let arn = found.arn().text();
        let mut demand = Demand::on(action, arn.clone(), self.owner);
        demand.policy = found.policy().map(|policy| (policy, ResourceMode::Grants));
        demand.facts.resource_tags.clone_from(&found.secret.tags);
        demand.facts.others.push(("secretsmanager:secretid", arn));
        // AWS: the Region in which the secret was created, with or without replicas.
        let own = found.scope.region;
        let primary = found.secret.primary_region(own).unwrap_or(own).as_str().to_owned();
        demand.facts.others.push(("secretsmanager:secretprimaryregion", primary));
        // AWS: every operation on the secret shows the function, for the policy of the function's role.
        let rotation = found.secret.rotation.as_ref();
        let function = rotation.and_then(|rotation| rotation.function.as_ref());
        let key = "secretsmanager:resource/allowrotationlambdaarn";
        demand.facts.others.extend(function.map(|arn| (key, arn.to_string())));
        demand
    }

    /// The secret, also if it is marked for deletion.
    pub fn existing(self) -> Result<Found, Error> {
        self.found.ok_or(Error::NotFound)
    }

    /// The secret, unless it is marked for deletion.
    pub fn active(self) -> Result<Found, Error> {
        let found = self.existing()?;
        if found.secret.deletion.is_some() { Err(Error::MarkedForDeletion) } else { Ok(found) }
    }

    /// The secret, if its values are written here.
    pub fn writable(self) -> Result<Found, Error> {
        let found = self.active()?;
        match found.secret.role {
            Role::Primary { .. } => Ok(found),
            Role::Replica { .. } => Err(Error::OnReplica),
            Role::CrossAccountReplica(_) => Err(LinkFlaw::OnReplica.into()),
        }
    }

    /// The secret, if its tags and policies are written here.
    ///
    /// AWS: a replica in another account has its own.
    pub fn manageable(self) -> Result<Found, Error> {
        let found = self.active()?;
        if found.secret.is_replica() { Err(Error::OnReplica) } else { Ok(found) }
    }
}

/// A secret, and where it was found.
#[derive(Debug, Clone)]
pub struct Found {
    pub scope: Scope,
    pub secret: Arc<Secret>,
}

impl Found {
    pub fn arn(&self) -> SecretArn {
        self.secret.arn(self.scope)
    }

    /// What the secret's resource policies say together.
    fn policy(&self) -> Option<Arc<Policy>> {
        self.secret.policies.merged().cloned()
    }

    pub fn version_key(&self, id: &VersionId) -> Key {
        version_key(self.scope, &self.secret, id)
    }
}

/// Where a version of the secret stands.
pub fn version_key(scope: Scope, secret: &Secret, id: &VersionId) -> Key {
    Key::Version { scope, name: secret.name.clone(), suffix: secret.suffix, id: id.clone() }
}

/// Where the end of the secret's recovery window stands, if it is marked for deletion.
pub fn purge_key(scope: Scope, secret: &Secret) -> Option<Key> {
    let deletion = secret.deletion?;
    let due = Due::PurgeSecret { name: secret.name.clone(), suffix: secret.suffix };
    let Scope { region, account } = scope;
    Some(Key::Deadline { region, at: deletion.scheduled, account, due })
}

/// The suffix of a secret that a request creates.
///
/// It comes from the request's id, not from fresh entropy: the request may run again, after a
/// conflict or after asking other Regions about this very ARN, and must name the same one.
pub fn new_suffix(request: RequestId) -> SecretSuffix {
    let text = request.to_string();
    let digits = text.bytes().filter_map(|byte| char::from(byte).to_digit(16));
    let mut bytes = [0u8; limits::SECRET_SUFFIX_LEN];
    // The last twelve digits of a version 4 UUID are random, all of them.
    for (at, digit) in digits.skip(20).enumerate() {
        if let (Some(byte), Ok(digit)) = (bytes.get_mut(at / 2), u8::try_from(digit)) {
            *byte = (*byte << 4) | digit;
        }
    }
    SecretSuffix::from_entropy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(given: &str) -> Form {
        SecretId::parse(given).unwrap().form
    }

    const PREFIX: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:";

    #[test]
    fn names_and_arns() {
        assert!(matches!(form("a/b"), Form::Name(name) if name.as_str() == "a/b"));
        let Form::Arn(arn) = form(&format!("{PREFIX}db/x-4BS2cc")) else { panic!() };
        assert_eq!((arn.name.as_str(), arn.suffix.as_str()), ("db/x", "4BS2cc"));
        for partial in ["db/x", "x-a1b2", "x-a1b2c3-", "x-a1b2c3d", "x-a1_2c3"] {
            let found = form(&format!("{PREFIX}{partial}"));
            let Form::PartialArn { name, .. } = found else { panic!("{partial}") };
            assert_eq!(name.as_str(), partial);
        }
    }

    /// AWS: six characters after a hyphen are taken for the suffix.
    #[test]
    fn a_name_that_looks_suffixed_has_no_partial_arn() {
        let Form::Arn(arn) = form(&format!("{PREFIX}x-a1b2c3")) else { panic!() };
        assert_eq!((arn.name.as_str(), arn.suffix.as_str()), ("x", "a1b2c3"));
        let Form::Arn(arn) = form(&format!("{PREFIX}x-a1b2c3-4BS2cc")) else { panic!() };
        assert_eq!(arn.name.as_str(), "x-a1b2c3");
    }

    #[test]
    fn what_no_secret_can_be_called() {
        for bad in [
            "a b",
            "a*",
            "",
            "é",
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:",
            "arn:aws:secretsmanager:us-east-1:111122223333:key:x",
            "arn:aws:kms:us-east-1:111122223333:secret:x",
            "arn:aws-cn:secretsmanager:us-east-1:111122223333:secret:x",
            "arn:aws:secretsmanager:us-east-1:1:secret:x",
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:a:b",
        ] {
            assert!(SecretId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(form(&"x".repeat(513)), Form::Nowhere);
        assert!(SecretId::parse(&" ".repeat(513)).is_err());
    }

    #[test]
    fn the_suffix_is_the_requests() {
        let of = |bytes| new_suffix(RequestId::from_entropy(bytes));
        assert_eq!(of([1; 16]), of([1; 16]));
        let mut other = [1; 16];
        other[15] = 2;
        assert_ne!(of([1; 16]), of(other));
    }
}
