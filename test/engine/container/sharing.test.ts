/** Namespaces that containers share, and privileges. */
import { readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

describe("container:X", () => {
  asRoot("pid — sees X's processes; its own end with it; X must run", async () => {
    await using t = await TestEngine.open();
    const first = await t.running();
    const share = { namespaces: { pid: { container: first } } } as const;
    const { stdout } = await t.output(
      t.script("ps | grep -c 'sleep 0.1' > /dev/null; cat /proc/1/comm; echo $$", share),
    );
    expect(stdout).toMatch(/^sh\n(?!1\n)\d+\n$/);
    // Its background process does not outlive it.
    const joined = await t.running(t.script("sleep 1234 & exec sleep 4321", share));
    await t.engine.kill(joined);
    await t.becomes(joined, "exited");
    const left = await t.output(t.script("ps", share));
    expect(left.stdout).not.toContain("sleep 1234");
    await t.engine.stop(first, { timeoutSeconds: 0 });
    await expect(t.engine.run(t.script("true", share))).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining("not running"),
    });
  });

  asRoot("network — the same namespace, and the same hosts file and hostname file", async () => {
    await using t = await TestEngine.open();
    const first = await t.running();
    const { pid } = (await t.engine.find(first)).run.init!;
    const request = t.script("readlink /proc/self/ns/net; cat /etc/hostname", {
      network: { mode: { container: first } },
    });
    const { stdout } = await t.output(request);
    expect(stdout).toBe(`${readlinkSync(`/proc/${pid}/ns/net`)}\n${first.slice(0, 12)}\n`);
  });

  asRoot("ipc — only of one that is shareable, with its /dev/shm", async () => {
    await using t = await TestEngine.open();
    const plain = await t.running();
    const join = (container: string) => ({ namespaces: { ipc: { container } } }) as const;
    await expect(t.output(t.script("true", join(plain)))).rejects.toMatchObject({
      kind: "FailedPrecondition",
    });
    const open = await t.running(
      t.script("echo shared > /dev/shm/x; exec sleep 1000", { namespaces: { ipc: "shareable" } }),
    );
    const { pid } = (await t.engine.find(open)).run.init!;
    let stdout = "";
    for (let i = 0; i < 100 && !stdout.includes("shared"); i++)
      ({ stdout } = await t.output(t.script("readlink /proc/self/ns/ipc; cat /dev/shm/x", join(open))));
    expect(stdout).toBe(`${readlinkSync(`/proc/${pid}/ns/ipc`)}\nshared\n`);
  });
});

describe("host — pid, ipc, uts, network", () => {
  asRoot("no namespace of its own", async () => {
    await using t = await TestEngine.open();
    const { stdout } = await t.output(
      t.script("for n in pid ipc uts net; do readlink /proc/self/ns/$n; done", {
        namespaces: { pid: "host", ipc: "host", uts: "host" },
        network: { mode: "host" },
      }),
    );
    const ours = ["pid", "ipc", "uts", "net"].map((name) => readlinkSync(`/proc/self/ns/${name}`));
    expect(stdout.trim().split("\n")).toEqual(ours);
  });
});

describe("privileges", () => {
  asRoot(
    "docker's capabilities, seccomp and hidden paths by default; none of it with --privileged",
    async () => {
      await using t = await TestEngine.open();
      const look =
        "grep -E 'CapEff|CapBnd|Seccomp:|NoNewPrivs' /proc/self/status; head -c 1 /proc/keys; echo; echo 1 > /proc/sys/kernel/msgmax; mount | grep -c sysfs.*rw";
      const plain = await t.output(t.script(look));
      expect(plain.stdout).toContain("CapEff:\t00000000a80425fb");
      expect(plain.stdout).toContain("Seccomp:\t2");
      expect(plain.stderr).toContain("Read-only");
      expect(plain.stdout).toContain("Seccomp:\t2");
      const privileged = await t.output(t.script(`${look}; ls /dev`, { security: { privileged: true } }));
      expect(privileged.stdout).toContain("Seccomp:\t0");
      expect(privileged.stdout).not.toContain("CapEff:\t00000000a80425fb");
      const none = await t.output(
        t.script(look, {
          security: {
            capDrop: ["ALL"],
            capAdd: ["net_bind_service"],
            noNewPrivileges: true,
            seccomp: "unconfined",
          },
        }),
      );
      expect(none.stdout).toContain("CapBnd:\t0000000000000400");
      expect(none.stdout).toContain("NoNewPrivs:\t1");
      expect(none.stdout).toContain("Seccomp:\t0");
    },
  );

  asRoot(
    "an ordinary user has no capabilities to use; a device is there when asked for, a limit too",
    async () => {
      await using t = await TestEngine.open();
      const { stdout } = await t.output(
        t.script(
          "grep CapEff /proc/self/status; ls -l /dev/mine | cut -c1; ulimit -n; cat /proc/sys/kernel/msgmax",
          {
            user: "1000",
            devices: [{ host: "/dev/fuse", container: "/dev/mine", permissions: "rwm" }],
            ulimits: { nofile: { soft: 100, hard: 200 } },
            sysctls: { "kernel.msgmax": "4321" },
          },
        ),
      );
      expect(stdout).toContain("CapEff:\t0000000000000000");
      expect(stdout).toContain("100\n4321\n");
    },
  );
});
