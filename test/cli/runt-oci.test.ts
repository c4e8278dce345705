/** The command line itself: what is refused, in which words, on which stream, with which status. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { specVersion, version } from "../../src/cli/version.ts";
import { parseFeatures } from "../../src/spec/runtime/features.ts";
import { OCI_VERSION_MAX } from "../../src/spec/runtime/versions.ts";
import { needs } from "../support/needs.ts";
import { logLine, runCli } from "./run-cli.ts";

const runc = "runc";
const directory = mkdtempSync(join(tmpdir(), "runt-cli-"));
const root = join(directory, "state");
beforeAll(() => mkdirSync(root));
afterAll(() => rmSync(directory, { recursive: true }));

const oci = (...args: string[]) => runCli("runt-oci", ["--root", root, ...args]);

describe("--version", () => {
  test("has the lines that dockerd and go-runc read", () => {
    const lines = oci("--version").stdout.split("\n");
    expect(lines[0]).toBe(`runt-oci version ${version}`);
    expect(lines[1]).toMatch(/^commit: \S+$/);
    expect(lines[2]).toBe(`spec: ${OCI_VERSION_MAX}`);
    expect(specVersion).toBe(OCI_VERSION_MAX);
  });

  test("-v, --version and version print the same", () => {
    expect(oci("-v").stdout).toBe(oci("version").stdout);
  });
});

describe("refusals", () => {
  const sameAsRunc: string[][] = [
    ["start"],
    ["start", "a", "b"],
    ["kill"],
    ["kill", "a", "b", "c"],
    ["exec"],
    ["list", "a"],
    ["spec", "a"],
    ["start", "--bogus", "x"],
    ["create", "--pid-file"],
    ["run", "--preserve-fds", "abc", "x"],
    ["list", "--quiet=maybe"],
    ["list", "-f", "foo"],
    ["state", "none"],
    ["start", "none"],
    ["kill", "none"],
    ["delete", "none"],
    ["delete", "-force", "none"],
    ["ps", "none"],
    ["pause", "none"],
    ["update", "none"],
    ["exec", "none", "true"],
    ["--log-format", "foo", "list"],
    ["list"],
    ["list", "-f=json"],
    ["list", "--quiet"],
  ];
  for (const args of sameAsRunc) {
    needs("program:runc")(`the same status and message as runc: ${args.join(" ")}`, () => {
      const theirs = spawnSync(runc, ["--root", root, ...args], { encoding: "utf8", input: "" });
      const ours = oci(...args);
      expect(ours.status).toBe(theirs.status);
      if (theirs.stderr === "") {
        expect(ours).toMatchObject({ stdout: theirs.stdout, stderr: "" });
      } else {
        const message = logLine(theirs.stderr).message.replace(/^\S*runc(?=[: ])/, "runt-oci");
        expect(logLine(ours.stderr)).toEqual({ level: "error", message });
        expect(ours.stdout.split("\n")[0]).toBe(theirs.stdout.split("\n")[0]);
      }
    });
  }

  test("a mistyped command gets a suggestion, and status 3", () => {
    const { status, stderr, stdout } = oci("strat", "x");
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(logLine(stderr).message).toBe('unknown command "strat", did you mean "start"?');
  });

  test("exec that cannot run anything ends with 255", () => {
    expect(oci("exec", "none", "true").status).toBe(255);
    expect(logLine(oci("exec", "none").stderr).message).toBe("exec failed: process args cannot be empty");
  });

  test.each(["checkpoint", "restore"])(
    "%s takes runc's options and says that it is not supported",
    (verb) => {
      const { status, stderr } = oci(
        verb,
        "--image-path",
        "x",
        "--tcp-established",
        "--manage-cgroups-mode",
        "full",
        "c1",
      );
      expect(status).toBe(1);
      expect(logLine(stderr).message).toBe(`${verb} is not supported`);
    },
  );

  test("--root / is refused", () => {
    const { status, stderr } = runCli("runt-oci", ["--root", "/", "list"]);
    expect(status).toBe(1);
    expect(logLine(stderr).message).toBe("--root must not be /");
  });
});

describe("--log", () => {
  test("a file gets exactly one JSON object, stderr the plain text", () => {
    const path = join(directory, "log.json");
    const { status, stderr, stdout } = oci("--log", path, "--log-format", "json", "state", "none");
    expect({ status, stderr, stdout }).toEqual({
      status: 1,
      stderr: "container does not exist\n",
      stdout: "",
    });
    const text = readFileSync(path, "utf8");
    expect(text.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(text)).toMatchObject({ level: "error", msg: "container does not exist" });
  });

  test("a bad command line is in the file too", () => {
    const path = join(directory, "usage.json");
    oci("--log", path, "--log-format=json", "start");
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
      msg: 'runt-oci: "start" requires exactly 1 argument(s)',
    });
  });

  test("a file that cannot be opened is an error", () => {
    const { status, stderr } = oci("--log", join(directory, "no/such/dir"), "state", "none");
    expect(status).toBe(1);
    expect(stderr).toContain("no such file or directory");
  });
});

describe("list — runc-list(8)", () => {
  test("a directory that was asked for and is not there is an error", () => {
    const { status, stderr } = runCli("runt-oci", ["--root", join(directory, "none"), "list"]);
    expect(status).toBe(1);
    expect(logLine(stderr).message).toBe(`open ${join(directory, "none")}: no such file or directory`);
  });
});

/** What the comparison with runc's template looks into. */
interface Spec {
  ociVersion: string;
  hostname: string;
  process: { capabilities: { ambient?: unknown } };
  linux: { namespaces: { type: string }[]; maskedPaths: string[] };
}

