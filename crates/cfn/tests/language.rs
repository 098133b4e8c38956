//! The template language: each function, what it gives, and AWS's text when it cannot.

mod support;

use support::{problem, property, refusal};

/// A template with one secret whose description is the expression, and the things it may use.
fn described(expression: &str) -> String {
    format!(
        "Transform: AWS::LanguageExtensions
Parameters:
  Name: {{Type: String, Default: db}}
  Names: {{Type: CommaDelimitedList, Default: 'a, b,c'}}
  Empty: {{Type: String}}
Mappings:
  Keys:
    us-east-1: {{id: one, list: [x, y]}}
    us-west-2: {{id: two}}
Conditions:
  East: !Equals [!Ref AWS::Region, us-east-1]
  West: !Not [!Condition East]
  Both: !And [!Condition East, !Condition West]
  Any: !Or [!Condition East, !Condition West]
  Open: !Equals [!Ref Empty, x]
Resources:
  Other: {{Type: AWS::KMS::Key}}
  Gone: {{Type: AWS::KMS::Key, Condition: West}}
  It:
    Type: AWS::SecretsManager::Secret
    Properties:
      Description: {expression}
"
    )
}

const GIVEN: &[(&str, &str)] = &[
    ("!Ref Name", r#""db""#),
    ("!Ref Names", r#"["a","b","c"]"#),
    ("!Ref AWS::Region", r#""us-east-1""#),
    ("!Ref AWS::NoValue", "absent"),
    ("[a, !Ref AWS::NoValue, b]", r#"["a","b"]"#),
    ("!Sub '${Name}-${AWS::Region}-${!Name}'", r#""db-us-east-1-${Name}""#),
    ("!Sub ['${X}/${Name}', {X: !Select [1, !Ref Names]}]", r#""b/db""#),
    ("!Join ['', [a, 1, true]]", r#""a1true""#),
    ("!Join [',', !Ref Names]", r#""a,b,c""#),
    ("!Select ['2', !Ref Names]", r#""c""#),
    ("!Split ['/', 'a//b']", r#"["a","","b"]"#),
    ("!FindInMap [Keys, !Ref AWS::Region, id]", r#""one""#),
    ("!FindInMap [Keys, us-east-1, list]", r#"["x","y"]"#),
    ("!FindInMap [Keys, eu-west-1, id, {DefaultValue: none}]", r#""none""#),
    ("!If [East, yes it is, no]", r#""yes it is""#),
    ("!If [West, x, !Ref AWS::NoValue]", "absent"),
    ("!If [Both, x, !If [Any, y, z]]", r#""y""#),
    ("!Base64 héllo", r#""aMOpbGxv""#),
    ("!Cidr [10.0.0.0/24, 2, 4]", r#"["10.0.0.0/28","10.0.0.16/28"]"#),
    ("!Select [0, !GetAZs '']", r#""us-east-1a""#),
    ("!Length [a, b]", "2"),
    ("!Length {Ref: Names}", "3"),
    ("!ToJsonString {a: [1, \"x\\\"\"], b: !Ref Name}", r#""{\"a\":[1,\"x\\\"\"],\"b\":\"db\"}""#),
    ("!ImportValue shared", r#""imported""#),
    ("!GetAtt Other.Arn", "unknown: Other.Arn is not made yet"),
    ("!Ref Other", "unknown: Other is not made yet"),
    ("!Sub '${Other.Arn}/x'", "unknown: Other.Arn is not made yet"),
    ("!Ref Empty", "unknown: parameter Empty has no value"),
    ("!If [Open, a, b]", "unknown: condition Open is not known"),
    (
        "!Join ['-', [!Ref Empty, !GetAtt Other.Arn]]",
        "unknown: parameter Empty has no value, Other.Arn is not made yet",
    ),
    ("!ImportValue later", "unknown: export later is of another stack"),
    ("{'Fn::Transform': {Name: Macro}}", "unknown: Macro runs in AWS"),
    ("!Select [0, !Split ['-', !Ref Other]]", "unknown: Other is not made yet"),
];

#[test]
fn functions_give_values() {
    for (expression, expected) in GIVEN {
        assert_eq!(
            property(&described(expression), "It", "Description"),
            *expected,
            "{expression}"
        );
    }
}

const SELECT: &str = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list";
const SUB: &str = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string";
const SPLIT: &str = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.";
const GET_ATT: &str = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute";
const REFUSED: &[(&str, &str)] = &[
    ("!Select [0]", SELECT),
    ("!Select [x, [a]]", SELECT),
    ("!Select [0, a]", SELECT),
    (
        "!Select [3, !Ref Names]",
        "Template error: Fn::Select  cannot select nonexistent value at index 3",
    ),
    ("!Sub [a]", SUB),
    ("!Sub [a, b]", SUB),
    (
        "!Sub '${Names}'",
        "Template error: variable Names in Fn::Sub expression does not resolve to a string",
    ),
    (
        "!Sub '${a-b}'",
        "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
    ),
    ("!Split [',']", SPLIT),
    ("!Split ['', a]", SPLIT),
    ("!GetAtt Other", GET_ATT),
    ("!GetAtt [Other, '']", GET_ATT),
    (
        "!GetAtt Nope.Arn",
        "Template error: instance of Fn::GetAtt references undefined resource Nope",
    ),
    ("!GetAtt Other.Nope", "Requested attribute Nope does not exist in schema for AWS::KMS::Key"),
    ("!Sub '${Other.Nope}'", "Requested attribute Nope does not exist in schema for AWS::KMS::Key"),
    (
        "!Ref Nope",
        "Template format error: Unresolved resource dependencies [Nope] in the Resources block of the template",
    ),
    (
        "!Ref Gone",
        "Template format error: Unresolved resource dependencies [Gone] in the Resources block of the template",
    ),
    (
        "!Sub '${Nope.Arn} ${Also}'",
        "Template format error: Unresolved resource dependencies [Also, Nope] in the Resources block of the template",
    ),
    (
        "!FindInMap [Keys, eu-west-1, id]",
        "Template error: Unable to get mapping for Keys::eu-west-1::id",
    ),
    ("!If [Nope, a, b]", "Template error: unresolved condition dependency Nope in Fn::If"),
    ("!If [East, a]", "Template error: Fn::If requires a list argument with three elements"),
    ("!ImportValue absent", "No export named absent found."),
    ("!Cidr [10.0.0.0/24, 300, 4]", "Template error: invalid IP block, count or bits in Fn::Cidr"),
    ("~", "[/Resources/It/Properties/Description] 'null' values are not allowed in templates"),
    ("{'Fn::Nope': 1}", "Template error: function Fn::Nope is not known"),
    ("{'Fn::Transform': {Name: Macro}}", "No transform named Macro found."),
    ("'{{resolve:ssm:x:1}}'", "Template error: dynamic references to ssm are not supported"),
    (
        "'{{resolve:secretsmanager:}}'",
        "Template error: the dynamic reference of secretsmanager is malformed",
    ),
];

#[test]
fn functions_refuse() {
    for (expression, expected) in REFUSED {
        assert_eq!(refusal(&described(expression)), *expected, "{expression}");
    }
}

#[test]
fn conditions_refuse() {
    let with = |condition: &str| {
        format!(
            "Parameters: {{P: {{Type: String, Default: x}}}}\nConditions: {{C: {condition}}}\n\
                 Resources: {{K: {{Type: 'AWS::KMS::Key', Condition: C}}}}"
        )
    };
    for (condition, expected) in [
        (
            "!Equals [a]",
            "Template error: every Fn::Equals object requires a list of 2 string parameters.",
        ),
        (
            "!And [!Condition C]",
            "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
        ),
        ("!Not [!Condition C]", "Template format error: Circular dependencies for condition C"),
        (
            "!Not [!Condition D]",
            "Template format error: Unresolved condition dependency D in the Conditions block of the template",
        ),
        (
            "!Equals [!Ref K, a]",
            "Template format error: Unresolved dependencies [K]. Cannot reference resources in the Conditions block of the template",
        ),
        ("!Equals [!Ref P, x]", ""),
    ] {
        assert_eq!(refusal(&with(condition)), expected, "{condition}");
    }
    let missing = "Resources: {K: {Type: 'AWS::KMS::Key', Condition: Nope}}";
    assert_eq!(
        refusal(missing),
        "Template format error: Unresolved condition dependency Nope in the Resources block of the template"
    );
}

#[test]
fn sections_refuse() {
    let key = "Resources: {K: {Type: 'AWS::KMS::Key'}}";
    for (text, expected) in [
        ("Resources: {}".to_owned(), "Template format error: At least one Resources member must be defined."),
        ("Parameters: {}".to_owned(), "Template format error: At least one Resources member must be defined."),
        ("[]".to_owned(), "Template format error: unsupported structure."),
        ("Resources: {K: x}".to_owned(), "Template format error: Any Resources member must be an object."),
        ("Resources: {K: {}}".to_owned(), "Template format error: [/Resources/K] Every Resources object must contain a Type member."),
        ("Resources: {K-1: {Type: x}}".to_owned(), "Template format error: Resource name K-1 is non alphanumeric."),
        ("Resources: {K: {Type: 'AWS::KMS::Key', Propertys: {}}}".to_owned(), "Invalid template resource property 'Propertys'"),
        ("Resources: {K: {Type: 'AWS::S3::Bucket'}, L: {Type: 'AWS::Foo::Bar'}}".to_owned(), "Template format error: Unrecognized resource types: [AWS::Foo::Bar, AWS::S3::Bucket]"),
        ("Resources: {K: {Type: 'AWS::KMS::Key', DeletionPolicy: Snapshot}}".to_owned(), "Template format error: [/Resources/K] DeletionPolicy is malformed."),
        ("Resources: {K: {Type: 'AWS::KMS::Key', UpdateReplacePolicy: RetainExceptOnCreate}}".to_owned(), "Template format error: [/Resources/K] UpdateReplacePolicy is malformed."),
        ("Resources: {K: {Type: 'AWS::KMS::Key', CreationPolicy: {ResourceSignal: {Count: 1}}}}".to_owned(), "Template format error: [/Resources/K] CreationPolicy is malformed."),
        ("Resources: {K: {Type: 'AWS::KMS::Key', DependsOn: L}}".to_owned(), "Template format error: Unresolved resource dependencies [L] in the Resources block of the template"),
        (format!("{key}\nTransform: AWS::Serverless-2016-10-31"), "No transform named AWS::Serverless-2016-10-31 found."),
        (format!("{key}\nResource: {{}}"), "Invalid template property or properties [Resource]"),
        (format!("{key}\nAWSTemplateFormatVersion: 2010-09-08"), "Template format error: 2010-09-08 is not a supported value for AWSTemplateFormatVersion."),
        (format!("{key}\nAWSTemplateFormatVersion: 2010-09-09"), ""),
        (format!("{key}\nParameters: {{P_1: {{Type: String}}}}"), "Template format error: Parameter name P_1 is non alphanumeric."),
        (format!("{key}\nMappings: {{M: x}}"), "Template format error: Every Mappings member M must be a map"),
        (format!("{key}\nMappings: {{M: {{t: {{s: {{}}}}}}}}"), "Template format error: Every Mappings attribute must be a String or a List."),
        (format!("{key}\nOutputs: {{O: {{}}}}"), "Template format error: Every Outputs member must contain a Value object"),
        (format!("{key}\nOutputs: {{O: {{Value: ~}}}}"), "[/Outputs/O/Value] 'null' values are not allowed in templates"),
        (format!("{key}\nOutputs: {{O: {{Value: !Ref L}}}}"), "Template format error: Unresolved resource dependencies [L] in the Outputs block of the template"),
        (format!("{key}\nOutputs: {{O: {{Value: !GetAtt K.Invalid}}}}"), "[Error] /Outputs/O/Value/Fn::GetAtt: Resource type AWS::KMS::Key does not support attribute {Invalid}."),
        (format!("{key}\nOutputs: {{O: {{Value: x, Export: {{Name: !Ref K}}}}}}"), "Template format error: Output O is malformed.  The Name field of Export must not depend on any resources, imported values, or Fn::GetAZs."),
        (format!("{key}\nx: &a [1]\ny: *a"), "Template error: YAML aliases are not allowed in CloudFormation templates"),
        ("{\"Resources\": }".to_owned(), "Template format error: JSON not well-formed. (line 1, column 15)"),
        ("Resources: [".to_owned(), "Template format error: YAML not well-formed. (line 2, column 1)"),
        ("Resources: {A: {Type: 'AWS::KMS::Key', DependsOn: [B]}, B: {Type: 'AWS::KMS::Key', DependsOn: C}, C: {Type: 'AWS::KMS::Key', DependsOn: [B, D]}, D: {Type: 'AWS::KMS::Key'}}".to_owned(), "Circular dependency between resources: [B, C]"),
    ] {
        assert_eq!(refusal(&text), expected, "{text}");
    }
}

#[test]
fn rules_are_asserted() {
    let with = |value: &str, condition: &str| {
        format!(
            "Parameters: {{P: {{Type: String, Default: {value}}}}}
Rules:
  Small:
    RuleCondition: {condition}
    Assertions:
      - Assert: !Contains [[a, b], !Ref P]
        AssertDescription: P is a or b
Resources: {{K: {{Type: 'AWS::KMS::Key'}}}}"
        )
    };
    let always = "!Equals [1, 1]";
    assert_eq!(refusal(&with("a", always)), "");
    assert_eq!(refusal(&with("c", always)), "Template constraint violation: P is a or b");
    assert_eq!(refusal(&with("c", "!Equals [1, 2]")), "");
    let undecided = "Rules: {R: {Assertions: [{Assert: {'Fn::ValueOf': [P, x]}}]}}\n\
                     Resources: {K: {Type: 'AWS::KMS::Key'}}";
    assert_eq!(refusal(undecided), "Template constraint violation: R");
}

#[test]
fn loops_make_resources_and_outputs() {
    let text = "Transform: AWS::LanguageExtensions
Parameters: {Regions: {Type: CommaDelimitedList, Default: 'us-east-2,us-west-2'}}
Resources:
  'Fn::ForEach::Secrets':
    - Team
    - [red, blue]
    - 'Secret${Team}':
        Type: AWS::SecretsManager::Secret
        Properties:
          Name: !Sub 'team-${Team}'
          Description: !Ref Team
  'Fn::ForEach::Outer':
    - Region
    - !Ref Regions
    - 'Fn::ForEach::Inner':
        - N
        - [1, 2]
        - 'Key&{Region}${N}':
            Type: AWS::KMS::Key
            Properties: {Description: '${Region}/${N}'}
";
    assert_eq!(property(text, "Secretred", "Name"), r#""team-red""#);
    assert_eq!(property(text, "Secretblue", "Description"), r#""blue""#);
    assert_eq!(property(text, "Keyuswest22", "Description"), r#""us-west-2/2""#);
    assert_eq!(refusal(text), "");
    assert_eq!(
        refusal(&text.replace("Transform: AWS::LanguageExtensions\n", "")),
        "Template format error: Resource name Fn::ForEach::Secrets is non alphanumeric."
    );
    assert_eq!(
        refusal(&text.replace("[red, blue]", "[red, red]")),
        "Template error: Fn::ForEach Secrets makes the key Secretred twice"
    );
    assert_eq!(
        refusal(&text.replace(", Default: 'us-east-2,us-west-2'", "")),
        "Template error: the values of Fn::ForEach Outer are not known"
    );
}

#[test]
fn the_language_extensions_have_to_be_asked_for() {
    let plain = |expression: &str| {
        format!(
            "Resources: {{K: {{Type: 'AWS::KMS::Key', Properties: {{Description: {expression}}}}}}}"
        )
    };
    for name in ["Fn::Length", "Fn::ToJsonString"] {
        assert_eq!(
            refusal(&plain(&format!("{{'{name}': [a]}}"))),
            format!("Template error: {name} requires the transform AWS::LanguageExtensions")
        );
    }
    let policy = "Resources: {K: {Type: 'AWS::KMS::Key', DeletionPolicy: !Ref P}}\n\
                  Parameters: {P: {Type: String, Default: Retain}}";
    assert!(refusal(policy).contains("requires the transform"));
    assert_eq!(refusal(&format!("{policy}\nTransform: AWS::LanguageExtensions")), "");
}

#[test]
fn json_and_yaml_say_the_same() {
    let json = r#"{"Resources": {"It": {"Type": "AWS::SecretsManager::Secret", "Properties":
        {"Description": {"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]},
         "Name": {"Fn::GetAtt": ["It", "Id"]}}}}}"#;
    assert_eq!(property(json, "It", "Description"), r#""a-us-east-1""#);
    assert_eq!(problem(json), "Circular dependency between resources: [It]");
}

/// What resolves without end is refused, quickly.
#[test]
fn growth_is_bounded() {
    let mut inner = "x".repeat(1000);
    for _ in 0..30 {
        inner = format!("!Sub ['${{A}}${{A}}${{A}}${{A}}', {{A: {inner}}}]");
    }
    assert_eq!(
        problem(&described(&inner)),
        "Template error: Resources resolves to more than 8388608 bytes"
    );
}
