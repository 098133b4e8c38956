//! CloudFormation on the wire: one file per operation, and the handlers of its resource types.

pub mod cancel_update_stack;
pub mod change_set;
pub mod continue_update_rollback;
pub mod create_change_set;
pub mod create_stack;
pub mod delete_change_set;
pub mod delete_stack;
pub mod describe_change_set;
pub mod describe_stack_drift_detection_status;
pub mod describe_stack_events;
pub mod describe_stack_resource;
pub mod describe_stack_resource_drifts;
pub mod describe_stack_resources;
pub mod describe_stacks;
pub mod detect_stack_drift;
pub mod detect_stack_resource_drift;
pub mod drift;
pub mod estimate_template_cost;
pub mod execute_change_set;
pub mod fault;
pub mod get_stack_policy;
pub mod get_template;
pub mod get_template_summary;
pub mod handlers;
pub mod list_change_sets;
pub mod list_exports;
pub mod list_imports;
pub mod list_stack_resources;
pub mod list_stacks;
pub mod members;
pub mod replicas;
pub mod rollback_stack;
pub mod set_stack_policy;
pub mod status;
pub mod update_stack;
pub mod update_termination_protection;
pub mod validate_template;

#[cfg(test)]
mod tests;
