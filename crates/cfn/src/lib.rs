//! CloudFormation templates: read, resolved, checked, and planned.
//!
//! A function of its arguments: it knows no server, no store, no clock and no network (promise
//! R10). It holds the template language, the declarations of the resource types that Regent owns,
//! and the order in which an engine creates, changes and deletes. What a resource is made of
//! belongs to others; what exists outside a template comes in through `Outside` and `Resolve`.

pub mod check;
pub mod dynamic;
pub mod error;
pub mod expr;
pub mod graph;
pub mod limits;
pub mod node;
pub mod parameters;
pub mod plan;
pub mod resolve;
pub mod schema;
pub mod template;
pub mod value;

mod cidr;
mod foreach;
mod json;
mod yaml;

pub use check::{Disposal, Misfits};
pub use error::{Located, Problem};
pub use node::{Bounds, Document, Position};
pub use template::Template;
pub use value::{Data, Text, Value};
