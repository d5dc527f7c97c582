//! A broker, a ledger, and consumers of both.

use std::path::PathBuf;
use std::sync::Arc;

use consumer::message::Outgoing;
use consumer::{Payment, rabbitmq, redis_streams};
use idem_runtime::admin::Operation;
use idem_runtime::rusqlite::Connection;
use idem_runtime::{Idempotency, MemoryStore};
use idem_tests::outside::Outside;
use idem_tests::process::built;
use idem_tests::rabbitmq_server::RabbitMqServer;
use idem_tests::redis_server::RedisServer;
use lapin::types::AMQPValue;
use tempfile::TempDir;

use super::process::Consumer;

pub(crate) enum Broker {
    /// For a test that does it no harm.
    Shared(Arc<RabbitMqServer>),
    RabbitMq(RabbitMqServer),
    RedisStreams(RedisServer),
}

pub(crate) struct Bed {
    pub(crate) broker: Broker,
    /// Nobody else's.
    pub(crate) queue: String,
    folder: TempDir,
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Booked {
    pub(crate) message: String,
    pub(crate) account: String,
    pub(crate) cents: i64,
    pub(crate) balance: i64,
}

/// A message of this id, about so much.
pub(crate) fn pay(id: &str, account: &str, cents: i64) -> Outgoing {
    Outgoing { id: Some(id.to_owned()), content: Payment { account: account.to_owned(), cents }.to_json() }
}

impl Bed {
    fn of(broker: Broker) -> Self {
        let queue = format!("payments-{}", uuid::Uuid::new_v4());
        Self { broker, queue, folder: TempDir::new().unwrap() }
    }

    pub(crate) async fn rabbitmq() -> Self {
        Self::of(Broker::Shared(RabbitMqServer::shared().await))
    }

    pub(crate) async fn own_rabbitmq() -> Self {
        Self::of(Broker::RabbitMq(RabbitMqServer::start().await))
    }

    pub(crate) async fn redis_streams() -> Self {
        Self::of(Broker::RedisStreams(RedisServer::start().await))
    }

    pub(crate) async fn own_redis_streams() -> Self {
        Self::redis_streams().await
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) fn rabbitmq_server(&self) -> &RabbitMqServer {
        match &self.broker {
            Broker::Shared(server) => server,
            Broker::RabbitMq(server) => server,
            Broker::RedisStreams(_) => panic!("it is no RabbitMQ"),
        }
    }

    pub(crate) fn url(&self) -> String {
        match &self.broker {
            Broker::RedisStreams(server) => server.url(),
            _ => self.rabbitmq_server().url(),
        }
    }

    fn name(&self) -> &'static str {
        match &self.broker {
            Broker::RedisStreams(_) => "redis-streams",
            _ => "rabbitmq",
        }
    }

    /// A consumer, as a person starts one.
    pub(crate) fn start(&self, name: &str, more: &[&str]) -> Consumer {
        self.start_at(&self.url(), name, more)
    }

    /// One that finds the broker elsewhere.
    pub(crate) fn start_at(&self, url: &str, name: &str, more: &[&str]) -> Consumer {
        let ledger = self.ledger();
        let mut arguments = vec![self.name(), "--url", url, "--ledger", ledger.to_str().unwrap(), "--lease", "1s"];
        match &self.broker {
            Broker::RedisStreams(_) => {
                arguments.extend(["--stream", &self.queue, "--name", name, "--claim-after", "1s"]);
            }
            _ => arguments.extend(["--queue", &self.queue]),
        }
        arguments.extend(more);
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        Consumer::start(&built("consumer"), &arguments)
    }

