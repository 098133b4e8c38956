//! A side of a stack made ready to work with: its template read, its parameters bound, its
//! resources in order.

use std::collections::{BTreeMap, BTreeSet};

use regent_cfn::error::Problem;
use regent_cfn::graph::Graph;
use regent_cfn::parameters::{self, ParameterValue};
use regent_cfn::resolve::{Block, Import, Outside, Pseudo, Resolution};
use regent_cfn::template::Resource as Declared;
use regent_cfn::{Document, Located, Template, Text, Value, node};

use crate::cx::Cx;
use crate::ids::Scope;
use crate::ports::StoreFault;
use crate::stacks::documents::{self, Documents};
use crate::stacks::exports::{Asked, Exports};
use crate::stacks::handlers::TYPES;
use crate::stacks::ids::StackArn;
use crate::stacks::model::{Resource, Side, Stack};

const ATTACHMENT: &str = "AWS::SecretsManager::SecretTargetAttachment";
const NO_DATABASES: &str = "it copies the engine, host and port of a database, and there are no \
     databases here to read them from. Give them in SecretString or SecretStringTemplate.";

/// The given texts of parameters.
pub type Given = BTreeMap<String, Text>;

/// A template with its parameters.
#[derive(Debug)]
pub struct Ready {
    pub template: Template,
    values: BTreeMap<String, ParameterValue>,
    pseudo: Pseudo,
    /// Resources that exist, each after those that it needs.
    pub order: Vec<String>,
    pub needs: BTreeMap<String, BTreeSet<String>>,
    /// The exports that it asks for, where it was checked.
    pub imports: BTreeSet<String>,
}

impl Ready {
    /// Reads a template and checks all that can be known before anything is made.
    pub fn checked(text: &str, given: &Given, pseudo: Pseudo) -> Result<Self, Located> {
        let mut ready = Self::read(text, given, pseudo)?;
        let resolution = ready.resolution()?;
        resolution.check()?;
        check_types(&resolution)?;
        let asked = Asked::default();
        if let Some(misfit) = resolution.check_properties(&asked)?.first() {
            return Err(misfit.problem());
        }
        for output in &ready.template.outputs {
            resolution.whole(&output.value, Block::Outputs, &asked)?;
        }
        drop(resolution);
        ready.imports = asked.into_names();
        Ok(ready)
    }

    /// Reads what was checked before.
    pub fn read(text: &str, given: &Given, pseudo: Pseudo) -> Result<Self, Located> {
        let document = Document::read(text, node::Bounds::TEMPLATE)?;
        let template = Template::read(&document, given)?;
        let bound = parameters::bind(&template.parameters, given);
        if let Some(problem) = bound.problems.into_iter().next() {
            return Err(problem);
        }
        let (order, needs, imports) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        let mut ready = Self { template, values: bound.values, pseudo, order, needs, imports };
        let (order, needs) = {
            let graph = Graph::new(&ready.resolution()?)?;
            let own = |(name, all): (&&str, &BTreeSet<&str>)| {
                ((*name).to_owned(), all.iter().map(|name| (*name).to_owned()).collect())
            };
            let needs = graph.needs.iter().map(own).collect();
            (graph.order.iter().map(|name| (*name).to_owned()).collect(), needs)
        };
        ready.order = order;
        ready.needs = needs;
        Ok(ready)
    }

    /// Opens a stored side. One that cannot be read any more is corruption.
    pub fn open(cx: &Cx<'_>, scope: Scope, stack: &Stack, side: &Side) -> Result<Self, StoreFault> {
        let documents = Documents::open(cx, scope.account, stack)?;
        let template = documents.unseal(cx, documents::Document::Template, &side.template)?;
        let given = given(cx, &documents, side)?;
        let pseudo = pseudo(&stack.arn(scope));
        Self::read(documents::text(&template)?, &given, pseudo).map_err(|_| StoreFault)
    }

    /// Whether a parameter has another value on another side.
    pub fn parameter_differs(&self, other: &Self, name: &str) -> bool {
        self.values.get(name) != other.values.get(name)
    }

    /// Treats the values of parameters that may be echoed as what they are: no secrets.
    #[must_use]
    pub fn revealed(mut self) -> Self {
        let plain = |text: &mut Text| *text = Text::new(text.expose());
        for declared in self.template.parameters.iter().filter(|declared| !declared.no_echo) {
            match self.values.get_mut(&declared.name) {
                Some(ParameterValue::One(text)) => plain(text),
                Some(ParameterValue::Many(texts)) => texts.iter_mut().for_each(plain),
                None => {}
            }
        }
        self
    }

