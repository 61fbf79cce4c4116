//! `heat:view:<id>`: for whom each view holds.

use super::{Cache, CacheError, CachedDocument, Fence};
use crate::view::ViewId;

impl Cache {
    /// Writes for whom a view holds.
    pub async fn write_view(
        &self,
        fence: Fence,
        id: ViewId,
        members: &CachedDocument,
    ) -> Result<(), CacheError> {
        self.write_document(fence, &self.keys.view(id), members).await
    }

    /// For whom a view holds, if that was worked out since Redis was empty.
    pub async fn view(&self, id: ViewId) -> Result<Option<CachedDocument>, CacheError> {
        self.document(&self.keys.view(id)).await
    }

    /// The ids of the views that have a hash.
    pub async fn view_ids(&self) -> Result<Vec<ViewId>, CacheError> {
        let prefix = self.keys.view_prefix();
        let keys = self.matching(&format!("{prefix}*")).await?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.parse().ok()).collect())
    }

    /// Takes away what a view held for, once there is no such view.
    ///
    /// # Errors
    /// [`CacheError::Deposed`] if another updater has taken over.
    pub async fn forget_view(&self, fence: Fence, id: ViewId) -> Result<(), CacheError> {
        let keys = [&*self.keys.view(id), &*self.keys.fence()];
        match self.eval::<u8>(DELETE_IF_FENCED, &keys, fence.number()).await? {
            1 => Ok(()),
            _ => Err(CacheError::Deposed),
        }
    }
}

/// Refuses anything but the current fence.
const DELETE_IF_FENCED: &str = r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1";
