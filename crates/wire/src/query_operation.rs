//! What each operation of a query service adds to the core's own: its encoding.

use regent_core::cx::Cx;
use regent_core::engine::Operation;

use crate::fault::Fault;
use crate::query_xml::{Fields, Params};

/// One operation of a query service: form to core, and back into XML or JSON.
pub trait QueryOperation: Operation {
    /// Whether answers have a result at all.
    const HAS_RESULT: bool = true;

    /// Form parameters to the operation. Constraint violations are faults.
    fn decode(params: &Params<'_>) -> Result<Self, Fault>;

    /// Output to the fields of the result.
    fn encode(output: &Self::Output, cx: &Cx<'_>, fields: &mut Fields<'_>);

    /// Core error to fault.
    fn fault(error: Self::Error, cx: &Cx<'_>) -> Fault;
}
