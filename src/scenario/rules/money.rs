//! Prices: all groups have one where spend is judged, and all are in one currency.

use super::Rules;
use crate::scenario::model::StopCondition;
use crate::scenario::tree::Node;
use crate::scenario::units::Price;

impl<'t> Rules<'_, 't> {
    pub(super) fn money(&self) {
        for (name, group) in &self.draft.groups {
            if group.value.replacement_price.is_some() && group.node.get("price").is_absent() {
                self.error("missing-price", format!("`{name}` has a `replacement_price` but no `price`"))
                    .at(group.node.get("replacement_price"), "dearer than what?")
                    .help("give the price of an instance that replaces none: `price = \"0.10 USD/h\"`")
                    .report();
            }
        }
        let prices = self.prices();
        if let Some((_, first, first_node)) = prices.first() {
            for (name, price, node) in &prices[1..] {
                if price.currency != first.currency {
                    self.error(
                        "mixed-currencies",
                        format!(
                            "prices are in {} and in {}, which cannot be added up",
                            first.currency, price.currency
                        ),
                    )
                    .at(node, format!("`{name}` in {}", price.currency))
                    .and(first_node, format!("in {}", first.currency))
                    .help("exchange rates are not springback's business: give all prices in one currency")
                    .report();
                }
            }
        }
        self.expected_money();
        for condition in &self.draft.stop {
            if let StopCondition::SpendRate { above } = &condition.value {
                self.limit_on_spend("`stop.spend_rate`", condition.node, "above", above);
            }
        }
    }

    /// What `[expect]` says about money.
    pub(super) fn expected_money(&self) {
        if let Some(idle_spend) = &self.draft.expect.idle_spend {
            self.limit_on_spend("`idle_spend`", idle_spend.node, "at_most", &idle_spend.value.at_most);
        }
    }

    fn limit_on_spend(&self, what: &str, node: &'t Node, key: &str, limit: &Price) {
        // Where nodes have a price, what runs on them is paid for already.
        let by_node = self.draft.cluster.as_ref().is_some_and(|cluster| cluster.prices.node.is_some());
        for (name, group) in self.draft.groups.iter().filter(|_| !by_node) {
            if group.value.price.is_none() && group.node.get("price").is_absent() {
                self.error("missing-price", format!("{what} cannot be judged: `{name}` has no price"))
                    .at(node, "judges what all groups cost")
                    .and(group.node, "no price here")
                    .help(format!("add `price = \"0.10 {}/h\"` to it", limit.currency))
                    .report();
            }
        }
        if let Some((_, first, first_node)) = self.prices().first()
            && first.currency != limit.currency
        {
            self.error(
                "mixed-currencies",
                format!("{what} is in {}, the prices are in {}", limit.currency, first.currency),
            )
            .at(node.get(key), format!("in {}", limit.currency))
            .and(first_node, format!("in {}", first.currency))
            .help("give all of them in one currency")
            .report();
        }
    }

    fn prices(&self) -> Vec<(&str, &Price, &'t Node)> {
        let mut prices = Vec::new();
        for (name, group) in &self.draft.groups {
            let both = [("price", &group.value.price), ("replacement_price", &group.value.replacement_price)];
            for (key, price) in both {
                prices.extend(price.as_ref().map(|price| (name.as_str(), price, group.node.get(key))));
            }
        }
        let written = self.draft.root.get("target").get("kubernetes").get("prices");
        for (key, price) in self.draft.cluster.iter().flat_map(|cluster| cluster.prices.by_key()) {
            prices.push((key, price, written.get(key)));
        }
        prices.sort_by_key(|(_, _, node)| node.place.as_ref().map(|place| place.span.start));
        prices
    }
}
