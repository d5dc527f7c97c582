//! The nodes of a cluster: who serves what, and a link to each.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::dial::Dialer;
use super::fault::{self, Fault};
use super::link::Link;
use super::request::{Manner, Request};
use super::slots::{self, Range};
use super::url::Place;
use super::way::Way;

/// A cluster. Clones share everything.
///
/// It follows the redirections of the nodes itself. A general client sends the leave to ask and the command one after the
/// other over a connection that others use too, so that the leave may be taken by somebody else's command; and gives the
/// second command of a pipeline none.
#[derive(Clone)]
pub(super) struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    dialer: Dialer,
    /// The places in the URL: whatever happens, one of them knows the others.
    seeds: Vec<Place>,
    ranges: RwLock<Vec<Range>>,
    links: Mutex<HashMap<Place, Link>>,
    survey: watch::Sender<Survey>,
}

/// How far the survey of the cluster has come. Never two at once.
#[derive(Clone, Default)]
struct Survey {
    under_way: bool,
    done: usize,
    failure: Option<Fault>,
}

impl Cluster {
    /// Finds out who serves what.
    pub(super) async fn open(dialer: Dialer, seeds: Vec<Place>) -> Result<Self, Fault> {
        let cluster = Self {
            shared: Arc::new(Shared {
                dialer,
                seeds,
                ranges: RwLock::default(),
                links: Mutex::default(),
                survey: watch::Sender::default(),
            }),
        };
        cluster.survey().await?;
        Ok(cluster)
    }

    /// Every primary.
    pub(super) fn primaries(&self) -> Vec<(Place, Link)> {
        let mut places: Vec<Place> = self.shared.ranges.read().iter().map(|range| range.primary.clone()).collect();
        places.sort_by_key(Place::to_string);
        places.dedup();
        places.into_iter().map(|place| (place.clone(), self.link(&place))).collect()
    }

    /// Who serves this slot, as far as is known.
    pub(super) fn primary_of(&self, slot: u16) -> Option<(Place, Link)> {
        let place = slots::primary_of(&self.shared.ranges.read(), slot).cloned()?;
        let link = self.link(&place);
        Some((place, link))
    }

    pub(super) fn link(&self, place: &Place) -> Link {
        self.shared.link(place)
    }

    /// Finds out anew who serves what, unless somebody is doing so. In a task of its own: whoever asked may be gone
    /// before it ends.
    pub(super) fn survey_soon(&self) {
        let mut starts = false;
        self.shared.survey.send_if_modified(|survey| {
            starts = !std::mem::replace(&mut survey.under_way, true);
            false
        });
        if starts {
            drop(tokio::spawn(Surveyor(Arc::clone(&self.shared)).run()));
        }
    }

    /// Waits for the next survey to end.
    pub(super) async fn survey(&self) -> Result<(), Fault> {
        let mut surveys = self.shared.survey.subscribe();
        let before = surveys.borrow_and_update().done;
        self.survey_soon();
        loop {
            {
                let survey = surveys.borrow_and_update();
                if survey.done > before {
                    return survey.failure.clone().map_or(Ok(()), Err);
                }
            }
            // The sender lives as long as this cluster.
            let _ = surveys.changed().await;
        }
    }
}

impl Shared {
    fn link(&self, place: &Place) -> Link {
        let mut links = self.links.lock();
        if let Some(link) = links.get(place) {
            return link.clone();
        }
        let way = Way::Node { dialer: self.dialer.clone(), place: place.clone() };
        let link = Link::lazy(way, self.dialer.timeout);
        links.insert(place.clone(), link.clone());
        link
    }

    async fn ask_slots(&self, place: &Place) -> Result<Vec<Range>, Fault> {
        let mut command = ::redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let [reply, _] = self.link(place).ask(&Request::One(command), Manner::default()).await?.values;
        match fault::of_reply(&reply) {
            Some(fault) => Err(fault),
            None => slots::read(reply, place).filter(|ranges| !ranges.is_empty()).ok_or(Fault::Unserved),
        }
    }

    /// Asks one after the other, beginning with another one each time: one that was cut off from the rest may believe
    /// what is long over.
    async fn survey(&self, number: usize) -> Result<Vec<Range>, Fault> {
        let mut places: Vec<Place> = self.links.lock().keys().cloned().collect();
        places.sort_by_key(Place::to_string);
        let count = places.len().max(1);
        places.rotate_left(number % count);
        places.extend(self.seeds.iter().filter(|seed| !self.links.lock().contains_key(seed)).cloned());
        let mut last = Fault::Unserved;
        for place in places {
            match self.ask_slots(&place).await {
                Ok(ranges) => return Ok(ranges),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// What is known from here on. Links to nodes that serve nothing are given up.
    fn adopt(&self, ranges: Vec<Range>) {
        self.links.lock().retain(|place, _| ranges.iter().any(|range| range.primary == *place));
        *self.ranges.write() = ranges;
    }
}

/// A survey. However it ends, another one may begin after it.
struct Surveyor(Arc<Shared>);

impl Surveyor {
    async fn run(self) {
        let number = self.0.survey.borrow().done;
        let surveyed = self.0.survey(number).await;
        let failure = surveyed.map(|ranges| self.0.adopt(ranges)).err();
        self.0.survey.send_modify(|survey| survey.failure = failure);
    }
}

impl Drop for Surveyor {
    fn drop(&mut self) {
        self.0.survey.send_modify(|survey| {
            survey.under_way = false;
            survey.done += 1;
        });
    }
}
