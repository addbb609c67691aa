import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { listAddress } from "../logic/route";
import { Dialog } from "../parts/small_parts";
import type { Page } from "../parts/page";
import { sentence } from "../server/client";
import type { Row } from "../server/types";

/** Asks before a Run is deleted: its logs, metrics and results go with it. */
export function DeleteDialog({ page, row, onClose }: { page: Page; row: Row; onClose: () => void }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await page.client.remove(row.namespace, row.name);
      page.notice.set({ text: `${row.title} is deleted.`, bad: false });
      onClose();
      location.hash = listAddress();
    } catch (error) {
      setProblem(sentence(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Delete ${row.title}?`} onClose={onClose}>
      <p>
        The Run <code>{`${row.namespace}/${row.name}`}</code> goes with its pods, logs, metrics and results. This cannot be undone.
      </p>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <p class="buttons">
        <button type="button" class="button" onClick={onClose}>
          Keep it
        </button>
        <button type="button" class="button bad" disabled={busy} onClick={() => void remove()}>
          Delete
        </button>
      </p>
    </Dialog>
  );
}
