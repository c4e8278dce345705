import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  parseConfig,
  parseProcess,
  parseResources,
  readConfig,
  readProcess,
} from "../../../src/spec/runtime/config.ts";
import { stringifyJson } from "../../../src/spec/runtime/json.ts";
import { isBind, isIdMapped } from "../../../src/spec/runtime/mount-kind.ts";
import { configNames, configText, configValue, type Json, refusalOf, withMember } from "./support.ts";

const minimal = { ociVersion: "1.0.0", root: { path: "rootfs" }, process: { cwd: "/", args: ["sh"] } };

describe("parseConfig", () => {
  test.each(configNames)("takes the configuration of %s", (name) => {
    expect(parseConfig(configText(name), "config.json").root.path).not.toBe("");
  });

  test.each(configNames)("gives the same for what it gave before, written as JSON: %s", (name) => {
    const config = parseConfig(configText(name), "config.json");
    expect(parseConfig(stringifyJson(config), "config.json")).toEqual(config);
  });

  test.skipIf(!existsSync("/usr/sbin/runc"))("takes what `runc spec` writes (needs runc)", () => {
    const bundle = mkdtempSync(join(tmpdir(), "runt-spec-"));
    try {
      execFileSync("/usr/sbin/runc", ["spec"], { cwd: bundle });
      const config = parseConfig(readFileSync(join(bundle, "config.json"), "utf8"), "config.json");
      expect(config.process.args).toEqual(["sh"]);
    } finally {
      rmSync(bundle, { recursive: true });
    }
  });

  test("keeps every field of the specification", () => {
    const value = configValue("full") as Record<string, Json>;
    const config = parseConfig(configText("full"), "config.json");
    // Everything that was written is there, and the file mode of a device that was not is the default.
    expect(config).toMatchObject(withMember(value, "linux.devices.2.fileMode", 0o666) as object);
  });

  test("fills in defaults", () => {
    const config = readConfig(minimal, "config.json");
    expect(config).toEqual({
      ...minimal,
      root: { path: "rootfs", readonly: false },
      process: {
        terminal: false,
        user: { uid: 0, gid: 0, additionalGids: [] },
        args: ["sh"],
        env: [],
        cwd: "/",
        rlimits: [],
        noNewPrivileges: false,
      },
      mounts: [],
      hooks: {
        prestart: [],
        createRuntime: [],
        createContainer: [],
        startContainer: [],
        poststart: [],
        poststop: [],
      },
      annotations: {},
      linux: {
        namespaces: [],
        uidMappings: [],
        gidMappings: [],
        timeOffsets: {},
        devices: [],
        netDevices: {},
        resources: {
          devices: [],
          memory: {},
          cpu: {},
          pids: {},
          blockIO: {
            weightDevice: [],
            throttleReadBpsDevice: [],
            throttleWriteBpsDevice: [],
            throttleReadIOPSDevice: [],
            throttleWriteIOPSDevice: [],
          },
          hugepageLimits: [],
          rdma: {},
          unified: {},
        },
        sysctl: {},
        maskedPaths: [],
        readonlyPaths: [],
      },
    });
  });

  test("takes null for absent, wherever a section, a list, a map or a field may be absent", () => {
    const nulls = {
      ...minimal,
      process: {
        ...minimal.process,
        user: null,
        env: null,
        capabilities: null,
        rlimits: null,
        oomScoreAdj: null,
        scheduler: null,
      },
      hostname: null,
      mounts: [{ destination: "/x", type: "tmpfs", source: null, options: null, uidMappings: null }],
      hooks: null,
      annotations: null,
      linux: {
        namespaces: null,
        resources: null,
        seccomp: null,
        sysctl: null,
        devices: null,
        rootfsPropagation: null,
      },
    };
    const mounts = [{ destination: "/x", type: "tmpfs" }];
    expect(readConfig(nulls, "config.json")).toEqual(readConfig({ ...minimal, mounts }, "config.json"));
    expect(readConfig({ ...minimal, linux: null }, "config.json")).toEqual(
      readConfig(minimal, "config.json"),
    );
  });

  test("takes null in a map for an absent value: no text, and no settings", () => {
    const linux = {
      namespaces: [{ type: "network" }],
      sysctl: { "net.ipv4.ip_forward": null },
      netDevices: { eth1: null },
    };
    const config = readConfig({ ...minimal, annotations: { a: null, b: "c" }, linux }, "config.json");
    expect(config.annotations).toEqual({ b: "c" });
    expect(config.linux.sysctl).toEqual({});
    expect(config.linux.netDevices).toEqual({ eth1: {} });
  });

  test("takes what Go writes for unset strings and numbers for absent", () => {
    const config = readConfig(
      {
        ...minimal,
        hostname: "",
        process: {
          ...minimal.process,
          apparmorProfile: "",
          selinuxLabel: "",
          execCPUAffinity: { initial: "" },
        },
        linux: {
          cgroupsPath: "",
          rootfsPropagation: "",
          namespaces: [{ type: "pid", path: "" }],
          resources: { blockIO: { weight: 0 } },
        },
      },
      "config.json",
    );
    expect(config).not.toHaveProperty("hostname");
    expect(config.process).not.toHaveProperty("apparmorProfile");
    expect(config.process.execCPUAffinity).toEqual({});
    expect(config.linux).not.toHaveProperty("cgroupsPath");
    expect(config.linux).not.toHaveProperty("rootfsPropagation");
    expect(config.linux.namespaces).toEqual([{ type: "pid" }]);
    expect(config.linux.resources.blockIO).not.toHaveProperty("weight");
  });

  test("ignores unknown properties and sections of other platforms", () => {
    const value = {
      ...minimal,
      windows: { layerFolders: 5 },
      x: { y: [null] },
      root: { path: "rootfs", z: 1 },
    };
    expect(readConfig(value, "config.json")).toEqual(readConfig(minimal, "config.json"));
  });

  test("takes any annotation, __proto__ too", () => {
    const text = `{"ociVersion":"1.0.0","root":{"path":"r"},"process":{"cwd":"/","args":["sh"]},"annotations":{"__proto__":"a","org.example":"\\u0000"}}`;
    const { annotations } = parseConfig(text, "config.json");
    expect(Object.entries(annotations)).toEqual([
      ["__proto__", "a"],
      ["org.example", "\0"],
    ]);
  });

  test.each(["1.0.0", "1.0.2-dev", "1.2.0", "1.3.0-rc.1+build", "1.99.7"])(
    "takes specification version %s",
    (ociVersion) => {
      expect(readConfig({ ...minimal, ociVersion }, "config.json").ociVersion).toBe(ociVersion);
    },
  );

  test("takes a relative mount destination from /", () => {
    const mounts = [{ destination: "data", type: "tmpfs" }];
    expect(readConfig({ ...minimal, mounts }, "config.json").mounts[0]!.destination).toBe("/data");
  });

  test("drops the file type bits that callers leave in a device's mode", () => {
    const linux = { devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o20666 }] };
    expect(readConfig({ ...minimal, linux }, "config.json").linux.devices[0]!.fileMode).toBe(0o666);
  });

  test("limits a console to what a terminal can say", () => {
    const process = { ...minimal.process, consoleSize: { height: 1e9, width: 80 } };
    expect(readConfig({ ...minimal, process }, "config.json").process.consoleSize).toEqual({
      height: 65535,
      width: 80,
    });
  });
});

