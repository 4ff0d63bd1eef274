"""What a report's page looks like beyond what every page does."""

REPORT_STYLE = """
:root { --opacity: .5; --edge: #00d0ff; }
main { max-width: 76rem; }
h2 { font-size: 1.3rem; margin: 2rem 0 .25rem; } h3 { font-size: 1.1rem; margin: 0 0 .25rem; }
h4 { font-size: 1rem; margin: 1rem 0 .25rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; margin: .5rem 0 0; list-style: none; }
a { color: var(--note); } a, summary, input, .scroll { border-radius: .2rem; }
:focus-visible { outline: 3px solid var(--note); outline-offset: 2px; }
.verdict p { margin: 0 0 .35rem; } .verdict p + p { font-size: 1rem; font-weight: 400; color: var(--text); }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: .75rem; }
.figures figure { flex: 1 1 min(19rem, 100%); min-width: 0; }
.figures .broad { flex-basis: min(32rem, 100%); }
tbody th { color: inherit; font-weight: 400; border-top: 1px solid var(--line); }
.scroll + .more { margin-top: .5rem; }
.figures svg { display: block; margin: 0 auto .5rem; }
td, th { min-width: 4.5rem; } td:first-child, th:first-child { min-width: 9rem; }
td:not(:first-child) { font-variant-numeric: tabular-nums; } .settings td { overflow-wrap: anywhere; }
.control { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem;
  background: var(--card); border-bottom: 1px solid var(--line); padding: .6rem 0; }
.control[hidden] { display: none; } .control input { flex: 1 1 10rem; min-width: 8rem; max-width: 24rem; height: 1.5rem;
  accent-color: var(--note); }
.control output { min-width: 4ch; font-variant-numeric: tabular-nums; }
.bar { display: flex; align-items: center; gap: .5rem; font-size: .85rem; flex-wrap: wrap; }
.bar img { width: 12rem; max-width: 50vw; height: .9rem; border: 1px solid var(--line); image-rendering: auto; }
.case { display: block; max-width: none; margin-top: .75rem; }
.case figcaption { width: auto; min-width: 0; font-size: .92rem; color: var(--text); margin-bottom: .4rem; }
.case code { display: block; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(9.5rem, 46%), 1fr)); gap: .5rem; }
.panel { margin: 0; min-width: 0; font-size: .82rem; color: var(--dim); max-width: 18rem; }
.stack { position: relative; background: #000; border-radius: .2rem; overflow: hidden; }
.stack img { display: block; width: 100%; } .stack img + img, .stack svg { position: absolute; inset: 0; width: 100%;
  height: 100%; }
.heat { opacity: var(--opacity); }
.stack path { fill: none; stroke: var(--edge); stroke-width: 2; vector-effect: non-scaling-stroke; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
table { max-width: 64rem; }
.wrong { color: var(--error); font-weight: 600; }
details { margin-top: .75rem; } summary { cursor: pointer; }
pre { overflow-x: auto; font: .8rem/1.4 ui-monospace, monospace; background: var(--ground); padding: .75rem;
  border-radius: .4rem; margin: .5rem 0 0; }
.scroll { background:
  linear-gradient(90deg, var(--card) 30%, transparent) left / 2rem 100% no-repeat local,
  linear-gradient(270deg, var(--card) 30%, transparent) right / 2rem 100% no-repeat local,
  linear-gradient(90deg, #8888, transparent) left / .6rem 100% no-repeat scroll,
  linear-gradient(270deg, #8888, transparent) right / .6rem 100% no-repeat scroll; }
 .commands { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 40rem) { main { padding: 1rem .6rem 2rem; } section { padding: .75rem .6rem; }
  table { font-size: .85rem; } td:first-child, th:first-child { min-width: 7rem; } }
@media print {
  :root { color-scheme: light; --ground: #fff; --card: #fff; --text: #000; --dim: #444; --line: #bbb; --error: #9c1c15;
    --warning: #6f4800; --note: #2f4a70; --good: #17542d; }
  main { max-width: none; padding: 0; } body { font-size: 10pt; }
  section { border: 0; padding: 0; break-inside: auto; }
  nav, .control, .screen { display: none !important; }
  h2, h3, h4 { break-after: avoid; } figure, tr { break-inside: avoid; }
  .figures figure { flex: 1 1 40%; } .figures .broad { flex-basis: 60%; }
  .scroll { overflow: visible; background: none; }
  table { font-size: 8pt; max-width: 100%; } .scroll td, .scroll th { min-width: 0; padding: .15rem .4rem .15rem 0; }
  h2[id^='run'] { break-before: page; }
  tbody tr:nth-child(-n+3) { break-after: avoid; } tbody tr:nth-last-child(-n+2) { break-before: avoid; }
  .panels { grid: auto / auto-flow 1fr; } .panel { max-width: none; }
  img, .stack { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