describe("spec — runc-spec(8)", () => {
  test("writes config.json once", () => {
    const bundle = join(directory, "bundle");
    mkdirSync(bundle);
    expect(oci("spec", "--bundle", bundle)).toEqual({ status: 0, stdout: "", stderr: "" });
    const text = readFileSync(join(bundle, "config.json"), "utf8");
    expect(text).toMatch(/^\{\n\t"ociVersion": "1\.3\.0",\n/);
    expect(text.endsWith("}")).toBe(true);
    expect(statSync(join(bundle, "config.json")).mode & 0o777).toBe(0o666 & ~process.umask());
    const again = oci("spec", "--bundle", bundle);
    expect(again.status).toBe(1);
    expect(logLine(again.stderr).message).toBe("File config.json exists. Remove it first");
  });

  for (const args of [[], ["--rootless"]]) {
    needs("program:runc")(
      `is runc's, but for what the newer specification changed: ${args.join(" ")}`,
      () => {
        const read = (program: (bundle: string) => void) => {
          const bundle = mkdtempSync(join(directory, "spec-"));
          program(bundle);
          return JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as Spec;
        };
        const theirs = read((bundle) => execFileSync(runc, ["spec", "--bundle", bundle, ...args]));
        const ours = read((bundle) => oci("spec", "--bundle", bundle, ...args));
        theirs.ociVersion = ours.ociVersion;
        theirs.hostname = ours.hostname;
        delete theirs.process.capabilities.ambient;
        const names = (spec: Spec) => spec.linux.namespaces.map((n) => n.type).filter((t) => t !== "cgroup");
        expect(names(ours)).toEqual(names(theirs));
        theirs.linux.namespaces = ours.linux.namespaces;
        theirs.linux.maskedPaths = [...new Set([...theirs.linux.maskedPaths, "/sys/devices/virtual/tpm"])];
        expect(ours).toEqual(theirs);
        expect(Object.keys(ours)).toEqual(Object.keys(theirs));
      },
    );
  }
});

describe("features — runtime-spec features.md", () => {
  const { stdout, status } = oci("features");

  test("is a valid document that says what there is not", () => {
    expect(status).toBe(0);
    expect(() => parseFeatures(stdout, "features")).not.toThrow();
    const features = JSON.parse(stdout);
    expect(features.ociVersionMax).toBe(OCI_VERSION_MAX);
    expect(features.linux.cgroup).toEqual({
      v1: false,
      v2: true,
      systemd: true,
      systemdUser: true,
      rdma: true,
    });
    expect(features.annotations["org.opencontainers.runc.checkpoint.enabled"]).toBe("false");
  });

  needs("program:runc")("knows every hook, namespace and capability that runc knows", () => {
    const theirs = JSON.parse(execFileSync(runc, ["features"], { encoding: "utf8" }));
    const ours = JSON.parse(stdout);
    expect(ours.hooks).toEqual(theirs.hooks);
    expect(ours.linux.namespaces).toEqual(expect.arrayContaining(theirs.linux.namespaces));
    expect(ours.linux.capabilities).toEqual(theirs.linux.capabilities);
    expect(ours.linux.seccomp.actions).toEqual(theirs.linux.seccomp.actions);
    expect(Object.keys(ours).slice(0, 5)).toEqual(Object.keys(theirs).slice(0, 5));
  });

  test("four spaces, and a line feed at the end", () => {
    expect(stdout).toMatch(/^\{\n {4}"ociVersionMin": "1\.0\.0",\n/);
    expect(stdout.endsWith("}\n")).toBe(true);
  });
});
