//! What can be wrong with the distortion that a header describes.

/// A distortion that can't be read; the coordinates would be wrong without it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DistortionError {
    /// One polynomial of a SIP pair is there without the other.
    #[error(
        "{present} is given without {missing}; SIP needs both polynomials of a pair (add {missing} or remove {present})"
    )]
    HalfSip {
        /// The keyword that the header has.
        present: &'static str,
        /// The keyword that it lacks.
        missing: &'static str,
    },
    /// A polynomial's order is out of range.
    #[error("{keyword} = {found} is not an order that Pogson can evaluate (0 to {limit})")]
    Order {
        /// The keyword, or the field of a surface.
        keyword: String,
        /// The order found.
        found: i64,
        /// The highest order allowed.
        limit: i64,
    },
    /// A keyword that the distortion needs is absent or no number.
    #[error("{keyword} is missing or not a number, but the {distortion} distortion needs it")]
    Missing {
        /// The keyword.
        keyword: String,
        /// The distortion's name.
        distortion: &'static str,
    },
    /// A coefficient is infinite or not a number.
    #[error("{keyword} = {value} is not a finite coefficient")]
    NotFinite {
        /// The keyword.
        keyword: String,
        /// Its value.
        value: f64,
    },
    /// The text of WAT keywords is not a surface.
    #[error("{keyword}: {reason} (found '{found}')")]
    Surface {
        /// The attribute, `lngcor` or `latcor`.
        keyword: String,
        /// What is wrong.
        reason: &'static str,
        /// The offending piece of text.
        found: String,
    },
    /// A look-up table is named, but nothing was given to read it from.
    #[error("{keyword} names a look-up table, which lies in another extension; open the whole file to read it")]
    NoSource {
        /// The keyword.
        keyword: String,
    },
    /// A look-up table can't be used.
    #[error("look-up table {extname},{extver}: {reason}")]
    Table {
        /// EXTNAME of the table.
        extname: String,
        /// EXTVER of the table.
        extver: i64,
        /// What is wrong.
        reason: String,
    },
    /// A distortion of a kind that Pogson doesn't know.
    #[error("{keyword} = '{found}' is a distortion that Pogson does not know (it knows LOOKUP)")]
    Unknown {
        /// The keyword.
        keyword: String,
        /// Its value.
        found: String,
    },
}

/// Something odd about a header's distortion that was resolved, and how.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DistortionWarning {
    /// SIP coefficients, but CTYPE doesn't say so. They are applied.
    #[error(
        "SIP coefficients are applied, though CTYPE = '{ctype}' has no -SIP suffix (add it, or remove A_ORDER and B_ORDER if the image is free of distortion)"
    )]
    SipWithoutSuffix {
        /// The first CTYPE that lacks the suffix.
        ctype: String,
    },
    /// CTYPE promises SIP, but there are no coefficients.
    #[error("CTYPE = '{ctype}' promises SIP coefficients, but the header has none; taken as without distortion")]
    SuffixWithoutSip {
        /// The CTYPE.
        ctype: String,
    },
    /// An inverse SIP pair without the forward one has no meaning and is left out.
    #[error("AP_ORDER and BP_ORDER are given without A_ORDER and B_ORDER; taken as without distortion")]
    InverseSipAlone,
    /// SIP beside PV terms: SIP is applied.
    #[error("PV{axis}_{highest} and SIP coefficients are both given; the SIP coefficients are applied, as CTYPE says")]
    PvBesideSip {
        /// The axis with PV terms.
        axis: usize,
        /// Their highest index.
        highest: usize,
    },
    /// SIP beside PV terms, where CTYPE doesn't say SIP: the PV terms are applied.
    #[error(
        "SIP coefficients are left out, since PV distortion terms are given and CTYPE = '{ctype}' has no -SIP suffix"
    )]
    SipBesidePv {
        /// The CTYPE.
        ctype: String,
    },
    /// PV terms beyond those of plain TAN: read as SCAMP's polynomial.
    #[error("CTYPE = '{ctype}' with PV{axis}_{highest}: read as the TPV polynomial that older SCAMP wrote")]
    TanWithPv {
        /// The CTYPE.
        ctype: String,
        /// The axis with PV terms.
        axis: usize,
        /// Their highest index.
        highest: usize,
    },
    /// PVi_1 of a TPV axis is absent. It is 1 by the convention (WCSLIB takes 0).
    #[error("PV{axis}_1 is missing; taken as 1, as the TPV convention says")]
    TpvWithoutScale {
        /// The axis.
        axis: usize,
    },
    /// A PV index beyond the convention's, ignored.
    #[error("PV{axis}_{index} is beyond the 39 terms of TPV and is ignored")]
    TpvIndex {
        /// The axis.
        axis: usize,
        /// The index.
        index: usize,
    },
    /// TNX or ZPX without a surface.
    #[error("CTYPE = '{ctype}', but WAT{axis}_001 has no {attribute}; taken as without correction on that axis")]
    NoSurface {
        /// The CTYPE.
        ctype: String,
        /// The axis.
        axis: usize,
        /// `lngcor` or `latcor`.
        attribute: &'static str,
    },
    /// Surfaces that CTYPE doesn't call for, left out.
    #[error("WAT{axis} describes wtype={wtype}, but CTYPE = '{ctype}' does not; the surfaces of WAT are left out")]
    WatLeftOut {
        /// The axis.
        axis: usize,
        /// The kind that WAT names.
        wtype: String,
        /// The CTYPE.
        ctype: String,
    },
    /// The deprecated AXISCORR keyword gave the table.
    #[error("AXISCORR is an old way to name a detector correction; it is applied to axis {axis}")]
    AxisCorr {
        /// The axis that the table corrects.
        axis: i64,
    },
    /// AXISCORR or a table that can't be used and is left out, as astropy does.
    #[error("{what} is left out: {reason}")]
    LeftOut {
        /// The keyword.
        what: String,
        /// The reason.
        reason: String,
    },
}
