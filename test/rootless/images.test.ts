import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { digestOf } from "../../src/spec/image/digest.ts";
import { archive } from "../support/archive.ts";
import { asUser, OrdinaryUser, subordinate } from "./support.ts";

let user: OrdinaryUser;
beforeAll(() => {
  user = new OrdinaryUser();
  writeFileSync(join(user.directory, "image.tar"), anArchive());
});
afterAll(() => user[Symbol.dispose]());

/** An image with files of many owners, a device, and a second layer that takes a file away. */
function anArchive(): Buffer {
  const layers = [
    archive(
      ...["bin", "dev", "proc", "sys", "etc"].map((name) => ({ name: `${name}/`, type: "5" })),
      { name: "bin/busybox", mode: 0o755, data: readFileSync("/bin/busybox") },
      ...["sh", "ls", "stat", "cat", "touch", "id", "rm"].map((applet) => ({
        name: `bin/${applet}`,
        type: "2",
        linkname: "busybox",
      })),
      { name: "etc/gshadow", uid: 0, gid: 42, mode: 0o640, data: "x" },
      { name: "etc/suid", uid: 7, gid: 8, mode: 0o4755, data: "x" },
      { name: "dev/null", type: "3", major: 1, minor: 3 },
      { name: "etc/gone", data: "x" },
    ),
    archive({ name: "etc/.wh.gone" }, { name: "etc/new", uid: 1000, gid: 1000, data: "x" }),
  ];
  const config = JSON.stringify({
    os: "linux",
    architecture: { x64: "amd64" }[process.arch as "x64"] ?? process.arch,
    config: { Cmd: ["/bin/sh"], Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => digestOf(layer)) },
  });
  const Layers = layers.map((_, i) => `${i}.tar`);
  return archive(
    { name: "config.json", data: config },
    ...layers.map((data, i) => ({ name: Layers[i]!, data })),
    { name: "manifest.json", data: JSON.stringify([{ Config: "config.json", RepoTags: ["a:1"], Layers }]) },
  );
}

describe("images of an ordinary user", () => {
  asUser(
    "files get their owners from the subordinate ids, and the container sees them as the image says",
    () => {
      const load = user.runtImages(["load", "-i", join(user.directory, "image.tar")]);
      expect(load).toMatchObject({ status: 0, stdout: "Loaded image: a:1\n" });
      expect(load.stderr).toMatch(
        /^warning: .*dev\/null.* is a device, which a user namespace cannot make\n$/,
      );
      expect(user.runtImages(["images", "-q"]).stdout).toMatch(/^[0-9a-f]{12}\n$/);

      const bundle = join(user.directory, "home", "bundle");
      const script = "stat -c '%a %u:%g %n' /etc/*; id; touch /etc/mine; rm /etc/new";
      const unpack = user.runtImages(["unpack", "-u", "7:8", "a:1", bundle, "/bin/sh", "-c", script]);
      expect(unpack).toMatchObject({ status: 0, stdout: "", stderr: expect.not.stringContaining("error") });
      const run = user.runt(["run", "--bundle", bundle, user.id()]);
      expect(run.stdout).toContain("640 0:42 /etc/gshadow\n");
      expect(run.stdout).toContain("4755 7:8 /etc/suid\n");
      expect(run.stdout).toContain("1000:1000 /etc/new\n");
      expect(run.stdout).toContain("uid=7 gid=8");
      expect(run.stdout).not.toContain("gone");

      const own = user.runtImages(["unpack", "a:1", `${bundle}2`, "/bin/sh", "-c", "touch /mine; ls /etc"]);
      expect(own.status).toBe(0);
      expect(user.ok(["run", "--bundle", `${bundle}2`, user.id()])).toContain("suid");
      const layer = user.spawn(["sh", "-c", 'find "$HOME" -name suid']).stdout.trim();
      expect(statSync(layer)).toMatchObject({ uid: subordinate.first + 6, gid: subordinate.first + 7 });

      // Files of others the user may not delete but in the namespace.
      expect(user.runtImages(["unshare", "rm", "-r", bundle, `${bundle}2`])).toMatchObject({ status: 0 });
      expect(user.runtImages(["rmi", "a:1"])).toMatchObject({ status: 0, stderr: "" });
      expect(user.runtImages(["image", "fsck"]).stdout).toMatch(/^0 blobs .* 0 layers: sound\n$/);
    },
  );

  asUser("without subordinate ids: a line that says what is missing, and nothing is left", () => {
    const load = user.runtImages(["load", "-i", join(user.directory, "image.tar")], {
      through: ["unshare", "--user", "--map-user=1234", "--map-group=1234"],
    });
    expect(load.status).toBe(1);
    expect(load.stderr).toMatch(
      /^error: layer entry "etc\/(?:gshadow|new)": .*: an owner that this user namespace has no id for; it has those of \/etc\/subuid and \/etc\/subgid\n$/,
    );
    expect(user.runtImages(["image", "fsck"]).stdout).toMatch(/ 0 images, 0 layers: sound\n$/);
  });
});
