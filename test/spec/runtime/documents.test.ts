import { describe, expect, test } from "vitest";
import { readConfig } from "../../../src/spec/runtime/config.ts";
import { parseCpuList } from "../../../src/spec/runtime/cpu-ranges.ts";
import { parseFeatures } from "../../../src/spec/runtime/features.ts";
import { isMountOption, mountOptions } from "../../../src/spec/runtime/mount-options.ts";
import { readDocument } from "../../../src/spec/runtime/parse.ts";
import { ContainerProcessState, parseState } from "../../../src/spec/runtime/state.ts";
import { sysctlPath } from "../../../src/spec/runtime/validate/sysctl.ts";
import { warningsOf } from "../../../src/spec/runtime/warnings.ts";
import { configValue, refusalOf, withMember } from "./support.ts";

const state = {
  ociVersion: "1.3.0",
  id: "web-1",
  status: "running",
  pid: 4422,
  bundle: "/containers/web",
  annotations: { k: "v" },
};

describe("State — runtime.md#state", () => {
  test("is read whole", () => {
    expect(parseState(JSON.stringify(state), "state.json")).toEqual(state);
  });

  test("a stopped container needs no pid", () => {
    const stopped = { ociVersion: "1.3.0", id: "a", status: "stopped", bundle: "/b" };
    expect(parseState(JSON.stringify(stopped), "state.json")).toEqual({ ...stopped, annotations: {} });
  });

  test.each([
    ["status", "dead", 'must be creating, created, running, paused or stopped, not "dead"'],
    ["id", "", "must not be empty"],
    ["pid", -1, "must be an integer from 0 to 2147483647, not -1"],
    ["bundle", null, "must be a string, not null"],
  ])("refuses %s = %j", (field, value, message) => {
    const error = refusalOf(() => parseState(JSON.stringify({ ...state, [field]: value }), "state.json"));
    expect(error).toMatchObject({
      kind: "InvalidArgument",
      site: { operation: "state", subject: `state.json: ${field}` },
    });
    expect(error.message).toBe(`state.json: ${field}: ${message}`);
  });

  test("a container process state has the container's in it", () => {
    const value = { ociVersion: "1.3.0", fds: ["seccompFd"], pid: 7, metadata: "m", state };
    expect(readDocument(ContainerProcessState, value, { where: "x", operation: "create" })).toEqual(value);
  });
});

describe("Features — features.md", () => {
  const features = {
    ociVersionMin: "1.0.0",
    ociVersionMax: "1.3.0",
    hooks: ["prestart"],
    mountOptions: ["ro"],
    linux: {
      namespaces: ["pid"],
      capabilities: ["CAP_KILL"],
      cgroup: { v1: false, v2: true, systemd: true, systemdUser: false, rdma: true },
      seccomp: { enabled: true, actions: [], operators: [], archs: [], knownFlags: [], supportedFlags: [] },
      apparmor: { enabled: true },
      selinux: { enabled: false },
      intelRdt: { enabled: true, schemata: true, monitoring: false },
      memoryPolicy: { modes: ["MPOL_BIND"], flags: [] },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: { "org.opencontainers.runc.version": "1.5.0" },
    potentiallyUnsafeConfigAnnotations: ["org.systemd.property."],
  };

  test("is read whole", () => {
    expect(parseFeatures(JSON.stringify(features), "features.json")).toEqual(features);
  });

  test("what is not said stays unknown", () => {
    const short = { ociVersionMin: "1.0.0", ociVersionMax: "1.3.0", linux: { cgroup: {} } };
    expect(parseFeatures(JSON.stringify(short), "features.json")).toEqual(short);
  });

  test("refuses a missing ociVersionMax", () => {
    const error = refusalOf(() => parseFeatures('{"ociVersionMin":"1.0.0"}', "features.json"));
    expect(error).toMatchObject({
      kind: "InvalidArgument",
      site: { subject: "features.json: ociVersionMax" },
    });
  });
});

describe("parseCpuList", () => {
  test.each([
    ["0", [[0, 0]]],
    [
      "0-3,7",
      [
        [0, 3],
        [7, 7],
      ],
    ],
    [
      " 1 - 2 , 5 ",
      [
        [1, 2],
        [5, 5],
      ],
    ],
    ["0-65535", [[0, 65535]]],
  ])("%j", (text, ranges) => {
    expect(parseCpuList(text)).toEqual(ranges);
  });

  test.each(["", ",", "a", "1-", "-1", "3-1", "1,,2", "0x1", "65536", "99999999999", "1 2"])(
    "refuses %j",
    (text) => {
      expect(parseCpuList(text)).toBeUndefined();
    },
  );
});

describe("sysctlPath", () => {
  test.each([
    ["net.ipv4.ip_forward", "net/ipv4/ip_forward"],
    ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
    ["net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"],
    ["net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"],
    ["net", undefined],
    ["", undefined],
    ["net..x", undefined],
    ["net//x", undefined],
    ["/net/x", undefined],
    ["net/../kernel/x", undefined],
    ["net.//.kernel.x", undefined],
  ])("%j is %j", (key, path) => {
    expect(sysctlPath(key)).toBe(path);
  });
});

test("mount option words are known once each, and data is not", () => {
  expect(new Set(mountOptions).size).toBe(mountOptions.length);
  expect(["ro", "rbind", "rslave", "rnosuid", "tmpcopyup", "idmap=uids=0-1-1"].every(isMountOption)).toBe(
    true,
  );
  expect(["size=5", "", "context=x", "mode=755"].some(isMountOption)).toBe(false);
});

describe("warningsOf", () => {
  test("a configuration that can be carried out whole has none", () => {
    expect(warningsOf(readConfig(configValue("cri"), "config.json"))).toEqual([]);
    expect(warningsOf(readConfig(configValue("full"), "config.json"))).toEqual([]);
  });

  test("says what is ignored", () => {
    let value = withMember(configValue("full"), "process.capabilities.bounding", ["CAP_KILL", "CAP_WAKE_UP"]);
    value = withMember(value, "linux.personality.flags", ["X"]);
    value = withMember(value, "linux.resources.memory.swappiness", 60);
    expect(warningsOf(readConfig(value, "config.json"))).toEqual([
      'process.capabilities.bounding[1]: unknown capability "CAP_WAKE_UP" is ignored',
      "linux.personality.flags: personality flags are ignored",
      "linux.resources.memory.swappiness: is of cgroup v1 only, and ignored",
    ]);
  });
});
