import { describe, expect, test } from "vitest";
import type { Patience } from "../../../src/image/registry/options.ts";
import { settingsOf } from "../../../src/image/registry/options.ts";
import type { HttpResponse } from "../../../src/image/registry/response.ts";
import { backOffMs, persist, retryAfterMs, waitAfter } from "../../../src/image/registry/retry.ts";

const patience: Patience = {
  ...settingsOf({}).patience,
  firstWaitMs: 100,
  longestWaitMs: 1000,
  longestRetryAfterMs: 5000,
};

function response(status: number, headers: Record<string, string> = {}): HttpResponse {
  return {
    status,
    headers,
    url: new URL("http://x"),
    body: (async function* () {})(),
    discard: async () => {},
  };
}

describe("Retry-After — RFC 9110 10.2.3", () => {
  test("seconds or a date", () => {
    const now = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT");
    expect(retryAfterMs("120", now)).toBe(120_000);
    expect(retryAfterMs("Wed, 21 Oct 2015 07:28:10 GMT", now)).toBe(10_000);
    expect(retryAfterMs("Wed, 21 Oct 2015 07:27:10 GMT", now)).toBe(0);
    expect(retryAfterMs("soon", now)).toBeUndefined();
    expect(retryAfterMs(undefined, now)).toBeUndefined();
  });
});

describe("waiting before the next try", () => {
  test("doubles, at random by up to a half less, and has a ceiling", () => {
    for (const [n, full] of [
      [1, 100],
      [2, 200],
      [3, 400],
      [4, 800],
      [5, 1000],
      [50, 1000],
    ] as const) {
      const waits = Array.from({ length: 200 }, () => backOffMs(n, patience));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(full / 2);
      expect(Math.max(...waits)).toBeLessThanOrEqual(full);
      expect(new Set(waits).size).toBeGreaterThan(100);
    }
  });

  test("only after what may pass; not before the server's time; not at all if that is too far", () => {
    for (const status of [200, 206, 307, 400, 401, 403, 404, 405, 416, 501, 505])
      expect(waitAfter(response(status), 1, patience)).toBeUndefined();
    for (const status of [408, 425, 429, 500, 502, 503, 504])
      expect(waitAfter(response(status), 1, patience)).toBeGreaterThan(0);
    expect(waitAfter(response(429, { "retry-after": "3" }), 1, patience)).toBe(3000);
    expect(waitAfter(response(429, { "retry-after": "6" }), 1, patience)).toBeUndefined();
  });
});

describe("persisting", () => {
  const quick = { ...patience, firstWaitMs: 1, longestWaitMs: 2 };

  test("gives the last answer, or throws the last error", async () => {
    let sent = 0;
    const refused = await persist(async () => response(++sent < 3 ? 503 : 500), 3, quick, undefined);
    expect([refused.status, sent]).toEqual([500, 3]);
    sent = 0;
    const good = await persist(async () => response(++sent < 3 ? 503 : 200), 5, quick, undefined);
    expect([good.status, sent]).toEqual([200, 3]);
    sent = 0;
    const lost = async (): Promise<HttpResponse> => {
      throw Object.assign(new Error(`lost ${++sent}`), { code: "ECONNRESET" });
    };
    await expect(persist(lost, 4, quick, undefined)).rejects.toThrow("lost 4");
  });

  test("is no use where the same would happen again", async () => {
    for (const code of [
      "ENOTFOUND",
      "CERT_HAS_EXPIRED",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "SELF_SIGNED_CERT_IN_CHAIN",
    ]) {
      let sent = 0;
      const send = async (): Promise<HttpResponse> => {
        sent += 1;
        throw Object.assign(new Error(), { code });
      };
      await expect(persist(send, 4, quick, undefined)).rejects.toMatchObject({ code });
      expect(sent).toBe(1);
    }
  });

  test("ends with its signal, also while it waits", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const slow = { ...patience, firstWaitMs: 1e6, longestWaitMs: 1e6 };
    const waiting = persist(
      async () => {
        setImmediate(() => controller.abort(reason));
        return response(503);
      },
      5,
      slow,
      controller.signal,
    );
    await expect(waiting).rejects.toBe(reason);
  });
});
