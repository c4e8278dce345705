/**
 * The example bundles, run as their READMEs say: every `console` block in `bundles/<name>/README.md` is a test. What
 * follows a `$ ` is run, what follows that is what it prints, on stdout and stderr together. "```console needs …" names
 * what the machine must have.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testPrefix } from "./support/bundle.ts";
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
function runBlock({ commands }: Block, id: string): string[] {
  const detached = commands.some(({ line }) => / (-d|--detach) /.test(line));
  const script = commands.map(({ line }) => {
    const command = line
      .replaceAll("sudo ", "")
      .replaceAll("bin/runt-oci ", "runt_oci ")
      .replaceAll("bin/runt ", "runt ")
      .replaceAll(/\bdemo\b/g, id);
    // A detached container prints when it likes, but before long.
    return `${command}\nstatus=$?; ${detached ? "sleep 0.5;" : ""} printf '\\0'; (exit $status)`;
  });
  const functions = [`runt_oci() { ${runtime} --root ${stateRoot} "$@"; }`, `runt() { ${engine} "$@"; }`];
  const text = ["exec 2>&1", ...functions, ...script, "exit 0"].join("\n");
  const { stdout, error } = spawnSync("bash", ["-c", text], {
    cwd: project,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    encoding: "utf8",
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  spawnSync("bash", ["-c", `${runtime} --root ${stateRoot} delete --force ${id}`]);
  if (error) throw error;
  return stdout.replaceAll("\r", "").replaceAll(id, "demo").split("\0");
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
        )(title, () => {
          const printed = runBlock(block, `${testPrefix}-${process.pid}-${bundle}-${i}`);
          for (const [n, { line, prints }] of block.commands.entries()) {
            expect(printed[n], line).toMatch(pattern(prints));
          }
        });
      }
    });
  }
});
