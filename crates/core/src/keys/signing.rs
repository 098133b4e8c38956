//! A message and what is signed of it. Shared by Sign and Verify.

use crate::cx::Cx;
use crate::keys::access::Found;
use crate::keys::error::{Error, UseProblem};
use crate::keys::model::KeyUsage;
use crate::keys::spec::SigningAlgorithm;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::keys::using::{check_algorithm, usable};
use crate::plaintext::Plaintext;
use crate::policy::authorized::Demand;
use crate::ports::{MU_LEN, Message, Read, StoreFault};

/// AWS: MessageType.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessageType {
    #[default]
    Raw,
    Digest,
    ExternalMu,
}

impl MessageType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "RAW",
            Self::Digest => "DIGEST",
            Self::ExternalMu => "EXTERNAL_MU",
        }
    }
}

/// What Sign and Verify have in common.
#[derive(Debug)]
pub struct Signing {
    pub key: KeyRef,
    pub message: Plaintext,
    pub message_type: MessageType,
    pub algorithm: SigningAlgorithm,
    pub dry_run: bool,
}

impl Signing {
    pub fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    pub fn demand(&self, target: &Target, action: &'static str) -> Demand {
        let facts = [
            ("kms:signingalgorithm", self.algorithm.as_str()),
            ("kms:messagetype", self.message_type.as_str()),
        ];
        target.demand_with(action, None, facts)
    }

    /// The key, if it signs so, and what it signs.
    pub fn checked(
        &self,
        target: Target,
        operation: KeyOperation,
    ) -> Result<(Found, Message<'_>), Error> {
        let found = usable(target, KeyUsage::SignVerify, operation)?;
        let (algorithm, spec) = (self.algorithm, found.key.spec);
        check_algorithm(algorithm.is_of(spec), algorithm.as_str(), spec)?;
        let message = self.message()?;
        Ok((found, message))
    }

    fn message(&self) -> Result<Message<'_>, Error> {
        let (bytes, algorithm) = (self.message.expose(), self.algorithm);
        let wrong_length = || Error::Use(UseProblem::DigestLength { algorithm });
        match (self.message_type, algorithm, algorithm.digest_len()) {
            (MessageType::Raw, SigningAlgorithm::Ed25519Ph, _) => Err(self.wrong_type()),
            (MessageType::Raw, _, _) => Ok(Message::Raw(bytes)),
            (MessageType::Digest, _, Some(len)) if bytes.len() == len => Ok(Message::Digest(bytes)),
            (MessageType::Digest, _, Some(_)) => Err(wrong_length()),
            (MessageType::ExternalMu, SigningAlgorithm::MlDsa, _) => {
                let mu: &[u8; MU_LEN] = bytes.try_into().map_err(|_| wrong_length())?;
                Ok(Message::ExternalMu(mu))
            }
            (MessageType::Digest | MessageType::ExternalMu, _, _) => Err(self.wrong_type()),
        }
    }

    fn wrong_type(&self) -> Error {
        Error::Use(UseProblem::MessageType {
            message_type: self.message_type,
            algorithm: self.algorithm,
        })
    }
}
