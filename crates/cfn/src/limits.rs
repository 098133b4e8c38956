//! Every bound on a template, with its source.

/// LIMIT: AWS's quotas, "Resources".
pub const RESOURCES_MAX: usize = 500;
/// LIMIT: AWS's quotas, "Parameters".
pub const PARAMETERS_MAX: usize = 200;
/// LIMIT: AWS's quotas, "Outputs".
pub const OUTPUTS_MAX: usize = 200;
/// LIMIT: AWS's quotas, "Mappings".
pub const MAPPINGS_MAX: usize = 200;
/// LIMIT: AWS's quotas, "Mapping attributes".
pub const MAPPING_ATTRIBUTES_MAX: usize = 200;
/// LIMIT: AWS's quotas, names of parameters, resources, outputs and mappings, in characters.
pub const NAME_LEN_MAX: usize = 255;
/// LIMIT: AWS's quotas, bytes of the template's description.
pub const DESCRIPTION_LEN_MAX: usize = 1024;
/// LIMIT: AWS's quotas, bytes of a parameter's value.
pub const PARAMETER_LEN_MAX: usize = 4096;
/// LIMIT: characters of a parameter's description or constraint description.
pub const PARAMETER_DESCRIPTION_LEN_MAX: usize = 4000;
/// LIMIT: AWS's quotas, dynamic references in one template.
pub const DYNAMIC_REFERENCES_MAX: usize = 60;
/// LIMIT: bytes that one section or the properties of one resource resolve to; ours, above what any
/// service takes, so that functions in functions cannot grow without end.
pub const RESOLVED_LEN_MAX: usize = 8 << 20;
/// LIMIT: nodes that `Fn::ForEach` may add; ours, above what 500 resources need.
pub const FOR_EACH_NODES_MAX: usize = 200_000;
