import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Choice, Dialog } from "../parts/small_parts";
import { copy } from "../parts/files";
import type { Page } from "../parts/page";

/** The same by hand: commands of kubectl and runctl, and calls of Python, to copy. */
export function CommandsDialog({ page, commands, onClose }: { page: Page; commands: Record<string, Record<string, string>>; onClose: () => void }): JSX.Element {
  const tools = Object.keys(commands);
  const [tool, setTool] = useState(tools.includes("kubectl") ? "kubectl" : (tools[0] ?? ""));
  const take = async (text: string): Promise<void> => {
    const done = await copy(text);
    page.notice.set(
      done ? { text: "Copied.", bad: false } : { text: "The browser does not allow copying here: select the text and copy it.", bad: true },
    );
  };
  return (
    <Dialog title="Copy as a command" onClose={onClose}>
      <Choice label="For" value={tool} options={tools} onChoose={setTool} />
      <dl class="commands">
        {Object.entries(commands[tool] ?? {}).map(([verb, text]) => (
          <div key={verb}>
            <dt>{verb}</dt>
            <dd>
              <pre tabIndex={0}>{text}</pre>
              <button type="button" class="button" aria-label={`Copy ${verb}`} onClick={() => void take(text)}>
                Copy
              </button>
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
