//! The orders. What is written here is written in the transaction in which the record of the request is stored.

use std::num::NonZeroU32;

use idem_runtime::rusqlite::{Connection, OptionalExtension as _, Params, Result, Row, params};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::drafts;
use crate::problem::Problem;
use crate::request::Id;

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goods {
    #[serde(deserialize_with = "name_of_item")]
    pub(crate) item: String,
    pub(crate) quantity: NonZeroU32,
}

fn name_of_item<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<String, D::Error> {
    let item = String::deserialize(text)?;
    if item.trim().is_empty() || item.chars().count() > 200 {
        return Err(de::Error::custom("an item has 1 to 200 characters"));
    }
    Ok(item)
}

/// An order.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: Id,
    #[serde(flatten)]
    pub(crate) goods: Goods,
    #[serde(skip)]
    pub(crate) owner: String,
}

impl Order {
    /// Its URL.
    pub(crate) fn location(&self) -> String {
        format!("/v1/orders/{}", self.id)
    }
}

/// A wish that is fulfilled.
pub(crate) enum Placed {
    /// There was no such order.
    Now(Order),
    /// It was there.
    Before(Order),
}

/// Made if it is missing; fails if there is another one of this name.
pub(crate) fn make_table(db: &Connection) -> Result<()> {
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS orders (
             id TEXT NOT NULL PRIMARY KEY,
             owner TEXT NOT NULL,
             item TEXT NOT NULL,
             quantity INTEGER NOT NULL CHECK (quantity > 0),
             -- What it was made by, unless by its id. There is one order of each, and these never expire.
             request TEXT,
             draft TEXT UNIQUE,
             UNIQUE (owner, request)
         ) STRICT;
         SELECT id, owner, item, quantity, request, draft FROM orders LIMIT 0",
    )
}

/// Orders under an id that the client made.
pub(crate) fn put(
    db: &Connection,
    owner: &str,
    id: &Id,
    goods: &Goods,
) -> Result<std::result::Result<Placed, Problem>> {
    match find(db, id)? {
        None => insert(db, owner, *id, goods, Cause::Id).map(Ok),
        // Nothing of what is in it, not even that it is an order.
        Some(order) if order.owner != owner => Ok(Err(Problem::IdTaken)),
        Some(order) => Ok(as_wanted(order, goods)),
    }
}

/// Orders by a request with a key; `request` is made of the key.
pub(crate) fn post(
    db: &Connection,
    owner: &str,
    request: Option<&str>,
    goods: &Goods,
) -> Result<std::result::Result<Placed, Problem>> {
    match one(db, "owner = ?1 AND request = ?2", (owner, request))? {
        None => insert(db, owner, Id::random(), goods, Cause::Request(request)).map(Ok),
        Some(order) => Ok(as_wanted(order, goods)),
    }
}

/// Orders what is in a draft. The order has an id of its own: whoever puts one under the draft's id is not in the way.
pub(crate) fn commit(db: &Connection, owner: &str, draft: &Id) -> Result<std::result::Result<Placed, Problem>> {
    // First of all: it is there when the draft has expired since.
    if let Some(order) = one(db, "owner = ?1 AND draft = ?2", (owner, draft))? {
        return Ok(Ok(Placed::Before(order)));
    }
    match drafts::goods(db, owner, draft)? {
        None => Ok(Err(Problem::UnknownDraft)),
        Some(goods) => insert(db, owner, Id::random(), &goods, Cause::Draft(draft)).map(Ok),
    }
}

/// As the record would answer, if it were still there.
fn as_wanted(order: Order, goods: &Goods) -> std::result::Result<Placed, Problem> {
    if order.goods == *goods { Ok(Placed::Before(order)) } else { Err(Problem::KeyReused) }
}

/// Whoever's it is.
pub(crate) fn find(db: &Connection, id: &Id) -> Result<Option<Order>> {
    one(db, "id = ?1", [id])
}

/// The newest first, and no more than can be looked at.
pub(crate) fn latest(db: &Connection, owner: &str) -> Result<Vec<Order>> {
    db.prepare_cached("SELECT id, owner, item, quantity FROM orders WHERE owner = ?1 ORDER BY rowid DESC LIMIT 100")?
        .query_map([owner], order)?
        .collect()
}

enum Cause<'a> {
    Id,
    Request(Option<&'a str>),
    Draft(&'a Id),
}

fn insert(db: &Connection, owner: &str, id: Id, goods: &Goods, cause: Cause<'_>) -> Result<Placed> {
    let (request, draft) = match cause {
        Cause::Id => (None, None),
        Cause::Request(request) => (request, None),
        Cause::Draft(draft) => (None, Some(draft)),
    };
    db.prepare_cached(
        "INSERT INTO orders (id, owner, item, quantity, request, draft) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![id, owner, goods.item, goods.quantity, request, draft])?;
    Ok(Placed::Now(Order { id, goods: goods.clone(), owner: owner.to_owned() }))
}

fn one(db: &Connection, which: &str, params: impl Params) -> Result<Option<Order>> {
    db.prepare_cached(&format!("SELECT id, owner, item, quantity FROM orders WHERE {which}"))?
        .query_row(params, order)
        .optional()
}

fn order(row: &Row<'_>) -> Result<Order> {
    let goods = Goods { item: row.get("item")?, quantity: row.get("quantity")? };
    Ok(Order { id: row.get("id")?, goods, owner: row.get("owner")? })
}
