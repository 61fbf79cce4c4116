//! Automatic tags: what RackTables computes of a rack or a device and lets expressions ask for.

use std::borrow::Cow;

use super::name::is_automatic;
use crate::inventory::{Device, Rack};

/// Those of a rack.
pub(super) fn of_rack(rack: &Rack) -> Vec<Cow<'_, str>> {
    let mut tags = vec![format!("$rackid_{}", rack.id).into(), "$any_rack".into()];
    if rack.tags.is_empty() {
        tags.push("$untagged".into());
    }
    tags
}

/// Those of a device: what follows from what Heat knows itself, and what the inventory says.
///
/// Damage counts as Heat has mended it: a device whose only mount is in a rack that does not exist is `$unmounted`,
/// and a name has no blanks around it.
pub(super) fn of_device(device: &Device) -> Vec<Cow<'_, str>> {
    let mut tags = vec![format!("$id_{}", device.id).into(), "$any_object".into()];
    if device.name.is_empty() {
        tags.push("$nameless".into());
    } else {
        // A name that cannot be written in an expression gives no tag.
        let named = format!("$cn_{}", device.name);
        if is_automatic(&named) {
            tags.push(named.into());
        }
    }
    for (applies, tag) in [
        // Where its container stands is not asked: what is in something is never unmounted.
        (device.mounts.is_empty() && device.container_id.is_none(), "$unmounted"),
        (device.asset_no.is_empty(), "$no_asset_tag"),
        (device.tags.is_empty(), "$untagged"),
    ] {
        if applies {
            tags.push(tag.into());
        }
    }
    tags.extend(device.automatic_tags.iter().map(|tag| tag.as_str().into()));
    tags
}
