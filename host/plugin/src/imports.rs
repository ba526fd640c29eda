//! The functions of the contract that a guest can reach: its log, what it asks, and, while a step runs live, sessions.

use arcus_contract::facts::{Answer, Request};
use tokio::task::JoinSet;
use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmStr},
};

use crate::{ask, failure::Stop, guest::Guest, log::Level, session};

/// Gives guests the functions of the contract, and nothing else.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance("arcus:plugin/log@0.1.0")?.func_wrap("emit", |mut store: StoreContextMut<'_, Guest>, (level, message): (Level, WasmStr)| {
        // Copied out only as far as it is kept. The store is borrowed by the text, so the short copy comes first.
        let keep = store.data().limits.log_bytes;
        let text = {
            let text = message.to_str(&store)?;
            let mut end = text.len().min(keep);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text[..end].to_owned()
        };
        store.data_mut().note(level, text);
        Ok(())
    })?;
    linker.instance("arcus:plugin/observe@0.1.0")?.func_wrap_async("ask", |store, (requests,): (Vec<Request>,)| {
        Box::new(async move { Ok((answer(store, requests).await?,)) })
    })?;
    session::link(linker)
}

async fn answer(mut store: StoreContextMut<'_, Guest>, requests: Vec<Request>) -> wasmtime::Result<Vec<Answer>> {
    let guest = store.data_mut();
    guest.count(requests.len())?;
    let Some(asker) = guest.asker.clone() else {
        return Ok(requests.iter().map(ask::not_now).collect());
    };
    // What is denied is answered here and never reaches anyone.
    let mut answers: Vec<Option<Answer>> =
        requests.iter().map(|request| (guest.permit)(&guest.manifest, request).err().map(Err)).collect();
    let permitted: Vec<Request> =
        requests.iter().zip(&answers).filter(|(_, denied)| denied.is_none()).map(|(request, _)| request.clone()).collect();
    if !permitted.is_empty() {
        if guest.meter.stop() > guest.limits.cpu {
            return Err(Stop::Cpu(guest.limits.cpu).into());
        }
        let plugin = guest.manifest.name.clone();
        // On a task of its own, as this runs on the small stack of a fiber; ended with this call.
        let mut task = JoinSet::new();
        task.spawn(async move { asker.ask(&plugin, permitted).await });
        let given = task.join_next().await.and_then(Result::ok).unwrap_or_default();
        guest.meter.start();
        let mut given = given.into_iter();
        for answer in answers.iter_mut().filter(|answer| answer.is_none()) {
            *answer = given.next();
        }
    }
    store.set_epoch_deadline(1);
    Ok(answers.into_iter().zip(&requests).map(|(answer, request)| answer.unwrap_or_else(|| ask::lost(request))).collect())
}