    pub fn resolution(&self) -> Result<Resolution<'_>, Located> {
        Resolution::new(&self.template, &self.values, &self.pseudo)
    }

    /// A resource that exists on this side.
    pub fn declared(&self, name: &str) -> Option<&Declared> {
        self.template.resource(name).filter(|_| self.needs.contains_key(name))
    }

    pub fn properties(&self, resource: &Declared, made: &Made<'_>) -> Result<Value, Located> {
        self.resolution()?.properties(resource, made)
    }
}

/// Refuses, by name, the types that no stack here can have.
pub fn check_types(resolution: &Resolution<'_>) -> Result<(), Located> {
    let known = |name: &str| TYPES.contains(&name);
    let all = resolution.existing().map(|resource| resource.type_name.as_str());
    let unknown: BTreeSet<&str> = all.filter(|name| !known(name)).collect();
    let Some(first) = unknown.first() else { return Ok(()) };
    // Regent owns the type, and cannot make one: the reason says more than the name.
    let attachment = unknown.len() == 1 && *first == ATTACHMENT;
    let problem = if attachment {
        Problem::Unsupported { type_name: ATTACHMENT.to_owned(), reason: NO_DATABASES }
    } else {
        Problem::UnknownTypes { types: unknown.into_iter().map(str::to_owned).collect() }
    };
    Err(problem.anywhere())
}

/// The parameters that a stored side was given.
pub fn given(cx: &Cx<'_>, documents: &Documents, side: &Side) -> Result<Given, StoreFault> {
    let mut given = Given::new();
    for (name, parameter) in &side.parameters {
        let what = documents::Document::Parameter(name);
        let opened = documents.unseal(cx, what, &parameter.value)?;
        let value = documents::text(&opened)?;
        let text = if parameter.no_echo { Text::sensitive(value) } else { Text::new(value) };
        given.insert(name.to_string(), text);
    }
    Ok(given)
}

pub fn pseudo(stack: &StackArn) -> Pseudo {
    let Scope { region, account } = stack.scope;
    let suffix = match region.partition() {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    Pseudo {
        account_id: Some(account.to_string()),
        region: Some(region.to_string()),
        partition: Some(region.partition().to_owned()),
        url_suffix: Some(suffix.to_owned()),
        stack_id: Some(stack.to_string()),
        stack_name: Some(stack.name.to_string()),
        notification_arns: Some(Vec::new()),
    }
}

/// Nothing is made yet, and no other stack exports anything.
#[derive(Debug)]
pub struct Unmade;

impl Outside for Unmade {
    fn reference(&self, _: &str) -> Option<String> {
        None
    }

    fn attribute(&self, _: &str, _: &str) -> Option<String> {
        None
    }

    fn import(&self, _: &str) -> Import {
        Import::Missing
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        Some(zones(region))
    }
}

/// What a generation of a stack has made.
#[derive(Debug)]
pub struct Made<'a> {
    pub scope: Scope,
    pub resources: &'a BTreeMap<String, Resource>,
    pub generation: u32,
    pub exports: &'a Exports<'a>,
}

impl Outside for Made<'_> {
    fn reference(&self, resource: &str) -> Option<String> {
        let found = self.resources.get(resource)?.instance(self.generation)?;
        Some(found.physical.to_string())
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Option<String> {
        let found = self.resources.get(resource)?;
        let physical = &found.instance(self.generation)?.physical;
        let Scope { region, account } = self.scope;
        match (&*found.type_name, attribute) {
            ("AWS::KMS::Key" | "AWS::KMS::ReplicaKey", "Arn") => {
                let partition = region.partition();
                Some(format!("arn:{partition}:kms:{region}:{account}:key/{physical}"))
            }
            ("AWS::KMS::Key" | "AWS::KMS::ReplicaKey", "KeyId")
            | (
                "AWS::SecretsManager::Secret"
                | "AWS::SecretsManager::ResourcePolicy"
                | "AWS::SecretsManager::RotationSchedule",
                "Id",
            ) => Some(physical.to_string()),
            _ => None,
        }
    }

    fn import(&self, name: &str) -> Import {
        self.exports.find(name)
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        Some(zones(region))
    }
}

/// AWS: an empty Region is the stack's own; each has at least three zones.
pub(super) fn zones(region: &str) -> Vec<String> {
    ["a", "b", "c"].map(|zone| format!("{region}{zone}")).into()
}
