import type { Row } from "../server/types";
import { duration } from "./order";

/**
 * The search for Runs: words that a row holds, `"several words"`, `state:error` or `state:error,stopped` for one
 * field, and comparisons of numbers: `loss<0.3` by the main metric, `attempt>1`, `duration>=2h`, `age<30min`. A minus before
 * any of them turns it around.
 */
export function queryTest(text: string, now: number): (row: Row) => boolean {
  const tests = terms(text).map((term) => termTest(term, now));
  return (row) => {
    const words: Words = { row, all: null };
    return tests.every((test) => test(words));
  };
}

/** The text of all fields is put together once for each row, and only where a word asks for it. */
interface Words {
  row: Row;
  all: string | null;
}

type Test = (words: Words) => boolean;

/** Apart by spaces, but not within quotation marks. */
function terms(text: string): string[] {
  return (text.toLowerCase().match(/(?:"[^"]*"?|[^\s"])+/g) ?? []).map((term) => term.replaceAll('"', "")).filter(Boolean);
}

function termTest(term: string, now: number): Test {
  if (term.length > 1 && term.startsWith("-")) {
    const test = positive(term.slice(1), now);
    return (words) => !test(words);
  }
  return positive(term, now);
}

const FIELDS: Record<string, (row: Row) => string | null> = {
  state: (row) => (row.state === "STOP" ? "stop stopping" : row.state),
  project: (row) => row.project,
  kind: (row) => row.kind,
  function: (row) => row.function,
  name: (row) => `${row.title}\n${row.name}`,
  namespace: (row) => row.namespace,
  user: (row) => row.user,
  reason: (row) => row.reason,
  message: (row) => row.message,
  label: (row) => labels(row),
};

function positive(term: string, now: number): Test {
  const [, name = "", sign = "", value = ""] = /^([^<>:]+)(<=|>=|<|>|:)(.*)$/s.exec(term) ?? [];
  const number = sign && sign !== ":" ? amount(value) : null;
  if (number !== null) return ({ row }) => compared(measure(row, name, now), sign, number);
  const field = sign === ":" && Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  const wanted = value.split(",").filter(Boolean);
  if (field && wanted.length > 0) {
    return ({ row }) => {
      const there = (field(row) ?? "").toLowerCase();
      return wanted.some((one) => there.includes(one));
    };
  }
  return (words) => (words.all ??= searchable(words.row)).includes(term);
}

const UNITS: Record<string, number> = { "": 1, s: 1, min: 60, m: 60, h: 3600, d: 86_400 };

/** A number, or a time in seconds. */
function amount(text: string): number | null {
  const [, digits = "", unit = ""] = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(s|min|m|h|d)?$/.exec(text) ?? [];
  return digits ? Number(digits) * (UNITS[unit] ?? 1) : null;
}

function measure(row: Row, name: string, now: number): number | null {
  if (name === "attempt") return row.attempt;
  const time = name === "duration" ? duration(row, now) : name === "age" ? now - Date.parse(row.created) : null;
  if (time !== null) return time / 1000;
  return row.metric && (name === "metric" || row.metric.name.toLowerCase() === name) ? row.metric.last : null;
}

function compared(value: number | null, sign: string, number: number): boolean {
  if (value === null) return false;
  if (sign === "<") return value < number;
  if (sign === ">") return value > number;
  return sign === "<=" ? value <= number : value >= number;
}

function labels(row: Row): string {
  return Object.entries(row.labels).map(([key, value]) => `${key}=${value}`).join("\n");
}

function searchable(row: Row): string {
  const parts = [row.title, row.name, row.namespace, row.project, row.kind, row.function, row.state, row.reason];
  return [...parts, row.message, row.user, labels(row)].filter(Boolean).join("\n").toLowerCase();
}
