/** What a pull and a push make of a registry that fails in every way at every kind of request. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { RuntError } from "../../../src/errors.ts";
import type { RegistryClient } from "../../../src/image/registry/client.ts";
import { Authority } from "../../support/certificates.ts";
import { type Fault, FaultProxy, type RequestKind } from "../../support/fault-proxy.ts";
import { missing, needs } from "../../support/needs.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";
import { ISSUER, SERVICE, startTokenServer } from "../../support/token-server.ts";
import { clientFor, inChunks, TemporaryDirectory, TestImage } from "./fixture.ts";

const withRegistry = needs("program:docker-registry", "program:openssl");
const user = { name: "somebody", password: "secret" };

let stack: AsyncDisposableStack;
let proxy: FaultProxy;
let hostDirectories: string[];
const image = new TestImage(400_000);

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  if (missing("program:docker-registry", "program:openssl") !== undefined) return;
  const directory = stack.use(new TemporaryDirectory());
  const authority = new Authority(directory.path);
  const setup = {
    signer: authority.issue("signer"),
    user,
    oauth: "yes",
    anonymousActions: ["pull"],
    lifetime: 600,
  } as const;
  const tokens = stack.use(await startTokenServer(setup));
  let registry: TestRegistry | undefined;
  proxy = stack.use(
    await FaultProxy.start({
      target: () => registry!.url,
      targetAuthority: authority.cert,
      tokenServer: tokens.url,
      keyPair: authority.issue("127.0.0.1"),
    }),
  );
  const token = {
    realm: `${proxy.url}token`,
    service: SERVICE,
    issuer: ISSUER,
    rootCertFile: authority.certFile,
  };
  registry = stack.use(await startRegistry({ authority, token }));
  hostDirectories = [directory.trust(proxy.domain, authority.certFile)];
  proxy.markConfig(image.config.descriptor.digest);
  await using client = await newClient();
  await image.push(client, "1");
});

afterAll(async () => await stack.disposeAsync());

/** A client of its own for each case: what one has learnt does not help the next. */
async function newClient(attempts = 5, path = "app", stallTimeoutMs = 500): Promise<RegistryClient> {
  const credentials = async () =>
    ({ kind: "password", username: user.name, password: user.password }) as const;
  const patience = { attempts, firstWaitMs: 2, longestWaitMs: 5, stallTimeoutMs };
  return await clientFor(`${proxy.domain}/${path}`, { hostDirectories, credentials, patience });
}

const actions = {
  ping: (client: RegistryClient) => client.ping(),
  pull: (client: RegistryClient) => image.pull(client, "1"),
  push: async (client: RegistryClient) => void (await new TestImage(100_000).push(client, "2")),
  "push in chunks": async (client: RegistryClient) => {
    const { layer } = new TestImage(100_000);
    await client.uploadBlob(layer.descriptor, () => inChunks(layer.bytes), { chunkBytes: 30_000 });
    if (!(await client.blobExists(layer.descriptor))) throw new Error("it did not arrive");
  },
  tags: async (client: RegistryClient) => void (await client.listTags()),
} as const;
type Action = keyof typeof actions;

const status = (code: number, headers: Record<string, string> = {}): Fault => ({ status: code, headers });
const name = (fault: Fault): string => (typeof fault === "string" ? fault : String(fault.status));

/** What passes: the action succeeds, after another request. */
const passing: readonly Fault[] = [
  "drop",
  "stall",
  status(429, { "retry-after": "0" }),
  status(500),
  status(503),
];
const passingInAnswers: readonly Fault[] = [...passing, "drop-midway", "stall-midway"];

const once: readonly (readonly [kind: RequestKind, action: Action, faults: readonly Fault[]])[] = [
  ["ping", "ping", passing],
  ["token", "pull", passingInAnswers],
  ["manifest-head", "pull", [...passing, "truncated"]],
  ["manifest-get", "pull", passingInAnswers],
  ["config-get", "pull", [...passingInAnswers, "truncated"]],
  ["layer-get", "pull", [...passingInAnswers, "truncated"]],
  ["blob-head", "push", passing],
  ["upload-post", "push", passing],
  ["upload-put", "push", passing],
  ["upload-put", "push in chunks", passing],
  ["upload-patch", "push in chunks", passing],
  ["manifest-put", "push", passing],
  ["tags", "tags", passingInAnswers],
];

