//! Which node of a cluster serves which keys.

use ::redis::Value as Reply;

use super::url::Place;

const SLOTS: u16 = 16_384;

/// The slot of a key, by the rule of the cluster specification: the CRC16 of what is in its first braces, or of all of it.
pub(super) fn slot_of(name: &str) -> u16 {
    let tag = name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(name);
    crc16(hashed.as_bytes()) % SLOTS
}

/// CRC16 in the variant of XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = table();
    bytes.iter().fold(0, |crc, byte| crc << 8 ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = (at as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

/// The slots from one to another, and the primary that serves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) primary: Place,
}

/// Reads the reply to `CLUSTER SLOTS` of the node at `asked`, in order of the slots. `None`, if it is none.
pub(super) fn read(reply: Reply, asked: &Place) -> Option<Vec<Range>> {
    let Reply::Array(entries) = reply else { return None };
    let mut ranges = Vec::with_capacity(entries.len());
    for entry in entries {
        let Reply::Array(fields) = entry else { return None };
        let mut fields = fields.into_iter();
        let (Reply::Int(first), Reply::Int(last), Reply::Array(node)) =
            (fields.next()?, fields.next()?, fields.next()?)
        else {
            return None;
        };
        let (first, last) = (u16::try_from(first).ok()?, u16::try_from(last).ok()?);
        let mut node = node.into_iter();
        // A node that does not know its own name, or does not say it: it is the one that was asked.
        let host = match node.next()? {
            Reply::Nil => String::new(),
            host => ::redis::from_redis_value(host).ok()?,
        };
        let Reply::Int(port) = node.next()? else { return None };
        let primary = beside(asked, &Place::Tcp { host, port: u16::try_from(port).ok()? });
        ranges.push(Range { first, last, primary });
    }
    ranges.sort_by_key(|range| range.first);
    Some(ranges)
}

/// The place that is meant, if a node at `here` says it: no host is the same host.
pub(super) fn beside(here: &Place, said: &Place) -> Place {
    match (here, said) {
        (Place::Tcp { host, .. }, Place::Tcp { host: none, port }) if none.is_empty() => {
            Place::Tcp { host: host.clone(), port: *port }
        }
        _ => said.clone(),
    }
}

/// The primary of a slot.
pub(super) fn primary_of(ranges: &[Range], slot: u16) -> Option<&Place> {
    let after = ranges.partition_point(|range| range.first <= slot);
    let range = &ranges[after.checked_sub(1)?];
    (slot <= range.last).then_some(&range.primary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp { host: host.to_owned(), port }
    }

    // The values that `CLUSTER KEYSLOT` gives.
    #[test]
    fn keys_have_the_slots_that_redis_gives_them() {
        for (key, slot) in [("123456789", 12_739), ("foo", 12_182), ("bar", 5_061), ("", 0), ("hello", 866)] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
        assert_eq!(slot_of("{foo}bar"), slot_of("foo"));
        assert_eq!(slot_of("x{foo}{bar}"), slot_of("foo"));
        assert_ne!(slot_of("{}foo"), slot_of("foo"));
        assert_eq!(slot_of("foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot_of("{{bar}}"), slot_of("{bar"));
    }

    fn entry(first: i64, last: i64, host: Reply, port: i64) -> Reply {
        let node = |host, port| Reply::Array(vec![host, Reply::Int(port), Reply::BulkString(b"id".to_vec())]);
        let replica = node(Reply::BulkString(b"replica".to_vec()), 1);
        Reply::Array(vec![Reply::Int(first), Reply::Int(last), node(host, port), replica])
    }

    #[test]
    fn i48_slots_belong_to_primaries() {
        let reply = Reply::Array(vec![
            entry(100, 200, Reply::BulkString(b"two".to_vec()), 2),
            entry(0, 99, Reply::Nil, 1),
            entry(300, 300, Reply::BulkString(vec![]), 3),
        ]);
        let ranges = read(reply, &tcp("one", 9)).unwrap();
        let at = |slot| primary_of(&ranges, slot).cloned();
        assert_eq!((at(0), at(99)), (Some(tcp("one", 1)), Some(tcp("one", 1))));
        assert_eq!((at(100), at(200)), (Some(tcp("two", 2)), Some(tcp("two", 2))));
        assert_eq!((at(201), at(299), at(300), at(301)), (None, None, Some(tcp("one", 3)), None));
        assert_eq!(primary_of(&[], 0), None);
    }

    #[test]
    fn what_is_no_list_of_slots_is_refused() {
        for reply in [Reply::Nil, Reply::Array(vec![Reply::Nil]), Reply::Array(vec![entry(-1, 0, Reply::Nil, 1)])] {
            assert_eq!(read(reply, &tcp("one", 9)), None);
        }
    }
}
