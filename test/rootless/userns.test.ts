/** `--userns` of an ordinary user: its own id where it is to be, and files of the image with the owners that it says. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { archive } from "../support/archive.ts";
import { asUser, OrdinaryUser, uid } from "./support.ts";

let user: OrdinaryUser;
beforeAll(() => {
  user = new OrdinaryUser();
  writeFileSync(join(user.directory, "image.tar"), aRootfs());
  expect(user.runtImages(["import", join(user.directory, "image.tar"), "bb"])).toMatchObject({ status: 0 });
});
afterAll(() => user[Symbol.dispose]());

function aRootfs(): Buffer {
  return archive(
    ...["bin", "dev", "proc", "sys", "etc", "mnt", "tmp"].map((name) => ({ name: `${name}/`, type: "5" })),
    { name: "bin/busybox", mode: 0o755, data: readFileSync("/bin/busybox") },
    ...["sh", "ls", "stat", "cat", "touch", "id", "rm", "chown"].map((applet) => ({
      name: `bin/${applet}`,
      type: "2",
      linkname: "busybox",
    })),
    { name: "etc/theirs", uid: 7, gid: 8, data: "x" },
  );
}

/** Without cgroups, which only some machines give to an ordinary user. */
const runt = (...args: string[]) => user.runtImages(["--cgroup-manager", "disabled", ...args]);
const run = (flags: string[], script: string) =>
  runt("run", "--rm", "--network", "none", ...flags, "bb", "sh", "-c", script);
const lines = (text: string) => text.trim().split(/\s*\n\s*/);

describe("run --userns of an ordinary user", () => {
  asUser("keep-id: its id is the same inside, and what it writes to its own directory is its own", () => {
    const home = join(user.directory, "home");
    const script =
      "cat /proc/self/uid_map; id -u; stat -c '%u:%g' /etc/theirs /bin/busybox; touch /mnt/made; echo e >&2";
    const result = run(["--userns", "keep-id", "-v", `${home}:/mnt`], script);
    expect(result).toMatchObject({ status: 0, stderr: "e\n" });
    expect(lines(result.stdout).map((line) => line.replaceAll(/\s+/g, " "))).toEqual([
      ...[`0 1 ${uid}`, `${uid} 0 1`, `${uid + 1} ${uid + 1} ${65_536 - uid}`],
      ...[`${uid}`, "7:8", "0:0"],
    ]);
    expect(statSync(join(home, "made"))).toMatchObject({ uid, gid: uid });
  });

  asUser("keep-id:uid=,gid= and nomap", () => {
    const kept = run(["--userns", "keep-id:uid=200,gid=210"], "id -u; id -g");
    expect(kept).toMatchObject({ status: 0, stdout: "200\n210\n" });
    const none = run(["--userns", "nomap"], "cat /proc/self/uid_map; id -u");
    expect(lines(none.stdout).map((line) => line.replaceAll(/\s+/g, " "))).toEqual(["0 1 65536", "0"]);
  });

  asUser("diff, commit and cp: owners as in the container", () => {
    const script = "echo x > /mine; chown 3:4 /mine; rm /bin/rm; echo y >> /etc/theirs";
    const made = runt(
      ...["run", "--name", "kept", "--network", "none", "--userns", "keep-id", "-u", "0"],
      ...["bb", "sh", "-c", script],
    );
    expect(made).toMatchObject({ status: 0, stderr: "" });
    expect(lines(runt("diff", "kept").stdout)).toEqual([
      ...["C /bin", "D /bin/rm", "C /etc", "C /etc/theirs", "A /mine"],
    ]);
    expect(runt("commit", "kept", "changed")).toMatchObject({ status: 0 });
    const seen = runt(
      ...["run", "--rm", "--network", "none", "changed"],
      ...["stat", "-c", "%u:%g %n", "/mine", "/etc/theirs", "/bin/busybox"],
    );
    expect(lines(seen.stdout)).toEqual(["3:4 /mine", "7:8 /etc/theirs", "0:0 /bin/busybox"]);
    expect(runt("rm", "kept")).toMatchObject({ status: 0 });
  });

  asUser("auto of ids that the image does not fit into, and idmap, are refused in a line", () => {
    const small = run(["--userns", "auto:size=5"], "true");
    expect(small.stderr).toMatch(/^error: the image has files of 7:8, .*\n$/);
    const idmap = run(["--userns", "keep-id", "-v", "/tmp:/mnt:idmap"], "true");
    expect(idmap.stderr).toMatch(/^error: mount at \/mnt: idmap is for root: .*\n$/);
    expect(lines(runt("ps", "-aq").stdout)).toEqual([""]);
  });
});
