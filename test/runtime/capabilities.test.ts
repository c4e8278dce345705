import { describe, expect } from "vitest";
import { aContainer, probeIn, refusal, runBundle } from "../support/container.ts";
import { asRoot, missing } from "../support/needs.ts";
import type { Report } from "../support/probe.ts";

const numbers = {
  CAP_CHOWN: 0,
  CAP_KILL: 5,
  CAP_NET_BIND_SERVICE: 10,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
} as const;
type Name = keyof typeof numbers;

const bits = (...names: Name[]): string =>
  names
    .reduce((mask, name) => mask | (1n << BigInt(numbers[name])), 0n)
    .toString(16)
    .padStart(16, "0");

function sets({ status }: Report): Record<string, string> {
  const { CapBnd = "", CapEff = "", CapPrm = "", CapInh = "", CapAmb = "" } = status;
  return { bounding: CapBnd, effective: CapEff, permitted: CapPrm, inheritable: CapInh, ambient: CapAmb };
}

const none = bits();
const two: Name[] = ["CAP_CHOWN", "CAP_KILL"];

describe("process.capabilities — runtime-spec config.md#linux-process", () => {
  asRoot("without them the process has none at all", async () => {
    expect(sets(await probeIn())).toEqual({
      bounding: none,
      effective: none,
      permitted: none,
      inheritable: none,
      ambient: none,
    });
  });

  asRoot(
    "root gets what its bounding set has; nothing is inheritable unless said (CVE-2022-29162)",
    async () => {
      const capabilities = { bounding: two, effective: two, permitted: two };
      const report = await probeIn({ process: { capabilities } });
      expect(sets(report)).toEqual({
        bounding: bits(...two),
        effective: bits(...two),
        permitted: bits(...two),
        inheritable: none,
        ambient: none,
      });
    },
  );

  asRoot("the bounding set alone, wider than the others", async () => {
    const capabilities = { bounding: [...two, "CAP_SYS_ADMIN"], effective: [], permitted: [] };
    const report = await probeIn({ process: { user: { uid: 1000, gid: 1000 }, capabilities } });
    expect(sets(report)).toMatchObject({
      bounding: bits(...two, "CAP_SYS_ADMIN"),
      effective: none,
      permitted: none,
    });
  });

  asRoot("another user than root keeps only what is ambient", async () => {
    const capabilities = {
      bounding: two,
      effective: two,
      permitted: two,
      inheritable: two,
      ambient: ["CAP_KILL"],
    };
    const report = await probeIn({ process: { user: { uid: 1000, gid: 1000 }, capabilities } });
    expect(sets(report)).toEqual({
      bounding: bits(...two),
      effective: bits("CAP_KILL"),
      permitted: bits("CAP_KILL"),
      inheritable: bits(...two),
      ambient: bits("CAP_KILL"),
    });
  });

  asRoot("ambient ones that are not inheritable cannot be had, and do not fail", async () => {
    const capabilities = { bounding: two, effective: two, permitted: two, inheritable: [], ambient: two };
    const report = await probeIn({ process: { user: { uid: 1000, gid: 1000 }, capabilities } });
    expect(sets(report)).toMatchObject({ ambient: none });
  });

  asRoot("a name that is unknown: a warning, not an error", async () => {
    const capabilities = {
      bounding: ["CAP_KILL", "CAP_NONSENSE"],
      effective: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
    };
    const { status, log, stdout } = await runBundle({ process: { capabilities } });
    expect(status).toEqual({ exited: 0 });
    expect(stdout).toMatch(/CapBnd:\\t0000000000000020|CapBnd:.{1,8}0000000000000020/);
    expect(log.join("\n")).toMatch(/warning: .*CAP_NONSENSE/);
  });

  asRoot("one that the runtime has not itself: a warning, not an error", async (context) => {
    context.skip(missing("no CAP_SYS_RESOURCE") !== undefined, "needs no CAP_SYS_RESOURCE");
    const names = ["CAP_KILL", "CAP_SYS_RESOURCE"];
    const { status, log } = await runBundle({
      process: { capabilities: { bounding: names, effective: names, permitted: names } },
    });
    expect(status).toEqual({ exited: 0 });
    expect(log.join("\n")).toMatch(/warning: .*CAP_SYS_RESOURCE/);
  });

  asRoot("what is not a list of names: InvalidArgument", async () => {
    expect(await refusal({ process: { capabilities: { bounding: "CAP_KILL" } } })).toMatchObject({
      kind: "InvalidArgument",
    });
  });

  asRoot("exec has the container's, and those of --cap beside them", async () => {
    const capabilities = { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] };
    await using c = await aContainer({ config: { process: { capabilities } } });
    expect(sets(await c.probe())).toMatchObject({ bounding: bits("CAP_KILL"), effective: bits("CAP_KILL") });
    const more = await c.probe([], { capabilities: ["CAP_SYS_ADMIN", "net_bind_service"] });
    expect(sets(more)).toMatchObject({
      bounding: bits("CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_BIND_SERVICE"),
      effective: bits("CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_BIND_SERVICE"),
      inheritable: none,
    });
  });

  asRoot("exec with a capability that does not exist: InvalidArgument", async () => {
    await using c = await aContainer();
    await expect(c.exec(["true"], { capabilities: ["nonsense"] })).rejects.toMatchObject({
      kind: "InvalidArgument",
      site: { subject: "--cap" },
    });
  });
});
