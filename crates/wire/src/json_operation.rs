//! What each operation of a JSON service adds to the core's own: its encoding.

use regent_core::cx::Cx;
use regent_core::engine::Operation;

use crate::audit::SecretRead;
use crate::fault::Fault;

/// One operation of a JSON service: bytes to core and back.
pub trait JsonOperation: Operation {
    /// Body (already bounded) to the operation. Constraint violations are faults.
    fn decode(body: &[u8]) -> Result<Self, Fault>;

    /// Output to the response body; left empty by operations without output.
    fn encode(output: &Self::Output, cx: &Cx<'_>, out: &mut Vec<u8>);

    /// Whether running it may take so long that it must not hold up other requests.
    fn is_slow(_body: &[u8]) -> bool {
        false
    }

    /// Secrets that one request reads as so many requests would, for the audit log.
    fn reads(_output: &Self::Output, _cx: &Cx<'_>) -> Vec<SecretRead> {
        Vec::new()
    }

    /// Core error to fault.
    fn fault(error: Self::Error, cx: &Cx<'_>) -> Fault;
}
