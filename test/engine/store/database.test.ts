/** The database: many at once, steps, and what a newer version made. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Database, isConflict } from "../../../src/engine/store/database.ts";
import { steps } from "../../../src/engine/store/schema.ts";
import { EngineStore } from "../../../src/engine/store/store.ts";
import { testPrefix } from "../../support/bundle.ts";
import { Script } from "../../support/script.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `${testPrefix}-db-`));
  path = join(directory, "engine.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("the database", () => {
  test("a transaction is all or nothing", () => {
    using store = EngineStore.open(path);
    const volume = { name: "v1", created: "", anonymous: false, driver: "local", options: {}, labels: {} };
    expect(() =>
      store.transaction(() => {
        store.volumes.insert(volume);
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(store.volumes.list()).toEqual([]);
    store.transaction(() => store.transaction(() => store.volumes.insert(volume)));
    expect(store.volumes.get("v1")).toEqual(volume);
    expect(store.volumes.insert(volume)).toBe(false);
  });

  test("what a name of an image has meant is forgotten with the version of the names", () => {
    using store = EngineStore.open(path);
    const found = {
      id: "sha256:1",
      name: "a",
      target: "sha256:2",
      top: undefined,
      config: undefined,
    } as never;
    store.foundImages.keep("a", "v1", found);
    store.foundImages.keep("b", "v1", found);
    expect(store.foundImages.get("a", "v1")).toEqual({ id: "sha256:1", name: "a", target: "sha256:2" });
    expect(store.foundImages.get("a", "v2")).toBeUndefined();
    store.foundImages.keep("a", "v2", found);
    expect(store.foundImages.get("b", "v1")).toBeUndefined();
  });

  test("one that is closed says so, whatever is asked of it", () => {
    const store = EngineStore.open(path);
    store.volumes.list();
    store[Symbol.dispose]();
    store[Symbol.dispose]();
    const closed = expect.objectContaining({ kind: "FailedPrecondition", message: "the engine is closed" });
    expect(() => store.volumes.list()).toThrow(closed);
    expect(() => store.transaction(() => store.volumes.list())).toThrow(closed);
  });

  test("one that a newer version has made is refused, and left as it is", () => {
    Database.open(path)[Symbol.dispose]();
    const raw = new DatabaseSync(path);
    raw.exec("PRAGMA user_version=999");
    raw.close();
    expect(() => Database.open(path)).toThrow(expect.objectContaining({ kind: "FailedPrecondition" }));
  });

  test("one that an earlier version has made keeps its containers, and they can be changed and removed", () => {
    const raw = new DatabaseSync(path);
    raw.exec("PRAGMA journal_mode=WAL");
    for (const step of steps.slice(0, 3)) raw.exec(step);
    raw.exec("PRAGMA user_version=3");
    raw.exec(`INSERT INTO containers (id, name, created, status, summary, request, definition, run, owner)
      VALUES ('a1', 'old', '2026-01-01', 'exited', '{"image":"bb"}', '{"tty":true}', '{"hostname":"h"}', '{"exitCode":3}', NULL)`);
    raw.close();
    using store = EngineStore.open(path);
    const old = { id: "a1", name: "old", status: "exited", summary: { image: "bb" }, run: { exitCode: 3 } };
    expect(store.containers.get("a1")).toMatchObject({
      ...old,
      request: { tty: true },
      definition: { hostname: "h" },
    });
    expect(store.containers.list()).toMatchObject([old]);
    expect(store.containers.update("a1", { name: "new", request: { tty: false } as never })).toBe(true);
    expect(store.containers.get("a1")).toMatchObject({ name: "new", request: { tty: false } });
    expect(store.containers.update("b2", { request: {} as never })).toBe(false);
    expect(store.containers.update("b2", { status: "exited" })).toBe(false);
    store.containers.delete("a1");
    expect(store.containers.get("a1")).toBeUndefined();
    expect(store.db.all("SELECT * FROM definitions")).toEqual([]);
  });

  test("what is no database says so", () => {
    expect(() => Database.open(directory)).toThrow(expect.objectContaining({ kind: "Unavailable" }));
  });

  test("a name twice is a conflict", () => {
    using db = Database.open(path);
    const insert = () => db.run("INSERT INTO volumes VALUES ('a', '', 0, '', '', '')");
    insert();
    let error: unknown;
    try {
      insert();
    } catch (caught) {
      error = caught;
    }
    expect(isConflict(error, "volumes.name")).toBe(true);
    expect(isConflict(error, "containers.name")).toBe(false);
    expect(isConflict(new Error("another"), "volumes.name")).toBe(false);
  });

  test("sixteen processes open it for the first time at once, and each counts to a hundred", async () => {
    using script = new Script(`
      import { EngineStore } from "./src/engine/store/store.ts";
      const store = EngineStore.open(process.argv[2]);
      for (let i = 0; i < 100; i++)
        store.events.append({ type: "volume", action: "count", actor: String(process.pid), attributes: {} });
      process.exit();`);
    const codes = await Promise.all(
      Array.from({ length: 16 }, () => {
        const child = spawn(process.execPath, [script.path, path], {
          stdio: ["ignore", "ignore", "inherit"],
        });
        return new Promise((resolve) => child.once("close", resolve));
      }),
    );
    expect(codes).toEqual(Array(16).fill(0));
    using store = EngineStore.open(path);
    expect(store.events.after(0)).toHaveLength(1600);
    expect(store.events.last()).toBe(1600);
  });

  test("events: the last ten thousand stay", () => {
    using store = EngineStore.open(path);
    store.transaction(() => {
      for (let i = 0; i < 10_600; i++)
        store.events.append({ type: "volume", action: "count", actor: "", attributes: {} });
    });
    expect(store.events.after(0).length).toBeLessThanOrEqual(10_500);
    expect(store.events.last()).toBe(10_600);
  });
});
