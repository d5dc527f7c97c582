//! What a person can publish.

use clap::Args;
use consumer::message::{Outgoing, Payment};

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub(crate) struct Messages {
    /// How many payments, over some accounts
    #[arg(long, default_value = "1", value_name = "NUMBER")]
    messages: u32,
    /// How many accounts, from `account-0`
    #[arg(long, default_value = "10", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    accounts: u32,
    /// The id of the one message; otherwise each has an id of its own that nobody used before
    #[arg(long, value_name = "ID", conflicts_with = "messages")]
    id: Option<String>,
    /// Send it without an id, as a producer does that forgot it
    #[arg(long, conflicts_with = "id")]
    without_id: bool,
    /// The one account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// By how much its balance changes
    #[arg(long, default_value = "100", value_name = "CENTS", allow_negative_numbers = true)]
    cents: i64,
    /// Send this, and no payment
    #[arg(long, value_name = "TEXT")]
    content: Option<String>,
}

impl Messages {
    pub(crate) fn outgoing(&self) -> Vec<Outgoing> {
        (0..self.messages).map(|number| Outgoing { id: self.id(), content: self.content(number) }).collect()
    }

    fn id(&self) -> Option<String> {
        let fresh = || uuid::Uuid::new_v4().to_string();
        (!self.without_id).then(|| self.id.clone().unwrap_or_else(fresh))
    }

    fn content(&self, number: u32) -> String {
        self.content.clone().unwrap_or_else(|| {
            let account = self.account.clone().unwrap_or_else(|| format!("account-{}", number % self.accounts));
            Payment { account, cents: self.cents }.to_json()
        })
    }
}
