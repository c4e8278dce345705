/**
 * Makes what src/cli/boot.ts opens first: for each command that a caller waits for, a table of the parts that it needs,
 * and the bytecode of those of their functions that run. Which these are is seen by running each command, on a container
 * of the build's own, once for the parts and once for the bytecode. Where none can be made (no root, no user
 * namespaces), the commands still start, 20 ms later.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compact } from "./bundle-cli.ts";
import { joinedTableOf, type Part } from "./chunks.ts";

/** V8 takes bytecode only under the flags it was made under: those that native-shims/launcher.c gives to Node. */
const everyCommand = ["--disable-sigusr1", "--v8-pool-size=1", "--no-verify-snapshot-checksum"];
const shortCommand = [
  "--min-semi-space-size=16",
  "--no-opt",
  "--no-maglev",
  "--no-sparkplug",
  "--no-rehash-snapshot",
  "--no-regexp-peephole-optimization",
];
const longCommands = ["pull", "push", "load", "save", "import", "export", "commit", "cp"];

/** What the launcher gives to Node for a command of a program. */
export function nodeFlags(program: string, command: string): readonly string[] {
  return isLong(program, command) ? everyCommand : [...everyCommand, ...shortCommand];
}

function isLong(program: string, command: string): boolean {
  return program === "runt" && longCommands.includes(command);
}

export interface TrainingOptions {
  /** The Node that will load it, which V8 insists on. */
  readonly node: string;
  /** Where the bundles are. */
  readonly outdir: string;
  /** Of each program. */
  readonly parts: Readonly<Record<string, readonly Part[]>>;
  /** Some static program that does not end with one of `failures`; what else it does in the container does not matter. */
  readonly staticProgram: string;
}

/** What our programs end with where they could not do what was asked. */
const failures = [1, 125, 126, 127, 255];

/** Runs a command. `command` is what its table is named after; empty for that of all parts. */
type Train = (program: string, command: string, ...args: string[]) => void;

/** @returns what went wrong, command by command */
export async function trainCommands({
  node,
  outdir,
  parts,
  staticProgram,
}: TrainingOptions): Promise<string[]> {
  const work = mkdtempSync(join(tmpdir(), "runt-build-"));
  const names = join(work, "names");
  const errors = join(work, "stderr");
  const problems: string[] = [];
  const trainer =
    (
      output: (program: string, command: string) => string,
      use: (program: string, command: string) => void,
    ): Train =>
    (program, command, ...args) => {
      const file = output(program, command);
      rmSync(file, { force: true });
      const boot = join(outdir, `${program}.cjs`);
      const script = join(import.meta.dirname, "bytecode-of.cts");
      const state = ["--root", join(work, "state"), "--log", errors];
      const data = program === "runt" ? ["--data-root", join(work, "data")] : [];
      const given = [...state, ...data, ...(command ? [command] : []), ...args];
      // Not through a pipe: a container that was created keeps its stderr open, and we would wait for its end.
      const run = spawnSync(node, [...nodeFlags(program, command), script, boot, file, ...given], {
        stdio: "ignore",
        timeout: 10_000,
        killSignal: "SIGKILL",
      });
      const isDone = run.status !== null && !failures.includes(run.status);
      if (isDone && existsSync(file)) return use(program, command);
      // What ran on the way to an error is not what the command needs.
      rmSync(file, { force: true });
      problems.push(`${program} ${command}: status ${run.status ?? run.signal}`);
    };
  /** What each run of a command has loaded. */
  const runs = new Map<string, string[][]>();
  const seeParts = trainer(
    () => names,
    (program, command) => {
      if (!command || isLong(program, command)) return;
      const file = `${program}.${command}`;
      runs.set(file, [...(runs.get(file) ?? []), readFileSync(names, "utf8").split("\n")]);
    },
  );
  const takeBytecode = trainer(
    (program, command) => {
      const long = isLong(program, command);
      const table = command && !long ? `${program}.${command}` : program;
      return join(outdir, `${table}.bundle.${long ? "long." : ""}bytecode`);
    },
    () => undefined,
  );
  try {
    for (const train of [seeParts, takeBytecode]) {
      const place = mkdtempSync(join(work, "pass-"));
      runCommands(place, train, staticProgram);
      rmSync(join(work, "data"), { recursive: true, force: true });
      for (const [file, loaded] of runs) {
        const all = parts[file.split(".")[0]!]!;
        const byName = new Map(all.map((part) => [part.name, part]));
        const needed = [...new Set(loaded.flat())].map((name) => byName.get(name)!);
        const always = new Set(loaded.reduce((one, other) => one.filter((name) => other.includes(name))));
        writeFileSync(
          join(outdir, `${file}.bundle`),
          await compact(await joinedTableOf(needed, always, all)),
        );
      }
    }
    if (problems.length > 0 && existsSync(errors)) problems.push(readFileSync(errors, "utf8").trim());
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return problems;
}

function runCommands(place: string, train: Train, staticProgram: string): void {
  const id = `runt-build-${process.pid}`;
  const bundle = join(place, "bundle");
  try {
    train("runt-oci", "", "--version");
    train("runt", "", "--version");
    makeBundle(bundle, train, staticProgram);
    train("runt", "plan", bundle);
    runEngine(place, bundle, train);
    train("runt-oci", "run", "--bundle", bundle, id);
    train("runt-oci", "create", "--bundle", bundle, id);
    // A container that waits to be started takes all of these.
    train("runt-oci", "state", id);
    train("runt-oci", "list");
    train("runt-oci", "ps", "--format", "json", id);
    train("runt-oci", "exec", id, "/program", "0");
    train("runt-oci", "start", id);
    train("runt-oci", "kill", "--all", id, "KILL");
  } finally {
    train("runt-oci", "delete", "--force", id);
  }
}

/** What a person waits for most, on an image of the one program. */
function runEngine(place: string, bundle: string, train: Train): void {
  const archive = join(place, "image.tar");
  spawnSync("tar", ["-C", join(bundle, "rootfs"), "-cf", archive, "."]);
  train("runt", "import", archive, "trained");
  // As if a while had passed: what a name means is kept for later commands where it is not quite new.
  const index = join(place, "../data/content/index.json");
  if (existsSync(index)) utimesSync(index, 0, 0);
  const container = ["--network", "none", "trained", "/program"];
  train("runt", "create", "--name", "trained", ...container);
  train("runt", "run", "--name", "detached", "--detach", "--tty", ...container);
  train("runt", "run", "--rm", ...container);
  train("runt", "start", "--attach", "trained");
  train("runt", "ps", "--all");
  train("runt", "images");
  train("runt", "logs", "trained");
  train("runt", "inspect", "trained");
  train("runt", "rm", "trained");
  train("runt", "rm", "--force", "detached");
}

/** What most bundles are like: the template's mounts and namespaces, and a seccomp profile. */
function makeBundle(bundle: string, train: Train, program: string): void {
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  copyFileSync(program, join(bundle, "rootfs/program"));
  for (const directory of ["proc", "dev", "sys"]) mkdirSync(join(bundle, "rootfs", directory));
  const rootless = process.geteuid!() === 0 ? [] : ["--rootless"];
  train("runt-oci", "spec", ...rootless, "--bundle", bundle);
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  config.process.terminal = false;
  config.process.args = ["/program"];
  config.linux.seccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    syscalls: [
      { names: ["read", "write", "exit", "exit_group", "execve", "rt_sigreturn"], action: "SCMP_ACT_ALLOW" },
      { names: ["personality"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 0, op: "SCMP_CMP_EQ" }] },
    ],
  };
  writeFileSync(path, JSON.stringify(config));
}
