/** Containers that another OCI runtime makes; here it is runc. */

import { afterAll, beforeAll, describe, expect } from "vitest";
import { readMountInfo } from "../../../src/linux/mountinfo.ts";
import { needs } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

const withRunc = needs("root", "cgroup2", "program:runc");

describe("--runtime runc", () => {
  withRunc("runs to its end with output, exit code and volumes; nothing stays mounted", async () => {
    await using t = await TestEngine.open();
    const { code, stdout } = await t.output(
      t.script("cat /data/file; hostname; touch /new; exit 5", {
        runtime: "runc",
        hostname: "other",
        ulimits: { core: { soft: -1, hard: -1 } },
        mounts: [
          {
            type: "volume",
            destination: "/data",
            name: undefined,
            readonly: false,
            copyUp: true,
            subpath: undefined,
            driverOptions: {},
            labels: {},
          },
        ],
      }),
    );
    expect({ code, stdout }).toEqual({ code: 5, stdout: "from the image\nother\n" });
    expect(t.remains()).toEqual([]);
    expect(readMountInfo().filter(({ mountPoint }) => mountPoint.startsWith(t.directory))).toEqual([]);
  });

  withRunc("is killed, started again, and removed while it runs; files stay from run to run", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("echo run >> /runs; wc -l < /runs; exec sleep 1000", { runtime: "runc" }),
    );
    await t.said(id, "1");
    await t.engine.kill(id);
    expect(await t.engine.wait(id)).toBe(137);
    await t.becomes(id, "exited");
    (await t.engine.start(id))[Symbol.dispose]();
    await t.said(id, "2");
    await t.engine.remove(id, { force: true });
    expect(t.remains()).toEqual([]);
  });

  withRunc("a program that is not there, and a runtime that is not there", async () => {
    await using t = await TestEngine.open();
    const missing = await t.engine.create(t.request({ command: ["/missing"], runtime: "runc" }));
    await expect(t.engine.start(missing.id)).rejects.toThrow(/missing/);
    expect(await t.status(missing.id)).toBe("created");
    const nobody = await t.engine.create(t.request({ runtime: "no-such-runtime" }));
    await expect(t.engine.start(nobody.id)).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining("no-such-runtime"),
    });
    await t.engine.remove(missing.id);
    await t.engine.remove(nobody.id);
    expect(t.remains()).toEqual([]);
    expect(readMountInfo().filter(({ mountPoint }) => mountPoint.startsWith(t.directory))).toEqual([]);
  });
});
