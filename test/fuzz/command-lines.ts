/**
 * A program for command-lines.test.ts, run by `isolated`: calls `runt-oci` with command lines made of its own options,
 * and with mutated configurations, while a few containers are there to be hit. Prints dots and a verdict.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, loadCommands } from "../../src/cli/command.ts";
import { longName, type OptionSpec, type OptionSpecs } from "../../src/cli/option.ts";
import { runtOci } from "../../src/cli/runt-oci.ts";
import { Config } from "../../src/spec/runtime/config.ts";
import { stringifyJson } from "../../src/spec/runtime/json.ts";
import { Process } from "../../src/spec/runtime/process.ts";
import { LinuxResources } from "../../src/spec/runtime/resources.ts";
import { isBuilt } from "../cli/run-cli.ts";
import { Random } from "../native/random.ts";
import { dangerous, poolsFor } from "./pools.ts";
import { seeds } from "./seeds.ts";
import { type Json, Shaper } from "./shape.ts";
import { traces } from "./traces.ts";
import { lineProblem } from "./wording.ts";

const order = JSON.parse(process.argv[2]!) as {
  directory: string;
  seed: number;
  commandLines: number;
  configurations: number;
};
const { directory } = order;
const root = join(directory, "state");
const bundle = join(directory, "bundle");
const random = new Random(order.seed);
const shaper = new Shaper(random, poolsFor(directory));
const start = seeds(directory);
const project = join(import.meta.dirname, "../..");
const program: readonly string[] = isBuilt()
  ? [join(project, "bin/runt-oci")]
  : [process.execPath, join(project, "src/cli/runt-oci.ts")];
const count: Record<string, number> = { succeeded: 0, refused: 0, "incorrect usage": 0 };
const findings: string[] = [];
const commands = await loadCommands(runtOci);

/** Of all that takes a word, words that are right somewhere and wrong elsewhere. */
const words = [
  "",
  " ",
  "-",
  "--",
  "---",
  "x",
  "-1",
  "0",
  "1",
  "9",
  "99",
  "1e9",
  "0x10",
  "1.5",
  "18446744073709551616",
  "5s",
  "-5s",
  "1h",
  "0s",
  "32m",
  "-1k",
  "KILL",
  "TERM",
  "SIGUSR1",
  "nonsense",
  "a=b",
  "=",
  "PATH=/bin",
  "1000:1000",
  "root",
  "text",
  "json",
  "true",
  "false",
  "auto",
  "/",
  "..",
  ".",
  "/bin/true",
  "true",
  "/missing",
  "a\nb",
  "\u001b[31m",
  "é",
  "%s",
  "x".repeat(300),
  "CAP_KILL",
  "all",
  "cgroupfs",
  "disabled",
  "systemd",
  bundle,
  `${directory}/file`,
  `${directory}/tree`,
  `${directory}/missing/deep`,
  `${directory}/process.json`,
  `${directory}/resources.json`,
  "--force",
  "--help",
  "-h",
  "--nonsense",
  "--root",
  "-x",
];
const ids = ["fuzz-running", "fuzz-created", "fuzz-new", "fuzz-missing", "../x", "", "x".repeat(2000)];

const one = <T>(list: readonly T[]): T => list[random.below(list.length)]!;

function optionWords(options: OptionSpecs): string[] {
  const all = Object.entries(options);
  return Array.from({ length: all.length === 0 ? 0 : random.below(3) }, () => one(all)).flatMap(
    ([key, spec]) => {
      const name = spec.short && random.below(3) === 0 ? `-${spec.short}` : `--${longName(key)}`;
      const value = valueFor(spec);
      if (spec.type === "boolean") return random.below(5) === 0 ? [`${name}=${value}`] : [name];
      return random.below(2) === 0 ? [name, value] : [`${name}=${value}`];
    },
  );
}

function valueFor(spec: OptionSpec): string {
  if (spec.type === "choice" && random.below(2) === 0) return one(spec.choices);
  if (spec.type === "integer" && random.below(2) === 0) return String(one([0, 1, 3, 100, -1, 2 ** 31, 1e6]));
  return one(words);
}

/** Why a command line is left out: by contract it takes as long as it likes. */
function endless(command: Command, args: readonly string[]): boolean {
  // Follows a container until that ends; reads stdin, which is at its end; a program that sleeps.
  if (command.name === "events") return !args.includes("--stats");
  return false;
}

