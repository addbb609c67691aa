/** Numbers and times as people read them. */

export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(3).replace(/\.?0*e\+?/, "e");
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(5)));
}

/** 950 ms, 12 s, 3 min 4 s, 2 h 5 min, 3 d 4 h. */
export function span(milliseconds: number | null): string {
  if (milliseconds === null || !Number.isFinite(milliseconds)) return "–";
  const all = Math.max(0, milliseconds);
  if (all > 0 && all < 1000) return `${Math.round(all)} ms`;
  const seconds = Math.floor(all / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, word: string, small: number, smallWord: string): string {
  return small ? `${large} ${word} ${small} ${smallWord}` : `${large} ${word}`;
}

/** How long ago, short: 5 s, 12 min, 3 h, 4 d. */
export function age(from: string | null, now: number): string {
  if (!from) return "–";
  const seconds = Math.max(0, Math.floor((now - Date.parse(from)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** The local date and time, the same in every country. */
export function moment(text: string | null): string {
  if (!text) return "–";
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

const STATE_WORDS: Record<string, string> = { STOP: "stopping" };

/** A state as a word among others. */
export function stateWord(state: string): string {
  return STATE_WORDS[state] ?? state.toLowerCase();
}

/** The name in a key of a function: `train` of `python://churn/train:6f1d`. */
export function functionName(key: string | null): string {
  if (!key) return "–";
  const last = key.slice(key.lastIndexOf("/") + 1);
  return key.includes("://") ? (last.split(":")[0] ?? last) : key;
}

/** A value of a document, a parameter or a result as one text. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (typeof value === "number") return number(value);
  return JSON.stringify(value);
}
