import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { login, logout } from "../../../src/image/registry/credentials/login.ts";
import { credentialFiles, credentialsFromFiles } from "../../../src/image/registry/credentials/source.ts";
import { Authority } from "../../support/certificates.ts";
import { needs } from "../../support/needs.ts";
import { startRegistry } from "../../support/registry.ts";
import { ISSUER, SERVICE, startTokenServer } from "../../support/token-server.ts";
import { failureOf, hasty, TemporaryDirectory } from "./fixture.ts";

const withRegistry = needs("program:docker-registry", "program:openssl");
const user = { name: "somebody", password: "pass:wörd" };
const right = { username: user.name, password: user.password };

describe("login — docker's config.json", () => {
  withRegistry("stores what the registry has taken, and nothing else", async () => {
    await using registry = await startRegistry({ user });
    using directory = new TemporaryDirectory();
    const environment = { DOCKER_CONFIG: `${directory.path}/new/.docker`, HOME: directory.path };
    const options = { environment, hostDirectories: [], patience: hasty };
    const file = `${directory.path}/new/.docker/config.json`;
    expect(await failureOf(login(registry.domain, { ...right, password: "wrong" }, options))).toMatchObject({
      kind: "PermissionDenied",
      message: expect.stringMatching(/^127.*user name or password is wrong \(127.* answered 401\)$/),
    });
    expect(() => statSync(file)).toThrow("ENOENT");

    expect(await login(registry.domain, right, options)).toEqual({
      domain: registry.domain,
      file,
      helper: undefined,
    });
    expect(statSync(file).mode & 0o7777).toBe(0o600);
    expect(statSync(`${directory.path}/new/.docker`).mode & 0o7777).toBe(0o700);
    const auth = Buffer.from(`${user.name}:${user.password}`).toString("base64");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ auths: { [registry.domain]: { auth } } });
    const found = await credentialsFromFiles(credentialFiles(environment), environment)(registry.domain, "a");
    expect(found).toEqual({ kind: "password", ...right });

    expect(await logout(registry.domain, options)).toBe(true);
    expect(await logout(registry.domain, options)).toBe(false);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ auths: {} });
    expect(readdirSync(`${directory.path}/new/.docker`)).toEqual(["config.json"]);
  });

  withRegistry(
    "leaves what others have in the file, its owner and its link; many may log in at once",
    async () => {
      await using registry = await startRegistry({ user });
      using directory = new TemporaryDirectory();
      const real = directory.write(
        "elsewhere/config.json",
        '{"HttpHeaders":{"a":"b"},"auths":{"r.example/x":{"auth":"eDp5"}},"n":1}',
      );
      chmodSync(real, 0o644);
      directory.write(".docker/x", "");
      symlinkSync(real, `${directory.path}/.docker/config.json`);
      const options = { environment: { HOME: directory.path }, hostDirectories: [], patience: hasty };
      const port = registry.domain.split(":")[1];
      const names = ["127.0.0.1", "localhost", "a.localhost", "127.0.0.2"].map((host) => `${host}:${port}`);
      await Promise.all(
        names.slice(0, 3).map((name) => login(`https://${name}/v2/`, right, options).catch((error) => error)),
      );
      const document = JSON.parse(readFileSync(real, "utf8"));
      expect(document).toMatchObject({ HttpHeaders: { a: "b" }, n: 1 });
      expect(Object.keys(document.auths)).toEqual(
        expect.arrayContaining(["r.example/x", names[0], names[1]]),
      );
      expect(statSync(real).mode & 0o7777).toBe(0o600);
      expect(readdirSync(`${directory.path}/elsewhere`)).toEqual(["config.json"]);
      expect(await logout("r.example", options)).toBe(false);
      expect(JSON.parse(readFileSync(real, "utf8")).auths["r.example/x"]).toEqual({ auth: "eDp5" });
    },
  );

  withRegistry("a helper keeps the secret, and the file only says so", async () => {
    await using registry = await startRegistry({ user });
    using directory = new TemporaryDirectory();
    const store = `${directory.path}/store`;
    const script = `#!/bin/sh
case $1 in
  store) cat > ${store} ;;
  get) test -s ${store} && cat ${store} || { echo credentials not found in native keychain; exit 1; } ;;
  erase) test -s ${store} && rm ${store} || { echo credentials not found in native keychain; exit 1; } ;;
esac
`;
    chmodSync(directory.write("bin/docker-credential-test", script), 0o755);
    const file = directory.write(".docker/config.json", '{"credsStore":"test"}');
    const environment = { HOME: directory.path, PATH: `${directory.path}/bin:/usr/bin:/bin` };
    const options = { environment, hostDirectories: [], patience: hasty };
    expect(await login(registry.domain, right, options)).toMatchObject({ helper: "test" });
    expect(JSON.parse(readFileSync(store, "utf8"))).toEqual({
      ServerURL: registry.domain,
      Username: user.name,
      Secret: user.password,
    });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      credsStore: "test",
      auths: { [registry.domain]: {} },
    });
    const found = await credentialsFromFiles([file], environment)(registry.domain, "a");
    expect(found).toEqual({ kind: "password", ...right });
    expect(await logout(registry.domain, options)).toBe(true);
    expect(await logout(registry.domain, options)).toBe(false);
  });

  withRegistry(
    "an identity token is stored in place of the password where the registry gives one",
    async () => {
      using directory = new TemporaryDirectory();
      const authority = new Authority(directory.path);
      const signer = authority.issue("signer");
      const setup = { signer, user, oauth: "yes", anonymousActions: [], lifetime: 60 } as const;
      await using tokens = await startTokenServer(setup);
      const token = {
        realm: tokens.url.href,
        service: SERVICE,
        issuer: ISSUER,
        rootCertFile: authority.certFile,
      };
      await using registry = await startRegistry({ token });
      const file = `${directory.path}/auth.json`;
      const options = { authFile: file, environment: {}, hostDirectories: [], patience: hasty };
      expect(
        await failureOf(login(registry.domain, { username: "nobody", password: "x" }, options)),
      ).toMatchObject({
        kind: "PermissionDenied",
        message: expect.stringContaining("incorrect username or password"),
      });
      await login(registry.domain, right, options);
      const text = readFileSync(file, "utf8");
      expect(text).not.toContain(Buffer.from(user.password).toString("base64").slice(0, 6));
      const found = await credentialsFromFiles([file], {})(registry.domain, "a");
      expect(found).toEqual({ kind: "identity-token", token: [...tokens.refreshTokens][0] });
    },
  );

  withRegistry("a file that is not JSON is not written over", async () => {
    await using registry = await startRegistry({ user });
    using directory = new TemporaryDirectory();
    const file = directory.write("config.json", "{ not json");
    const options = { authFile: file, environment: {}, hostDirectories: [], patience: hasty };
    expect(await failureOf(login(registry.domain, right, options))).toMatchObject({
      kind: "InvalidArgument",
    });
    expect(readFileSync(file, "utf8")).toBe("{ not json");
    writeFileSync(file, "[]");
    expect(await failureOf(login(registry.domain, right, options))).toMatchObject({
      kind: "InvalidArgument",
    });
    expect(await failureOf(login(registry.domain, { username: "a:b", password: "" }, options))).toMatchObject(
      {
        message: expect.stringContaining("must not be empty or have a colon"),
      },
    );
  });

  withRegistry("where no registry answers, nothing is stored", async () => {
    using directory = new TemporaryDirectory();
    const options = {
      environment: { HOME: directory.path },
      hostDirectories: [],
      patience: { ...hasty, attempts: 2 },
    };
    expect(await failureOf(login("127.0.0.1:1", right, options))).toMatchObject({
      kind: "Unavailable",
      message: "127.0.0.1:1: 127.0.0.1:1: connection refused",
    });
    expect(readdirSync(directory.path)).toEqual([]);
  });
});
