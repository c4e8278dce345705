import { describe, expect, test } from "vitest";
import { hostsOf } from "../../../src/image/registry/hosts.ts";
import { parseHostsToml } from "../../../src/image/registry/hosts-toml.ts";
import { settingsOf } from "../../../src/image/registry/options.ts";
import { proxyFor } from "../../../src/image/registry/proxy.ts";
import { failureOf, TemporaryDirectory } from "./fixture.ts";

async function hosts(domain: string, hostDirectories: readonly string[], insecure: readonly string[] = []) {
  return await hostsOf(domain, settingsOf({ hostDirectories, insecure, environment: {} }));
}

describe("a registry of which nothing is configured", () => {
  test("answers by TLS at its own address", async () => {
    const [only, ...others] = await hosts("quay.io", []);
    expect(others).toEqual([]);
    expect(only).toMatchObject({ plainHttp: "never", namespace: undefined, tls: { verify: "certificate" } });
    expect(only!.base.href).toBe("https://quay.io/v2/");
    expect([...only!.capabilities]).toEqual(["pull", "resolve", "push"]);
  });

  test("docker.io answers elsewhere", async () => {
    const [only] = await hosts("docker.io", []);
    expect(only!.base.href).toBe("https://registry-1.docker.io/v2/");
    expect(only!.namespace).toBeUndefined();
  });

  test("this machine may do without TLS, others only when asked", async () => {
    for (const domain of ["localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "x.localhost"])
      expect((await hosts(domain, []))[0]).toMatchObject({
        plainHttp: "fallback",
        tls: { verify: "nothing" },
      });
    for (const domain of ["128.0.0.1", "localhost.com", "127.0.0.1.nip.io", "10.0.0.1:5000"])
      expect((await hosts(domain, []))[0]).toMatchObject({
        plainHttp: "never",
        tls: { verify: "certificate" },
      });
    expect((await hosts("10.0.0.1:5000", [], ["10.0.0.1:5000"]))[0]).toMatchObject({
      plainHttp: "fallback",
      tls: { verify: "nothing" },
    });
    expect((await hosts("a.b", [], ["*"]))[0]).toMatchObject({ plainHttp: "fallback" });
    expect((await hosts("docker.io", [], ["docker.io"]))[0]).toMatchObject({ plainHttp: "fallback" });
    expect((await hosts("a.b", [], ["b", "a.b:5000"]))[0]).toMatchObject({ plainHttp: "never" });
  });
});

describe("hosts.toml — containerd docs/hosts.md", () => {
  test("mirrors in their order, then the registry itself", async () => {
    using directory = new TemporaryDirectory();
    directory.write("docker.io/own.crt", "AUTHORITY");
    directory.write("docker.io/both.pem", "BOTH");
    directory.write("docker.io/sub/c.cert", "CERT");
    directory.write("docker.io/sub/c.key", "KEY");
    directory.write(
      "docker.io/hosts.toml",
      `server = "https://registry-1.docker.io"
[host."https://z.example/base"]
  capabilities = ["pull"]
  dial_timeout = "1m1.5s"
  ca = "own.crt"
  client = [["sub/c.cert", "sub/c.key"]]
  [host."https://z.example/base".header]
    "X-Two" = ["a", "b"]
[host."http://a.example:5000/v2"]
  override_path = true
  skip_verify = true
  client = "both.pem"
[host."plain.example"]
  capabilities = ["Pull", "resolve"]
`,
    );
    const found = await hosts("docker.io", [directory.path]);
    expect(found.map(({ base, namespace }) => [base.href, namespace])).toEqual([
      ["https://z.example/base/v2/", "docker.io"],
      ["http://a.example:5000/v2/", "docker.io"],
      ["https://plain.example/v2/", "docker.io"],
      ["https://registry-1.docker.io/v2/", undefined],
    ]);
    const [first, second, third, own] = found;
    expect(first).toMatchObject({
      connectTimeoutMs: 61_500,
      headers: { "x-two": "a, b" },
      tls: {
        authorities: ["AUTHORITY"],
        clients: [{ certificate: "CERT", key: "KEY" }],
        verify: "certificate",
      },
    });
    expect([...first!.capabilities]).toEqual(["pull"]);
    expect(second!.tls).toEqual({
      authorities: [],
      clients: [{ certificate: "BOTH", key: "BOTH" }],
      verify: "nothing",
    });
    expect([...third!.capabilities]).toEqual(["pull", "resolve"]);
    expect(own!.capabilities.has("push")).toBe(true);
  });

  test("without a server the registry is asked at its own address", async () => {
    using directory = new TemporaryDirectory();
    directory.write("r.example/hosts.toml", 'capabilities = ["pull"]\n[host."https://m.example"]\n');
    const found = await hosts("r.example", [directory.path]);
    expect(found.map(({ base }) => base.href)).toEqual(["https://m.example/v2/", "https://r.example/v2/"]);
    expect([...found[1]!.capabilities]).toEqual(["pull"]);
  });

  test("a path that stands for itself has no v2", async () => {
    const [host] = await parseHostsToml(
      '[host."https://h/api/images/"]\noverride_path = true',
      "/x/hosts.toml",
    );
    expect(host!.base!.href).toBe("https://h/api/images/");
  });

  const faults: readonly (readonly [text: string, message: string])[] = [
    ["server = ", "/x/hosts.toml: Invalid TOML document"],
    ["server = 5", "/x/hosts.toml: server: must be a string"],
    ['host = "x"', "/x/hosts.toml: host: must be a table"],
    [
      '[host."https://h"]\ncapabilities = ["fly"]',
      '/x/hosts.toml: host."https://h".capabilities: must be of pull, resolve and push',
    ],
    ['capabilities = "pull"', "capabilities: must be a list"],
    ['skip_verify = "yes"', "skip_verify: must be true or false"],
    ["ca = 5", "ca: must be the path of a file"],
    ['client = [["a"]]', "client: a pair must be a certificate and its key"],
    ['dial_timeout = "soon"', 'dial_timeout: must be a duration such as "5s"'],
    ['[header]\n"A B" = "c"', "header.A B: must be text"],
    ['[header]\nA = "b\\r\\nC: d"', "header.A: must be text"],
    ['[host."https://"]', "is not the URL of a host"],
  ];
  test.each(faults)("%j is refused with its place", async (text, message) => {
    expect(await failureOf(parseHostsToml(text, "/x/hosts.toml"))).toMatchObject({
      kind: "InvalidArgument",
      message: expect.stringContaining(message),
    });
  });

  test("a file that it names and that is not there is an error", async () => {
    using directory = new TemporaryDirectory();
    directory.write("r.example/hosts.toml", 'ca = "gone.crt"');
    expect(await failureOf(hosts("r.example", [directory.path]))).toMatchObject({
      kind: "InvalidArgument",
      message: `${directory.path}/r.example/gone.crt: cannot be read: ENOENT`,
    });
  });
});

describe("directories of hosts", () => {
  test("by both spellings of a port; a host's own before anybody's default", async () => {
    using directory = new TemporaryDirectory();
    const [first, second] = [`${directory.path}/1`, `${directory.path}/2`];
    directory.write("1/_default/hosts.toml", '[host."https://default.example"]');
    directory.write("2/r.example_5000_/hosts.toml", '[host."https://own.example"]');
    directory.write("2/r.example:5000/hosts.toml", '[host."https://other.example"]');
    directory.write("2/s.example:5000/hosts.toml", '[host."https://s.example"]');
    const firstHost = async (domain: string) =>
      (await hosts(domain, [first, second, "/no/such"]))[0]!.base.hostname;
    expect(await firstHost("r.example:5000")).toBe("own.example");
    expect(await firstHost("s.example:5000")).toBe("s.example");
    expect(await firstHost("r.example")).toBe("default.example");
    expect((await hosts("t.example", [first]))[1]!.base.href).toBe("https://t.example/v2/");
  });

  test("certificates in docker's way", async () => {
    using directory = new TemporaryDirectory();
    for (const name of ["a.crt", "b.crt", "client.cert", "client.key", "notes.txt"])
      directory.write(`r.example/${name}`, name);
    const [host] = await hosts("r.example", [directory.path]);
    expect(host!.tls).toEqual({
      authorities: ["a.crt", "b.crt"],
      clients: [{ certificate: "client.cert", key: "client.key" }],
      verify: "certificate",
    });
    directory.write("s.example/client.cert", "alone");
    await expect(hosts("s.example", [directory.path])).rejects.toThrow(
      "client.cert: has no client.key beside it",
    );
  });
});

describe("proxies — as Go programs read the environment", () => {
  const rows: readonly (readonly [
    url: string,
    environment: Record<string, string>,
    proxy: string | undefined,
  ])[] = [
    ["https://a.b/", {}, undefined],
    ["https://a.b/", { HTTPS_PROXY: "http://p:3128" }, "http://p:3128/"],
    ["https://a.b/", { https_proxy: "p:3128" }, "http://p:3128/"],
    ["https://a.b/", { HTTP_PROXY: "http://p" }, undefined],
    ["http://a.b/", { HTTP_PROXY: "http://p" }, "http://p/"],
    ["https://localhost:5000/", { HTTPS_PROXY: "http://p" }, undefined],
    ["https://127.0.0.1/", { HTTPS_PROXY: "http://p" }, undefined],
    ["https://[::1]/", { HTTPS_PROXY: "http://p" }, undefined],
    ["https://a.b/", { HTTPS_PROXY: "http://p", NO_PROXY: "*" }, undefined],
    ["https://a.b/", { HTTPS_PROXY: "http://p", NO_PROXY: "x, b" }, undefined],
    ["https://a.b/", { HTTPS_PROXY: "http://p", NO_PROXY: ".b" }, undefined],
    ["https://b/", { HTTPS_PROXY: "http://p", NO_PROXY: ".b" }, "http://p/"],
    ["https://ab/", { HTTPS_PROXY: "http://p", NO_PROXY: "b" }, "http://p/"],
    ["https://a.b/", { HTTPS_PROXY: "http://p", NO_PROXY: "*.B" }, undefined],
    ["https://a.b:5000/", { HTTPS_PROXY: "http://p", NO_PROXY: "a.b:443" }, "http://p/"],
    ["https://a.b/", { HTTPS_PROXY: "http://p", NO_PROXY: "a.b:443" }, undefined],
    ["https://10.1.2.3/", { HTTPS_PROXY: "http://p", NO_PROXY: "10.0.0.0/8" }, undefined],
    ["https://11.1.2.3/", { HTTPS_PROXY: "http://p", NO_PROXY: "10.0.0.0/8,junk/9,1.2.3.4/99" }, "http://p/"],
    ["https://[fd00::1]/", { HTTPS_PROXY: "http://p", NO_PROXY: "fd00::/8" }, undefined],
  ];
  test.each(rows)("%s with %j: %s", (url, environment, proxy) => {
    expect(proxyFor(new URL(url), environment)?.href).toBe(proxy);
  });
});
