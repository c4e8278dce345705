/** The schemas are classes of our own that zod takes for its own: this breaks when a zod release changes what that means. */
import { describe, expect, expectTypeOf, test } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { Config } from "../../../src/spec/runtime/config.ts";
import { LinuxIDMapping } from "../../../src/spec/runtime/id-mapping.ts";
import type { Int64 } from "../../../src/spec/runtime/json.ts";
import { annotations } from "../../../src/spec/runtime/leaves.ts";
import { Mount } from "../../../src/spec/runtime/mount.ts";
import { readDocument } from "../../../src/spec/runtime/parse.ts";
import { optional } from "../../../src/spec/runtime/schema.ts";
import { configValue } from "./support.ts";

describe.each([
  ["zod", z],
  ["zod/mini", mini],
] as const)("%s", (_name, zod) => {
  test("parses with a schema of runt", () => {
    expect(zod.parse(Config, configValue("docker"))).toEqual(
      readDocument(Config, configValue("docker"), { where: "config.json", operation: "create" }),
    );
  });

  test("reports what a schema of runt refuses as an issue with its path", () => {
    const result = zod.safeParse(Config, {
      ociVersion: "1.0.0",
      root: { path: "r" },
      process: { args: [5] },
    });
    expect(result.success).toBe(false);
    expect(result.error?.issues).toMatchObject([
      { code: "custom", path: ["process", "args", 0], message: "must be a string, not 5" },
    ]);
  });

  test("nests schemas of runt in its own", () => {
    const Pod = zod.object({
      name: zod.string(),
      mounts: zod.array(Mount),
      map: optional(LinuxIDMapping),
      labels: annotations,
    });
    expect(zod.parse(Pod, { name: "p", mounts: [{ destination: "x" }] })).toEqual({
      name: "p",
      mounts: [{ destination: "/x", options: [], uidMappings: [], gidMappings: [] }],
      labels: {},
    });
    const refused = zod.safeParse(Pod, { name: "p", mounts: [{ destination: "/x" }, { destination: "" }] });
    expect(refused.error?.issues).toMatchObject([
      { path: ["mounts", 1, "destination"], message: "must not be empty" },
    ]);
    expect(
      zod.safeParse(Pod, { name: "p", mounts: [], map: { containerID: 0 } }).error?.issues,
    ).toMatchObject([{ path: ["map", "hostID"], message: "is required" }]);
  });
});

test("z.infer gives the types that the schemas give", () => {
  type C = z.infer<typeof Config>;
  expectTypeOf<C["process"]["args"]>().toEqualTypeOf<string[]>();
  expectTypeOf<C["process"]["user"]["umask"]>().toEqualTypeOf<number | undefined>();
  expectTypeOf<C["hostname"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<C["linux"]["resources"]["memory"]["limit"]>().toEqualTypeOf<Int64 | undefined>();
  expectTypeOf<C["linux"]["namespaces"][number]["type"]>().toEqualTypeOf<
    "cgroup" | "ipc" | "mount" | "network" | "pid" | "time" | "user" | "uts"
  >();
  expectTypeOf<C["annotations"]>().toEqualTypeOf<Record<string, string>>();
});
