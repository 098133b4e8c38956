//! CloudFormation operations, one file each.

pub mod cancel_update_stack;
pub mod continue_update_rollback;
pub mod create_change_set;
pub mod create_stack;
pub mod delete_change_set;
pub mod delete_stack;
pub mod describe_change_set;
pub mod describe_stack_events;
pub mod describe_stack_resource;
pub mod describe_stack_resources;
pub mod describe_stacks;
pub mod execute_change_set;
pub mod get_template;
pub mod get_template_summary;
pub mod list_change_sets;
pub mod list_stack_resources;
pub mod list_stacks;
pub mod rollback_stack;
pub mod update_stack;
pub mod update_termination_protection;
pub mod validate_template;

mod given;
mod page;

pub use cancel_update_stack::CancelUpdateStack;
pub use continue_update_rollback::ContinueUpdateRollback;
pub use create_change_set::CreateChangeSet;
pub use create_stack::CreateStack;
pub use delete_change_set::DeleteChangeSet;
pub use delete_stack::DeleteStack;
pub use describe_change_set::DescribeChangeSet;
pub use describe_stack_events::DescribeStackEvents;
pub use describe_stack_resource::DescribeStackResource;
pub use describe_stack_resources::DescribeStackResources;
pub use describe_stacks::DescribeStacks;
pub use execute_change_set::ExecuteChangeSet;
pub use get_template::GetTemplate;
pub use get_template_summary::GetTemplateSummary;
pub use list_change_sets::ListChangeSets;
pub use list_stack_resources::ListStackResources;
pub use list_stacks::ListStacks;
pub use rollback_stack::RollbackStack;
pub use update_stack::UpdateStack;
pub use update_termination_protection::UpdateTerminationProtection;
pub use validate_template::ValidateTemplate;
