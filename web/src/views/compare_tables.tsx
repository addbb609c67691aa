import type { JSX } from "preact";
import { best, differs, lessIsBetter } from "../logic/compare";
import type { Cell } from "../logic/csv";
import { number, plain } from "../logic/format";
import { runAddress } from "../logic/route";
import { Check, Choice, StateMark } from "../parts/small_parts";
import { type Page, refine } from "../parts/page";
import type { Comparison } from "../server/types";

interface TablesProps {
  page: Page;
  comparison: Comparison;
  colours: readonly string[];
  mainMetric: string;
  /** Words that the names of the shown metrics hold. */
  words: string;
  /** Whether parameters that do not differ are there too. */
  all: boolean;
}

const SHOWN_METRICS = 60;
const SHOWN_PARAMETERS = 60;

/** A column for each Run; parameters that differ are marked, and so is the best by a metric. */
export function Tables({ page, comparison, colours, mainMetric, words, all }: TablesProps): JSX.Element {
  const { runs, parameters, metrics } = comparison;
  const names = Object.keys(metrics).sort();
  const chosen = names.filter((name) => name !== mainMetric && name.toLowerCase().includes(words));
  const rows = mainMetric ? [mainMetric, ...chosen] : chosen;
  const wanted = lessIsBetter(mainMetric) ? "least" : "greatest";
  const winner = best(comparison, mainMetric, wanted);
  const listed = Object.entries(parameters).filter(([, values]) => all || runs.length === 1 || differs(values));
  const hidden = Object.keys(parameters).length - listed.length;
  return (
    <section class="card" aria-label="Tables">
      <div class="settings">
        <Choice label="Best by" value={mainMetric} options={names} onChoose={(by) => refine(page, { by })} />
        <span class="muted">{winner < 0 ? "" : `${wanted === "least" ? "lowest" : "highest"} last value: ${runs[winner]?.title ?? ""}`}</span>
        <Check label={`all parameters${hidden > 0 ? ` (${hidden} hidden)` : ""}`} on={all} onChange={(on) => refine(page, { all: on ? "1" : null })} />
      </div>
      <div class="wide" tabIndex={0} role="region" aria-label="Table of Runs, parameters and metrics">
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              {runs.map((row, at) => (
                <th key={row.uid} scope="col" class={at === winner ? "best" : ""}>
                  <i class="swatch" style={{ background: colours[at] ?? "" }} />
                  <a href={runAddress(row.namespace, row.name)}>{row.title}</a>
                  {at === winner && <small class="badge">best</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">state</th>
              {runs.map((row) => (
                <td key={row.uid}>
                  <StateMark state={row.state} />
                </td>
              ))}
            </tr>
            {listed.slice(0, SHOWN_PARAMETERS).map(([name, values]) => (
              <tr key={`p ${name}`} class={runs.length > 1 && differs(values) ? "differs" : ""}>
                <th scope="row" title={name}>
                  <span class="clamp">{name}</span>
                </th>
                {values.map((value, at) => (
                  <td key={runs[at]?.uid ?? at}>{plain(value)}</td>
                ))}
              </tr>
            ))}
            {rows.slice(0, SHOWN_METRICS).map((name) => (
              <tr key={`m ${name}`} class="metric">
                <th scope="row" title={name}>
                  <span class="clamp">
                    {name} <small>last (min … max)</small>
                  </span>
                </th>
                {(metrics[name] ?? []).map((one, at) => (
                  <td key={runs[at]?.uid ?? at}>
                    {one ? (
                      <>
                        <b>{number(one.last)}</b>{" "}
                        <small>
                          {number(one.min)} … {number(one.max)}
                        </small>
                      </>
                    ) : (
                      "–"
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {listed.length > SHOWN_PARAMETERS && <p class="hint">{listed.length - SHOWN_PARAMETERS} more parameters are in the CSV file.</p>}
      {(comparison.parametersLeftOut ?? 0) > 0 && <p class="hint">{comparison.parametersLeftOut} more parameters are not compared: the documents have too many.</p>}
      {rows.length > SHOWN_METRICS && <p class="hint">{rows.length - SHOWN_METRICS} more metrics: filter them by name below; all are in the CSV file.</p>}
    </section>
  );
}

/** The same for a file. */
export function tableOf(comparison: Comparison): Cell[][] {
  const { runs, parameters, metrics } = comparison;
  const cells = (value: unknown): Cell => (typeof value === "number" ? value : value === null || value === undefined ? "" : plain(value));
  const rows: Cell[][] = [
    ["", ...runs.map((row) => row.title)],
    ["run", ...runs.map((row) => `${row.namespace}/${row.name}`)],
    ["state", ...runs.map((row) => row.state)],
  ];
  for (const [name, values] of Object.entries(parameters)) rows.push([name, ...values.map(cells)]);
  for (const [name, values] of Object.entries(metrics)) {
    for (const what of ["last", "min", "max"] as const) rows.push([`${name} ${what}`, ...values.map((one) => one?.[what] ?? "")]);
  }
  return rows;
}
