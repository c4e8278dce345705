/** Names without a registry: what they mean, who is asked, and what is remembered. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseReference } from "../../../src/image/reference/reference.ts";
import type { RegistriesConfPlaces } from "../../../src/image/registries-conf/places.ts";
import { registriesConfPlaces } from "../../../src/image/registries-conf/places.ts";
import { readRegistriesConf } from "../../../src/image/registries-conf/read.ts";
import {
  type ChooseRegistry,
  meaningsOf,
  namesToTry,
  rememberChoice,
} from "../../../src/image/registries-conf/short-name.ts";
import { hostsOf } from "../../../src/image/registry/hosts.ts";
import { settingsOf } from "../../../src/image/registry/options.ts";
import { placesOf, settingsAt } from "../../../src/image/registry/places.ts";
import { TemporaryDirectory } from "../registry/fixture.ts";

class Machine extends TemporaryDirectory {
  readonly places: RegistriesConfPlaces = {
    file: join(this.path, "registries.conf"),
    isNamed: false,
    directories: [join(this.path, "machine.d"), join(this.path, "own.d")],
    aliases: join(this.path, "cache/containers/aliases.conf"),
  };

  constructor(conf = "") {
    super();
    this.write("registries.conf", conf);
  }
}

describe("a short name — containers-registries.conf(5)", () => {
  test("is docker.io's where nothing says otherwise, whether files are missing or say nothing", async () => {
    using none = new TemporaryDirectory();
    using empty = new Machine('# unqualified-search-registries = ["example.com"]\n\n');
    const nowhere = registriesConfPlaces({ HOME: none.path, CONTAINERS_REGISTRIES_CONF: "/dev/null" });
    for (const places of [{ ...nowhere, directories: [] }, empty.places]) {
      expect(await meaningsOf("busybox", places)).toMatchObject({
        names: ["docker.io/library/busybox:latest"],
        by: "default",
      });
      expect(await meaningsOf("me/app:1", places)).toMatchObject({ names: ["docker.io/me/app:1"] });
    }
  });

  test("is no name with a host, of this machine or with a port", async () => {
    using machine = new Machine(
      'unqualified-search-registries = ["quay.io"]\n[aliases]\n"localhost/a" = "quay.io/x"',
    );
    for (const name of ["localhost/a:1", "host:5000/a:1", "docker.io/library/a:1"]) {
      expect(await meaningsOf(name, machine.places)).toMatchObject({ names: [name], by: "itself" });
    }
  });

  test("keeps its tag and its digest", async () => {
    using machine = new Machine('[aliases]\nfedora = "registry.example.org/fedora"');
    const digest = `sha256:${"ab".repeat(32)}`;
    for (const rest of [":40", `@${digest}`, `:40@${digest}`]) {
      const { names, by, file } = await meaningsOf(`fedora${rest}`, machine.places);
      expect({ names, by, file }).toEqual({
        names: [`registry.example.org/fedora${rest}`],
        by: "alias",
        file: machine.places.file,
      });
    }
    expect((await meaningsOf("fedora", machine.places)).names).toEqual([
      "registry.example.org/fedora:latest",
    ]);
  });

  test("an alias that says what docker would say is nothing to be told of", async () => {
    using machine = new Machine('[aliases]\nalpine = "docker.io/library/alpine"');
    expect(await meaningsOf("alpine:3", machine.places)).toMatchObject({ by: "default" });
  });

  test("drop-ins come in the order of their names, a user's after the machine's", async () => {
    using machine = new Machine(
      'unqualified-search-registries = ["first.org"]\nshort-name-mode = "enforcing"',
    );
    machine.write(
      "machine.d/20.conf",
      'unqualified-search-registries = ["third.org"]\n[aliases]\na = "x.org/a"',
    );
    machine.write(
      "machine.d/10.conf",
      'unqualified-search-registries = ["second.org"]\n[aliases]\na = "y.org/a"',
    );
    machine.write("machine.d/30.conf.bak", 'unqualified-search-registries = ["none.org"]');
    machine.write("own.d/00.conf", 'short-name-mode = "disabled"\n[aliases]\nb = "x.org/b"');
    const conf = await readRegistriesConf(machine.places);
    expect(conf.search).toEqual({ value: ["third.org"], file: join(machine.path, "machine.d/20.conf") });
    expect(conf.mode).toBe("disabled");
    expect([...conf.aliases].map(([name, { value }]) => [name, value])).toEqual([
      ["a", "x.org/a"],
      ["b", "x.org/b"],
    ]);
  });

  test.each([
    ["enforcing", "refused"],
    ["permissive", "all"],
    ["disabled", "all"],
  ])("of several registries, with nobody to ask, %s means %s", async (mode, outcome) => {
    using machine = new Machine(
      `unqualified-search-registries = ["a.org", "b.org"]\nshort-name-mode = "${mode}"`,
    );
    const meanings = await meaningsOf("app", machine.places);
    const nobody: ChooseRegistry = async () => undefined;
    const tried = namesToTry("app", meanings, nobody);
    if (outcome === "all") expect((await tried).names).toEqual(["a.org/app:latest", "b.org/app:latest"]);
    else {
      await expect(tried).rejects.toMatchObject({
        kind: "FailedPrecondition",
        site: { hint: "write a.org/app:latest or b.org/app:latest" },
      });
    }
  });

  test("who is asked is asked once: the answer is an alias from then on", async () => {
    using machine = new Machine(
      'unqualified-search-registries = ["a.org", "b.org"]\n[aliases]\n"me/app" = "c.org/app"',
    );
    const meanings = await meaningsOf("me/other:2", machine.places);
    const { names, isChosen } = await namesToTry("me/other:2", meanings, async (_text, names) => names[1]);
    expect({ names, isChosen }).toEqual({ names: ["b.org/me/other:2"], isChosen: true });
    await rememberChoice("me/other:2", names[0]!, machine.places);
    await rememberChoice("me/app:1", "a.org/me/app:1", machine.places);
    expect(readFileSync(machine.places.aliases, "utf8")).toBe(
      '[aliases]\n  "me/other" = "b.org/me/other"\n  "me/app" = "a.org/me/app"\n',
    );
    expect(await meaningsOf("me/other:3", machine.places)).toMatchObject({
      names: ["b.org/me/other:3"],
      by: "alias",
      file: machine.places.aliases,
    });
    // Over what the administrator has said.
    expect((await meaningsOf("me/app", machine.places)).names).toEqual(["a.org/me/app:latest"]);
  });

  test.each([
    ["[aliases]\na = 1", /registries\.conf: aliases\.a: must be a string$/],
    ["short-name-mode = 'loose'", /short-name-mode: must be one of enforcing, permissive, disabled$/],
    ["[[registry]]\nlocation = 'a.org'\ninsecure = 'yes'", /registry\[0\]\.insecure: must be true or false$/],
    ["[registry]\nlocation = 'a.org'", /registry: must be written as \[\[registry\]\]$/],
    ["[aliases]\nx = 'short'", /registries\.conf: short names no registry$/],
    ["unqualified-search-registries = 'a.org'", /must be a list of strings$/],
  ])("refused, saying where: %s", async (conf, message) => {
    using machine = new Machine(conf);
    await expect(meaningsOf("x", machine.places)).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringMatching(message),
    });
  });

  test("a file that somebody names must be there", async () => {
    const places = registriesConfPlaces({
      HOME: "/nonexistent",
      CONTAINERS_REGISTRIES_CONF: "/nonexistent/x",
    });
    await expect(readRegistriesConf(places)).rejects.toMatchObject({ kind: "NotFound" });
    const own = registriesConfPlaces({ HOME: "/nonexistent" });
    expect(own.file).toBe("/etc/containers/registries.conf");
  });

  test("a user's own file is instead of the machine's, with its drop-ins", () => {
    using home = new TemporaryDirectory();
    home.write(".config/containers/registries.conf", "");
    const { file, directories } = registriesConfPlaces({ HOME: home.path });
    expect(file).toBe(join(home.path, ".config/containers/registries.conf"));
    expect(directories).toEqual([join(home.path, ".config/containers/registries.conf.d")]);
  });
});

describe("registries.conf and hosts.toml", () => {
  const settings = (machine: Machine, more: object = {}) =>
    settingsOf(
      {
        environment: {},
        hostDirectories: [join(machine.path, "certs.d")],
        registriesConf: machine.places,
        ...more,
      },
      "example.com",
    );

  test("the one says which registries, the other how each of them is reached", async () => {
    using machine = new Machine(
      `[[registry]]\nprefix = "example.com/team"\nlocation = "inner.org/x"\n[[registry.mirror]]\nlocation = "mirror.org"\ninsecure = true`,
    );
    machine.write(
      "certs.d/inner.org/hosts.toml",
      '[host."https://cache.inner.org"]\ncapabilities = ["pull"]\n',
    );
    const places = await placesOf(parseReference("example.com/team/app:1"), settings(machine));
    expect(places.map(({ domain, path, standing, uses }) => [domain, path, standing, uses])).toEqual([
      ["mirror.org", "app", "mirror", "reading"],
      ["inner.org", "x/app", "registry", "reading"],
      ["example.com", "team/app", "registry", "writing"],
    ]);
    const hosts = await Promise.all(places.map((place) => hostsOf(place.domain, place.settings)));
    expect(hosts.map((some) => some.map(({ base, plainHttp }) => [base.host, plainHttp]))).toEqual([
      [["mirror.org", "fallback"]],
      [
        ["cache.inner.org", "never"],
        ["inner.org", "never"],
      ],
      [["example.com", "never"]],
    ]);
  });

  test("insecure is for the registry that says so; --tls-verify=false for what stands for the name", async () => {
    using machine = new Machine(
      `[[registry]]\nlocation = "plain.org"\ninsecure = true
[[registry]]\nprefix = "example.com"\nlocation = "inner.org"\n[[registry.mirror]]\nlocation = "mirror.org"`,
    );
    const insecure = async (name: string, more?: object) =>
      (await placesOf(parseReference(name), settings(machine, more))).map(
        ({ domain, settings }) => `${domain} ${settings.insecure.has(domain)}`,
      );
    expect(await insecure("plain.org/a")).toEqual(["plain.org true"]);
    expect(await insecure("other.org/a")).toEqual(["other.org false"]);
    expect(await insecure("example.com/a", { verify: "nothing" })).toEqual([
      "mirror.org false",
      "inner.org true",
      "example.com true",
    ]);
    expect((await settingsAt("plain.org", settings(machine))).insecure.has("plain.org")).toBe(true);
  });

  test("what is blocked is blocked for login too", async () => {
    using machine = new Machine('[[registry]]\nprefix = "*.bad.org"\nblocked = true');
    await expect(settingsAt("x.bad.org", settings(machine))).rejects.toMatchObject({
      kind: "PermissionDenied",
      message: expect.stringContaining("registry *.bad.org is blocked in "),
    });
    await settingsAt("bad.org", settings(machine));
  });

  test("a credential is for the registry that the name says, and for no mirror", async () => {
    using machine = new Machine();
    const credential = { kind: "password", username: "a", password: "b" } as const;
    const { credentials } = settings(machine, { credential });
    expect(await credentials("example.com", "x")).toEqual(credential);
    expect(await credentials("mirror.org", "x")).toBeUndefined();
  });

  test("helpers that it names are asked for every registry, after the files", async () => {
    using machine = new Machine('credential-helpers = ["containers-auth.json", "of-the-test"]');
    const helper = machine.write(
      "bin/docker-credential-of-the-test",
      '#!/bin/sh\nread server\nprintf \'{"Username":"%s","Secret":"s"}\' "$server"\n',
    );
    const { chmodSync } = await import("node:fs");
    chmodSync(helper, 0o755);
    const environment = { PATH: `${join(machine.path, "bin")}:${process.env.PATH}`, HOME: machine.path };
    const { credentials } = settings(machine, { environment });
    expect(await credentials("a.org:5000", "x")).toEqual({
      kind: "password",
      username: "a.org:5000",
      password: "s",
    });
    const auth = Buffer.from("file:known").toString("base64");
    machine.write(".docker/config.json", JSON.stringify({ auths: { "a.org:5000": { auth } } }));
    expect(await credentials("a.org:5000", "x")).toMatchObject({ username: "file" });
  });
});
