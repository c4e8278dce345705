/** `runt run` and what goes with it, and the library, without root: one user namespace for all, and pasta for the network. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { busyboxArchive } from "../support/busybox-archive.ts";
import { eventually } from "../support/container.ts";
import { needs } from "../support/needs.ts";
import { ended } from "../support/processes.ts";
import { asUser, OrdinaryUser, repository, subordinate, uid } from "./support.ts";

const withPasta = needs("root", "program:setpriv", "program:newuidmap", "program:pasta", "default route");

let user: OrdinaryUser;
/** The file that names who holds the user's namespace. */
const place = (): string => join(user.directory, "run/runt-userns");
const holder = (): number => Number(readFileSync(place(), "latin1").split(" ")[2]);

const runt = (...args: string[]) => user.runtImages(args);

/** Where it must succeed. */
function ok(...args: string[]): string {
  const { status, stdout, stderr } = runt(...args);
  if (status !== 0) throw new Error(`runt ${args.join(" ")}: ${status}: ${stderr}`);
  return stdout.trim();
}

beforeAll(() => {
  user = new OrdinaryUser();
  const directory = join(user.directory, "image");
  mkdirSync(directory);
  busyboxArchive(directory);
  ok("import", join(directory, "busybox.tar"), "bb");
});
afterAll(async () => {
  ok("rm", "-fa");
  // It looks at longer and longer intervals whether it is of use.
  const pid = holder();
  try {
    if (pid > 0) process.kill(pid, "SIGKILL");
  } catch {} // it has just seen that it is of none
  await ended(user.directory);
  user[Symbol.dispose]();
});

describe("an ordinary user's containers", () => {
  asUser("who keeps the namespace goes when nobody is in it any more", async () => {
    using other = new OrdinaryUser();
    const file = join(other.directory, "run/runt-userns");
    for (let i = 0; i < 2; i++) {
      expect(other.runtImages(["ps", "-q"])).toEqual({ status: 0, stdout: "", stderr: "" });
      // From within, where it is of use for as long as one looks.
      expect(other.runtImages(["unshare", "cat", file]).stdout).toMatch(/^\d+ \d+ \d+\n$/);
      await eventually(() => (readFileSync(file, "latin1") === "" ? true : undefined), "the holder's end");
    }
  });

  asUser("run as the user's own ids, to their end", () => {
    const script = "id -u; cat /proc/self/uid_map; hostname; touch /new; exit 7";
    const seen = runt("run", "--rm", "--network=none", "--hostname=mine", "bb", "sh", "-c", script);
    const [id, ...rest] = seen.stdout.trim().split("\n");
    expect({ ...seen, stdout: id }).toEqual({ status: 7, stdout: "0", stderr: "" });
    expect(rest.map((line) => line.trim().replace(/\s+/g, " "))).toEqual([
      `0 ${uid} 1`,
      `1 ${subordinate.first} ${subordinate.count}`,
      "mine",
    ]);
    expect(ok("ps", "-aq")).toBe("");
  });

  asUser(
    "a part of a volume, also where only a user of a container is let in; not where only others are",
    () => {
      const mount = (subpath: string) => [
        "--mount",
        `type=volume,src=parts,dst=/part,volume-subpath=${subpath}`,
      ];
      const make =
        "mkdir -p /v/a/b && echo deep >/v/a/b/file && chown -R 1000:1000 /v/a && chmod -R go= /v/a";
      ok("run", "--rm", "--network=none", "-v", "parts:/v", "bb", "sh", "-c", make);
      const cat = (subpath: string, ...options: string[]) =>
        ok("run", "--rm", "--network=none", ...options, ...mount(subpath), "bb", "cat", "/part/file");
      expect(cat("a/b")).toBe("deep");
      expect(cat("a/b", "--user=1000:1000")).toBe("deep");
      expect(cat("a/b", "--userns=auto")).toBe("deep");
      const data = ok("volume", "inspect", "--format", "{{.Mountpoint}}", "parts");
      mkdirSync(join(data, "theirs/b"), { recursive: true, mode: 0o700 });
      expect(runt("run", "--rm", "--network=none", ...mount("theirs/b"), "bb", "true")).toEqual({
        status: 125,
        stdout: "",
        stderr:
          "error: volume-subpath theirs/b lies behind a directory of another user that lets nobody in, in volume parts\n",
      });
      rmSync(join(data, "theirs"), { recursive: true });
      ok("volume", "rm", "parts");
    },
  );

  asUser("live from one command to the next, in one user namespace", () => {
    ok("run", "-d", "--name", "box", "--network=none", "bb", "sh", "-c", "echo up; exec sleep 1000");
    expect(ok("ps", "--format", "{{.Names}} {{.State}}")).toBe("box running");
    expect(ok("exec", "box", "cat", "/proc/1/comm")).toBe("sleep");
    expect(ok("logs", "box")).toBe("up");
    writeFileSync(join(user.directory, "image/file"), "from the host");
    ok("cp", join(user.directory, "image/file"), "box:/file");
    expect(ok("exec", "box", "cat", "/file")).toBe("from the host");
    expect(
      ok("run", "--rm", "--network=container:box", "--pid=container:box", "bb", "cat", "/proc/1/comm"),
    ).toBe("sleep");
    const ours = readFileSync(`/proc/${holder()}/comm`, "latin1");
    expect(ours).toBe("runt-userns\n");
    // Also when that has been killed, as long as anybody is in there.
    process.kill(holder(), "SIGKILL");
    expect(ok("exec", "box", "cat", "/file")).toBe("from the host");
    expect(readFileSync(`/proc/${holder()}/comm`, "latin1")).toBe("runt-userns\n");
    ok("stop", "-t", "0", "box");
    ok("start", "box");
    expect(ok("inspect", "--format", "{{.State.Status}}", "box")).toBe("running");
    expect(ok("diff", "box")).toContain("A /file");
    ok("commit", "box", "made");
    expect(ok("run", "--rm", "--network=none", "made", "cat", "/file")).toBe("from the host");
    ok("rm", "-f", "box");
    expect(ok("ps", "-aq")).toBe("");
  });

  asUser("files that root of a container makes in the user's directories are the user's", () => {
    const shared = join(user.directory, "home/shared");
    mkdirSync(shared);
    spawnSync("chown", [`${uid}:${uid}`, shared]);
    ok(
      "run",
      "--rm",
      "--network=none",
      "-v",
      `${shared}:/s`,
      "-v",
      "named:/n",
      "bb",
      "sh",
      "-c",
      "echo x >/s/f; echo y >/n/f",
    );
    const { uid: owner, gid } = statSync(join(shared, "f"));
    expect({ owner, gid }).toEqual({ owner: uid, gid: uid });
    expect(ok("run", "--rm", "--network=none", "-v", "named:/n", "bb", "cat", "/n/f")).toBe("y");
  });

  asUser("names of files are those of the directory that a command is called in", () => {
    const here = join(user.directory, "home/here");
    mkdirSync(join(here, "data"), { recursive: true });
    writeFileSync(join(here, "data/file"), "here");
    spawnSync("chown", ["-R", `${uid}:${uid}`, here]);
    ok("run", "-d", "--name", "holds", "--network=none", "bb", "sleep", "1000");
    for (const args of [
      ["run", "--rm", "--network=none", "-v", "./data:/d", "bb", "cat", "/d/file"],
      ["unshare", "cat", "data/file"],
    ]) {
      expect(user.runtImages(args, { directory: here })).toEqual({ status: 0, stdout: "here", stderr: "" });
    }
    ok("rm", "-f", "holds");
  });

  asUser("may have the host's network", () => {
    const names = ok("run", "--rm", "--network=host", "bb", "sh", "-c", "cd /sys/class/net; echo *");
    expect(names.split(" ")).toEqual(readdirSync("/sys/class/net").sort());
  });

  asUser("what takes root is refused, with a word on what to do", () => {
    expect(runt("run", "--rm", "--network=none", "--memory=64m", "bb", "true")).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/^error: .*(memory controller|rootless needs no limits).*\n/),
    });
    ok("network", "create", "app");
    expect(runt("run", "--rm", "--network=app", "bb", "true")).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/^error: network app: networks of bridges need root.*\n/),
    });
    expect(ok("network", "ls", "--format", "{{.Name}}")).toBe("app\nbridge\nhost\nnone");
    expect(ok("ps", "-aq")).toBe("");
  });
});

