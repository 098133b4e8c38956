//! The condition keys that are understood: one table for all services.
//!
//! A key of the table that a request does not carry is absent, as AWS has it: a positive operator
//! fails and a negated one holds. Any other key is unknown and denies (promise R6). So a key belongs
//! here only if whoever makes a demand gives its value wherever AWS would; until then it must stay
//! out, because a condition on it would be decided wrongly. Names are in lower case, sorted.

/// Keys that begin so end in a name that users choose.
const FAMILIES: [&str; 5] = [
    "aws:principaltag/",
    "aws:requesttag/",
    "aws:resourcetag/",
    "kms:encryptioncontext:",
    "secretsmanager:resourcetag/",
];

const KEYS: &[&str] = &[
    // Known of every request; most only of sessions, organizations, networks and services that
    // call for somebody, none of which there are here.
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:currenttime",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:vpcsourceip",
    "cloudformation:rolearn",
    "iam:associatedresourcearn",
    "iam:passedtoservice",
    "kms:bypasspolicylockoutsafetycheck",
    "kms:calleraccount",
    "kms:datakeypairspec",
    "kms:encapsulationalgorithm",
    "kms:encryptionalgorithm",
    "kms:encryptioncontextkeys",
    "kms:expirationmodel",
    "kms:grantconstrainttype",
    "kms:granteeprincipal",
    "kms:grantisforawsresource",
    "kms:grantoperations",
    "kms:keyagreementalgorithm",
    "kms:keyorigin",
    "kms:keyspec",
    "kms:keyusage",
    "kms:macalgorithm",
    "kms:messagetype",
    "kms:multiregion",
    "kms:multiregionkeytype",
    "kms:primaryregion",
    "kms:reencryptonsamekey",
    "kms:replicaregion",
    "kms:requestalias",
    "kms:resourcealiases",
    "kms:retiringprincipal",
    "kms:rotationperiodindays",
    "kms:schedulekeydeletionpendingwindowindays",
    "kms:signingalgorithm",
    "kms:validto",
    "kms:viaservice",
    "kms:wrappingalgorithm",
    "kms:wrappingkeyspec",
    "secretsmanager:addreplicaregions",
    "secretsmanager:blockpublicpolicy",
    "secretsmanager:description",
    "secretsmanager:forcedeletewithoutrecovery",
    "secretsmanager:forceoverwritereplicasecret",
    "secretsmanager:kmskeyarn",
    "secretsmanager:kmskeyid",
    "secretsmanager:modifyrotationrules",
    "secretsmanager:name",
    "secretsmanager:policyname",
    "secretsmanager:recoverywindowindays",
    "secretsmanager:resource/allowrotationlambdaarn",
    "secretsmanager:rotateimmediately",
    "secretsmanager:rotationlambdaarn",
    "secretsmanager:secretid",
    "secretsmanager:secretprimaryregion",
    "secretsmanager:type",
    "secretsmanager:versionid",
    "secretsmanager:versionstage",
];

/// The keys of one service, such as `kms:`.
#[cfg(test)]
pub fn of_service(prefix: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().copied().filter(move |key| key.starts_with(prefix))
}

/// Whether a key, folded as [`super::evaluate::Context::lookup`] gets it, is understood.
pub fn is_known(key: &str) -> bool {
    let of_family = |family: &&str| key.strip_prefix(*family).is_some_and(|name| !name.is_empty());
    KEYS.binary_search(&key).is_ok() || FAMILIES.iter().any(of_family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_in_lower_case() {
        assert!(KEYS.is_sorted_by(|a, b| a < b));
        for key in KEYS.iter().chain(&FAMILIES) {
            assert_eq!(*key, key.to_ascii_lowercase());
        }
    }

    #[test]
    fn what_is_known() {
        for known in [
            "aws:sourceip",
            "aws:principaltag/Team",
            "kms:encryptioncontext:SecretARN",
            "secretsmanager:resource/allowrotationlambdaarn",
        ] {
            assert!(is_known(known), "{known}");
        }
        for unknown in
            ["", "aws:sourceIp", "aws:requesttag/", "aws:requesttag", "aws:nosuch", "s3:prefix"]
        {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
