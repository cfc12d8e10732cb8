//! The look of a report.

/// The style sheet, inline in each page. Colours are variables, so that charts follow light and dark screens.
pub(crate) const CSS: &str = "
:root{--ground:#fafaf8;--sheet:#fff;--ink:#1d2329;--soft:#5b6670;--rule:#dfe3e6;--accent:#0b6e8f;--warn:#fff4d6;--warn-rule:#d9a400;
--c0:#0b6e8f;--c1:#c2571a;--c2:#5d8a2a;--c3:#7d4fa8;--c4:#a8324e}
@media (prefers-color-scheme:dark){:root{--ground:#12161b;--sheet:#1a2027;--ink:#e6eaed;--soft:#9aa7b2;--rule:#313b45;--accent:#6cc7e6;--warn:#33290f;--warn-rule:#c79a1c;
--c0:#6cc7e6;--c1:#f0955a;--c2:#a3cf6d;--c3:#c3a0e8;--c4:#f08aa2}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
header,main,footer{max-width:72rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2.5rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .35rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.75rem 0 .75rem;padding-top:1.1rem;border-top:1px solid var(--rule)}
p{max-width:46rem;margin:.6rem 0}
.subtitle{color:var(--soft);font-size:1.05rem;margin:0}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.35rem 1.25rem;padding:0;margin:1rem 0 0}
a{color:var(--accent)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.75rem;margin:1.5rem 0}
.cards>div{background:var(--sheet);border:1px solid var(--rule);border-radius:.5rem;padding:.8rem 1rem}
.cards dt{color:var(--soft);font-size:.85rem}
.cards dd{margin:.1rem 0 0;font-size:1.45rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.cards dd.note{font-size:.85rem;font-weight:400;color:var(--soft);line-height:1.4}
.warning{background:var(--warn);border-left:4px solid var(--warn-rule);padding:.6rem .9rem;border-radius:.25rem}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:0 0 .45rem}
th,td{padding:.32rem .9rem .32rem 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}
thead th{color:var(--soft);font-weight:600;border-bottom:2px solid var(--rule);white-space:nowrap}
tbody th{font-weight:400}
th.n,td.n{text-align:right;white-space:nowrap}
tbody tr:hover{background:color-mix(in srgb,var(--accent) 8%,transparent)}
details{margin:1rem 0}
summary{cursor:pointer;color:var(--accent)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.25rem;margin:1.25rem 0;align-items:start}
figure{margin:0}
figure img{display:block;max-width:100%;height:auto;border:1px solid var(--rule);border-radius:.35rem}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.45rem}
figure.chart{background:var(--sheet);border:1px solid var(--rule);border-radius:.5rem;padding:.9rem 1rem;max-width:46rem}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font-size:12px;font-family:inherit;font-variant-numeric:tabular-nums}
svg .t{fill:var(--ink);font-size:14px;font-weight:600}
svg .a{stroke:var(--soft);stroke-width:1;fill:none}
svg .g{stroke:var(--rule);stroke-width:1}
svg .m{stroke:var(--ink);stroke-width:1;stroke-dasharray:4 3;fill:none}
svg .s0{--c:var(--c0)}svg .s1{--c:var(--c1)}svg .s2{--c:var(--c2)}svg .s3{--c:var(--c3)}svg .s4{--c:var(--c4)}
svg .l{stroke:var(--c);stroke-width:1.75;fill:none;stroke-linejoin:round}
svg .p{fill:var(--c);fill-opacity:.65}
svg .b{fill:var(--c);fill-opacity:.5;stroke:var(--c);stroke-width:1}
svg .k{fill:var(--c)}
svg .d{fill:var(--c0);stroke:none}
figure.wide{max-width:62rem}
footer{color:var(--soft);font-size:.85rem;padding-top:2.5rem;padding-bottom:2.5rem}
@media print{body{background:#fff}section{break-inside:avoid-page}.scroll{overflow:visible}}
";

/// The part of it that a chart needs where it is a file of its own: colours, and how strokes and texts look.
pub(crate) fn chart_css() -> String {
    let wanted = |line: &&str| [":root", "--c0", "@media (prefers", "svg "].iter().any(|start| line.starts_with(start));
    let ground = "svg{background:var(--sheet);font-family:system-ui,'DejaVu Sans',sans-serif}";
    let lines: Vec<&str> = CSS.lines().filter(wanted).chain([ground]).collect();
    lines.join("\n")
}