    /// One that stops at a step of its store's, with one message after the other.
    pub(crate) fn gated(&self, outside: &Outside, step: &str, more: &[&str]) -> Consumer {
        let (url, ledger, gate) = (self.url(), self.ledger(), outside.gate().to_string());
        let arguments = [self.name(), "--url", &url, "--queue", &self.queue, "--name", "consumer-1"];
        let at = ["--ledger", ledger.to_str().unwrap(), "--gate", &gate, "--stop-at", step];
        let arguments = [&arguments[..], &at, more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
        Consumer::start(&built("gated-consumer"), &arguments)
    }

    pub(crate) async fn publish(&self, messages: &[Outgoing]) {
        self.publish_with(messages, 20).await;
    }

    /// To a queue that lets them come back so often.
    pub(crate) async fn publish_with(&self, messages: &[Outgoing], max_deliveries: u32) {
        let url = self.url();
        if let Broker::RedisStreams(_) = &self.broker {
            return redis_streams::publish(&url, &self.queue, messages).await.unwrap();
        }
        let (prefetch, lanes) = (1.try_into().unwrap(), 1.try_into().unwrap());
        let queue = self.queue.clone();
        let settings = rabbitmq::Settings { url, queue, prefetch, lanes, max_deliveries, single_active: false };
        rabbitmq::publish(&settings, messages).await.unwrap();
    }

    /// What the message of this id is called in the log.
    pub(crate) fn key(&self, id: &str) -> String {
        let admin = Idempotency::new(MemoryStore::new()).admin();
        admin.key(&Operation::Job("book".to_owned()), Some(&self.queue), id).to_string()[..16].to_owned()
    }

    /// How many messages were not acknowledged yet. With RabbitMQ, those that a consumer has in hand do not count: ask when
    /// there is none.
    pub(crate) async fn waiting(&self) -> usize {
        let Broker::RedisStreams(server) = &self.broker else {
            return self.rabbitmq_server().state(&self.queue).await.map_or(0, |(ready, _)| ready as usize);
        };
        let groups: Vec<std::collections::HashMap<String, redis::Value>> =
            server.command(&["XINFO", "GROUPS", &self.queue]).await;
        let number = |name: &str| redis::from_redis_value::<usize>(groups[0][name].clone()).unwrap();
        number("pending") + number("lag")
    }

    /// Until the broker knows that its consumer is gone, and has what that had in hand. Redis need not know it.
    pub(crate) async fn until_nobody_consumes(&self) {
        if !self.is_redis() {
            let server = self.rabbitmq_server();
            let state = async || server.state(&self.queue).await.filter(|(_, consumers)| *consumers == 0);
            idem_tests::until("nobody consumes", state).await;
        }
    }

    /// How many dead letters there are.
    pub(crate) async fn dead_count(&self) -> usize {
        let dead = format!("{}.dead", self.queue);
        match &self.broker {
            Broker::RedisStreams(server) => server.command(&["XLEN", &dead]).await,
            _ => self.rabbitmq_server().state(&dead).await.map_or(0, |(ready, _)| ready as usize),
        }
    }

    /// The id and the reason of each dead letter, in order. They are taken out.
    pub(crate) async fn dead(&self) -> Vec<(Option<String>, String)> {
        let dead = format!("{}.dead", self.queue);
        let mut letters = if let Broker::RedisStreams(server) = &self.broker {
            let entries: Vec<(String, std::collections::HashMap<String, String>)> =
                server.command(&["XRANGE", &dead, "-", "+"]).await;
            entries.into_iter().map(|(_, mut fields)| (fields.remove("id"), fields["x-reason"].clone())).collect()
        } else {
            let reason = |properties: &lapin::BasicProperties| {
                match properties.headers().as_ref().and_then(|headers| headers.inner().get("x-reason")) {
                    Some(AMQPValue::LongString(reason)) => reason.to_string(),
                    // Not by a consumer, but by the broker.
                    _ => "delivered_too_often".to_owned(),
                }
            };
            let letters = self.rabbitmq_server().take_all(&dead).await;
            let id = |properties: &lapin::BasicProperties| properties.message_id().as_ref().map(ToString::to_string);
            letters.iter().map(|(properties, _)| (id(properties), reason(properties))).collect::<Vec<_>>()
        };
        letters.sort();
        letters
    }

    /// All that is booked, in order.
    pub(crate) fn booked(&self) -> Vec<Booked> {
        let db = Connection::open(self.ledger()).unwrap();
        let Ok(mut bookings) = db.prepare("SELECT message, account, cents, balance FROM bookings ORDER BY id") else {
            return Vec::new();
        };
        let line = |row: &idem_runtime::rusqlite::Row<'_>| {
            let (message, account, cents, balance) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Booked { message, account, cents, balance })
        };
        bookings.query_map([], line).unwrap().map(Result::unwrap).collect()
    }

    /// How many lines the ledger has.
    pub(crate) fn count(&self) -> usize {
        let db = Connection::open(self.ledger()).unwrap();
        let count = db.query_row("SELECT count(*) FROM bookings", [], |row| row.get::<_, i64>(0));
        count.map_or(0, |count| count.try_into().unwrap())
    }

    pub(crate) fn is_redis(&self) -> bool {
        matches!(self.broker, Broker::RedisStreams(_))
    }

    /// The ids of all that is booked, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.booked().into_iter().map(|booked| booked.message).collect()
    }
}
