import { afterAll, beforeAll, describe, expect } from "vitest";
import { dev, devpts, namespaces, proc } from "../support/bundle.ts";
import { asUser, OrdinaryUser } from "./support.ts";

let user: OrdinaryUser;
beforeAll(() => {
  user = new OrdinaryUser();
});
afterAll(() => user[Symbol.dispose]());

/** As podman runs a runtime for an ordinary user: root of a user namespace, which the container then shares. */
const noUserns = {
  namespaces: namespaces("pid", "ipc", "uts", "mount"),
  uidMappings: undefined,
  gidMappings: undefined,
};

describe("root of a user namespace", () => {
  for (const [name, through] of [
    ["with one id", ["unshare", "--user", "--map-root-user"]],
    ["with one id, in a mount namespace of its own", ["unshare", "--user", "--map-root-user", "--mount"]],
    ["with subordinate ids", ["unshare", "--map-root-user", "--map-auto", "--mount"]],
  ] as const) {
    asUser(`${name}: a container in the same user namespace`, async () => {
      const report = await user.probe({ linux: noUserns }, ["/dev/null", "/dev/tty"], { through });
      expect(report).toMatchObject({ uid: 0, pid: 1, hostname: "inside" });
      expect(report.paths["/dev/null"]).toMatchObject({ type: "c", major: 1, minor: 3, write: 0 });
    });

    asUser(`${name}: a container in a user namespace below`, async () => {
      const one = [{ containerID: 0, hostID: 0, size: 1 }];
      const linux = { uidMappings: one, gidMappings: one, maskedPaths: ["/proc/keys", "/proc/timer_list"] };
      const report = await user.probe({ linux }, ["/proc/keys", "/proc/timer_list"], { through });
      expect(report).toMatchObject({ uid: 0, pid: 1 });
      for (const path of ["/proc/keys", "/proc/timer_list"])
        expect(report.paths[path]).toMatchObject({ type: "c", minor: 3 });
    });
  }

  asUser("gives out its own ids without newuidmap, and additional groups", async () => {
    const maps = [{ containerID: 0, hostID: 1, size: 1000 }];
    const through = ["unshare", "--map-root-user", "--map-auto"];
    const process = { user: { uid: 10, gid: 10, additionalGids: [20] } };
    // Its own id is not in the map: who would enter the bundle must be let in as somebody else.
    const report = await user.probe({ process, linux: { uidMappings: maps, gidMappings: maps } }, [], {
      through,
    });
    expect(report).toMatchObject({ uid: 10, gid: 10, groups: [20] });
  });

  asUser("networks of its own come with sysfs, the host's with a bind of it", async () => {
    const sysfs = {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["ro", "nosuid", "nodev", "noexec"],
    };
    const through = ["unshare", "--user", "--map-root-user", "--mount"];
    const mounts = [proc, dev, devpts, sysfs];
    const own = await user.probe(
      { mounts, linux: { ...noUserns, namespaces: [...noUserns.namespaces, { type: "network" }] } },
      ["/sys/class/net"],
      { through },
    );
    expect(own.paths["/sys/class/net"]!.entries).toEqual(["lo"]);
    const shared = await user.probe({ mounts, linux: noUserns }, ["/sys/class/net"], { through });
    expect(shared.paths["/sys/class/net"]!.entries).toContain("lo");
  });

  asUser("exec into its container", async () => {
    await using bundle = await user.bundle({ process: { args: ["sleep", "100"] }, linux: noUserns });
    const runt =
      'cd /; runt run --detach --bundle "$1" x </dev/null >/dev/null 2>&1; runt exec x /probe; runt delete --force x';
    const { stdout, stderr } = user.script(runt, ["unshare", "--user", "--map-root-user"], [bundle.path]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({ uid: 0, hostname: "inside" });
  });
});
