import { chmodSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { credentialFromAuthConfig } from "../../../src/image/registry/credentials/credential.ts";
import {
  anonymous,
  credentialFiles,
  credentialFromRequest,
  credentialsFromFiles,
} from "../../../src/image/registry/credentials/source.ts";
import { failureOf, TemporaryDirectory } from "./fixture.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const password = (username: string, secret: string) => ({ kind: "password", username, password: secret });

/** What files with these contents have for a repository. */
async function lookUp(
  files: readonly object[],
  domain: string,
  path = "a/b",
  environment: Record<string, string> = {},
) {
  using directory = new TemporaryDirectory();
  const names = files.map((file, i) => directory.write(`${i}.json`, JSON.stringify(file)));
  return await credentialsFromFiles([`${directory.path}/missing.json`, ...names], environment)(domain, path);
}

describe("docker's config.json", () => {
  const entries: readonly (readonly [auths: object, domain: string, credential: object | undefined])[] = [
    [{ "r.example": { auth: base64("u:p") } }, "r.example", password("u", "p")],
    [{ "r.example": { auth: base64("u:p:q ü") } }, "r.example", password("u", "p:q ü")],
    [{ "r.example": { auth: base64("u:p\0\0") } }, "r.example", password("u", "p")],
    [{ "r.example": { username: "u", password: "p" } }, "r.example", password("u", "p")],
    [{ "https://r.example": { auth: base64("u:p") } }, "r.example", password("u", "p")],
    [{ "https://r.example/v2/": { auth: base64("u:p") } }, "r.example", password("u", "p")],
    [{ "http://R.example/v1": { auth: base64("u:p") } }, "r.example", password("u", "p")],
    [{ "r.example:5000": { auth: base64("u:p") } }, "r.example", undefined],
    [{ "r.example": { auth: base64("u:p") } }, "r.example:5000", undefined],
    [{ "https://index.docker.io/v1/": { auth: base64("u:p") } }, "docker.io", password("u", "p")],
    [{ "index.docker.io": { auth: base64("u:p") } }, "docker.io", password("u", "p")],
    [{ "docker.io": { auth: base64("u:p") } }, "docker.io", password("u", "p")],
    [
      { "r.example": { auth: base64("u:"), identitytoken: "T" } },
      "r.example",
      { kind: "identity-token", token: "T" },
    ],
    [{ "r.example": { registrytoken: "T" } }, "r.example", { kind: "registry-token", token: "T" }],
    [{ "r.example": {} }, "r.example", undefined],
    [{ "r.example": { auth: "" } }, "r.example", undefined],
    [{ "r.example": { auth: base64("nothing") } }, "r.example", undefined],
    [
      { "r.example/a": { auth: base64("a:p") }, "r.example": { auth: base64("u:p") } },
      "r.example",
      password("a", "p"),
    ],
    [
      { "r.example/a/b": { auth: base64("b:p") }, "r.example/a": { auth: base64("a:p") } },
      "r.example",
      password("b", "p"),
    ],
    [{ "r.example/c": { auth: base64("c:p") } }, "r.example", undefined],
  ];
  test.each(entries)("%j for %s", async (auths, domain, credential) => {
    expect(await lookUp([{ auths, HttpHeaders: { x: "y" } }], domain)).toEqual(credential);
  });

  test("the first file that has something decides", async () => {
    const first = { auths: { "other.example": { auth: base64("o:p") } } };
    const second = { auths: { "r.example": { auth: base64("2:p") } } };
    const third = { auths: { "r.example": { auth: base64("3:p") } } };
    expect(await lookUp([first, second, third], "r.example")).toEqual(password("2", "p"));
    expect(await lookUp([], "r.example")).toBeUndefined();
  });

  test("a file that is not in the form is an error with its place, which holds no secret", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.write("config.json", '{"auths": {"r.example": {"auth": 5}}}');
    expect(await failureOf(credentialsFromFiles([path], {})("r.example", ""))).toMatchObject({
      kind: "InvalidArgument",
      message: `${path}: auths["r.example"].auth: must be a string, not 5`,
    });
  });

  test("docker's file, then podman's; REGISTRY_AUTH_FILE alone", () => {
    expect(credentialFiles({ HOME: "/h", XDG_RUNTIME_DIR: "/r" })).toEqual([
      ...["/h/.docker/config.json", "/r/containers/auth.json", "/h/.config/containers/auth.json"],
    ]);
    expect(
      credentialFiles({ HOME: "/h", DOCKER_CONFIG: "/d", XDG_CONFIG_HOME: "/c", XDG_RUNTIME_DIR: "/r" }),
    ).toEqual([...["/d/config.json", "/r/containers/auth.json", "/c/containers/auth.json"]]);
    expect(credentialFiles({ HOME: "/h", REGISTRY_AUTH_FILE: "/x" })).toEqual(["/x"]);
  });
});

