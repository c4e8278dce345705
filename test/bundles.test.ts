/**
 * The example bundles, run as their READMEs say: every `console` block in `bundles/<name>/README.md` is a test. What
 * follows a `$ ` is run, what follows that is what it prints, on stdout and stderr together. "```console needs …" names
 * what the machine must have.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ownPrefix } from "./support/bundle.ts";
import { eventually } from "./support/container.ts";
import { needs } from "./support/needs.ts";

const project = resolve(import.meta.dirname, "..");
const bundles = readdirSync(join(project, "bundles"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const stateRoot = mkdtempSync(join(tmpdir(), "runt-bundles-"));

/** RUNT_OCI=runc tests the tests. Without a build, the sources are run. */
const runtime = process.env.RUNT_OCI ?? builtOrSource("runt-oci");
const engine = builtOrSource("runt");

function builtOrSource(program: string): string {
  const built = join(project, "bin", program);
  if (spawnSync(built, ["--version"]).status === 0) return built;
  return `${process.execPath} ${join(project, "src/cli", `${program}.ts`)}`;
}

interface Block {
  readonly needs: readonly string[];
  readonly commands: readonly { readonly line: string; readonly prints: string }[];
}

function consoleBlocks(readme: string): Block[] {
  return [...readme.matchAll(/^```console(?: needs (.*))?\n((?:.*\n)*?)```$/gm)].map(([, wanted, text]) => ({
    needs: wanted?.split(", ") ?? [],
    commands: text!
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [line, ...prints] = part.split("\n");
        return { line: line!, prints: prints.join("\n") };
      }),
  }));
}

/** Runs the lines in one shell, with `demo` as a container that nobody else has. */
async function runBlock({ commands }: Block, id: string): Promise<string[]> {
  const script = [
    "exec 2>&1",
    `runt_oci() { ${runtime} --root ${stateRoot} "$@"; }`,
    `runt() { ${engine} "$@"; }`,
    'while IFS= read -r -d "" line <&3; do (exit $status); eval "$line"; status=$?; printf "\\0"; done',
  ];
  const shell = spawn("bash", ["-c", script.join("\n")], {
    cwd: project,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  const exit = once(shell, "exit");
  let text = "";
  shell.stdout!.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  const lines = shell.stdio[3] as Writable;
  const printed: string[] = [];
  try {
    for (const { line, prints } of commands) {
      const command = line
        .replaceAll("sudo ", "")
        .replaceAll("bin/runt-oci ", "runt_oci ")
        .replaceAll("bin/runt ", "runt ")
        .replaceAll(/\bdemo\b/g, id);
      const seen = (): string => text.replace("\0", "").replaceAll("\r", "").replaceAll(id, "demo");
      lines.write(`${command}\0`);
      await eventually(() => text.includes("\0") || undefined, `the end of ${line}`);
      // What a container prints that nobody waits for may come later.
      await eventually(() => pattern(prints).test(seen()) || undefined, prints).catch(() => {});
      printed.push(seen());
      text = "";
    }
  } finally {
    lines.end();
    await exit;
    shell.stdout!.destroy();
    spawnSync("bash", ["-c", `${runtime} --root ${stateRoot} delete --force ${id}`]);
  }
  return printed;
}

/** "…" stands for anything in one line; the numbers of a plan's ops change with every op that is added. */
function pattern(expected: string): RegExp {
  const escaped = expected.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("…", "[^\\n]*");
  return new RegExp(`^${escaped.replaceAll(/^ {2,3}\d+ /gm, " {2,3}\\d+ ")}$`);
}

beforeAll(() => {
  const { status, stderr } = spawnSync(join(project, "bundles/make-rootfs"), { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
});

afterAll(() => {
  const left = readdirSync(stateRoot);
  rmSync(stateRoot, { recursive: true });
  expect(left, "state of containers").toEqual([]);
});

describe("bundles", () => {
  test("there is one for each thing that an example is asked for", () => {
    const asked = [
      "hello",
      "terminal",
      "signals",
      "seccomp",
      "userns",
      "cgroup-limits",
      "hooks",
      "devices",
      "readonly",
    ];
    expect(bundles).toEqual(expect.arrayContaining(asked));
  });

  for (const bundle of bundles) {
    const directory = join(project, "bundles", bundle);
    const readme = readFileSync(join(directory, "README.md"), "utf8");
    const blocks = consoleBlocks(readme);

    describe(bundle, () => {
      test("its README shows it running, and links to files that exist", () => {
        expect(blocks.length).toBeGreaterThan(0);
        for (const [, link] of readme.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
          if (!link!.includes("://")) expect(existsSync(join(directory, link!)), link!).toBe(true);
        }
      });

      for (const [i, block] of blocks.entries()) {
        const title = `README ${i + 1}: ${block.commands[0]!.line.replace("sudo ", "")}`;
        needs(
          "root",
          "cgroup2",
          ...block.needs,
        )(title, async () => {
          const printed = await runBlock(block, `${ownPrefix}-${bundle}-${i}`);
          for (const [n, { line, prints }] of block.commands.entries()) {
            expect(printed[n], line).toMatch(pattern(prints));
          }
        });
      }
    });
  }
});
