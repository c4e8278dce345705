import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  appConfig,
  firstLayer,
  makeImage,
  type SecureRegistry,
  secondLayer,
  secureRegistry,
  skopeoPush,
  user,
} from "../image/pull/fixture.ts";
import { temporaryDirectory } from "../image/snapshot/layers.ts";
import { missing } from "../support/needs.ts";
import { hasRegistry } from "../support/registry.ts";
import { runCli } from "./run-cli.ts";

const gone = hasRegistry ? missing("root", "program:skopeo", "program:umoci") : "docker-registry";

describe.skipIf(gone !== undefined)(
  `runt's image verbs${gone ? ` (needs ${gone})` : ""} — docker's flags, output and exit codes`,
  () => {
    const directory = temporaryDirectory();
    const root = join(directory.path, "root");
    let remote: SecureRegistry;
    let name: string;
    let access: string[];

    const runt = (...args: string[]) => runCli("runt", ["--data-root", root, ...args]);
    /** What it prints if it succeeds. */
    const out = (...args: string[]) => {
      const { status, stdout, stderr } = runt(...args);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      return stdout;
    };

    beforeAll(async () => {
      remote = await secureRegistry();
      const layout = join(directory.path, "layout");
      makeImage(layout, "app", [firstLayer, secondLayer], appConfig);
      await skopeoPush(remote, layout, "app", "team/app:latest");
      await skopeoPush(remote, layout, "app", "team/app:2");
      name = `${remote.registry.domain}/team/app`;
      access = ["--creds", `${user.name}:${user.password}`, "--cert-dir", remote.certDir];
      out("pull", ...access, name);
    }, 120_000);

    afterAll(async () => {
      await remote?.[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    });

    test("pull: a line a layer, digest, status, the full name; -q only that", () => {
      const printed = out("pull", ...access, `${name}:2`).split("\n");
      expect(printed[0]).toBe("2: Pulling from team/app");
      expect(printed.filter((line) => line.endsWith(": Already exists"))).toHaveLength(2);
      expect(printed.at(-4)).toMatch(/^Digest: sha256:[0-9a-f]{64}$/);
      expect(printed.at(-3)).toBe(`Status: Downloaded newer image for ${name}:2`);
      expect(printed.at(-2)).toBe(`${name}:2`);
      expect(out("pull", "-q", ...access, name)).toBe(`${name}:latest\n`);
      expect(out("pull", ...access, name)).toContain(`Using default tag: latest\n`);
      expect(
        out("pull", "--all-tags", "-q", ...access, name)
          .split("\n")
          .sort(),
      ).toEqual(["", `${name}:2`, `${name}:latest`]);
    });

    test.each([
      [
        "without credentials",
        (n: string) => ["pull", "--cert-dir", remote.certDir, n],
        /authentication|unauthorized/i,
      ],
      ["what is not there", (n: string) => ["pull", ...access, `${n}:9`], /not found|manifest unknown/i],
      ["no name", () => ["pull", "a/B:c"], /lower case/],
      ["no platform", (n: string) => ["pull", "--platform", "a/b/c/d", n], /platform/],
      ["an architecture that nobody knows", (n: string) => ["pull", "--platform", "foo", n], /"foo"/],
      [
        "an image of another machine",
        (n: string) => ["pull", ...access, "--platform", "linux/s390x", n],
        /not for linux\/s390x/,
      ],
      ["no image", () => ["rmi", "nothing"], /^error: no such image: nothing\n$/],
      ["to a file that cannot be", (n: string) => ["save", "-o", "/proc/x", n], /\/proc\/x/],
      ["from no archive", () => ["load", "-i", "/etc/passwd"], /no archive|not a tar|\/etc\/passwd/],
    ])("%s: status 1 and one line that says so", (_what, args, message) => {
      const { status, stderr } = runt(...args(name));
      expect(stderr).toMatch(message);
      expect(stderr.split("\n")).toHaveLength(2);
      expect(status).toBe(1);
    });

    test("images: a table; --digests, --no-trunc, -q, --filter, --format", () => {
      const [head, ...rows] = out("images", name).trimEnd().split("\n");
      expect(head).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
      expect(rows).toHaveLength(2);
      expect(out("images", "--digests")).toContain("DIGEST");
      const ids = out("images", "-q", "--no-trunc");
      expect(ids).toMatch(/^sha256:[0-9a-f]{64}\n$/);
      expect(out("images", "-aq").trim()).toBe(ids.slice(7, 19));
      expect(out("images", "--format", "{{.Tag}}", "-f", "reference=*/team/app:2")).toBe("2\n");
      expect(out("images", "-q", "--filter", "label=kind=other")).toBe("");
      expect(out("images", "-q", "--filter", "dangling=true")).toBe("");
      const [json] = out("images", "--format", "json").split("\n");
      expect(JSON.parse(json!)).toMatchObject({ Repository: name, Containers: "N/A" });
      expect(runt("images", "--filter", "colour=red").status).toBe(1);
    });

    test("history and inspect", () => {
      const history = out("history", "--no-trunc", "--format", "{{.ID}}", name).trimEnd().split("\n");
      expect(history.slice(1)).toEqual(["<missing>", "<missing>"]);
      expect(out("history", "-q", name).split("\n")[0]).toBe(history[0]!.slice(7, 19));
      const [inspected] = JSON.parse(out("image", "inspect", name));
      expect(inspected).toMatchObject({ Id: history[0], Os: "linux", RootFS: { Type: "layers" } });
      expect(inspected.RepoTags).toContain(`${name}:latest`);
      expect(out("image", "inspect", "-f", "{{.Config.User}} {{json .Config.Cmd}}", name)).toBe(
        'app ["echo $GREETING"]\n',
      );
      // What the image does not say is empty, and no mistake.
      expect(
        out("image", "inspect", "-f", "{{.Config.Volumes}} {{.Config.StopSignal}}|{{.Variant}}", name),
      ).toBe("map[] |\n");
      expect(out("inspect", "-f", "{{.Config.OnBuild}} {{json .Config}}", name)).not.toContain("OnBuild");
      expect(runt("image", "inspect", "-f", "{{.Config.Colour}}", name).status).toBe(1);
      // Who reads JSON gets JSON.
      expect(runt("image", "inspect", "nothing")).toMatchObject({ status: 1, stdout: "[]\n" });
    });

    test("tag, push, rmi", () => {
      out("tag", name, "mine:1");
      expect(out("images", "--format", "{{.Repository}}:{{.Tag}}", "mine")).toBe("mine:1\n");
      const pushed = out("push", ...access, "mine:1", `${remote.registry.domain}/mine/app:1`);
      expect(pushed).toMatch(/^The push refers to repository \[.*\/mine\/app\]\n/);
      expect(pushed).toMatch(/\n1: digest: sha256:[0-9a-f]{64} size: \d+\n$/);
      const id = out("images", "-q", "mine").trim();
      const { status, stderr } = runt("rmi", id);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error: cannot remove [0-9a-f]+: it has 3 names\n$/);
      expect(out("rmi", "mine:1")).toBe("Untagged: mine:1\n");
    });

    test("save, rmi, load: the same image; a file is whole or not there", () => {
      const id = out("images", "-q", "--no-trunc", name);
      const file = join(directory.path, "saved.tar");
      out("save", "--output", file, `${name}:latest`, `${name}:2`);
      expect(runt("save", "--output", file, "nothing").status).toBe(1);
      expect(statSync(file).size).toBeGreaterThan(1_000_000);
      expect(out("rmi", "-f", id.trim())).toMatch(/Untagged: .*\n(.*\n)*Deleted: sha256:/);
      expect(out("images", "-q")).toBe("");
      expect(out("load", "-i", file).trimEnd().split("\n").sort()).toEqual([
        `Loaded image: ${name}:2`,
        `Loaded image: ${name}:latest`,
      ]);
      expect(out("images", "-q", "--no-trunc", name)).toBe(id);
    });

    test("events: what each verb has done, in order, with IDs and names as docker has them", () => {
      const [data, run] = [join(directory.path, "events"), join(directory.path, "events-run")];
      const words = (...args: string[]) => {
        const { status, stdout, stderr } = runCli("runt", ["--data-root", data, "--root", run, ...args]);
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        return stdout;
      };
      const events = (...filters: string[]) =>
        words(
          ...["events", "--since", "1h", "--until", "0s"],
          ...["--format", "{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}"],
          ...filters.flatMap((filter) => ["--filter", filter]),
        ).split("\n");
      words("pull", "-q", ...access, name);
      const id = words("images", "-q", "--no-trunc").trim();
      words("tag", name, "mine:1");
      words("push", "-q", ...access, "mine:1", `${remote.registry.domain}/mine/app:events`);
      const [saved, tar] = [join(directory.path, "events.tar"), join(directory.path, "rootfs.tar")];
      words("save", "-o", saved, "mine:1", id);
      words("rmi", "mine:1");
      words("rmi", name);
      words("load", "-i", saved);
      execFileSync("tar", ["-C", "/etc", "-cf", tar, "hostname"]);
      const made = words("import", tar, "made:1").trim();
      words("tag", "mine:1", "made:1");
      // What has lost its name.
      words("image", "prune", "-f");
      const app = `${remote.registry.domain}/mine/app`;
      expect(events()).toEqual([
        `image pull ${name}:latest ${name}`,
        `image tag ${id} mine:1`,
        `image push ${app}:events ${app}`,
        `image save ${id} mine:1`,
        `image untag ${id} mine:1`,
        `image untag ${id} ${name}:latest`,
        `image delete ${id} ${id}`,
        `image load ${id} mine:1`,
        `image tag ${made} made:1`,
        `image import ${made} made:1`,
        `image tag ${id} made:1`,
        `image delete ${made} ${made}`,
        "",
      ]);
      expect(events("type=image", "event=tag", "event=load", "image=mine")).toEqual([
        `image tag ${id} mine:1`,
        `image load ${id} mine:1`,
        "",
      ]);
      expect(events(`image=${name}`, "event=pull")).toHaveLength(2);
      expect(events(`image=${id}`, "event=delete")).toEqual([`image delete ${id} ${id}`, ""]);
      expect(events("type=container")).toEqual([""]);
      expect(events("label=kind=test", "event=save")).toHaveLength(2);
    });

    test("events: what cannot be noted has happened all the same", () => {
      const data = join(directory.path, "no-events");
      const words = (...args: string[]) => runCli("runt", ["--data-root", data, ...args]);
      words("load", "-i", join(directory.path, "events.tar"));
      // Not a database.
      for (const end of ["-wal", "-shm"]) rmSync(join(data, `engine.db${end}`), { force: true });
      writeFileSync(join(data, "engine.db"), "x".repeat(8192));
      expect(words("rmi", "mine:1")).toMatchObject({ status: 0, stderr: "" });
      expect(words("images", "-q").stdout).toBe("");
    });

    test("login: the password from stdin, kept for its owner only, then used; logout", () => {
      const authfile = join(directory.path, "auth.json");
      const login = (password: string) =>
        runCli("runt", [
          "login",
          "-u",
          user.name,
          "-p",
          password,
          "--authfile",
          authfile,
          "--cert-dir",
          remote.certDir,
          remote.registry.domain,
        ]);
      expect(login("wrong")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("user name or password is wrong"),
      });
      expect(login(user.password)).toMatchObject({ status: 0, stdout: "Login Succeeded\n" });
      expect(statSync(authfile).mode & 0o777).toBe(0o600);
      expect(readFileSync(authfile, "utf8")).not.toContain(user.password);
      out("pull", "-q", "--authfile", authfile, "--cert-dir", remote.certDir, name);
      const logout = () => out("logout", "--authfile", authfile, remote.registry.domain);
      expect(logout()).toBe(`Removing login credentials for ${remote.registry.domain}\n`);
      expect(logout()).toBe(`Not logged in to ${remote.registry.domain}\n`);
      expect(runCli("runt", ["login", "-u", "x", remote.registry.domain])).toMatchObject({ status: 1 });
    });

    test("unpack: a bundle that runt-oci runs", () => {
      const bundle = join(directory.path, "bundle");
      expect(out("unpack", "--env", "GREETING=from here", name, bundle)).toBe("");
      const id = `runt-cli-images-${process.pid}`;
      const ran = runCli("runt-oci", ["--root", join(directory.path, "state"), "run", "-b", bundle, id]);
      expect(ran).toEqual({ status: 0, stdout: "from here\n", stderr: "" });
      expect(runt("unpack", name, bundle).stderr).toMatch(/there is something in it already/);
    });

    test("image prune and fsck", () => {
      expect(out("image", "prune", "-f")).toMatch(/Total reclaimed space: /);
      // Nobody answers.
      expect(runt("image", "prune")).toMatchObject({ status: 1, stdout: "" });
      expect(out("image", "fsck")).toMatch(/: sound\n$/);
      expect(JSON.parse(out("image", "fsck", "--format", "json")).content.problems).toEqual([]);
      expect(runt("image", "prnue")).toMatchObject({ status: 3 });
      mkdirSync(join(root, "snapshots/layers/sha256", "0".repeat(64)));
      expect(runt("image", "fsck").status).toBe(1);
      expect(out("image", "fsck", "--repair")).toMatch(/\(taken away\)/);
      out("image", "fsck");
    });
  },
);
