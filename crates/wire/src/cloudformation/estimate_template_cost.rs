//! EstimateTemplateCost on the wire.
//!
//! AWS answers the address of its calculator's page. That page is AWS's, and knows nothing of a
//! template that it was not given: here the address is a page by itself, a `data:` URL, which every
//! browser shows and which goes nowhere.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::EstimateTemplateCost;
use regent_core::stacks::ops::estimate_template_cost::Estimate;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

/// AWS: prices by the month in cents, of the commercial Regions in the US.
const SECRET_CENTS: usize = 40;
const KEY_CENTS: usize = 100;
const OTHERS: &str = "Not in it: requests (USD 0.05 for 10,000 to Secrets Manager, from USD 0.03 for 10,000 to KMS) and rotations of keys (USD 1.00 by the month for each of the first two).";

impl QueryOperation for EstimateTemplateCost {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let template = members::template(params)?.ok_or_else(fault::no_template)?;
        Ok(Self { template, parameters: members::new_parameters(params)? })
    }

    fn encode(output: &Estimate, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("Url", url(output).as_str());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}

fn url(estimate: &Estimate) -> String {
    let escaped = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    let page: String = page(estimate).bytes().map(escaped).collect();
    format!("data:text/plain;charset=utf-8,{page}")
}

fn page(estimate: &Estimate) -> String {
    let Estimate { secrets, replicas, keys } = *estimate;
    let lines: [(&str, usize, usize); 3] = [
        ("Secrets", secrets, SECRET_CENTS),
        ("Replicas of secrets", replicas, SECRET_CENTS),
        ("KMS keys", keys, KEY_CENTS),
    ];
    let usd = |cents: usize| format!("USD {}.{:02}", cents / 100, cents % 100);
    let total = lines.iter().map(|(_, count, each)| count * each).sum();
    let line = |(what, count, each): (&str, usize, usize)| {
        format!("{what}: {count} at {}: {}", usd(each), usd(count * each))
    };
    let mut page = vec![format!("By the month, at US list prices: {}", usd(total))];
    page.extend(lines.map(line));
    page.push(OTHERS.to_owned());
    page.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_adds_up() {
        let page = page(&Estimate { secrets: 3, replicas: 2, keys: 4 });
        assert_eq!(
            page.lines().take(4).collect::<Vec<_>>(),
            [
                "By the month, at US list prices: USD 6.00",
                "Secrets: 3 at USD 0.40: USD 1.20",
                "Replicas of secrets: 2 at USD 0.40: USD 0.80",
                "KMS keys: 4 at USD 1.00: USD 4.00",
            ]
        );
    }
}
