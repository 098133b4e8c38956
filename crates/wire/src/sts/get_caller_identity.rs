//! GetCallerIdentity on the wire.

use regent_core::cx::Cx;
use regent_core::sts::{CallerIdentity, Error, GetCallerIdentity};

use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};
use crate::secretsmanager::fault::denial;
use crate::service::Service;

impl QueryOperation for GetCallerIdentity {
    fn decode(_params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn encode(output: &CallerIdentity, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("UserId", &*output.user_id);
        fields.text("Account", output.account.as_str());
        fields.text("Arn", &*output.arn);
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        match error {
            Error::Store(_) => Fault::internal(Service::Sts),
            Error::Denied(denied) => Fault::access_denied(Service::Sts, denial(&denied)),
        }
    }
}
