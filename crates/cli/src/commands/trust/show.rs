//! What `longitude trust` prints of stages.

use super::line;
use crate::progress::print;
use anyhow::Result;
use longitude_core::{Digest, Instant};
use longitude_govern::{Judged, Release, Scope, Stage};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Releases = BTreeMap<Scope, Release>;

/// Where everything stands.
pub(super) fn status(releases: &Releases, now: Instant, as_json: bool) -> Result<()> {
    if as_json {
        return print(&format!("{:#}\n", all(releases, now)));
    }
    if releases.is_empty() {
        return print("research everywhere: nobody has entered a dossier\n");
    }
    for (scope, release) in releases {
        print(&told(scope, release, now))?;
    }
    Ok(())
}

/// What answered people who treat at a time.
pub(super) fn live(
    releases: &Releases,
    (time, model): (Instant, &Digest),
    as_json: bool,
) -> Result<()> {
    let shown = |release: &Release| release.effective(time).0 >= Stage::Limited;
    if as_json {
        let mut value = json!({ "model": model, "at": time.to_string() });
        value["live"] = all(releases, time);
        return print(&format!("{value:#}\n"));
    }
    print(&format!("model {model} at {time}\n"))?;
    let live: Vec<_> = releases
        .iter()
        .filter(|(_, release)| shown(release))
        .collect();
    if live.is_empty() {
        print("nothing was shown to people who treat\n")?;
    }
    for (scope, release) in live {
        print(&told(scope, release, time))?;
    }
    let others = releases.iter().filter(|(_, release)| !shown(release));
    for (scope, release) in others {
        print(&format!("not live: {}", told(scope, release, time)))?;
    }
    Ok(())
}

/// A report against the limits.
pub(super) fn judged(judged: &[Judged]) -> Result<()> {
    judged.iter().try_for_each(|one| print(&line(one)))
}

fn told(scope: &Scope, release: &Release, now: Instant) -> String {
    let (stage, why) = release.effective(now);
    let mut text = format!("{scope}: {stage}");
    if let Some(why) = why {
        text += &format!(" ({} was decided, but {why})", release.stage);
    }
    if !release.by.is_empty() {
        text += &format!(
            "\n  decided {} by {}",
            release.since,
            release.by.join(" and ")
        );
    }
    if let Some(expires) = release.expires {
        text += &format!("\n  until {expires}");
    }
    if let Some((_, dossier)) = &release.dossier {
        let owner = &dossier.owner;
        text += &format!(
            "\n  answers for it: {}, or {}; {}",
            owner.name, owner.deputy, owner.contact
        );
    }
    let drill = release
        .drill
        .map_or_else(|| "none".to_owned(), |at| at.to_string());
    text += &format!("\n  last drill: {drill}\n");
    for pending in &release.pending {
        let act = pending.approval.act;
        text += &format!(
            "  waits for a second signature: {act}, signed by {}\n",
            pending.person.name
        );
    }
    text
}

fn all(releases: &Releases, now: Instant) -> Value {
    let one = |(scope, release): (&Scope, &Release)| {
        let (stage, why) = release.effective(now);
        json!({
            "task": scope.task,
            "site": scope.site,
            "stage": stage,
            "decided": release.stage,
            "why": why,
            "since": release.since.to_string(),
            "expires": release.expires.map(|at| at.to_string()),
            "by": release.by,
            "owner": release.dossier.as_ref().map(|(_, dossier)| &dossier.owner),
            "dossier": release.dossier.as_ref().map(|(digest, _)| digest),
            "last_drill": release.drill.map(|at| at.to_string()),
            "waits": release.pending.iter().map(|one| json!({
                "act": one.approval.act, "signed_by": one.person.name,
            })).collect::<Vec<_>>(),
        })
    };
    releases.iter().map(one).collect()
}
