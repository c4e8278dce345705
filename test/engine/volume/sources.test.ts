/** What mounts are of: parts of volumes and images, and directories of the host that are not there. */
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { openView } from "../../../src/engine/container/view.ts";
import type { MountRequest } from "../../../src/engine/request.ts";
import { asRoot } from "../../support/needs.ts";
import { probePath } from "../../support/probe.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

const part = (subpath: string): MountRequest => ({
  type: "volume",
  destination: "/part",
  name: "store",
  readonly: false,
  copyUp: true,
  subpath,
  driverOptions: {},
  labels: {},
});

const ofImage = (subpath: string): MountRequest => ({
  type: "image",
  destination: "/part",
  readonly: true,
  image: "changed",
  subpath,
});

const bind = (source: string, missing: "make" | "refuse"): MountRequest => ({
  type: "bind",
  source,
  destination: "/mnt",
  readonly: false,
  missing,
  propagation: "rprivate",
  recursive: "enabled",
  options: [],
});

asRoot("a part of a volume: links in it are followed, and lead nowhere else", async () => {
  await using t = await TestEngine.open();
  const { Mountpoint } = await t.engine.createVolume({ name: "store" });
  const outside = join(t.directory, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "");
  mkdirSync(join(Mountpoint, "sub"));
  writeFileSync(join(Mountpoint, "sub/file"), "in the volume\n");
  symlinkSync("sub", join(Mountpoint, "inside"));
  symlinkSync(outside, join(Mountpoint, "absolute"));
  symlinkSync("../../../../outside", join(Mountpoint, "relative"));
  for (const [subpath, look] of [
    ["sub", "cat /part/file"],
    ["inside", "cat /part/file"],
    ["sub/file", "cat /part"],
  ] as const) {
    const { stdout } = await t.output(t.script(look, { mounts: [part(subpath)] }));
    expect(stdout, subpath).toBe("in the volume\n");
  }
  for (const subpath of ["absolute", "relative"]) {
    await expect(t.output(t.script("ls /part", { mounts: [part(subpath)] })), subpath).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: `volume-subpath ${subpath} leads out of volume store`,
    });
  }
  symlinkSync("circle", join(Mountpoint, "circle"));
  for (const [subpath, kind, what] of [
    ["no", "NotFound", "is not in"],
    ["sub/file/more", "NotFound", "is not in"],
    ["circle", "InvalidArgument", "cannot be looked up (too many levels of symbolic links) in"],
  ]) {
    await expect(t.output(t.script("ls /part", { mounts: [part(subpath!)] }))).rejects.toMatchObject({
      kind,
      message: `volume-subpath ${subpath} ${what} volume store`,
    });
  }
  // Nor for who copies from a container that does not run.
  const { id } = await t.engine.create(t.script("true", { name: "stopped", mounts: [part("absolute")] }));
  await expect(openView(t.engine.context, id, "cp")).rejects.toThrow("leads out of volume store");
});

asRoot("a part of a volume, while a container that has the volume puts a link in its place", async () => {
  await using t = await TestEngine.open();
  const { Mountpoint } = await t.engine.createVolume({ name: "store" });
  const outside = join(t.directory, "outside");
  for (const directory of [outside, join(Mountpoint, "race")])
    mkdirSync(join(directory, "sub"), { recursive: true });
  writeFileSync(join(outside, "sub/file"), "of the host\n");
  writeFileSync(join(Mountpoint, "race/sub/file"), "in the volume\n");
  symlinkSync(outside, join(Mountpoint, "link"));
  copyFileSync(probePath(), join(Mountpoint, "probe"));
  const whole = { ...part(""), destination: "/store", subpath: undefined } as MountRequest;
  // Each stays long enough to be seen, and not so long that what was looked at is still there when it is opened.
  const command = ["/store/probe", "--exchange-every", "1000", "/store/race", "/store/link"];
  const attacker = await t.running(t.request({ command, mounts: [whole] }));
  await t.said(attacker, "ready");
  const seen = { ran: 0, refused: 0 };
  const wasRace = () => seen.ran > 0 && seen.refused > 0;
  for (let n = 0; n < 20 || (n < 150 && !wasRace()); n++) {
    try {
      const { code, stdout } = await t.output(t.script("cat /part/file", { mounts: [part("race/sub")] }));
      expect([code, stdout]).toEqual([0, "in the volume\n"]);
      seen.ran++;
    } catch (error) {
      expect(error).toMatchObject({
        kind: "InvalidArgument",
        message: expect.stringMatching(/leads out of/),
      });
      seen.refused++;
    }
  }
  // Without both there was no race.
  expect(wasRace(), JSON.stringify(seen)).toBe(true);
  expect(await t.status(attacker)).toBe("running");
});

asRoot("a part of an image, as its upper layers have left it", async () => {
  await using t = await TestEngine.open();
  const id = await t.running(t.script("echo new > /data/added; rm /data/file; echo ready; sleep 100"));
  await t.said(id, "ready");
  await t.engine.commit(id, { name: "changed" });
  const look = async (text: string, subpath: string) =>
    (await t.output(t.script(text, { mounts: [ofImage(subpath)] }))).stdout;
  expect(await look("ls /part; touch /part/x || echo read-only", "data")).toBe(
    "added\nlink\nsub\nread-only\n",
  );
  expect(await look("cat /part/deep", "/data/sub/")).toBe("deep\n");
  expect(await look("cat /part", "data/link")).toBe("deep\n");
  await expect(look("true", "data/file")).rejects.toMatchObject({
    kind: "NotFound",
    message: "image-subpath data/file is not in image changed",
  });
});

asRoot("a bind of what is not there: nothing is created; what -v made is made again", async () => {
  await using t = await TestEngine.open();
  const source = join(t.directory, "no");
  await expect(t.engine.create(t.script("true", { mounts: [bind(source, "refuse")] }))).rejects.toMatchObject(
    {
      kind: "NotFound",
      message: `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    },
  );
  expect(await t.engine.list({ all: true })).toEqual([]);
  const { id } = await t.engine.create(t.script("true", { mounts: [bind(source, "make")] }));
  rmSync(source, { recursive: true });
  (await t.engine.start(id))[Symbol.dispose]();
  await t.becomes(id, "exited");
  expect(existsSync(source)).toBe(true);
});