describe("64-bit integers", () => {
  test("are exact where bytes, nanoseconds or rlimits are counted", () => {
    const { process, linux } = parseConfig(configText("full"), "config.json");
    expect(process.rlimits[0]!.hard).toBe(18446744073709551615n);
    expect(linux.resources.memory.limit).toBe(536870912);
    expect(linux.resources.memory.swap).toBe(9223372036854771712n);
    expect(linux.resources.memory.kernel).toBe(-1);
    expect(linux.resources.blockIO.throttleWriteBpsDevice[0]!.rate).toBe(18446744073709551615n);
    expect(linux.resources.hugepageLimits[0]!.limit).toBe(9223372036854771712n);
    expect(linux.seccomp!.syscalls![0]!.args![0]!.valueTwo).toBe(18446744073709551615n);
  });

  test("are saturated where the kernel's own limit is far lower", () => {
    const text =
      '{"cpu":{"shares":18446744073709551615,"quota":-9223372036854775808},"pids":{"limit":9223372036854775807}}';
    const { cpu, pids } = parseResources(text, "resources.json");
    expect(cpu).toEqual({ shares: Number.MAX_SAFE_INTEGER, quota: Number.MIN_SAFE_INTEGER });
    expect(pids.limit).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe("parseProcess", () => {
  test("takes a process object by itself", () => {
    const process = parseProcess('{"args":["id"],"cwd":"/","user":{"uid":5,"gid":6}}', "process.json");
    expect(process).toMatchObject({ args: ["id"], user: { uid: 5, gid: 6, additionalGids: [] } });
  });

  test.each([
    ['{"cwd":"/"}', "process.json: args", "must not be empty"],
    ['{"cwd":"work","args":["id"]}', "process.json: cwd", 'must be absolute, not "work"'],
    ['{"args":["id"]}', "process.json: cwd", "is required"],
    ["[]", "process.json", "must be an object, not an array"],
    ["null", "process.json", "must be an object, not null"],
  ])("refuses %s", (text, subject, message) => {
    const error = refusalOf(() => parseProcess(text, "process.json"));
    expect(error).toMatchObject({ kind: "InvalidArgument", site: { operation: "exec", subject } });
    expect(error.message).toBe(`${subject}: ${message}`);
  });
});

describe("readProcess", () => {
  test("takes a process that was read before, and refuses what was changed for the worse", () => {
    const process = parseProcess('{"args":["id"],"cwd":"/"}', "process.json");
    expect(readProcess({ ...process, env: ["A=b"] }, "exec")).toEqual({ ...process, env: ["A=b"] });
    const error = refusalOf(() => readProcess({ ...process, env: ["A"] }, "exec"));
    expect(error).toMatchObject({
      kind: "InvalidArgument",
      site: { operation: "exec", subject: "exec: env[0]" },
    });
  });
});

describe("parseResources", () => {
  test("takes a part of the limits, also where they only fit together with those in force", () => {
    expect(parseResources('{"memory":{"swap":1048576}}', "-").memory).toEqual({ swap: 1048576 });
  });

  test("names the place from the top of its own document", () => {
    const error = refusalOf(() => parseResources('{"unified":{"a/b":"1"}}', "-"));
    expect(error).toMatchObject({
      kind: "InvalidArgument",
      site: { operation: "update", subject: '-: unified["a/b"]' },
    });
  });
});

describe("isBind and isIdMapped", () => {
  const mounts = [
    [{ destination: "/a", source: "/b", options: ["rbind", "ro"] }, true, false],
    [{ destination: "/a", source: "/b", type: "bind" }, true, false],
    [{ destination: "/a", type: "tmpfs" }, false, false],
    [{ destination: "/a", source: "/b", options: ["bind", "idmap=uids=0-1000-1;gids=0-1000-1"] }, true, true],
  ] as const;
  test.each(mounts)("%j", (mount, bind, idMapped) => {
    const [read] = readConfig({ ...minimal, mounts: [mount] }, "config.json").mounts;
    expect([isBind(read!), isIdMapped(read!)]).toEqual([bind, idMapped]);
  });
});

describe("pids.limit in configurations of before 1.3 — runtime-spec 1.3 config-linux.md#pids", () => {
  const withLimit = (ociVersion: string) => ({
    ociVersion,
    root: { path: "rootfs" },
    process: { cwd: "/", args: ["true"] },
    linux: { resources: { pids: { limit: 0 } } },
  });

  test("0 is what engines wrote for no limit", () => {
    expect(readConfig(withLimit("1.0.2-dev"), "config.json").linux.resources.pids).toEqual({});
  });

  test("from 1.3 on 0 is a limit", () => {
    expect(readConfig(withLimit("1.3.0"), "config.json").linux.resources.pids).toEqual({ limit: 0 });
  });
});
