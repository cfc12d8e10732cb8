//! The science options of a mosaic: names on the command line and what they stand for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pogson_mosaic::adaptive::{Filter, Options};
use pogson_mosaic::background::Background;
use pogson_mosaic::coadd::Combine;
use pogson_mosaic::drizzle;
use pogson_mosaic::error::MosaicError;
use pogson_mosaic::flux_scale::FluxScale;
use pogson_mosaic::kernel::Kernel;
use pogson_mosaic::method::Method;
use pogson_mosaic::pipeline::Settings;
use pogson_mosaic::region_mask::RegionMask;
use pogson_mosaic::source::{Companion, Loading, OnBad, Pick, WeightKind};

use crate::failure::Failure;

/// Reprojection methods.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodName {
    Auto,
    Aligned,
    MontageExact,
    Plane,
    Bspline5,
    Bspline3,
    Lanczos4,
    Lanczos3,
    Lanczos2,
    Bicubic,
    Bilinear,
    Nearest,
    Adaptive,
    Drizzle,
}

/// Shapes of drops.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropName {
    Square,
    Turbo,
    Point,
    Gaussian,
    Tophat,
    Lanczos2,
    Lanczos3,
}

/// Filters of the adaptive method.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterName {
    Gaussian,
    Hann,
}

/// What is matched.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackgroundName {
    None,
    Level,
    Plane,
    Quadratic,
    Cubic,
}

/// How values are combined.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum CombineName {
    Mean,
    Weighted,
    Median,
    Clipped,
    Sum,
    Min,
    Max,
    First,
    Last,
    Count,
    #[value(alias = "chi2", alias = "chi-square")]
    Chi,
}

/// Kinds of weight maps.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightName {
    Background,
    MapRms,
    MapVariance,
    MapWeight,
}

/// How tiles are read and brought onto the output grid.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Science")]
pub struct ReprojectArgs {
    /// Reprojection; auto is the one that measures best, and leaves pixels as they are where all tiles lie on one grid
    #[arg(long, value_enum, default_value = "auto")]
    pub method: MethodName,
    /// Drizzle: side of a drop over the side of its pixel
    #[arg(long, value_name = "FRACTION", default_value_t = 1.0)]
    pub pixfrac: f64,
    /// Drizzle: shape of the drops
    #[arg(long, value_enum, default_value = "square")]
    pub drop: DropName,
    /// Adaptive: shape of the filter
    #[arg(long, value_enum, default_value = "gaussian")]
    pub filter: FilterName,
    /// Common flux scale: keyword (MAGZP and the like), table=FILE, fit (to the stars that overlaps share; fit=TILE keeps
    /// that tile's scale), none [default: keyword; none for montage-exact]
    #[arg(long, value_name = "SOURCE")]
    pub flux_scale: Option<String>,
    /// Pixels hold the sum of flux that falls into them, not surface brightness
    #[arg(long)]
    pub flux: bool,
    /// Largest error of approximated coordinate maps, in tile pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1e-4)]
    pub tolerance: f64,
    /// HDU of each file: a number from 0, a name, or all [default: the first image]
    #[arg(long, value_name = "HDU")]
    pub hdu: Option<String>,
    /// Kind of the weight maps
    #[arg(long, value_enum, default_value = "background")]
    pub weight_type: WeightName,
    /// Weight maps: a suffix in place of the extension (.weight.fits), or hdu=NAME
    #[arg(long, value_name = "WHERE")]
    pub weight_map: Option<String>,
    /// Masks, not zero where bad: a suffix in place of the extension (.mask.fits), or hdu=NAME; or DS9 regions to leave out
    /// of all tiles (FILE.reg); may be repeated
    #[arg(long, value_name = "WHERE")]
    pub mask: Vec<String>,
    /// Bits of the masks that make a pixel bad
    #[arg(long, value_name = "BITS", default_value_t = -1, allow_hyphen_values = true)]
    pub mask_bits: i64,
    /// Fail on a tile that cannot be used, rather than leave it out and say so
    #[arg(long)]
    pub strict: bool,
}

