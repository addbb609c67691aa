import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { stateWord } from "../logic/format";
import { part } from "../logic/scale";
import type { Row } from "../server/types";
import type { Page } from "./page";

/** Small things that several views show. */

/** How attempts ended, and the words that look like them. */
const LOOKS: Record<string, string> = { failed: "error", interrupted: "stopping", queued: "pending", ended: "stopped" };

export function StateMark({ state }: { state: string }): JSX.Element {
  const word = stateWord(state);
  return <span class={`state state-${LOOKS[word] ?? word}`}>{word}</span>;
}

/** The beginning of a heading: the way back to the list as the person left it. */
export function BackToList({ page }: { page: Page }): JSX.Element {
  return (
    <>
      <a class="back" href={page.list.value}>
        Runs
      </a>
      <span aria-hidden="true" class="muted">
        /
      </span>
    </>
  );
}

export function Spark({ row }: { row: Row }): JSX.Element | null {
  const values = row.metric?.spark ?? [];
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const y = (value: number): number => (high === low ? 9 : 16 - part(value, low, high) * 14);
  let path = "";
  let pen = false;
  values.forEach((value, at) => {
    if (value === null) {
      pen = false;
      return;
    }
    path += `${pen ? "L" : "M"}${((at / (values.length - 1)) * 70 + 1).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = true;
  });
  return (
    <svg class="spark" width="72" height="18" viewBox="0 0 72 18" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

interface ActionProps {
  label: string;
  /** Why it cannot be done; null: it can. */
  refused: string | null;
  onAct: () => void;
  kind?: "bad" | "main";
}

/** A button that stays in reach of the keyboard when it is greyed out, and says why. */
export function Action({ label, refused, onAct, kind }: ActionProps): JSX.Element {
  return (
    <button
      type="button"
      class={`button ${kind ?? ""}`}
      aria-disabled={refused !== null}
      onClick={() => refused === null && onAct()}
    >
      <span>{label}</span>
      {refused !== null && <small>{refused}</small>}
    </button>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <dialog ref={element} class="dialog" aria-labelledby="dialog-title" onClose={onClose}>
      <header>
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="button quiet" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly (string | readonly [value: string, text: string])[];
  onChoose: (value: string) => void;
  /** The label is read aloud and not shown. */
  bare?: boolean;
}

export function Choice({ label, value, options, onChoose, bare }: ChoiceProps): JSX.Element {
  const known = options.map((option) => (typeof option === "string" ? ([option, option] as const) : option));
  const all = known.some(([one]) => one === value) ? known : [...known, [value, value] as const];
  return (
    <label class="choice">
      <span class={bare ? "unseen" : ""}>{label}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {all.map(([one, text]) => (
          <option key={one} value={one} selected={one === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Check({ label, on, onChange }: { label: string; on: boolean; onChange: (on: boolean) => void }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

/** Names and values in two columns. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="clamp" title={typeof value === "string" ? value : ""}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A link only where it leads to a page: never to a script. */
export function SafeLink({ to }: { to: string }): JSX.Element {
  if (!/^https?:\/\//i.test(to)) return <code>{to}</code>;
  return (
    <a href={to} target="_blank" rel="noreferrer noopener">
      {to}
    </a>
  );
}
