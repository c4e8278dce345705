import { describe, expect, test } from "vitest";
import { requestOf as defaults } from "../../../src/engine/request-defaults.ts";
import { read, requestOf } from "./request.ts";

describe("run — what is asked for with nothing but an image", () => {
  test("is the default of everything", async () => {
    expect(await requestOf("alpine")).toEqual(defaults({ image: "alpine" }));
  });

  test("what follows the image is the command, options and all", async () => {
    expect(await requestOf("-i", "alpine", "ls", "-t", "--rm")).toMatchObject({
      image: "alpine",
      command: ["ls", "-t", "--rm"],
      stdin: "once",
      tty: false,
      autoRemove: false,
    });
  });

  test("-- ends the options", async () => {
    expect(await requestOf("--", "alpine", "-x")).toMatchObject({ image: "alpine", command: ["-x"] });
  });

  test("--rootfs: a directory in place of the image", async () => {
    expect(await requestOf("--rootfs", "./root", "sh")).toMatchObject({
      image: undefined,
      rootfs: "/home/me/root",
      command: ["sh"],
    });
  });
});

describe("-i and -t", () => {
  test.each([
    [["-i"], "foreground", "once"],
    [["-i"], "detached", "open"],
    [["-t"], "foreground", "none"],
    [["-it"], "foreground", "once"],
  ] as const)("%j %s: stdin is %s", async (args, attached, stdin) => {
    const { request } = await read(args, { attached });
    expect(request.stdin).toBe(stdin);
    expect(request.tty).toBe(args[0].includes("t"));
  });
});

describe("--entrypoint — replaces the image's, and clears its Cmd", () => {
  test.each([
    ["sh", ["sh"]],
    ["", []],
    ['["sh", "-c"]', ["sh", "-c"]],
    ["[", ["["]],
    ['["sh", 1]', ['["sh", 1]']],
  ])("%j is %j", async (text, words) => {
    expect((await requestOf("--entrypoint", text)).entrypoint).toEqual(words);
  });

  test("not given: the image's own", async () => {
    expect((await requestOf()).entrypoint).toBeUndefined();
  });
});

describe("what there is of a person and a place", () => {
  test("--user, --group-add, --workdir, --hostname, --domainname, --init", async () => {
    const request = await requestOf(
      ...["-u", "app:www", "--group-add", "audio", "--group-add", "29", "-w", "/srv/../srv/"],
      ...["-h", "web-1.example", "--domainname", "example", "--init"],
    );
    expect(request).toMatchObject({
      user: "app:www",
      groups: ["audio", "29"],
      workingDir: "/srv",
      hostname: "web-1.example",
      domainname: "example",
      init: true,
    });
  });

  test.each([
    [["-w", "srv"], '--workdir "srv": it needs to be an absolute path'],
    [["-h", "-web"], '--hostname "-web": not a host name: letters, digits, - and ., 64 at most'],
    [["-h", "a".repeat(65)], /^--hostname "a+": not a host name/],
    [["--name", "a"], /^--name "a": only \[a-zA-Z0-9\]/],
    [["--name", "-ab"], /^--name "-ab": only/],
    [["--name", "a/b"], /^--name "a\/b": only/],
  ])("%j is refused", async (args, message) => {
    await expect(read(args)).rejects.toThrow(
      expect.objectContaining({ kind: "InvalidArgument", message: expect.stringMatching(message) }),
    );
  });

  test("--name may have docker's slash in front", async () => {
    expect((await requestOf("--name", "/web")).name).toBe("web");
  });
});

describe("short options, as pflag reads them", () => {
  test("letters together, and a value right behind the last", async () => {
    expect(await requestOf("-itm512m", "-eA=b", "-p80:80")).toMatchObject({
      tty: true,
      stdin: "once",
      env: ["A=b"],
      resources: { memory: 512 * 2 ** 20 },
      network: { ports: [{ containerPort: 80 }] },
    });
  });

  test("-h is the host name, --help is help", async () => {
    expect((await requestOf("-hweb")).hostname).toBe("web");
  });
});

describe("flags that docker has and runt has not", () => {
  test.each([
    [["--link", "db:db"], '--link "db:db": not supported: containers of one network find each other by name'],
    [["--storage-opt", "size=1g"], '--storage-opt "size=1g": not supported'],
    [["--volume-driver", "nfs"], '--volume-driver "nfs": local is the only one'],
  ])("%j: an error that says what to do instead", async (args, message) => {
    await expect(read(args)).rejects.toThrow(expect.objectContaining({ kind: "Unimplemented", message }));
  });

  test.each([["--oom-kill-disable"], ["--memory-swappiness=10"]])("%s: a warning", async (arg) => {
    expect((await read([arg])).warnings).toEqual([expect.stringMatching(/has no effect: cgroup v2/)]);
  });

  test.each([["--memory-swappiness=-1"], ["--disable-content-trust"], ["--isolation=default"]])(
    "%s says nothing",
    async (arg) => {
      expect((await read([arg])).warnings).toEqual([]);
    },
  );
});
