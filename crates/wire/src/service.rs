//! The services that are spoken, and what the protocol of each fixes.
//!
//! A row here is about names and encodings only; which operations exist is the operations table's
//! concern. Source of every constant: AWS's service models.

/// An AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    SecretsManager,
    Kms,
    Sts,
    CloudFormation,
    Iam,
}

/// How a service encodes requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// awsJson1_1: the operation in `X-Amz-Target`, JSON both ways.
    Json,
    /// awsQuery: a form or a query string in, XML out.
    Query,
}

impl Service {
    pub const ALL: [Self; 5] =
        [Self::SecretsManager, Self::Kms, Self::Sts, Self::CloudFormation, Self::Iam];

    /// The name in the credential scope of a signature.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Kms => "kms",
            Self::Sts => "sts",
            Self::CloudFormation => "cloudformation",
            Self::Iam => "iam",
        }
    }

    /// The service of a credential scope.
    pub fn from_signing_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.signing_name() == name)
    }

    pub const fn protocol(self) -> Protocol {
        match self {
            Self::SecretsManager | Self::Kms => Protocol::Json,
            Self::Sts | Self::CloudFormation | Self::Iam => Protocol::Query,
        }
    }

    /// What `X-Amz-Target` has before the dot; `None` for a query service.
    pub const fn target_prefix(self) -> Option<&'static str> {
        match self {
            Self::SecretsManager => Some("secretsmanager"),
            Self::Kms => Some("TrentService"),
            Self::Sts | Self::CloudFormation | Self::Iam => None,
        }
    }

    /// Splits `X-Amz-Target` into the service and the operation's name.
    pub fn of_target(target: &str) -> Option<(Self, &str)> {
        let (prefix, operation) = target.split_once('.')?;
        let named = |service: &Self| service.target_prefix() == Some(prefix);
        Some((Self::ALL.into_iter().find(named)?, operation))
    }

    /// The API version, which a query request carries as `Version`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::SecretsManager => "2017-10-17",
            Self::Kms => "2014-11-01",
            Self::Sts => "2011-06-15",
            Self::CloudFormation => "2010-05-15",
            Self::Iam => "2010-05-08",
        }
    }

    /// The XML namespace of answers; empty for a JSON service.
    pub const fn xml_namespace(self) -> &'static str {
        match self {
            Self::SecretsManager | Self::Kms => "",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::CloudFormation => "http://cloudformation.amazonaws.com/doc/2010-05-15/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_service() {
        for service in Service::ALL {
            assert_eq!(Service::from_signing_name(service.signing_name()), Some(service));
        }
        assert_eq!(Service::from_signing_name("KMS"), None);
    }

    #[test]
    fn targets_name_service_and_operation() {
        let create = "secretsmanager.CreateSecret";
        assert_eq!(Service::of_target(create), Some((Service::SecretsManager, "CreateSecret")));
        assert_eq!(Service::of_target("TrentService.Sign"), Some((Service::Kms, "Sign")));
        assert_eq!(Service::of_target("kms.Sign"), None);
        assert_eq!(Service::of_target("TrentService"), None);
    }
}
