import type { JSX } from "preact";
import { download } from "../parts/files";
import { type Page, refine } from "../parts/page";
import type { Detail } from "../server/types";

/** The document as it was written, and what was made of it. */
export function DocumentTab({ page, detail, query }: { page: Page; detail: Detail; query: URLSearchParams }): JSX.Element {
  const which = query.get("as") === "resolved" ? "resolved" : "document";
  const text = which === "document" ? detail.document : (detail.resolved ?? "Nothing is resolved yet: the Run has not started.");
  return (
    <section aria-label="Document">
      <div class="settings">
        {(["document", "resolved"] as const).map((one) => (
          <button key={one} type="button" class="button" aria-pressed={which === one} onClick={() => refine(page, { as: one === "resolved" ? one : null })}>
            {one === "document" ? "As written" : "As resolved"}
          </button>
        ))}
        <button type="button" class="button" onClick={() => download(`${detail.row.name}-${which}.yaml`, text, "application/yaml")}>
          Download
        </button>
      </div>
      <pre class="code" tabIndex={0} aria-label={which === "document" ? "The document" : "What was resolved"}>
        {text}
      </pre>
    </section>
  );
}
