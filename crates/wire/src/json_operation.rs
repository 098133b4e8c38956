//! What each operation of a JSON service adds to the core's own: its encoding.

use regent_core::cx::Cx;
use regent_core::engine::Operation;

use crate::fault::Fault;

/// One operation of a JSON service: bytes to core and back.
pub trait JsonOperation: Operation {
    /// Body (already bounded) to the operation. Constraint violations are faults.
    fn decode(body: &[u8]) -> Result<Self, Fault>;

    /// Output to the response body; left empty by operations without output.
    fn encode(output: &Self::Output, cx: &Cx<'_>, out: &mut Vec<u8>);

    /// Core error to fault.
    fn fault(error: Self::Error, cx: &Cx<'_>) -> Fault;
}
