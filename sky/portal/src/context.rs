//! The context of a request: what the portal has to have at hand to answer it.
//!
//! Requests of one context are best answered by one server, for it reads the same storage block for all of them. A gate in front
//! of several portals is handed [`context`]; it does no input or output and takes well under a microsecond.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use pogson_healpix::Cell;

use crate::request::{Request, What};

/// Order of storage blocks where none is said: cells of 6.9 minutes of arc.
pub const DEFAULT_BLOCK_ORDER: u8 = 9;

/// What is read to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Product {
    /// Pixels of a storage block: tiles of its order and deeper ones, and cut-outs.
    Pixels,
    /// Small copies of the whole data set: tiles of lower orders and Allsky, one hot context.
    Overview,
    /// What is said of the data set: properties, coverage, its page.
    Description,
}

/// The number of a request's kind of work, by which costs are reported: as the gate's rules for a portal number them.
pub(crate) fn kind_of_work(what: &What) -> usize {
    match what {
        What::Allsky(_) => 1,
        What::Cutout(_) => 2,
        What::Tile(..) | What::Page | What::Properties | What::Moc(_) => 0,
    }
}

/// The context of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Context<'a> {
    /// Name of the data set, escapes taken back.
    pub data_set: Cow<'a, str>,
    /// What is read.
    pub product: Product,
    /// The storage block, for [`Product::Pixels`]: the tile's ancestor, or the cell that has most of a cut-out.
    pub cell: Option<Cell>,
}

impl fmt::Display for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let product = match self.product {
            Product::Pixels => "pixels",
            Product::Overview => "overview",
            Product::Description => "description",
        };
        match self.cell {
            Some(cell) => write!(f, "{} {product} {}/{}", self.data_set, cell.order(), cell.index()),
            None => write!(f, "{} {product}", self.data_set),
        }
    }
}

/// Orders of storage blocks by data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockOrders {
    others: u8,
    named: HashMap<String, u8>,
}

impl Default for BlockOrders {
    fn default() -> BlockOrders {
        BlockOrders::new(DEFAULT_BLOCK_ORDER)
    }
}

impl BlockOrders {
    /// One order for all data sets.
    pub fn new(order: u8) -> BlockOrders {
        BlockOrders { others: order, named: HashMap::new() }
    }

    /// Another one for a data set.
    pub fn with(mut self, data_set: &str, order: u8) -> BlockOrders {
        self.named.insert(data_set.to_owned(), order);
        self
    }

    /// The order of a data set's blocks.
    pub fn of(&self, data_set: &str) -> u8 {
        if self.named.is_empty() { self.others } else { *self.named.get(data_set).unwrap_or(&self.others) }
    }

    /// The context of a request by its path and query; none for what belongs to no data set or is no request of the portal.
    pub fn context<'a>(&self, path: &'a str, query: &str) -> Option<Context<'a>> {
        self.of_request(Request::parse(path, query).ok()?)
    }

    /// The context of a request that has been read.
    pub fn of_request<'a>(&self, request: Request<'a>) -> Option<Context<'a>> {
        let Request::Of(data_set, what) = request else { return None };
        let order = self.of(&data_set);
        let (product, cell) = match what {
            What::Page | What::Properties | What::Moc(_) => (Product::Description, None),
            What::Allsky(_) => (Product::Overview, None),
            What::Tile(cell, _) if cell.order() < order => (Product::Overview, None),
            What::Tile(cell, _) => (Product::Pixels, Some(cell.parent(order))),
            What::Cutout(cutout) => (Product::Pixels, Some(cutout.patch().main_cell(order))),
        };
        Some(Context { data_set, product, cell })
    }
}

/// The context of a request where all blocks are of [`DEFAULT_BLOCK_ORDER`].
///
/// ```
/// use pogson_portal::context::context;
/// let tile = context("/m17/Norder9/Dir1860000/Npix1863470.fits", "").ok_or("a tile")?;
/// let cutout = context("/m17/cutout", "POS=CIRCLE+275.2+-16.17+0.01").ok_or("a cut-out")?;
/// assert_eq!(tile, cutout);
/// # Ok::<(), &str>(())
/// ```
pub fn context<'a>(path: &'a str, query: &str) -> Option<Context<'a>> {
    BlockOrders::default().context(path, query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equivalent_spellings_share_a_context() {
        let wanted = context("/m17/cutout", "ra=274.7&dec=-13.8&size=0.2").expect("a context");
        assert_eq!(wanted.to_string(), format!("m17 pixels 9/{}", wanted.cell.expect("a cell").index()));
        for (path, query) in [
            ("/m17/cutout", "POS=CIRCLE+274.7+-13.8+0.1&format=png"),
            ("/m%317/cutout", "ra=18:18:48&dec=-13:48:00&size=0.2&width=200"),
            ("/m17/cutout", "size=0.2&dec=-13.8&ra=274.7"),
        ] {
            assert_eq!(context(path, query).as_ref(), Some(&wanted), "{path}?{query}");
        }
    }

    #[test]
    fn low_orders_and_the_whole_sky_are_one_context() {
        let hot = context("/m17/Norder3/Allsky.png", "");
        assert_eq!(hot.as_ref().map(|c| c.product), Some(Product::Overview));
        assert_eq!(context("/m17/Norder8/Dir0/Npix7.fits", ""), hot);
        assert_ne!(context("/m17/Norder9/Dir0/Npix7.fits", ""), hot);
        assert_ne!(context("/m16/Norder3/Allsky.png", ""), hot);
    }

    #[test]
    fn deeper_tiles_share_the_context_of_their_ancestor() {
        let orders = BlockOrders::new(7).with("m17", 5);
        let of = |order: u8, index: u64| {
            let path = format!("/m17/Norder{order}/Dir{}/Npix{index}.png", index / 10_000 * 10_000);
            orders.context(&path, "").and_then(|c| c.cell).map(|cell| (cell.order(), cell.index()))
        };
        assert_eq!(of(5, 9000), Some((5, 9000)));
        assert_eq!(of(8, 9000 * 64 + 13), Some((5, 9000)));
        assert_eq!(of(4, 13), None);
    }

    #[test]
    fn what_belongs_to_no_data_set_has_no_context() {
        for path in ["/", "/health", "/status", "/hipslist", "/m17/cutout", "/favicon.ico"] {
            assert_eq!(context(path, ""), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_tile_under_a_cutouts_middle_has_its_context(lon in 0.0f64..360.0, lat in -89.9f64..89.9, deeper in 0u8..5) {
            let query = format!("ra={lon}&dec={lat}&size=1e-7");
            let cell = Cell::containing(9 + deeper, lon, lat);
            let dir = cell.index() / 10_000 * 10_000;
            let path = format!("/s/Norder{}/Dir{dir}/Npix{}.fits", cell.order(), cell.index());
            prop_assert_eq!(context("/s/cutout", &query), context(&path, ""));
        }
    }
}
