/** From request and image to config.json, without a kernel. */
import { describe, expect, test } from "vitest";
import { checkRequest } from "../../../src/engine/container/check.ts";
import { argsOf, environmentOf, healthOf } from "../../../src/engine/container/definition.ts";
import { resolvConfOf } from "../../../src/engine/container/files.ts";
import { signalNumber } from "../../../src/engine/container/signal.ts";
import { requestOf } from "../../../src/engine/request-defaults.ts";
import { limitsOf, parseDeviceRule } from "../../../src/engine/spec/resources.ts";
import { readSeccompFile } from "../../../src/engine/spec/seccomp-file.ts";
import { timestampOf } from "../../../src/engine/time.ts";

const image = (config: object) => ({ Env: [], ...config }) as never;

describe("entrypoint and command", () => {
  test("the image's, a command in place of its Cmd, an entrypoint in place of both", () => {
    const both = image({ Entrypoint: ["/e"], Cmd: ["c"] });
    const args = (request: object) =>
      argsOf({ command: undefined, entrypoint: undefined, ...request }, both).args;
    expect(args({})).toEqual(["/e", "c"]);
    expect(args({ command: ["x", "y"] })).toEqual(["/e", "x", "y"]);
    expect(args({ entrypoint: ["/n"] })).toEqual(["/n"]);
    expect(args({ entrypoint: [], command: ["x"] })).toEqual(["x"]);
    expect(() => args({ entrypoint: [] })).toThrow(expect.objectContaining({ kind: "InvalidArgument" }));
  });
});

describe("environment", () => {
  test("later words win, and a bare name takes away", () => {
    const env = environmentOf(
      { env: ["A=2", "B"], tty: true },
      "h",
      image({ Env: ["A=1", "B=1", "PATH=/x"] }),
    );
    expect(env).toEqual(["PATH=/x", "HOSTNAME=h", "TERM=xterm", "A=2"]);
  });
});

describe("health", () => {
  test("the request's over the image's, in milliseconds; NONE and none are none", () => {
    const own = { Test: ["CMD", "x"], Interval: 5e9, Retries: 7 } as never;
    expect(healthOf(undefined, own)).toMatchObject({
      test: ["CMD", "x"],
      intervalMs: 5000,
      timeoutMs: 30_000,
      retries: 7,
    });
    expect(healthOf("none", own)).toBeUndefined();
    expect(healthOf(undefined, { Test: ["NONE"] } as never)).toBeUndefined();
    expect(healthOf(undefined, undefined)).toBeUndefined();
  });
});

describe("limits", () => {
  const limits = (changes: object) => limitsOf(changes, new Map());
  test("swap is as much as memory unless said; -1 is no limit", () => {
    expect(limits({ memory: 100 })).toEqual({ memory: { limit: 100, swap: 200 } });
    expect(limits({ memory: 100, memorySwap: -1 })).toEqual({ memory: { limit: 100, swap: -1 } });
  });
  test("cpus are a quota; pids 0 is none", () => {
    expect(limits({ cpus: 1.5 })).toEqual({ cpu: { period: 100_000, quota: 150_000 } });
    expect(limits({ pids: 0 })).toEqual({ pids: { limit: -1 } });
    expect(limits({})).toEqual({});
  });
  test("device rules", () => {
    expect(parseDeviceRule("c 1:3 rwm")).toEqual({
      allow: true,
      type: "c",
      major: 1,
      minor: 3,
      access: "rwm",
    });
    expect(parseDeviceRule("b *:* r")).toEqual({ allow: true, type: "b", access: "r" });
    expect(parseDeviceRule("x 1:3 rwm")).toBeUndefined();
  });
});

describe("resolv.conf", () => {
  const none = { dns: [], dnsSearch: [], dnsOptions: [] };
  const net = { namespace: "new", nameservers: [], searchDomains: [] } as const;
  test("the host's without what is on its loopback; what was asked for in its place", () => {
    const host = "nameserver 127.0.0.53\nnameserver 9.9.9.9\nsearch a b\noptions edns0\n";
    expect(resolvConfOf(none, host, net)).toBe("nameserver 9.9.9.9\nsearch a b\noptions edns0\n");
    expect(resolvConfOf(none, "nameserver 127.0.0.53\n", net)).toBe(
      "nameserver 8.8.8.8\nnameserver 8.8.4.4\n",
    );
    expect(resolvConfOf({ ...none, dns: ["1.1.1.1"], dnsSearch: ["."] }, host, net)).toBe(
      "nameserver 1.1.1.1\noptions edns0\n",
    );
    expect(resolvConfOf(none, host, { ...net, namespace: "host" })).toContain("127.0.0.53");
  });
});

describe("what does not go together", () => {
  const check = (changes: object) => () => checkRequest(requestOf({ image: "x", ...changes }));
  test.each([
    [{ autoRemove: true, restart: { name: "always" } }, /--restart and --rm/],
    [{ network: { mode: { container: "a" } }, hostname: "h" }, /hostname and the network mode/],
    [{ network: { mode: "host" }, sysctls: { "net.a": "1" } }, /sysctl net.a/],
    [{ resources: { memory: 1000 } }, /6MB/],
    [{ resources: { memory: 100 << 20, memorySwap: 1 } }, /memoryswap/],
    [{ resources: { cpus: 1, cpuQuotaUs: 5 } }, /nano CPUs/],
    [{ image: undefined }, /made of an image/],
  ])("%j", (changes, message) => {
    expect(check(changes)).toThrow(message);
  });
  test("ports with the host's network are a warning", () => {
    const ports = [
      { hostIp: undefined, hostPort: 0, hostPortEnd: undefined, containerPort: 1, protocol: "tcp" },
    ];
    expect(check({ network: { mode: "host", ports } })()).toEqual([expect.stringContaining("discarded")]);
  });
});

describe("words", () => {
  test("signals", () => {
    expect(["TERM", "sigkill", "9", "RTMIN+3", "SIGRTMAX-1"].map(signalNumber)).toEqual([15, 9, 9, 37, 63]);
    for (const bad of ["NO", "0", "65", ""]) expect(() => signalNumber(bad)).toThrow(/invalid signal/);
  });
  test("times sort as text", () => {
    expect(timestampOf(1_700_000_000_000_000_005n)).toBe("2023-11-14T22:13:20.000000005Z");
  });
  test("a profile as docker has it: rules for capabilities, architectures and kernels", () => {
    const text = JSON.stringify({
      defaultAction: "SCMP_ACT_ERRNO",
      archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
      syscalls: [
        { names: ["a"], action: "SCMP_ACT_ALLOW" },
        { names: ["b"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_X"] } },
        { names: ["c"], action: "SCMP_ACT_ALLOW", excludes: { caps: ["CAP_X"] } },
        { names: ["d"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "9.0" } },
        { names: ["e"], action: "SCMP_ACT_ALLOW", includes: { arches: ["arm64"] } },
      ],
    });
    const profile = readSeccompFile(text, "6.1.0", "x64");
    const names = (held: string[]) =>
      (profile(held) as { syscalls: { names: string[] }[] }).syscalls.flatMap((rule) => rule.names);
    expect(names([])).toEqual(["a", "c"]);
    expect(names(["CAP_X"])).toEqual(["a", "b"]);
    expect(profile([])).toMatchObject({ architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"] });
  });
});
