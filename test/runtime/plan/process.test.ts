import { describe, expect, test } from "vitest";
import { dedupe, executableCandidates, lookUp } from "../../../src/runtime/plan/environment.ts";
import { stateAroundPid } from "../../../src/runtime/plan/hooks.ts";
import { hostId, mapArguments, mapText } from "../../../src/runtime/plan/id-maps.ts";
import { allCapabilities, capabilityBits } from "../../../src/runtime/plan/process.ts";
import { affinityOps, bitMask, ioPriorityOps } from "../../../src/runtime/plan/scheduling.ts";

describe("the environment", () => {
  test("each name once, the last one counts, in the order of first appearance", () => {
    expect(dedupe(["A=1", "B=2", "A=3", "C", "C=4"])).toEqual(["A=3", "B=2", "C=4"]);
  });

  test("lookUp finds the last, and a name's whole value", () => {
    expect(lookUp(["PATHS=x", "PATH=a=b", "PATH="], "PATH")).toBe("");
    expect(lookUp(["PATHS=x"], "PATH")).toBeUndefined();
  });

  test("a program with a slash is itself, any other is in each absolute directory of PATH", () => {
    expect(executableCandidates("/bin/sh", ["PATH=/a"])).toEqual(["/bin/sh"]);
    expect(executableCandidates("./x", ["PATH=/a"])).toEqual(["./x"]);
    expect(executableCandidates("sh", ["PATH=/a:rel::/b/"])).toEqual(["/a/sh", "/b/sh"]);
    expect(executableCandidates("sh", [])).toEqual([]);
  });
});

describe("id maps", () => {
  const maps = [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100000, size: 65536 },
  ];

  test("as the kernel, and as newuidmap(1) takes them", () => {
    expect(mapText(maps)).toBe("0 1000 1\n1 100000 65536\n");
    expect(mapArguments(maps)).toEqual([0, 1000, 1, 1, 100000, 65536]);
  });

  test("the id on the host, where there is one", () => {
    expect([0, 1, 65536, 65537].map((id) => hostId(maps, id))).toEqual([1000, 100000, 165535, undefined]);
  });
});

describe("capability sets", () => {
  const warnings: string[] = [];
  const bits = (sets: object, available = allCapabilities(40)): object =>
    capabilityBits(sets as never, available, (text) => warnings.push(text));

  test("none at all", () => {
    expect(capabilityBits(undefined, allCapabilities(40), () => {})).toEqual({
      bounding: 0n,
      effective: 0n,
      permitted: 0n,
      inheritable: 0n,
      ambient: 0n,
    });
  });

  test("effective is part of permitted, ambient of permitted and inheritable", () => {
    expect(
      bits({
        effective: ["CAP_CHOWN", "CAP_KILL"],
        permitted: ["CAP_KILL"],
        inheritable: [],
        ambient: ["CAP_KILL"],
      }),
    ).toMatchObject({
      effective: 1n << 5n,
      permitted: 1n << 5n,
      ambient: 0n,
    });
  });

  test("what is not available, or not known, is left out with one warning", () => {
    warnings.length = 0;
    expect(bits({ bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NONSENSE"] }, 1n)).toMatchObject({ bounding: 1n });
    expect(warnings).toEqual([expect.stringMatching(/CAP_KILL, CAP_NONSENSE/)]);
  });

  test("number 40 is a bit beyond what a JavaScript number's operators can do", () => {
    expect(bits({ bounding: ["CAP_CHECKPOINT_RESTORE"] })).toMatchObject({ bounding: 1n << 40n });
  });
});

describe("masks and structs", () => {
  test("a mask is whole 64-bit words, lowest bit first", () => {
    expect([...bitMask([0, 9])]).toEqual([1, 2, 0, 0, 0, 0, 0, 0]);
    expect(bitMask([64])).toHaveLength(16);
    expect(bitMask([])).toHaveLength(8);
  });

  test("a list of CPUs", () => {
    expect(affinityOps("0-2,5", "here")).toEqual([
      { op: "sched_setaffinity", mask: bitMask([0, 1, 2, 5]), at: "here" },
    ]);
    expect(affinityOps(undefined, "here")).toEqual([]);
  });

  test("an I/O priority has its class in the top bits", () => {
    expect(ioPriorityOps({ class: "IOPRIO_CLASS_IDLE", priority: 7 })).toMatchObject([{ ioprio: 0x6007 }]);
  });
});

describe("the state that a hook in the container reads", () => {
  test("is one JSON document once init has put its pid between the halves", () => {
    const state = {
      ociVersion: "1.2.0",
      id: "c",
      status: "creating",
      bundle: "/b",
      annotations: { k: "v" },
    } as const;
    const { before, after } = stateAroundPid(state);
    expect(JSON.parse(`${before}42${after}`)).toEqual({ ...state, pid: 42 });
  });
});
