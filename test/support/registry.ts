/** Debian's docker-registry on a free port of the loopback address, for as long as a test needs it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Authority, KeyPair } from "./certificates.ts";

/** How the registry is set up. */
export interface RegistrySetup {
  /** TLS with a certificate of this authority for localhost and 127.0.0.1; plain HTTP when absent. */
  readonly authority?: Authority;
  /** Asks clients for a certificate of this authority. */
  readonly clientAuthority?: Authority;
  /** HTTP basic authentication. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Tokens of a server of the test's own. */
  readonly token?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly rootCertFile: string;
  };
  /** Serves as a mirror of another registry. */
  readonly proxy?: { readonly remoteUrl: string };
}

/** A running registry. Disposing it ends the process and removes its files. */
export interface TestRegistry extends AsyncDisposable {
  /** "127.0.0.1:PORT": what image names begin with. */
  readonly domain: string;
  readonly url: URL;
  /** Where its blobs are. */
  readonly directory: string;
  /** Its certificate; undefined for plain HTTP. */
  readonly keyPair: KeyPair | undefined;
}

/** Whether there is a registry to be started. */
export const hasRegistry = existsSync("/usr/bin/docker-registry");

/**
 * A line for htpasswd files. Registries take bcrypt only, which crypt(3) of Debian's libcrypt makes; the cost
 * is the least there is, since nobody has to be kept out for long.
 */
function htpasswd(name: string, password: string): string {
  const salt = randomBytes(22).toString("base64url").replaceAll(/[-_]/g, "x").slice(0, 21);
  const script = "print crypt($ENV{PASSWORD}, $ENV{SALT})";
  const hash = execFileSync("perl", ["-e", script], {
    env: { PASSWORD: password, SALT: `$2y$04$${salt}u` },
    encoding: "latin1",
  });
  return `${name}:${hash}\n`;
}

/** Starts a registry; resolves when it listens. */
export async function startRegistry(setup: RegistrySetup = {}): Promise<TestRegistry> {
  const directory = mkdtempSync(join(tmpdir(), "runt-registry-"));
  try {
    const keyPair = setup.authority?.issue("localhost", "127.0.0.1");
    const configFile = join(directory, "config.json");
    // YAML, of which JSON is a part.
    writeFileSync(configFile, JSON.stringify(configOf(setup, directory, keyPair)));
    const child = spawn("docker-registry", ["serve", configFile], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: "none" },
    });
    const port = await portOf(child);
    const domain = `127.0.0.1:${port}`;
    const url = new URL(`${keyPair === undefined ? "http" : "https"}://${domain}`);
    return {
      domain,
      url,
      directory: join(directory, "data"),
      keyPair,
      [Symbol.asyncDispose]: () => end(child, directory),
    };
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

function configOf(setup: RegistrySetup, directory: string, keyPair: KeyPair | undefined): object {
  const tls = keyPair && {
    certificate: keyPair.certFile,
    key: keyPair.keyFile,
    ...(setup.clientAuthority === undefined ? {} : { clientcas: [setup.clientAuthority.certFile] }),
  };
  const passwords = join(directory, "htpasswd");
  if (setup.user !== undefined) writeFileSync(passwords, htpasswd(setup.user.name, setup.user.password));
  const auth =
    setup.user !== undefined
      ? { htpasswd: { realm: "test registry, of runt", path: passwords } }
      : setup.token && {
          token: {
            realm: setup.token.realm,
            service: setup.token.service,
            issuer: setup.token.issuer,
            rootcertbundle: setup.token.rootCertFile,
          },
        };
  return {
    version: "0.1",
    log: { level: "info", formatter: "text" },
    storage: { filesystem: { rootdirectory: join(directory, "data") }, delete: { enabled: true } },
    http: {
      addr: "127.0.0.1:0",
      relativeurls: true,
      secret: "only one process, any secret will do",
      ...(tls && { tls }),
    },
    ...(auth && { auth }),
    ...(setup.proxy && { proxy: { remoteurl: setup.proxy.remoteUrl } }),
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr! });
  try {
    for await (const line of lines) {
      said.push(line);
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port === undefined) continue;
      // What it says from now on is read and forgotten: a full pipe would stop it.
      child.stderr!.resume();
      return Number(port);
    }
  } finally {
    lines.removeAllListeners("line");
  }
  throw new Error(`docker-registry did not start:\n${said.join("\n")}`);
}

async function end(child: ChildProcess, directory: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
  rmSync(directory, { recursive: true, force: true });
}
