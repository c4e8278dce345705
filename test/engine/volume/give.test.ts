/** `U` of `-v`: what is given to a container's user, and what is not. */
import { execFileSync } from "node:child_process";
import {
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Definition } from "../../../src/engine/record.ts";
import { isEverybodys } from "../../../src/engine/volume/everybodys.ts";
import { giveMounts } from "../../../src/engine/volume/give.ts";
import { testPrefix } from "../../support/bundle.ts";
import { asRoot } from "../../support/needs.ts";

let directory: string;
let source: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `${testPrefix}-give-`));
  source = join(directory, "source");
  mkdirSync(join(source, "inner"), { recursive: true });
  writeFileSync(join(source, "inner/file"), "");
  symlinkSync("/etc/passwd", join(source, "link"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const line = (containerID: number, hostID: number, size = 10) => [{ containerID, hostID, size }];
const maps = { uid: line(0, 300_000), gid: line(0, 400_000) };

function give(mount: object, user = { uid: 5, gid: 6 }, more: object = {}): void {
  const bind = { type: "bind", source, destination: "/mnt", chown: true, ...mount };
  giveMounts({ mounts: [bind], ...more } as unknown as Definition, user);
}

const ownerOf = (path: string) => {
  const { uid, gid } = lstatSync(path);
  return `${uid}:${gid}`;
};

describe("U of -v — podman-run(1)", () => {
  asRoot("all that is in it, and no link is followed there", () => {
    give({});
    for (const path of ["", "inner", "inner/file", "link"]) expect(ownerOf(join(source, path))).toBe("5:6");
    expect(statSync("/etc/passwd").uid).toBe(0);
  });

  asRoot("a source that is a link: what it points to, as it is mounted", () => {
    const link = join(directory, "to-source");
    symlinkSync(source, link);
    give({ source: link });
    expect(ownerOf(join(source, "inner/file"))).toBe("5:6");
    expect(ownerOf(link)).toBe("0:0");
  });

  asRoot("with maps of its own: who has the user's id there, on disk", () => {
    const idMaps = { uid: line(70, 300_000), gid: line(80, 400_000) };
    give({ idMaps }, { uid: 5, gid: 6 }, { idMaps: maps });
    expect(ownerOf(source)).toBe("75:86");
    give({ idMaps: { uid: line(70, 0), gid: line(80, 0) } });
    expect(ownerOf(source)).toBe("75:86");
    give({ idMaps: "container" }, { uid: 5, gid: 6 }, { idMaps: maps });
    expect(ownerOf(source)).toBe("5:6");
    expect(() => give({ idMaps: { uid: line(70, 0, 3), gid: line(80, 0) } })).toThrow(
      "mount at /mnt: U: its idmap has no id for the container's user, 5:6 on the host",
    );
  });

  asRoot("what is mounted below it stays as it is", () => {
    const below = join(source, "inner");
    execFileSync("mount", ["-t", "tmpfs", "none", below]);
    try {
      writeFileSync(join(below, "other"), "");
      give({});
      expect([below, join(below, "other")].map(ownerOf)).toEqual(["0:0", "0:0"]);
      expect(ownerOf(source)).toBe("5:6");
    } finally {
      execFileSync("umount", [below]);
    }
  });

  asRoot("directories that everybody needs are refused, by whatever name", () => {
    const link = join(directory, "media");
    symlinkSync("/media", link);
    // Root's own already, so that it can fail without harm.
    for (const path of ["/media", "/media/", link]) {
      expect(() => give({ source: path }, { uid: 0, gid: 0 })).toThrow(
        expect.objectContaining({
          kind: "InvalidArgument",
          message: "chowning host path /media is not allowed",
          site: expect.objectContaining({ hint: `do it by hand: chown -R 0:0 ${path}` }),
        }),
      );
    }
  });

  test("they are known by what they are", () => {
    for (const path of ["/", "/etc", "/bin", "/usr", "/var/lib", "/etc/passwd", "/proc", homedir()])
      expect([path, isEverybodys(statSync(path))]).toEqual([path, true]);
    for (const path of [directory, source, "/usr/share"])
      expect([path, isEverybodys(statSync(path))]).toEqual([path, false]);
  });

  asRoot("who is not there any more is passed over", () => {
    expect(() => give({ source: join(directory, "gone") })).not.toThrow();
    chownSync(source, 5, 6);
    expect(() => give({})).not.toThrow();
  });
});