describe("a fault that passes", () => {
  for (const [kind, action, faults] of once) {
    for (const fault of faults) {
      withRegistry(`${kind}: ${name(fault)}, then well: ${action} succeeds`, async () => {
        proxy.reset();
        proxy.fail(kind, fault, 1);
        await using client = await newClient();
        await actions[action](client);
        expect(proxy.count(kind)).toBeGreaterThan(1);
      });
    }
  }
});

/** What stays: the kind of error, and a part of its words; or success, where there is another way. */
type Outcome = "succeeds" | readonly [kind: string, words: string];
const lost = ["Unavailable", "connection lost"] as const;
const stalled = ["Unavailable", "no progress"] as const;
const words = "as the test wants it (";
const denied = ["PermissionDenied", `${words}`] as const;
const notFound = ["NotFound", words] as const;
const unavailable = ["Unavailable", words] as const;

const everywhere: readonly (readonly [Fault, Outcome])[] = [
  ["drop", lost],
  ["stall", stalled],
  [status(401), denied],
  [status(403), denied],
  [status(404), notFound],
  [status(429, { "retry-after": "0" }), unavailable],
  [status(429, { "retry-after": "7200" }), unavailable],
  [status(500), unavailable],
];

/** Beside and instead of what is so everywhere. */
const always: readonly (readonly [
  kind: RequestKind,
  action: Action,
  outcomes: readonly (readonly [Fault, Outcome])[],
])[] = [
  ["ping", "ping", []],
  [
    "token",
    "pull",
    [
      [status(404), unavailable],
      ["drop-midway", lost],
      ["truncated", ["Unavailable", "not JSON"]],
    ],
  ],
  [
    "manifest-head",
    "pull",
    [
      // GET is another way, and its answer has words.
      [status(401), "succeeds"],
      [status(403), "succeeds"],
      [status(404), ["NotFound", "not found (127.0.0.1"]],
      [status(429, { "retry-after": "0" }), "succeeds"],
      [status(429, { "retry-after": "7200" }), "succeeds"],
      [status(500), "succeeds"],
      ["wrong-digest", ["NotFound", "manifest unknown"]],
      ["wrong-length", ["InvalidArgument", "as its descriptor says"]],
      ["truncated", "succeeds"],
    ],
  ],
  [
    "manifest-get",
    "pull",
    [
      ["drop-midway", lost],
      ["stall-midway", stalled],
      ["wrong-digest", ["Unavailable", "sent other content: expected sha256:"]],
      ["wrong-length", ["Unavailable", "sent other content"]],
      ["truncated", ["Unavailable", "sent other content"]],
    ],
  ],
  ...(["config-get", "layer-get"] as const).map(
    (kind) =>
      [
        kind,
        "pull",
        [
          // Half of what is left arrives each time, until half of it is nothing.
          ["drop-midway", lost],
          ["wrong-length", ["Unavailable", "as its descriptor says"]],
        ],
      ] as const,
  ),
  [
    "blob-head",
    "push",
    [
      // An answer to HEAD has no words of its own.
      [status(401), ["PermissionDenied", "authentication required (127.0.0.1"]],
      [status(403), ["PermissionDenied", "access denied (127.0.0.1"]],
      [status(404), "succeeds"],
      [status(429, { "retry-after": "0" }), ["Unavailable", "too many requests (127.0.0.1"]],
      [status(429, { "retry-after": "7200" }), ["Unavailable", "too many requests (127.0.0.1"]],
      [status(500), ["Unavailable", "answered 500"]],
    ],
  ],
  ["upload-post", "push", []],
  ["upload-put", "push", []],
  ["upload-put", "push in chunks", []],
  ["upload-patch", "push in chunks", []],
  ["manifest-put", "push", [["wrong-digest", ["Unavailable", "the registry stored sha256:000"]]]],
  ["tags", "tags", [["drop-midway", lost]]],
];

