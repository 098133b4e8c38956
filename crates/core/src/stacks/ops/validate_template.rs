//! ValidateTemplate: whether a template can be read, and which parameters it has.
//!
//! AWS: it looks at structure and types; properties are looked at when a stack takes them.

use regent_cfn::resolve::Pseudo;
use regent_cfn::{Document, Template, node};

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::error::Error;
use crate::stacks::ready::{Given, check_types};

#[derive(Debug)]
pub struct ValidateTemplate {
    pub template: Box<str>,
}

impl Operation for ValidateTemplate {
    const ACTION: &'static str = "cloudformation:ValidateTemplate";
    type Target = ();
    type Output = Template;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, _target: &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for ValidateTemplate {
    fn run(
        op: Authorized<Self>,
        _target: (),
        _cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Template, Error> {
        validated(&op.template)
    }
}

/// A template whose structure was checked without values for its parameters.
pub(super) fn validated(text: &str) -> Result<Template, Error> {
    let document = Document::read(text, node::Bounds::TEMPLATE)?;
    let template = Template::read(&document, &Given::new())?;
    let values = regent_cfn::parameters::bind(&template.parameters, &Given::new()).values;
    let pseudo = Pseudo::default();
    let resolution = regent_cfn::resolve::Resolution::new(&template, &values, &pseudo)?;
    resolution.check()?;
    check_types(&resolution)?;
    drop(resolution);
    Ok(template)
}
