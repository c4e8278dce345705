/** policy.json(5): what may be pulled, as skopeo understands the same file. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseReference } from "../../../src/image/reference/reference.ts";
import { checkPolicy, policyFile } from "../../../src/image/registries-conf/policy.ts";
import { ImageStore } from "../../../src/image/store.ts";
import { missing } from "../../support/needs.ts";
import { hasRegistry, startRegistry, type TestRegistry } from "../../support/registry.ts";
import { tarOf } from "../content/images.ts";
import { TemporaryDirectory } from "../registry/fixture.ts";

const [accept, reject] = [[{ type: "insecureAcceptAnything" }], [{ type: "reject" }]];

const outcome = async (policy: unknown, name: string): Promise<string> => {
  using directory = new TemporaryDirectory();
  const file = directory.write("policy.json", typeof policy === "string" ? policy : JSON.stringify(policy));
  return await checkPolicy(parseReference(name), file).then(
    () => "accepted",
    (error: { kind: string }) => error.kind,
  );
};

describe("policy.json — containers-policy.json(5)", () => {
  test.each([
    ["default", { default: accept }, "a.org/x", "accepted"],
    ["default", { default: reject }, "a.org/x", "PermissionDenied"],
    ["all of docker's", { default: reject, transports: { docker: { "": accept } } }, "a.org/x", "accepted"],
    ["a host", { default: reject, transports: { docker: { "a.org": accept } } }, "a.org/x", "accepted"],
    [
      "another host",
      { default: reject, transports: { docker: { "b.org": accept } } },
      "a.org/x",
      "PermissionDenied",
    ],
    [
      "part of a registry",
      { default: accept, transports: { docker: { "a.org/x": reject } } },
      "a.org/x/y:1",
      "PermissionDenied",
    ],
    [
      "not half a step",
      { default: accept, transports: { docker: { "a.org/x": reject } } },
      "a.org/xy:1",
      "accepted",
    ],
    [
      "the longest",
      { default: reject, transports: { docker: { "a.org": reject, "a.org/x": accept } } },
      "a.org/x/y:1",
      "accepted",
    ],
    [
      "one tag",
      { default: accept, transports: { docker: { "a.org/x:1": reject } } },
      "a.org/x:1",
      "PermissionDenied",
    ],
    [
      "another tag",
      { default: accept, transports: { docker: { "a.org/x:1": reject } } },
      "a.org/x:2",
      "accepted",
    ],
    [
      "docker.io",
      { default: accept, transports: { docker: { "docker.io/library": reject } } },
      "busybox",
      "PermissionDenied",
    ],
    [
      "domains",
      { default: reject, transports: { docker: { "*.a.org": accept } } },
      "x.y.a.org/z",
      "accepted",
    ],
    [
      "not the domain itself",
      { default: reject, transports: { docker: { "*.a.org": accept } } },
      "a.org/z",
      "PermissionDenied",
    ],
    ["signatures", { default: [{ type: "signedBy", keyType: "GPGKeys" }] }, "a.org/x", "Unimplemented"],
    ["all that is said", { default: [...accept, ...reject] }, "a.org/x", "PermissionDenied"],
    ["no requirement", { default: [] }, "a.org/x", "InvalidArgument"],
    ["no default", { transports: {} }, "a.org/x", "InvalidArgument"],
    ["no JSON", "{", "a.org/x", "InvalidArgument"],
  ])("%s: %j of %s is %s", async (_what, policy, name, expected) => {
    expect(await outcome(policy, name)).toBe(expected);
  });

  test("a user's own file is instead of the machine's; where there is none there is no policy", async () => {
    using home = new TemporaryDirectory();
    expect(policyFile({ HOME: home.path })).toBe("/etc/containers/policy.json");
    const own = home.write(".config/containers/policy.json", "{}");
    expect(policyFile({ HOME: home.path })).toBe(own);
    await checkPolicy(parseReference("a.org/x"), join(home.path, "nothing"));
  });
});

const gone = hasRegistry ? missing("root", "program:skopeo") : "docker-registry";

describe.skipIf(gone !== undefined)(`policy.json beside skopeo${gone ? ` (needs ${gone})` : ""}`, () => {
  const directory = new TemporaryDirectory();
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startRegistry();
    const store = await ImageStore.open(join(directory.path, "store"));
    const bytes = (async function* () {
      yield tarOf("policy");
    })();
    for (const name of ["app", "app/deeper"]) {
      if (name === "app") await store.import({ name, bytes }, `${registry.domain}/app:1`, {});
      else await store.tag(`${registry.domain}/app:1`, `${registry.domain}/${name}:1`);
      await store.push(`${registry.domain}/${name}:1`);
    }
  }, 120_000);

  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  test.each([
    ["the repository is rejected", { H: accept, "H/app": reject }, [false, false]],
    ["a deeper one is accepted", { "H/app": reject, "H/app/deeper": accept }, [false, true]],
    ["one tag is rejected", { "H/app:1": reject }, [false, true]],
    ["a wildcard", { "*.0.0.1": reject }, [false, false]],
    ["another host", { "localhost:5000": reject }, [true, true]],
  ])("%s", async (_what, scopes, expected) => {
    using home = new TemporaryDirectory();
    const docker = Object.fromEntries(
      Object.entries(scopes).map(([scope, requirements]) => [
        scope.replace("H", registry.domain),
        requirements,
      ]),
    );
    const policy = home.write(
      ".config/containers/policy.json",
      JSON.stringify({ default: accept, transports: { docker } }),
    );
    const store = await ImageStore.open(join(home.path, "store"));
    const found = [];
    for (const name of ["app", "app/deeper"]) {
      const full = `${registry.domain}/${name}:1`;
      const skopeo = promisify(execFile)("skopeo", [
        ...["--policy", policy, "copy", "--src-tls-verify=false"],
        ...[`docker://${full}`, `dir:${join(home.path, name.replace("/", "-"))}`],
      ]).then(
        () => true,
        () => false,
      );
      const registryOptions = { environment: { HOME: home.path }, hostDirectories: [] };
      const runt = store.pull(full, { registry: registryOptions }).then(
        () => true,
        (error: { kind: string }) => error.kind !== "PermissionDenied",
      );
      found.push({ skopeo: await skopeo, runt: await runt });
    }
    expect(found).toEqual(expected.map((one) => ({ skopeo: one, runt: one })));
  });
});