describe("credential helpers — docker-credential-helpers", () => {
  /** Looks up with helpers of the given scripts in PATH. */
  async function withHelpers(scripts: Record<string, string>, config: object, domain = "r.example") {
    using directory = new TemporaryDirectory();
    for (const [name, script] of Object.entries(scripts))
      chmodSync(directory.write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`), 0o755);
    return await lookUp([config], domain, "a/b", { PATH: `${directory.path}/bin:/usr/bin:/bin` });
  }
  const echo = `read server; echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"$1 $server\\",\\"Secret\\":\\"s\\"}"`;

  test("credsStore is asked by the name that docker gives a server", async () => {
    expect(await withHelpers({ x: echo }, { credsStore: "x" })).toEqual(password("get r.example", "s"));
    expect(await withHelpers({ x: echo }, { credsStore: "x" }, "docker.io")).toEqual(
      password("get https://index.docker.io/v1/", "s"),
    );
  });

  test("credHelpers comes before credsStore, and that before the file", async () => {
    const auths = { "r.example": { auth: base64("file:p") }, "s.example": { auth: base64("file:p") } };
    const config = { auths, credsStore: "x", credHelpers: { "r.example": "y" } };
    const scripts = {
      x: 'echo \'{"Username":"x","Secret":"s"}\'',
      y: 'echo \'{"Username":"y","Secret":"s"}\'',
    };
    expect(await withHelpers(scripts, config)).toEqual(password("y", "s"));
    expect(await withHelpers(scripts, config, "s.example")).toEqual(password("x", "s"));
  });

  test("<token> is an identity token", async () => {
    const script = 'echo \'{"Username":"<token>","Secret":"T"}\'';
    expect(await withHelpers({ x: script }, { credsStore: "x" })).toEqual({
      kind: "identity-token",
      token: "T",
    });
  });

  test("one that knows nothing leaves it to the file, or to nobody", async () => {
    const scripts = { x: "echo credentials not found in native keychain; exit 1" };
    const auths = { "r.example": { auth: base64("file:p") } };
    expect(await withHelpers(scripts, { credsStore: "x", auths })).toEqual(password("file", "p"));
    expect(await withHelpers(scripts, { credsStore: "x" })).toBeUndefined();
  });

  const failures: readonly (readonly [script: string, message: string])[] = [
    ["echo the wallet is locked; exit 2", "credential helper docker-credential-x: the wallet is locked"],
    ["exit 3", "credential helper docker-credential-x: exited with 3"],
    ["echo no json", "its answer is not JSON"],
    ["echo '{\"Username\": 5}'", "has not the form"],
    ["kill -9 $$", "ended by SIGKILL"],
    ["exec cat /dev/zero", "ended by SIGKILL"],
  ];
  test.each(failures)("one that fails is an error: %s", async (script, message) => {
    expect(await failureOf(withHelpers({ x: script }, { credsStore: "x" }))).toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining(message),
    });
  });

  test("one that is missing is an error, one with a path as its name too", async () => {
    expect(await failureOf(withHelpers({}, { credsStore: "gone" }))).toMatchObject({
      kind: "FailedPrecondition",
      message: "credential helper docker-credential-gone: not found in PATH",
    });
    expect(await failureOf(withHelpers({}, { credsStore: "../x" }))).toMatchObject({
      kind: "InvalidArgument",
    });
  });
});

describe("credentials that a request brings — CRI AuthConfig", () => {
  test("by what they are, and for their own server only", async () => {
    expect(credentialFromAuthConfig({ username: "u", password: "p" }, "r.example")).toEqual(
      password("u", "p"),
    );
    expect(credentialFromAuthConfig({ auth: base64("u:p") }, "r.example")).toEqual(password("u", "p"));
    expect(credentialFromAuthConfig({ identityToken: "T", username: "u" }, "r")).toEqual({
      kind: "identity-token",
      token: "T",
    });
    expect(credentialFromAuthConfig({ registryToken: "T" }, "r")).toEqual({
      kind: "registry-token",
      token: "T",
    });
    expect(credentialFromAuthConfig({}, "r")).toBeUndefined();
    expect(() => credentialFromAuthConfig({ auth: "!" }, "r")).toThrow(
      "auth must be base64 of username:password",
    );
    const config = { username: "u", password: "p", serverAddress: "https://r.example/v2/" };
    expect(await credentialFromRequest(config, "r.example")("r.example", "")).toEqual(password("u", "p"));
    expect(await credentialFromRequest(config, "r.example")("mirror.example", "")).toBeUndefined();
    expect(credentialFromRequest(config, "other.example")).toBe(anonymous);
    const docker = { username: "u", password: "p", serverAddress: "https://index.docker.io/v1/" };
    expect(await credentialFromRequest(docker, "docker.io")("docker.io", "")).toEqual(password("u", "p"));
  });
});
