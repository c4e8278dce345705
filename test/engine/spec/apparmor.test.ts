import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { profileName } from "../../../src/engine/spec/apparmor.ts";
import { needs } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

const usual = { apparmor: undefined, privileged: false };
const host = { enabled: true, parser: "/sbin/apparmor_parser" };

describe("which AppArmor profile a container gets", () => {
  test.each([
    ["ours, where the machine has AppArmor", usual, host, "runt-default"],
    ["none without AppArmor", usual, { enabled: false, parser: undefined }, undefined],
    ["none where nothing loads profiles", usual, { enabled: true, parser: undefined }, undefined],
    ["none for a privileged one", { ...usual, privileged: true }, host, undefined],
    ["none if that is asked for", { ...usual, apparmor: "unconfined" }, host, undefined],
    ["one that is asked for", { ...usual, apparmor: "mine" }, host, "mine"],
    ["that of a privileged one too", { apparmor: "mine", privileged: true }, host, "mine"],
  ])("%s", (_, security, machine, name) => {
    expect(profileName(security, machine)).toBe(name);
  });
});

describe("--security-opt apparmor — docker run", () => {
  const confined = needs("root", "apparmor", "program:apparmor_parser");
  const powerful = {
    privileged: false,
    capAdd: ["CAP_SYS_ADMIN"],
    capDrop: [],
    noNewPrivileges: false,
    seccomp: "unconfined",
    labels: [],
    systemPaths: "hidden",
  } as const;
  const script =
    "cat /proc/self/attr/current; mount -t tmpfs x /tmp 2>/dev/null; echo $?; echo x >/tmp/y; cat /tmp/y";

  beforeAll(prepareEngines);
  afterAll(forgetEngines);

  confined(
    "the default profile confines all its processes, and denies mounts",
    async () => {
      await using t = await TestEngine.open();
      const changes = { security: { ...powerful, apparmor: undefined } };
      expect((await t.output(t.script(script, changes))).stdout).toBe("runt-default (enforce)\n255\nx\n");
      const id = await t.running(t.script("sleep 1000", changes));
      const process = await t.engine.exec(id, { args: ["cat", "/proc/self/attr/current"] });
      let seen = "";
      for await (const bytes of process.stdout!) seen += bytes;
      await process.wait();
      expect(seen).toBe("runt-default (enforce)\n");
      expect((await t.engine.inspect(id)).AppArmorProfile).toBe("runt-default");
      await t.engine.remove(id, { force: true });
    },
    300_000,
  );

  confined(
    "unconfined is without, and a profile that is not there is an error",
    async () => {
      await using t = await TestEngine.open();
      const free = t.script(script, { security: { ...powerful, apparmor: "unconfined" } });
      expect((await t.output(free)).stdout).toBe("unconfined\n0\nx\n");
      const { id } = await t.engine.create(
        t.script("true", { security: { ...powerful, apparmor: "no-such-profile" } }),
      );
      await expect(t.engine.start(id)).rejects.toThrow(/no-such-profile|apparmor/i);
      await t.engine.remove(id);
    },
    300_000,
  );
});