/// How values are combined.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Science")]
pub struct CombineArgs {
    /// How the tiles' values are combined
    #[arg(long, value_enum, default_value = "mean")]
    pub combine: CombineName,
    /// Standard deviations beyond which `--combine clipped` leaves a value out
    #[arg(long, value_name = "SIGMA", default_value_t = 4.0)]
    pub clip: f32,
    /// Least footprint of a pixel with a value
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0)]
    pub threshold: f32,
}

/// Science options of a mosaic.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Science")]
pub struct MosaicArgs {
    #[command(flatten)]
    pub tiles: ReprojectArgs,
    /// What is matched between tiles
    #[arg(long, value_enum, default_value = "plane")]
    pub background: BackgroundName,
    #[command(flatten)]
    pub add: CombineArgs,
}

impl MosaicArgs {
    /// All of it as the library wants it.
    ///
    /// # Errors
    /// Flags out of their range.
    pub fn settings(&self, threads: usize, on_bad: OnBad, memory: usize, variance: bool) -> Result<Settings, Failure> {
        Ok(Settings {
            background: self.background(),
            combine: self.add.combine()?,
            threshold: self.add.threshold,
            variance,
            ..self.tiles.settings(threads, on_bad, memory)?
        })
    }

    /// The background model.
    pub fn background(&self) -> Background {
        match self.background {
            BackgroundName::None => Background::None,
            BackgroundName::Level => Background::Degree(0),
            BackgroundName::Plane => Background::Degree(1),
            BackgroundName::Quadratic => Background::Degree(2),
            BackgroundName::Cubic => Background::Degree(3),
        }
    }
}

impl CombineArgs {
    /// The combination.
    ///
    /// # Errors
    /// A `--clip` that is not positive.
    pub fn combine(&self) -> Result<Combine, Failure> {
        Ok(match self.combine {
            CombineName::Mean => Combine::Mean,
            CombineName::Weighted => Combine::Weighted,
            CombineName::Median => Combine::Median,
            CombineName::Clipped if self.clip > 0.0 => Combine::Clipped(self.clip),
            CombineName::Clipped => return Err(Failure::usage(format!("--clip {}: give a number above 0", self.clip))),
            CombineName::Sum => Combine::Sum,
            CombineName::Min => Combine::Min,
            CombineName::Max => Combine::Max,
            CombineName::First => Combine::First,
            CombineName::Last => Combine::Last,
            CombineName::Count => Combine::Count,
            CombineName::Chi => Combine::Chi,
        })
    }
}

impl ReprojectArgs {
    /// Settings of a mean without matched backgrounds.
    ///
    /// # Errors
    /// Flags out of their range.
    pub fn settings(&self, threads: usize, on_bad: OnBad, memory: usize) -> Result<Settings, Failure> {
        Ok(Settings {
            method: self.method()?,
            background: Background::None,
            combine: Combine::Mean,
            threads,
            memory,
            tolerance_px: self.tolerance,
            flux: self.flux,
            threshold: 0.0,
            variance: false,
            loading: self.loading()?,
            on_bad,
        })
    }

    /// The method.
    ///
    /// # Errors
    /// A `--pixfrac` out of range.
    pub fn method(&self) -> Result<Method, Failure> {
        Ok(match self.method {
            MethodName::Auto => Method::Auto,
            MethodName::Aligned => Method::Aligned,
            MethodName::MontageExact => Method::MontageExact,
            MethodName::Plane => Method::Plane,
            MethodName::Bspline5 => Method::Interpolate(Kernel::BSpline5),
            MethodName::Bspline3 => Method::Interpolate(Kernel::BSpline3),
            MethodName::Lanczos4 => Method::Interpolate(Kernel::Lanczos(4)),
            MethodName::Lanczos3 => Method::Interpolate(Kernel::Lanczos(3)),
            MethodName::Lanczos2 => Method::Interpolate(Kernel::Lanczos(2)),
            MethodName::Bicubic => Method::Interpolate(Kernel::Bicubic),
            MethodName::Bilinear => Method::Interpolate(Kernel::Bilinear),
            MethodName::Nearest => Method::Interpolate(Kernel::Nearest),
            MethodName::Adaptive => Method::Adaptive(match self.filter {
                FilterName::Gaussian => Options::default().filter,
                FilterName::Hann => Filter::Hann,
            }),
            MethodName::Drizzle if self.pixfrac > 0.0 && self.pixfrac <= 1.0 => {
                Method::Drizzle { kernel: self.drop_shape(), pixfrac: self.pixfrac }
            }
            MethodName::Drizzle => {
                return Err(Failure::usage(format!("--pixfrac {}: give a number above 0 up to 1", self.pixfrac)));
            }
        })
    }

