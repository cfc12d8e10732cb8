//! What a portal says of itself.

use serde_json::{Map, Value, json};

use crate::serve::Site;

/// Queue, contexts, workers and cache.
pub(crate) fn json(site: &Site) -> Value {
    let (desk, cache) = (site.desk.figures(), site.workshop.shelf.cache.figures());
    let contexts: Map<String, Value> = site
        .desk
        .by_context()
        .into_iter()
        .map(|(name, counts)| (name, json!({ "queued": counts.queued, "active": counts.active })))
        .collect();
    let products: Map<String, Value> = ["tile", "allsky", "cutout"]
        .into_iter()
        .zip(desk.products)
        .map(|(name, of)| {
            (name.into(), json!({ "queued": of.queued, "active": of.active, "hit_s": of.hit_s, "miss_s": of.miss_s }))
        })
        .collect();
    json!({
        "queue": { "length": desk.queued, "limit": desk.limit, "active": desk.active, "workers": desk.workers, "dropped": desk.dropped },
        "connections": site.clients.connections(),
        "products": products,
        "requests": {
            "done": desk.done, "failed": desk.failed, "hits": desk.hits, "worked_s": desk.worked.as_secs_f64(), "hit_s": desk.hit_s, "miss_s": desk.miss_s,
        },
        "cache": {
            "bytes": cache.bytes, "limit_bytes": cache.limit, "blocks": cache.blocks, "hits": cache.hits, "misses": cache.misses,
            "shared": cache.shared,
        },
        "contexts": contexts,
    })
}
