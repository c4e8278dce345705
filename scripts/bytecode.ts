/**
 * Makes the bytecode files that src/cli/boot.ts loads, one for each command that a caller waits for. V8 keeps bytecode
 * of the functions that have run, so each command is run once, on a container of the build's own. Where none can be
 * made (no root, no user namespaces), the commands still start, 20 ms later.
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
  const isLong = program === "runt" && longCommands.includes(command);
  return isLong ? everyCommand : [...everyCommand, ...shortCommand];
}

export interface BytecodeOptions {
  /** The Node that will load it, which V8 insists on. */
  readonly node: string;
  /** Where the bundles are. */
  readonly outdir: string;
  /** Some static program: what it does in the container does not matter. */
  readonly staticProgram: string;
}

/** @returns what went wrong, command by command */
export function makeBytecode(options: BytecodeOptions): string[] {
  const problems: string[] = [];
  const work = mkdtempSync(join(tmpdir(), "runt-build-"));
  const id = `runt-build-${process.pid}`;
  const errors = join(work, "stderr");
  const train = (program: string, command: string, ...args: string[]): void => {
    const boot = join(options.outdir, `${program}.cjs`);
    const output = join(options.outdir, `${program}.bundle${command && `.${command}`}.bytecode`);
    const trainer = join(import.meta.dirname, "bytecode-of.ts");
    const state = ["--root", join(work, "state"), "--log", errors];
    // Not through a pipe: a container that was created keeps its stderr open, and we would wait for its end.
    const data = program === "runt" ? ["--data-root", join(work, "data")] : [];
    const given = [...state, ...data, ...(command ? [command] : []), ...args];
    const run = spawnSync(options.node, [...nodeFlags(program, command), trainer, boot, output, ...given], {
      stdio: "ignore",
      timeout: 10_000,
      killSignal: "SIGKILL",
    });
    if (!existsSync(output)) problems.push(`${program} ${command}: status ${run.status ?? run.signal}`);
  };
  try {
    train("runt-oci", "", "--version");
    train("runt", "", "--version");
    const bundle = join(work, "bundle");
    makeBundle(bundle, train, options.staticProgram);
    train("runt", "plan", bundle);
    trainEngine(work, bundle, train);
    train("runt-oci", "run", "--bundle", bundle, id);
    train("runt-oci", "create", "--bundle", bundle, id);
    // A container that waits to be started takes all of these.
    train("runt-oci", "state", id);
    train("runt-oci", "list");
    train("runt-oci", "ps", "--format", "json", id);
    train("runt-oci", "exec", id, "/program", "0");
    train("runt-oci", "start", id);
    train("runt-oci", "kill", "--all", id, "KILL");
    if (problems.length > 0 && existsSync(errors)) problems.push(readFileSync(errors, "utf8").trim());
  } finally {
    train("runt-oci", "delete", "--force", id);
    rmSync(work, { recursive: true, force: true });
  }
  return problems;
}

/** What a person waits for most, on an image of the one program. */
function trainEngine(
  work: string,
  bundle: string,
  train: (program: string, command: string, ...args: string[]) => void,
): void {
  const archive = join(work, "image.tar");
  spawnSync("tar", ["-C", join(bundle, "rootfs"), "-cf", archive, "."]);
  // For how they start; what takes long is compiled as it runs.
  for (const command of longCommands) train("runt", command, "--help");
  train("runt", "import", archive, "trained");
  // As if a while had passed: what a name means is kept for later commands where it is not quite new.
  const index = join(work, "data/content/index.json");
  if (existsSync(index)) utimesSync(index, 0, 0);
  const container = ["--network", "none", "trained", "/program"];
  train("runt", "create", "--name", "trained", ...container);
  train("runt", "run", "--rm", ...container);
  train("runt", "start", "--attach", "trained");
  train("runt", "ps", "--all");
  train("runt", "logs", "trained");
  train("runt", "inspect", "trained");
  train("runt", "rm", "trained");
}

/** What most bundles are like: the template's mounts and namespaces, and a seccomp profile. */
function makeBundle(
  bundle: string,
  train: (program: string, command: string, ...args: string[]) => void,
  program: string,
): void {
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