function commandLine(): string[] | undefined {
  if (random.below(30) === 0) return [one(words), one(words)];
  const command = one(commands);
  const own = optionWords(command.options);
  const operands = command.operands.map((name) => (name.includes("container-id") ? one(ids) : one(words)));
  while (random.below(8) === 0) operands.push(one(words));
  if (random.below(10) === 0) operands.pop();
  const bundled = "bundle" in command.options && random.below(4) > 0 ? ["--bundle", bundle] : [];
  const args = random.below(10) === 0 ? [...operands, ...own] : [...bundled, ...own, ...operands];
  if (endless(command, args)) return undefined;
  return [...optionWords(runtOci.options), "--root", root, command.name, ...args];
}

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let calls = 0;
async function call(args: readonly string[], limitMs = 15_000): Promise<Result> {
  const files = ["stdout", "stderr"].map((name) => join(directory, `${name}-${calls++ % 4}`));
  const nothing = openSync("/dev/null", "r");
  const fds = files.map((file) => openSync(file, "w"));
  const [path = "", ...first] = program;
  const child = spawn(path, [...first, ...args], {
    stdio: [nothing, fds[0]!, fds[1]!],
    env: { PATH: "/bin:/usr/bin" },
    cwd: join(directory, "cwd"),
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const [status] = (await once(child, "exit")) as [number | null];
  clearTimeout(timer);
  for (const fd of [nothing, ...fds]) closeSync(fd);
  const [stdout = "", stderr = ""] = files.map((file) => readFileSync(file, "utf8"));
  return { status, stdout, stderr };
}

/** What is wrong with how a call ended. */
function problem({ status, stdout, stderr }: Result, isProgram: boolean): string | undefined {
  if (status === null) return "takes too long, or was killed";
  const usage = stdout.startsWith("Incorrect Usage");
  if (status === 0) {
    count.succeeded!++;
    return /^\s+at /m.test(stderr) ? "a stack" : undefined;
  }
  count[usage ? "incorrect usage" : "refused"]!++;
  const lines = stderr
    .split("\n")
    .filter((line) => line !== "" && !/level=(warning|debug|info)|"level":"(warning|debug|info)"/.test(line));
  // A container's own program may fail without a word of ours.
  if (lines.length === 0)
    return isProgram || /"level":"error"/.test(stderr) ? undefined : "fails without a word";
  if (!isProgram && lines.length > 1) return "more than one line";
  return lineProblem(lines[0]!);
}

async function reset(config: Json): Promise<void> {
  for (const id of ids.slice(0, 4)) await call(["--root", root, "delete", "--force", id]);
  writeFileSync(join(bundle, "config.json"), stringifyJson(config));
}

async function target(): Promise<void> {
  await reset({ ...start[0], process: { ...start[0].process, args: ["/bin/sleep", "1000"] } });
  await call(["--root", root, "create", "--bundle", bundle, "fuzz-created"]);
  await call(["--root", root, "create", "--bundle", bundle, "fuzz-running"]);
  await call(["--root", root, "start", "fuzz-running"]);
}

async function settled(before: ReadonlySet<string>): Promise<string[]> {
  for (let i = 0; ; i++) {
    const left = traces(root).filter((line) => !before.has(line));
    if (left.length === 0 || i === 200) return left;
    await sleep(10);
  }
}

mkdirSync(join(directory, "cwd"));
writeFileSync(join(bundle, "config.json"), stringifyJson(start[0]));
writeFileSync(
  join(directory, "process.json"),
  JSON.stringify({ args: ["/bin/true"], cwd: "/", user: { uid: 0, gid: 0 } }),
);
writeFileSync(join(directory, "resources.json"), JSON.stringify({ cpu: { shares: 100 } }));
await call(["--root", root, "run", "--bundle", bundle, "fuzz-new"]);
const before = new Set(traces(root));

for (let n = 0; n < order.commandLines && findings.length < 20; n++) {
  process.stdout.write(".\n");
  if (n % 25 === 0) await target();
  // What `--process` and `--resources` read is mutated too.
  if (n % 3 === 0) {
    const mutated = shaper.mutated(Process, {
      args: ["/bin/true"],
      cwd: "/",
      env: ["PATH=/bin"],
      user: { uid: 0, gid: 0 },
    });
    writeFileSync(join(directory, "process.json"), stringifyJson(mutated.value));
    writeFileSync(
      join(directory, "resources.json"),
      stringifyJson(shaper.mutated(LinuxResources, { cpu: { shares: 100 }, devices: [], unified: {} }).value),
    );
  }
  const args = commandLine();
  if (!args) continue;
  // A program in the foreground, perhaps the one that sleeps.
  const sleeps = args.includes("run");
  writeFileSync(join(directory, "current.json"), JSON.stringify(args));
  const result = await call(args, sleeps ? 1000 : 15_000);
  const runsProgram = args.includes("exec") || args.includes("run");
  const wrong = sleeps && result.status === null ? undefined : problem(result, runsProgram);
  if (wrong)
    findings.push(
      `${wrong}: ${JSON.stringify(args)} → ${JSON.stringify({ ...result, stdout: result.stdout.slice(0, 300) }).slice(0, 1500)}`,
    );
}
await reset(start[0]);
const left = await settled(before);
if (left.length > 0) findings.push(`left by command lines of seed ${order.seed}: ${left.join("; ")}`);

for (let n = 0; n < order.configurations && findings.length < 20; n++) {
  let config = start[random.below(start.length)];
  for (let i = random.below(3); i >= 0; i--) config = shaper.mutated(Config, config).value;
  // Ends by itself, so that `run` does too.
  if (Array.isArray(config?.process?.args) && config.process.args.includes("/bin/sleep"))
    config.process.args = ["/bin/true"];
  if (dangerous(config)) continue;
  const text = stringifyJson(config);
  writeFileSync(join(directory, "current.json"), text);
  writeFileSync(join(bundle, "config.json"), text);
  const result = await call(["--root", root, "run", "--bundle", bundle, "fuzz-new"]);
  const wrong = problem(result, result.status !== 1);
  if (wrong) findings.push(`${wrong}: ${JSON.stringify(result).slice(0, 1500)} for ${text}`);
  const remains = await settled(before);
  if (remains.length > 0) findings.push(`left: ${remains.join("; ")} by ${text}`);
  for (const line of remains) before.add(line);
  process.stdout.write(".\n");
}
process.stdout.write(`${JSON.stringify({ count, findings })}\n`);
process.exit(0);