    fn drop_shape(&self) -> drizzle::Kernel {
        match self.drop {
            DropName::Square => drizzle::Kernel::Square,
            DropName::Turbo => drizzle::Kernel::Turbo,
            DropName::Point => drizzle::Kernel::Point,
            DropName::Gaussian => drizzle::Kernel::Gaussian,
            DropName::Tophat => drizzle::Kernel::TopHat,
            DropName::Lanczos2 => drizzle::Kernel::Lanczos2,
            DropName::Lanczos3 => drizzle::Kernel::Lanczos3,
        }
    }

    /// Where the flux scale comes from.
    ///
    /// # Errors
    /// A source that is none of these.
    pub fn flux_scale(&self) -> Result<FluxScale, Failure> {
        match self.flux_scale.as_deref() {
            None if self.method == MethodName::MontageExact => Ok(FluxScale::None),
            None | Some("keyword") => Ok(FluxScale::Keyword),
            Some("none") => Ok(FluxScale::None),
            Some("fit") => Ok(FluxScale::Fit(None)),
            Some(text) => match text.split_once('=') {
                Some(("table", path)) if !path.is_empty() => Ok(FluxScale::Table(PathBuf::from(path))),
                Some(("fit", tile)) if !tile.is_empty() => Ok(FluxScale::Fit(Some(tile.to_string()))),
                _ => Err(Failure::usage(format!("--flux-scale {text}: give keyword, table=FILE, fit, fit=TILE or none"))),
            },
        }
    }

    /// Which images of a file are tiles.
    pub fn pick(&self) -> Pick {
        match self.hdu.as_deref() {
            None => Pick::First,
            Some("all") => Pick::All,
            Some(text) => text.parse().map_or_else(|_| Pick::Name(text.to_string()), Pick::Number),
        }
    }

    /// Weight maps and masks.
    ///
    /// # Errors
    /// A kind of weight map without the map, regions that cannot be read.
    pub fn loading(&self) -> Result<Loading, Failure> {
        let weight = match self.weight_type {
            WeightName::Background => WeightKind::Background,
            WeightName::MapRms => WeightKind::Rms,
            WeightName::MapVariance => WeightKind::Variance,
            WeightName::MapWeight => WeightKind::Weight,
        };
        if weight != WeightKind::Background && self.weight_map.is_none() {
            return Err(Failure::usage("--weight-type needs --weight-map SUFFIX or --weight-map hdu=NAME"));
        }
        let weight = if weight == WeightKind::Background && self.weight_map.is_some() {
            WeightKind::Weight
        } else {
            weight
        };
        let (files, maps): (Vec<&String>, Vec<&String>) = self.mask.iter().partition(|text| is_region_file(text));
        if maps.len() > 1 {
            return Err(Failure::usage(format!("--mask {}: one kind of mask images and any number of .reg files", maps[1])));
        }
        let regions = files
            .iter()
            .map(|file| Ok(Arc::new(RegionMask::read(Path::new(file))?)))
            .collect::<Result<Vec<_>, MosaicError>>()?;
        Ok(Loading {
            weight,
            weight_map: self.weight_map.as_deref().map(companion),
            mask: maps.first().map(|text| companion(text)),
            regions,
            mask_bits: self.mask_bits,
            variance: false,
        })
    }
}

fn is_region_file(text: &str) -> bool {
    Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("reg"))
}

fn companion(text: &str) -> Companion {
    match text.strip_prefix("hdu=") {
        Some(name) => Companion::Extension(name.to_string()),
        None => Companion::Suffix(text.to_string()),
    }
}
