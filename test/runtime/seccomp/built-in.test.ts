/** Filters that the build has compiled: they are what would be compiled, and nobody else's. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { builtFilters } from "../../../scripts/built-filters.ts";
import { capabilitiesOf } from "../../../src/engine/spec/capabilities.ts";
import { defaultSeccomp } from "../../../src/engine/spec/seccomp-profile.ts";
import { hostFacts } from "../../../src/runtime/host/measure.ts";
import { supportedSeccompFlags } from "../../../src/runtime/host/seccomp.ts";
import { compileSeccomp } from "../../../src/runtime/seccomp/compile.ts";
import { readConfig } from "../../../src/spec/runtime/config.ts";

const nothing = { add: [], drop: [], privileged: false };
const known = capabilitiesOf(nothing, []);

/** As the engine gives it to the runtime. */
function configWith(capabilities: readonly string[]) {
  const config = {
    ociVersion: "1.3.0",
    root: { path: "/" },
    process: { args: ["true"], cwd: "/", user: { uid: 0, gid: 0 } },
    linux: { namespaces: [], seccomp: defaultSeccomp(capabilities) },
  };
  return readConfig(config, "config", "create");
}

/** A program with these filters built in. */
async function aProgram(filters: string) {
  vi.resetModules();
  vi.stubGlobal("BUILT_FILTERS", filters);
  const { compileFilter } = await import("../../../src/runtime/container/prepare.ts");
  return compileFilter;
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe("a built filter", () => {
  const host = hostFacts();
  const compiled = (config: ReturnType<typeof configWith>) =>
    compileSeccomp(config.linux.seccomp!, { arch: host.arch, supportedFlags: supportedSeccompFlags() });

  test("is what the engine's default profile would be compiled to", async () => {
    const config = configWith(known);
    const compileFilter = await aProgram(JSON.stringify(builtFilters()));
    const { filter, ...rest } = (await compileFilter(config, host))!;
    const { filter: expected, ...others } = compiled(config);
    expect(Buffer.from(filter).equals(expected)).toBe(true);
    expect(rest).toEqual(others);
  });

  test("is taken where there is one, or building it would be in vain", async () => {
    const marked = builtFilters().map((one) => ({ ...one, filter: Buffer.alloc(8, 7).toString("base64") }));
    const compileFilter = await aProgram(JSON.stringify(marked));
    expect([...(await compileFilter(configWith(known), host))!.filter]).toEqual(Array(8).fill(7));
  });

  test("is not taken for another profile, nor on another machine", async () => {
    const marked = builtFilters().map((one) => ({ ...one, filter: Buffer.alloc(8, 7).toString("base64") }));
    const more = configWith([...known, "CAP_SYS_PTRACE"]);
    const compileFilter = await aProgram(JSON.stringify(marked));
    expect(Buffer.from((await compileFilter(more, host))!.filter).equals(compiled(more).filter)).toBe(true);
    const elsewhere = await aProgram(JSON.stringify(marked.map((one) => ({ ...one, arch: "riscv64" }))));
    const usual = configWith(known);
    expect(Buffer.from((await elsewhere(usual, host))!.filter).equals(compiled(usual).filter)).toBe(true);
  });
});
