/** bin/runt-oci as callers start it: from anywhere, by any name, with nothing in the environment. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeFlags } from "../../scripts/bytecode.ts";

const source = join(import.meta.dirname, "../../native-shims/launcher.c");
const compiler = "cc";
const root = mkdtempSync(join(tmpdir(), "runt-launcher-"));
const program = join(root, "bin/some-program");
afterAll(() => rmSync(root, { recursive: true }));

interface Report {
  readonly argv: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
}

describe("the launcher", () => {
  beforeAll(() => {
    for (const directory of ["bin", "dist/native", "dist/cli"])
      mkdirSync(join(root, directory), { recursive: true });
    execFileSync(compiler, ["-Wall", "-Wextra", "-Werror", "-o", program, source]);
    symlinkSync(process.execPath, join(root, "dist/native/node"));
    writeFileSync(
      join(root, "dist/cli/some-program.cjs"),
      "console.log(JSON.stringify({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd() }));" +
        "if (process.argv[2] === 'exit') process.exit(7);",
    );
  });

  const start = (path: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Report => {
    const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", env, cwd: "/" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return JSON.parse(stdout) as Report;
  };

  test("arguments arrive as they are, and with an empty environment too", () => {
    const args = ["--root", "", "a b", "--", "-x", "--inspect"];
    expect(start(program, args)).toEqual({ argv: args, env: {}, cwd: "/" });
  });

  test("a symbolic link from elsewhere will do", () => {
    const link = join(root, "runc");
    symlinkSync(program, link);
    expect(start(link, ["x"]).argv).toEqual(["x"]);
  });

  test("NODE_OPTIONS and its kin are not for us; everything else is passed on", () => {
    const evil = {
      NODE_OPTIONS: "--require=/nonexistent",
      NODE_PATH: "/x",
      NODE_V8_COVERAGE: join(root, "c"),
    };
    const env = { XDG_RUNTIME_DIR: "/run/user/0", NOTIFY_SOCKET: "/n" };
    expect(start(program, [], { ...evil, ...env }).env).toEqual(env);
    expect(existsSync(join(root, "c"))).toBe(false);
  });

  test.each([
    ["runt-oci", "run"],
    ["runt", "run"],
    ["runt", "pull"],
  ])("%s %s: Node gets the flags that the bytecode was made under", (name, command) => {
    copyFileSync(program, join(root, "bin", name));
    writeFileSync(join(root, `dist/cli/${name}.cjs`), "console.log(JSON.stringify(process.execArgv))");
    expect(start(join(root, "bin", name), ["--root", "/x", command])).toEqual(nodeFlags(name, command));
  });

  test("the exit status is the program's", () => {
    expect(spawnSync(program, ["exit"], { env: {} }).status).toBe(7);
  });

  test("the pid stays: LISTEN_PID and callers count on it", () => {
    const script = `exec ${program} "$$"`;
    writeFileSync(join(root, "dist/cli/pid.cjs"), "console.log(process.argv[2] === String(process.pid))");
    copyFileSync(program, join(root, "bin/pid"));
    expect(execFileSync("/bin/sh", ["-c", script.replace("some-program", "pid")], { encoding: "utf8" })).toBe(
      "true\n",
    );
  });

  test("without a Node of its own, it is the one in the PATH; without that it says what it looked for", () => {
    rmSync(join(root, "dist/native/node"));
    expect(start(program, ["x"], { PATH: dirname(process.execPath) }).argv).toEqual(["x"]);
    const { status, stderr } = spawnSync(program, [], { encoding: "utf8", env: { PATH: "/nonexistent" } });
    expect(status).toBe(1);
    expect(stderr).toBe(
      `runt: no Node: neither ${root}/bin/../dist/native/node nor node in the PATH is there; install Node 24 or later\n`,
    );
  });
});
