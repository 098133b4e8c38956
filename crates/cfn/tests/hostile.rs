//! Any text gets an answer: no panic, and no time or memory without end.

mod support;

use proptest::prelude::*;
use regent_cfn::graph::Graph;
use regent_cfn::plan::{Plan, Side};
use regent_cfn::resolve::Nothing;
use support::read;

/// Everything that can be done with a template.
fn exercise(text: &str) {
    let Ok(read) = read(text) else { return };
    let Ok(resolution) = read.resolution() else { return };
    let _ = resolution.check();
    let _ = resolution.check_properties(&support::World);
    for output in &read.template.outputs {
        let _ = resolution.whole(&output.value, regent_cfn::resolve::Block::Outputs, &Nothing);
    }
    if let Ok(graph) = Graph::new(&resolution) {
        let side = Side { resolution: &resolution, graph: &graph, outside: &Nothing };
        let _ = Plan::new(Some(side), Some(side));
        let _ = Plan::new(None, Some(side));
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("A".to_owned()),
        Just("B".to_owned()),
        Just("P".to_owned()),
        Just("C".to_owned()),
        Just("AWS::Region".to_owned()),
        Just("AWS::NoValue".to_owned()),
        Just("A.Arn".to_owned()),
        "[a-z$ {}!.:]{0,12}",
    ]
}

/// JSON that looks like a template's.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        name().prop_map(|name| format!("{name:?}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i32>().prop_map(|number| number.to_string()),
        name().prop_map(|name| format!("{{\"Ref\": {name:?}}}")),
        name().prop_map(|name| format!("{{\"Fn::Sub\": \"x${{{}}}\"}}", name.replace('"', ""))),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let function = prop::sample::select(vec![
            "Fn::And",
            "Fn::Base64",
            "Fn::Cidr",
            "Fn::Equals",
            "Fn::FindInMap",
            "Fn::GetAtt",
            "Fn::GetAZs",
            "Fn::If",
            "Fn::ImportValue",
            "Fn::Join",
            "Fn::Length",
            "Fn::Not",
            "Fn::Or",
            "Fn::Select",
            "Fn::Split",
            "Fn::Sub",
            "Fn::ToJsonString",
            "Fn::Transform",
            "Fn::ForEach::X",
            "Condition",
            "Name",
            "ReplicaRegions",
            "Tags",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            (function, inner).prop_map(|(name, inner)| format!("{{{name:?}: {inner}}}")),
        ]
    })
}

fn template() -> impl Strategy<Value = String> {
    let one = expression;
    (one(), one(), one(), one(), one(), one()).prop_map(|(a, b, c, d, e, f)| {
        format!(
            "{{\"Transform\": \"AWS::LanguageExtensions\",
              \"Parameters\": {{\"P\": {{\"Type\": \"CommaDelimitedList\", \"Default\": \"a,b\"}}}},
              \"Mappings\": {{\"A\": {{\"A\": {{\"B\": \"x\"}}}}}},
              \"Conditions\": {{\"C\": {{\"Fn::Equals\": [{a}, {b}]}}}},
              \"Resources\": {{
                \"A\": {{\"Type\": \"AWS::KMS::Key\", \"Properties\": {{\"Description\": {c}}}}},
                \"B\": {{\"Type\": \"AWS::SecretsManager::Secret\", \"DependsOn\": \"A\",
                         \"Condition\": \"C\", \"Properties\": {{\"Name\": {d}, \"Tags\": {e}}}}}}},
              \"Outputs\": {{\"O\": {{\"Value\": {f}}}}}}}"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn templates_of_every_kind(text in template()) {
        exercise(&text);
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        exercise(&text);
        exercise(&format!("Resources:\n  A:\n    Type: {text}"));
    }

    #[test]
    fn broken_templates(at in 0_usize..2000, with in "[\\[\\]{}:,!&*'\"|>#%@ \n\t-]{0,3}") {
        let whole = include_str!("golden/database.yaml");
        let mut at = at % whole.len();
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        let (before, after) = whole.split_at(at);
        exercise(&format!("{before}{with}{after}"));
        exercise(before);
    }
}

/// Shapes that have made readers of YAML and JSON slow or sick.
#[test]
fn hostile_shapes_end_soon() {
    let many = 200_000;
    for text in [
        "[".repeat(many),
        "{\"a\":".repeat(many),
        "- ".repeat(many),
        "a: ".repeat(many),
        "!Ref ".repeat(many),
        "&a ".repeat(many),
        "? ".repeat(many),
        "Resources: \"".to_owned() + &"\\".repeat(many),
        "Resources: >".to_owned() + &"\n ".repeat(many),
        "x: !Sub '".to_owned() + &"${".repeat(many) + "'",
        format!("Resources: {{A: {{Type: x, Properties: {{a: !Sub '{}'}}}}}}", "${".repeat(many)),
        "{".repeat(60) + &"}".repeat(60),
        "\0".repeat(100),
    ] {
        exercise(&text);
    }
}
