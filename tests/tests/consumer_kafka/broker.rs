//! A cluster, what is in its topics, and what is committed.

use std::time::Duration;

use idem_tests::until;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

pub(crate) const TOPIC: &str = "payments";
pub(crate) const DEAD: &str = "payments.dead";
pub(crate) const GROUP: &str = "ledger";
const AT_ONCE: Timeout = Timeout::After(Duration::from_secs(3));

/// One broker with the topic and that of its dead letters.
pub(crate) struct Broker {
    pub(crate) mock: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer<DefaultClientContext>,
    partitions: i32,
}

/// A record that a test sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) ids: Vec<String>,
    pub(crate) key: Option<String>,
    pub(crate) content: Option<String>,
}

/// A payment, under its account as key.
pub(crate) fn payment(id: &str, account: &str, cents: i64) -> Record {
    let content = format!(r#"{{"account":"{account}","cents":{cents}}}"#);
    Record { ids: vec![id.into()], key: Some(account.into()), content: Some(content) }
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) id: Option<String>,
    pub(crate) reason: String,
    /// Topic, partition and offset.
    pub(crate) from: (String, i32, i64),
    pub(crate) key: Option<String>,
    pub(crate) content: Option<String>,
}

impl Broker {
    pub(crate) fn start(partitions: i32) -> Self {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic(TOPIC, partitions, 1).unwrap();
        mock.create_topic(DEAD, 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", mock.bootstrap_servers()).set("enable.idempotence", "true");
        Self { mock, producer: config.create().unwrap(), partitions }
    }

    pub(crate) fn address(&self) -> String {
        self.mock.bootstrap_servers()
    }

    /// Sends records in this order, and waits until all of them are in the topic.
    pub(crate) async fn send(&self, records: &[Record]) {
        let mut sent = Vec::new();
        for Record { ids, key, content } in records {
            let headers = ids
                .iter()
                .fold(OwnedHeaders::new(), |headers, id| headers.insert(Header { key: "id", value: Some(id) }));
            let mut record = FutureRecord::<str, str>::to(TOPIC).headers(headers);
            record.key = key.as_deref();
            record.payload = content.as_deref();
            sent.push(self.producer.send_result(record).unwrap());
        }
        for sent in sent {
            sent.await.unwrap().unwrap();
        }
    }

    /// What is committed of each partition; -1: nothing.
    pub(crate) async fn committed(&self) -> Vec<i64> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(TOPIC, 0, self.partitions - 1);
        let committed = self.ask(GROUP, move |looker| looker.committed_offsets(list.clone(), AT_ONCE)).await;
        let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { -1 };
        (0..self.partitions).map(|number| offset(committed.find_partition(TOPIC, number).unwrap().offset())).collect()
    }

    /// Waits until all that is in the topic is committed.
    pub(crate) async fn all_committed(&self) {
        let mut ends = Vec::new();
        for number in 0..self.partitions {
            let end = self.end(TOPIC, number).await;
            ends.push(if end == 0 { -1 } else { end });
        }
        until("all is committed", async || (self.committed().await == ends).then_some(())).await;
    }

    async fn end(&self, topic: &'static str, partition: i32) -> i64 {
        self.ask("nobody", move |looker| looker.fetch_watermarks(topic, partition, AT_ONCE)).await.1
    }

    /// Asks until there is an answer. By a client that is no member of the group, and is made anew for each question: one from
    /// before the broker was away may take a minute until it asks again.
    async fn ask<T: Send + 'static>(
        &self,
        group: &'static str,
        question: impl Fn(&BaseConsumer) -> KafkaResult<T> + Clone + Send + 'static,
    ) -> T {
        until("an answer", async || {
            let (config, question) = (self.client(group), question.clone());
            tokio::task::spawn_blocking(move || question(&config.create().unwrap())).await.unwrap().ok()
        })
        .await
    }

    fn client(&self, group: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address()).set("group.id", group);
        config
    }

    /// All dead letters.
    pub(crate) async fn dead_letters(&self) -> Vec<Letter> {
        let count = self.end(DEAD, 0).await;
        let reader: BaseConsumer = self.client("a person").create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(DEAD, 0, Offset::Beginning).unwrap();
        reader.assign(&list).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (0..count)
            .map(|_| {
                let letter = reader.poll(AT_ONCE).expect("a dead letter").unwrap();
                let header = |name| {
                    let mut all = letter.headers().unwrap().iter();
                    all.find(|header| header.key == name).map(|header| text(header.value.unwrap()))
                };
                let number = |name| header(name).unwrap().parse::<i64>().unwrap();
                assert!(header("x-reason-detail").is_some_and(|detail| !detail.is_empty()));
                Letter {
                    id: header("id"),
                    reason: header("x-reason").unwrap(),
                    from: (header("x-topic").unwrap(), number("x-partition").try_into().unwrap(), number("x-offset")),
                    key: letter.key().map(text),
                    content: letter.payload().map(text),
                }
            })
            .collect()
    }
}
