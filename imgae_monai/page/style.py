"""The look of every page: colours of a light and a dark ground, text, sections, tables and figures."""

STYLE = """
:root { color-scheme: light dark; --ground: #fbfaf8; --card: #fff; --text: #1d1f22; --dim: #5d636b; --line: #dcd9d3;
  --error: #b3261e; --warning: #8a5a00; --note: #3f5f8a; --good: #1f6b3a; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --card: #1d2024; --text: #e7e6e3; --dim: #a0a6ae;
  --line: #343941; --error: #ff8a80; --warning: #f0b95b; --note: #9dbcec; --good: #7fd39b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 0 0 .25rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem;
  margin-top: 1rem; }
p { margin: 0 0 .5rem; overflow-wrap: anywhere; }
.source, .more, .foot, figcaption, small, code { color: var(--dim); } .foot { margin-top: 1rem; font-size: .85rem; }
.notice { border: 2px solid var(--warning); color: var(--warning); padding: .5rem .75rem; border-radius: .5rem; }
.verdict { font-size: 1.15rem; font-weight: 600; padding: .75rem 1rem; border-left: .4rem solid;
  background: var(--card); }
.error { color: var(--error); } .warning { color: var(--warning); } .note { color: var(--note); }
.good { color: var(--good); }
.tag { display: inline-block; border: 1px solid; border-radius: .3rem; padding: 0 .45rem; font-size: .8rem;
  vertical-align: .08em; }
.groups { display: flex; flex-wrap: wrap; gap: .75rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem; max-width: 100%;
  flex: 0 1 auto; }
figcaption { font-size: .82rem; width: 0; min-width: 100%; overflow-wrap: anywhere; }
figure:not(:has(img)) { min-width: min(24rem, 100%); }
.row { display: flex; flex-wrap: wrap; gap: .5rem; } .cell { width: 128px; margin-bottom: .25rem; }
.cell img { display: block; max-width: 128px; max-height: 128px; background: #000; border-radius: .2rem; }
.blank { width: 128px; height: 40px; display: grid; place-items: center; border: 1px dashed var(--line);
  color: var(--dim); font-size: .75rem; }
.name { display: block; font: .72rem/1.3 ui-monospace, monospace; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
th { border-top: 0; color: var(--dim); font-weight: 500; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font-size: .75rem; overflow-wrap: anywhere; } .wide { width: 45%; min-width: 6rem; }
.scale { position: relative; height: 1.1rem;
  background: linear-gradient(var(--line), var(--line)) center / 100% 1px no-repeat; }
.scale i { position: absolute; top: 0; bottom: 0; }
.bound { border-left: 1px dashed var(--dim); } .range { top: .4rem !important; bottom: .4rem !important;
  background: var(--note); opacity: .55; } .point { width: .6rem; height: .6rem; margin: .25rem 0 0 -.3rem;
  border-radius: 50%; background: var(--note); }
.over .range, .over .point { background: var(--warning); }
"""
