// SPDX-License-Identifier: MIT OR Apache-2.0
//! What systemd says of the scope that a container is to be in.

use skep_cgroup::Layout;
use skep_cgroup::systemd::CollectMode;

use super::{Cgroups, token};
use crate::error::{Error, Object};
use crate::parent::{SYSTEMD_TAKES, Unit};
use crate::plan::UnitPlan;
use crate::spec::{Resources, Scope};

/// Asks systemd what would come of the scope; what cannot be had of it is a sentence each.
pub(super) fn probe(
    name: Option<&str>,
    resources: &Resources,
    scope: &Scope,
    layout: Layout,
) -> Result<Cgroups, Vec<String>> {
    let lack = |error: skep_cgroup::Error| {
        let object = Object::Container(name.map(str::to_owned));
        let text = crate::Report(&Error::of_leaf("ask systemd for the scope of", object, error)).to_string();
        vec![format!("resources.scope: {}", text.lines().map(str::trim).collect::<Vec<_>>().join("; "))]
    };
    let title = name.unwrap_or("anonymous");
    // Of what names of containers are made of, those of units have all but this.
    let usual = format!("skep-{}-{:016x}.scope", title.replace('+', "\\x2b"), token());
    let spec = scope.unit(&usual).description(format!("container {title}"));
    let spec = spec.collect_mode(CollectMode::InactiveOrFailed).limits(resources.limits.clone());
    let unit = Unit::new(spec.name(), scope.of_user);
    let manager = unit.manager().map_err(lack)?;
    let prospect = manager.foresee(&spec, SYSTEMD_TAKES).map_err(lack)?;
    if prospect.is_taken {
        return Err(vec![format!("resources.scope.name: systemd has a unit {:?} already", spec.name())]);
    }
    let unit = UnitPlan { unit, spec, lenient: resources.where_possible };
    let path = prospect.directories.first().cloned().unwrap_or_default();
    Ok(Cgroups { layout, path, lacks: prospect.lacks, unit: Some((unit, prospect.directories)) })
}
