//! Sealing a stack's documents: its template, parameters and outputs.
//!
//! PROMISE R7: any of them may have a secret's value in it, so that none reaches the disk in the
//! clear. Each stack has a key of its own, wrapped under the Region key; what is sealed is bound to
//! the stack and to what it is.

use crate::cx::Cx;
use crate::ids::AccountId;
use crate::plaintext::{Plaintext, SymmetricKey};
use crate::ports::{StoreFault, random};
use crate::stacks::ids::StackId;
use crate::stacks::model::{Sealed, Stack};

/// What a sealed text is.
#[derive(Debug, Clone, Copy)]
pub enum Document<'a> {
    Template,
    Parameter(&'a str),
    Output(&'a str),
    /// Of one change: the properties before it or after it, by the change set and the resource.
    Before(&'a str),
    After(&'a str),
    /// Of one resource: what a look at it compared.
    Expected(&'a str),
    Actual(&'a str),
}

/// The opened key of one stack.
#[derive(Debug)]
pub struct Documents {
    account: AccountId,
    id: StackId,
    key: SymmetricKey,
}

impl Documents {
    /// A new key, and the same wrapped.
    pub fn new(cx: &Cx<'_>, id: StackId) -> (Self, Box<[u8]>) {
        let key = SymmetricKey::new(random(cx.entropy));
        let account = cx.caller.account;
        let material = SymmetricKey::new(*key.expose()).into();
        let wrapped = cx.crypto.wrap(&aad(account, id, "key", ""), &material, cx.entropy);
        (Self { account, id, key }, wrapped.into())
    }

    /// The key of a stack of the account. One that does not open is corruption.
    pub fn open(cx: &Cx<'_>, account: AccountId, stack: &Stack) -> Result<Self, StoreFault> {
        let aad = aad(account, stack.id, "key", "");
        let key = cx.crypto.unwrap_key(&aad, &stack.data_key).map_err(|_| StoreFault)?;
        Ok(Self { account, id: stack.id, key })
    }

    pub fn seal(&self, cx: &Cx<'_>, what: Document<'_>, text: &str) -> Sealed {
        cx.crypto.seal(&self.key, &self.aad(what), text.as_bytes(), cx.entropy).into()
    }

    pub fn unseal(
        &self,
        cx: &Cx<'_>,
        what: Document<'_>,
        sealed: &[u8],
    ) -> Result<Plaintext, StoreFault> {
        cx.crypto.open(&self.key, &self.aad(what), sealed).map_err(|_| StoreFault)
    }

    fn aad(&self, what: Document<'_>) -> Vec<u8> {
        let (kind, name) = match what {
            Document::Template => ("template", ""),
            Document::Parameter(name) => ("parameter", name),
            Document::Output(name) => ("output", name),
            Document::Before(name) => ("before", name),
            Document::After(name) => ("after", name),
            Document::Expected(name) => ("expected", name),
            Document::Actual(name) => ("actual", name),
        };
        aad(self.account, self.id, kind, name)
    }
}

/// The text of an opened document.
pub fn text(opened: &Plaintext) -> Result<&str, StoreFault> {
    core::str::from_utf8(opened.expose()).map_err(|_| StoreFault)
}

fn aad(account: AccountId, id: StackId, kind: &str, name: &str) -> Vec<u8> {
    let mut aad = Vec::new();
    for part in ["regent/stack/v1", account.as_str(), &id.to_string(), kind, name] {
        aad.extend_from_slice(part.as_bytes());
        // No part contains a zero byte: names are alphanumeric, but for a slash.
        aad.push(0);
    }
    aad
}
