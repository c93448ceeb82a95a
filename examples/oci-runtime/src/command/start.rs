// SPDX-License-Identifier: MIT OR Apache-2.0
//! `start`: the program of a container that `create` has made.

use std::os::fd::AsFd;

use crate::arguments::Globals;
use crate::failure::Failure;
use crate::known::{self, CREATED_STATUS, RUNNING, STOPPED};
use crate::making;
use crate::notify::Proxy;

pub(super) fn start(globals: &Globals, id: &str) -> Result<(), Failure> {
    let mut container = known::open(globals, id)?;
    match known::status(&container)?.as_str() {
        CREATED_STATUS => {}
        RUNNING => return Err(Failure::from("cannot start an already running container".to_owned())),
        STOPPED => return Err(Failure::from("cannot start a container that has stopped".to_owned())),
        status => return Err(Failure::from(format!("cannot start container {id:?}: it is {status}"))),
    }
    let proxy = Proxy::listen(&globals.root, id)?;
    container.start()?;
    if let (Some(proxy), Some(pid)) = (proxy, container.pid()) {
        proxy.until_ready(container.as_fd(), pid);
    }
    making::tell_notes(globals, 0, container.notes());
    Ok(())
}
