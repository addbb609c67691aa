// Builds the page into the Python package. `--tests` builds the unit tests instead, for node's own test runner.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "operator", "run_operator", "web", "static");
const MOST_BYTES = 150 * 1024;

const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
};

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

/** One number for all sources. tests/unit/web computes it too: so what is committed was built from what is committed. */
function hashOfSources() {
  const sources = [...files(join(here, "src")), ...["index.html", "build.mjs", "package.json", "package-lock.json", "tsconfig.json"].map((name) => join(here, name))];
  const names = sources.map((path) => relative(here, path)).sort();
  const lines = names.map((name) => `${createHash("sha256").update(readFileSync(join(here, name))).digest("hex")}  ${name}\n`);
  return createHash("sha256").update(lines.join("")).digest("hex");
}

async function buildPage() {
  const { outputFiles } = await build({
    ...common,
    entryPoints: { app: "src/main.tsx" },
    entryNames: "app-[hash]",
    outdir: "static",
    write: false,
    minify: true,
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  let page = readFileSync(join(here, "index.html"), "utf8");
  let bytes = 0;
  for (const file of outputFiles) {
    const name = file.path.split("/").pop();
    writeFileSync(join(target, name), file.contents);
    page = page.replace(`APP.${name.split(".").pop()}`, name);
    bytes += gzipSync(file.contents).length;
  }
  writeFileSync(join(target, "index.html"), page);
  writeFileSync(join(target, "sources.sha256"), `${hashOfSources()}\n`);
  console.log(`  the page has ${(bytes / 1024).toFixed(1)} KiB (gzip)`);
  if (bytes > MOST_BYTES) throw new Error(`The page may have ${MOST_BYTES / 1024} KiB.`);
}

async function buildTests() {
  const folder = join(here, "tests");
  const out = join(here, "build", "tests");
  rmSync(out, { recursive: true, force: true });
  await build({
    ...common,
    platform: "node",
    entryPoints: files(folder).filter((path) => path.endsWith(".test.ts")),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    external: ["node:*"],
  });
}

await (process.argv.includes("--tests") ? buildTests() : buildPage());