describe("a fault that stays", () => {
  for (const [kind, action, own] of always) {
    const changed = new Set(own.map(([fault]) => JSON.stringify(fault)));
    for (const [fault, outcome] of [
      ...everywhere.filter(([fault]) => !changed.has(JSON.stringify(fault))),
      ...own,
    ]) {
      const verdict = outcome === "succeeds" ? "succeeds all the same" : `is ${outcome[0]}`;
      withRegistry(`${kind}: ${name(fault)} always: ${action} ${verdict}`, async () => {
        proxy.reset();
        proxy.fail(kind, fault);
        await using client = await newClient(2);
        const failure: unknown = await actions[action](client).then(
          () => undefined,
          (error) => error,
        );
        expect(proxy.count(kind)).toBeGreaterThan(0);
        if (outcome === "succeeds") {
          expect(failure).toBeUndefined();
          return;
        }
        expect(failure).toBeInstanceOf(RuntError);
        const { kind: errorKind, message, site } = failure as RuntError;
        expect([errorKind, message]).toEqual([outcome[0], expect.stringContaining(outcome[1])]);
        expect(message).toMatch(new RegExp(`^${proxy.domain}[^\\n]*$`));
        if (errorKind === "PermissionDenied") expect(site.hint).toBe(`runt login ${proxy.domain}`);
        if (message.includes("answered 429")) expect(site.hint).toContain("runt login");
      });
    }
  }
});

/** Where requests are counted: none is made again because a busy disk has let us wait. */
const patient = 30_000;

describe("after a fault", () => {
  withRegistry("a blob that arrived although its answer was lost is not sent again", async () => {
    proxy.reset();
    const { layer } = new TestImage(1000);
    await using client = await newClient();
    // Everything is in the registry when the answer breaks off.
    proxy.fail("upload-put", "stall-midway", 1);
    await client.uploadBlob(layer.descriptor, () => inChunks(layer.bytes));
    expect(await client.blobExists(layer.descriptor)).toBe(true);
  });

  withRegistry("chunks that arrived are not sent again", async () => {
    proxy.reset();
    const { layer } = new TestImage(100_000);
    await using client = await newClient(5, "app", patient);
    let opened = 0;
    const open = () => {
      opened += 1;
      return inChunks(layer.bytes);
    };
    const sent: number[] = [];
    // The first request of a client is refused, so that it learns how to ask.
    expect(await client.blobExists(layer.descriptor)).toBe(false);
    proxy.fail("upload-patch", "drop", 1);
    await client.uploadBlob(layer.descriptor, open, {
      chunkBytes: 30_000,
      onProgress: (bytes) => sent.push(bytes),
    });
    expect(await client.blobExists(layer.descriptor)).toBe(true);
    expect(proxy.count("upload-post")).toBe(1);
    expect(proxy.count("upload-status")).toBe(1);
    expect(opened).toBeLessThanOrEqual(2);
    expect(sent.at(-1)).toBe(100_000);
  });

  withRegistry("an upload that the registry has forgotten is begun anew", async () => {
    proxy.reset();
    const body = '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}';
    proxy.fail("upload-put", { status: 404, body }, 1);
    const fresh = new TestImage(1000);
    await using client = await newClient(5, "app", patient);
    await fresh.push(client, "3");
    await fresh.pull(client, "3");
    expect(proxy.count("upload-post")).toBe(3);
  });

  withRegistry("a pull that is given up ends at once, whatever it waits for", async () => {
    for (const kind of ["token", "manifest-head", "manifest-get", "layer-get"] as const) {
      for (const fault of ["stall", status(503, { "retry-after": "60" })] as const) {
        proxy.reset();
        proxy.fail(kind, fault);
        const controller = new AbortController();
        const reason = new Error("enough");
        await using client = await newClient();
        const watch = setInterval(() => proxy.count(kind) > 0 && controller.abort(reason), 5);
        try {
          await expect(image.pull(client, "1", controller.signal)).rejects.toBe(reason);
        } finally {
          clearInterval(watch);
        }
      }
    }
  });

  withRegistry("a push that is given up ends at once", async () => {
    for (const kind of ["blob-head", "upload-post", "upload-put", "manifest-put"] as const) {
      proxy.reset();
      proxy.fail(kind, "stall");
      const controller = new AbortController();
      const reason = new Error("enough");
      await using client = await newClient();
      const watch = setInterval(() => proxy.count(kind) > 0 && controller.abort(reason), 5);
      try {
        await expect(new TestImage(1000).push(client, "4", controller.signal)).rejects.toBe(reason);
      } finally {
        clearInterval(watch);
      }
    }
  });
});