describe("an ordinary user's network", () => {
  withPasta("published ports lead into the container; pasta goes with it", async () => {
    const script = "echo served >/index.html; exec busybox httpd -f -p 80 -h /";
    ok("run", "-d", "--name", "web", "-p", "127.0.0.1:18080:80", "bb", "sh", "-c", script);
    expect(ok("port", "web")).toBe("80/tcp -> 127.0.0.1:18080");
    const fetch = () => user.spawn(["/bin/busybox", "wget", "-qO-", "http://127.0.0.1:18080/index.html"]);
    await expect.poll(() => fetch().stdout).toBe("served\n");
    const id = ok("inspect", "--format", "{{.Id}}", "web");
    const directory = join(user.directory, "home/.local/share/runt/containers", id);
    const pasta = Number(readFileSync(join(directory, "pasta.pid"), "latin1"));
    expect(existsSync(`/proc/${pasta}`)).toBe(true);
    ok("rm", "-f", "web");
    await eventually(() => (existsSync(`/proc/${pasta}`) ? undefined : true), "the end of pasta");
    expect(existsSync(directory)).toBe(false);
    expect(fetch().status).not.toBe(0);
  });

  withPasta("without a port it has an address and a way out, and ends by itself", () => {
    const out = ok("run", "--rm", "bb", "busybox", "ip", "route");
    expect(out).toMatch(/^default via /);
  });
});

describe("the library for an ordinary user", () => {
  asUser("in its namespace it is like root's; outside it says what to do", () => {
    const library = join(
      user.directory,
      "repository",
      relative(repository, join(repository, "dist/lib/index.js")),
    );
    const run = (first: string) => {
      const file = join(user.directory, "program.mjs");
      writeFileSync(
        file,
        `import { enterUserNamespace, Runt } from ${JSON.stringify(library)};
        ${first}
        try {
          await using runt = await Runt.open();
          const { stdout } = await runt.run("bb", { command: ["echo", process.argv[2]], network: "none" });
          process.stdout.write(stdout);
        } catch (error) { console.log(error.kind, error.message); }`,
      );
      return user.spawn([join(user.directory, "repository/dist/native/node"), file, "an argument"]);
    };
    expect(run("enterUserNamespace();")).toEqual({ status: 0, stdout: "an argument\n", stderr: "" });
    expect(run("").stdout).toMatch(
      /^PermissionDenied an ordinary user.s program must be root of a user namespace/,
    );
    rmSync(join(user.directory, "program.mjs"));
  });
});
