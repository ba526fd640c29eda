//! Sessions: a guest is given one for each node of its step that it opens. Nodes, commands and paths are held against the step and the
//! manifest here, and what is allowed goes to whoever performs it.

use std::{sync::Arc, time::Instant};

use arcus_contract::{facts::Output, types::Problem};
use arcus_plan::vet::hatch;
use tokio::task::JoinSet;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource, ResourceType},
};

use crate::{
    failure::Stop,
    guest::Guest,
    hatch::{Fleet, Hatch},
};

/// A node that it has opened, by its place in [`Hatch::open`].
struct Session;

/// One thing that is done live.
enum Deed {
    Exec { argv: Vec<String>, stdin: String, timeout_s: u32 },
    Read { path: String },
    Write { path: String, content: Vec<u8>, mode: u32 },
}

enum Done {
    Said(Output),
    Content(Vec<u8>),
    Written,
}

/// Gives guests the functions of `session`. They do something only while a step runs live.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut session = linker.instance("arcus:plugin/session@0.1.0")?;
    session.resource("fleet", ResourceType::host::<Fleet>(), |_, _| Ok(()))?;
    session.resource("session", ResourceType::host::<Session>(), |_, _| Ok(()))?;
    session.func_wrap("[method]fleet.open", |mut store: StoreContextMut<'_, Guest>, (_, node): (Resource<Fleet>, String)| {
        let hatch = counted(&mut store)?;
        let opened = hatch::open(&hatch.nodes, &node).map(|()| {
            hatch.open.push(node.clone());
            Resource::<Session>::new_own(u32::try_from(hatch.open.len() - 1).unwrap_or(u32::MAX))
        });
        if let Err(problem) = &opened {
            hatch.live.refused(&node, "open it", problem);
        }
        Ok((opened,))
    })?;
    session.func_wrap_async("[method]session.exec", |mut store, (session, argv, stdin, timeout_s): (Resource<Session>, Vec<String>, Vec<u8>, u32)| {
        Box::new(async move {
            let node = node(&mut store, &session)?;
            let manifest = store.data().manifest.clone();
            let what = format!("run {}", argv.join(" "));
            let deed = hatch::exec(&manifest, &node, &argv, &stdin).map(|()| {
                let stdin = String::from_utf8(stdin).unwrap_or_default();
                Deed::Exec { argv, stdin, timeout_s }
            });
            let done = perform(store, &node, &what, deed).await?;
            Ok((done.map(|done| if let Done::Said(output) = done { output } else { Output::default() }),))
        })
    })?;
    session.func_wrap_async("[method]session.read-file", |mut store, (session, path): (Resource<Session>, String)| {
        Box::new(async move {
            let node = node(&mut store, &session)?;
            let manifest = store.data().manifest.clone();
            let what = format!("read {path}");
            let deed = hatch::read(&manifest, &node, &path).map(|()| Deed::Read { path });
            let done = perform(store, &node, &what, deed).await?;
            Ok((done.map(|done| if let Done::Content(content) = done { content } else { Vec::new() }),))
        })
    })?;
    session.func_wrap_async("[method]session.write-file", |mut store, (session, path, content, mode): (Resource<Session>, String, Vec<u8>, u32)| {
        Box::new(async move {
            let node = node(&mut store, &session)?;
            let manifest = store.data().manifest.clone();
            let what = format!("write {path}");
            let deed = hatch::write(&manifest, &node, &path, &content, mode).map(|()| Deed::Write { path, content, mode });
            Ok((perform(store, &node, &what, deed).await?.map(drop),))
        })
    })?;
    Ok(())
}

/// The step that runs, one more thing of which is done.
fn counted<'a>(store: &'a mut StoreContextMut<'_, Guest>) -> wasmtime::Result<&'a mut Hatch> {
    let guest = store.data_mut();
    let limit = guest.limits.live;
    // Its handles are the host's, and none was given out where nothing runs live.
    let Some(hatch) = &mut guest.hatch else { return Err(wasmtime::Error::msg("nothing runs live in this call")) };
    hatch.times += 1;
    if hatch.times > limit {
        return Err(Stop::Live(limit).into());
    }
    Ok(hatch)
}

fn node(store: &mut StoreContextMut<'_, Guest>, session: &Resource<Session>) -> wasmtime::Result<String> {
    let hatch = counted(store)?;
    hatch.open.get(session.rep() as usize).cloned().ok_or_else(|| wasmtime::Error::msg("it has no such session"))
}

/// On a task of its own, as this runs on the small stack of a fiber; ended with the step.
async fn perform(mut store: StoreContextMut<'_, Guest>, node: &str, what: &str, deed: Result<Deed, Problem>) -> wasmtime::Result<Result<Done, Problem>> {
    let guest = store.data_mut();
    let Some(hatch) = &guest.hatch else { return Err(wasmtime::Error::msg("nothing runs live in this call")) };
    let (live, left) = (Arc::clone(&hatch.live), hatch.until.saturating_duration_since(Instant::now()).as_secs());
    let deed = deed.and_then(|deed| if left > 0 { Ok(deed) } else { Err(over(node)) });
    let deed = match deed {
        Ok(deed) => deed,
        Err(problem) => {
            live.refused(node, what, &problem);
            return Ok(Err(problem));
        }
    };
    if guest.meter.stop() > guest.limits.cpu {
        return Err(Stop::Cpu(guest.limits.cpu).into());
    }
    let name = node.to_owned();
    let mut task = JoinSet::new();
    task.spawn(async move {
        match deed {
            Deed::Exec { argv, stdin, timeout_s } => {
                let timeout_s = timeout_s.max(1).min(u32::try_from(left).unwrap_or(u32::MAX));
                live.exec(&name, argv, stdin, timeout_s).await.map(Done::Said)
            }
            Deed::Read { path } => live.read(&name, path).await.map(Done::Content),
            Deed::Write { path, content, mode } => live.write(&name, path, content, mode).await.map(|()| Done::Written),
        }
    });
    let done = task.join_next().await.and_then(Result::ok).unwrap_or_else(|| Err(over(node)));
    guest.meter.start();
    store.set_epoch_deadline(1);
    Ok(done)
}

fn over(node: &str) -> Problem {
    Problem {
        code: "session.ended".into(),
        message: "the time of this step is up, and with it what it opened".into(),
        help: None,
        node: Some(node.to_owned()),
        pointer: None,
        retryable: false,
    }
}
